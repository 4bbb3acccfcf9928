//! The key-value store: strings under string keys, in namespaces, each with an optional time to live.
//!
//! This module holds the rules: who may, what is valid, when a key has expired, what a page of keys is. Where the bytes
//! are kept is the business of a [`KvStore`]; [`cache`] keeps recent ones in memory without ever being stale, where the
//! store is this process's own.

mod cache;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursor;
mod error;
pub mod limits;
mod namespaces;
pub mod read_turns;
pub mod store;
mod transfer;
pub mod write_queue;

use std::sync::Arc;
use std::time::Duration;

use self::cache::{Cache, live};

pub use self::error::KvError;
pub use self::namespaces::NamespacePage;
use self::store::{Address, AddressRef, Change, KeyRange, KvStore, Record, Sweep, Swept, Write};
pub use self::transfer::{copy_namespace, digest_namespace, namespaces_of};
use crate::caller::Caller;
use crate::clock::{Clock, UnixMillis};
use crate::cursor::CursorSeal;
use crate::event::{Event, EventBus, EventKind};
use crate::gate::{Action, Denied, Gate, Request, Scope, Service};

/// How often expired keys are removed. They are absent to every reader from the moment they expire.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Most keys that one transaction of the sweep removes, so that it never holds up writes for long.
pub const SWEEP_BATCH: u32 = 500;

/// The KV service of one host, shared by all its isolates.
pub struct Kv {
    store: Arc<dyn KvStore>,
    gate: Gate,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventBus>,
    /// None in front of a store that other processes share.
    cache: Option<Arc<Cache>>,
    cursors: CursorSeal,
}

/// Settings of the KV service.
#[derive(Clone, Copy, Debug)]
pub struct KvConfig {
    /// Most memory for cached keys and values, in bytes. A store that other processes share has no cache.
    pub cache_bytes: u64,
}

impl Default for KvConfig {
    /// 64 MiB of cache.
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// When a put expires: at most one of the two. Neither means never.
#[derive(Clone, Copy, Debug, Default)]
pub struct PutOptions {
    /// Seconds from now, a whole number.
    pub ttl: Option<f64>,
    /// Unix time in seconds, a whole number.
    pub expiration: Option<f64>,
}

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListOptions<'o> {
    /// Only keys that start with this.
    pub prefix: &'o str,
    /// Most keys in the page: 1 to 1000, which is the default.
    pub limit: Option<f64>,
    /// Where an earlier page with the same prefix ended.
    pub cursor: Option<&'o str>,
}

/// One page of keys, in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// Where the next page starts, if there is one.
    pub cursor: Option<String>,
}

/// A key in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key.
    pub name: String,
    /// Unix time in seconds at which it expires, rounded down.
    pub expiration: Option<u64>,
}

impl Kv {
    /// A service on top of a store.
    pub async fn open(
        store: Arc<dyn KvStore>,
        gate: Gate,
        clock: Arc<dyn Clock>,
        events: Arc<dyn EventBus>,
        config: KvConfig,
    ) -> Result<Self, KvError> {
        let cursors = CursorSeal::new(store.cursor_secret().await?);
        let cache = (!store.shared()).then(|| Arc::new(Cache::new(config.cache_bytes)));
        Ok(Self { store, gate, clock, events, cache, cursors })
    }

    /// What [`Kv::get`] would answer, if memory can tell; `None` if it cannot. Waits for nothing and allocates nothing.
    pub fn get_cached(&self, caller: &Caller, namespace: &str, key: &str) -> Option<Option<Arc<str>>> {
        let scope = self.admit(caller, Action::Read, namespace, key).ok()?;
        self.lookup(&AddressRef::new(&scope, namespace, key))
    }

    /// Reads a value. An absent or expired key has none.
    pub async fn get(&self, caller: &Caller, namespace: &str, key: &str) -> Result<Option<Arc<str>>, KvError> {
        limits::check_namespace(namespace)?;
        limits::check_key(key)?;
        let scope = self.admit(caller, Action::Read, namespace, key)?;
        let address = AddressRef::new(&scope, namespace, key);
        if let Some(known) = self.lookup(&address) {
            return Ok(known);
        }
        let load = self.cache.as_ref().map(|cache| (cache, cache.begin_load(&address)));
        let record = self.store.get(&scope, namespace, key).await?;
        if let Some((cache, load)) = load {
            cache.finish_load(load, Address::new(&scope, namespace, key), record.clone());
        }
        Ok(live(record, || self.clock.now()))
    }

    /// Stores a value in place of whatever the key held, its expiry included. Durable once it returns.
    pub async fn put(
        &self,
        caller: &Caller,
        namespace: &str,
        key: &str,
        value: Arc<str>,
        options: PutOptions,
    ) -> Result<(), KvError> {
        limits::check_namespace(namespace)?;
        limits::check_key(key)?;
        limits::check_value(&value)?;
        let now = self.clock.now();
        let expires_at = limits::expires_at(&options, now)?;
        let scope = self.admit(caller, Action::Write, namespace, key)?;
        let record = Record { value, expires_at };
        self.write(Address::new(&scope, namespace, key), Change::Put(record), now).await
    }

