//! The store's directory while a process has it: nobody else does, and what a crash has left in it is gone.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::disk;
use super::error::VersionError;

/// Beginning of the names of directories on their way in or out.
pub const STAGING: &str = "staging-";

/// The file whose lock marks the store as owned. The one of the embedded database is not there where data is on Postgres. No app's
/// name has a dot in it.
const LOCK_FILE: &str = "versions.lock";

/// A store's directory that no other process has until this is dropped.
pub struct Owned {
    /// None where nothing can be written: then nobody removes or receives anything.
    _lock: Option<File>,
}

impl Owned {
    /// Takes the directory, which is made if need be, and clears away what a crash has left.
    ///
    /// # Errors
    /// `DATA_DIR_IN_USE`, `VERSION_STORE`
    pub fn take(root: &Path) -> Result<Self, VersionError> {
        let lock = lock(root)?;
        if lock.is_some() {
            for app in disk::names(root)?.iter().map(|name| root.join(name)).filter(|app| app.is_dir()) {
                remove_leftovers(&app)?;
            }
        }
        Ok(Self { _lock: lock })
    }
}

fn lock(root: &Path) -> Result<Option<File>, VersionError> {
    let path = root.join(LOCK_FILE);
    let opened =
        fs::create_dir_all(root).and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
    let lock = match opened {
        Ok(lock) => lock,
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            return Ok(None);
        }
        Err(error) => return Err(VersionError::store(&path)(error)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(VersionError::InUse { path: root.parent().unwrap_or(root).to_owned() }),
        Err(TryLockError::Error(error)) => Err(VersionError::store(&path)(error)),
    }
}

fn remove_leftovers(app: &Path) -> Result<(), VersionError> {
    for name in disk::names(app)? {
        let path = app.join(&name);
        if name.starts_with(STAGING) {
            fs::remove_dir_all(&path).map_err(VersionError::store(&path))?;
        } else if name == "active.json.tmp" {
            fs::remove_file(&path).map_err(VersionError::store(&path))?;
        }
    }
    Ok(())
}
