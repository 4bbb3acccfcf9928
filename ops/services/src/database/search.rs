//! Searches by vector: the documents nearest to one, among those that a filter matches.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Database;
use super::error::DatabaseError;
use super::filter::Filter;
use super::index::Index;
use super::limits::MAX_RESULT_BYTES;
use super::plan::{Plan, Source};
use super::query::Query;
use super::sort::Sort;
use super::store::{Collection, IndexId, IndexState, RowId, StoredDocument};
use super::value::{Object, Value};
use super::vector::{Allowed, Found, Hit, MAX_K, Regime, ResidentIndex, RowSet, VectorDefinition, VectorQuery};
use super::vectors::{VectorIndex, by_row};
use super::work::Work;
use crate::gate::Scope;

/// How many times more documents than wanted are looked at first, where a filter has no index.
const SPARE: usize = 4;

/// Vectors that the store is asked for at least: the order of the first ones is not certain.
const FEWEST_NAMED: usize = 100;
/// Most vectors of a query for which the store is asked; each is a question of its own.
const MAX_ASKED: usize = 8;

/// A search and what it cost.
#[derive(Debug)]
pub(super) struct SearchResult {
    pub(super) documents: Vec<Object>,
    pub(super) index: String,
    pub(super) regime: Option<Regime>,
    pub(super) compared: usize,
    pub(super) examined: u64,
}

impl Database {
    /// The documents nearest to a vector, each with its `_score` and `_distance`.
    pub(super) async fn search(
        &self,
        scope: &Scope<'_>,
        collection: &str,
        query: &Query,
        clause: &Object,
        work: &mut Work,
    ) -> Result<SearchResult, DatabaseError> {
        if !query.sort.is_empty() {
            return Err(DatabaseError::OptionsInvalid("a vector search has its own order: leave sort out".into()));
        }
        let field = VectorQuery::field(clause)?;
        let found = work.find_index(collection, |record| is_on(&record.index, field)).await?;
        let Some((collection, record)) = found else {
            return Err(DatabaseError::VectorIndexNotFound {
                collection: collection.to_owned(),
                field: field.to_owned(),
            });
        };
        if record.state != IndexState::Ready {
            return Err(DatabaseError::IndexBuilding(record.index.name().to_owned()));
        }
        let Index::Vector(definition) = &record.index else { unreachable!("only vector indexes are found by field") };
        let wanted = VectorQuery::parse(clause, definition)?;
        let can_ask = wanted.is_by_closest_pair(definition) && wanted.vectors().len() <= MAX_ASKED;
        let vectors = if can_ask && work.transaction.can_search(record.id).await? {
            Vectors::InStore(record.id)
        } else {
            Vectors::InMemory(self.vectors.get(scope, work, record.id, definition, self.store.shared()).await?)
        };
        let mut search =
            Search { collection: &collection, filter: query.filter(&collection), definition, vectors, examined: 0 };
        let (found, stored) = search.run(work, &wanted).await?;
        let (skip, limit) = (query.skip as usize, query.limit as usize);
        let documents = scored(&found.hits, stored, definition, query)?.into_iter().skip(skip).take(limit).collect();
        let (regime, compared) = (Some(found.regime), found.compared);
        Ok(SearchResult { documents, index: definition.name.clone(), regime, compared, examined: search.examined })
    }
}

fn is_on(index: &Index, field: &str) -> bool {
    matches!(index, Index::Vector(definition) if definition.field == field)
}

struct Search<'s> {
    collection: &'s Collection,
    filter: &'s Filter,
    definition: &'s VectorDefinition,
    vectors: Vectors,
    examined: u64,
}

/// Who finds the nearest vectors.
enum Vectors {
    InMemory(Arc<VectorIndex>),
    /// The store, by an index of its own.
    InStore(IndexId),
}

type Documents = HashMap<RowId, StoredDocument>;

