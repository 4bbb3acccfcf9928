//! KV in SQL: what the service asks of a store, as statements on the `orilla.kv` table.
//!
//! Versions rise in the order of commits, over all hosts, because of one lock: whoever writes takes it first, then a
//! version, and Postgres gives it on when the commit is durable and visible. A sequence alone would not do, for a later number may
//! be committed first; a counter in a row would, but it fails every serializable transaction that runs beside another
//! one. Taken before any row, the lock also keeps writers out of deadlocks. It costs that hosts wait for each other's
//! commits; each of them commits a batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use orilla_services::clock::UnixMillis;
use orilla_services::gate::Scope;
use orilla_services::kv::store::{
    Address, AddressRef, Change, KeyRange, KvStore, NamespaceName, Record, StoreError, StoredKey, Sweep, Swept, Write,
};
use orilla_services::kv::write_queue::MAX_BATCH_WRITES;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::error::store_error;
use crate::store::PostgresStore;

const GET: &str =
    "SELECT value, expires_at FROM orilla.kv WHERE tenant = $1 AND app = $2 AND namespace = $3 AND key = $4";

const LIST: &str = "SELECT key, expires_at FROM orilla.kv WHERE tenant = $1 AND app = $2 AND namespace = $3 \
    AND key >= $4 AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6";

const LIST_UNTIL: &str = "SELECT key, expires_at FROM orilla.kv WHERE tenant = $1 AND app = $2 AND namespace = $3 \
    AND key >= $4 AND (expires_at IS NULL OR expires_at > $5) AND key < $7 ORDER BY key LIMIT $6";

/// A seek to the first row behind the last of a namespace.
const NEXT_NAMESPACE: &str = "SELECT tenant, app, namespace FROM orilla.kv WHERE (tenant, app, namespace) > ($1, $2, $3) \
    ORDER BY tenant, app, namespace, key LIMIT 1";

/// Answers with the first version of the batch, and with the positions of the deletes that found something. No row is
/// touched before `turn` has the lock, for each comes from a join with it.
const WRITE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(x'6f72696c'::int, 2)),
    put AS (
        INSERT INTO orilla.kv (tenant, app, namespace, key, value, expires_at)
        SELECT new.* FROM turn, unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[])
            AS new (tenant, app, namespace, key, value, expires_at)
        ON CONFLICT (tenant, app, namespace, key)
            DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
    ),
    gone AS (
        DELETE FROM orilla.kv
        USING turn, unnest($7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[], $11::bigint[], $12::bigint[])
            AS old (tenant, app, namespace, key, now, position)
        WHERE kv.tenant = old.tenant AND kv.app = old.app AND kv.namespace = old.namespace AND kv.key = old.key
            AND (kv.expires_at IS NULL OR kv.expires_at > old.now)
        RETURNING old.position
    )
    SELECT nextval('orilla.versions'), ARRAY(SELECT position FROM gone) FROM turn";

/// Several hosts may sweep at once: each record is returned to the one that deleted it. One that was put again after this
/// statement began is compared with `$1` as it is now, and stays.
const SWEEP: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(x'6f72696c'::int, 2)),
    expired AS MATERIALIZED (
        SELECT kv.tenant, kv.app, kv.namespace, kv.key FROM turn, orilla.kv
        WHERE kv.expires_at <= $1 ORDER BY kv.expires_at LIMIT $2
    ),
    gone AS (
        DELETE FROM orilla.kv USING expired
        WHERE kv.tenant = expired.tenant AND kv.app = expired.app AND kv.namespace = expired.namespace
            AND kv.key = expired.key AND kv.expires_at <= $1
        RETURNING kv.tenant, kv.app, kv.namespace, kv.key
    )
    SELECT (SELECT nextval('orilla.versions')), tenant, app, namespace, key FROM gone";

#[async_trait]
impl KvStore for PostgresStore {
    async fn get(&self, scope: &Scope<'_>, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        let query = sqlx::query(GET).bind(scope.tenant().as_bytes()).bind(scope.app().as_bytes());
        let rows = self.readers.fetch(query.bind(namespace.as_bytes()).bind(key.as_bytes())).await?;
        let record = |row: &PgRow| Ok(Record { value: text(row, 0)?.into(), expires_at: millis(row, 1)? });
        rows.first().map(record).transpose().map_err(damaged)
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        self.writer.write(write).await
    }

    async fn list(
        &self,
        scope: &Scope<'_>,
        namespace: &str,
        range: &KeyRange,
        limit: u32,
        now: UnixMillis,
    ) -> Result<Vec<StoredKey>, StoreError> {
        let statement = if range.until.is_some() { LIST_UNTIL } else { LIST };
        let query = sqlx::query(statement).bind(scope.tenant().as_bytes()).bind(scope.app().as_bytes());
        let query = query.bind(namespace.as_bytes()).bind(range.from.as_bytes());
        let mut query = query.bind(now.cast_signed()).bind(i64::from(limit));
        if let Some(until) = &range.until {
            query = query.bind(until.as_bytes());
        }
        let rows = self.readers.fetch(query).await?;
        let stored_key = |row: &PgRow| Ok(StoredKey { name: text(row, 0)?.into(), expires_at: millis(row, 1)? });
        rows.iter().map(stored_key).collect::<sqlx::Result<_>>().map_err(damaged)
    }

