//! What each call does, within a transaction. The outcome is JSON, as the caller gets it.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::call::{Call, DeleteCall, Returning, UpdateCall};
use super::change::{Changes, Known};
use super::error::DatabaseError;
use super::filter::Filter;
use super::index::Index;
use super::limits::{MAX_CHANGED_DOCUMENTS, MAX_DISTINCT_VALUES, MAX_RESULT_BYTES, ROWS_AT_ONCE};
use super::order;
use super::path::{Fields, Leaf, Path, visit};
use super::plan::Plan;
use super::projection::Projection;
use super::query::Query;
use super::reader::Found;
use super::sort::Sort;
use super::store::{Collection, PART_BYTES, RowId, StoredDocument};
use super::update::UpdateContext;
use super::value::{Object, Value};
use super::work::{Work, id_text};

/// A document that is going to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    row: RowId,
    /// Its length as JSON.
    bytes: usize,
}

impl Match {
    fn of(document: &StoredDocument) -> Self {
        Self { row: document.row, bytes: document.json.len() }
    }

    /// The rows of documents that are read together: many small ones, or one that is large.
    fn batches(mut matches: &[Self]) -> impl Iterator<Item = Vec<RowId>> {
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let fits = |found: &&Self| {
                bytes += found.bytes;
                bytes <= PART_BYTES
            };
            let count = matches.iter().take(ROWS_AT_ONCE).take_while(fits).count().max(1);
            let (batch, rest) = matches.split_at_checked(count)?;
            matches = rest;
            Some(batch.iter().map(|found| found.row).collect())
        })
    }
}

impl Work {
    /// Runs a call that needs nothing but the transaction.
    pub(super) async fn run(&mut self, collection: &str, call: &Call) -> Result<String, DatabaseError> {
        match call {
            Call::Find(query) => Ok(documents_json(&self.query(collection, query).await?.documents, query)?),
            Call::FindOne(query) => {
                let found = self.query(collection, query).await?;
                one_json(found.documents.first(), query.projection.as_ref())
            }
            Call::Count(query) => self.count(collection, query).await,
            Call::Distinct(field, query) => self.distinct(collection, field, query).await,
            Call::Aggregate(pipeline) => self.aggregate(collection, pipeline).await,
            Call::InsertOne(document) => {
                let ids = self.insert(collection, vec![document.clone()]).await?;
                Ok(ids.first().map_or(Value::Null, |id| Value::String(id_text(id))).to_json())
            }
            Call::InsertMany(documents) => {
                let ids = self.insert(collection, documents.clone()).await?;
                let count = Value::Number(ids.len() as f64);
                let ids = ids.iter().map(|id| Value::String(id_text(id))).collect();
                Ok(object([("insertedCount", count), ("insertedIds", Value::Array(ids))]).to_json())
            }
            Call::Update(update) => self.update(collection, update).await,
            Call::Delete(delete) => self.delete(collection, delete).await,
            Call::ListIndexes => self.list_indexes(collection, |_| true).await,
            Call::ListVectorIndexes => self.list_indexes(collection, |index| matches!(index, Index::Vector(_))).await,
            Call::ListCollections => {
                let collections = self.transaction.collections().await?;
                let names = collections.iter().map(|collection| Value::from(&*collection.name)).collect();
                Ok(Value::Array(names).to_json())
            }
            Call::FindPage(_) | Call::FindSimilar(_) | Call::Explain(_) => {
                Err(DatabaseError::NotInTransaction("findPage, findSimilar and explain"))
            }
            Call::CreateIndex(_) | Call::CreateVectorIndex(_) | Call::DropIndex(_) | Call::DropVectorIndex(_) => {
                Err(DatabaseError::NotInTransaction("creating and dropping indexes"))
            }
        }
    }

    async fn query(&mut self, collection: &str, query: &Query) -> Result<Found, DatabaseError> {
        if query.vector.is_some() {
            return Err(DatabaseError::NotInTransaction("searching by vector"));
        }
        let Some(collection) = self.collection(collection).await? else { return Ok(Found::default()) };
        let filter = query.filter(&collection);
        self.find(&collection, filter, &query.sort, query.skip as usize, query.limit as usize).await
    }

