//! What the host does with all apps' databases on its own behalf: it goes on with index builds that were cut off, and
//! deletes documents whose time has passed.

use std::sync::Arc;

use super::Database;
use super::change::Changes;
use super::error::DatabaseError;
use super::index::{DocumentIndex, Index};
use super::key::{self, Direction, tag};
use super::limits::EXPIRY_BATCH;
use super::store::{Access, Collection, IndexId, IndexRecord, IndexState, KeySpan, Mode, Scan};
use super::value::Value;
use super::work::Work;
use crate::clock::UnixMillis;
use crate::gate::Scope;

/// An index that says when documents expire.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expiry {
    pub(super) tenant: Arc<str>,
    pub(super) app: Arc<str>,
    pub(super) collection: Arc<str>,
    pub(super) index: IndexId,
}

impl Database {
    /// Looks through all apps' catalogs: builds what is unfinished, and notes which documents expire. To be called at the
    /// start, and now and then where other hosts make indexes too. An app that cannot be read does not hold up the others;
    /// the first error is returned at the end.
    pub async fn survey(&self) -> Result<(), DatabaseError> {
        let mut outcome = Ok(());
        for (tenant, app) in self.store.apps().await? {
            let surveyed = self.survey_app(&Scope::of_host(&tenant, &app)).await;
            outcome = outcome.and(surveyed);
        }
        outcome
    }

    async fn survey_app(&self, scope: &Scope<'_>) -> Result<(), DatabaseError> {
        for collection in self.collections(scope).await? {
            for record in &collection.indexes {
                self.note_expiry(scope, &collection, record);
                if record.state != IndexState::Ready
                    && let Err(error) = self.build(scope, &collection, record).await
                {
                    let app = &**scope.app();
                    tracing::warn!(app, index = record.index.name(), %error, "an index could not be finished");
                }
            }
        }
        Ok(())
    }

    /// All collections of an app.
    pub(super) async fn collections(&self, scope: &Scope<'_>) -> Result<Vec<Arc<Collection>>, DatabaseError> {
        let list = self.transact(scope, Mode::Read, (), |work, ()| {
            Box::pin(async move { Ok(work.transaction.collections().await?) })
        });
        list.await
    }

    /// Notes an index, if documents expire by it. Once it is gone, an expiry forgets it.
    pub(super) fn note_expiry(&self, scope: &Scope<'_>, collection: &Collection, record: &IndexRecord) {
        if !matches!(&record.index, Index::Document(index) if index.expire_after_seconds.is_some()) {
            return;
        }
        let (tenant, app) = (scope.tenant().clone(), scope.app().clone());
        let expiry = Expiry { tenant, app, collection: collection.name.clone(), index: record.id };
        let mut expiries = self.expiries();
        if !expiries.contains(&expiry) {
            expiries.push(expiry);
        }
    }

    /// Deletes every document whose time has passed, and says how many there were. An app where that fails does not hold
    /// up the others; the first error is returned at the end.
    pub async fn expire(&self) -> Result<usize, DatabaseError> {
        let expiries = self.expiries().clone();
        let mut total = Ok(0);
        for expiry in expiries {
            total = match (total, self.expire_by(&expiry).await) {
                (Ok(total), Ok(deleted)) => Ok(total + deleted),
                (Ok(_), Err(error)) | (Err(error), _) => Err(error),
            };
        }
        total
    }

    async fn expire_by(&self, expiry: &Expiry) -> Result<usize, DatabaseError> {
        let scope = Scope::of_host(&expiry.tenant, &expiry.app);
        let mut total = 0;
        loop {
            let expire = self.transact(&scope, Mode::Write, expiry, |work, expiry| Box::pin(work.expire(expiry)));
            let Some(Expired { deleted, more }) = expire.await? else {
                self.expiries().retain(|other| other != expiry);
                return Ok(total);
            };
            total += deleted;
            if !more {
                return Ok(total);
            }
        }
    }
}

/// What one transaction of an expiry has done.
struct Expired {
    deleted: usize,
    /// Whether there may be more to delete.
    more: bool,
}

impl Work {
    /// Deletes some documents that have expired by an index; `None` if there is no such index any more.
    async fn expire(&mut self, expiry: &Expiry) -> Result<Option<Expired>, DatabaseError> {
        let found = self.find_index(&expiry.collection, |record| record.id == expiry.index).await?;
        let Some((collection, record)) = found else { return Ok(None) };
        let Index::Document(index) = &record.index else { return Ok(None) };
        let spans = match record.state {
            IndexState::Ready => expired_keys(index, self.now),
            IndexState::Building { .. } => Vec::new(),
        };
        let access = Access::Index { index: Some(record.id), spans: &spans, reverse: false };
        let scan = Scan { collection: collection.id, access, after: None, guards: &[], limit: EXPIRY_BATCH };
        let part = self.transaction.scan(&scan).await?;
        // An array of moments is several entries of one document.
        let mut rows: Vec<i64> = part.documents.iter().map(|scanned| scanned.document.row).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut changes = Changes { work: self, collection };
        for known in changes.read(&rows).await? {
            changes.delete(&known).await?;
        }
        Ok(Some(Expired { deleted: rows.len(), more: part.next.is_some() }))
    }
}

/// The entries of documents that have expired: numbers up to now, less the time they had.
fn expired_keys(index: &DocumentIndex, now: UnixMillis) -> Vec<KeySpan> {
    let (Some(seconds), Some(field)) = (index.expire_after_seconds, index.fields.first()) else { return Vec::new() };
    let mut first = vec![tag::NUMBER];
    let mut last = key::encode(&Value::Number(now as f64 / 1000.0 - seconds));
    if field.direction == Direction::Descending {
        key::flip(&mut first);
        key::flip(&mut last);
        return vec![KeySpan { from: last, until: key::after_prefix(&first) }];
    }
    vec![KeySpan { from: first, until: key::after_prefix(&last) }]
}
