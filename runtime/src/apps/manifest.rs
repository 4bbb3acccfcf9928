//! `manifest.json`, version 1: what an app tells the host about itself. It never looks at the files it names; that is
//! [`super::check`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use orilla_services::database::value::Object;
use orilla_services::database::{DatabaseError, Declared};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub mod codes;
pub mod document;
pub mod limits;
pub mod pattern;
pub mod problem;
pub mod schema;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;

use document::{Document, Step};
use limits::{LimitSettings, Limits};
use pattern::UrlPattern;
use problem::{Problem, Problems};

/// Bytes of a manifest, a configuration file or an environment file.
pub const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;

/// Where a manifest lies when a directory is given, in this order.
const PLACES: [&str; 2] = ["manifest.json", "build/manifest.json"];

/// What every manifest is checked against.
static SCHEMA: LazyLock<Json> = LazyLock::new(schema::schema_of::<Manifest>);

/// The manifest of a built app: what it consists of, how its URLs are answered and what it needs.
///
/// Paths are relative to the manifest, or to the static directory where it says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Orilla manifest, version 1")]
pub struct Manifest {
    /// The JSON Schema an editor uses; the runtime does not read it.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The version of the manifest's format; this runtime reads version 1.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// The app's name: its tenant in every service, and its host name.
    #[schemars(
        regex(pattern = r"^[a-z0-9][a-z0-9-]{0,62}$"),
        extend("patternErrorMessage" = "1 to 63 lower-case letters, digits and hyphens, not starting with a hyphen")
    )]
    pub name: String,
    /// The ES module that exports `default { fetch }`.
    #[serde(default = "default_entrypoint")]
    #[schemars(extend("format" = "relative-path", "maxLength" = 1024))]
    pub entrypoint: String,
    /// The directory whose files are served as they are.
    #[serde(rename = "static", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "relative-path", "maxLength" = 1024))]
    pub static_directory: Option<String>,
    /// Which URLs go to the app, and how static files are answered.
    #[serde(default)]
    pub routes: Routes,
    /// Which environment variables reach the app.
    #[serde(default)]
    pub env: EnvRules,
    /// What the runtime may do with the app.
    #[serde(default)]
    pub features: Features,
    /// The limits the app asks for; the host may allow less.
    #[serde(default)]
    pub limits: LimitSettings,
    /// Settings of the auth service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Map<String, Json>>,
    /// Settings of the database service.
    #[serde(default)]
    pub database: DatabaseSettings,
    /// Settings of the storage service's transforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transforms: Option<Map<String, Json>>,
    /// Settings of the realtime service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime: Option<Map<String, Json>>,
    /// The app's event handlers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Map<String, Json>>,
    /// The app's workflows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows: Option<Map<String, Json>>,
}

fn default_entrypoint() -> String {
    "server.js".to_owned()
}

/// What the database holds besides documents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DatabaseSettings {
    /// Indexes that are made when the app is deployed, each with its `collection` and the options of `createIndex`.
    #[schemars(length(max = 1_000))]
    pub indexes: Vec<Map<String, Json>>,
    /// Vector indexes, each with its `collection` and the options of `createVectorIndex`.
    #[schemars(length(max = 1_000))]
    pub vector_indexes: Vec<Map<String, Json>>,
}

impl DatabaseSettings {
    /// What is declared, in order, or the key and the place of each entry that cannot be, and why.
    ///
    /// # Errors
    /// All entries that are wrong.
    pub fn declared(&self) -> Result<Vec<Declared>, Vec<(&'static str, usize, DatabaseError)>> {
        let of = |key: &'static str,
                  entries: &[Map<String, Json>],
                  parse: fn(&Object) -> Result<Declared, DatabaseError>| {
            let parsed = entries.iter().enumerate().map(move |(place, entry)| {
                let entry = Object::parse(&Json::Object(entry.clone()).to_string());
                entry.and_then(|entry| parse(&entry)).map_err(|error| (key, place, error))
            });
            parsed.collect::<Vec<_>>()
        };
        let mut all = of("indexes", &self.indexes, Declared::document);
        all.extend(of("vectorIndexes", &self.vector_indexes, Declared::vector));
        if all.iter().all(Result::is_ok) {
            return Ok(all.into_iter().flatten().collect());
        }
        Err(all.into_iter().filter_map(Result::err).collect())
    }
}

