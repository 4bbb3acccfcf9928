//! The file an app's snapshot is kept in: a magic word, a header in JSON, V8's blob, and a hash over all of it. A file
//! that is not whole, or not for this app, build and environment, is never handed to V8.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::Deref;
use std::path::Path;

use memmap2::{Advice, Mmap, UncheckedAdvice};
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 16] = b"orilla.snapshot\n";
const HASH_BYTES: usize = 32;

/// Most bytes a snapshot file may have.
pub const MAX_SNAPSHOT_BYTES: u64 = 512 << 20;

/// Which start of this app was faster when they were measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Faster {
    /// A boot from the app's snapshot.
    #[default]
    Snapshot,
    /// A waiting isolate, in which the module is evaluated from V8's code cache.
    Prewarmed,
}

/// What is known of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Source, build and V8 version in one hash.
    pub key: String,
    /// Names of the environment that were read at module scope, and a hash of each value; `None` where it was not set.
    pub env: BTreeMap<String, Option<String>>,
    /// A hash of the whole environment, if its names were listed at module scope.
    pub env_listed: Option<String>,
    /// Which start is faster. The snapshot, until [`note_faster`].
    #[serde(default)]
    pub faster: Faster,
}

/// Why a file is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// `SNAPSHOT_UNREADABLE`
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// `SNAPSHOT_DAMAGED`
    #[error("it is not a whole snapshot file")]
    Damaged,
    /// `SNAPSHOT_STALE`
    #[error("it was made from another server.js or by another build")]
    Stale,
    /// `SNAPSHOT_ENV_CHANGED`
    #[error("the module read {0} of the environment, which has another value now")]
    EnvChanged(String),
}

impl Unusable {
    /// The stable code of this reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "SNAPSHOT_UNREADABLE",
            Self::Damaged => "SNAPSHOT_DAMAGED",
            Self::Stale => "SNAPSHOT_STALE",
            Self::EnvChanged(_) => "SNAPSHOT_ENV_CHANGED",
        }
    }
}

/// The key of a module's snapshot for this build.
pub fn key(source: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [crate::BUILD, deno_core::v8::VERSION_STRING, source] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The header of a snapshot whose module read these parts of the environment.
pub fn header(source: &str, reads: &orilla_bindings::EnvReads, env: &BTreeMap<String, String>) -> Header {
    let key = key(source);
    let value = |name: &String| env.get(name).map(|value| hash_of(&key, value));
    Header {
        env: reads.names.iter().map(|name| (name.clone(), value(name))).collect(),
        env_listed: reads.listed.then(|| hash_of_all(&key, env)),
        faster: Faster::default(),
        key,
    }
}

/// Values are kept as keyed hashes: a snapshot file must not tell secrets.
fn hash_of(key: &str, value: &str) -> String {
    blake3::keyed_hash(blake3::hash(key.as_bytes()).as_bytes(), value.as_bytes()).to_hex().to_string()
}

fn hash_of_all(key: &str, env: &BTreeMap<String, String>) -> String {
    hash_of(key, &env.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect::<String>())
}

/// Writes a snapshot so that a reader sees the old file or the whole new one.
pub fn write(path: &Path, header: &Header, blob: &[u8]) -> std::io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let mut bytes = Vec::with_capacity(MAGIC.len() + 8 + header.len() + blob.len() + HASH_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(blob);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    let temporary = path.with_extension("snapshot.part");
    std::fs::write(&temporary, &bytes)?;
    File::open(&temporary)?.sync_all()?;
    std::fs::rename(&temporary, path)
}

/// A snapshot that was found whole and fitting.
#[derive(Debug)]
pub struct Snapshot {
    file: Bytes,
    blob: std::ops::Range<usize>,
    /// What is known of it.
    pub header: Header,
}

#[derive(Debug)]
enum Bytes {
    Read(Box<[u8]>),
    Mapped(Mmap),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

impl Snapshot {
    /// V8's blob, with the lifetime deno_core asks for.
    ///
    /// # Safety
    /// The snapshot must outlive every isolate that was booted from the slice: V8 reads from it.
    pub unsafe fn blob(&self) -> &'static [u8] {
        let blob = &self.file[self.blob.clone()];
        // SAFETY: the bytes do not move while the snapshot lives, which the caller sees to.
        unsafe { std::slice::from_raw_parts(blob.as_ptr(), blob.len()) }
    }

    /// Bytes of its file.
    pub fn bytes(&self) -> usize {
        self.file.len()
    }

    /// Has the kernel bring a mapped file into memory, at once and with an error where that fails.
    ///
    /// # Errors
    /// The file can no longer be read, or has become shorter.
    pub fn fault_in(&self) -> Result<(), Unusable> {
        let Bytes::Mapped(bytes) = &self.file else { return Ok(()) };
        match bytes.advise(Advice::PopulateRead) {
            // A kernel that does not know this (before Linux 5.14) does it page by page, when V8 reads them.
            Err(error) if error.kind() != std::io::ErrorKind::InvalidInput => Err(unreadable(&error)),
            _ => Ok(()),
        }
    }

    /// Lets go of the memory of a mapped file, for as long as nobody looks into it.
    pub fn let_go(&self) {
        if let Bytes::Mapped(bytes) = &self.file {
            // SAFETY: the mapping is of a file and is never written to: whoever looks next finds the same bytes in the file.
            // An error leaves everything as it is.
            let _ = unsafe { bytes.unchecked_advise(UncheckedAdvice::DontNeed) };
        }
    }
}

/// Reads the snapshot of a module; `None` if there is no file.
pub fn read(path: &Path, source: &str, env: &BTreeMap<String, String>) -> Result<Option<Snapshot>, Unusable> {
    let snapshot = read_whole(path)?;
    if let Some(snapshot) = &snapshot {
        fits(&snapshot.header, source, env)?;
    }
    Ok(snapshot)
}

/// Reads a file again of which [`read`] has found that it fits, to this header.
pub fn read_again(path: &Path, header: &Header) -> Result<Snapshot, Unusable> {
    let snapshot = read_whole(path)?.ok_or_else(|| Unusable::Unreadable("it is gone".to_owned()))?;
    if snapshot.header == *header { Ok(snapshot) } else { Err(Unusable::Stale) }
}

/// Maps the snapshot of a module, which is checked as by [`read`] and then only in the file; `None` if there is none.
///
/// # Safety
/// Nobody may write into the file while the snapshot lives, or cut it off; it may be replaced and removed.
pub unsafe fn map(path: &Path, source: &str, env: &BTreeMap<String, String>) -> Result<Option<Snapshot>, Unusable> {
    let Some((file, _)) = open(path)? else { return Ok(None) };
    // SAFETY: the caller sees to it that the file stays as it is.
    let mapped = unsafe { Mmap::map(&file) }.map_err(|error| unreadable(&error))?;
    let (header, blob) = parse(&mapped).ok_or(Unusable::Damaged)?;
    fits(&header, source, env)?;
    let snapshot = Snapshot { file: Bytes::Mapped(mapped), blob, header };
    snapshot.let_go();
    Ok(Some(snapshot))
}

fn unreadable(error: &std::io::Error) -> Unusable {
    Unusable::Unreadable(error.to_string())
}

/// A file and its length.
fn open(path: &Path) -> Result<Option<(File, u64)>, Unusable> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| unreadable(&error))?,
    };
    let length = file.metadata().map_err(|error| unreadable(&error))?.len();
    if length > MAX_SNAPSHOT_BYTES { Err(Unusable::Damaged) } else { Ok(Some((file, length))) }
}

