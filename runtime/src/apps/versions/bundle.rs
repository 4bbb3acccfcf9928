//! Bundles: a build's directory as an uncompressed tar archive, written by `runtime deploy` and unpacked by the host.
//! It never follows a link out of the build, and unpacks only regular files and directories, by names it has checked.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tar::{Archive, Builder, EntryType, Header};

use super::FileRecord;
use super::error::VersionError;

/// Bytes of all files of a bundle together.
pub const MAX_BUNDLE_BYTES: u64 = 512 << 20;

/// Files and directories of a bundle.
pub const MAX_BUNDLE_ENTRIES: usize = 20_000;

/// Bytes of a path in a bundle.
pub const MAX_BUNDLE_PATH_BYTES: usize = 1024;

/// Names in a path of a bundle, the file's own included.
pub const MAX_BUNDLE_DEPTH: usize = 64;

/// Bytes of one name in a path: what Linux file systems allow.
const MAX_NAME_BYTES: usize = 255;

/// Bytes an archive may spend between two entries: headers, long names and extended attributes, which are held in
/// memory.
const HEADER_BYTES: u64 = 64 << 10;

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Whether a path, as [`entry_path`] makes it, is no part of a version: hidden files and directories, and the packages
/// installed beside the manifest. `.well-known` is public by its purpose and stays.
pub fn is_left_out(path: &str) -> bool {
    let mut names = path.split('/');
    path == "node_modules"
        || path.starts_with("node_modules/")
        || names.any(|name| name.starts_with('.') && name != ".well-known")
}

/// The path of an archive's entry without its `.` and empty parts; `""` is the directory itself.
fn entry_path(raw: &[u8]) -> Result<String, VersionError> {
    let refuse = |reason: &str| {
        let shown: String = String::from_utf8_lossy(raw).chars().take(200).collect();
        Err(VersionError::BundleInvalid(format!("{shown:?}: {reason}")))
    };
    let Ok(path) = std::str::from_utf8(raw) else { return refuse("the name is not UTF-8") };
    if path.starts_with('/') {
        return refuse("the path is absolute");
    }
    if path.chars().any(char::is_control) {
        return refuse("the name has control characters in it");
    }
    let names: Vec<_> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if names.contains(&"..") {
        return refuse("the path has `..` in it");
    }
    if names.len() > MAX_BUNDLE_DEPTH {
        return refuse("the path has more than 64 parts");
    }
    if path.len() > MAX_BUNDLE_PATH_BYTES || names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
        return refuse("the path is longer than 1024 bytes, or a name in it than 255");
    }
    Ok(names.join("/"))
}

/// A running total that ends in an error at the limits of a bundle.
#[derive(Default)]
struct Total {
    entries: usize,
    bytes: u64,
}

impl Total {
    fn add(&mut self, bytes: u64) -> Result<(), VersionError> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.entries > MAX_BUNDLE_ENTRIES {
            return Err(VersionError::BundleTooLarge(format!("more than {MAX_BUNDLE_ENTRIES} files and directories")));
        }
        if self.bytes > MAX_BUNDLE_BYTES {
            return Err(VersionError::BundleTooLarge(format!("more than {} MiB", MAX_BUNDLE_BYTES >> 20)));
        }
        Ok(())
    }
}

/// What of a build's directory is uploaded.
pub struct Bundle {
    /// Bytes of all files; the archive has about a kilobyte more for each.
    pub bytes: u64,
    /// Sorted by path.
    entries: Vec<Source>,
}

struct Source {
    path: String,
    real: PathBuf,
    /// None for a directory.
    bytes: Option<u64>,
}

