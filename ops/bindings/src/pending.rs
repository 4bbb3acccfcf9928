//! What waits outside an isolate, and nobody else counts: values in calls of services under way and those that they bring, messages
//! for slow WebSockets, and messages of WebSockets that the app has not taken yet, or that are still arriving.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use deno_core::OpState;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::BindingError;
use crate::limits::MAX_KV_READS;

/// Bounds what waits outside an isolate to so many bytes of each kind. Nothing does so far.
pub fn bound(state: &mut OpState, bytes: usize) {
    state.put(PendingBytes::new(bytes));
    state.put(UnreadBytes::new(bytes));
    state.put(KvReads(Arc::new(Semaphore::new(MAX_KV_READS))));
    state.put(DerivationTurns::new(bytes));
}

/// Bytes that wait, of which there may be so many.
#[derive(Clone, Default)]
pub struct PendingBytes {
    used: Arc<AtomicUsize>,
    /// How many there may be. Nor may a chunk decompress to more.
    pub limit: usize,
}

/// Bytes of one that waits; they are given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl PendingBytes {
    /// Nothing, with a limit.
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// How many wait.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Counts what is to wait. One alone may be of any size, for whoever takes it has limits of its own. The isolate's thread is
    /// the only one that calls this.
    ///
    /// # Errors
    /// [`BindingError::TooMuchPending`]
    pub fn hold(&self, bytes: usize) -> Result<Held, BindingError> {
        let used = self.used.load(Relaxed);
        if used > 0 && used + bytes > self.limit {
            return Err(BindingError::TooMuchPending(self.limit));
        }
        self.used.fetch_add(bytes, Relaxed);
        Ok(Held { used: self.used.clone(), bytes })
    }
}

/// Turns at reading KV. What a read brings waits outside the isolate until its turn ends, and the isolate may be stuck in JavaScript.
pub(crate) struct KvReads(pub(crate) Arc<Semaphore>);

/// Turns at deriving keys from passwords beside the isolate, which take its time and memory that nobody else counts.
#[derive(Clone)]
pub(crate) struct DerivationTurns {
    memory: Arc<Semaphore>,
    limit: u32,
}

impl DerivationTurns {
    fn new(limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self { memory: Arc::new(Semaphore::new(limit as usize)), limit }
    }

    /// Waits until there is so much memory for it. Half of all at least, so that two work at a time; one that needs more than all
    /// works alone.
    pub(crate) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes).unwrap_or(self.limit).clamp(self.limit / 2, self.limit);
        self.memory.clone().acquire_many_owned(permits).await.ok()
    }
}

/// Bytes of WebSocket messages that are on their way to an app or wait for it, of all connections of an isolate. Whoever has more
/// for it waits.
#[derive(Clone)]
pub struct UnreadBytes {
    /// Of those that are here. Their room is given back when the app takes them.
    here: Arc<Semaphore>,
    /// Of those of which a part is here. Their room is given back when the rest has come and there is room for them as a whole.
    arriving: Arc<Semaphore>,
    limit: u32,
}

impl UnreadBytes {
    /// Nothing, with a limit.
    pub fn new(limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let room = || Arc::new(Semaphore::new(limit as usize));
        Self { here: room(), arriving: room(), limit }
    }

    /// Counts what is to wait, as soon as there is room for it. One that is larger alone takes all of it.
    pub async fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.here.clone().acquire_many_owned(self.at_most(bytes)).await.ok()
    }

    /// Counts what is to arrive, as soon as there is room for all of it. One that is larger alone takes all of it.
    pub async fn arrive(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.arriving.clone().acquire_many_owned(self.at_most(bytes)).await.ok()
    }

    fn at_most(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).map_or(self.limit, |bytes| bytes.min(self.limit))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Relaxed);
    }
}
