//! The tables, and what the database knows about itself.

use std::time::Duration;

use orilla_services::kv::write_queue::MAX_BATCH_WRITES;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::error::OpenError;
use crate::extension;
use crate::server::{Server, within};

/// The oldest Postgres that works, by its major version.
pub const OLDEST_SERVER: u32 = 14;

/// The longest that a host waits for its own changes to the schema, or for those of another host.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Applied in order, all in one transaction; never edited once released.
///
/// Names are bytes, not text: bytes hold U+0000, and their order is the same in every database, whatever its encoding
/// and collation.
///
/// `versions` hands out as many at a time as one transaction may need.
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
", "
    -- The version of the app's latest change, and how often its catalog has changed. The row is locked by whoever writes
    -- to the app, and updated with each commit: there is room on its page for the next one.
    CREATE TABLE orilla.apps (
        id bigserial PRIMARY KEY,
        tenant bytea NOT NULL,
        app bytea NOT NULL,
        version bigint NOT NULL DEFAULT 0,
        catalog bigint NOT NULL DEFAULT 0,
        UNIQUE (tenant, app)
    ) WITH (fillfactor = 25);
    CREATE TABLE orilla.collections (
        id bigserial PRIMARY KEY,
        app bigint NOT NULL REFERENCES orilla.apps,
        name bytea NOT NULL,
        own_ids boolean NOT NULL DEFAULT false,
        UNIQUE (app, name)
    );
    CREATE TABLE orilla.indexes (
        id bigserial PRIMARY KEY,
        collection bigint NOT NULL REFERENCES orilla.collections,
        name bytea NOT NULL,
        definition bytea NOT NULL,
        -- The last row that a build has come to; NULL once the index is ready.
        built bigint,
        multikey bigint NOT NULL DEFAULT 0,
        truncated boolean NOT NULL DEFAULT false,
        UNIQUE (collection, name)
    );
    -- Indexes that are gone, while not all they held is.
    CREATE TABLE orilla.dropped_indexes (id bigint PRIMARY KEY);
    -- body is the document; doc is what guards look into, NULL where jsonb cannot hold it.
    CREATE TABLE orilla.documents (
        collection bigint NOT NULL,
        row bigserial NOT NULL,
        id bytea NOT NULL,
        version bigint NOT NULL,
        body bytea NOT NULL,
        doc jsonb,
        PRIMARY KEY (collection, row),
        UNIQUE (collection, id)
    );
    CREATE TABLE orilla.entries (
        index bigint NOT NULL,
        key bytea NOT NULL,
        row bigint NOT NULL,
        is_unique boolean NOT NULL,
        PRIMARY KEY (index, key, row)
    );
    CREATE UNIQUE INDEX unique_entries ON orilla.entries (index, key) WHERE is_unique;
    CREATE TABLE orilla.vectors (
        index bigint NOT NULL,
        row bigint NOT NULL,
        ordinal integer NOT NULL,
        bytes bytea NOT NULL,
        PRIMARY KEY (index, row, ordinal)
    );
    ALTER TABLE orilla.vectors ALTER COLUMN bytes SET STORAGE EXTERNAL;
    -- The version at which a document's vectors last changed, also of those that have none any more.
    CREATE TABLE orilla.vector_changes (
        index bigint NOT NULL,
        row bigint NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (index, row)
    );
    CREATE INDEX vector_changes_by_version ON orilla.vector_changes (index, version);
", "
    -- The schema of pgvector's types, where the index's vectors are in a table of these as well.
    ALTER TABLE orilla.indexes ADD COLUMN extension text;
"];

const _: () = assert!(MAX_BATCH_WRITES <= 1024, "a transaction would run out of versions");

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

/// The server's version, for people and for comparing; whether it follows another; whether it syncs.
const FACTS: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int, \
    pg_is_in_recovery(), current_setting('fsync')::bool";

