//! What KV asks of a back end. A store keeps bytes durable and in order; it checks no limits, decides no access and
//! reads no clock.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use moka::Equivalent;

use crate::clock::UnixMillis;
use crate::gate::Scope;

/// Where a key lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The tenant that owns the key.
    pub tenant: Arc<str>,
    /// The app that owns the key.
    pub app: Arc<str>,
    /// The namespace within the app.
    pub namespace: Arc<str>,
    /// The key within the namespace.
    pub key: Arc<str>,
}

impl Address {
    /// The address of a key within a scope.
    pub fn new(scope: &Scope<'_>, namespace: &str, key: &str) -> Self {
        Self { tenant: scope.tenant().clone(), app: scope.app().clone(), namespace: namespace.into(), key: key.into() }
    }

    /// The same address, owning nothing.
    pub fn borrowed(&self) -> AddressRef<'_> {
        AddressRef { tenant: &self.tenant, app: &self.app, namespace: &self.namespace, key: &self.key }
    }
}

/// An [`Address`] that owns nothing: two of them are equal, and hash alike, when the addresses they stand for do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRef<'a> {
    /// The tenant that owns the key.
    pub tenant: &'a str,
    /// The app that owns the key.
    pub app: &'a str,
    /// The namespace within the app.
    pub namespace: &'a str,
    /// The key within the namespace.
    pub key: &'a str,
}

impl<'a> AddressRef<'a> {
    /// The address of a key within a scope.
    pub fn new(scope: &Scope<'a>, namespace: &'a str, key: &'a str) -> Self {
        Self { tenant: scope.tenant(), app: scope.app(), namespace, key }
    }
}

impl Equivalent<Address> for AddressRef<'_> {
    fn equivalent(&self, other: &Address) -> bool {
        *self == other.borrowed()
    }
}

/// A stored value, expired or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The value.
    pub value: Arc<str>,
    /// From when the key counts as absent.
    pub expires_at: Option<UnixMillis>,
}

/// The name of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key.
    pub name: String,
    /// From when the key counts as absent.
    pub expires_at: Option<UnixMillis>,
}

/// The name of a namespace, in the order of tenant, app and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespaceName {
    /// The tenant that owns it.
    pub tenant: Arc<str>,
    /// The app that owns it.
    pub app: Arc<str>,
    /// Its name within the app.
    pub namespace: Arc<str>,
}

/// A change to one key, on its way to be made durable.
///
/// A store calls [`Write::committed`] once the change is durable, before it lets the writer know, and in commit order;
/// it does so even if the writer no longer waits. It drops a write whose change did not happen.
pub struct Write {
    /// The key to change.
    pub address: Address,
    /// What to do with it.
    pub change: Change,
    /// The moment of the call.
    pub now: UnixMillis,
    on_commit: Box<dyn FnOnce(Option<u64>) + Send + Sync>,
}

/// What to do with a key.
#[derive(Clone, Debug)]
pub enum Change {
    /// Create or replace it.
    Put(Record),
    /// Remove it. An expired record counts as absent and is left to the sweep.
    Delete,
}

impl Write {
    /// Only the service makes writes, after the gate. `on_commit` receives what the store passes to [`Write::committed`].
    pub(super) fn new(
        address: Address,
        change: Change,
        now: UnixMillis,
        on_commit: impl FnOnce(Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        Self { address, change, now, on_commit: Box::new(on_commit) }
    }

    /// Reports that the change is durable as the given version, or that there was nothing to delete.
    pub fn committed(self, version: Option<u64>) {
        (self.on_commit)(version);
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Write").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A request to remove expired records of all tenants: made by the host on its own behalf, never for a caller.
pub struct Sweep {
    /// Records that expire at this moment or earlier go.
    pub now: UnixMillis,
    /// Most records to remove.
    pub limit: u32,
    on_commit: Box<dyn FnOnce(Vec<Swept>) + Send + Sync>,
}

/// A record that was removed because its time had passed.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The key that is gone.
    pub address: Address,
    /// The version of its removal.
    pub version: u64,
}

impl Sweep {
    /// A sweep. `on_commit` receives what the store passes to [`Sweep::committed`].
    pub(super) fn new(now: UnixMillis, limit: u32, on_commit: impl FnOnce(Vec<Swept>) + Send + Sync + 'static) -> Self {
        Self { now, limit, on_commit: Box::new(on_commit) }
    }

    /// Reports what is durably gone; the duties of [`Write::committed`] hold.
    pub fn committed(self, swept: Vec<Swept>) {
        (self.on_commit)(swept);
    }
}

/// A span of keys in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key that may be in it.
    pub from: String,
    /// The first key beyond it; without one it is open.
    pub until: Option<String>,
}

/// Why a store could not do what it was asked. Whatever was acknowledged before is safe, and later calls may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space is left.
    #[error("the write was not stored because storage is full: free disk space or raise the quota, then try again")]
    Full,
    /// The store cannot be reached or cannot do its work right now.
    #[error("storage is unavailable: try again, and see the server's log if it lasts ({0})")]
    Unavailable(String),
    /// The store has been closed.
    #[error("storage is closed because the server is shutting down: try again in a moment")]
    Closed,
}

/// A back end of KV.
#[async_trait]
pub trait KvStore: Send + Sync + 'static {
    /// Reads a record, expired or not, as of the latest commit.
    async fn get(&self, scope: &Scope<'_>, namespace: &str, key: &str) -> Result<Option<Record>, StoreError>;

    /// Makes a change durable. Changes made from one thread take effect in the order in which they are first polled.
    async fn write(&self, write: Write) -> Result<(), StoreError>;

    /// Reads the first `limit` keys of a range that have not expired at `now`, in byte order.
    async fn list(
        &self,
        scope: &Scope<'_>,
        namespace: &str,
        range: &KeyRange,
        limit: u32,
        now: UnixMillis,
    ) -> Result<Vec<StoredKey>, StoreError>;

    /// The first namespace after a name, in byte order, that holds a record, be it one that has expired. There need not be
    /// a namespace of that name.
    async fn next_namespace(&self, after: &NamespaceName) -> Result<Option<NamespaceName>, StoreError>;

    /// Removes expired records, earliest first, and says how many.
    async fn sweep(&self, sweep: Sweep) -> Result<usize, StoreError>;

    /// Whether other processes may change the records, too. Whatever is kept of them in memory may then be outdated.
    fn shared(&self) -> bool;

    /// A secret made when the store was created, the same ever since, that nobody outside the host can know.
    async fn cursor_secret(&self) -> Result<[u8; 32], StoreError>;

    /// Makes everything accepted so far durable and lets go of all resources. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;
}
