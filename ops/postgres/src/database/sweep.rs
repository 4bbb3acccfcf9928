//! What is left of dropped indexes, removed behind everyone's back: an index may have millions of entries, and no
//! transaction has time for that. Ids are not used again, so that nobody comes across what is left.

use std::sync::{Arc, Weak};
use std::time::Duration;

use orilla_services::database::store::{Failure, IndexId, Mode, Outcome, StoreError};
use sqlx::Row as _;
use tokio::time::sleep;

use super::failure;
use super::line::{Job, Pool};
use super::nearest::Table;

/// The index that is swept next. The table of its own goes first: nothing would name it once the rest is gone.
const FIRST: &str = "SELECT id FROM orilla.dropped_indexes ORDER BY id LIMIT 1";

/// Removes some of what an index has left. Returns nothing if another host is busy with it, or was and is done: that one
/// goes on with all there is. Only the index whose table is gone may be swept, or nobody would ever find the table.
const SWEEP: &str = "
    WITH dropped AS MATERIALIZED (
        SELECT id FROM orilla.dropped_indexes WHERE id = $2 FOR UPDATE SKIP LOCKED
    ),
    entries AS (
        DELETE FROM orilla.entries USING (
            SELECT index, key, row FROM dropped JOIN orilla.entries ON index = dropped.id LIMIT $1
        ) old WHERE entries.index = old.index AND entries.key = old.key AND entries.row = old.row RETURNING true
    ),
    vectors AS (
        DELETE FROM orilla.vectors USING (
            SELECT index, row, ordinal FROM dropped JOIN orilla.vectors ON index = dropped.id LIMIT $1
        ) old WHERE vectors.index = old.index AND vectors.row = old.row AND vectors.ordinal = old.ordinal RETURNING true
    ),
    changes AS (
        DELETE FROM orilla.vector_changes USING (
            SELECT index, row FROM dropped JOIN orilla.vector_changes ON index = dropped.id LIMIT $1
        ) old WHERE vector_changes.index = old.index AND vector_changes.row = old.row RETURNING true
    ),
    done AS (
        DELETE FROM orilla.dropped_indexes USING dropped WHERE dropped_indexes.id = dropped.id
            AND NOT EXISTS (SELECT FROM entries) AND NOT EXISTS (SELECT FROM vectors)
            AND NOT EXISTS (SELECT FROM changes)
    )
    SELECT id FROM dropped";

/// Rows of each kind that are removed at a time.
const BATCH: i64 = 2000;

/// Pause after a failure: the server is away, or someone still reads a table that is to go.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Removes everything that is left.
pub(super) fn sweep(pool: &Arc<Pool>) {
    pool.runtime.spawn(sweep_all(Arc::downgrade(pool)));
}

async fn sweep_all(pool: Weak<Pool>) {
    while let Some(swept) = pool.upgrade() {
        match sweep_some(&swept).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) | Err(Failure::Store(StoreError::Closed)) => return,
            Err(_) => {
                drop(swept);
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Says whether there may be more to remove.
async fn sweep_some(pool: &Arc<Pool>) -> Outcome<bool> {
    let mut line = pool.line(Mode::Write).await?;
    let first = Job::of(sqlx::query(FIRST)).map_err(|error| failure(&error))?;
    let rows = line.start(first).await.map_err(|error| failure(&error))?;
    let Some(row) = rows.first() else {
        line.give_back();
        return Ok(false);
    };
    let index: IndexId = row.try_get(0).map_err(|error| failure(&error))?;
    line.start(Job::Batch(Table::drop(index))).await.map_err(|error| failure(&error))?;
    let job = Job::of(sqlx::query(SWEEP).bind(BATCH).bind(index)).map_err(|error| failure(&error))?;
    let rows = line.start(job).await.map_err(|error| failure(&error))?;
    line.give_back();
    Ok(!rows.is_empty())
}
