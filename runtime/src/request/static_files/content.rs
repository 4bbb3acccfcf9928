//! The bytes of a file and what HTTP says about them: read from disk when first asked for, small ones then kept.
//! Runs on threads that may block, except for [`Representation::facts`] and [`ContentCache`]'s reads.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Encoding, StaticBody, StaticError};

/// The largest file that is kept in memory, in bytes. Larger ones are streamed from disk.
pub const SMALL_FILE_BYTES: u64 = 64 * 1024;

/// What an entry of the cache costs beside its bytes, in bytes.
const ENTRY_OVERHEAD: usize = 256;

/// Small files in memory: one for the whole process, bounded in bytes, the seldom used dropped first.
///
/// It is keyed by content, so that a deployment begins with what it shares with the one before.
#[derive(Clone)]
pub struct ContentCache {
    files: moka::sync::Cache<blake3::Hash, Bytes>,
}

impl ContentCache {
    /// A cache of at most `capacity` bytes, its bookkeeping included.
    pub fn new(capacity: u64) -> Self {
        // No file that is kept exceeds SMALL_FILE_BYTES, so the sum fits.
        let weight = |_: &blake3::Hash, bytes: &Bytes| (bytes.len() + ENTRY_OVERHEAD) as u32;
        Self { files: moka::sync::Cache::builder().max_capacity(capacity).weigher(weight).build() }
    }

    /// The bytes of a small file whose facts are known.
    pub(super) fn get(&self, facts: &Facts) -> Option<Bytes> {
        if facts.length <= SMALL_FILE_BYTES { self.files.get(&facts.digest) } else { None }
    }
}

/// What HTTP says about a representation.
pub(super) struct Facts {
    /// Strong: made of the content's hash and the encoding.
    pub etag: HeaderValue,
    pub last_modified: HeaderValue,
    /// The time that `last_modified` spells.
    pub modified: SystemTime,
    /// Bytes.
    pub length: u64,
    digest: blake3::Hash,
    stamp: Stamp,
}

/// What the file system says about an open file. While it stays the same, so does the content.
#[derive(PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Where the bytes of a reply come from.
pub(super) enum Source {
    Memory(Bytes),
    Disk(File),
}

impl Source {
    /// The body that sends the bytes of `span`, which lies within the content.
    pub(super) fn body(self, span: Range<u64>) -> StaticBody {
        match self {
            Self::Memory(bytes) => StaticBody::Bytes(bytes.slice(span.start as usize..span.end as usize)),
            Self::Disk(file) => StaticBody::File { file, offset: span.start, length: span.end - span.start },
        }
    }
}

/// One file as one encoding of a resource.
pub(super) struct Representation {
    pub encoding: Encoding,
    /// Absolute, without a symbolic link when the directory was walked.
    path: PathBuf,
    facts: RwLock<Option<Arc<Facts>>>,
    first_read: Arc<Mutex<()>>,
}

impl Representation {
    pub(super) fn new(encoding: Encoding, path: PathBuf) -> Self {
        Self { encoding, path, facts: RwLock::default(), first_read: Arc::default() }
    }

    /// The facts, when this file has been read before.
    pub(super) fn facts(&self) -> Option<Arc<Facts>> {
        self.facts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for whoever reads this file for the first time, so that a large one is hashed once. The guard goes
    /// with the reading thread: the reading outlives a client that hangs up.
    pub(super) async fn first_read(&self) -> Option<OwnedMutexGuard<()>> {
        if self.facts().is_some() { None } else { Some(self.first_read.clone().lock_owned().await) }
    }

    /// Opens the file; reads it when it is small, hashes it when its content is not known. Blocks.
    pub(super) fn read(&self, cache: &ContentCache) -> Result<(Arc<Facts>, Source), StaticError> {
        let mut file = self.open().map_err(|source| self.explain(source))?;
        let stamp = Stamp::of(&file.metadata().map_err(|source| self.explain(source))?);
        let known = self.facts().filter(|facts| facts.stamp == stamp);
        if known.is_none() {
            self.verify(&stamp)?;
        }
        if stamp.length <= SMALL_FILE_BYTES {
            let bytes = read_small(&mut file).map_err(|source| self.explain(source))?;
            let facts = self.remember(stamp, blake3::hash(&bytes), bytes.len() as u64);
            cache.files.insert(facts.digest, bytes.clone());
            return Ok((facts, Source::Memory(bytes)));
        }
        let facts = match known {
            Some(facts) => facts,
            None => {
                let (digest, length) = hash(&mut file).map_err(|source| self.explain(source))?;
                self.remember(stamp, digest, length)
            }
        };
        Ok((facts, Source::Disk(file)))
    }

    /// The last step may not be a link: the walk has resolved those. A pipe must not make the open wait.
    fn open(&self) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&self.path)
    }

    /// Something may have been swapped for a link since the walk. What has been opened must be a regular file, the
    /// one its path names, and that path must still be free of links, so inside the static directory.
    fn verify(&self, opened: &Stamp) -> Result<(), StaticError> {
        let resolved = fs::canonicalize(&self.path).map_err(|source| self.explain(source))?;
        let named = fs::symlink_metadata(&self.path).map_err(|source| self.explain(source))?;
        if resolved == self.path && named.is_file() && Stamp::of(&named) == *opened {
            Ok(())
        } else {
            Err(StaticError::Replaced { path: self.path.clone() })
        }
    }

    fn remember(&self, stamp: Stamp, digest: blake3::Hash, length: u64) -> Arc<Facts> {
        let modified = http_time(stamp.modified.0);
        let facts = Arc::new(Facts {
            etag: entity_tag(&digest, self.encoding),
            last_modified: ascii(httpdate::fmt_http_date(modified)),
            modified,
            length,
            digest,
            stamp,
        });
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = Some(facts.clone());
        facts
    }

    fn explain(&self, source: io::Error) -> StaticError {
        let path = self.path.clone();
        match source.raw_os_error() {
            Some(libc::ENOENT) => StaticError::Gone { path },
            Some(libc::ELOOP) => StaticError::Replaced { path },
            _ => StaticError::Read { path, source },
        }
    }
}

/// One byte more than fits shows that the file has grown since it was measured; the rest of it then stays unread.
fn read_small(file: &mut File) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    file.take(SMALL_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL_FILE_BYTES {
        return Err(io::Error::other("it is being written to"));
    }
    Ok(bytes.into())
}

/// The hash and the length of a file, which is left rewound.
fn hash(file: &mut File) -> io::Result<(blake3::Hash, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut *file)?;
    file.rewind()?;
    Ok((hasher.finalize(), hasher.count()))
}

/// 128 bits of the hash tell contents apart; the suffix keeps the encodings of an empty file distinct.
fn entity_tag(digest: &blake3::Hash, encoding: Encoding) -> HeaderValue {
    let hash = &digest.to_hex()[..32];
    ascii(match encoding.suffix() {
        Some(suffix) => format!("\"{hash}-{suffix}\""),
        None => format!("\"{hash}\""),
    })
}

/// Visible ASCII as a header value, which it always makes: the empty value stands for what cannot be.
pub(super) fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// A change as HTTP can tell it: whole seconds, between 1970 and now. A later time would let a client keep what
/// changes before that time has come.
#[allow(clippy::disallowed_methods, reason = "file times are compared with the machine's clock")]
fn http_time(seconds: i64) -> SystemTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0).min(now))
}
