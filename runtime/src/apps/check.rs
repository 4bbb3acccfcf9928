//! Checks a whole build output: the manifest and every file it names. It never runs the app: what only a JavaScript
//! engine can tell comes in as a function.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde::Serialize;

use super::manifest::codes::{self, CodeSet};
use super::manifest::document::{Step, read_text};
use super::manifest::problem::{Problem, Problems, Severity};
use super::manifest::{LoadedManifest, Manifest};

pub mod static_files;
#[cfg(test)]
mod tests;

/// Bytes of an entrypoint.
pub const MAX_ENTRYPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// The codes of reading an entrypoint; it is not a declarative file, so only the first three can occur, and that it is
/// not UTF-8.
static ENTRYPOINT: CodeSet = CodeSet {
    not_found: codes::ENTRYPOINT_MISSING,
    unreadable: codes::ENTRYPOINT_UNREADABLE,
    too_large: codes::ENTRYPOINT_TOO_LARGE,
    syntax: codes::ENTRYPOINT_NOT_UTF8,
    ..codes::ENV_FILE
};

/// Compiles an entrypoint, given its path and source, and tells whether it is an app.
pub type EntrypointCheck<'a> = &'a dyn Fn(&Path, &str) -> Vec<Problem>;

/// Everything a check found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// What stops the app from being served.
    pub problems: Problems,
    /// What stops nothing and is probably not meant.
    pub warnings: Problems,
    /// What is worth knowing.
    pub notes: Problems,
}

/// Checks the build output at `path`: a manifest or a directory that holds one. `has_variable` tells whether an
/// environment variable would reach the app.
pub fn check(path: &Path, has_variable: &dyn Fn(&str) -> bool, entrypoint_check: EntrypointCheck<'_>) -> Report {
    let (loaded, problems) = match Manifest::inspect(path) {
        Ok(inspected) => inspected,
        Err(problems) => return Report::from(problems.0),
    };
    let mut found = problems.0;
    if loaded.path != path {
        found.push(Problem::note(codes::MANIFEST_USED, &loaded.path, "this manifest is the one that was checked"));
    }
    match entrypoint_source(&loaded) {
        Ok(source) => {
            found.extend(entrypoint_check(&loaded.entrypoint(), &source));
            found.extend(companions(&loaded, &source));
        }
        Err(problems) => found.extend(problems.0),
    }
    found.extend(static_files::check(&loaded));
    let unset = missing_variables(&loaded, has_variable);
    found.extend(unset.into_iter().map(|problem| Problem { severity: Severity::Warning, ..problem }));
    Report::from(found)
}

/// The entrypoint's source.
///
/// # Errors
/// `ENTRYPOINT_MISSING`, `ENTRYPOINT_UNREADABLE`, `ENTRYPOINT_TOO_LARGE` and `ENTRYPOINT_NOT_UTF8`. The first three
/// point at the manifest's `entrypoint`, the last at the byte in the file itself.
pub fn entrypoint_source(loaded: &LoadedManifest) -> Result<String, Problems> {
    let path = loaded.entrypoint();
    let located = |problem: Problem| {
        if problem.position.is_some() {
            return problem;
        }
        let message = format!("{}: {}", path.display(), problem.message);
        let located = loaded.document.problem(problem.code, &[Step::Key("entrypoint")], message);
        let hint = "build the app, or correct `entrypoint`; the path is relative to the manifest";
        Problem { expected: problem.expected, found: problem.found, ..located }.hint(hint)
    };
    read_text(&path, MAX_ENTRYPOINT_BYTES, &ENTRYPOINT)
        .map_err(|problems| Problems(problems.0.into_iter().map(located).collect()))
}

/// An error for each name in `env.required` that `has_variable` does not know.
pub fn missing_variables(loaded: &LoadedManifest, has_variable: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let required = loaded.manifest.env.required.iter().enumerate();
    required
        .filter(|(_, name)| !has_variable(name))
        .map(|(index, name)| {
            let path = [Step::Key("env"), Step::Key("required"), Step::Index(index)];
            let problem = loaded.document.problem(codes::ENV_REQUIRED_MISSING, &path, format!("`{name}` is not set"));
            problem.hint(format!(
                "set it in the host's environment, or write `{name}=…` into the file given by --env-file"
            ))
        })
        .collect()
}

/// Notes on what lies beside the entrypoint.
fn companions(loaded: &LoadedManifest, source: &str) -> [Problem; 2] {
    let entrypoint = loaded.entrypoint();
    let map = entrypoint.with_added_extension("map");
    let map = if map.is_file() {
        Problem::note(codes::SOURCE_MAP, &map, "stack traces will show the original source")
    } else if source.contains("\n//# sourceMappingURL=data:") {
        Problem::note(
            codes::SOURCE_MAP,
            &entrypoint,
            "stack traces will show the original source, by the map in the file",
        )
    } else {
        let problem = Problem::note(codes::SOURCE_MAP, &map, "there is no source map");
        problem.hint("let the bundler write one to see the original source in stack traces")
    };
    let snapshot = entrypoint.with_extension("snapshot");
    let snapshot = match std::fs::metadata(&snapshot) {
        Ok(metadata) => {
            let message =
                format!("a snapshot of {} bytes is here; serving decides whether it is valid", metadata.len());
            Problem::note(codes::SNAPSHOT, &snapshot, message)
        }
        Err(_) => {
            let problem =
                Problem::note(codes::SNAPSHOT, &snapshot, "there is no snapshot; the app starts from its source");
            problem.hint(format!("make one with `runtime snapshot {}`", loaded.path.display()))
        }
    };
    [map, snapshot]
}

impl Report {
    /// Whether the app can be served.
    pub fn is_ok(&self) -> bool {
        self.problems.0.is_empty()
    }
}

impl From<Vec<Problem>> for Report {
    fn from(found: Vec<Problem>) -> Self {
        let mut report = Self::default();
        for problem in found {
            match problem.severity {
                Severity::Error => report.problems.0.push(problem),
                Severity::Warning => report.warnings.0.push(problem),
                Severity::Note => report.notes.0.push(problem),
            }
        }
        for Problems(list) in [&mut report.problems, &mut report.warnings, &mut report.notes] {
            list.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        }
        report
    }
}

/// Problems, warnings, notes and a line that counts them; with `{:#}` also source lines and carets.
impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for list in [&self.problems, &self.warnings, &self.notes] {
            if !list.0.is_empty() {
                list.fmt(f)?;
                f.write_str("\n")?;
            }
        }
        let count = |list: &Problems, noun| match list.0.len() {
            1 => format!("1 {noun}"),
            count => format!("{count} {noun}s"),
        };
        write!(f, "{}, {}", count(&self.problems, "error"), count(&self.warnings, "warning"))
    }
}
