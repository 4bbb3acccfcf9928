//! Runs a plan: reads what it says, checks each document with the filter, and gathers the wanted ones in their order.

use std::collections::{BinaryHeap, HashSet};
use std::ops::ControlFlow;

use super::error::DatabaseError;
use super::filter::Filter;
use super::limits::MAX_RESULT_BYTES;
use super::plan::{Order, Plan, Read, Source};
use super::sort::{Place, Sort};
use super::store::{Access, Collection, PART_BYTES, Position, RowId, Scan, StoredDocument};
use super::value::Object;
use super::work::Work;

/// Documents in the largest part of a scan.
const LARGEST_PART: u32 = 512;

/// What the reading of a plan cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Documents and index entries that were looked at.
    pub examined: u64,
}

/// Documents in their order.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) documents: Vec<StoredDocument>,
    /// Their places; only where they were sorted by key.
    pub(super) places: Vec<Place>,
    pub(super) cost: Cost,
}

/// The reading of a plan, part by part. Between two parts the transaction can be used for other things.
pub(super) struct Reading<'r> {
    collection: &'r Collection,
    plan: &'r Plan,
    filter: &'r Filter,
    /// Which of the plan's reads is at work, and where it goes on.
    read: usize,
    after: Option<Position>,
    /// How many of the ids of the read at work have been looked up.
    looked_up: usize,
    limit: u32,
    seen: HashSet<RowId>,
    pub(super) cost: Cost,
}

impl<'r> Reading<'r> {
    /// Reads what a plan says; the first part holds about so many documents.
    pub(super) fn new(collection: &'r Collection, plan: &'r Plan, filter: &'r Filter, first_part: u32) -> Self {
        let limit = first_part.clamp(1, LARGEST_PART);
        let (seen, cost) = (HashSet::new(), Cost::default());
        Self { collection, plan, filter, read: 0, after: None, looked_up: 0, limit, seen, cost }
    }

    /// The next documents, which have yet to be checked; `None` at the end.
    pub(super) async fn next(&mut self, work: &mut Work) -> Result<Option<Vec<StoredDocument>>, DatabaseError> {
        let Some(Read { from, guards, after }) = self.plan.reads.get(self.read) else { return Ok(None) };
        if self.cost.examined > 0 {
            work.yield_now().await;
        }
        let access = match from {
            Source::Ids(ids) => return self.by_ids(work, ids).await.map(Some),
            Source::Collection => Access::Collection,
            Source::Index { index, spans, reverse } => {
                Access::Index { index: index.as_ref().map(|record| record.id), spans, reverse: *reverse }
            }
        };
        let after = self.after.take().or_else(|| after.clone());
        let scan = Scan { collection: self.collection.id, access, after, guards, limit: self.limit };
        let part = work.transaction.scan(&scan).await?;
        self.cost.examined += part.examined;
        self.limit = (self.limit * 2).min(LARGEST_PART);
        self.after = part.next;
        if self.after.is_none() {
            self.read += 1;
        }
        Ok(Some(part.documents.into_iter().map(|scanned| scanned.document).collect()))
    }

    /// A document's content, if it is a match that has not come before.
    pub(super) fn check(&mut self, document: &StoredDocument) -> Result<Option<Object>, DatabaseError> {
        if self.plan.repeats && !self.seen.insert(document.row) {
            return Ok(None);
        }
        let object = Object::parse(&document.json)?;
        Ok(if self.filter.matches(&object)? { Some(object) } else { None })
    }

    async fn by_ids(&mut self, work: &mut Work, ids: &[Vec<u8>]) -> Result<Vec<StoredDocument>, DatabaseError> {
        let mut documents = Vec::new();
        let mut bytes = 0;
        while bytes < PART_BYTES
            && documents.len() < self.limit as usize
            && let Some(id) = ids.get(self.looked_up)
        {
            if let Some(document) = work.transaction.by_id(self.collection.id, id).await? {
                bytes += document.json.len();
                documents.push(document);
            }
            self.looked_up += 1;
        }
        if self.looked_up == ids.len() {
            self.looked_up = 0;
            self.read += 1;
        }
        self.cost.examined += documents.len() as u64;
        self.limit = (self.limit * 2).min(LARGEST_PART);
        Ok(documents)
    }
}

