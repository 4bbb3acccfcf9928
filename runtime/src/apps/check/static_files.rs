//! Checks the static directory: what is in it, and that the pages and patterns of `routes` find their files. It never
//! follows a link out of the directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::apps::manifest::document::Step;
use crate::apps::manifest::problem::{Problem, Severity};
use crate::apps::manifest::{LoadedManifest, Prerendered, codes};

/// Files and directories a static directory may hold, what its links lead to counted each time.
pub const MAX_STATIC_ENTRIES: usize = 100_000;

/// Directories within directories a static directory may have.
pub const MAX_STATIC_DEPTH: usize = 64;

/// Everything wrong with the static files of `loaded`, and a note on what they weigh.
pub fn check(loaded: &LoadedManifest) -> Vec<Problem> {
    let Some(directory) = loaded.static_directory() else {
        return vec![size_note(loaded, &BTreeMap::new())];
    };
    let at_static = |code, message: String| loaded.document.problem(code, &[Step::Key("static")], message);
    let root = match directory.canonicalize() {
        Ok(root) if root.is_dir() => root,
        Ok(_) => {
            let message = format!("{} is not a directory", directory.display());
            return vec![at_static(codes::STATIC_MISSING, message)];
        }
        Err(error) => {
            let problem = at_static(codes::STATIC_MISSING, format!("{}: {error}", directory.display()));
            return vec![problem.hint("build the app, or correct `static`; the path is relative to the manifest")];
        }
    };
    let mut walk = Walk { root: &root, entries: 0, files: BTreeMap::new(), problems: Vec::new() };
    walk.directory(&directory, "", &mut vec![root.clone()]);
    let Walk { files, mut problems, .. } = walk;
    for private in [loaded.entrypoint(), loaded.path.clone()] {
        if private.canonicalize().is_ok_and(|path| path.starts_with(&root)) {
            let message = format!("{} lies in the static directory and would be public", private.display());
            problems.push(
                at_static(codes::STATIC_EXPOSES_SERVER, message).hint("give static files a directory of their own"),
            );
        }
    }
    problems.extend(missing_pages(loaded, &files));
    problems.extend(unused_patterns(loaded, &files));
    problems.push(size_note(loaded, &files));
    problems
}

/// Prerendered pages and the fallback that have no file.
fn missing_pages(loaded: &LoadedManifest, files: &BTreeMap<String, u64>) -> Vec<Problem> {
    let routes = &loaded.manifest.routes;
    let exists = |file: &String| files.contains_key(&normal(file));
    let mut problems = Vec::new();
    for (index, (path, candidates)) in routes.prerendered.pages().into_iter().enumerate() {
        if !candidates.iter().any(exists) {
            let step = match routes.prerendered {
                Prerendered::Paths(_) => Step::Index(index),
                Prerendered::Files(_) => Step::Key(path),
            };
            let place = [Step::Key("routes"), Step::Key("prerendered"), step];
            let message = format!("there is no file for the page {path}");
            let problem = loaded.document.problem(codes::PRERENDERED_MISSING, &place, message);
            problems.push(problem.expected(format!("{} in the static directory", candidates.join(" or "))));
        }
    }
    if let Some(fallback) = routes.fallback.as_ref().filter(|fallback| !exists(fallback)) {
        let message = format!("there is no file {fallback} in the static directory");
        problems.push(loaded.document.problem(
            codes::FALLBACK_MISSING,
            &[Step::Key("routes"), Step::Key("fallback")],
            message,
        ));
    }
    problems
}

