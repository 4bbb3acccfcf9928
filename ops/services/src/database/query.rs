//! A query as it was asked: which documents, in which order, how many, and what of each.

use super::error::DatabaseError;
use super::filter::{Filter, Predicate};
use super::index_options::did_you_mean;
use super::limits::{MAX_LIMIT, MAX_SKIP};
use super::path::Path;
use super::projection::Projection;
use super::sort::Sort;
use super::store::Collection;
use super::value::{Object, Value};

/// A query.
#[derive(Clone, Debug)]
pub struct Query {
    filter: Filter,
    /// The filter where documents have fields `id` of their own, if it names `id`.
    with_own_ids: Option<OwnIds>,
    /// The filter as it was given: a cursor is bound to it.
    pub source: Object,
    /// The order.
    pub sort: Sort,
    /// Documents that are left out at the beginning.
    pub skip: u64,
    /// Most documents.
    pub limit: u32,
    /// What of each document is wanted; everything without it.
    pub projection: Option<Projection>,
    /// The documents are those nearest to a vector.
    pub vector: Option<Object>,
    /// Where an earlier page ended.
    pub cursor: Option<String>,
}

/// A filter that names `id`, where documents have fields `id` of their own.
#[derive(Clone, Debug)]
struct OwnIds {
    /// What a document must meet.
    filter: Filter,
    /// The same without the alias: what a document is made of that an upsert inserts.
    seed: Filter,
}

impl Query {
    /// Everything that a filter matches.
    pub(super) fn all(source: Object) -> Result<Self, DatabaseError> {
        Self::parse(source, &Object::new(), &[])
    }

    /// Reads a filter and those options that a method has.
    pub fn parse(source: Object, options: &Object, known: &[&str]) -> Result<Self, DatabaseError> {
        if let Some((unknown, _)) = options.iter().find(|(name, _)| !known.contains(name)) {
            let suggestion = did_you_mean(unknown, known);
            return Err(DatabaseError::OptionsInvalid(format!("there is no option {unknown:?} here{suggestion}")));
        }
        let seed = Filter::parse(&source)?;
        let filter = aliased(&seed, false);
        let with_own_ids = (filter != seed).then(|| OwnIds { filter: aliased(&seed, true), seed });
        Ok(Self {
            filter,
            with_own_ids,
            source,
            sort: given(options, "sort").map_or_else(|| Ok(Sort::default()), Sort::parse)?,
            skip: skip(given(options, "skip"))?,
            limit: limit(given(options, "limit"))?,
            projection: given(options, "projection").map(Projection::parse).transpose()?,
            vector: object(options, "vector")?,
            cursor: text(options, "cursor")?,
        })
    }
}

impl Query {
    /// What a document of a collection must meet.
    pub(super) fn filter(&self, collection: &Collection) -> &Filter {
        self.own_ids(collection).map_or(&self.filter, |own| &own.filter)
    }

    /// What a document begins with that an upsert inserts.
    pub(super) fn seed(&self, collection: &Collection) -> &Filter {
        self.own_ids(collection).map_or(&self.filter, |own| &own.seed)
    }

    fn own_ids(&self, collection: &Collection) -> Option<&OwnIds> {
        self.with_own_ids.as_ref().filter(|_| collection.own_ids)
    }
}

/// An option that was given; `null` is as good as none.
pub(super) fn given<'o>(options: &'o Object, name: &str) -> Option<&'o Value> {
    options.get(name).filter(|value| **value != Value::Null)
}

/// A filter with what `id` stands for in it. What identifies a document is its `_id`: where no document has an `id`, a
/// condition on that means the `_id`. Where documents have one of their own, that goes first, and the alias stands in for
/// those that have none. Within `$elemMatch`, `id` is a field like any other.
pub(super) fn aliased(filter: &Filter, own_ids: bool) -> Filter {
    let all = |filters: &[Filter]| filters.iter().map(|filter| aliased(filter, own_ids)).collect();
    match filter {
        Filter::And(filters) => Filter::And(all(filters)),
        Filter::Or(filters) => Filter::Or(all(filters)),
        Filter::Nor(filters) => Filter::Nor(all(filters)),
        Filter::Field { path, predicate } if path.as_str() == "id" => {
            let by_id = Filter::Field { path: Path::of_id(), predicate: predicate.clone() };
            if !own_ids {
                return by_id;
            }
            let when = |predicate: Predicate| Filter::Field { path: path.clone(), predicate };
            // Most conditions are met by no document without the field; those that deny something are.
            let own = Filter::And(vec![filter.clone(), when(Predicate::Exists)]);
            let alias = Filter::And(vec![by_id, when(Predicate::Not(vec![Predicate::Exists]))]);
            Filter::Or(vec![own, alias])
        }
        other => other.clone(),
    }
}

/// A limit of 0 is none of its own, as in MongoDB.
fn limit(value: Option<&Value>) -> Result<u32, DatabaseError> {
    match value {
        None | Some(Value::Number(0.0)) => Ok(MAX_LIMIT),
        Some(Value::Number(limit)) if limit.fract() == 0.0 && (1.0..=f64::from(MAX_LIMIT)).contains(limit) => {
            Ok(*limit as u32)
        }
        Some(other) => Err(DatabaseError::LimitInvalid(other.to_string())),
    }
}

fn skip(value: Option<&Value>) -> Result<u64, DatabaseError> {
    match value {
        None => Ok(0),
        Some(Value::Number(skip)) if skip.fract() == 0.0 && (0.0..=MAX_SKIP as f64).contains(skip) => Ok(*skip as u64),
        Some(other) => Err(DatabaseError::SkipInvalid(other.to_string())),
    }
}

/// An option that must be an object.
pub(super) fn object(options: &Object, name: &str) -> Result<Option<Object>, DatabaseError> {
    match given(options, name) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object.clone())),
        Some(other) => {
            Err(DatabaseError::OptionsInvalid(format!("{name} must be an object, not {}", other.type_name())))
        }
    }
}

fn text(options: &Object, name: &str) -> Result<Option<String>, DatabaseError> {
    match given(options, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => {
            Err(DatabaseError::OptionsInvalid(format!("{name} must be a string, not {}", other.type_name())))
        }
    }
}