    async fn count(&mut self, collection: &str, query: &Query) -> Result<String, DatabaseError> {
        let Some(collection) = self.collection(collection).await? else { return Ok("0".into()) };
        let filter = query.filter(&collection);
        if *filter == Filter::True {
            return Ok(self.transaction.count(collection.id).await?.to_string());
        }
        let mut count = 0u64;
        let mut add = |_: StoredDocument, _: Object| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        };
        let plan = Plan::new(&collection, filter, &Sort::default(), false);
        self.each_match(&collection, &plan, filter, u32::MAX, &mut add).await?;
        Ok(count.to_string())
    }

    async fn distinct(&mut self, collection: &str, field: &str, query: &Query) -> Result<String, DatabaseError> {
        let path = Path::parse_field(field)?;
        let Some(collection) = self.collection(collection).await? else { return Ok("[]".into()) };
        let filter = query.filter(&collection);
        let mut values: Vec<Value> = Vec::new();
        let (mut seen, mut bytes) = (HashSet::new(), 0);
        let mut gather = |_: StoredDocument, document: Object| {
            visit(Fields::Object(&document), path.components(), Leaf::Items, &mut |value: Option<&Value>, _| {
                // An array counts with its items, not as a whole.
                if let Some(value) = value.filter(|value| !matches!(value, Value::Array(_))) {
                    let encoded = super::key::encode(value);
                    let length = encoded.len();
                    if seen.insert(encoded) {
                        bytes += length;
                        values.push(value.clone());
                    }
                }
                Ok::<bool, DatabaseError>(false)
            })?;
            if values.len() > MAX_DISTINCT_VALUES || bytes > MAX_RESULT_BYTES {
                return Err(DatabaseError::ResultTooLarge);
            }
            Ok(ControlFlow::Continue(()))
        };
        let plan = Plan::new(&collection, filter, &Sort::default(), false);
        self.each_match(&collection, &plan, filter, u32::MAX, &mut gather).await?;
        values.sort_by(order::compare);
        Ok(Value::Array(values).to_json())
    }

    async fn insert(&mut self, collection: &str, documents: Vec<Object>) -> Result<Vec<Value>, DatabaseError> {
        let collection = self.collection_to_change(collection).await?;
        let mut changes = Changes { work: self, collection };
        let mut ids = Vec::with_capacity(documents.len());
        for document in documents {
            ids.push(changes.insert(document).await?);
        }
        Ok(ids)
    }

    async fn update(&mut self, collection: &str, call: &UpdateCall) -> Result<String, DatabaseError> {
        let known = self.collection(collection).await?;
        let rows = match &known {
            Some(collection) => self.rows_to_change(collection, &call.query, call.many).await?,
            None => Vec::new(),
        };
        if rows.is_empty() {
            return if call.upsert { self.upsert(collection, call).await } else { Ok(nothing_updated(call)) };
        }
        let Some(collection) = known else { return Ok(nothing_updated(call)) };
        let now = self.now;
        let filter = call.query.filter(&collection).clone();
        let mut changes = Changes { work: self, collection };
        let mut modified = 0;
        let mut returned = None;
        for batch in Match::batches(&rows) {
            for known in changes.read(&batch).await? {
                let mut changed = known.object.clone();
                let is_changed = changes.work.compute(|| {
                    let position = if call.update.is_positional() { filter.position(&known.object)? } else { None };
                    call.update.apply(&mut changed, &UpdateContext { now, inserting: false, position })
                });
                if is_changed? {
                    modified += 1;
                    changes.replace(&known, changed.clone()).await?;
                }
                returned = Some(if call.returning == Returning::After { changed } else { known.object });
            }
        }
        let matched = Value::Number(rows.len() as f64);
        Ok(match call.returning {
            Returning::Counts => {
                let modified = Value::Number(f64::from(modified));
                object([("matchedCount", matched), ("modifiedCount", modified), ("upsertedId", Value::Null)]).to_json()
            }
            Returning::Before | Returning::After => projected(returned, call.query.projection.as_ref())?,
        })
    }

    /// Inserts what an update without a match asks for: what its filter demands, changed by the update.
    async fn upsert(&mut self, collection: &str, call: &UpdateCall) -> Result<String, DatabaseError> {
        let collection = self.collection_to_change(collection).await?;
        let mut document = call.update.seed(call.query.seed(&collection))?;
        call.update.apply(&mut document, &UpdateContext { now: self.now, inserting: true, position: None })?;
        let id = Changes { work: self, collection }.insert(document.clone()).await?;
        if document.get("_id").is_none() {
            document.insert_first("_id", id.clone());
        }
        let zero = || Value::Number(0.0);
        match call.returning {
            Returning::Counts => Ok(object([
                ("matchedCount", zero()),
                ("modifiedCount", zero()),
                ("upsertedId", Value::String(id_text(&id))),
            ])
            .to_json()),
            Returning::Before => Ok("null".into()),
            Returning::After => projected(Some(document), call.query.projection.as_ref()),
        }
    }

    async fn delete(&mut self, collection: &str, call: &DeleteCall) -> Result<String, DatabaseError> {
        let mut rows = Vec::new();
        let mut returned = None;
        if let Some(collection) = self.collection(collection).await? {
            rows = self.rows_to_change(&collection, &call.query, call.many).await?;
            let mut changes = Changes { work: self, collection };
            for batch in Match::batches(&rows) {
                for known in changes.read(&batch).await? {
                    changes.delete(&known).await?;
                    returned = Some(known.object);
                }
            }
        }
        match call.returning {
            Returning::Counts => Ok(object([("deletedCount", Value::Number(rows.len() as f64))]).to_json()),
            Returning::Before | Returning::After => projected(returned, call.query.projection.as_ref()),
        }
    }

    /// The documents that a change is about: all that match, or the first.
    async fn rows_to_change(
        &mut self,
        collection: &Collection,
        query: &Query,
        many: bool,
    ) -> Result<Vec<Match>, DatabaseError> {
        let filter = query.filter(collection);
        if !many {
            let found = self.find(collection, filter, &query.sort, query.skip as usize, 1).await?;
            return Ok(found.documents.iter().map(Match::of).collect());
        }
        let mut rows = Vec::new();
        let mut gather = |document: StoredDocument, _: Object| {
            rows.push(Match::of(&document));
            if rows.len() > MAX_CHANGED_DOCUMENTS {
                return Err(DatabaseError::TooManyChanges);
            }
            Ok(ControlFlow::Continue(()))
        };
        let plan = Plan::new(collection, filter, &Sort::default(), false);
        self.each_match(collection, &plan, filter, u32::MAX, &mut gather).await?;
        Ok(rows)
    }

    async fn list_indexes(
        &mut self,
        collection: &str,
        is_wanted: impl Fn(&Index) -> bool,
    ) -> Result<String, DatabaseError> {
        let collection = self.collection(collection).await?;
        let indexes = collection.iter().flat_map(|collection| &collection.indexes);
        let described =
            indexes.filter(|record| is_wanted(&record.index)).map(|record| Value::Object(record.describe()));
        Ok(Value::Array(described.collect()).to_json())
    }
}

