//! A directory of apps, each in a directory of its own, looked at every second: an app that is new or has changed is
//! released, one that is gone is removed. What is wrong with one is logged, and what was served before goes on.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::deployment::{DeployError, Deployment, SNAPSHOT_FILE};
use super::manifest::Manifest;
use super::releases::{ReleaseError, Releases};

/// How often the directory is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What tells one state of an app's files from another: of the manifest, the module and the snapshot, when each was
/// changed and how long it is.
type Stamp = [Option<(SystemTime, u64)>; 3];

/// One app's directory.
struct Seen {
    stamp: Stamp,
    /// Where its module was said to be.
    entrypoint: PathBuf,
    /// The app's name, if it is served.
    name: Option<Arc<str>>,
}

/// A directory of apps.
pub struct AppsDirectory {
    path: PathBuf,
    seen: HashMap<PathBuf, Seen>,
}

impl AppsDirectory {
    /// Nothing of it is looked at yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::read_dir(path)?;
        Ok(Self { path: path.to_owned(), seen: HashMap::new() })
    }

    /// Looks again and again, for ever.
    pub async fn watch(&mut self, releases: &Arc<Releases>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.look(releases).await;
        }
    }

    /// Brings what is served in line with the directory.
    pub async fn look(&mut self, releases: &Arc<Releases>) {
        let found = match self.stamps() {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(code = "APPS_DIR", directory = %self.path.display(), %error, "the directory of apps cannot be read");
                return;
            }
        };
        let gone: Vec<_> = self.seen.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
        for name in gone.iter().filter_map(|path| self.seen.remove(path)?.name) {
            releases.remove(&name);
        }
        for (path, (entrypoint, stamp)) in found {
            match self.seen.get(&path) {
                Some(seen) if seen.stamp == stamp => continue,
                // It may still be being written: it is taken when it has not changed between two looks.
                Some(_) if !is_settled(&stamp) => continue,
                _ => {}
            }
            let served = self.seen.remove(&path).and_then(|seen| seen.name);
            let name = match self.serve(&path, served.as_ref(), releases).await {
                Ok(name) => Some(name),
                Err(error) => {
                    tracing::error!(directory = %path.display(), code = error.code(), "{error}");
                    served
                }
            };
            self.seen.insert(path, Seen { stamp, entrypoint, name });
        }
    }

    /// The directories that hold an app, each with its manifest's module and its stamp.
    fn stamps(&self) -> io::Result<BTreeMap<PathBuf, (PathBuf, Stamp)>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let Some(manifest) = Manifest::find_in(&path) else { continue };
            let known = self.seen.get(&path);
            let written = changed(&manifest);
            let entrypoint = match known {
                Some(seen) if seen.stamp[0] == written => seen.entrypoint.clone(),
                _ => entrypoint_of(&manifest),
            };
            let snapshot = changed(&entrypoint.with_file_name(SNAPSHOT_FILE));
            let stamp = [written, changed(&entrypoint), snapshot];
            found.insert(path, (entrypoint, stamp));
        }
        Ok(found)
    }

    async fn serve(
        &self,
        path: &Path,
        served: Option<&Arc<str>>,
        releases: &Arc<Releases>,
    ) -> Result<Arc<str>, ReleaseError> {
        let deployment = load(path.to_owned(), releases.clone()).await?;
        let name = deployment.name.clone();
        if served != Some(&name) && releases.apps.get(&name).is_some() {
            return Err(ReleaseError::NameTaken(name));
        }
        if served.is_some() {
            releases.release(deployment).await?;
        } else {
            // Nobody waits for it yet: its first request starts it.
            releases.add(deployment);
        }
        if let Some(other) = served.filter(|served| **served != name) {
            releases.remove(other);
        }
        Ok(name)
    }
}

async fn load(path: PathBuf, releases: Arc<Releases>) -> Result<Arc<Deployment>, DeployError> {
    let loaded = tokio::task::spawn_blocking(move || releases.load(Manifest::load(&path)?)).await;
    loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Where an app's module is; a place where there is none if its manifest cannot be read, which loading it will say.
fn entrypoint_of(manifest: &Path) -> PathBuf {
    Manifest::load(manifest).map_or_else(|_| manifest.with_file_name("server.js"), |loaded| loaded.entrypoint())
}

/// Whether nothing was written just now.
fn is_settled(stamp: &Stamp) -> bool {
    let recent = |time: &SystemTime| time.elapsed().is_ok_and(|age| age < INTERVAL / 2);
    !stamp.iter().flatten().any(|(changed, _)| recent(changed))
}
