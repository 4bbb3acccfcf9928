//! Files that survive a crash: what is reported as written is on the disk, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Serialize;

use super::FileRecord;
use super::error::VersionError;

/// Files that are forced to the disk at the same time.
const SYNC_THREADS: usize = 8;

/// Replaces `path` by `record` in one step.
pub fn write_record(path: &Path, record: &impl Serialize) -> Result<(), VersionError> {
    let temporary = path.with_added_extension("tmp");
    let bytes = serde_json::to_vec_pretty(record).map_err(|error| VersionError::store(path)(error.into()))?;
    let mut file = File::create(&temporary).map_err(VersionError::store(&temporary))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(VersionError::store(&temporary))?;
    fs::rename(&temporary, path).map_err(VersionError::store(path))?;
    path.parent().map_or(Ok(()), sync)
}

/// Forces a file, or the names in a directory, to the disk.
pub fn sync(path: &Path) -> Result<(), VersionError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(VersionError::store(path))
}

/// Forces a directory and everything in it to the disk: with several threads, because a file system brings files that
/// are asked for at the same time to the disk together.
pub fn sync_tree(directory: &Path) -> Result<(), VersionError> {
    let mut paths = vec![directory.to_owned()];
    let mut listed = 0;
    while let Some(path) = paths.get(listed).cloned() {
        listed += 1;
        if path.is_dir() {
            for entry in fs::read_dir(&path).map_err(VersionError::store(&path))? {
                paths.push(entry.map_err(VersionError::store(&path))?.path());
            }
        }
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            sync(path)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..SYNC_THREADS.min(paths.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// The names in a directory that are UTF-8, sorted; none if there is no directory.
pub fn names(directory: &Path) -> Result<Vec<String>, VersionError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(VersionError::store(directory)(error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect::<io::Result<Vec<_>>>();
    let mut names: Vec<_> = names.map_err(VersionError::store(directory))?.into_iter().flatten().collect();
    names.sort_unstable();
    Ok(names)
}

/// Everything in `directory` that is no directory, by its path in it.
pub fn collect_files(
    directory: &Path,
    prefix: &str,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), VersionError> {
    for entry in fs::read_dir(directory).map_err(VersionError::store(directory))? {
        let entry = entry.map_err(VersionError::store(directory))?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(VersionError::store(&entry.path()))?.is_dir() {
            collect_files(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.insert(path, entry.path());
        }
    }
    Ok(())
}

/// Whether a file is the one that was recorded.
pub fn is_intact(path: &Path, expected: &FileRecord) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() != expected.bytes {
        return Ok(false);
    }
    let hash = blake3::Hasher::new().update_reader(File::open(path)?)?.finalize();
    Ok(*hash.to_hex().as_str() == *expected.blake3)
}
