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
use super::index::Index;
use super::key::{self, Direction};
use super::path::Path;
use super::sort::{Place, Sort};
use super::store::{Collection, IndexRecord, IndexState, KeySpan, Position};
use super::tuples::OrderedField;

/// Most alternatives of an `$or` that are looked up one by one.
pub const MAX_ALTERNATIVES: usize = 32;

/// How the matches of a filter are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is read, one after another. None: nothing matches.
    pub reads: Vec<Read>,
    /// In which order documents come.
    pub order: Order,
    /// Whether a document may come more than once.
    pub repeats: bool,
    /// Where the sort key is within the entries of the index that gives the order, if it is there as it is.
    seek: Option<Seek>,
}

/// The order in which a plan reads documents. Better ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Not that of the sort.
    Unsorted,
    /// By the sort key; those that have the same one, in any order.
    ByKey,
    /// By [`Place`]: by the sort key, and those that have the same one, by row.
    ByPlace,
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
    /// Only what comes after this is read.
    pub after: Option<Position>,
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
            let order = if sort.is_empty() { Order::ByKey } else { Order::Unsorted };
            return Self { reads: vec![Read { from, guards, after: None }], order, repeats: false, seek: None };
        }
        let best = best_index(collection, &conditions, sort);
        if let Some(best) = best.as_ref().filter(|best| best.bounded > 0) {
            return best.plan(&conditions);
        }
        if let Some(union) = union(collection, &conditions) {
            return union;
        }
        match best.filter(|best| best.order > Order::Unsorted && few && !sort.is_empty()) {
            Some(in_order) => in_order.plan(&conditions),
            None => {
                let guards = conditions.guards(|_| false);
                let reads = vec![Read { from: Source::Collection, guards, after: None }];
                let order = if sort.is_empty() { Order::ByPlace } else { Order::Unsorted };
                Self { reads, order, repeats: false, seek: None }
            }
        }
    }

    /// Leaves out what comes before a place, as far as the order of the plan can tell where that is.
    pub(super) fn skip_to(&mut self, place: &Place) {
        let [read] = self.reads.as_mut_slice() else { return };
        let position = |key| Some(Position { key, row: place.row });
        match (&mut read.from, &self.seek, self.order) {
            (Source::Collection, _, Order::ByPlace) => read.after = position(Vec::new()),
            (Source::Index { .. }, Some(seek), Order::ByPlace) => {
                read.after = position([&*seek.prefix, &*place.key].concat());
            }
            (Source::Index { spans, .. }, Some(Seek { prefix, reverse: false }), _) => {
                let key = [&**prefix, &*place.key].concat();
                spans.iter_mut().filter(|span| span.from < key).for_each(|span| span.from.clone_from(&key));
            }
            (Source::Index { spans, .. }, Some(Seek { prefix, reverse: true }), _) => {
                let Some(until) = key::after_prefix(&bounds::extended(prefix, &place.key, Direction::Descending))
                else {
                    return;
                };
                for span in spans.iter_mut().filter(|span| span.until.as_ref().is_none_or(|end| until < *end)) {
                    span.until = Some(until.clone());
                }
            }
            _ => {}
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
            let guards = conditions.guards(|path| path == "_id");
            reads.push(Read { from: Source::Ids(ids), guards, after: None });
            continue;
        }
        conditions.alternatives.clear();
        let best = best_index(collection, &conditions, &Sort::default()).filter(|best| best.bounded > 0)?;
        reads.extend(best.plan(&conditions).reads);
    }
    Some(Plan { reads, order: Order::Unsorted, repeats: true, seek: None })
}

/// An index that can serve, and how well.
struct Candidate {
    index: Option<Arc<IndexRecord>>,
    fields: Vec<OrderedField>,
    spans: Vec<KeySpan>,
    reverse: bool,
    /// Fields that are bounded.
    bounded: usize,
    /// Of these, fields that are equal to something.
    equal: usize,
    /// Whether it holds at most one match.
    single: bool,
    order: Order,
    seek: Option<Seek>,
    multikey: bool,
}

