//! What the host does with all apps' databases on its own behalf: it goes on with index builds that were cut off, and
//! deletes documents whose time has passed. No app waits here for what another one has to do.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::time::{Interval, MissedTickBehavior};

use super::Database;
use super::change::Changes;
use super::error::DatabaseError;
use super::index::{DocumentIndex, Index};
use super::key::{self, Direction, tag};
use super::limits::{EXPIRY_BATCH, EXPIRY_BATCHES, EXPIRY_INTERVAL, SURVEY_INTERVAL};
use super::store::{Access, Collection, IndexId, IndexRecord, IndexState, KeySpan, Mode, Scan, ScannedPart};
use super::value::Value;
use super::work::{Work, retried};
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

/// A look through all apps' catalogs.
type Look = for<'d> fn(&'d Database) -> BoxFuture<'d, Result<(), DatabaseError>>;

/// Apps that are seen to at a time.
const APPS_AT_ONCE: usize = 8;

impl Database {
    /// Does what has to be done again and again, until it is dropped: deletes documents whose time has passed, and
    /// finishes indexes that are being built.
    pub async fn maintain(&self) {
        let expire = async {
            let mut ticks = ticks(EXPIRY_INTERVAL);
            loop {
                ticks.tick().await;
                tell(self.expire().await.map(drop));
            }
        };
        let note = self.survey(|database| database.note_expiries().boxed());
        let build = self.survey(|database| database.finish_builds().boxed());
        tokio::join!(expire, note, build);
    }

    /// Looks through all apps' catalogs: once, or again and again where other hosts make indexes too.
    async fn survey(&self, look: Look) {
        let mut ticks = ticks(SURVEY_INTERVAL);
        loop {
            ticks.tick().await;
            tell(look(self).await);
            if !self.is_shared() {
                return;
            }
        }
    }

    /// Notes which documents of all apps expire. An app that cannot be read does not hold up the others; the first error is
    /// returned at the end.
    pub async fn note_expiries(&self) -> Result<(), DatabaseError> {
        let mut outcome = Ok(());
        for (tenant, app) in self.store.apps().await? {
            let scope = Scope::of_host(&tenant, &app);
            let noted = self.collections(&scope).await.map(|collections| {
                for collection in &collections {
                    collection.indexes.iter().for_each(|record| self.note_expiry(&scope, collection, record));
                }
            });
            outcome = outcome.and(noted);
        }
        outcome
    }

    /// Builds what is unfinished in all apps. An app that cannot be read does not hold up the others; the first error is
    /// returned at the end.
    pub async fn finish_builds(&self) -> Result<(), DatabaseError> {
        let apps = stream::iter(self.store.apps().await?);
        let finished = apps
            .map(|(tenant, app)| async move { self.finish_builds_of(&Scope::of_host(&tenant, &app)).await }.boxed());
        finished.buffer_unordered(APPS_AT_ONCE).fold(Ok(()), |outcome, finished| ready(outcome.and(finished))).await
    }

