//! The planner: how to read a set of documents that holds all matches of a filter, and as few others as it can.
//!
//! A plan never decides what matches: whatever it reads is checked with the filter. So it may ignore any condition, and
//! what it does not understand it ignores. It looks at definitions only and never at data, so that the same query is
//! answered in the same way on every back end.

mod bounds;
mod conditions;
mod implication;

use std::sync::Arc;

use self::bounds::Bounds;
pub use self::bounds::MAX_POINTS;
use self::conditions::Conditions;
use super::filter::Filter;
use super::guard::Guard;
use super::index::{Index, IndexField};
use super::key::{self, Direction};
use super::sort::{Sort, SortField};
use super::store::{Collection, IndexRecord, IndexState, KeySpan};

/// Most alternatives of an `$or` that are looked up one by one.
pub const MAX_ALTERNATIVES: usize = 32;

/// How the matches of a filter are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is read, one after another. None: nothing matches.
    pub reads: Vec<Read>,
    /// Whether documents come in the order of the sort.
    pub sorted: bool,
    /// Whether a document may come more than once.
    pub repeats: bool,
    /// Where the sort key is within the entries of the index that gives the order, if it is there as it is.
    seek: Option<Seek>,
}

/// The entries of an index that gives an order: a prefix, then the bytes of the sort key, flipped if read backwards.
#[derive(Clone, Debug, PartialEq)]
struct Seek {
    prefix: Vec<u8>,
    reverse: bool,
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Where.
    pub from: Source,
    /// What the store may test besides.
    pub guards: Vec<Guard>,
}

/// Where a [`Read`] reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The whole collection, in the order of insertion.
    Collection,
    /// The documents with these encoded ids.
    Ids(Vec<Vec<u8>>),
    /// Parts of an index.
    Index {
        /// The index; `None` is that of the ids.
        index: Option<Arc<IndexRecord>>,
        /// The parts, in the order in which they are read.
        spans: Vec<KeySpan>,
        /// Whether they are read backwards.
        reverse: bool,
    },
}

impl Plan {
    /// Plans a query. With `few`, only the first documents in the order of the sort are wanted.
    pub fn new(collection: &Collection, filter: &Filter, sort: &Sort, few: bool) -> Self {
        let conditions = Conditions::of(filter);
        if let Some(ids) = ids(&conditions) {
            let from = Source::Ids(ids);
            let guards = conditions.guards(|path| path == "_id");
            return Self { reads: vec![Read { from, guards }], sorted: sort.is_empty(), repeats: false, seek: None };
        }
        let best = best_index(collection, &conditions, sort);
        if let Some(best) = best.as_ref().filter(|best| best.bounded > 0) {
            return best.plan(&conditions);
        }
        if let Some(union) = union(collection, &conditions) {
            return union;
        }
        match best.filter(|best| best.sorted && few && !sort.is_empty()) {
            Some(in_order) => in_order.plan(&conditions),
            None => {
                let guards = conditions.guards(|_| false);
                let reads = vec![Read { from: Source::Collection, guards }];
                Self { reads, sorted: sort.is_empty(), repeats: false, seek: None }
            }
        }
    }

    /// Leaves out what comes before a sort key, as far as the index that gives the order can tell.
    pub(super) fn skip_to(&mut self, sort: &Sort, sort_key: &[u8]) {
        debug_assert!(!sort.is_empty());
        let (Some(seek), [Read { from: Source::Index { spans, .. }, .. }]) = (&self.seek, self.reads.as_mut_slice())
        else {
            return;
        };
        let direction = if seek.reverse { Direction::Descending } else { Direction::Ascending };
        let key = bounds::extended(&seek.prefix, sort_key, direction);
        for span in spans {
            if seek.reverse {
                let until = key::after_prefix(&key);
                if until.is_some() && (span.until.is_none() || until < span.until) {
                    span.until = until;
                }
            } else if key > span.from {
                span.from.clone_from(&key);
            }
        }
    }
}