impl Candidate {
    fn plan(&self, conditions: &Conditions<'_>) -> Plan {
        let mut spans = self.spans.clone();
        if self.reverse {
            spans.reverse();
        }
        let is_bounded = |path: &str| self.fields[..self.bounded].iter().any(|field| field.path.as_str() == path);
        let guards = conditions.guards(is_bounded);
        let from = Source::Index { index: self.index.clone(), spans, reverse: self.reverse };
        let reads = vec![Read { from, guards, after: None }];
        Plan { reads, order: self.order, repeats: self.multikey, seek: self.seek.clone() }
    }

    /// Better candidates are greater. A narrow range is worth more than an order; more equal fields more than both.
    fn worth(&self) -> (bool, usize, bool, usize, usize) {
        (self.single, self.equal, self.order > Order::Unsorted, self.bounded, usize::MAX - self.fields.len())
    }
}

fn best_index(collection: &Collection, conditions: &Conditions<'_>, sort: &Sort) -> Option<Candidate> {
    let ready = collection.indexes.iter().filter(|record| record.state == IndexState::Ready);
    let indexes = ready.filter_map(|record| match &record.index {
        Index::Document(index) if implication::covers(index, record.multikey, conditions) => {
            Some(candidate(Some(record), &index.fields, index.unique, conditions, sort))
        }
        _ => None,
    });
    let ids = Path::parse("_id").map(|path| [OrderedField { path, direction: Direction::Ascending }]);
    let candidates = indexes.chain(ids.iter().map(|ids| candidate(None, ids, true, conditions, sort)));
    candidates
        .filter(|candidate| candidate.bounded > 0 || candidate.order > Order::Unsorted)
        .max_by_key(Candidate::worth)
}

fn candidate(
    record: Option<&Arc<IndexRecord>>,
    fields: &[OrderedField],
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
        let of_field = conditions.all.iter().filter(|condition| condition.path == field.path.as_str());
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
    let truncated = record.is_some_and(|record| record.truncated);
    let sweep = if one_prefix && !truncated { sweep_after(fields, equal, multikey, sort) } else { None };
    if truncated {
        spans = widened(spans);
    }
    // Fields that have one value only are in the sort key, but not after the prefix.
    let in_rest = |wanted: &OrderedField| fields[equal..].iter().any(|field| field.path == wanted.path);
    let is_whole = sort.fields.iter().all(in_rest);
    let reverse = sweep.is_some_and(|sweep| sweep.reverse);
    Candidate {
        index: record.cloned(),
        fields: fields.to_vec(),
        spans,
        reverse,
        bounded,
        equal,
        single: unique && equal == fields.len() && one_prefix,
        order: sweep.map_or(Order::Unsorted, |sweep| sweep.order),
        seek: sweep.filter(|_| is_whole).map(|_| Seek { prefix, reverse }),
        multikey: multikey != 0,
    }
}

/// How the entries of an index are read so that documents come in the order of a sort.
#[derive(Clone, Copy)]
struct Sweep {
    reverse: bool,
    order: Order,
}

/// How they have to be read where the first `equal` fields are all the same, if there is a way.
fn sweep_after(fields: &[OrderedField], equal: usize, multikey: u32, sort: &Sort) -> Option<Sweep> {
    let is_in_order = |(place, field): &(usize, &OrderedField), wanted: &OrderedField| {
        field.path == wanted.path && multikey >> place & 1 == 0
    };
    let mut rest = fields.iter().enumerate().skip(equal).peekable();
    let mut reverse = None;
    for wanted in &sort.fields {
        if let Some((_, field)) = rest.next_if(|entry| is_in_order(entry, wanted)) {
            let needed = field.direction != wanted.direction;
            if *reverse.get_or_insert(needed) != needed {
                return None;
            }
        } else if !fields.iter().enumerate().take(equal).any(|entry| is_in_order(&entry, wanted)) {
            return None;
        }
        // A field that has one value only orders nothing.
    }
    let reverse = reverse.unwrap_or(false);
    // Entries with the same key come by row.
    let order = if rest.peek().is_none() && !reverse { Order::ByPlace } else { Order::ByKey };
    Some(Sweep { reverse, order })
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
