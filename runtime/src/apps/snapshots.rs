//! The snapshots of apps: where the file of each is, and what is in it for as long as an isolate needs that. It never makes
//! one; that is [`super::snapshot_maker`]'s.

use std::collections::BTreeMap;
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

/// The snapshot of one version of an app. Its content is in memory while an isolate runs from it or it was used lately.
pub struct AppSnapshot {
    path: PathBuf,
    header: Header,
    /// What isolates have of it.
    shared: Mutex<Weak<Snapshot>>,
    recent: RecentSnapshots,
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
        recent: &RecentSnapshots,
    ) -> Result<Option<Self>, Unusable> {
        let Some(snapshot) = file::read(path, source, env)? else { return Ok(None) };
        let (snapshot, path, recent) = (Arc::new(snapshot), path.to_owned(), recent.clone());
        let found =
            Self { header: snapshot.header.clone(), shared: Mutex::new(Arc::downgrade(&snapshot)), path, recent };
        found.recent.0.insert(found.path.clone(), snapshot);
        Ok(Some(found))
    }

    /// Which start of the app is faster.
    pub fn faster(&self) -> Faster {
        self.header.faster
    }

    /// Its content. Reads and hashes the file where nobody has it.
    ///
    /// # Errors
    /// What has happened to the file since it was found.
    pub fn load(&self) -> Result<Arc<Snapshot>, Unusable> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for in any case: that it is used keeps it.
        let recent = self.recent.0.get(&self.path).filter(|recent| recent.header == self.header);
        let snapshot = match shared.upgrade().or(recent) {
            Some(snapshot) => snapshot,
            None => Arc::new(file::read_again(&self.path, &self.header)?),
        };
        *shared = Arc::downgrade(&snapshot);
        self.recent.0.insert(self.path.clone(), snapshot.clone());
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
            let (path, env, recent) = (directory.path().join("x"), BTreeMap::new(), RecentSnapshots::new(0));
            let header = file::header(SOURCE, &orilla_bindings::EnvReads::default(), &env);
            file::write(&path, &header, &blob).unwrap();
            prop_assert!(AppSnapshot::find(&path, SOURCE, &env, &recent).unwrap().is_some());

            let whole = std::fs::read(&path).unwrap();
            let mut damaged = whole.clone();
            match flipped {
                Some((place, bits)) => damaged[place.index(whole.len())] ^= bits,
                None => damaged.truncate(cut.index(whole.len() + 1)),
            }
            damaged.extend(added);
            prop_assume!(damaged != whole);
            std::fs::write(&path, damaged).unwrap();
            let refused = AppSnapshot::find(&path, SOURCE, &env, &recent);
            prop_assert_eq!(refused.err().unwrap().code(), "SNAPSHOT_DAMAGED");
        }
    }
}