/// The encoded ids of the documents that can match, if the filter names them.
fn ids(conditions: &Conditions<'_>) -> Option<Vec<Vec<u8>>> {
    let named = conditions.all.iter().find(|condition| condition.path == "_id")?;
    match Bounds::of(&named.predicates, false, true)? {
        Bounds::Points(ids) => Some(ids),
        Bounds::Range { .. } => None,
    }
}

/// Each alternative of an `$or` by an index of its own, if all of them have one.
fn union(collection: &Collection, conditions: &Conditions<'_>) -> Option<Plan> {
    let alternatives = conditions.alternatives.iter().find(|filters| filters.len() <= MAX_ALTERNATIVES)?;
    let mut reads = Vec::with_capacity(alternatives.len());
    for alternative in *alternatives {
        let mut conditions = Conditions::of(alternative);
        if let Some(ids) = ids(&conditions) {
            reads.push(Read { from: Source::Ids(ids), guards: conditions.guards(|path| path == "_id") });
            continue;
        }
        conditions.alternatives.clear();
        let best = best_index(collection, &conditions, &Sort::default()).filter(|best| best.bounded > 0)?;
        reads.extend(best.plan(&conditions).reads);
    }
    Some(Plan { reads, sorted: false, repeats: true, seek: None })
}

/// An index that can serve, and how well.
struct Candidate {
    index: Option<Arc<IndexRecord>>,
    fields: Vec<IndexField>,
    spans: Vec<KeySpan>,
    reverse: bool,
    /// Fields that are bounded.
    bounded: usize,
    /// Of these, fields that are equal to something.
    equal: usize,
    /// Whether it holds at most one match.
    single: bool,
    sorted: bool,
    seek: Option<Seek>,
    multikey: bool,
}

impl Candidate {
    fn plan(&self, conditions: &Conditions<'_>) -> Plan {
        let mut spans = self.spans.clone();
        if self.reverse {
            spans.reverse();
        }
        let is_bounded = |path: &str| self.fields[..self.bounded].iter().any(|field| field.path == path);
        let guards = conditions.guards(is_bounded);
        let from = Source::Index { index: self.index.clone(), spans, reverse: self.reverse };
        Plan {
            reads: vec![Read { from, guards }],
            sorted: self.sorted,
            repeats: self.multikey,
            seek: self.seek.clone(),
        }
    }

    /// Better candidates are greater. A narrow range is worth more than an order; more equal fields more than both.
    fn worth(&self) -> (bool, usize, bool, usize, usize) {
        (self.single, self.equal, self.sorted, self.bounded, usize::MAX - self.fields.len())
    }
}

fn best_index(collection: &Collection, conditions: &Conditions<'_>, sort: &Sort) -> Option<Candidate> {
    let ready = collection.indexes.iter().filter(|record| record.state == IndexState::Ready);
    let indexes = ready.filter_map(|record| match &record.index {
        Index::Document(index) if implication::covers(index, conditions) => {
            Some(candidate(Some(record), &index.fields, index.unique, conditions, sort))
        }
        _ => None,
    });
    let ids = [IndexField { path: "_id".to_owned(), direction: Direction::Ascending }];
    let candidates = indexes.chain([candidate(None, &ids, true, conditions, sort)]);
    candidates.filter(|candidate| candidate.bounded > 0 || candidate.sorted).max_by_key(Candidate::worth)
}