impl Changes<'_> {
    /// The documents in some rows, in that order.
    pub(super) async fn read(&mut self, rows: &[i64]) -> Result<Vec<Known>, DatabaseError> {
        let mut stored = self.work.transaction.by_rows(self.collection.id, rows).await?;
        stored.sort_by_key(|document| rows.iter().position(|row| *row == document.row));
        stored.into_iter().map(|stored| Ok(Known { object: Object::parse(&stored.json)?, stored })).collect()
    }
}

/// Documents as a JSON array.
pub(super) fn documents_json(documents: &[StoredDocument], query: &Query) -> Result<String, DatabaseError> {
    let bytes: usize = documents.iter().map(|document| document.json.len() + 1).sum();
    let mut json = String::with_capacity(bytes + 2);
    json.push('[');
    for (place, document) in documents.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        match &query.projection {
            None => json.push_str(&document.json),
            Some(projection) => {
                json.push_str(&projection.apply(Object::parse(&document.json)?)?.to_json());
                if json.len() > MAX_RESULT_BYTES {
                    return Err(DatabaseError::ResultTooLarge);
                }
            }
        }
    }
    json.push(']');
    Ok(json)
}

fn one_json(document: Option<&StoredDocument>, projection: Option<&Projection>) -> Result<String, DatabaseError> {
    match (document, projection) {
        (None, _) => Ok("null".into()),
        (Some(document), None) => Ok(document.json.clone()),
        (Some(document), Some(_)) => projected(Some(Object::parse(&document.json)?), projection),
    }
}

fn projected(document: Option<Object>, projection: Option<&Projection>) -> Result<String, DatabaseError> {
    let json = match (document, projection) {
        (None, _) => "null".into(),
        (Some(document), None) => document.to_json(),
        (Some(document), Some(projection)) => projection.apply(document)?.to_json(),
    };
    // What is computed is bounded as it is in memory, and text may be several times as long as JSON.
    if json.len() > MAX_RESULT_BYTES { Err(DatabaseError::ResultTooLarge) } else { Ok(json) }
}

fn nothing_updated(call: &UpdateCall) -> String {
    let zero = || Value::Number(0.0);
    match call.returning {
        Returning::Counts => {
            object([("matchedCount", zero()), ("modifiedCount", zero()), ("upsertedId", Value::Null)]).to_json()
        }
        Returning::Before | Returning::After => "null".into(),
    }
}

pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Object {
    fields.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_documents_are_read_one_by_one_and_small_ones_together() {
        let batches = |bytes: &[usize]| {
            let matches: Vec<_> = bytes.iter().zip(0..).map(|(&bytes, row)| Match { row, bytes }).collect();
            Match::batches(&matches).map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert!(batches(&[]).is_empty());
        assert_eq!(batches(&[10; 40]), [16, 16, 8]);
        assert_eq!(batches(&[16 << 20; 3]), [1, 1, 1]);
        assert_eq!(batches(&[10, 10, 16 << 20, 10, 4 << 20, 4 << 20]), [2, 1, 2, 1]);
    }
}