/// Which URLs go to the app, and how static files are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routes {
    /// Patterns of the URL paths that reach the app when no static file answers them.
    #[schemars(length(max = 100))]
    pub include: Vec<UrlPattern>,
    /// Patterns of the URL paths that never reach the app, even if included.
    #[schemars(length(max = 100))]
    pub exclude: Vec<UrlPattern>,
    /// Pages that were rendered at build time.
    pub prerendered: Prerendered,
    /// Patterns of the static URL paths whose content never changes; browsers keep them for a year.
    #[schemars(length(max = 100))]
    pub immutable: Vec<UrlPattern>,
    /// The file, relative to the static directory, that answers a page request nothing else answers: the shell of a
    /// single-page app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "relative-path", "maxLength" = 1024))]
    pub fallback: Option<String>,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            include: vec![UrlPattern("/*".to_owned())],
            exclude: Vec::new(),
            prerendered: Prerendered::default(),
            immutable: Vec::new(),
            fallback: None,
        }
    }
}

impl Routes {
    /// Whether the app answers `path`, which is decoded, when no static file does.
    pub fn reach_app(&self, path: &str) -> bool {
        self.include.iter().any(|pattern| pattern.matches(path))
            && !self.exclude.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether the static file at `path` never changes.
    pub fn are_immutable(&self, path: &str) -> bool {
        self.immutable.iter().any(|pattern| pattern.matches(path))
    }
}

/// Pages that were rendered at build time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Prerendered {
    /// URL paths; `/about` is answered by `about.html`, else by `about/index.html`.
    Paths(#[schemars(schema_with = "prerendered_paths")] Vec<String>),
    /// URL paths, each with its file relative to the static directory.
    Files(#[schemars(schema_with = "prerendered_files")] BTreeMap<String, String>),
}

fn prerendered_paths(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 10_000,
        "items": { "type": "string", "format": "url-path", "maxLength": 1024 },
    })
}

fn prerendered_files(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 10_000,
        "propertyNames": { "format": "url-path", "maxLength": 1024 },
        "additionalProperties": { "type": "string", "format": "relative-path", "maxLength": 1024 },
    })
}

impl Default for Prerendered {
    fn default() -> Self {
        Self::Paths(Vec::new())
    }
}

impl Prerendered {
    /// Each page's URL path with its files, relative to the static directory; the first that exists answers it.
    pub fn pages(&self) -> Vec<(&str, Vec<String>)> {
        match self {
            Self::Files(files) => files.iter().map(|(path, file)| (path.as_str(), vec![file.clone()])).collect(),
            Self::Paths(paths) => paths.iter().map(|path| (path.as_str(), page_files(path))).collect(),
        }
    }
}

fn page_files(path: &str) -> Vec<String> {
    let page = path.trim_matches('/');
    if page.is_empty() {
        vec!["index.html".to_owned()]
    } else if path.ends_with('/') {
        vec![format!("{page}/index.html"), format!("{page}.html")]
    } else {
        // A path such as `/feed.xml` is its own file.
        vec![format!("{page}.html"), format!("{page}/index.html"), page.to_owned()]
    }
}

/// Which environment variables reach the app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnvRules {
    /// Variables of the host's process whose names start with this reach the app; with an empty prefix none do.
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// Names the app cannot do without; they reach it whatever the prefix.
    #[schemars(schema_with = "variable_names")]
    pub required: Vec<String>,
}

fn variable_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 1_000,
        "items": {
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,254}$",
            "patternErrorMessage": "a variable name of letters, digits and underscores",
        },
    })
}

impl Default for EnvRules {
    fn default() -> Self {
        Self { prefix: "PUBLIC_".to_owned(), required: Vec::new() }
    }
}

/// What the runtime may do with the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Whether the app may start from a snapshot of its initialised state; otherwise it starts from its source.
    pub snapshot: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { snapshot: true }
    }
}

/// A manifest and where it came from.
#[derive(Debug)]
pub struct LoadedManifest {
    /// What it says.
    pub manifest: Manifest,
    /// The manifest's path; inside the given path when that was a directory.
    pub path: PathBuf,
    /// The directory its paths are relative to.
    pub directory: PathBuf,
    /// The text with the positions of its values.
    pub document: Document,
}

impl Manifest {
    /// The manifest in a directory, if there is one.
    pub fn find_in(directory: &Path) -> Option<PathBuf> {
        PLACES.iter().map(|place| directory.join(place)).find(|candidate| candidate.exists())
    }

    /// Reads and validates the manifest at `path`, or, when `path` is a directory, the `manifest.json` or
    /// `build/manifest.json` in it.
    ///
    /// # Errors
    /// Every problem of the manifest at once, with the codes of [`codes::MANIFEST`].
    pub fn load(path: &Path) -> Result<LoadedManifest, Problems> {
        let (loaded, problems) = Self::inspect(path)?;
        problems.or(loaded)
    }