fn read_whole(path: &Path) -> Result<Option<Snapshot>, Unusable> {
    let Some((mut file, length)) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(length as usize);
    populate(&mut bytes);
    // Whatever it grows to meanwhile is not read: then its hash is wrong.
    file.by_ref().take(length).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let (header, blob) = parse(&bytes).ok_or(Unusable::Damaged)?;
    Ok(Some(Snapshot { file: Bytes::Read(bytes.into()), blob, header }))
}

/// Has the kernel find memory for a buffer at once: to ask for it page by page, while a file is read into it, takes several
/// times as long as reading. A kernel that cannot (before Linux 5.14) goes on as ever.
fn populate(buffer: &mut Vec<u8>) {
    const PAGE: usize = 4096;
    let spare = buffer.spare_capacity_mut();
    let inner = spare.as_ptr().align_offset(PAGE);
    let Some(length) = spare.len().checked_sub(inner).map(|length| length / PAGE * PAGE) else { return };
    // SAFETY: these are whole pages within the buffer's own allocation. The call writes nothing: it only has pages mapped that
    // the first write would have had mapped.
    unsafe { libc::madvise(spare.as_mut_ptr().add(inner).cast(), length, libc::MADV_POPULATE_WRITE) };
}

/// Writes into a snapshot file which start is faster.
pub fn note_faster(path: &Path, faster: Faster) -> std::io::Result<()> {
    let bytes = std::fs::read(path)?;
    let (header, blob) = parse(&bytes).ok_or(std::io::ErrorKind::InvalidData)?;
    write(path, &Header { faster, ..header }, &bytes[blob])
}

/// Takes a file apart, if it is whole.
pub fn parse(bytes: &[u8]) -> Option<(Header, std::ops::Range<usize>)> {
    let body = bytes.len().checked_sub(HASH_BYTES)?;
    let (content, hash) = bytes.split_at(body);
    if !content.starts_with(MAGIC) || blake3::hash(content).as_bytes() != hash {
        return None;
    }
    let start = MAGIC.len() + 8;
    let length = u64::from_le_bytes(content.get(MAGIC.len()..start)?.try_into().ok()?);
    let blob = start.checked_add(usize::try_from(length).ok()?)?;
    let header = serde_json::from_slice(content.get(start..blob)?).ok()?;
    Some((header, blob..body))
}

fn fits(header: &Header, source: &str, env: &BTreeMap<String, String>) -> Result<(), Unusable> {
    let key = key(source);
    if header.key != key {
        return Err(Unusable::Stale);
    }
    for (name, hash) in &header.env {
        if env.get(name).map(|value| hash_of(&key, value)) != *hash {
            return Err(Unusable::EnvChanged(name.clone()));
        }
    }
    match &header.env_listed {
        Some(hash) if *hash != hash_of_all(&key, env) => Err(Unusable::EnvChanged("all".to_owned())),
        _ => Ok(()),
    }
}
