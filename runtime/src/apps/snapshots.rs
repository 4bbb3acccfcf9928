//! The snapshots of apps: where the file of each is, and what is in it for as long as an isolate needs that. It never makes
//! one; that is [`super::snapshot_maker`]'s.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use orilla_snapshot::file::{self, Faster, Header, Snapshot, Unusable};

/// Snapshots that were used last, so that an app that comes and goes need not read its own from the disk each time. Bounded in
/// bytes, one for the whole process.
#[derive(Clone)]
pub struct RecentSnapshots(moka::sync::Cache<PathBuf, Arc<Snapshot>>);

impl RecentSnapshots {
    /// Keeps at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let weight = |_: &PathBuf, snapshot: &Arc<Snapshot>| u32::try_from(snapshot.bytes()).unwrap_or(u32::MAX);
        Self(moka::sync::Cache::builder().max_capacity(bytes).weigher(weight).build())
    }
}

/// Who may write into the files of a version.
#[derive(Clone)]
pub enum Owner {
    /// Somebody else, at any time. So its snapshot is read into memory, and kept among these.
    Other(RecentSnapshots),
    /// The host alone, and it only ever puts whole files in their places.
    Host,
}

/// The snapshot of one version of an app.
pub struct AppSnapshot {
    path: PathBuf,
    header: Header,
    content: Content,
}

/// Where its content is.
enum Content {
    /// In memory while an isolate runs from it or it was used lately.
    Read {
        /// What isolates have of it.
        shared: Mutex<Weak<Snapshot>>,
        recent: RecentSnapshots,
    },
    /// In the kernel's hands, which has it in memory as long as there is room.
    Mapped {
        snapshot: Arc<Snapshot>,
        /// The file when it was found whole.
        found: Stamp,
    },
}

/// What tells whether a file was written into.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    length: u64,
    /// Seconds and nanoseconds, of the content and of what is known of the file.
    changed: [(i64, i64); 2],
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self {
            inode: (file.dev(), file.ino()),
            length: file.len(),
            changed: [(file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec())],
        })
    }
}

impl AppSnapshot {
    /// The snapshot in a file, if there is one and it fits the module and its environment. The whole file is read.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub fn find(
        path: &Path,
        source: &str,
        env: &BTreeMap<String, String>,
        owner: &Owner,
    ) -> Result<Option<Self>, Unusable> {
        let found = match owner {
            Owner::Other(recent) => file::read(path, source, env)?.map(|snapshot| {
                let snapshot = Arc::new(snapshot);
                let shared = Mutex::new(Arc::downgrade(&snapshot));
                recent.0.insert(path.to_owned(), snapshot.clone());
                (snapshot.header.clone(), Content::Read { shared, recent: recent.clone() })
            }),
            Owner::Host => Self::map(path, source, env)?,
        };
        Ok(found.map(|(header, content)| Self { path: path.to_owned(), header, content }))
    }

    fn map(path: &Path, source: &str, env: &BTreeMap<String, String>) -> Result<Option<(Header, Content)>, Unusable> {
        // Before it is read: what is written later shows.
        let Ok(found) = Stamp::of(path) else { return Ok(None) };
        // SAFETY: the file is the host's own, which never writes into one it has put in its place.
        let snapshot = unsafe { file::map(path, source, env)? };
        Ok(snapshot.map(|snapshot| (snapshot.header.clone(), Content::Mapped { snapshot: Arc::new(snapshot), found })))
    }

    /// Which start of the app is faster.
    pub fn faster(&self) -> Faster {
        self.header.faster
    }

    /// Its content. A file of somebody else's is read and hashed where nobody has it; one of the host's, where something was
    /// done to it.
    ///
    /// # Errors
    /// What has happened to the file since it was found.
    pub fn load(&self) -> Result<Arc<Snapshot>, Unusable> {
        match &self.content {
            Content::Read { shared, recent } => self.read(shared, recent),
            Content::Mapped { snapshot, found } => {
                // Another file in its place, or none, leaves the mapped one what it was. What was done to this one may be
                // harmless, another link or mode, or not: then it is read anew, each time.
                if Stamp::of(&self.path).is_ok_and(|now| now.inode == found.inode && now != *found) {
                    return Ok(Arc::new(file::read_again(&self.path, &self.header)?));
                }
                snapshot.fault_in()?;
                Ok(snapshot.clone())
            }
        }
    }

    fn read(&self, shared: &Mutex<Weak<Snapshot>>, recent: &RecentSnapshots) -> Result<Arc<Snapshot>, Unusable> {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for in any case: that it is used keeps it.
        let used_lately = recent.0.get(&self.path).filter(|recent| recent.header == self.header);
        let snapshot = match shared.upgrade().or(used_lately) {
            Some(snapshot) => snapshot,
            None => Arc::new(file::read_again(&self.path, &self.header)?),
        };
        *shared = Arc::downgrade(&snapshot);
        recent.0.insert(self.path.clone(), snapshot.clone());
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOURCE: &str = "export default {};";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// A file that differs anywhere from what was written is never handed to V8, and never ends the process.
        #[test]
        fn a_damaged_file_is_refused(
            blob in prop::collection::vec(any::<u8>(), 0..200),
            cut in any::<prop::sample::Index>(),
            flipped in prop::option::of((any::<prop::sample::Index>(), 1u8..)),
            added in prop::collection::vec(any::<u8>(), 0..3),
        ) {
            let directory = tempfile::TempDir::new().unwrap();
            let (path, env) = (directory.path().join("x"), BTreeMap::new());
            let owners = [Owner::Other(RecentSnapshots::new(0)), Owner::Host];
            let header = file::header(SOURCE, &orilla_bindings::EnvReads::default(), &env);
            file::write(&path, &header, &blob).unwrap();
            for owner in &owners {
                let found = AppSnapshot::find(&path, SOURCE, &env, owner).unwrap().unwrap();
                prop_assert!(found.load().is_ok());
            }
            let mapped = AppSnapshot::find(&path, SOURCE, &env, &Owner::Host).unwrap().unwrap();

            let whole = std::fs::read(&path).unwrap();
            let mut damaged = whole.clone();
            match flipped {
                Some((place, bits)) => damaged[place.index(whole.len())] ^= bits,
                None => damaged.truncate(cut.index(whole.len() + 1)),
            }
            damaged.extend(added);
            prop_assume!(damaged != whole);
            let length = damaged.len();
            std::fs::write(&path, damaged).unwrap();
            for owner in &owners {
                let refused = AppSnapshot::find(&path, SOURCE, &env, owner);
                prop_assert_eq!(refused.err().unwrap().code(), "SNAPSHOT_DAMAGED");
            }
            // The same length within one tick of the file system's clock would not show.
            if length != whole.len() {
                prop_assert_eq!(mapped.load().err().unwrap().code(), "SNAPSHOT_DAMAGED");
            }
        }
    }
}
