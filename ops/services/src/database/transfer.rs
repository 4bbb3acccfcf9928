//! Copying collections between stores: the documents first, to the letter and in their order, then their indexes, which
//! are built anew.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::Database;
use super::change::{Changes, encoded_id};
use super::error::DatabaseError;
use super::index::Index;
use super::store::{Access, Mode, Position, Scan};
use super::value::{Object, Value};
use super::work::{Work, id_text};
use crate::gate::Scope;
use crate::transfer::{Digest, Digester, TransferError};

/// Documents that are read at a time, and written in one transaction.
const BATCH: u32 = 256;
/// Bytes of documents after which they are written.
const WRITE_BYTES: usize = 32 << 20;

/// Some documents in their order.
struct Part {
    documents: Vec<String>,
    next: Option<Position>,
}

impl Database {
    /// Copies the documents of a collection from another database. Those that are there already, and the same, are left.
    /// Returns what the source holds, once all of it is durable here. `progress` is told how many are done.
    pub async fn copy_collection(
        &self,
        from: &Self,
        (tenant, app): &(Arc<str>, Arc<str>),
        collection: &str,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Digest, TransferError> {
        let scope = Scope::of_host(tenant, app);
        self.transact(&scope, Mode::Write, &collection, |work, collection| {
            async { work.collection_to_change(collection).await.map(drop) }.boxed()
        })
        .await?;
        let mut digester = Digester::default();
        let mut after = None;
        loop {
            let Part { documents, next } = from.part(&scope, collection, after).await?;
            documents.iter().for_each(|json| digester.add(&[json.as_bytes()]));
            let mut rest = &documents[..];
            while !rest.is_empty() {
                let mut room = WRITE_BYTES;
                let fits = |json: &&String| {
                    let has_room = room > 0;
                    room = room.saturating_sub(json.len());
                    has_room
                };
                let (fitting, others) = rest.split_at(rest.iter().take_while(fits).count());
                self.adopt(&scope, collection, fitting).await?;
                rest = others;
            }
            progress(digester.count);
            if next.is_none() {
                return Ok(digester.finish());
            }
            after = next;
        }
    }

    /// What a collection holds.
    pub async fn digest_collection(
        &self,
        (tenant, app): &(Arc<str>, Arc<str>),
        collection: &str,
    ) -> Result<Digest, TransferError> {
        let scope = Scope::of_host(tenant, app);
        let mut digester = Digester::default();
        let mut after = None;
        loop {
            let Part { documents, next } = self.part(&scope, collection, after).await?;
            documents.iter().for_each(|json| digester.add(&[json.as_bytes()]));
            if next.is_none() {
                return Ok(digester.finish());
            }
            after = next;
        }
    }

    /// The names of an app's collections, in order.
    pub async fn collection_names(&self, (tenant, app): &(Arc<str>, Arc<str>)) -> Result<Vec<Arc<str>>, TransferError> {
        let collections = self.collections(&Scope::of_host(tenant, app)).await?;
        Ok(collections.iter().map(|collection| collection.name.clone()).collect())
    }

    /// Makes the indexes that a collection has in another database, and returns their names.
    pub async fn copy_indexes(
        &self,
        from: &Self,
        (tenant, app): &(Arc<str>, Arc<str>),
        collection: &str,
    ) -> Result<Vec<String>, TransferError> {
        let scope = Scope::of_host(tenant, app);
        let mut names = Vec::new();
        for index in from.indexes(&scope, collection).await? {
            names.push(self.create_index(&scope, collection, &index).await?);
        }
        Ok(names)
    }

    async fn indexes(&self, scope: &Scope<'_>, collection: &str) -> Result<Vec<Index>, DatabaseError> {
        let found = self
            .transact(scope, Mode::Read, &collection, |work, collection| work.collection(collection).boxed())
            .await?;
        Ok(found.iter().flat_map(|found| &found.indexes).map(|record| record.index.clone()).collect())
    }

    async fn part(&self, scope: &Scope<'_>, collection: &str, after: Option<Position>) -> Result<Part, DatabaseError> {
        self.transact(scope, Mode::Read, &(collection, after), |work, (collection, after)| {
            work.part(collection, after.as_ref()).boxed()
        })
        .await
    }

    /// Stores documents as another database has them.
    async fn adopt(&self, scope: &Scope<'_>, collection: &str, documents: &[String]) -> Result<(), TransferError> {
        let differing = self
            .transact(scope, Mode::Write, &(collection, documents), |work, (collection, documents)| {
                work.adopt(collection, documents).boxed()
            })
            .await?;
        match differing {
            None => Ok(()),
            Some(id) => {
                let place = format!("the collection {collection:?}");
                Err(TransferError::Differs { place, record: format!("the document {}", id_text(&id)) })
            }
        }
    }
}

impl Work {
    async fn part(&mut self, collection: &str, after: Option<&Position>) -> Result<Part, DatabaseError> {
        let Some(collection) = self.collection(collection).await? else {
            return Ok(Part { documents: Vec::new(), next: None });
        };
        let after = after.cloned();
        let scan = Scan { collection: collection.id, access: Access::Collection, after, guards: &[], limit: BATCH };
        let part = self.transaction.scan(&scan).await?;
        let documents = part.documents.into_iter().map(|scanned| scanned.document.json).collect();
        Ok(Part { documents, next: part.next })
    }

    /// Says the `_id` of the first document that is there and not the same; those before it are stored.
    async fn adopt(&mut self, collection: &str, documents: &[String]) -> Result<Option<Value>, DatabaseError> {
        let collection = self.collection_to_change(collection).await?;
        let mut changes = Changes { work: self, collection };
        for json in documents {
            let object = Object::parse(json)?;
            let id = object.get("_id").cloned().unwrap_or(Value::Null);
            let encoded = encoded_id(&id)?;
            let there = changes.work.transaction.by_id(changes.collection.id, &encoded).await?;
            match there {
                Some(stored) if stored.json == *json => {}
                Some(_) => return Ok(Some(id)),
                None => changes.store(&id, &encoded, json.clone(), &object).await?,
            }
        }
        Ok(None)
    }
}
