//! The store of versions in the host's data directory:
//!
//! ```text
//! apps/<app>/versions/<version>/version.json   what the version consists of
//! apps/<app>/versions/<version>/files/         its files, never changed after they are there
//! apps/<app>/versions/<version>/server.snapshot   made by the host for a version that brings none
//! apps/<app>/active.json                       the app's traffic, and its history
//! apps/<app>/staging-<random>/                 on the way in or out; removed when the store is opened
//! apps/versions.lock                           held by the process that has the store
//! ```
//!
//! A version appears and disappears with one rename, and the traffic changes with one. It never decides whether a
//! version may be served.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use orilla_services::clock::Clock;
use tempfile::TempDir;

use super::error::VersionError;
use super::owned::{Owned, STAGING};
use super::traffic::{Active, Traffic};
use super::{AppName, Version, VersionId, bundle, disk};
use crate::apps::deployment::SNAPSHOT_FILE;

/// The file of a version's record.
const RECORD: &str = "version.json";

/// The file of an app's traffic.
const ACTIVE: &str = "active.json";

/// The form of the records this release writes and reads.
const FORMAT: u32 = 1;

/// Locks that all apps share: two apps with the same one merely wait for each other.
const LOCKS: usize = 64;

/// The versions of all apps. It is shared between threads; changes of one app happen one after the other.
pub struct Store {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    /// An app's changes hold the lock its name hashes to.
    locks: [Mutex<()>; LOCKS],
    _owned: Owned,
}