/// Drops the `./` and doubled slashes a path may be written with.
fn normal(path: &str) -> String {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

fn unused_patterns(loaded: &LoadedManifest, files: &BTreeMap<String, u64>) -> Vec<Problem> {
    let patterns = loaded.manifest.routes.immutable.iter().enumerate();
    let unused = patterns.filter(|(_, pattern)| !files.keys().any(|file| pattern.matches(&format!("/{file}"))));
    unused
        .map(|(index, pattern)| {
            let place = [Step::Key("routes"), Step::Key("immutable"), Step::Index(index)];
            let message = format!("no static file has a URL path like {}", pattern.0);
            let problem = loaded.document.problem(codes::IMMUTABLE_UNUSED, &place, message);
            let problem = Problem { severity: Severity::Warning, ..problem };
            problem.hint("patterns are URL paths: relative to the static directory, with a leading slash")
        })
        .collect()
}

fn size_note(loaded: &LoadedManifest, files: &BTreeMap<String, u64>) -> Problem {
    let entrypoint = fs::metadata(loaded.entrypoint()).map_or(0, |metadata| metadata.len());
    let total: u64 = files.values().sum();
    let message = format!("entrypoint {entrypoint} bytes; {} static files, {total} bytes", files.len());
    Problem::note(codes::OUTPUT_SIZE, &loaded.directory, message)
}

struct Walk<'a> {
    root: &'a Path,
    /// Files and directories seen so far.
    entries: usize,
    /// The files by their path in the static directory, with their sizes in bytes.
    files: BTreeMap<String, u64>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    /// `above` holds the real paths of this directory and all it lies in.
    fn directory(&mut self, directory: &Path, prefix: &str, above: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("this directory cannot be read: {error}");
                return self.problems.push(Problem::error(codes::STATIC_UNREADABLE, directory, message));
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.entries += 1;
            if self.entries > MAX_STATIC_ENTRIES || above.len() > MAX_STATIC_DEPTH {
                return self.too_large(directory);
            }
            match entry.file_name().to_str() {
                Some(name) => self.entry(&entry.path(), &format!("{prefix}{name}"), above),
                None => self.problems.push(Problem::warning(
                    codes::STATIC_NOT_SERVABLE,
                    &entry.path(),
                    "no URL can name this file: its name is not UTF-8",
                )),
            }
        }
    }

    fn entry(&mut self, path: &Path, name: &str, above: &mut Vec<PathBuf>) {
        let Ok(real) = path.canonicalize() else {
            return self.broken(path, "this link leads nowhere");
        };
        if !real.starts_with(self.root) {
            let message = format!("this link leads out of the static directory, to {}", real.display());
            let problem = Problem::error(codes::STATIC_SYMLINK_ESCAPES, path, message);
            return self.problems.push(problem.hint("copy the file into the static directory"));
        }
        match fs::metadata(&real) {
            Ok(metadata) if metadata.is_file() => {
                self.files.insert(name.to_owned(), metadata.len());
            }
            Ok(metadata) if metadata.is_dir() && above.contains(&real) => {
                self.broken(path, "this link leads into a directory it lies in itself");
            }
            Ok(metadata) if metadata.is_dir() => {
                above.push(real);
                self.directory(path, &format!("{name}/"), above);
                above.pop();
            }
            Ok(_) => {
                let message = "this is neither a file nor a directory and is not served";
                self.problems.push(Problem::warning(codes::STATIC_NOT_SERVABLE, path, message));
            }
            Err(error) => {
                let message = format!("this cannot be read: {error}");
                self.problems.push(Problem::error(codes::STATIC_UNREADABLE, path, message));
            }
        }
    }

    /// Reports it once: every directory above this one gets here as well.
    fn too_large(&mut self, directory: &Path) {
        if !self.problems.iter().any(|problem| problem.code == codes::STATIC_TOO_LARGE) {
            let message = "the static directory holds too much";
            let bound = format!("at most {MAX_STATIC_ENTRIES} files and directories, {MAX_STATIC_DEPTH} levels deep");
            self.problems.push(Problem::error(codes::STATIC_TOO_LARGE, directory, message).expected(bound));
        }
    }

    fn broken(&mut self, path: &Path, message: &str) {
        self.problems.push(Problem::error(codes::STATIC_SYMLINK_BROKEN, path, message));
    }
}