impl Search<'_> {
    async fn run(&mut self, work: &mut Work, query: &VectorQuery) -> Result<(Found, Documents), DatabaseError> {
        if *self.filter == Filter::True {
            let found = self.nearest(work, query, None).await?;
            let documents = self.matching(work, &found.hits).await?;
            return Ok((found, documents));
        }
        let plan = Plan::new(self.collection, self.filter, &Sort::default(), false);
        if plan.reads.iter().any(|read| matches!(read.from, Source::Collection)) {
            // The nearest of all are likely to hold enough that match; their order is the same.
            let more = query.with_k((query.k() * SPARE).min(MAX_K));
            let mut found = self.nearest(work, &more, None).await?;
            let documents = self.matching(work, &found.hits).await?;
            found.hits.retain(|hit| documents.contains_key(&hit.row));
            if found.hits.len() >= query.k() {
                found.hits.truncate(query.k());
                return Ok((found, documents));
            }
        }
        let rows = self.rows(work, &plan).await?;
        let found = self.nearest(work, query, Some(&rows)).await?;
        let documents = self.matching(work, &found.hits).await?;
        Ok((found, documents))
    }

    async fn nearest(
        &self,
        work: &mut Work,
        query: &VectorQuery,
        among: Option<&RowSet>,
    ) -> Result<Found, DatabaseError> {
        let id = match &self.vectors {
            Vectors::InMemory(index) => {
                let found = index.with(|index| index.search(query, among.map_or(Allowed::All, Allowed::Rows)));
                return found.ok_or_else(|| DatabaseError::VectorCorrupt { index: self.definition.name.clone() });
            }
            Vectors::InStore(id) => *id,
        };
        let rows = named(work, id, query, among).await?;
        // They are compared like any others.
        let mut candidates = ResidentIndex::new(self.definition.clone());
        for (row, vectors) in by_row(work.transaction.vectors_of(id, &rows).await?) {
            candidates.insert(row, &vectors)?;
        }
        Ok(Found { regime: Regime::Store, ..candidates.search(query, Allowed::All) })
    }

    /// The documents of hits, as far as the filter matches them.
    async fn matching(&mut self, work: &mut Work, hits: &[Hit]) -> Result<Documents, DatabaseError> {
        let rows: Vec<RowId> = hits.iter().map(|hit| hit.row).collect();
        let mut documents = Documents::with_capacity(rows.len());
        for document in work.transaction.by_rows(self.collection.id, &rows).await? {
            self.examined += 1;
            if *self.filter == Filter::True || self.filter.matches(&Object::parse(&document.json)?)? {
                documents.insert(document.row, document);
            }
        }
        Ok(documents)
    }

    /// The rows of all documents that the filter matches.
    async fn rows(&mut self, work: &mut Work, plan: &Plan) -> Result<RowSet, DatabaseError> {
        let mut rows = Vec::new();
        let mut gather = |document: StoredDocument, _: Object| {
            rows.push(document.row);
            Ok(ControlFlow::Continue(()))
        };
        let cost = work.each_match(self.collection, plan, self.filter, u32::MAX, &mut gather).await?;
        self.examined += cost.examined;
        Ok(rows.into_iter().collect())
    }
}

/// The rows that the store names: at least as many as are wanted, if there are as many.
async fn named(
    work: &mut Work,
    index: IndexId,
    query: &VectorQuery,
    among: Option<&RowSet>,
) -> Result<Vec<RowId>, DatabaseError> {
    let among: Option<Vec<RowId>> = among.map(|rows| rows.iter().collect());
    let mut limit = (SPARE * query.k()).max(FEWEST_NAMED);
    loop {
        let (mut rows, mut are_more) = (RowSet::default(), false);
        for vector in query.vectors() {
            let found = work.transaction.nearest(index, vector, among.as_deref(), limit as u32).await?;
            are_more |= found.len() == limit;
            rows = rows.iter().chain(found).collect();
        }
        if rows.len() >= query.k() || !are_more {
            return Ok(rows.iter().collect());
        }
        // The vectors are of few documents.
        limit *= SPARE;
    }
}

/// The documents of hits in their order, with their scores.
fn scored(
    hits: &[Hit],
    mut documents: Documents,
    definition: &VectorDefinition,
    query: &Query,
) -> Result<Vec<Object>, DatabaseError> {
    let mut scored = Vec::with_capacity(hits.len());
    let mut bytes = 0;
    for hit in hits {
        // A document that was deleted a moment ago may still have been found.
        let Some(document) = documents.remove(&hit.row) else { continue };
        let mut document = Object::parse(&document.json)?;
        if let Some(projection) = &query.projection {
            document = projection.apply(document)?;
        }
        bytes += document.weight();
        if bytes > MAX_RESULT_BYTES {
            return Err(DatabaseError::ResultTooLarge);
        }
        debug_assert!(hit.distance.is_finite(), "{} holds finite vectors only", definition.name);
        document.insert("_score", Value::Number(hit.score.into()));
        document.insert("_distance", Value::Number(hit.distance.into()));
        scored.push(document);
    }
    Ok(scored)
}
