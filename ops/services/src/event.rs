//! The seam between services and everything that reacts to them. A service publishes each committed mutation exactly
//! once, after it is durable; it never waits for a listener and never learns who listens.

use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast;

use crate::clock::UnixMillis;

/// Something that happened to an app's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The tenant whose data changed.
    pub tenant: Arc<str>,
    /// The app whose data changed.
    pub app: Arc<str>,
    /// The namespace or collection that holds the record.
    pub namespace: Arc<str>,
    /// The record's key, or the document's `_id`.
    pub key: Arc<str>,
    /// Orders the mutations of one store: a later one has a higher version, across restarts too.
    pub version: u64,
    /// When the mutation was asked for.
    pub at: UnixMillis,
    /// The document before and after, if one changed.
    pub document: Option<DocumentChange>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentChange {
    /// The document as it was, as JSON; none if it is new.
    pub before: Option<Arc<str>>,
    /// The document as it is now, as JSON; none if it is gone.
    pub after: Option<Arc<str>>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A key was created or replaced.
    KvPut,
    /// A key was deleted.
    KvDelete,
    /// A key was removed because its time had passed.
    KvExpired,
    /// A document was inserted.
    DocumentCreated,
    /// A document was changed.
    DocumentUpdated,
    /// A document was deleted.
    DocumentDeleted,
}

impl EventKind {
    /// The name under which apps and clients know this kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KvPut => "kv.put",
            Self::KvDelete => "kv.delete",
            Self::KvExpired => "kv.expired",
            Self::DocumentCreated => "db.document.created",
            Self::DocumentUpdated => "db.document.updated",
            Self::DocumentDeleted => "db.document.deleted",
        }
    }
}

/// Takes events from services. Must return quickly: it is called on the way of every write.
pub trait EventBus: Send + Sync + 'static {
    /// Hands an event on.
    fn publish(&self, event: Event);
}

/// Events that a listener of a [`LocalBus`] may fall behind by before it loses the oldest.
pub const LOCAL_BUS_CAPACITY: usize = 4096;

/// The event bus of a single process. A listener that falls too far behind is told how many events it missed.
#[derive(Clone, Debug, Default)]
pub struct LocalBus {
    /// Made for the first listener: its 600 kB need not be found at the start of a host where nobody listens.
    events: Arc<OnceLock<broadcast::Sender<Event>>>,
}

impl LocalBus {
    /// A bus without listeners.
    pub fn new() -> Self {
        Self::default()
    }

    /// Receives every event published from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.get_or_init(|| broadcast::Sender::new(LOCAL_BUS_CAPACITY)).subscribe()
    }
}

impl EventBus for LocalBus {
    fn publish(&self, event: Event) {
        if let Some(events) = self.events.get() {
            // The only error is that nobody listens any more, which is no one's fault.
            let _ = events.send(event);
        }
    }
}
