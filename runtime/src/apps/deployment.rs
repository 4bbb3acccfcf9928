//! One version of an app, ready to be served: its module, its snapshot or code cache, its limits and its files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use orilla_bindings::AppEnv;
use orilla_bindings::invocation::InvocationLimits;
use orilla_snapshot::file::{self as snapshot_file, Snapshot};

use super::check::{entrypoint_source, missing_variables};
use super::manifest::LoadedManifest;
use super::manifest::limits::Limits;
use super::manifest::problem::Problems;
use super::source_map::SourceMap;
use crate::config::Config;
use crate::isolate::boot::MemoryLimits;
use crate::request::static_files::{ContentCache, StaticError, StaticFiles, StaticOptions};

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
    pub source: Arc<str>,
    /// The module's source map, if it has one.
    pub source_map: Arc<SourceMap>,
    /// Its environment.
    pub env: AppEnv,
    /// Its limits, the host's caps applied.
    pub limits: Limits,
    /// Its snapshot, if there is one that fits.
    pub snapshot: Option<Snapshot>,
    /// V8's code cache for the module.
    pub code_cache: CodeCache,
    /// Its static files.
    pub static_files: Option<StaticFiles>,
    /// What its manifest says of routes.
    pub manifest: LoadedManifest,
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
    pub fn load(manifest: LoadedManifest, config: &Config, cache: ContentCache) -> Result<Self, DeployError> {
        let source: Arc<str> = entrypoint_source(&manifest)?.into();
        let name = Name { app: manifest.manifest.name.as_str().into(), version: version_of(&manifest, &source) };
        Self::load_as(name, manifest, source, config, cache)
    }

    /// Reads what a manifest names, for the version of an app that has this name.
    pub fn load_as(
        Name { app: name, version }: Name,
        manifest: LoadedManifest,
        source: Arc<str>,
        config: &Config,
        cache: ContentCache,
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
            Some(root) => Some(StaticFiles::open(static_options(&manifest, root), cache)?),
            None => None,
        };
        // A debugger sees more of an app that starts from its source: what it does at module scope, too.
        let wants_snapshot = manifest.manifest.features.snapshot && !inspected;
        let snapshot = if wants_snapshot { find_snapshot(&manifest, &source, &env) } else { None };
        let source_map = Arc::new(SourceMap::find(&manifest.entrypoint(), &source));
        let code_cache = CodeCache::new(config.server.data_dir.join("code-cache"), &source);
        Ok(Self { name, version, source, source_map, env, limits, snapshot, code_cache, static_files, manifest })
    }

    /// Where the app's snapshot is kept.
    pub fn snapshot_path(manifest: &LoadedManifest) -> PathBuf {
        manifest.entrypoint().with_file_name(SNAPSHOT_FILE)
    }

    /// Memory limits of an isolate of this app.
    pub fn memory(&self) -> MemoryLimits {
        let bytes = |mebibytes: u64| usize::try_from(mebibytes << 20).unwrap_or(usize::MAX);
        MemoryLimits { heap: bytes(self.limits.heap_mb), array_buffers: bytes(self.limits.array_buffer_mb) }
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

    /// Most time from a request to its response.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.limits.wall_ms)
    }

    /// Most CPU time of an invocation.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.limits.cpu_ms)
    }
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
        immutable: routes.immutable.iter().map(|pattern| pattern.0.clone()).collect(),
        fallback: routes.fallback.clone(),
    }
}

fn find_snapshot(manifest: &LoadedManifest, source: &str, env: &BTreeMap<String, String>) -> Option<Snapshot> {
    let path = Deployment::snapshot_path(manifest);
    match snapshot_file::read(&path, source, env) {
        Ok(snapshot) => snapshot,
        Err(reason) => {
            tracing::warn!(code = reason.code(), file = %path.display(), "the snapshot is not used: {reason}");
            None
        }
    }
}

/// V8's code cache for one module: compiled once, kept in the data directory. A cache that V8 rejects is made anew.
#[derive(Clone)]
pub struct CodeCache {
    path: PathBuf,
    bytes: Arc<OnceLock<Arc<[u8]>>>,
}

impl CodeCache {
    fn new(directory: PathBuf, source: &str) -> Self {
        let path = directory.join(format!("{}.bin", snapshot_file::key(source)));
        Self { path, bytes: Arc::default() }
    }

    /// The cache, if there is a whole one.
    pub fn get(&self) -> Option<Arc<[u8]>> {
        if let Some(bytes) = self.bytes.get() {
            return Some(bytes.clone());
        }
        let file = std::fs::read(&self.path).ok()?;
        let (hash, content) = file.split_at_checked(32)?;
        if blake3::hash(content).as_bytes() != hash {
            return None;
        }
        Some(self.bytes.get_or_init(|| content.into()).clone())
    }

    /// Keeps a fresh one. Failing to is only a slower start next time.
    pub fn put(&self, content: &[u8]) {
        if self.bytes.set(content.into()).is_err() {
            return;
        }
        let mut file = blake3::hash(content).as_bytes().to_vec();
        file.extend_from_slice(content);
        if let Err(error) = self.write(&file) {
            tracing::debug!(file = %self.path.display(), %error, "the code cache cannot be kept");
        }
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let temporary = self.path.with_extension("part");
        std::fs::write(&temporary, bytes)?;
        std::fs::rename(&temporary, &self.path)
    }
}