    async fn finish_builds_of(&self, scope: &Scope<'_>) -> Result<(), DatabaseError> {
        for collection in self.collections(scope).await? {
            for record in collection.indexes.iter().filter(|record| record.state != IndexState::Ready) {
                if let Err(error) = self.build(scope, &collection, record).await {
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

    /// Deletes documents whose time has passed, and says how many there were. Of an app that has many, or in which another
    /// transaction is open, the rest is left to the next time. An app where that fails does not hold up the others; the
    /// first error is returned at the end.
    pub async fn expire(&self) -> Result<usize, DatabaseError> {
        let mut apps: HashMap<_, Vec<Expiry>> = HashMap::new();
        for expiry in &*self.expiries() {
            apps.entry((expiry.tenant.clone(), expiry.app.clone())).or_default().push(expiry.clone());
        }
        let expired = stream::iter(apps.into_values()).map(|expiries| self.expire_app(expiries).boxed());
        expired.buffer_unordered(APPS_AT_ONCE).fold(Ok(0), |total, app| ready(sum(total, app))).await
    }

    async fn expire_app(&self, expiries: Vec<Expiry>) -> Result<usize, DatabaseError> {
        let mut total = Ok(0);
        for expiry in &expiries {
            total = match self.expire_by(expiry).await {
                // Waiting for its turn again would hold up others.
                Err(DatabaseError::Busy) => return total,
                expired => sum(total, expired),
            };
        }
        total
    }

    async fn expire_by(&self, expiry: &Expiry) -> Result<usize, DatabaseError> {
        let scope = Scope::of_host(&expiry.tenant, &expiry.app);
        // Most of the time nothing has expired: then nobody's turn to write is taken.
        let look = self.transact(&scope, Mode::Read, expiry, |work, expiry| Box::pin(work.look(expiry)));
        let mut expired = look.await?;
        let mut total = 0;
        for _ in 0..EXPIRY_BATCHES {
            match expired {
                Some(Expired { more: true, .. }) => {}
                Some(_) => break,
                None => {
                    self.expiries().retain(|other| other != expiry);
                    break;
                }
            }
            expired = retried(|| self.expire_some(&scope, expiry).boxed()).await?;
            total += expired.as_ref().map_or(0, |expired| expired.deleted);
        }
        Ok(total)
    }

    /// Deletes some documents, unless others hold up the app for so long that it is left to the next time.
    async fn expire_some(&self, scope: &Scope<'_>, expiry: &Expiry) -> Result<Option<Expired>, DatabaseError> {
        let turn = tokio::time::timeout(EXPIRY_INTERVAL, self.store.begin(scope, Mode::Write));
        let transaction = turn.await.map_err(|_| DatabaseError::Busy)??;
        self.run_in(transaction, scope, Mode::Write, &expiry, |work, expiry| Box::pin(work.expire(expiry))).await
    }
}

fn ticks(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn tell(outcome: Result<(), DatabaseError>) {
    if let Err(error) = outcome {
        tracing::warn!(code = error.code(), %error, "the database could not be maintained");
    }
}

/// How many there are together, or the first error.
fn sum(one: Result<usize, DatabaseError>, other: Result<usize, DatabaseError>) -> Result<usize, DatabaseError> {
    Ok(one? + other?)
}

/// What one transaction of an expiry has found and done.
struct Expired {
    deleted: usize,
    /// Whether there may be more to delete.
    more: bool,
}

impl Work {
    /// Looks whether any document has expired by an index; `None` if there is no such index any more.
    async fn look(&mut self, expiry: &Expiry) -> Result<Option<Expired>, DatabaseError> {
        let found = self.expired(expiry, 1).await?;
        Ok(found.map(|(_, part)| Expired { deleted: 0, more: !part.documents.is_empty() || part.next.is_some() }))
    }

    /// Deletes some documents that have expired by an index; `None` if there is no such index any more.
    async fn expire(&mut self, expiry: &Expiry) -> Result<Option<Expired>, DatabaseError> {
        let Some((collection, part)) = self.expired(expiry, EXPIRY_BATCH).await? else { return Ok(None) };
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

    /// The first documents that have expired by an index; `None` if there is no such index any more.
    async fn expired(
        &mut self,
        expiry: &Expiry,
        limit: u32,
    ) -> Result<Option<(Arc<Collection>, ScannedPart)>, DatabaseError> {
        let found = self.find_index(&expiry.collection, |record| record.id == expiry.index).await?;
        let Some((collection, record)) = found else { return Ok(None) };
        let Index::Document(index) = &record.index else { return Ok(None) };
        if record.state != IndexState::Ready {
            return Ok(Some((collection, ScannedPart::default())));
        }
        let spans = expired_keys(index, self.now);
        let access = Access::Index { index: Some(record.id), spans: &spans, reverse: false };
        let scan = Scan { collection: collection.id, access, after: None, guards: &[], limit };
        let part = self.transaction.scan(&scan).await?;
        Ok(Some((collection, part)))
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
