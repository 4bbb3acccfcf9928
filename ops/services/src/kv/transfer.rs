//! Copying namespaces between stores, each record with its exact expiry. No host is told of it: nobody serves from a store
//! that is being filled.

use std::sync::Arc;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::namespaces::next_of;
use super::store::{Address, Change, KeyRange, KvStore, Record, StoredKey, Write};
use super::{KvError, limits};
use crate::clock::UnixMillis;
use crate::gate::Scope;
use crate::transfer::{Digest, Digester, TransferError};

/// Values that are read at the same time.
const READS: usize = 8;
/// Most records that are written at the same time.
const MAX_WRITES: usize = 64;
/// Bytes of values after which they are written.
const WRITE_BYTES: usize = 16 << 20;

/// The namespaces of an app (tenant, app) in a store.
pub async fn namespaces_of(store: &dyn KvStore, app: &(Arc<str>, Arc<str>)) -> Result<Vec<Arc<str>>, TransferError> {
    let mut namespaces: Vec<Arc<str>> = Vec::new();
    let first = Arc::<str>::from("");
    while let Some(next) = next_of(store, app, namespaces.last().unwrap_or(&first).clone()).await? {
        namespaces.push(next);
    }
    Ok(namespaces)
}

/// Copies the records of a namespace that have not expired at `now`. Those that are there already, and the same, are left.
/// Returns what the source holds, once all of it is durable at the target. `progress` is told how many are done.
pub async fn copy_namespace(
    from: &dyn KvStore,
    to: &dyn KvStore,
    (tenant, app): &(Arc<str>, Arc<str>),
    namespace: &str,
    now: UnixMillis,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Digest, TransferError> {
    let scope = Scope::of_host(tenant, app);
    let mut digester = Digester::default();
    let mut page = Page::first();
    while let Some(keys) = page.next(from, &scope, namespace, now).await? {
        let pairs = stream::iter(keys).map(|key| async {
            let (source, there) =
                (from.get(&scope, namespace, &key.name).await, to.get(&scope, namespace, &key.name).await);
            Ok::<_, KvError>((key, source?, there?))
        });
        let mut pairs = pairs.buffered(READS);
        let (mut writes, mut bytes) = (Vec::new(), 0);
        while let Some((key, source, there)) = pairs.try_next().await? {
            // Deleted since it was listed.
            let Some(record) = source else { continue };
            add(&mut digester, &key.name, &record);
            match there {
                Some(there) if there == record => continue,
                Some(_) => {
                    let place = format!("the namespace {namespace:?}");
                    return Err(TransferError::Differs { place, record: format!("the key {:?}", key.name) });
                }
                None => {}
            }
            bytes += record.value.len();
            let address = Address::new(&scope, namespace, &key.name);
            writes.push(to.write(Write::new(address, Change::Put(record), now, |_| ())));
            if writes.len() == MAX_WRITES || bytes >= WRITE_BYTES {
                try_join_all(writes.drain(..)).await.map_err(KvError::from)?;
                bytes = 0;
            }
        }
        try_join_all(writes).await.map_err(KvError::from)?;
        progress(digester.count);
    }
    Ok(digester.finish())
}

/// What a namespace holds that has not expired at `now`.
pub async fn digest_namespace(
    store: &dyn KvStore,
    (tenant, app): &(Arc<str>, Arc<str>),
    namespace: &str,
    now: UnixMillis,
) -> Result<Digest, TransferError> {
    let scope = Scope::of_host(tenant, app);
    let mut digester = Digester::default();
    let mut page = Page::first();
    while let Some(keys) = page.next(store, &scope, namespace, now).await? {
        let records = stream::iter(keys).map(|key| async {
            let record = store.get(&scope, namespace, &key.name).await;
            Ok::<_, KvError>((key, record?))
        });
        let mut records = records.buffered(READS);
        while let Some((key, record)) = records.try_next().await? {
            if let Some(record) = record {
                add(&mut digester, &key.name, &record);
            }
        }
    }
    Ok(digester.finish())
}

fn add(digester: &mut Digester, key: &str, record: &Record) {
    let expires_at = record.expires_at.map_or([0; 8], u64::to_le_bytes);
    digester.add(&[key.as_bytes(), record.value.as_bytes(), &expires_at]);
}

/// Where a reading of all keys is.
struct Page {
    /// The first key that may come; `None` at the end.
    from: Option<String>,
}

impl Page {
    fn first() -> Self {
        Self { from: Some(String::new()) }
    }

    /// The next keys; `None` at the end.
    async fn next(
        &mut self,
        store: &dyn KvStore,
        scope: &Scope<'_>,
        namespace: &str,
        now: UnixMillis,
    ) -> Result<Option<Vec<StoredKey>>, KvError> {
        let Some(from) = self.from.take() else { return Ok(None) };
        let range = KeyRange { from, until: None };
        let keys = store.list(scope, namespace, &range, limits::MAX_LIST_LIMIT, now).await?;
        if keys.len() == limits::MAX_LIST_LIMIT as usize {
            // Keys hold no U+0000, so nothing lies between a key and this.
            self.from = keys.last().map(|last| format!("{}\0", last.name));
        }
        Ok(Some(keys))
    }
}
