//! The URL paths of a deployment and the files behind them, from one walk over the names in the static directory.
//! Reads no file and asks the file system about none but symbolic links, so that it costs little at start.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;

use super::content::Representation;
use super::{Encoding, StaticError, StaticOptions};

/// The most names a static directory may hold at all depths: files, precompressed ones included, and directories.
pub const MAX_FILES: usize = 100_000;

/// The one directory whose name begins with a dot and is served, at the top only (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// A name in the static directory that is not served although its author may expect it.
#[derive(Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The absolute path.
    pub path: PathBuf,
    /// Why it is not served.
    pub reason: &'static str,
}

/// What a URL path leads to.
pub(super) enum Route {
    File(Arc<Resource>),
    /// The path of another route.
    Redirect(Box<str>),
}

/// A file in the encodings it comes in.
pub(super) struct Resource {
    pub content_type: HeaderValue,
    /// Whether the name changes with the content, so that clients never have to ask again.
    pub immutable: bool,
    /// In the order of preference; the file itself comes last.
    pub representations: Vec<Arc<Representation>>,
}

impl Resource {
    pub(super) fn representation(&self, encoding: Encoding) -> Option<&Arc<Representation>> {
        self.representations.iter().find(|representation| representation.encoding == encoding)
    }
}

pub(super) struct Index {
    routes: HashMap<Box<str>, Route>,
    pub fallback: Option<Arc<Resource>>,
    pub skipped: Vec<Skipped>,
}

impl Index {
    /// Walks the directory, whose path is absolute and free of links. Blocks.
    pub(super) fn build(options: &StaticOptions) -> Result<Self, StaticError> {
        let mut walk = Walk { root: &options.root, files: HashMap::new(), skipped: Vec::new() };
        walk.run()?;
        let Walk { files, skipped, .. } = walk;

        let mut index = Self { routes: HashMap::with_capacity(files.len() * 2), fallback: None, skipped };
        for path in files.keys() {
            let resource = Arc::new(resource(path, &files, options));
            index.routes.insert(path.as_str().into(), Route::File(resource));
        }
        for (page, file) in &options.prerendered {
            let used_by = || format!("`routes.prerendered[\"{page}\"]`");
            let resource = index.page(file, options, used_by)?;
            index.add(absolute(page), Route::File(resource));
        }
        index.add_directories(files.keys());
        index.add_slash_variants(options);
        if let Some(file) = &options.fallback {
            index.fallback = Some(index.page(file, options, || "the fallback".to_owned())?);
        }
        Ok(index)
    }

    pub(super) fn find(&self, path: &str) -> Option<&Route> {
        self.routes.get(path)
    }

    /// What is there first, stays: exact files, then prerendered pages, then directories, then redirects.
    fn add(&mut self, path: String, route: Route) {
        if let Entry::Vacant(vacant) = self.routes.entry(path.into()) {
            vacant.insert(route);
        }
    }

    /// The file of a page that the manifest names.
    fn page(
        &self,
        file: &str,
        options: &StaticOptions,
        used_by: impl Fn() -> String,
    ) -> Result<Arc<Resource>, StaticError> {
        let Some(Route::File(resource)) = self.routes.get(absolute(file).as_str()) else {
            let (file, root) = (file.to_owned(), options.root.clone());
            return Err(StaticError::MissingPage { used_by: used_by(), file, root });
        };
        Ok(resource.clone())
    }

    /// A directory with an `index.html` answers under its own path, which ends in a slash.
    fn add_directories<'a>(&mut self, files: impl Iterator<Item = &'a String>) {
        for path in files {
            let Some(directory) = path.strip_suffix("index.html").filter(|path| path.ends_with('/')) else { continue };
            if let Some(Route::File(resource)) = self.routes.get(path.as_str()) {
                let route = Route::File(resource.clone());
                self.add(directory.to_owned(), route);
            }
            if let Some(bare) = directory.strip_suffix('/').filter(|bare| !bare.is_empty()) {
                self.add(bare.to_owned(), Route::Redirect(directory.into()));
            }
        }
    }

    /// A prerendered page has one address; the one that differs only by its last slash redirects there.
    fn add_slash_variants(&mut self, options: &StaticOptions) {
        for page in options.prerendered.keys().map(|page| absolute(page.as_str())).filter(|page| page != "/") {
            let variant = match page.strip_suffix('/') {
                Some(bare) => bare.to_owned(),
                None => format!("{page}/"),
            };
            self.add(variant, Route::Redirect(page.into()));
        }
    }
}