    /// Removes a key; one that is absent is fine. Durable once it returns.
    pub async fn delete(&self, caller: &Caller, namespace: &str, key: &str) -> Result<(), KvError> {
        limits::check_namespace(namespace)?;
        limits::check_key(key)?;
        let scope = self.admit(caller, Action::Delete, namespace, key)?;
        self.write(Address::new(&scope, namespace, key), Change::Delete, self.clock.now()).await
    }

    /// Lists keys in byte order of their UTF-8. A key that is there throughout appears on exactly one page, whatever
    /// else changes between pages.
    pub async fn list(&self, caller: &Caller, namespace: &str, options: ListOptions<'_>) -> Result<KeyPage, KvError> {
        limits::check_namespace(namespace)?;
        limits::check_prefix(options.prefix)?;
        let limit = limits::list_limit(&options)?;
        let prefix = options.prefix;
        let scope = self.admit(caller, Action::List, namespace, prefix)?;
        let from = match options.cursor {
            None => prefix.to_owned(),
            // Keys hold no U+0000, so nothing lies between a key and this.
            Some(cursor) => cursor::open(&self.cursors, &scope, namespace, prefix, cursor)? + "\0",
        };
        let range = KeyRange { from, until: successor(prefix) };
        // One key more than asked for tells whether there is a next page.
        let mut found = self.store.list(&scope, namespace, &range, limit + 1, self.clock.now()).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more);
        let cursor = last.map(|last| cursor::seal(&self.cursors, &scope, namespace, prefix, &last.name));
        let expiration = |expires_at: UnixMillis| expires_at / 1000;
        let keys = found.into_iter().map(|key| KeyInfo { name: key.name, expiration: key.expires_at.map(expiration) });
        Ok(KeyPage { keys: keys.collect(), cursor })
    }

    /// Removes every key whose time has passed, and says how many there were.
    pub async fn sweep(&self) -> Result<usize, KvError> {
        let now = self.clock.now();
        let mut total = 0;
        loop {
            let (cache, events) = (self.cache.clone(), self.events.clone());
            let announce = move |swept: Vec<Swept>| {
                for Swept { address, version } in swept {
                    if let Some(cache) = &cache {
                        cache.forget(&address);
                    }
                    events.publish(event(EventKind::KvExpired, address, version, now));
                }
            };
            let removed = self.store.sweep(Sweep::new(now, SWEEP_BATCH, announce)).await?;
            total += removed;
            if removed < SWEEP_BATCH as usize {
                return Ok(total);
            }
        }
    }

    /// Sweeps for ever. The host runs it once, beside serving, and drops it to stop.
    pub async fn run_sweeper(&self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(code = error.code(), %error, "expired KV keys could not be removed; trying again");
            }
        }
    }

    /// Waits until everything accepted so far is durable, then closes the store.
    pub async fn close(&self) -> Result<(), KvError> {
        Ok(self.store.close().await?)
    }

    fn admit<'c>(
        &self,
        caller: &'c Caller,
        action: Action,
        namespace: &str,
        record: &str,
    ) -> Result<Scope<'c>, Denied> {
        self.gate.admit(caller, &Request { service: Service::Kv, action, resource: namespace, record })
    }

    fn lookup(&self, address: &AddressRef<'_>) -> Option<Option<Arc<str>>> {
        self.cache.as_ref()?.get(address).map(|record| live(record, || self.clock.now()))
    }

    /// What follows from a commit is attached to the write itself, so that it happens even if the caller is gone.
    async fn write(&self, address: Address, change: Change, now: UnixMillis) -> Result<(), KvError> {
        let pending = self.cache.as_ref().map(|cache| cache.begin_write(address.clone()));
        let (kind, record) = match &change {
            Change::Put(record) => (EventKind::KvPut, Some(record.clone())),
            Change::Delete => (EventKind::KvDelete, None),
        };
        let (events, changed) = (self.events.clone(), address.clone());
        let on_commit = move |version: Option<u64>| {
            if let Some(pending) = pending {
                pending.committed(record);
            }
            if let Some(version) = version {
                events.publish(event(kind, changed, version, now));
            }
        };
        Ok(self.store.write(Write::new(address, change, now, on_commit)).await?)
    }
}

fn event(kind: EventKind, address: Address, version: u64, at: UnixMillis) -> Event {
    let Address { tenant, app, namespace, key } = address;
    Event { kind, tenant, app, namespace, key, version, at, document: None }
}

/// The first string, in byte order, after all that start with `prefix`; none if they reach to the end. The order of
/// UTF-8 bytes is that of code points, so it is the prefix with its last code point moved on by one.
fn successor(prefix: &str) -> Option<String> {
    let stem = prefix.trim_end_matches(char::MAX);
    let last = stem.chars().next_back()?;
    let mut successor = stem[..stem.len() - last.len_utf8()].to_owned();
    successor.extend((last..=char::MAX).nth(1));
    Some(successor)
}