impl Work {
    /// Calls `visit` with each match of a filter, each once, in the order of the plan, until it breaks off.
    pub(super) async fn each_match(
        &mut self,
        collection: &Collection,
        plan: &Plan,
        filter: &Filter,
        first_part: u32,
        visit: &mut (dyn FnMut(StoredDocument, Object) -> Result<ControlFlow<()>, DatabaseError> + Send),
    ) -> Result<Cost, DatabaseError> {
        let mut reading = Reading::new(collection, plan, filter, first_part);
        while let Some(documents) = reading.next(self).await? {
            for document in documents {
                let visited = self.compute(|| match reading.check(&document)? {
                    Some(object) => visit(document, object),
                    None => Ok(ControlFlow::Continue(())),
                });
                if visited?.is_break() {
                    return Ok(reading.cost);
                }
            }
        }
        Ok(reading.cost)
    }

    /// The matches of a filter in the order of a sort, from `skip` on, at most `limit`.
    pub(super) async fn find(
        &mut self,
        collection: &Collection,
        filter: &Filter,
        sort: &Sort,
        skip: usize,
        limit: usize,
    ) -> Result<Found, DatabaseError> {
        let plan = Plan::new(collection, filter, sort, true);
        if plan.order > Order::Unsorted {
            self.find_in_order(collection, &plan, filter, skip, limit).await
        } else {
            self.find_sorted(collection, &plan, filter, sort, Gathering::first(skip, limit)).await
        }
    }

    /// One page of the matches of a filter, after a place. Documents with the same sort key come in the order of their
    /// rows, so that each has one place.
    pub(super) async fn find_page(
        &mut self,
        collection: &Collection,
        filter: &Filter,
        sort: &Sort,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Found, DatabaseError> {
        let mut plan = Plan::new(collection, filter, sort, true);
        if let Some(after) = &after {
            plan.skip_to(after);
        }
        self.find_sorted(collection, &plan, filter, sort, Gathering { after, skip: 0, limit }).await
    }

    async fn find_in_order(
        &mut self,
        collection: &Collection,
        plan: &Plan,
        filter: &Filter,
        skip: usize,
        limit: usize,
    ) -> Result<Found, DatabaseError> {
        let mut found = Found::default();
        let (mut skipped, mut bytes) = (0, 0);
        let mut take = |document: StoredDocument, _: Object| {
            if skipped < skip {
                skipped += 1;
                return Ok(ControlFlow::Continue(()));
            }
            bytes += document.json.len();
            if bytes > MAX_RESULT_BYTES {
                return Err(DatabaseError::ResultTooLarge);
            }
            found.documents.push(document);
            Ok(if found.documents.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        let first_part = u32::try_from(skip + limit).unwrap_or(u32::MAX);
        found.cost = self.each_match(collection, plan, filter, first_part, &mut take).await?;
        Ok(found)
    }

    async fn find_sorted(
        &mut self,
        collection: &Collection,
        plan: &Plan,
        filter: &Filter,
        sort: &Sort,
        gathering: Gathering,
    ) -> Result<Found, DatabaseError> {
        let wanted = gathering.skip + gathering.limit;
        let mut best: BinaryHeap<Sorted> = BinaryHeap::new();
        let mut bytes = 0;
        let mut take = |document: StoredDocument, object: Object| {
            let place = Place { key: sort.key(&object)?, row: document.row };
            if gathering.after.as_ref().is_some_and(|after| place <= *after) {
                return Ok(ControlFlow::Continue(()));
            }
            if best.len() == wanted {
                match best.peek() {
                    Some(last) if place < last.place => {}
                    // What is not wanted now is followed by nothing that is.
                    Some(last) if plan.order == Order::ByKey && place.key == last.place.key => {
                        return Ok(ControlFlow::Continue(()));
                    }
                    _ if plan.order > Order::Unsorted => return Ok(ControlFlow::Break(())),
                    _ => return Ok(ControlFlow::Continue(())),
                }
                bytes -= best.pop().map_or(0, |last| last.document.json.len());
            }
            bytes += document.json.len();
            if bytes > MAX_RESULT_BYTES {
                return Err(DatabaseError::ResultTooLarge);
            }
            best.push(Sorted { place, document });
            Ok(ControlFlow::Continue(()))
        };
        let first_part = u32::try_from(wanted + 1).unwrap_or(u32::MAX);
        let cost = self.each_match(collection, plan, filter, first_part, &mut take).await?;
        let sorted = best.into_sorted_vec().into_iter().skip(gathering.skip);
        let (places, documents) = sorted.map(|sorted| (sorted.place, sorted.document)).unzip();
        Ok(Found { documents, places, cost })
    }
}

/// Which documents are gathered: the first ones after a place.
struct Gathering {
    after: Option<Place>,
    skip: usize,
    limit: usize,
}

impl Gathering {
    fn first(skip: usize, limit: usize) -> Self {
        Self { after: None, skip, limit }
    }
}

/// A document and its place; ordered by the place alone.
struct Sorted {
    place: Place,
    document: StoredDocument,
}

impl PartialEq for Sorted {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Sorted {}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}
