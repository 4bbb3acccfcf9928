//! Static files: which requests a deployment's static directory answers, and with which status, headers and bytes.
//!
//! A deployment's files do not change while it is served. So the directory is walked once, for names only, and a
//! request path is a key into the resulting index: no text from a request ever reaches the file system, and a path
//! that names no file (most requests to an app) costs one hash lookup and no system call.
//!
//! When the work is done decides how soon a process answers. [`StaticFiles::open`] asks only whether the directory is
//! there. The walk happens on the first request, or in [`StaticFiles::warm`], which a host runs beside the boot of its
//! first isolate. A file is read, and hashed for its entity tag, when it is first asked for. Hashing everything at
//! start would delay the first byte by the size of the app; a lookup per request instead of an index would tax every
//! request that the app itself answers.
//!
//! Never here: sending bytes, request limits, logs of requests, and anything that writes. The calling thread is never
//! blocked: what is not in memory is read on tokio's blocking threads.

mod conditions;
mod content;
mod error;
mod index;
mod negotiate;
pub mod path;
mod range;
mod reply;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderMap, Method};
use tokio::sync::OnceCell;

pub use content::{ContentCache, SMALL_FILE_BYTES};
pub use error::StaticError;
pub use index::{MAX_FILES, Skipped};
pub use path::PathError;
pub use reply::{StaticBody, StaticReply};

use crate::apps::manifest::pattern::UrlPattern;
use content::{Facts, Representation, Source};
use index::{Index, Resource, Route};
use negotiate::Encoding;

/// What a manifest says about static files. Files are named relative to `root`, pages by their decoded URL path.
#[derive(Debug, Clone, Default)]
pub struct StaticOptions {
    /// The static directory.
    pub root: PathBuf,
    /// Prerendered pages: URL path to file. Whether a path ends in a slash is part of it.
    pub prerendered: BTreeMap<String, String>,
    /// The URL paths whose content never changes.
    pub immutable: Vec<UrlPattern>,
    /// The page for navigations that nothing else answers, for apps that route in the browser.
    pub fallback: Option<String>,
}

/// The answer of the static directory to a request.
#[derive(Debug)]
pub enum Lookup {
    /// A file, a redirect to one, or what the request's conditions make of it (304, 412, 416, 406).
    Found(StaticReply),
    /// Nothing here by that name or for that method: the app's turn.
    NotFound,
    /// A reply that ends the request: 400 for a path that must not reach an app either, 500 when the directory or
    /// the file cannot be read (the cause is logged).
    Refused(StaticReply),
}

/// The static files of one deployment. Clones share one index.
#[derive(Clone)]
pub struct StaticFiles {
    site: Arc<Site>,
}

struct Site {
    options: StaticOptions,
    cache: ContentCache,
    index: OnceCell<Index>,
}

impl StaticFiles {
    /// Checks that the static directory is there; reads nothing in it yet.
    ///
    /// Fails with [`StaticError::Directory`].
    pub fn open(mut options: StaticOptions, cache: ContentCache) -> Result<Self, StaticError> {
        let unusable = |source| StaticError::Directory { path: options.root.clone(), source };
        let root = fs::canonicalize(&options.root).map_err(unusable)?;
        if !root.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        options.root = root;
        Ok(Self { site: Arc::new(Site { options, cache, index: OnceCell::new() }) })
    }

    /// Walks the directory now rather than on the first request, and tells what in it is not served.
    ///
    /// Fails when the directory cannot be read, holds more than [`MAX_FILES`] files or lacks a page that the manifest
    /// lists; requests are then refused with 500, until it can be read.
    pub async fn warm(&self) -> Result<&[Skipped], StaticError> {
        self.index().await.map(|index| index.skipped.as_slice())
    }

