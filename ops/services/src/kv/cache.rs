//! Values in memory, in front of the store, and never older than the store's.
//!
//! The rule that makes it so: while a write to a key is in flight, the cache knows nothing about that key. Readers then
//! ask the store, and what they load is not kept. A value enters the cache in two ways only: by a load during which no
//! write began, or by a durable write that no other write overlapped. Neither can be outdated when it enters, whatever
//! the order in which loads and writes come back.
//!
//! Overlap is tracked per stripe of keys, not per key: two keys that share a stripe cost each other at most a miss.
//!
//! The rule sees the writes of this process only, so there is no cache in front of a store that others write to as well.
//! Being told of their writes would not help: word of a write arrives after its writer was told that it is done.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::{Address, AddressRef, Record};
use crate::clock::UnixMillis;

/// Enough stripes that unrelated writes rarely meet; 24 bytes each.
const STRIPES: usize = 4096;
/// What an entry costs beyond its strings: the map's slot, reference counts, eviction bookkeeping.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// A bounded cache of records, and of the knowledge that there is none.
pub(super) struct Cache {
    entries: moka::sync::Cache<Address, Option<Record>>,
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
}

#[derive(Default)]
struct Stripe {
    /// Writes that have begun and not ended.
    in_flight: usize,
    /// How many writes have ever begun.
    begun: u64,
}

/// What a reader noted before it asked the store.
pub(super) struct Load {
    stripe: usize,
    /// The stripe's count of writes, if none was in flight.
    begun: Option<u64>,
}

/// A write in flight. Dropping it ends the write without an entry.
pub(super) struct PendingWrite {
    cache: Arc<Cache>,
    address: Address,
    stripe: usize,
    begun: Option<u64>,
}

impl Cache {
    /// A cache that holds up to `max_bytes` of keys and values.
    pub(super) fn new(max_bytes: u64) -> Self {
        let entries = moka::sync::Cache::builder().name("kv").weigher(weigh).max_capacity(max_bytes).build();
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self { entries, stripes, hasher: RandomState::new() }
    }

    /// The record of a key, `Some(None)` if it is known to have none, or `None` if only the store can tell.
    pub(super) fn get(&self, address: &AddressRef<'_>) -> Option<Option<Record>> {
        self.entries.get(address)
    }

    /// Gives back the memory of a key that is gone.
    pub(super) fn forget(&self, address: &Address) {
        self.entries.invalidate(address);
    }

    /// Call before asking the store.
    pub(super) fn begin_load(&self, address: &AddressRef<'_>) -> Load {
        let stripe = self.stripe_of(address);
        let state = self.lock(stripe);
        Load { stripe, begun: (state.in_flight == 0).then_some(state.begun) }
    }

    /// Keeps what the store answered, unless a write may have overtaken it.
    pub(super) fn finish_load(&self, load: Load, address: Address, record: Option<Record>) {
        // The lock is held while the entry goes in, so that no write can begin in between.
        let state = self.lock(load.stripe);
        if load.begun == Some(state.begun) {
            self.entries.insert(address, record);
        }
    }

    /// Call before the store learns of a write.
    pub(super) fn begin_write(self: &Arc<Self>, address: Address) -> PendingWrite {
        let stripe = self.stripe_of(&address.borrowed());
        let mut state = self.lock(stripe);
        state.begun += 1;
        let begun = (state.in_flight == 0).then_some(state.begun);
        state.in_flight += 1;
        self.entries.invalidate(&address);
        drop(state);
        PendingWrite { cache: self.clone(), address, stripe, begun }
    }

    fn stripe_of(&self, address: &AddressRef<'_>) -> usize {
        self.hasher.hash_one(address) as usize % STRIPES
    }

    fn lock(&self, stripe: usize) -> MutexGuard<'_, Stripe> {
        // Every critical section leaves the counters consistent at each step, so a panic elsewhere changes nothing.
        self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingWrite {
    /// Call once the write is durable, with what the key now holds.
    pub(super) fn committed(self, record: Option<Record>) {
        let state = self.cache.lock(self.stripe);
        if self.begun == Some(state.begun) {
            self.cache.entries.insert(self.address.clone(), record);
        }
    }
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        self.cache.lock(self.stripe).in_flight -= 1;
    }
}

/// The value of a record, if its time has not passed.
pub(super) fn live(record: Option<Record>, now: impl FnOnce() -> UnixMillis) -> Option<Arc<str>> {
    let record = record?;
    match record.expires_at {
        Some(expires_at) if expires_at <= now() => None,
        _ => Some(record.value),
    }
}

fn weigh(address: &Address, record: &Option<Record>) -> u32 {
    let value = record.as_ref().map_or(0, |record| record.value.len());
    let Address { tenant, app, namespace, key } = address;
    let bytes = ENTRY_OVERHEAD_BYTES + tenant.len() + app.len() + namespace.len() + key.len() + value;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
