//! Checks that indexes agree with their documents, without holding either in memory: both sides are added up as hashes,
//! and sums that are equal are of equal sets.

use std::sync::Arc;

use super::Database;
use super::error::DatabaseError;
use super::index::Index;
use super::key;
use super::store::{Access, Collection, IndexRecord, IndexState, KeySpan, Mode, Position, RowId, Scan};
use super::value::{Object, Value};
use super::vector::{self, VectorDefinition};
use super::vector_index::documents_at_once;
use super::work::Work;
use crate::caller::Caller;
use crate::gate::Action;

/// Rows that are read at a time.
const BATCH: u32 = 500;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Collections that were looked at.
    pub collections: usize,
    /// Documents in them.
    pub documents: u64,
    /// Indexes that were compared.
    pub indexes: usize,
    /// What does not agree, in words; empty is good.
    pub problems: Vec<String>,
}

/// A set of things, as the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    hash: u128,
}

impl Sum {
    fn add(&mut self, parts: &[&[u8]]) {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        self.hash = self.hash.wrapping_add(u128::from_le_bytes(half));
        self.count += 1;
    }
}

impl Database {
    /// Checks all collections of the caller's app, in one consistent view.
    pub async fn check(&self, caller: &Caller) -> Result<Checked, DatabaseError> {
        let scope = self.admit(caller, Action::List, "")?;
        self.transact(&scope, Mode::Read, (), |work, ()| Box::pin(work.check())).await
    }
}

/// What an index should hold.
struct Wanted {
    record: Arc<IndexRecord>,
    sum: Sum,
    problem: Option<String>,
}

impl Work {
    async fn check(&mut self) -> Result<Checked, DatabaseError> {
        let mut checked = Checked { collections: 0, documents: 0, indexes: 0, problems: Vec::new() };
        for collection in self.transaction.collections().await? {
            checked.collections += 1;
            let ready = collection.indexes.iter().filter(|record| record.state == IndexState::Ready);
            let mut indexes: Vec<_> =
                ready.map(|record| Wanted { record: record.clone(), sum: Sum::default(), problem: None }).collect();
            let ids = self.add_documents(&collection, &mut indexes).await?;
            checked.documents += ids.count;
            let mut tell = |index: &str, problem: String| {
                checked.problems.push(format!("{}.{index}: {problem}", collection.name));
            };
            if let Some(problem) = difference(ids, self.found_ids(&collection).await?) {
                tell("_id", problem);
            }
            for Wanted { record, sum, problem } in indexes {
                let found = match &record.index {
                    Index::Document(_) => self.found_entries(&record).await?,
                    Index::Vector(definition) => self.found_vectors(&record, definition).await?,
                };
                checked.indexes += 1;
                let strays = match &record.index {
                    Index::Document(_) => 0,
                    Index::Vector(_) => self.transaction.strays(record.id).await?,
                };
                let strays = (strays > 0).then(|| format!("{strays} vectors are not both kept and searched"));
                for problem in problem.into_iter().chain(difference(sum, found)).chain(strays) {
                    tell(record.index.name(), problem);
                }
            }
        }
        Ok(checked)
    }

    /// Adds up what all indexes of a collection should hold. The sum that is returned is of the ids.
    async fn add_documents(&mut self, collection: &Collection, indexes: &mut [Wanted]) -> Result<Sum, DatabaseError> {
        let mut ids = Sum::default();
        let mut after = None;
        loop {
            let scan = Scan { collection: collection.id, access: Access::Collection, after, guards: &[], limit: BATCH };
            let part = self.transaction.scan(&scan).await?;
            for scanned in &part.documents {
                let document = Object::parse(&scanned.document.json)?;
                let row = scanned.document.row;
                ids.add(&[&key::encode(document.get("_id").unwrap_or(&Value::Null)), &row.to_le_bytes()]);
                for index in indexes.iter_mut() {
                    if let Err(error) = index.add(row, &document) {
                        index.problem = Some(format!("the document in row {row} cannot be in it ({error})"));
                    }
                }
            }
            after = part.next;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }

    async fn found_ids(&mut self, collection: &Collection) -> Result<Sum, DatabaseError> {
        let mut sum = Sum::default();
        let mut after = None;
        let spans = [KeySpan { from: Vec::new(), until: None }];
        loop {
            let access = Access::Index { index: None, spans: &spans, reverse: false };
            let scan = Scan { collection: collection.id, access, after, guards: &[], limit: BATCH };
            let part = self.transaction.scan(&scan).await?;
            part.documents.iter().for_each(|found| sum.add(&[&found.key, &found.document.row.to_le_bytes()]));
            after = part.next;
            if after.is_none() {
                return Ok(sum);
            }
        }
    }

    async fn found_entries(&mut self, record: &IndexRecord) -> Result<Sum, DatabaseError> {
        let mut sum = Sum::default();
        let mut after: Option<Position> = None;
        loop {
            let entries = self.transaction.entries(record.id, after.as_ref(), BATCH).await?;
            let Some((key, row)) = entries.last() else { return Ok(sum) };
            after = Some(Position { key: key.clone(), row: *row });
            entries.iter().for_each(|(key, row)| sum.add(&[key, &row.to_le_bytes()]));
        }
    }

    async fn found_vectors(
        &mut self,
        record: &IndexRecord,
        definition: &VectorDefinition,
    ) -> Result<Sum, DatabaseError> {
        let mut sum = Sum::default();
        let mut after: Option<RowId> = None;
        let limit = documents_at_once(definition) as u32;
        loop {
            let vectors = self.transaction.vectors(record.id, after, limit).await?;
            let Some(last) = vectors.last() else { return Ok(sum) };
            after = Some(last.row);
            for vector in &vectors {
                sum.add(&[&vector.bytes, &vector.row.to_le_bytes(), &vector.ordinal.to_le_bytes()]);
            }
        }
    }
}

impl Wanted {
    fn add(&mut self, row: RowId, document: &Object) -> Result<(), DatabaseError> {
        match &self.record.index {
            Index::Document(index) => {
                let entries = index.entries(document)?;
                if entries.multikey & !self.record.multikey != 0 || entries.truncated && !self.record.truncated {
                    self.problem = Some("the catalog does not say which entries it has".to_owned());
                }
                entries.keys.iter().for_each(|key| self.sum.add(&[key, &row.to_le_bytes()]));
            }
            Index::Vector(definition) => {
                let vectors = vector::encoded_vectors_in(definition, document)?;
                vectors.iter().zip(0u32..).for_each(|(bytes, ordinal)| {
                    self.sum.add(&[bytes, &row.to_le_bytes(), &ordinal.to_le_bytes()]);
                });
            }
        }
        Ok(())
    }
}

/// What to say where an index does not hold what it should.
fn difference(wanted: Sum, found: Sum) -> Option<String> {
    let how = if wanted.count == found.count { ", and they differ" } else { "" };
    let (wanted_count, found_count) = (wanted.count, found.count);
    (wanted != found).then(|| format!("the documents have {wanted_count} entries, the index has {found_count}{how}"))
}
