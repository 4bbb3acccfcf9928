//! One version of an app, ready to be served: its module, its snapshot or code cache, its limits and its files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use orilla_bindings::AppEnv;
use orilla_bindings::invocation::InvocationLimits;
use orilla_bindings::unsent::Unsent;
use orilla_snapshot::file::{Snapshot, Unusable};

use super::check::{entrypoint_source, missing_variables};
use super::code_cache::CodeCache;
use super::manifest::LoadedManifest;
use super::manifest::limits::Limits;
use super::manifest::problem::Problems;
use super::snapshots::{AppSnapshot, Owner, RecentSnapshots};
use super::source::Source;
use super::source_map::SourceMap;
use crate::config::Config;
use crate::isolate::boot::MemoryLimits;
use crate::isolate::crash::Crashes;
use crate::isolate::limits::HeapLimits;
use crate::request::static_files::{ContentCache, StaticError, StaticFiles, StaticOptions};
use crate::wire::Services;

/// The file a snapshot is kept in, beside the entrypoint.
pub const SNAPSHOT_FILE: &str = "server.snapshot";

/// Hexadecimal digits of a version's name.
pub const VERSION_DIGITS: usize = 16;

/// One version of an app.
pub struct Deployment {
    /// The app's name, which is its tenant too.
    pub name: Arc<str>,
    /// Names this version among those of the app.
    pub version: Arc<str>,
    /// Its module.
    pub source: Source,
    /// The module's source map, if it has one.
    pub source_map: Arc<SourceMap>,
    /// Its environment.
    pub env: AppEnv,
    /// Its limits, the host's caps applied.
    pub limits: Limits,
    /// Its answers that clients have not taken yet: as many bytes as an isolate may have of ArrayBuffers.
    pub unsent: Unsent,
    /// Whether it may start from a snapshot.
    pub wants_snapshot: bool,
    /// Its snapshot, from when there is one that fits.
    pub snapshot: OnceLock<AppSnapshot>,
    owner: Owner,
    /// V8's code cache for the module.
    pub code_cache: CodeCache,
    /// Its static files.
    pub static_files: Option<StaticFiles>,
    /// What its manifest says of routes and indexes.
    pub manifest: LoadedManifest,
    has_declared: AtomicBool,
    /// Isolates in a row that were stopped because of the CPU time or the memory they used.
    pub stopped_in_a_row: AtomicU32,
    /// Of its isolates.
    pub crashes: Crashes,
}

/// What all versions of a process keep in memory, bounded in bytes.
#[derive(Clone)]
pub struct Caches {
    /// Contents of small static files.
    pub contents: ContentCache,
    /// Snapshots that were used last, of versions whose files are somebody else's.
    pub snapshots: RecentSnapshots,
}

impl Caches {
    /// Caches of at most so many bytes.
    pub fn new(contents: u64, snapshots: u64) -> Self {
        Self { contents: ContentCache::new(contents), snapshots: RecentSnapshots::new(snapshots) }
    }
}

/// What a version is called.
pub struct Name {
    /// The app's name, which is its tenant too.
    pub app: Arc<str>,
    /// The version among those of the app.
    pub version: Arc<str>,
}

