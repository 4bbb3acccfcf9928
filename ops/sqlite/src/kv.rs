//! KV in SQL: what the service asks of a store, as statements on the `kv` table.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use orilla_services::clock::UnixMillis;
use orilla_services::gate::Scope;
use orilla_services::kv::store::{
    Address, Change, KeyRange, KvStore, NamespaceName, Record, StoreError, StoredKey, Sweep, Swept, Write,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use crate::readers::failed;
use crate::store::SqliteStore;

/// Rows that one statement puts at most, as a power of two. A larger statement saves no more time.
const MAX_PUT_ROWS_LOG2: u32 = 7;

/// The statement that puts 2^n rows, for each n. Few statements, each of which SQLite prepares once.
static PUTS: LazyLock<Vec<Arc<str>>> =
    LazyLock::new(|| (0..=MAX_PUT_ROWS_LOG2).map(|n| put_statement(1 << n)).collect());

const GET: &str = "SELECT value, expires_at FROM kv WHERE tenant = ? AND app = ? AND namespace = ? AND key = ?";

const DELETE: &str = "DELETE FROM kv WHERE tenant = ? AND app = ? AND namespace = ? AND key = ? \
    AND (expires_at IS NULL OR expires_at > ?)";

const LIST: &str = "SELECT key, expires_at FROM kv WHERE tenant = ? AND app = ? AND namespace = ? \
    AND key >= ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?";

const LIST_UNTIL: &str = "SELECT key, expires_at FROM kv WHERE tenant = ? AND app = ? AND namespace = ? \
    AND key >= ? AND key < ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?";

/// A seek to the first row behind the last of a namespace: every text is less than a blob. Without the key SQLite would read
/// all rows of the namespace.
const NEXT_NAMESPACE: &str = "SELECT tenant, app, namespace FROM kv WHERE (tenant, app, namespace, key) > (?, ?, ?, x'') \
    ORDER BY tenant, app, namespace, key LIMIT 1";

const SWEEP: &str = "DELETE FROM kv WHERE (tenant, app, namespace, key) IN \
    (SELECT tenant, app, namespace, key FROM kv INDEXED BY kv_expiry WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) \
    RETURNING tenant, app, namespace, key";

#[async_trait]
impl KvStore for SqliteStore {
    async fn get(&self, scope: &Scope<'_>, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        let query = sqlx::query(GET).bind(scope.tenant().clone()).bind(scope.app().clone()).bind(namespace).bind(key);
        let rows = self.readers.fetch(query).await?;
        let record =
            |row: &SqliteRow| Ok(Record { value: row.try_get::<&str, _>(0)?.into(), expires_at: millis(row, 1)? });
        rows.first().map(record).transpose().map_err(|error| failed(&error))
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
        let query = sqlx::query(statement).bind(scope.tenant().clone()).bind(scope.app().clone());
        let mut query = query.bind(namespace).bind(&*range.from);
        if let Some(until) = &range.until {
            query = query.bind(&**until);
        }
        let query = query.bind(now.cast_signed()).bind(limit);
        let rows = self.readers.fetch(query).await?;
        let stored_key = |row: &SqliteRow| Ok(StoredKey { name: row.try_get(0)?, expires_at: millis(row, 1)? });
        rows.iter().map(stored_key).collect::<sqlx::Result<_>>().map_err(|error| failed(&error))
    }

    async fn next_namespace(&self, after: &NamespaceName) -> Result<Option<NamespaceName>, StoreError> {
        let NamespaceName { tenant, app, namespace } = after.clone();
        let query = sqlx::query(NEXT_NAMESPACE).bind(tenant).bind(app).bind(namespace);
        let rows = self.readers.fetch(query).await?;
        let name = |row: &SqliteRow| {
            let column = |index: usize| row.try_get::<&str, _>(index).map(Arc::from);
            Ok(NamespaceName { tenant: column(0)?, app: column(1)?, namespace: column(2)? })
        };
        rows.first().map(name).transpose().map_err(|error: sqlx::Error| failed(&error))
    }

    async fn sweep(&self, sweep: Sweep) -> Result<usize, StoreError> {
        self.writer.sweep(sweep).await
    }

    fn shared(&self) -> bool {
        false
    }

    async fn cursor_secret(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.cursor_secret)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }
}

/// Applies writes in order. Counts up the version and gives each write its own, or none if it changed nothing.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    writes: &[&Write],
    version: &mut u64,
) -> sqlx::Result<Vec<Option<u64>>> {
    let mut versions = Vec::with_capacity(writes.len());
    let mut next = || {
        *version += 1;
        Some(*version)
    };
    while let Some(write) = writes.get(versions.len()) {
        if matches!(write.change, Change::Delete) {
            let deleted = delete(connection, write).await?;
            versions.push(if deleted { next() } else { None });
            continue;
        }
        let puts = writes[versions.len()..].iter().map_while(|write| match &write.change {
            Change::Put(record) => Some((&write.address, record)),
            Change::Delete => None,
        });
        let puts: Vec<_> = puts.take(1 << MAX_PUT_ROWS_LOG2).collect();
        let statement = puts.len().ilog2();
        put(connection, statement, &puts[..1 << statement]).await?;
        versions.extend(std::iter::repeat_with(&mut next).take(1 << statement));
    }
    Ok(versions)
}

/// Removes expired records, each under a version of its own.
pub(crate) async fn sweep(
    connection: &mut SqliteConnection,
    sweep: &Sweep,
    version: &mut u64,
) -> sqlx::Result<Vec<Swept>> {
    let query = sqlx::query(SWEEP).bind(sweep.now.cast_signed()).bind(sweep.limit);
    let swept = |row: SqliteRow| {
        let column = |index: usize| row.try_get::<&str, _>(index).map(Arc::from);
        let address = Address { tenant: column(0)?, app: column(1)?, namespace: column(2)?, key: column(3)? };
        *version += 1;
        Ok(Swept { address, version: *version })
    };
    query.fetch_all(connection).await?.into_iter().map(swept).collect()
}

async fn put(connection: &mut SqliteConnection, statement: u32, puts: &[(&Address, &Record)]) -> sqlx::Result<()> {
    let mut query = sqlx::query(AssertSqlSafe(PUTS[statement as usize].clone()));
    for (address, record) in puts {
        let Address { tenant, app, namespace, key } = address;
        query = query.bind(tenant.clone()).bind(app.clone()).bind(namespace.clone()).bind(key.clone());
        query = query.bind(record.value.clone()).bind(record.expires_at.map(u64::cast_signed));
    }
    query.execute(connection).await.map(drop)
}

async fn delete(connection: &mut SqliteConnection, write: &Write) -> sqlx::Result<bool> {
    let Address { tenant, app, namespace, key } = &write.address;
    let query = sqlx::query(DELETE).bind(tenant.clone()).bind(app.clone()).bind(namespace.clone()).bind(key.clone());
    let done = query.bind(write.now.cast_signed()).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

fn put_statement(rows: usize) -> Arc<str> {
    let values = vec!["(?, ?, ?, ?, ?, ?)"; rows].join(", ");
    let statement = format!(
        "INSERT INTO kv (tenant, app, namespace, key, value, expires_at) VALUES {values} \
         ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
    );
    statement.into()
}

fn millis(row: &SqliteRow, column: usize) -> sqlx::Result<Option<UnixMillis>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
}
