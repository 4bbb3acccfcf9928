//! The apps of a host: which versions of each have traffic, and which app a request is for. It never loads one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use crate::isolate::pool::Pool;

/// Between the version and the app's name in the host name of a preview.
pub const PREVIEW_SEPARATOR: &str = "--";

/// A version of an app and its part of the requests.
#[derive(Clone)]
pub struct Share {
    /// The version's isolates.
    pub pool: Arc<Pool>,
    /// Of a hundred requests so many.
    pub percent: u8,
}

/// One app.
pub struct App {
    /// Its name.
    pub name: Arc<str>,
    /// The versions that have traffic.
    shares: RwLock<Arc<[Share]>>,
    /// Versions without traffic that somebody looked at.
    previews: RwLock<Vec<Arc<Pool>>>,
}

/// Previews of one app that are kept; the one looked at first goes first.
const MAX_PREVIEWS: usize = 8;

impl App {
    fn new(name: Arc<str>, shares: Vec<Share>) -> Self {
        Self { name, shares: RwLock::new(shares.into()), previews: RwLock::default() }
    }

    /// The versions that have traffic.
    pub fn shares(&self) -> Arc<[Share]> {
        self.shares.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the traffic to these versions and returns those that had it. They finish the requests they have.
    pub fn switch(&self, shares: Vec<Share>) -> Arc<[Share]> {
        let mut current = self.shares.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, shares.into())
    }

    /// The version for a request, if any has traffic, and whether its client is to be told to stay with that: the version it
    /// met before, which is asked for only where traffic is divided, else by the shares. `lot` is any number that differs from
    /// request to request.
    pub fn choose<'a>(&self, before: impl FnOnce() -> Option<&'a str>, lot: u64) -> Option<(Arc<Pool>, bool)> {
        let shares = self.shares();
        if let [only] = &*shares {
            return Some((only.pool.clone(), false));
        }
        let before = before();
        if let Some(share) = shares.iter().find(|share| before == Some(&*share.pool.deployment.version)) {
            return Some((share.pool.clone(), false));
        }
        // Consecutive numbers fall far apart, so that the shares are kept over few requests as well (Knuth's
        // multiplicative hashing).
        let mut lot = (lot.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100;
        let chosen = shares.iter().find(|share| {
            let chosen = lot < u64::from(share.percent);
            lot = lot.wrapping_sub(u64::from(share.percent));
            chosen
        });
        // A version that could not be brought back leaves its part to the others.
        chosen.or(shares.first()).map(|share| (share.pool.clone(), true))
    }

    /// One version, if it is loaded.
    pub fn version(&self, version: &str) -> Option<Arc<Pool>> {
        let is_wanted = |pool: &&Arc<Pool>| *pool.deployment.version == *version;
        let shares = self.shares();
        let shown = || self.previews.read().unwrap_or_else(PoisonError::into_inner).iter().find(is_wanted).cloned();
        shares.iter().map(|share| &share.pool).find(is_wanted).cloned().or_else(shown)
    }

    /// Keeps a version that has no traffic at hand.
    pub fn preview(&self, pool: Arc<Pool>) {
        let mut previews = self.previews.write().unwrap_or_else(PoisonError::into_inner);
        previews.retain(|other| other.deployment.version != pool.deployment.version);
        if previews.len() == MAX_PREVIEWS {
            previews.remove(0);
        }
        previews.push(pool);
    }

    /// Forgets a version that has no traffic.
    pub fn forget(&self, version: &str) {
        let mut previews = self.previews.write().unwrap_or_else(PoisonError::into_inner);
        previews.retain(|pool| *pool.deployment.version != *version);
    }
}

/// Which app requests are for, beside `<app>.<domain>`.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// The domain below which each app has its name.
    pub domain: String,
    /// Apps by host name.
    pub hosts: BTreeMap<String, Arc<str>>,
    /// Apps by the beginning of the path, the longest first.
    pub paths: Vec<(String, Arc<str>)>,
}

/// What a request is for.
pub enum Target {
    /// An app, whichever version.
    App(Arc<App>),
    /// One version of an app.
    Version(Arc<App>, String),
    /// No app has that host name or path.
    Unknown,
}

/// The apps of a host.
pub struct Apps {
    apps: RwLock<HashMap<Arc<str>, Arc<App>>>,
    /// The app that answers every name, if one alone has traffic.
    only: RwLock<Option<Only>>,
    routing: Routing,
}

/// The only app that has traffic.
struct Only {
    app: Arc<App>,
    /// Whether a request came to it for no other reason.
    was_needed: AtomicBool,
}

impl Apps {
    /// A host without apps.
    pub fn new(routing: Routing) -> Self {
        Self { apps: RwLock::default(), only: RwLock::default(), routing }
    }

    /// Adds an app, or gives all traffic of the one with this name to another version. Returns the versions that had it.
    pub fn put(&self, pool: Arc<Pool>) -> Arc<[Share]> {
        let name = pool.deployment.name.clone();
        self.share(&name, vec![Share { pool, percent: 100 }])
    }