/// Why a deployment cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// Something is wrong with its files.
    #[error("{0:#}")]
    Problems(#[from] Problems),
    /// Its static directory cannot be served.
    #[error("error[{code}]: {0}", code = .0.code())]
    Static(#[from] StaticError),
}

impl Deployment {
    /// Reads what a manifest names, for an app that is served from where it was built.
    pub fn load(manifest: LoadedManifest, config: &Config, caches: Caches) -> Result<Self, DeployError> {
        let source: Arc<str> = entrypoint_source(&manifest)?.into();
        let name = Name { app: manifest.manifest.name.as_str().into(), version: version_of(&manifest, &source) };
        Self::load_as(name, manifest, source, config, caches.contents, Owner::Other(caches.snapshots))
    }

    /// Reads what a manifest names, for the version of an app that has this name and this owner.
    pub fn load_as(
        Name { app: name, version }: Name,
        manifest: LoadedManifest,
        source: Arc<str>,
        config: &Config,
        contents: ContentCache,
        owner: Owner,
    ) -> Result<Self, DeployError> {
        let missing = missing_variables(&manifest, &|name| config.environment.provides(name));
        if !missing.is_empty() {
            return Err(Problems(missing).into());
        }
        let limits = manifest.limits(&config.limits)?;
        let inspected = config.inspect.is_some();
        // Whoever stands at a breakpoint takes as long as they like.
        let limits = if inspected { limits.unhurried() } else { limits };
        let env: AppEnv = Arc::new(config.environment.for_app(&manifest.manifest.env));
        let static_files = match manifest.static_directory() {
            Some(root) => Some(StaticFiles::open(static_options(&manifest, root), contents)?),
            None => None,
        };
        // A debugger sees more of an app that starts from its source: what it does at module scope, too.
        let wants_snapshot = manifest.manifest.features.snapshot && !inspected;
        let source_map = Arc::new(SourceMap::find(&manifest.entrypoint(), &source));
        let code_cache = CodeCache::new(&config.server.data_dir.join("code-cache"), &source);
        let source = Source::new(manifest.entrypoint(), source);
        let this = Self {
            name,
            version,
            source,
            source_map,
            env,
            limits,
            unsent: Unsent::new(bytes(limits.array_buffer_mb)),
            wants_snapshot,
            snapshot: OnceLock::new(),
            owner,
            code_cache,
            static_files,
            manifest,
            has_declared: AtomicBool::new(false),
            stopped_in_a_row: AtomicU32::new(0),
            crashes: Crashes::default(),
        };
        let path = Self::snapshot_path(&this.manifest);
        if let Err(reason) = this.find_snapshot(&path) {
            tracing::warn!(code = reason.code(), file = %path.display(), "the snapshot is not used: {reason}");
        }
        Ok(this)
    }

    /// Starts from the snapshot in this file from now on, if there is one that fits, and none was found before.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub fn find_snapshot(&self, path: &Path) -> Result<(), Unusable> {
        if !self.wants_snapshot || self.snapshot.get().is_some() {
            return Ok(());
        }
        let source = self.source.text().map_err(|error| Unusable::Unreadable(error.to_string()))?;
        if let Some(found) = AppSnapshot::find(path, &source, &self.env, &self.owner)? {
            // Where another thread was faster, its snapshot is as good.
            let _ = self.snapshot.set(found);
        }
        Ok(())
    }

    /// The content of its snapshot, if there is one. Without it the app starts all the same, from its source.
    pub fn load_snapshot(&self) -> Option<Arc<Snapshot>> {
        let loaded = self.snapshot.get()?.load();
        let warn = |reason: &Unusable| {
            tracing::warn!(app = %self.name, version = %self.version, code = reason.code(), "the snapshot is not used: {reason}");
        };
        loaded.inspect_err(warn).ok()
    }

    /// Where the app's snapshot is kept.
    pub fn snapshot_path(manifest: &LoadedManifest) -> PathBuf {
        manifest.entrypoint().with_file_name(SNAPSHOT_FILE)
    }

    /// Memory limits of an isolate of this app.
    pub fn memory(&self) -> MemoryLimits {
        let heap = HeapLimits::of(bytes(self.limits.heap_mb));
        MemoryLimits { heap, array_buffers: bytes(self.limits.array_buffer_mb) }
    }

    /// Has the indexes made that the manifest declares, once in the life of this version.
    pub fn declare_indexes(&self, services: &Services) {
        // The manifest was checked when it was loaded.
        if !self.has_declared.swap(true, Ordering::Relaxed)
            && let Ok(declared) = self.manifest.manifest.database.declared()
        {
            services.declare(&self.name, declared);
        }
    }

    /// What an isolate and its invocations may use beside memory and time.
    pub fn invocation_limits(&self) -> InvocationLimits {
        let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        InvocationLimits {
            subrequests: u32::try_from(self.limits.subrequests).unwrap_or(u32::MAX),
            response_header_bytes: count(self.limits.response_header_bytes),
            response_body_bytes: self.limits.response_body_bytes,
            websockets: count(self.limits.websockets),
        }
    }

    /// Whether its next isolate begins behind those of all other apps: the last ones were stopped for what they used. One may
    /// have been an accident.
    pub fn is_on_probation(&self) -> bool {
        self.stopped_in_a_row.load(Ordering::Relaxed) > 1
    }

    /// Most time from a request to its response.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.limits.wall_ms)
    }

    /// Most CPU time of an invocation.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.limits.cpu_ms)
    }
}

fn bytes(mebibytes: u64) -> usize {
    usize::try_from(mebibytes << 20).unwrap_or(usize::MAX)
}

/// The version of an app that is served from where it was built: it follows from its manifest and its module.
fn version_of(manifest: &LoadedManifest, source: &str) -> Arc<str> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(manifest.document.text.as_bytes()).update(&[0]).update(source.as_bytes());
    hasher.finalize().to_hex()[..VERSION_DIGITS].into()
}

fn static_options(manifest: &LoadedManifest, root: PathBuf) -> StaticOptions {
    let routes = &manifest.manifest.routes;
    StaticOptions {
        root,
        prerendered: manifest.prerendered(),
        immutable: routes.immutable.clone(),
        fallback: routes.fallback.clone(),
    }
}