/// A version that was received.
#[derive(Debug)]
pub struct Received {
    /// The version.
    pub version: Version,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// A version in a list.
#[derive(Debug)]
pub struct Listed {
    /// The version.
    pub version: VersionId,
    /// What it consists of, or why that cannot be told.
    pub record: Result<Version, VersionError>,
}

impl Store {
    /// Opens the store in a data directory that no other process has from now on, and removes what a crash has left.
    ///
    /// # Errors
    /// `DATA_DIR_IN_USE`, `VERSION_STORE`
    pub fn open(data_directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, VersionError> {
        let root = data_directory.join("apps");
        let owned = Owned::take(&root)?;
        Ok(Self { root, clock, locks: std::array::from_fn(|_| Mutex::default()), _owned: owned })
    }

    /// The apps that have a version, sorted.
    ///
    /// # Errors
    /// `VERSION_STORE`
    pub fn apps(&self) -> Result<Vec<AppName>, VersionError> {
        let mut apps = Vec::new();
        for app in disk::names(&self.root)?.into_iter().filter_map(|name| AppName::try_from(name).ok()) {
            if self.has_versions(&app)? {
                apps.push(app);
            }
        }
        Ok(apps)
    }

    /// Whether the app has a version.
    ///
    /// # Errors
    /// `VERSION_STORE`
    pub fn has_versions(&self, app: &AppName) -> Result<bool, VersionError> {
        Ok(!self.version_ids(app)?.is_empty())
    }

    /// The app's versions, the newest first; those that cannot be read come last.
    ///
    /// # Errors
    /// `APP_NOT_FOUND`, `VERSION_STORE`
    pub fn list(&self, app: &AppName) -> Result<Vec<Listed>, VersionError> {
        let ids = self.version_ids(app)?;
        if ids.is_empty() {
            return Err(VersionError::AppNotFound(app.clone()));
        }
        let records = ids.into_iter().map(|version| Listed { record: self.version(app, &version), version });
        let mut records: Vec<_> = records.collect();
        records.sort_by_key(|listed| std::cmp::Reverse(listed.record.as_ref().map_or(0, |version| version.created)));
        Ok(records)
    }

    /// Takes a bundle in. When this returns, the version is on the disk as a whole. A version that is there already is
    /// verified, and replaced if it is damaged.
    ///
    /// # Errors
    /// `BUNDLE_TOO_LARGE`, `BUNDLE_INVALID`, `VERSION_STORE`; nothing has changed then.
    pub fn receive(&self, app: &AppName, bundle: impl Read) -> Result<Received, VersionError> {
        let staging = self.staging(app)?;
        let received = self.receive_into(&staging, app, bundle);
        drop(staging);
        if received.is_err() {
            // Unless the app has something else, its directory goes as it came; a directory in use is not empty.
            let _ = self.locked(app, || fs::remove_dir(self.app(app)));
        }
        received
    }

    fn receive_into(&self, staging: &TempDir, app: &AppName, bundle: impl Read) -> Result<Received, VersionError> {
        let files = staging.path().join("files");
        fs::create_dir(&files).map_err(VersionError::store(&files))?;
        let files = bundle::unpack(bundle, &files)?;
        let (version, created) = (VersionId::of(&files), self.clock.now());
        let version = Version { format: FORMAT, app: app.clone(), version, created, files };
        disk::write_record(&staging.path().join(RECORD), &version)?;
        disk::sync_tree(staging.path())?;
        let existing = self.locked(app, || self.put_in_place(staging.path(), &version))?;
        Ok(match existing {
            Some(version) => Received { version, is_new: false },
            None => Received { version, is_new: true },
        })
    }

    /// Makes what is staged the version, unless that is there and intact. The app is locked.
    fn put_in_place(&self, staged: &Path, version: &Version) -> Result<Option<Version>, VersionError> {
        let Version { app, version, .. } = version;
        match self.verify(app, version) {
            Ok(existing) => return Ok(Some(existing)),
            Err(VersionError::VersionNotFound { .. }) => {}
            Err(VersionError::VersionCorrupt { .. }) => drop(self.take_out(app, version)?),
            Err(error) => return Err(error),
        }
        let (directory, place) = (self.app(app), self.place(app, version));
        let versions = directory.join("versions");
        fs::create_dir_all(&versions).map_err(VersionError::store(&versions))?;
        fs::rename(staged, &place).map_err(VersionError::store(&place))?;
        let data_directory = self.root.parent().unwrap_or(&self.root);
        for parent in [&versions, &directory, &self.root, data_directory] {
            disk::sync(parent)?;
        }
        Ok(None)
    }

    /// The directory of a version's files.
    pub fn directory(&self, app: &AppName, version: &VersionId) -> PathBuf {
        self.place(app, version).join("files")
    }

    /// Where a snapshot of a version may be put; it goes with the version and is no part of it.
    pub fn snapshot(&self, app: &AppName, version: &VersionId) -> PathBuf {
        self.place(app, version).join(SNAPSHOT_FILE)
    }

    /// What a version consists of. Its record is checked, its files are not looked at.
    ///
    /// # Errors
    /// `VERSION_NOT_FOUND`, `VERSION_CORRUPT`, `VERSION_STORE`
    pub fn version(&self, app: &AppName, version: &VersionId) -> Result<Version, VersionError> {
        let path = self.place(app, version).join(RECORD);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(VersionError::store(&path)(error)),
            Err(_) if self.place(app, version).exists() => return Err(corrupt(app, version, RECORD, "is missing")),
            Err(_) => {
                return Err(VersionError::VersionNotFound { app: app.clone(), version: version.clone() });
            }
        };
        let record: Version = serde_json::from_slice(&bytes)
            .map_err(|error| corrupt(app, version, RECORD, &format!("cannot be read: {error}")))?;
        if record.format != FORMAT {
            let damage = format!("has format {}, and this release reads format {FORMAT}", record.format);
            return Err(corrupt(app, version, RECORD, &damage));
        }
        if record.app != *app || record.version != *version || VersionId::of(&record.files) != *version {
            return Err(corrupt(app, version, RECORD, "was changed"));
        }
        Ok(record)
    }

