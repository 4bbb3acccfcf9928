//! The text of an app's module. It never changes: where the file does, the text that was read first stays, or cannot be had.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The text of one version's module, in memory or in its file.
pub struct Source {
    path: PathBuf,
    hash: blake3::Hash,
    text: Mutex<Option<Arc<str>>>,
}

impl Source {
    /// The text that a file has.
    pub fn new(path: PathBuf, text: Arc<str>) -> Self {
        Self { path, hash: blake3::hash(text.as_bytes()), text: Mutex::new(Some(text)) }
    }

    /// Lets go of the text, for a file that nobody changes and a module that is seldom evaluated.
    pub fn leave_on_disk(&self) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The text.
    ///
    /// # Errors
    /// It is not in memory, and the file is gone or has another text now.
    pub fn text(&self) -> io::Result<Arc<str>> {
        if let Some(text) = self.text.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(text);
        }
        let text = std::fs::read_to_string(&self.path)?;
        if blake3::hash(text.as_bytes()) != self.hash {
            return Err(io::Error::other("it was changed since the app was loaded"));
        }
        Ok(text.into())
    }
}