/// A path of the manifest, with or without its leading slash, as a URL path.
fn absolute(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

fn resource(path: &str, files: &HashMap<String, PathBuf>, options: &StaticOptions) -> Resource {
    let representation = |encoding: Encoding| {
        let file = match encoding.suffix() {
            Some(suffix) => files.get(&format!("{path}.{suffix}")),
            None => files.get(path),
        };
        file.map(|file| Arc::new(Representation::new(encoding, file.clone())))
    };
    Resource {
        content_type: content_type(path),
        immutable: options.immutable.iter().any(|pattern| pattern.matches(path)),
        representations: Encoding::ALL.into_iter().filter_map(representation).collect(),
    }
}

fn content_type(path: &str) -> HeaderValue {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let guess = match extension {
        // Where the table lags behind: RFC 9239 names one type for scripts; a source map is JSON.
        "mjs" | "cjs" => Some("text/javascript"),
        "map" => Some("application/json"),
        extension => mime_guess::from_ext(extension).first_raw(),
    };
    match guess {
        None => HeaderValue::from_static("application/octet-stream"),
        Some("text/html") => HeaderValue::from_static("text/html; charset=utf-8"),
        Some("text/javascript") => HeaderValue::from_static("text/javascript; charset=utf-8"),
        Some("text/css") => HeaderValue::from_static("text/css; charset=utf-8"),
        Some(text) if text.starts_with("text/") => HeaderValue::try_from(format!("{text}; charset=utf-8"))
            .unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8")),
        Some(other) => HeaderValue::from_static(other),
    }
}

/// The walk itself: every regular file below the root by its URL path.
struct Walk<'a> {
    root: &'a Path,
    files: HashMap<String, PathBuf>,
    skipped: Vec<Skipped>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), StaticError> {
        let mut directories = vec![(self.root.to_owned(), String::from("/"))];
        let mut names = 0;
        while let Some((directory, prefix)) = directories.pop() {
            let unreadable = |source| StaticError::Directory { path: directory.clone(), source };
            for entry in fs::read_dir(&directory).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                names += 1;
                if names > MAX_FILES {
                    return Err(StaticError::TooManyFiles { root: self.root.to_owned(), limit: MAX_FILES });
                }
                let name = entry.file_name();
                let Some(name) = name.to_str() else {
                    self.skip(&entry, "its name is not UTF-8");
                    continue;
                };
                if is_hidden(name, prefix == "/") {
                    continue;
                }
                let kind = entry.file_type().map_err(unreadable)?;
                if kind.is_dir() {
                    directories.push((entry.path(), format!("{prefix}{name}/")));
                } else if let Some(file) = self.regular_file(&entry, kind) {
                    self.files.insert(format!("{prefix}{name}"), file);
                }
            }
        }
        Ok(())
    }

    /// The file that an entry stands for, with links resolved.
    fn regular_file(&mut self, entry: &DirEntry, kind: fs::FileType) -> Option<PathBuf> {
        let path = entry.path();
        if kind.is_file() {
            return Some(path);
        }
        if !kind.is_symlink() {
            self.skip(entry, "it is not a regular file");
            return None;
        }
        let reason = match fs::canonicalize(&path) {
            Err(_) => "it is a symbolic link that leads nowhere",
            Ok(target) => match target.strip_prefix(self.root) {
                Err(_) => "it is a symbolic link that leaves the static directory",
                Ok(inside) if leads_to_hidden(inside) => "it is a symbolic link to a hidden file",
                Ok(_) if !target.is_file() => "it is a symbolic link, but not to a regular file",
                Ok(_) => return Some(target),
            },
        };
        self.skip(entry, reason);
        None
    }

    fn skip(&mut self, entry: &DirEntry, reason: &'static str) {
        let path = entry.path();
        tracing::warn!(code = "STATIC_FILE_SKIPPED", path = %path.display(), "not served: {reason}");
        self.skipped.push(Skipped { path, reason });
    }
}

/// Names that begin with a dot are where tools and editors leave what is not meant for visitors.
fn is_hidden(name: &str, at_top: bool) -> bool {
    name.starts_with('.') && !(at_top && name == WELL_KNOWN)
}

fn leads_to_hidden(inside: &Path) -> bool {
    inside.iter().enumerate().any(|(depth, name)| is_hidden(&name.to_string_lossy(), depth == 0))
}