    async fn next_namespace(&self, after: &NamespaceName) -> Result<Option<NamespaceName>, StoreError> {
        let query = sqlx::query(NEXT_NAMESPACE).bind(after.tenant.as_bytes()).bind(after.app.as_bytes());
        let rows = self.readers.fetch(query.bind(after.namespace.as_bytes())).await?;
        let name = |row: &PgRow| {
            let column = |index: usize| text(row, index).map(Arc::from);
            Ok(NamespaceName { tenant: column(0)?, app: column(1)?, namespace: column(2)? })
        };
        rows.first().map(name).transpose().map_err(damaged)
    }

    async fn sweep(&self, sweep: Sweep) -> Result<usize, StoreError> {
        self.writer.sweep(sweep).await
    }

    fn shared(&self) -> bool {
        true
    }

    async fn cursor_secret(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.cursor_secret)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }
}

/// Writes that one statement can do. It sees the table as it was before, and may touch a row only once, so each key is in
/// it once: of several puts the last stays, and nothing goes together with a delete of its key.
#[derive(Default)]
pub(crate) struct Batch<'w> {
    length: usize,
    puts: Vec<(&'w Address, &'w Record)>,
    deletes: Vec<Delete<'w>>,
    /// For each key its place in `puts`, or none if it is deleted.
    keys: HashMap<AddressRef<'w>, Option<usize>>,
}

struct Delete<'w> {
    address: &'w Address,
    now: UnixMillis,
    /// Its place among all writes of the batch.
    position: i64,
}

impl<'w> Batch<'w> {
    /// As many of some writes as fit, from the first on.
    pub(crate) fn start_of(writes: impl IntoIterator<Item = &'w Write>) -> Self {
        let mut batch = Self::default();
        for write in writes.into_iter().take(MAX_BATCH_WRITES) {
            if !batch.add(write) {
                break;
            }
        }
        batch
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    fn add(&mut self, write: &'w Write) -> bool {
        let address = &write.address;
        match (&write.change, self.keys.entry(address.borrowed())) {
            (Change::Put(record), Entry::Vacant(key)) => {
                key.insert(Some(self.puts.len()));
                self.puts.push((address, record));
            }
            (Change::Put(record), Entry::Occupied(key)) => match key.get() {
                Some(put) => self.puts[*put].1 = record,
                None => return false,
            },
            (Change::Delete, Entry::Vacant(key)) => {
                key.insert(None);
                self.deletes.push(Delete { address, now: write.now, position: self.length as i64 });
            }
            (Change::Delete, Entry::Occupied(_)) => return false,
        }
        self.length += 1;
        true
    }

    /// Makes the writes durable. Each gets a version, or none if it changed nothing.
    pub(crate) async fn commit(&self, connection: &mut PgConnection) -> sqlx::Result<Vec<Option<u64>>> {
        let puts = columns(self.puts.iter().map(|(address, _)| *address));
        let deletes = columns(self.deletes.iter().map(|delete| delete.address));
        let expiries = self.puts.iter().map(|(_, record)| record.expires_at.map(u64::cast_signed));
        let mut query = sqlx::query(WRITE);
        for column in puts {
            query = query.bind(column);
        }
        query = query.bind(self.puts.iter().map(|(_, record)| record.value.as_bytes()).collect::<Vec<_>>());
        query = query.bind(expiries.collect::<Vec<_>>());
        for column in deletes {
            query = query.bind(column);
        }
        query = query.bind(self.deletes.iter().map(|delete| delete.now.cast_signed()).collect::<Vec<_>>());
        query = query.bind(self.deletes.iter().map(|delete| delete.position).collect::<Vec<_>>());
        // Answers once the transaction has ended: an error on commit is an error here.
        let row = query.fetch_one(connection).await?;
        let first = row.try_get::<i64, _>(0)?.cast_unsigned();
        let mut gone: Vec<i64> = row.try_get(1)?;
        gone.sort_unstable();
        let mut versions: Vec<_> = (first..).take(self.length).map(Some).collect();
        for delete in self.deletes.iter().filter(|delete| gone.binary_search(&delete.position).is_err()) {
            versions[delete.position as usize] = None;
        }
        Ok(versions)
    }
}

/// Removes expired records, each under a version of its own.
pub(crate) async fn sweep(connection: &mut PgConnection, sweep: &Sweep) -> sqlx::Result<Vec<Swept>> {
    let limit = sweep.limit.min(MAX_BATCH_WRITES as u32);
    let query = sqlx::query(SWEEP).bind(sweep.now.cast_signed()).bind(i64::from(limit));
    let rows = query.fetch_all(connection).await?;
    let swept = |(index, row): (usize, &PgRow)| {
        let column = |index: usize| text(row, index).map(Arc::from);
        let address = Address { tenant: column(1)?, app: column(2)?, namespace: column(3)?, key: column(4)? };
        Ok(Swept { address, version: row.try_get::<i64, _>(0)?.cast_unsigned() + index as u64 })
    };
    rows.iter().enumerate().map(swept).collect()
}

/// The parts of addresses, each as a column.
fn columns<'w>(addresses: impl Iterator<Item = &'w Address> + Clone) -> [Vec<&'w [u8]>; 4] {
    let part = |part: fn(&Address) -> &str| addresses.clone().map(|address| part(address).as_bytes()).collect();
    [part(|a| &a.tenant), part(|a| &a.app), part(|a| &a.namespace), part(|a| &a.key)]
}

pub(crate) fn text(row: &PgRow, column: usize) -> sqlx::Result<&str> {
    std::str::from_utf8(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn millis(row: &PgRow, column: usize) -> sqlx::Result<Option<UnixMillis>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
}

fn damaged(error: sqlx::Error) -> StoreError {
    tracing::error!(%error, "the database holds what nobody here has written");
    store_error(&error)
}
