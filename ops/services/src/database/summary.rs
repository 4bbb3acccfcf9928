//! What there is, for those who run the host: apps, their collections and indexes, and how much room they take.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::Database;
use super::error::DatabaseError;
use super::index::Index;
use super::store::{IndexState, Mode};
use super::work::Work;
use crate::caller::Caller;
use crate::gate::Action;

/// What an app keeps in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its collections, by name.
    pub collections: Vec<CollectionSummary>,
    /// Bytes that documents and indexes take in the store, what is free for later ones included.
    pub bytes: u64,
}

/// What a collection holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionSummary {
    /// Its name.
    pub name: Arc<str>,
    /// How many documents it holds.
    pub documents: u64,
    /// Its indexes.
    pub indexes: Vec<IndexSummary>,
}

/// An index, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSummary {
    /// Its name.
    pub name: String,
    /// Whether it is one of vectors.
    pub is_vector: bool,
    /// Whether it is still being built.
    pub is_building: bool,
}

impl Database {
    /// The apps (tenant, app) that have a database. For the host, never for a caller.
    pub async fn apps(&self) -> Result<Vec<(Arc<str>, Arc<str>)>, DatabaseError> {
        Ok(self.store.apps().await?)
    }

    /// Looks at the caller's app. Counts all its documents, which reads them.
    pub async fn summary(&self, caller: &Caller) -> Result<Summary, DatabaseError> {
        let scope = self.admit(caller, Action::List, "")?;
        self.transact(&scope, Mode::Read, &(), |work, ()| work.summary().boxed()).await
    }
}

impl Work {
    async fn summary(&mut self) -> Result<Summary, DatabaseError> {
        let mut collections = Vec::new();
        for collection in self.transaction.collections().await? {
            let documents = self.transaction.count(collection.id).await?;
            let indexes = collection.indexes.iter().map(|record| IndexSummary {
                name: record.index.name().to_owned(),
                is_vector: matches!(record.index, Index::Vector(_)),
                is_building: record.state != IndexState::Ready,
            });
            let (name, indexes) = (collection.name.clone(), indexes.collect());
            collections.push(CollectionSummary { name, documents, indexes });
        }
        Ok(Summary { collections, bytes: self.transaction.bytes().await? })
    }
}
