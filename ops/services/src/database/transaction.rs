//! A transaction of an app's own code: calls that see each other's changes and become durable together.

use std::sync::Arc;

use super::call::Call;
use super::error::DatabaseError;
use super::lease::{Lease, Lent};
use super::work::Work;
use crate::clock::UnixMillis;

/// An open transaction. Dropping it undoes what it changed, and so does the host when it has been open for too long.
pub struct DatabaseTransaction {
    pub(super) tenant: Arc<str>,
    pub(super) app: Arc<str>,
    lease: Lease<Open>,
}

/// What the host keeps of a transaction.
pub(super) struct Open {
    work: Work,
    /// What failed in it. A change that failed half-way cannot be taken back alone.
    failed: Option<DatabaseError>,
}

impl DatabaseTransaction {
    pub(super) fn new(tenant: Arc<str>, app: Arc<str>, lease: Lease<Open>) -> Self {
        Self { tenant, app, lease }
    }

    /// The way to it.
    pub(super) fn lent(&self) -> Lent<Open> {
        self.lease.lent()
    }

    /// What is to be committed.
    pub(super) async fn into_work(self) -> Result<Work, DatabaseError> {
        let open = self.lease.take().await.ok_or(DatabaseError::TransactionTimeout)?;
        match open.failed {
            Some(DatabaseError::TransactionConflict) => Err(DatabaseError::TransactionConflict),
            Some(error) => Err(DatabaseError::TransactionFailed(error.code())),
            None => Ok(open.work),
        }
    }
}

impl Open {
    pub(super) fn new(work: Work) -> Self {
        Self { work, failed: None }
    }
}

impl Lent<Open> {
    pub(super) async fn run(&self, collection: &str, call: &Call, now: UnixMillis) -> Result<String, DatabaseError> {
        let outcome = self.with(async |open| {
            if let Some(error) = &open.failed {
                return Err(DatabaseError::TransactionFailed(error.code()));
            }
            open.work.now = now;
            let outcome = open.work.run(collection, call).await;
            if let Err(error) = &outcome {
                open.failed = Some(error.clone());
            }
            outcome
        });
        outcome.await.unwrap_or(Err(DatabaseError::TransactionTimeout))
    }
}
