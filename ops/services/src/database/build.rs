//! Making indexes: into the catalog first, so that every write keeps them from then on, then row by row in short
//! transactions, so that reads never wait and writes hardly do. A build that was cut off goes on where it was.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Database;
use super::change;
use super::error::DatabaseError;
use super::index::{DocumentIndex, Index};
use super::limits::MAX_INDEXES;
use super::store::{Access, Collection, IndexId, IndexRecord, IndexState, Mode, Position, Scan};
use super::value::Object;
use super::vector::{self, VectorDefinition};
use super::work::Work;
use crate::gate::Scope;

/// Documents that one transaction of a build takes in.
const BATCH: u32 = 500;
/// How often one that waits for another's build looks whether it has ended.
const POLL: Duration = Duration::from_millis(20);
/// Batches between two lines about progress.
const BATCHES_PER_LINE: u32 = 100;

/// The indexes that this process is building.
#[derive(Clone, Debug, Default)]
pub(super) struct Builds(Arc<Mutex<HashSet<Name>>>);

/// An index of an app: tenant, app, index.
type Name = (Arc<str>, Arc<str>, IndexId);

/// One's right to build an index.
struct Build {
    builds: Arc<Mutex<HashSet<Name>>>,
    name: Name,
}

impl Builds {
    fn claim(&self, scope: &Scope<'_>, index: IndexId) -> Option<Build> {
        let name = (scope.tenant().clone(), scope.app().clone(), index);
        let claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        claimed.then(|| Build { builds: self.0.clone(), name })
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// How a step of a build ended.
enum Step {
    /// There is more to do; how many documents were taken in.
    More(usize),
    /// All documents are in the index.
    Done,
    /// Somebody has dropped the index.
    Dropped,
}

impl Database {
    /// Makes an index, unless it is there already, and returns its name once it can be used.
    pub(super) async fn create_index(
        &self,
        scope: &Scope<'_>,
        collection: &str,
        index: &Index,
    ) -> Result<String, DatabaseError> {
        let wanted = self.transact(scope, Mode::Write, (collection, index), |work, (collection, index)| {
            Box::pin(work.want_index(collection, index))
        });
        let (collection, record) = wanted.await?;
        if record.state != IndexState::Ready {
            self.build(scope, &collection, &record).await?;
        }
        self.note_expiry(scope, &collection, &record);
        Ok(record.index.name().to_owned())
    }

    /// Builds an index to its end, or waits until whoever builds it has done so or given it up. One that the documents
    /// stand in the way of is removed.
    pub(super) async fn build(
        &self,
        scope: &Scope<'_>,
        collection: &Collection,
        record: &IndexRecord,
    ) -> Result<(), DatabaseError> {
        let _build = loop {
            match self.builds.claim(scope, record.id) {
                Some(build) => break build,
                None => tokio::time::sleep(POLL).await,
            }
        };
        let name = record.index.name();
        let (mut documents, mut batches) = (0, 0);
        loop {
            let step =
                self.transact(scope, Mode::Write, (&*collection.name, record.id), |work, (collection, index)| {
                    Box::pin(work.build_step(collection, *index))
                });
            match step.await {
                Ok(Step::More(added)) => documents += added,
                Ok(Step::Done) => return Ok(()),
                Ok(Step::Dropped) => return Err(DatabaseError::IndexNotFound(name.to_owned())),
                // Nothing is wrong with the index: the next batch may have its turn.
                Err(DatabaseError::Busy | DatabaseError::TransactionConflict) => {}
                // What has been built stays, and the next survey goes on with it.
                Err(error @ DatabaseError::Store(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(index = name, collection = &*collection.name, %error, "an index cannot be built");
                    self.remove_index(scope, record.id).await?;
                    return Err(error);
                }
            }
            batches += 1;
            if batches % BATCHES_PER_LINE == 0 {
                tracing::info!(
                    app = &**scope.app(),
                    collection = &*collection.name,
                    index = name,
                    documents,
                    "building an index"
                );
            }
        }
    }

    /// Removes an index of some collection.
    pub(super) async fn drop_index(
        &self,
        scope: &Scope<'_>,
        collection: &str,
        is_meant: &(dyn Fn(&Index) -> bool + Sync),
        name: &str,
    ) -> Result<(), DatabaseError> {
        let dropped = self.transact(scope, Mode::Write, (collection, is_meant), |work, (collection, is_meant)| {
            Box::pin(work.drop_index(collection, is_meant))
        });
        let dropped = dropped.await?.ok_or_else(|| DatabaseError::IndexNotFound(name.to_owned()))?;
        self.vectors.forget(scope, dropped);
        Ok(())
    }

    async fn remove_index(&self, scope: &Scope<'_>, index: IndexId) -> Result<(), DatabaseError> {
        let remove = self.transact(scope, Mode::Write, index, |work, index| {
            Box::pin(async move { Ok(work.transaction.drop_index(*index).await?) })
        });
        remove.await
    }
}

impl Work {
    /// The index that is wanted; put into the catalog unless one like it is there.
    async fn want_index(
        &mut self,
        collection: &str,
        index: &Index,
    ) -> Result<(Arc<Collection>, Arc<IndexRecord>), DatabaseError> {
        let collection = self.collection_to_change(collection).await?;
        for record in &collection.indexes {
            let same = match (&record.index, index) {
                (Index::Document(there), Index::Document(wanted)) => there.same_shape(wanted),
                (Index::Vector(there), Index::Vector(wanted)) => there.same_shape(wanted),
                _ => false,
            };
            if same {
                return Ok((collection.clone(), record.clone()));
            }
            let same_field = matches!((&record.index, index), (Index::Vector(there), Index::Vector(wanted)) if there.field == wanted.field);
            if same_field || record.index.name() == index.name() {
                return Err(DatabaseError::IndexConflict(record.index.name().to_owned()));
            }
        }
        if collection.indexes.len() >= MAX_INDEXES {
            return Err(DatabaseError::TooManyIndexes);
        }
        let state = IndexState::Building { done: 0 };
        let id = self.transaction.create_index(collection.id, index, state).await?;
        let record = IndexRecord { id, index: index.clone(), state, multikey: 0, truncated: false };
        Ok((collection, Arc::new(record)))
    }

    /// The index of a collection that is meant.
    pub(super) async fn find_index(
        &mut self,
        collection: &str,
        is_meant: impl Fn(&IndexRecord) -> bool + Send,
    ) -> Result<Option<(Arc<Collection>, Arc<IndexRecord>)>, DatabaseError> {
        let Some(collection) = self.collection(collection).await? else { return Ok(None) };
        let found = collection.indexes.iter().find(|record| is_meant(record)).cloned();
        Ok(found.map(|record| (collection, record)))
    }

    /// Drops the index that is meant, and says which one it was.
    async fn drop_index(
        &mut self,
        collection: &str,
        is_meant: &(dyn Fn(&Index) -> bool + Sync),
    ) -> Result<Option<IndexId>, DatabaseError> {
        let Some((_, record)) = self.find_index(collection, |record| is_meant(&record.index)).await? else {
            return Ok(None);
        };
        self.transaction.drop_index(record.id).await?;
        Ok(Some(record.id))
    }

    /// Takes the next documents into an index that is being built.
    async fn build_step(&mut self, collection: &str, index: IndexId) -> Result<Step, DatabaseError> {
        let Some((collection, record)) = self.find_index(collection, |record| record.id == index).await? else {
            return Ok(Step::Dropped);
        };
        let IndexState::Building { done } = record.state else { return Ok(Step::Done) };
        let after = Some(Position { key: Vec::new(), row: done });
        let scan = Scan { collection: collection.id, access: Access::Collection, after, guards: &[], limit: BATCH };
        let part = self.transaction.scan(&scan).await?;
        let mut updated = (*record).clone();
        for scanned in &part.documents {
            let document = Object::parse(&scanned.document.json)?;
            let row = scanned.document.row;
            match &record.index {
                Index::Document(index) => self.add_to_index(&mut updated, index, row, &document).await?,
                Index::Vector(definition) => self.add_vectors(record.id, definition, row, &document).await?,
            }
        }
        updated.state = match part.next {
            Some(Position { row, .. }) => IndexState::Building { done: row },
            None => IndexState::Ready,
        };
        self.transaction.update_index(&updated).await?;
        Ok(if updated.state == IndexState::Ready { Step::Done } else { Step::More(part.documents.len()) })
    }

    async fn add_to_index(
        &mut self,
        record: &mut IndexRecord,
        index: &DocumentIndex,
        row: i64,
        document: &Object,
    ) -> Result<(), DatabaseError> {
        let entries = index.entries(document)?;
        record.multikey |= entries.multikey;
        record.truncated |= entries.truncated;
        let adding = self.transaction.add_entries(record.id, index.unique, row, &entries.keys).await;
        adding.map_err(|failure| change::duplicate(failure, index, Some(document)))
    }

    async fn add_vectors(
        &mut self,
        index: IndexId,
        definition: &VectorDefinition,
        row: i64,
        document: &Object,
    ) -> Result<(), DatabaseError> {
        let vectors = vector::encoded_vectors_in(definition, document)?;
        if !vectors.is_empty() {
            self.transaction.put_vectors(index, row, &vectors).await?;
        }
        Ok(())
    }
}
