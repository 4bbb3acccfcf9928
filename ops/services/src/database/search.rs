//! Searches by vector: the documents nearest to one, among those that a filter matches.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Database;
use super::error::DatabaseError;
use super::filter::Filter;
use super::index::Index;
use super::limits::{MAX_RESULT_BYTES, ROWS_AT_ONCE};
use super::plan::{Plan, Source};
use super::query::Query;
use super::sort::Sort;
use super::store::{Collection, IndexId, IndexState, RowId, StoredDocument};
use super::value::{Object, Value};
use super::vector::{Allowed, Found, Hit, MAX_K, Regime, ResidentIndex, RowSet, VectorDefinition, VectorQuery};
use super::vector_index::{VectorIndex, by_row, documents_at_once};
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
        let filter = query.filter(&collection);
        let mut search = Search { collection: &collection, query, filter, definition, vectors, examined: 0 };
        let (found, documents) = search.run(work, &wanted).await?;
        let (regime, compared) = (Some(found.regime), found.compared);
        Ok(SearchResult { documents, index: definition.name.clone(), regime, compared, examined: search.examined })
    }
}

fn is_on(index: &Index, field: &str) -> bool {
    matches!(index, Index::Vector(definition) if definition.field == field)
}

struct Search<'s> {
    collection: &'s Collection,
    query: &'s Query,
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

impl Search<'_> {
    async fn run(&mut self, work: &mut Work, nearest: &VectorQuery) -> Result<(Found, Vec<Object>), DatabaseError> {
        if *self.filter == Filter::True {
            let found = self.nearest(work, nearest, None).await?;
            let taken = self.taken(work, &found.hits, nearest.k()).await?;
            return Ok((found, taken.documents));
        }
        let plan = Plan::new(self.collection, self.filter, &Sort::default(), false);
        if plan.reads.iter().any(|read| matches!(read.from, Source::Collection)) {
            // The nearest of all are likely to hold enough that match; their order is the same.
            let more = nearest.with_k((nearest.k() * SPARE).min(MAX_K));
            let found = self.nearest(work, &more, None).await?;
            let taken = self.taken(work, &found.hits, nearest.k()).await?;
            if taken.is_complete() {
                return Ok((found, taken.documents));
            }
        }
        let rows = self.rows(work, &plan).await?;
        let found = self.nearest(work, nearest, Some(&rows)).await?;
        let taken = self.taken(work, &found.hits, nearest.k()).await?;
        Ok((found, taken.documents))
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
        let mut nearest = Found { hits: Vec::new(), regime: Regime::Store, compared: 0, tested: 0 };
        for rows in rows.chunks(documents_at_once(self.definition)) {
            work.yield_now().await;
            // They are compared like any others.
            let mut candidates = ResidentIndex::new(self.definition.clone());
            for (row, vectors) in by_row(work.transaction.vectors_of(id, rows).await?) {
                candidates.insert(row, &vectors)?;
            }
            nearest.merge(candidates.search_by(Regime::Exact, query, Allowed::All), query.k());
        }
        Ok(nearest)
    }

    /// What is wanted of the first `k` hits that the filter matches. The rest is not read.
    async fn taken(&mut self, work: &mut Work, hits: &[Hit], k: usize) -> Result<Taken<'_>, DatabaseError> {
        let mut taken = Taken::new(self.query, k);
        for hits in hits.chunks(ROWS_AT_ONCE) {
            work.yield_now().await;
            let rows: Vec<RowId> = hits.iter().map(|hit| hit.row).collect();
            let read = work.transaction.by_rows(self.collection.id, &rows).await?;
            self.examined += read.len() as u64;
            let mut read: HashMap<RowId, StoredDocument> = read.into_iter().map(|found| (found.row, found)).collect();
            for hit in hits {
                // A document that was deleted a moment ago may still have been found.
                let Some(stored) = read.remove(&hit.row) else { continue };
                let document = Object::parse(&stored.json)?;
                if self.filter.matches(&document)? {
                    taken.add(hit, document)?;
                    if taken.is_complete() {
                        return Ok(taken);
                    }
                }
            }
        }
        Ok(taken)
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

/// What a query wants of the documents that a search finds, gathered as they come, the nearest first.
struct Taken<'q> {
    query: &'q Query,
    /// Documents after which no others are wanted, those that the query skips included.
    last: usize,
    /// How many have come.
    count: usize,
    bytes: usize,
    documents: Vec<Object>,
}

impl<'q> Taken<'q> {
    fn new(query: &'q Query, k: usize) -> Self {
        let last = k.min(query.skip as usize + query.limit as usize);
        Self { query, last, count: 0, bytes: 0, documents: Vec::new() }
    }

    fn is_complete(&self) -> bool {
        self.count >= self.last
    }

    /// Takes in the next document, with its scores.
    fn add(&mut self, hit: &Hit, mut document: Object) -> Result<(), DatabaseError> {
        self.count += 1;
        if self.count as u64 <= self.query.skip {
            return Ok(());
        }
        if let Some(projection) = &self.query.projection {
            document = projection.apply(document)?;
        }
        self.bytes += document.weight();
        if self.bytes > MAX_RESULT_BYTES {
            return Err(DatabaseError::ResultTooLarge);
        }
        debug_assert!(hit.distance.is_finite(), "an index holds finite vectors only");
        document.insert("_score", Value::Number(hit.score.into()));
        document.insert("_distance", Value::Number(hit.distance.into()));
        self.documents.push(document);
        Ok(())
    }
}
