//! A transaction of an app's own code: calls that see each other's changes and become durable together.

use std::sync::Arc;

use super::call::Call;
use super::error::DatabaseError;
use super::work::Work;
use crate::clock::UnixMillis;

/// An open transaction. Dropping it undoes what it changed.
pub struct DatabaseTransaction {
    tenant: Arc<str>,
    app: Arc<str>,
    work: Work,
    /// What failed in it. A change that failed half-way cannot be taken back alone.
    failed: Option<DatabaseError>,
}

impl DatabaseTransaction {
    pub(super) fn new(tenant: Arc<str>, app: Arc<str>, work: Work) -> Self {
        Self { tenant, app, work, failed: None }
    }

    pub(super) async fn run(
        &mut self,
        collection: &str,
        call: &Call,
        now: UnixMillis,
    ) -> Result<String, DatabaseError> {
        if let Some(error) = &self.failed {
            return Err(DatabaseError::TransactionFailed(error.code()));
        }
        self.work.now = now;
        let outcome = self.work.run(collection, call).await;
        if let Err(error) = &outcome {
            self.failed = Some(error.clone());
        }
        outcome
    }

    /// What is to be committed.
    pub(super) fn into_work(self) -> Result<(Arc<str>, Arc<str>, Work), DatabaseError> {
        match self.failed {
            Some(DatabaseError::TransactionConflict) => Err(DatabaseError::TransactionConflict),
            Some(error) => Err(DatabaseError::TransactionFailed(error.code())),
            None => Ok((self.tenant, self.app, self.work)),
        }
    }
}