fn candidate(
    record: Option<&Arc<IndexRecord>>,
    fields: &[IndexField],
    unique: bool,
    conditions: &Conditions<'_>,
    sort: &Sort,
) -> Candidate {
    let multikey = record.map_or(0, |record| record.multikey);
    let mut spans = vec![KeySpan { from: Vec::new(), until: None }];
    let mut prefix = Vec::new();
    let (mut bounded, mut equal, mut array_bounded, mut one_prefix) = (0, 0, false, true);
    for (place, field) in fields.iter().enumerate() {
        let is_multikey = multikey >> place & 1 == 1;
        // Two fields within arrays may be met by two entries of one document: only one of them can be bounded.
        if is_multikey && std::mem::replace(&mut array_bounded, true) {
            break;
        }
        let of_field = conditions.all.iter().filter(|condition| condition.path == field.path);
        let bounds = of_field.filter_map(|known| Bounds::of(&known.predicates, is_multikey, known.one_value));
        // Points are narrower than ranges.
        let Some(bounds) = bounds.max_by_key(|bounds| matches!(bounds, Bounds::Points(_))) else { break };
        let points = match &bounds {
            Bounds::Points(points) => Some(points.len()),
            Bounds::Range { .. } => None,
        };
        if spans.len() * points.unwrap_or(1) > MAX_POINTS {
            break;
        }
        spans = spans.iter().flat_map(|span| bounds.spans(&span.from, field.direction)).collect();
        bounded += 1;
        match points {
            Some(points) => {
                equal += 1;
                one_prefix &= points <= 1;
                prefix = spans.first().map_or_else(Vec::new, |span| span.from.clone());
            }
            None => break,
        }
    }
    let order = one_prefix.then(|| order_after(fields, equal, multikey, sort)).flatten();
    let truncated = record.is_some_and(|record| record.truncated);
    let order = order.filter(|_| !truncated);
    if truncated {
        spans = widened(spans);
    }
    // Fields that have one value only are in the sort key, but not after the prefix.
    let in_rest = |wanted: &SortField| fields[equal..].iter().any(|field| field.path == wanted.path.as_str());
    let is_whole = !sort.is_empty() && sort.fields.iter().all(in_rest);
    let seek = order.filter(|_| is_whole).map(|order| Seek { prefix, reverse: order == Order::Backwards });
    Candidate {
        index: record.cloned(),
        fields: fields.to_vec(),
        spans,
        reverse: order == Some(Order::Backwards),
        bounded,
        equal,
        single: unique && equal == fields.len() && one_prefix,
        sorted: order.is_some(),
        seek,
        multikey: multikey != 0,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Forwards,
    Backwards,
}

/// How the entries have to be read to come in the order of the sort, where the first `equal` fields are all the same.
fn order_after(fields: &[IndexField], equal: usize, multikey: u32, sort: &Sort) -> Option<Order> {
    let mut rest = fields.iter().enumerate().skip(equal).peekable();
    let mut order = None;
    for wanted in &sort.fields {
        let place_of =
            |(place, field): &(usize, &IndexField)| field.path == wanted.path.as_str() && multikey >> place & 1 == 0;
        if let Some((_, field)) = rest.next_if(place_of) {
            let same = (field.direction == Direction::Descending) == wanted.descending;
            let needed = if same { Order::Forwards } else { Order::Backwards };
            if *order.get_or_insert(needed) != needed {
                return None;
            }
            continue;
        }
        // A field that has one value only orders nothing.
        let is_equal =
            |(place, field): (usize, &IndexField)| field.path == wanted.path.as_str() && multikey >> place & 1 == 0;
        if !fields.iter().enumerate().take(equal).any(is_equal) {
            return None;
        }
    }
    Some(order.unwrap_or(Order::Forwards))
}

/// The spans, so that they hold shortened entries as well, joined where they now overlap.
fn widened(spans: Vec<KeySpan>) -> Vec<KeySpan> {
    let mut widened: Vec<KeySpan> = Vec::with_capacity(spans.len());
    for span in spans.into_iter().map(key::span_of_shortened) {
        match widened.last_mut() {
            Some(last) if last.until.as_ref().is_none_or(|until| span.from < *until) => {
                if last.until.is_some() && (span.until.is_none() || span.until > last.until) {
                    last.until = span.until;
                }
            }
            _ => widened.push(span),
        }
    }
    widened
}
