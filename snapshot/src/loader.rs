//! What an app may import: its own one module, the platform package and the `node:` modules there are.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;

use deno_core::error::ModuleLoaderError;
use deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleResolveResponse, ModuleSource,
    ModuleSourceCode, ModuleSpecifier, ModuleType, ResolutionKind, SourceCodeCacheInfo,
};
use deno_error::JsErrorBox;
use orilla_bindings::{PLATFORM_EVENTS_MODULE, PLATFORM_MODULE};

/// The URL of an app's module, as stack traces show it.
pub const ENTRYPOINT: &str = "file:///app/server.js";

/// Names of the platform package.
const PLATFORM_PACKAGES: [&str; 2] = ["@orilla/platform", "@maravilla-labs/platform"];

/// Takes the code cache that V8 made for the app's module.
pub type CodeCacheSink = Box<dyn Fn(&[u8])>;

/// Says what the source map of the app's module is, in JSON, if it has one.
pub type SourceMap = Box<dyn Fn() -> Option<Arc<[u8]>>>;

/// Loads one app.
pub struct AppLoader {
    /// The app's module.
    pub source: Arc<str>,
    /// V8's code cache for it, where there is one.
    pub code_cache: Option<Arc<[u8]>>,
    /// Where a fresh code cache goes; none is made without it.
    pub code_cache_sink: RefCell<Option<CodeCacheSink>>,
}

impl AppLoader {
    /// A loader without a code cache.
    pub fn new(source: Arc<str>) -> Self {
        Self { source, code_cache: None, code_cache_sink: RefCell::new(None) }
    }
}

/// The loader of an isolate that may not have its app yet.
#[derive(Default)]
pub struct LateLoader {
    /// The app, once it is there.
    pub app: RefCell<Option<AppLoader>>,
    /// The source map of the app's module, asked for when a stack trace first needs it; by isolates from the app's
    /// snapshot too, which load no module.
    pub source_map: RefCell<Option<SourceMap>>,
    /// Modules of the host that were imported dynamically.
    pub imported: RefCell<BTreeSet<String>>,
}

impl ModuleLoader for LateLoader {
    fn resolve(&self, specifier: &str, _referrer: &str, kind: ResolutionKind) -> ModuleResolveResponse {
        let resolved = resolve(specifier)?;
        if kind == ResolutionKind::DynamicImport && resolved.scheme() == "node" {
            self.imported.borrow_mut().insert(resolved.to_string());
        }
        Ok(resolved)
    }

    fn load(
        &self,
        specifier: &ModuleSpecifier,
        _referrer: Option<&ModuleLoadReferrer>,
        _options: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        let app = self.app.borrow();
        match app.as_ref() {
            Some(app) if specifier.as_str() == ENTRYPOINT => ModuleLoadResponse::Sync(Ok(module(app, specifier))),
            _ => ModuleLoadResponse::Sync(builtin(specifier)),
        }
    }

    fn code_cache_ready(
        &self,
        specifier: ModuleSpecifier,
        _hash: u64,
        code_cache: &[u8],
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        if specifier.as_str() == ENTRYPOINT
            && let Some(app) = self.app.borrow().as_ref()
            && let Some(sink) = app.code_cache_sink.borrow().as_ref()
        {
            sink(code_cache);
        }
        Box::pin(async {})
    }

    fn get_source_map(&self, file_name: &str) -> Option<Cow<'_, [u8]>> {
        let source_map = self.source_map.borrow();
        let content = source_map.as_ref().filter(|_| file_name == ENTRYPOINT)?()?;
        Some(Cow::Owned(content.to_vec()))
    }

    /// The app's sources need not be there: stack traces only name them.
    fn source_map_source_exists(&self, _source_url: &str) -> Option<bool> {
        Some(true)
    }
}

fn resolve(specifier: &str) -> ModuleResolveResponse {
    let target = match specifier {
        ENTRYPOINT => ENTRYPOINT,
        name if is_platform(name, "") => PLATFORM_MODULE,
        name if is_platform(name, "/events") => PLATFORM_EVENTS_MODULE,
        name if name.starts_with("node:") => name,
        name if is_node_builtin(name) => return parse(&format!("node:{name}")),
        name => return Err(not_found(name)),
    };
    parse(target)
}

fn is_platform(name: &str, subpath: &str) -> bool {
    PLATFORM_PACKAGES.iter().any(|package| name.strip_prefix(package) == Some(subpath))
}

fn parse(specifier: &str) -> ModuleResolveResponse {
    ModuleSpecifier::parse(specifier).map_err(|_| not_found(specifier))
}

/// Bundles also import Node's modules without the scheme.
fn is_node_builtin(name: &str) -> bool {
    crate::SOURCES.iter().any(|(specifier, _)| specifier.strip_prefix("node:") == Some(name))
}

fn module(app: &AppLoader, specifier: &ModuleSpecifier) -> ModuleSource {
    let wants_cache = app.code_cache.is_some() || app.code_cache_sink.borrow().is_some();
    let code_cache = wants_cache.then(|| {
        let mut hasher = DefaultHasher::new();
        app.source.hash(&mut hasher);
        SourceCodeCacheInfo { hash: hasher.finish(), data: app.code_cache.as_deref().map(|d| Cow::Owned(d.to_vec())) }
    });
    let code = ModuleSourceCode::String(app.source.clone().into());
    ModuleSource::new(ModuleType::JavaScript, code, specifier, code_cache)
}

/// A module of the host that is imported by name at the root of a graph; all others deno_core finds by itself.
fn builtin(specifier: &ModuleSpecifier) -> Result<ModuleSource, ModuleLoaderError> {
    let known = crate::SOURCES.binary_search_by(|(known, _)| (*known).cmp(specifier.as_str()));
    match known {
        Ok(index) if specifier.scheme() == "node" => {
            let code = ModuleSourceCode::String(crate::SOURCES[index].1.to_owned().into());
            Ok(ModuleSource::new(ModuleType::JavaScript, code, specifier, None))
        }
        _ => Err(not_found(specifier.as_str())),
    }
}

fn not_found(specifier: &str) -> ModuleLoaderError {
    let names = crate::SOURCES.iter().filter_map(|(specifier, _)| specifier.strip_prefix("node:"));
    let names: Vec<&str> = names.filter(|name| !name.starts_with('@')).collect();
    JsErrorBox::type_error(format!(
        "MODULE_NOT_FOUND: cannot import {specifier:?}: an app is one bundled module; it can import @orilla/platform and \
         these node: modules: {}",
        names.join(", ")
    ))
}
