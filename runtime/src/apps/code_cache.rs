//! V8's code cache for an app's module, kept in the data directory. First it has what V8 compiles when it reads the module;
//! once an isolate has answered a request, it also has the functions that were called for it. A cache that V8 rejects is
//! made anew. It never decides which isolate starts from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{fs, io};

use deno_core::JsRuntime;
use orilla_snapshot::{app, file};

use super::source::Source;

/// Bytes before the content: its hash, and whether it is grown.
const HEAD_BYTES: usize = blake3::OUT_LEN + 1;

/// Bytes of all code caches in a data directory.
pub const MAX_CODE_CACHE_BYTES: u64 = 256 << 20;

/// Beginning of the names of files that are being written.
const TEMPORARY: &str = ".tmp";

/// A file that has been written for so long is left of a process that has ended.
const LEFT: Duration = Duration::from_mins(10);

/// The code cache of one module.
#[derive(Clone)]
pub struct CodeCache {
    path: Arc<Path>,
    is_grown: Arc<AtomicBool>,
}

impl CodeCache {
    /// The one in this directory for a module with this text.
    pub fn new(directory: &Path, source: &str) -> Self {
        let path: PathBuf = directory.join(format!("{}.bin", file::key(source)));
        Self { path: path.into(), is_grown: Arc::default() }
    }

    /// The cache, if there is a whole one.
    pub fn get(&self) -> Option<Arc<[u8]>> {
        let file = fs::read(&self.path).ok()?;
        let (head, content) = file.split_at_checked(HEAD_BYTES)?;
        let (hash, is_grown) = head.split_at(blake3::OUT_LEN);
        if hash_of(content, is_grown != [0]).as_bytes() != hash {
            return None;
        }
        self.is_grown.store(is_grown != [0], Relaxed);
        Some(content.into())
    }

    /// Keeps what V8 has compiled when it read the module.
    pub fn put(&self, content: &[u8]) {
        self.keep(content, false);
    }

    /// Keeps all that is compiled by now of the module with this text, in an isolate that has answered a request; unless that was
    /// done before.
    pub fn grow(&self, runtime: &mut JsRuntime, source: &Source) {
        // One isolate does it. Where it fails, the next start is only slower.
        if self.is_grown.load(Relaxed) || self.is_grown.swap(true, Relaxed) {
            return;
        }
        if let Ok(source) = source.text()
            && let Some(content) = app::code_cache(runtime, &source)
        {
            self.keep(&content, true);
        }
    }

    fn keep(&self, content: &[u8], is_grown: bool) {
        self.is_grown.store(is_grown, Relaxed);
        let mut file = hash_of(content, is_grown).as_bytes().to_vec();
        file.push(u8::from(is_grown));
        file.extend_from_slice(content);
        if let Err(error) = self.write(&file) {
            tracing::debug!(file = %self.path.display(), %error, "the code cache cannot be kept");
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(directory)?;
        // Apps with the same module share the file.
        let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory)?;
        fs::write(temporary.path(), bytes)?;
        temporary.persist(&self.path)?;
        make_room(directory)
    }
}

/// Removes the caches that were written first, where there are too many bytes, and what was never written to its end. Another isolate
/// may remove the same, and where neither can, the next one tries.
fn make_room(directory: &Path) -> io::Result<()> {
    let (mut caches, mut total) = (Vec::new(), 0);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        let written = metadata.modified()?;
        if !entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            total += metadata.len();
            caches.push((written, metadata.len(), entry.path()));
        } else if written.elapsed().is_ok_and(|age| age > LEFT) {
            let _ = fs::remove_file(entry.path());
        }
    }
    caches.sort_unstable();
    for (_, bytes, path) in caches {
        if total <= MAX_CODE_CACHE_BYTES {
            break;
        }
        let _ = fs::remove_file(path);
        total -= bytes;
    }
    Ok(())
}

fn hash_of(content: &[u8], is_grown: bool) -> blake3::Hash {
    blake3::Hasher::new().update(&[u8::from(is_grown)]).update(content).finalize()
}