    /// Divides the traffic of an app. Returns the versions that had it.
    pub fn share(&self, name: &Arc<str>, shares: Vec<Share>) -> Arc<[Share]> {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let before: Arc<[Share]> = match apps.get(name) {
            Some(app) => app.switch(shares),
            None => {
                apps.insert(name.clone(), Arc::new(App::new(name.clone(), shares)));
                Arc::new([])
            }
        };
        self.note_only(&apps);
        before
    }

    /// Takes an app away.
    pub fn remove(&self, name: &str) -> Option<Arc<App>> {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let removed = apps.remove(name);
        self.note_only(&apps);
        removed
    }

    /// The app of this name; one without traffic if it is new.
    pub fn get_or_add(&self, name: &Arc<str>) -> Arc<App> {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        apps.entry(name.clone()).or_insert_with(|| Arc::new(App::new(name.clone(), Vec::new()))).clone()
    }

    /// Previews alone make no other app of it: whoever looks at one changes nothing for the rest.
    fn note_only(&self, apps: &HashMap<Arc<str>, Arc<App>>) {
        let mut with_traffic = apps.values().filter(|app| !app.shares().is_empty());
        let (first, second) = (with_traffic.next(), with_traffic.next());
        let only = first.filter(|_| second.is_none());
        let mut noted = self.only.write().unwrap_or_else(PoisonError::into_inner);
        if noted.as_ref().map(|noted| Arc::as_ptr(&noted.app)) == only.map(Arc::as_ptr) {
            return;
        }
        let now = only.map(|app| Only { app: app.clone(), was_needed: AtomicBool::new(false) });
        let before = std::mem::replace(&mut *noted, now);
        drop(noted);
        if let Some(Only { app, was_needed }) = before
            && second.is_some()
            && was_needed.into_inner()
        {
            tracing::warn!(
                code = "ONLY_APP_NO_LONGER",
                app = %app.name,
                "another app has traffic now: names and paths that lead to no app are answered 404 instead of by this one"
            );
        }
    }

    /// An app by its name.
    pub fn get(&self, name: &str) -> Option<Arc<App>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All apps, by name.
    pub fn all(&self) -> Vec<Arc<App>> {
        let mut apps: Vec<_> = self.apps.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        apps.sort_by(|one, other| one.name.cmp(&other.name));
        apps
    }

    /// What a request is for. The host's name is [`super::host_name`]'s spelling, without a port.
    pub fn route(&self, host: &str, path: &str) -> Target {
        if let Some(target) = self.by_host(host) {
            return target;
        }
        let by_path = self.routing.paths.iter().find(|(prefix, _)| begins_with(path, prefix));
        if let Some(app) = by_path.and_then(|(_, name)| self.get(name)) {
            return Target::App(app);
        }
        let only = self.only.read().unwrap_or_else(PoisonError::into_inner);
        only.as_ref().map_or(Target::Unknown, |only| {
            only.was_needed.store(true, Relaxed);
            Target::App(only.app.clone())
        })
    }

    fn by_host(&self, host: &str) -> Option<Target> {
        if let Some(name) = self.routing.hosts.get(host) {
            return self.get(name).map(Target::App);
        }
        let name = host.strip_suffix(self.routing.domain.as_str())?.strip_suffix('.')?;
        if let Some(app) = self.get(name) {
            return Some(Target::App(app));
        }
        let (version, name) = name.split_once(PREVIEW_SEPARATOR)?;
        Some(Target::Version(self.get(name)?, version.to_owned()))
    }
}

/// Whether a path is `prefix` or lies below it.
fn begins_with(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apps() -> Apps {
        let hosts = BTreeMap::from([("shop.example".to_owned(), Arc::from("shop"))]);
        let paths = vec![("/blog".to_owned(), Arc::from("blog"))];
        let apps = Apps::new(Routing { domain: "localhost".to_owned(), hosts, paths });
        for name in ["shop", "blog"] {
            apps.get_or_add(&name.into());
        }
        apps
    }

    proptest! {
        /// No host name and no path leads to an app that has neither, and none ends the process.
        #[test]
        fn only_what_is_configured_leads_to_an_app(
            host in "((shop|blog|ab|0f--shop|--|é)(\\.|:|-)?){0,3}(example|localhost|)",
            path in "(/|/blog|/blogs|/blog/|é|\\*|%2e){0,3}",
        ) {
            let by_path = path == "/blog" || path.starts_with("/blog/");
            match apps().route(&host, &path) {
                Target::App(app) if &*app.name == "shop" => {
                    prop_assert!(host == "shop.example" || host == "shop.localhost", "{} {}", host, path);
                }
                Target::App(_) => prop_assert!(by_path || host == "blog.localhost", "{} {}", host, path),
                Target::Version(app, version) => {
                    prop_assert_eq!(host, format!("{version}--{}.localhost", app.name));
                }
                Target::Unknown => prop_assert!(!by_path, "{} {}", host, path),
            }
        }
    }
}
