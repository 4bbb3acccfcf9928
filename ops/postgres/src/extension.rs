//! pgvector, where the server has it: found when a database is opened, and created there if that is allowed.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

/// The oldest version that has what is asked of it: an index by Hamming distance.
const OLDEST: (u32, u32) = (0, 7);

const FIND: &str = "SELECT nspname::text, extversion FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace \
    WHERE extname = 'vector'";

const IS_AVAILABLE: &str = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')";

/// The schema of the extension's types, ready to stand in a statement; nothing if there is no pgvector to use. The
/// connection must have no transaction open.
pub(crate) async fn find(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let mut found = sqlx::query(FIND).fetch_optional(&mut *connection).await?;
    if found.is_none() && sqlx::query(IS_AVAILABLE).fetch_one(&mut *connection).await?.try_get(0)? {
        let created = sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS vector").execute(&mut *connection).await;
        // Another host may have been faster.
        found = sqlx::query(FIND).fetch_optional(&mut *connection).await?;
        if let (None, Err(error)) = (&found, created) {
            tracing::info!(%error, "the server has pgvector, but it cannot be created: vectors are searched in memory");
        }
    }
    let Some(found) = found else { return Ok(None) };
    let (schema, version): (String, String) = (found.try_get(0)?, found.try_get(1)?);
    if parsed(&version).is_none_or(|version| version < OLDEST) {
        tracing::info!(version, "pgvector is too old: vectors are searched in memory");
        return Ok(None);
    }
    Ok(Some(format!("\"{}\"", schema.replace('"', "\"\""))))
}

/// The first two numbers of a version.
fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