    /// Like [`Manifest::load`], but what is wrong inside the manifest comes beside what can be read of it, with
    /// defaults in place of the wrong values, so that the files it names can be checked as well.
    ///
    /// # Errors
    /// The manifest cannot be found, read or parsed at all.
    pub fn inspect(path: &Path) -> Result<(LoadedManifest, Problems), Problems> {
        let path = find(path)?;
        let text = document::read_text(&path, MAX_MANIFEST_BYTES, &codes::MANIFEST)?;
        let document = Document::json(&path, text, &codes::MANIFEST)?;
        let schema::Checked { json: Json::Object(mut fields), mut problems } = schema::check(&document, &SCHEMA) else {
            let problem = document.problem(codes::MANIFEST_TYPE, &[], "this is not a manifest");
            return Err(problem.expected("a JSON object").into());
        };
        fields.entry("version").or_insert(1.into());
        fields.entry("name").or_insert("unnamed".into());
        let manifest: Self = serde_json::from_value(fields.into())
            .map_err(|error| document.problem(codes::MANIFEST_VALUE, &[], format!("this cannot be read: {error}")))?;
        problems.extend(static_is_named(&document));
        problems.extend(manifest.database.declared().err().into_iter().flatten().map(|(key, place, error)| {
            let path = [Step::Key("database"), Step::Key(key), Step::Index(place)];
            document.problem(codes::MANIFEST_INDEX, &path, error.to_string())
        }));
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((LoadedManifest { manifest, directory: directory.to_owned(), path, document }, Problems(problems)))
    }
}

impl LoadedManifest {
    /// The entrypoint's path.
    pub fn entrypoint(&self) -> PathBuf {
        self.directory.join(&self.manifest.entrypoint)
    }

    /// The static directory's path.
    pub fn static_directory(&self) -> Option<PathBuf> {
        self.manifest.static_directory.as_ref().map(|path| self.directory.join(path))
    }

    /// The prerendered pages: each URL path with the file, relative to the static directory, that answers it. Of the
    /// files a path can stand for it is the first that exists, or just the first when none does.
    pub fn prerendered(&self) -> BTreeMap<String, String> {
        let root = self.static_directory().unwrap_or_default();
        let pages = self.manifest.routes.prerendered.pages().into_iter();
        pages
            .filter_map(|(path, files)| {
                let existing = files.iter().find(|file| root.join(file).is_file());
                Some((path.to_owned(), existing.or(files.first())?.clone()))
            })
            .collect()
    }

    /// The limits the app runs under on a host that allows `caps`.
    ///
    /// # Errors
    /// `LIMIT_ABOVE_CAP` for each limit the manifest sets higher than the host allows.
    pub fn limits(&self, caps: &LimitSettings) -> Result<Limits, Problems> {
        Limits::resolve(&self.manifest.limits, caps).map_err(|above| {
            let problems = above.into_iter().map(|(name, asked, cap)| {
                let path = [Step::Key("limits"), Step::Key(name)];
                let problem = self.document.problem(codes::LIMIT_ABOVE_CAP, &path, "the host allows less");
                let hint = format!("lower it, or raise `limits.{name}` in the host's orilla.toml");
                problem.expected(format!("at most {cap}")).found(asked.to_string()).hint(hint)
            });
            Problems(problems.collect())
        })
    }
}

/// The manifest at `path`, or in it.
fn find(path: &Path) -> Result<PathBuf, Problems> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    Manifest::find_in(path).ok_or_else(|| {
        let problem = Problem::error(codes::MANIFEST_NOT_FOUND, path, "there is no manifest in this directory");
        problem.expected(PLACES.join(" or ")).hint("build the app first, or name the manifest itself").into()
    })
}

/// Prerendered pages, immutable files and the fallback lie in the static directory.
fn static_is_named(document: &Document) -> Vec<Problem> {
    if document.get(&[Step::Key("static")]).is_some() {
        return Vec::new();
    }
    let paths = ["prerendered", "immutable", "fallback"].map(|key| [Step::Key("routes"), Step::Key(key)]);
    let used = paths.iter().filter(|path| document.get(*path).is_some_and(|node| !node.value.is_empty()));
    used.map(|path| {
        let message = "this needs `static`, the directory its files are in";
        let problem = document.problem(codes::MANIFEST_MISSING, path, message);
        problem.hint("add `\"static\": \"static\"` beside `routes`, or remove this key")
    })
    .collect()
}
