//! The tables, and what the database knows about itself.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::error::OpenError;
use crate::server::Server;

/// The oldest Postgres that works, by its major version.
pub const OLDEST_SERVER: u32 = 14;

/// The longest that a host waits for its own changes to the schema, or for those of another host.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Applied in order, all in one transaction; never edited once released.
///
/// Names are bytes, not text: bytes hold U+0000, and their order is the same in every database, whatever its encoding
/// and collation.
///
/// `versions` hands out [`MAX_BATCH_WRITES`](crate::MAX_BATCH_WRITES) at a time.
const MIGRATIONS: &[&str] = &["
    CREATE SEQUENCE orilla.versions AS bigint INCREMENT BY 1024;

    CREATE TABLE orilla.kv (
        tenant bytea NOT NULL,
        app bytea NOT NULL,
        namespace bytea NOT NULL,
        key bytea NOT NULL,
        value bytea NOT NULL,
        expires_at bigint,
        PRIMARY KEY (tenant, app, namespace, key)
    );
    CREATE INDEX kv_expiry ON orilla.kv (expires_at) WHERE expires_at IS NOT NULL;
"];

/// What keeps hosts that start at the same moment from changing the schema together.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'6f72696c'::int, 1)";

/// Two random UUIDs: 244 random bits.
const CREATE: &str = "
    CREATE SCHEMA IF NOT EXISTS orilla;
    CREATE TABLE orilla.store (
        id integer PRIMARY KEY CHECK (id = 1),
        schema_version integer NOT NULL,
        cursor_secret bytea NOT NULL
    );
    INSERT INTO orilla.store
        VALUES (1, 0, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
";

/// Brings the schema up to date, and returns the secret that seals cursors: the same for all hosts.
pub(crate) async fn prepare(server: &Server) -> Result<[u8; 32], OpenError> {
    let failed = |error: sqlx::Error| OpenError::from_postgres(&server.name, &error);
    let mut connection = server.connect().await.map_err(failed)?;
    check_server(server, &mut connection).await?;

    let mut transaction = connection.begin().await.map_err(failed)?;
    let (found, cursor_secret) = lock(&mut transaction).await.map_err(failed)?;
    let known = MIGRATIONS.len();
    // A negative version is none of ours, and no reason to start from nothing.
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > known {
        return Err(OpenError::TooNew { server: server.name.clone(), found, known });
    }
    for migration in &MIGRATIONS[found..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(failed)?;
    }
    if found < known {
        let done = sqlx::query("UPDATE orilla.store SET schema_version = $1").bind(known as i32);
        done.execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    let _ = connection.close().await;
    cursor_secret.try_into().map_err(|_| OpenError::Unavailable {
        server: server.name.clone(),
        reason: "the cursor secret is not 32 bytes".into(),
    })
}

async fn check_server(server: &Server, connection: &mut PgConnection) -> Result<(), OpenError> {
    let query = "SELECT current_setting('server_version'), current_setting('server_version_num')::int, \
        pg_is_in_recovery(), current_setting('fsync')::bool";
    let facts = sqlx::query(query).fetch_one(connection).await;
    let facts = facts.map_err(|error| OpenError::from_postgres(&server.name, &error))?;
    if facts.get::<i32, _>(1) < OLDEST_SERVER as i32 * 10_000 {
        return Err(OpenError::TooOld { server: server.name.clone(), found: facts.get(0) });
    }
    if facts.get(2) {
        return Err(OpenError::ReadOnly { server: server.name.clone(), reason: "it is a standby".into() });
    }
    if !facts.get::<bool, _>(3) {
        tracing::warn!("{} runs with fsync = off: a power cut can destroy it and all that is in it", server.name);
    }
    Ok(())
}

/// Takes the lock for the rest of the transaction, and reads the schema's version and the cursor secret.
async fn lock(connection: &mut PgConnection) -> sqlx::Result<(i32, Vec<u8>)> {
    let timeout = format!("SET LOCAL statement_timeout = {}", MIGRATION_TIMEOUT.as_millis());
    sqlx::raw_sql(AssertSqlSafe(timeout)).execute(&mut *connection).await?;
    sqlx::raw_sql(LOCK).execute(&mut *connection).await?;
    let exists = sqlx::query("SELECT to_regclass('orilla.store') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !exists.try_get::<bool, _>(0)? {
        sqlx::raw_sql(CREATE).execute(&mut *connection).await?;
    }
    let query = sqlx::query("SELECT schema_version, cursor_secret FROM orilla.store");
    let row = query.fetch_one(connection).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
