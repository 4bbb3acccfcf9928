//! A built app in a directory of its own that goes away with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

/// An app on disk, with room beside it for a data directory and configuration.
pub struct App {
    directory: Arc<TempDir>,
}

impl App {
    /// An app of this `server.js` and the least manifest there can be.
    pub fn new(server_js: &str) -> Self {
        let app = Self { directory: Arc::new(TempDir::new().unwrap()) };
        fs::create_dir(app.path("")).unwrap();
        app.write("server.js", server_js).manifest(json!({}))
    }

    /// A copy of the app in `source`, which holds a manifest.json.
    pub fn copy_of(source: &Path) -> Self {
        let app = Self { directory: Arc::new(TempDir::new().unwrap()) };
        copy_directory(source, &app.path(""));
        app
    }

    /// Sets keys of the manifest beside version, name and entrypoint.
    pub fn manifest(self, keys: Value) -> Self {
        let mut manifest = json!({ "version": 1, "name": "app", "entrypoint": "server.js" });
        manifest.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        self.write("manifest.json", manifest.to_string())
    }

    /// Writes a file of the app.
    pub fn write(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Keeps the directory while somebody holds it, even when the app itself has gone out of scope.
    pub fn directory(&self) -> Arc<TempDir> {
        self.directory.clone()
    }

    /// A file of the app.
    pub fn path(&self, file: &str) -> PathBuf {
        self.beside("app").join(file)
    }

    /// A file or directory beside the app, that no server ever serves.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The manifest's path, as a command-line argument.
    pub fn manifest_path(&self) -> String {
        self.path("manifest.json").display().to_string()
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