struct Found {
    schema_version: i32,
    cursor_secret: Vec<u8>,
}

/// What a database that is up to date says of itself.
pub(crate) struct Prepared {
    /// Seals cursors: the same for all hosts.
    pub(crate) cursor_secret: [u8; 32],
    /// The schema of pgvector's types, quoted, if there are any and they are wanted.
    pub(crate) extension: Option<String>,
}

/// Brings the schema up to date, and looks for pgvector where that is wanted.
pub(crate) async fn prepare(server: &Server, pgvector: bool) -> Result<Prepared, OpenError> {
    let failed = |error: sqlx::Error| OpenError::from_postgres(&server.name, &error);
    let mut connection = server.connect().await.map_err(failed)?;
    let facts = server.in_time(sqlx::query(FACTS).fetch_one(&mut connection)).await.map_err(failed)?;
    check(&server.name, &facts)?;

    // Whatever is left undone when this returns early is undone with the connection.
    let found = within(2 * MIGRATION_TIMEOUT, begin(&mut connection)).await.map_err(failed)?;
    let known = MIGRATIONS.len();
    // A negative version is none of ours, and no reason to start from nothing.
    let version = usize::try_from(found.schema_version).unwrap_or(usize::MAX);
    if version > known {
        return Err(OpenError::TooNew { server: server.name.clone(), found: version, known });
    }
    within(2 * MIGRATION_TIMEOUT, migrate(&mut connection, version)).await.map_err(failed)?;
    let extension = match pgvector {
        true => server.in_time(extension::find(&mut connection)).await.map_err(failed)?,
        false => None,
    };
    let _ = connection.close().await;
    let cursor_secret = found.cursor_secret.try_into().map_err(|_| OpenError::Unavailable {
        server: server.name.clone(),
        reason: "the cursor secret is not 32 bytes".into(),
    })?;
    Ok(Prepared { cursor_secret, extension })
}

fn check(server: &str, facts: &PgRow) -> Result<(), OpenError> {
    let server = server.to_owned();
    if facts.get::<i32, _>(1) < OLDEST_SERVER as i32 * 10_000 {
        return Err(OpenError::TooOld { server, found: facts.get(0) });
    }
    if facts.get(2) {
        return Err(OpenError::ReadOnly { server, reason: "it is a standby".into() });
    }
    if !facts.get::<bool, _>(3) {
        tracing::warn!("{server} runs with fsync = off: a power cut can destroy it and all that is in it");
    }
    Ok(())
}

/// Begins a transaction that no other host is in at the same time, and reads what is there, from nothing if need be.
async fn begin(connection: &mut PgConnection) -> sqlx::Result<Found> {
    let begin = format!("BEGIN; SET LOCAL statement_timeout = {}", MIGRATION_TIMEOUT.as_millis());
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *connection).await?;
    sqlx::raw_sql(LOCK).execute(&mut *connection).await?;
    let exists = sqlx::query("SELECT to_regclass('orilla.store') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !exists.try_get::<bool, _>(0)? {
        sqlx::raw_sql(CREATE).execute(&mut *connection).await?;
    }
    let row = sqlx::query("SELECT schema_version, cursor_secret FROM orilla.store").fetch_one(connection).await?;
    Ok(Found { schema_version: row.try_get(0)?, cursor_secret: row.try_get(1)? })
}

/// Applies what is missing after a version, and ends the transaction.
async fn migrate(connection: &mut PgConnection, version: usize) -> sqlx::Result<()> {
    for migration in &MIGRATIONS[version..] {
        sqlx::raw_sql(*migration).execute(&mut *connection).await?;
    }
    if version < MIGRATIONS.len() {
        let done = sqlx::query("UPDATE orilla.store SET schema_version = $1").bind(MIGRATIONS.len() as i32);
        done.execute(&mut *connection).await?;
    }
    sqlx::raw_sql("COMMIT").execute(connection).await.map(drop)
}