impl Bundle {
    /// Looks through `directory`. Links to what lies inside it are followed.
    ///
    /// # Errors
    /// `BUNDLE_TOO_LARGE` beyond the limits of this module, `BUNDLE_INVALID` for a link that leads out, nowhere or to what
    /// [`is_left_out`], for what is neither file nor directory and for a name a version cannot have, `BUNDLE_UNREADABLE`.
    pub fn of(directory: &Path) -> Result<Self, VersionError> {
        let root = directory.canonicalize().map_err(VersionError::unreadable(directory))?;
        let mut walk = Walk { root: &root, total: Total::default(), entries: Vec::new() };
        walk.directory(&root, "", &mut vec![root.clone()])?;
        let Walk { total, mut entries, .. } = walk;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { bytes: total.bytes, entries })
    }

    /// Whether `path`, relative to the directory, is in the bundle.
    pub fn contains(&self, path: &str) -> bool {
        entry_path(path.as_bytes())
            .is_ok_and(|path| path.is_empty() || self.entries.binary_search_by(|entry| entry.path.cmp(&path)).is_ok())
    }

    /// Writes the archive: the same directory gives the same bytes.
    ///
    /// # Errors
    /// `BUNDLE_UNREADABLE`: a file cannot be read, has changed meanwhile, or the archive cannot be written.
    pub fn write(&self, writer: impl Write) -> Result<(), VersionError> {
        let mut archive = Builder::new(writer);
        for Source { path, real, bytes } in &self.entries {
            let mut header = Header::new_gnu();
            header.set_mtime(0);
            let appended = match bytes {
                None => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_mode(0o755);
                    header.set_size(0);
                    archive.append_data(&mut header, path, io::empty())
                }
                Some(bytes) => {
                    header.set_mode(0o644);
                    header.set_size(*bytes);
                    append_file(&mut archive, &mut header, path, real, *bytes)
                }
            };
            appended.map_err(VersionError::unreadable(real))?;
        }
        archive.finish().map_err(VersionError::unreadable(Path::new("the end of the archive")))
    }
}

fn append_file(
    archive: &mut Builder<impl Write>,
    header: &mut Header,
    path: &str,
    real: &Path,
    bytes: u64,
) -> io::Result<()> {
    let mut content = File::open(real)?.take(bytes);
    archive.append_data(header, path, &mut content)?;
    let short = content.limit() > 0;
    if short || content.into_inner().read(&mut [0])? > 0 {
        return Err(io::Error::other("it changed while it was read; deploy again when the build is done"));
    }
    Ok(())
}

struct Walk<'a> {
    root: &'a Path,
    total: Total,
    entries: Vec<Source>,
}