    /// Answers a request. `target` is the path as it was received, still percent-encoded; a query after it plays no
    /// part but is kept by redirects. Only GET and HEAD are answered.
    pub async fn respond(&self, method: &Method, target: &str, headers: &HeaderMap) -> Lookup {
        if method != Method::GET && method != Method::HEAD {
            return Lookup::NotFound;
        }
        let (raw, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let path = match path::decode(raw) {
            Ok(path) => path,
            Err(error) => return Lookup::Refused(StaticReply::bad_path(error)),
        };
        let Some(path) = path.file() else { return Lookup::NotFound };
        let index = match self.index().await {
            Ok(index) => index,
            Err(error) => return refuse(&error),
        };
        match index.find(&path) {
            None => Lookup::NotFound,
            Some(Route::Redirect(to)) => Lookup::Found(StaticReply::redirect(to, query)),
            Some(Route::File(resource)) => self.serve(resource, method, headers).await,
        }
    }

    /// The fallback page, for a GET or HEAD that asks for `text/html` by name. To be asked when neither
    /// [`Self::respond`] nor the app knows the path.
    pub async fn fallback(&self, method: &Method, headers: &HeaderMap) -> Option<StaticReply> {
        if (method != Method::GET && method != Method::HEAD) || !negotiate::accepts_html(headers) {
            return None;
        }
        let lookup = match self.index().await {
            Ok(index) => self.serve(index.fallback.as_ref()?, method, headers).await,
            Err(error) => refuse(&error),
        };
        match lookup {
            Lookup::Found(reply) | Lookup::Refused(reply) => Some(reply),
            Lookup::NotFound => None,
        }
    }

    /// The index, built by whoever needs it first while the others wait. Where that fails the next one tries: what is missing may
    /// be on its way.
    async fn index(&self) -> Result<&Index, StaticError> {
        let build = async || {
            let site = self.site.clone();
            blocking(move || Index::build(&site.options)).await
        };
        self.site.index.get_or_try_init(build).await
    }

    async fn serve(&self, resource: &Resource, method: &Method, headers: &HeaderMap) -> Lookup {
        let available = |encoding| resource.representation(encoding).is_some();
        let chosen = negotiate::choose_encoding(headers, available);
        let Some(representation) = chosen.and_then(|encoding| resource.representation(encoding)) else {
            return Lookup::Found(StaticReply::not_acceptable());
        };
        if let Some(reply) = self.recall(resource, representation, method, headers) {
            return Lookup::Found(reply);
        }
        let turn = representation.first_read().await;
        if turn.is_some()
            && let Some(reply) = self.recall(resource, representation, method, headers)
        {
            return Lookup::Found(reply);
        }
        let (file, cache) = (representation.clone(), self.site.cache.clone());
        let read = blocking(move || {
            let _turn = turn;
            file.read(&cache)
        });
        match read.await {
            Ok((facts, source)) => {
                let answer = conditions::evaluate(method, headers, &facts);
                let body = answer.sends(method, &facts).map_or(StaticBody::Empty, |span| source.body(span));
                Lookup::Found(StaticReply::of(resource, representation.encoding, &facts, answer, body))
            }
            Err(error @ StaticError::Gone { .. }) => {
                tracing::warn!(code = error.code(), "{error}");
                Lookup::NotFound
            }
            Err(error) => refuse(&error),
        }
    }

    /// The reply, when it needs nothing from disk.
    fn recall(
        &self,
        resource: &Resource,
        representation: &Representation,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<StaticReply> {
        let facts: Arc<Facts> = representation.facts()?;
        let answer = conditions::evaluate(method, headers, &facts);
        let body = match answer.sends(method, &facts) {
            None => StaticBody::Empty,
            Some(span) => Source::Memory(self.site.cache.get(&facts)?).body(span),
        };
        Some(StaticReply::of(resource, representation.encoding, &facts, answer, body))
    }
}

fn refuse(error: &StaticError) -> Lookup {
    tracing::error!(code = error.code(), "{error}");
    Lookup::Refused(StaticReply::unreadable(error))
}

/// Runs what touches the file system where it may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StaticError> + Send + 'static,
) -> Result<T, StaticError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StaticError::Interrupted))
}
