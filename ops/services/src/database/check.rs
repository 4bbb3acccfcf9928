//! Checks that indexes agree with their documents, without holding either in memory: both sides are added up as hashes,
//! and sums that are equal are of equal sets.

use super::Database;
use super::error::DatabaseError;
use super::index::Index;
use super::store::{Access, Collection, IndexRecord, IndexState, Mode, Position, RowId, Scan};
use super::value::Object;
use super::vector;
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

impl Work {
    async fn check(&mut self) -> Result<Checked, DatabaseError> {
        let mut checked = Checked { collections: 0, documents: 0, indexes: 0, problems: Vec::new() };
        for collection in self.transaction.collections().await? {
            checked.collections += 1;
            checked.documents += self.transaction.count(collection.id).await?;
            for record in &collection.indexes {
                let IndexState::Ready = record.state else { continue };
                checked.indexes += 1;
                let (wanted, problem) = self.wanted(&collection, record).await?;
                let found = self.found(record).await?;
                let name = format!("{}.{}", collection.name, record.index.name());
                checked.problems.extend(problem.map(|problem| format!("{name}: {problem}")));
                if wanted != found {
                    checked.problems.push(format!(
                        "{name}: the documents have {} entries, the index has {}{}",
                        wanted.count,
                        found.count,
                        if wanted.count == found.count { ", and they differ" } else { "" }
                    ));
                }
            }
        }
        Ok(checked)
    }

    /// What an index should hold.
    async fn wanted(
        &mut self,
        collection: &Collection,
        record: &IndexRecord,
    ) -> Result<(Sum, Option<String>), DatabaseError> {
        let (mut sum, mut problem) = (Sum::default(), None);
        let mut after = None;
        loop {
            let scan = Scan { collection: collection.id, access: Access::Collection, after, guards: &[], limit: BATCH };
            let part = self.transaction.scan(&scan).await?;
            for scanned in &part.documents {
                let row = scanned.document.row.to_le_bytes();
                let document = Object::parse(&scanned.document.json)?;
                match &record.index {
                    Index::Document(index) => {
                        let entries = index.entries(&document)?;
                        if entries.multikey & !record.multikey != 0 || entries.truncated && !record.truncated {
                            problem = Some("the catalog does not say which entries it has".to_owned());
                        }
                        entries.keys.iter().for_each(|key| sum.add(&[key, &row]));
                    }
                    Index::Vector(definition) => {
                        let vectors = vector::encoded_vectors_in(definition, &document)?;
                        vectors.iter().zip(0u32..).for_each(|(bytes, ordinal)| {
                            sum.add(&[bytes, &row, &ordinal.to_le_bytes()]);
                        });
                    }
                }
            }
            if part.next.is_none() {
                return Ok((sum, problem));
            }
            after = part.next;
        }
    }

    /// What it holds.
    async fn found(&mut self, record: &IndexRecord) -> Result<Sum, DatabaseError> {
        let mut sum = Sum::default();
        if let Index::Vector(_) = record.index {
            let mut after: Option<RowId> = None;
            loop {
                let vectors = self.transaction.vectors(record.id, after, BATCH).await?;
                let Some(last) = vectors.last() else { return Ok(sum) };
                after = Some(last.row);
                for vector in &vectors {
                    sum.add(&[&vector.bytes, &vector.row.to_le_bytes(), &vector.ordinal.to_le_bytes()]);
                }
            }
        }
        let mut after: Option<Position> = None;
        loop {
            let entries = self.transaction.entries(record.id, after.as_ref(), BATCH).await?;
            let Some((key, row)) = entries.last() else { return Ok(sum) };
            after = Some(Position { key: key.clone(), row: *row });
            entries.iter().for_each(|(key, row)| sum.add(&[key, &row.to_le_bytes()]));
        }
    }
}