impl Walk<'_> {
    /// `above` holds the real paths of this directory and all it lies in.
    fn directory(&mut self, directory: &Path, prefix: &str, above: &mut Vec<PathBuf>) -> Result<(), VersionError> {
        for entry in fs::read_dir(directory).map_err(VersionError::unreadable(directory))? {
            let entry = entry.map_err(VersionError::unreadable(directory))?;
            let mut raw = prefix.as_bytes().to_vec();
            raw.extend_from_slice(entry.file_name().as_encoded_bytes());
            let path = match entry_path(&raw) {
                // A hidden file may have any name at all.
                Err(_) if entry.file_name().as_encoded_bytes().starts_with(b".") => continue,
                path => path?,
            };
            if !is_left_out(&path) {
                self.entry(entry.path(), path, above)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, place: PathBuf, path: String, above: &mut Vec<PathBuf>) -> Result<(), VersionError> {
        let refuse = |reason: &str| Err(VersionError::BundleInvalid(format!("{}: {reason}", place.display())));
        let Ok(real) = place.canonicalize() else { return refuse("the link leads nowhere") };
        let Ok(inside) = real.strip_prefix(self.root) else {
            return refuse("the link leads out of the directory that is deployed; copy the file in");
        };
        // Under its own name it is left out, so it is no other's content either.
        if is_left_out(&inside.to_string_lossy()) {
            return refuse(
                "the link leads to a hidden file or into node_modules, which are not deployed; copy the file in",
            );
        }
        let metadata = fs::metadata(&real).map_err(VersionError::unreadable(&place))?;
        if metadata.is_file() {
            self.total.add(metadata.len())?;
            self.entries.push(Source { path, real, bytes: Some(metadata.len()) });
        } else if !metadata.is_dir() {
            return refuse("it is neither a file nor a directory");
        } else if above.contains(&real) {
            return refuse("the link leads to a directory it lies in itself");
        } else {
            self.total.add(0)?;
            above.push(real.clone());
            self.directory(&real, &format!("{path}/"), above)?;
            above.pop();
            self.entries.push(Source { path, real, bytes: None });
        }
        Ok(())
    }
}

/// Unpacks an archive into `directory`, which is empty, and tells its files, sorted by path. What [`is_left_out`] names
/// is passed over.
///
/// # Errors
/// `BUNDLE_TOO_LARGE`, `BUNDLE_INVALID` and `VERSION_STORE`; what was unpacked until then stays.
pub(super) fn unpack(source: impl Read, directory: &Path) -> Result<Vec<FileRecord>, VersionError> {
    let (allowance, ended) = (Cell::new(0), Cell::new(false));
    let mut archive = Archive::new(Metered { source, allowance: &allowance, ended: &ended });
    let mut entries = archive.entries().map_err(broken)?;
    let (mut total, mut files) = (Total::default(), Vec::new());
    loop {
        allowance.set(HEADER_BYTES);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(broken)?;
        total.add(entry.size())?;
        allowance.set(entry.size());
        let path = entry_path(&entry.path_bytes())?;
        if path.is_empty() || is_left_out(&path) {
            copy(&mut entry, None)?;
            continue;
        }
        match entry.header().entry_type() {
            EntryType::Directory => {
                let place = directory.join(&path);
                fs::create_dir_all(&place).map_err(|error| taken(error, &path, &place))?;
            }
            EntryType::Regular => files.push(unpack_file(&mut entry, path, directory)?),
            _ => {
                let message = format!("{path:?} is a link or a device; only files and directories can be deployed");
                return Err(VersionError::BundleInvalid(message));
            }
        }
    }
    // Two empty blocks end an archive; one that just stops has lost the rest.
    if ended.get() {
        return Err(VersionError::BundleInvalid("the archive ends too early; send it again".to_owned()));
    }
    if files.is_empty() {
        return Err(VersionError::BundleInvalid("there are no files in it".to_owned()));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn unpack_file(content: &mut impl Read, path: String, directory: &Path) -> Result<FileRecord, VersionError> {
    let place = directory.join(&path);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(|error| taken(error, &path, &place))?;
    }
    let mut file = File::create_new(&place).map_err(|error| taken(error, &path, &place))?;
    let (bytes, hash) = copy(content, Some((&mut file, &place)))?;
    Ok(FileRecord { path, bytes, blake3: hash.to_hex().to_string() })
}

/// Reads `content` to its end, into a file if there is one. An error of the archive is told from one of the disk.
fn copy(content: &mut impl Read, mut to: Option<(&mut File, &Path)>) -> Result<(u64, blake3::Hash), VersionError> {
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = content.read(&mut chunk).map_err(broken)?;
        if read == 0 {
            return Ok((hasher.count(), hasher.finalize()));
        }
        hasher.update(&chunk[..read]);
        if let Some((file, place)) = &mut to {
            file.write_all(&chunk[..read]).map_err(VersionError::store(place))?;
        }
    }
}

fn broken(error: io::Error) -> VersionError {
    VersionError::BundleInvalid(format!("the archive cannot be read: {error}"))
}

/// A name that is taken is the archive's fault, everything else the disk's.
fn taken(error: io::Error, path: &str, place: &Path) -> VersionError {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            VersionError::BundleInvalid(format!("{path:?} is in it twice, or as a file and as a directory"))
        }
        _ => VersionError::store(place)(error),
    }
}

/// An archive's bytes, no more of them than are allowed for the moment.
struct Metered<'a, R> {
    source: R,
    allowance: &'a Cell<u64>,
    /// Whether the source has come to its end.
    ended: &'a Cell<bool>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.allowance.get()).map_or(buffer.len(), |allowance| allowance.min(buffer.len()));
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a header is longer than 64 KiB"));
        }
        let read = self.source.read(&mut buffer[..most])?;
        self.ended.set(read == 0 && most > 0);
        self.allowance.set(self.allowance.get() - read as u64);
        Ok(read)
    }
}