    /// Reads and hashes every file of a version.
    ///
    /// # Errors
    /// `VERSION_CORRUPT` names the first file that was changed, is missing or was added; `VERSION_NOT_FOUND`,
    /// `VERSION_STORE`
    pub fn verify(&self, app: &AppName, version: &VersionId) -> Result<Version, VersionError> {
        let record = self.version(app, version)?;
        let mut found = BTreeMap::new();
        let directory = self.directory(app, version);
        if directory.is_dir() {
            disk::collect_files(&directory, "", &mut found)?;
        }
        for file in &record.files {
            let Some(path) = found.remove(&file.path) else {
                return Err(corrupt(app, version, &file.path, "is missing"));
            };
            if !disk::is_intact(&path, file).map_err(VersionError::store(&path))? {
                return Err(corrupt(app, version, &file.path, "was changed"));
            }
        }
        match found.keys().next() {
            Some(path) => Err(corrupt(app, version, path, "was added")),
            None => Ok(record),
        }
    }

    /// Who answers the app's requests; none if nobody was told to so far.
    ///
    /// # Errors
    /// `TRAFFIC_CORRUPT`, `VERSION_STORE`
    pub fn traffic(&self, app: &AppName) -> Result<Option<Traffic>, VersionError> {
        Ok(self.active(app)?.map(|active| active.traffic))
    }

    /// Changes who answers the app's requests. When this returns, that is on the disk.
    ///
    /// # Errors
    /// `VERSION_NOT_FOUND`, `TRAFFIC_CORRUPT`, `VERSION_STORE`; nothing has changed then.
    pub fn set_traffic(&self, app: &AppName, traffic: Traffic) -> Result<(), VersionError> {
        self.change(app, |active, now| {
            for share in traffic.shares() {
                self.version(app, &share.version)?;
            }
            Ok(match active {
                Some(mut active) => {
                    active.change(traffic, now);
                    active
                }
                None => Active::first(traffic, now),
            })
        })
    }

    /// The version a rollback leads to: the last one that began to answer before the newest one did, and is still here.
    ///
    /// # Errors
    /// `APP_NOT_FOUND`, `ROLLBACK_NONE`, `TRAFFIC_CORRUPT`, `VERSION_STORE`
    pub fn rollback_target(&self, app: &AppName) -> Result<VersionId, VersionError> {
        if !self.has_versions(app)? {
            return Err(VersionError::AppNotFound(app.clone()));
        }
        let active = self.active(app)?;
        let mut earlier = active.iter().flat_map(Active::earlier);
        let target = earlier.find(|version| self.place(app, version).exists());
        target.cloned().ok_or_else(|| VersionError::RollbackNone(app.clone()))
    }

    /// Sends all requests to `version` again and forgets what began to answer after it.
    ///
    /// # Errors
    /// As [`Store::set_traffic`].
    pub fn roll_back(&self, app: &AppName, version: &VersionId) -> Result<(), VersionError> {
        self.change(app, |active, now| {
            self.version(app, version)?;
            Ok(match active {
                Some(mut active) => {
                    active.roll_back(version.clone(), now);
                    active
                }
                None => Active::first(Traffic::only(version.clone()), now),
            })
        })
    }

    /// Removes a version.
    ///
    /// # Errors
    /// `VERSION_ACTIVE` while it has traffic, `VERSION_NOT_FOUND`, `TRAFFIC_CORRUPT`, `VERSION_STORE`
    pub fn delete(&self, app: &AppName, version: &VersionId) -> Result<(), VersionError> {
        // The files are removed after the lock is let go of.
        drop(self.locked(app, || {
            let traffic = self.traffic(app)?;
            if traffic.is_some_and(|traffic| traffic.percent(version) > 0) {
                return Err(VersionError::VersionActive { app: app.clone(), version: version.clone() });
            }
            self.take_out(app, version)
        })?);
        Ok(())
    }

