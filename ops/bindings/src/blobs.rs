//! The blobs of one isolate. Their bytes lie outside V8's heap and outside its ArrayBuffers, so they are counted here. It only
//! counts; whoever made it says what happens beyond the limit.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deno_core::url::Url;
use deno_web::{Blob, BlobPart, BlobStore, BlobStoreTrait};
use uuid::Uuid;

/// A blob store that counts bytes. A slice counts like a copy, although it shares its bytes.
pub struct CountedBlobs {
    inner: BlobStore,
    parts: Mutex<HashMap<Uuid, usize>>,
    /// What object URLs keep alive.
    urls: Mutex<HashMap<Url, usize>>,
    used: AtomicUsize,
    limit: AtomicUsize,
    beyond: Box<dyn Fn() + Send + Sync>,
}

impl CountedBlobs {
    /// An empty store of at most `limit` bytes. What goes beyond is stored too, and `beyond` is called.
    pub fn new(limit: usize, beyond: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            inner: BlobStore::default(),
            parts: Mutex::default(),
            urls: Mutex::default(),
            used: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            beyond,
        }
    }

    /// Changes the limit, for an isolate that gets its app after it was booted.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Whether so much is in use that it is worth looking for blobs nobody can reach.
    pub fn is_half_full(&self) -> bool {
        self.used() > self.limit.load(Relaxed) / 2
    }

    fn take(&self, bytes: usize) {
        if self.used.fetch_add(bytes, Relaxed) + bytes > self.limit.load(Relaxed) {
            (self.beyond)();
        }
    }

    fn give_back(&self, bytes: Option<usize>) {
        self.used.fetch_sub(bytes.unwrap_or(0), Relaxed);
    }
}

impl Debug for CountedBlobs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CountedBlobs({} bytes)", self.used())
    }
}

impl BlobStoreTrait for CountedBlobs {
    fn insert_part(&self, part: Arc<dyn BlobPart + Send + Sync>) -> Uuid {
        let size = part.size();
        let id = self.inner.insert_part(part);
        lock(&self.parts).insert(id, size);
        self.take(size);
        id
    }

    fn get_part(&self, id: &Uuid) -> Option<Arc<dyn BlobPart + Send + Sync>> {
        self.inner.get_part(id)
    }

    fn remove_part(&self, id: &Uuid) -> Option<Arc<dyn BlobPart + Send + Sync>> {
        self.give_back(lock(&self.parts).remove(id));
        self.inner.remove_part(id)
    }

    fn get_object_url(&self, url: Url) -> Option<Arc<Blob>> {
        self.inner.get_object_url(url)
    }

    fn insert_object_url(&self, blob: Blob, location: Option<Url>) -> Url {
        let size = blob.parts.iter().map(|part| part.size()).sum();
        let url = self.inner.insert_object_url(blob, location);
        lock(&self.urls).insert(url.clone(), size);
        self.take(size);
        url
    }

    fn remove_object_url(&self, url: &Url) {
        self.give_back(lock(&self.urls).remove(url));
        self.inner.remove_object_url(url);
    }

    fn clear(&self) {
        lock(&self.parts).clear();
        lock(&self.urls).clear();
        self.used.store(0, Relaxed);
        self.inner.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
