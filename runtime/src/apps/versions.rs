//! Versions of apps as the host keeps them: named by their content, checked by hash, and with one file that says which
//! of them answers. [`bundle`] brings a build's files in, [`store`] keeps them, [`traffic`] says who answers. It blocks
//! on the disk, so asynchronous code calls it on a thread for that, and it never runs or checks an app.

use std::fmt::{self, Display, Formatter};

use orilla_services::clock::UnixMillis;
use serde::{Deserialize, Serialize};

pub mod bundle;
mod disk;
pub mod error;
mod owned;
pub mod store;
#[cfg(test)]
mod tests;
pub mod traffic;

use error::VersionError;

/// Characters of an app's name, as in a manifest.
pub const MAX_APP_NAME: usize = 63;

/// Hexadecimal digits of a version.
const VERSION_DIGITS: usize = 16;

/// The name of an app: what a manifest allows as `name`, and so a safe name for a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AppName(String);

impl AppName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AppName {
    type Error = VersionError;

    fn try_from(name: String) -> Result<Self, VersionError> {
        let fits = (1..=MAX_APP_NAME).contains(&name.len())
            && !name.starts_with('-')
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits { Ok(Self(name)) } else { Err(VersionError::AppNameInvalid(name)) }
    }
}

impl Display for AppName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of an app: 16 hexadecimal digits that its files' paths and contents determine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct VersionId(String);

impl VersionId {
    /// The version that consists of these files, which are sorted by path.
    fn of(files: &[FileRecord]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for FileRecord { path, bytes, blake3 } in files {
            // No path has a NUL, so no two lists are written alike.
            hasher.update(path.as_bytes()).update(&[0]).update(&bytes.to_le_bytes()).update(blake3.as_bytes());
        }
        let mut digits = hasher.finalize().to_hex().to_string();
        digits.truncate(VERSION_DIGITS);
        Self(digits)
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VersionId {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        let fits = text.len() == VERSION_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(Self(text)) } else { Err(VersionError::VersionIdInvalid(text)) }
    }
}

impl Display for VersionId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the version, with slashes.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its BLAKE3 hash in hexadecimal digits.
    pub blake3: String,
}

/// What a version consists of: its `version.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The form of this record; 1 so far.
    pub format: u32,
    /// The app.
    pub app: AppName,
    /// The version.
    pub version: VersionId,
    /// When it was first received, in milliseconds since the Unix epoch.
    pub created: UnixMillis,
    /// Its files, sorted by path.
    pub files: Vec<FileRecord>,
}

impl Version {
    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}