    /// The versions that may go: without traffic, not among the newest `keep`, and not what a rollback is to find.
    ///
    /// # Errors
    /// `APP_NOT_FOUND`, `TRAFFIC_CORRUPT`, `VERSION_STORE`
    pub fn prunable(&self, app: &AppName, keep: usize) -> Result<Vec<VersionId>, VersionError> {
        let active = self.active(app)?;
        let is_wanted = |version: &VersionId| {
            active
                .as_ref()
                .is_some_and(|active| active.traffic.percent(version) > 0 || active.kept().contains(&version))
        };
        let older = self.list(app)?.into_iter().skip(keep).map(|listed| listed.version);
        Ok(older.filter(|version| !is_wanted(version)).collect())
    }

    fn app(&self, app: &AppName) -> PathBuf {
        self.root.join(app.as_str())
    }

    fn place(&self, app: &AppName, version: &VersionId) -> PathBuf {
        self.app(app).join("versions").join(version.as_str())
    }

    fn version_ids(&self, app: &AppName) -> Result<Vec<VersionId>, VersionError> {
        let names = disk::names(&self.app(app).join("versions"))?;
        Ok(names.into_iter().filter_map(|name| VersionId::try_from(name).ok()).collect())
    }

    /// A directory that is gone when it is dropped, unless it was renamed.
    fn staging(&self, app: &AppName) -> Result<TempDir, VersionError> {
        let directory = self.app(app);
        self.locked(app, || {
            fs::create_dir_all(&directory).map_err(VersionError::store(&directory))?;
            tempfile::Builder::new().prefix(STAGING).tempdir_in(&directory).map_err(VersionError::store(&directory))
        })
    }

    /// Moves a version out of the way in one step; its files go when what this returns is dropped. The app is locked.
    fn take_out(&self, app: &AppName, version: &VersionId) -> Result<TempDir, VersionError> {
        let (directory, place) = (self.app(app), self.place(app, version));
        if !place.exists() {
            return Err(VersionError::VersionNotFound { app: app.clone(), version: version.clone() });
        }
        let out = tempfile::Builder::new().prefix(STAGING).tempdir_in(&directory);
        let out = out.map_err(VersionError::store(&directory))?;
        fs::rename(&place, out.path().join("version")).map_err(VersionError::store(&place))?;
        disk::sync(&directory.join("versions"))?;
        Ok(out)
    }

    fn active(&self, app: &AppName) -> Result<Option<Active>, VersionError> {
        let path = self.app(app).join(ACTIVE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(VersionError::store(&path)(error)),
        };
        match serde_json::from_slice::<Active>(&bytes) {
            Ok(active) if active.format == FORMAT => Ok(Some(active)),
            Ok(active) => {
                let reason = format!("it has format {}, and this release reads format {FORMAT}", active.format);
                Err(VersionError::TrafficCorrupt { path, reason })
            }
            Err(error) => Err(VersionError::TrafficCorrupt { path, reason: error.to_string() }),
        }
    }

    fn change(
        &self,
        app: &AppName,
        change: impl FnOnce(Option<Active>, u64) -> Result<Active, VersionError>,
    ) -> Result<(), VersionError> {
        self.locked(app, || {
            let active = change(self.active(app)?, self.clock.now())?;
            disk::write_record(&self.app(app).join(ACTIVE), &active)
        })
    }

    /// Does something while nobody else changes the app. The files are never left half changed, so a panic of another
    /// holder of the lock is no reason to stop.
    fn locked<T>(&self, app: &AppName, work: impl FnOnce() -> T) -> T {
        let mut hasher = DefaultHasher::new();
        app.hash(&mut hasher);
        let lock = &self.locks[(hasher.finish() % LOCKS as u64) as usize];
        let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

fn corrupt(app: &AppName, version: &VersionId, file: &str, damage: &str) -> VersionError {
    let (app, version) = (app.clone(), version.clone());
    VersionError::VersionCorrupt { app, version, file: file.to_owned(), damage: damage.to_owned() }
}
