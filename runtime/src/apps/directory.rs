//! A directory of apps, each in a directory of its own, looked at every second: an app that is new or has changed is
//! released, one that is gone is removed. What is wrong with one is logged, and what was served before goes on; where nothing was,
//! each look tries again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::deployment::{Deployment, SNAPSHOT_FILE};
use super::manifest::Manifest;
use super::releases::{ReleaseError, Releases};

/// How often the directory is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What tells one state of an app's files from another: of the manifest, the module, the snapshot and the static directory, when
/// each was changed and how long it is.
type Stamp = [Option<(SystemTime, u64)>; 4];

/// Where a manifest says that the rest is.
#[derive(Clone)]
struct Parts {
    entrypoint: PathBuf,
    static_directory: Option<PathBuf>,
}

/// One app's directory.
struct Seen {
    stamp: Stamp,
    parts: Parts,
    /// The app's name, if it is served.
    name: Option<Arc<str>>,
    /// What was said to be wrong with it.
    error: Option<String>,
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
        for (path, (parts, stamp)) in found {
            match self.seen.get(&path) {
                Some(seen) if seen.stamp == stamp && seen.name.is_some() => continue,
                // It may still be being written: it is taken when it has not changed between two looks.
                Some(seen) if seen.stamp != stamp && !is_settled(&stamp) => continue,
                _ => {}
            }
            let (served, said) = self.seen.remove(&path).map_or((None, None), |seen| (seen.name, seen.error));
            let (name, error) = match self.serve(&path, served.as_ref(), releases).await {
                Ok(name) => (Some(name), None),
                Err(error) => {
                    let text = error.to_string();
                    if said.as_ref() != Some(&text) {
                        tracing::error!(directory = %path.display(), code = error.code(), "{error}");
                    }
                    (served, Some(text))
                }
            };
            self.seen.insert(path, Seen { stamp, parts, name, error });
        }
    }

    /// The directories that hold an app, each with its parts and its stamp.
    fn stamps(&self) -> io::Result<BTreeMap<PathBuf, (Parts, Stamp)>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let Some(manifest) = Manifest::find_in(&path) else { continue };
            let known = self.seen.get(&path);
            let written = changed(&manifest);
            let parts = match known {
                Some(seen) if seen.stamp[0] == written => seen.parts.clone(),
                _ => parts_of(&manifest),
            };
            let Parts { entrypoint, static_directory } = &parts;
            let snapshot = changed(&entrypoint.with_file_name(SNAPSHOT_FILE));
            let stamp = [written, changed(entrypoint), snapshot, static_directory.as_deref().and_then(changed)];
            found.insert(path, (parts, stamp));
        }
        Ok(found)
    }

    async fn serve(
        &self,
        path: &Path,
        served: Option<&Arc<str>>,
        releases: &Arc<Releases>,
    ) -> Result<Arc<str>, ReleaseError> {
        let deployment = load(path.to_owned(), served.cloned(), releases.clone()).await?;
        let name = deployment.name.clone();
        is_free(&name, served, releases)?;
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

async fn load(
    path: PathBuf,
    served: Option<Arc<str>>,
    releases: Arc<Releases>,
) -> Result<Arc<Deployment>, ReleaseError> {
    let loaded = tokio::task::spawn_blocking(move || -> Result<_, ReleaseError> {
        let manifest = Manifest::load(&path)?;
        // Where it is not there is no use in reading the rest, again and again.
        is_free(&manifest.manifest.name.as_str().into(), served.as_ref(), &releases)?;
        Ok(releases.load(manifest)?)
    });
    loaded.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Whether no other app has the name.
fn is_free(name: &Arc<str>, served: Option<&Arc<str>>, releases: &Releases) -> Result<(), ReleaseError> {
    let is_taken = served != Some(name) && releases.apps.get(name).is_some();
    if is_taken { Err(ReleaseError::NameTaken(name.clone())) } else { Ok(()) }
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Where an app's parts are; a place where there is nothing if its manifest cannot be read, which loading it will say.
fn parts_of(manifest: &Path) -> Parts {
    Manifest::load(manifest).map_or_else(
        |_| Parts { entrypoint: manifest.with_file_name("server.js"), static_directory: None },
        |loaded| Parts { entrypoint: loaded.entrypoint(), static_directory: loaded.static_directory() },
    )
}

/// Whether nothing was written just now.
fn is_settled(stamp: &Stamp) -> bool {
    let recent = |time: &SystemTime| time.elapsed().is_ok_and(|age| age < INTERVAL / 2);
    !stamp.iter().flatten().any(|(changed, _)| recent(changed))
}
