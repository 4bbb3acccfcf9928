//! The cases of the MongoDB oracle through the whole engine, with and without indexes on the fields that they name:
//! what a planner gets wrong shows as a difference.

mod cases;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

pub use self::cases::{Case, Change, Collection, Counts, Query, cases, exceptions, run_all};
use super::caller;
use crate::caller::Caller;
use crate::clock::ManualClock;
use crate::database::index_options::MAX_INDEX_FIELDS;
use crate::database::limits::MAX_COLLECTIONS;
use crate::database::store::DocumentStore;
use crate::database::value::{Object, Value};
use crate::database::{Database, DatabaseConfig, DatabaseError};
use crate::event::LocalBus;
use crate::gate::Gate;

/// The cases that are out of scope, each under its reason.
pub const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// Runs all cases on a store, if the oracle is there.
pub async fn run(store: Arc<dyn DocumentStore>) {
    let Some(cases) = cases() else { return };
    let exceptions = exceptions(EXCEPTIONS);
    let (clock, events) = (Arc::new(ManualClock::at(0)), Arc::new(LocalBus::new()));
    let database = Database::open(store, Gate::default(), clock, events, DatabaseConfig::default()).await.unwrap();
    let count = AtomicUsize::new(0);
    for indexing in [Indexing::None, Indexing::Each, Indexing::Together] {
        println!("{indexing:?}");
        run_all(&cases, &exceptions, async || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            Engine {
                database: &database,
                caller: caller("oracle", &format!("{}", number / MAX_COLLECTIONS)),
                collection: format!("case {number}"),
                indexing,
                inserted: Vec::new(),
            }
        })
        .await;
    }
}

/// Which indexes there are.
#[derive(Clone, Copy, Debug)]
enum Indexing {
    /// None.
    None,
    /// One on each field that the case names.
    Each,
    /// One on all fields together, either way round.
    Together,
}

/// A collection of its own for a case.
struct Engine<'d> {
    database: &'d Database,
    caller: Caller,
    collection: String,
    indexing: Indexing,
    /// The `_id`s in the order of insertion.
    inserted: Vec<Value>,
}

#[async_trait]
impl Collection for Engine<'_> {
    async fn insert(&mut self, documents: Vec<Object>) -> Result<(), String> {
        if documents.is_empty() {
            return Ok(());
        }
        self.inserted = documents.iter().filter_map(|document| document.get("_id").cloned()).collect();
        let documents = Value::Array(documents.into_iter().map(Value::Object).collect());
        self.call("insertMany", vec![documents]).await.map(drop).map_err(told)
    }

    async fn find(&mut self, query: &Query) -> Result<Vec<Object>, String> {
        self.create_indexes(&query.filter, query.sort.as_ref()).await?;
        let found = if query.as_pipeline {
            let stage = |name: &str, operand: &Value| Value::Object(Object::from_iter([(name, operand.clone())]));
            let mut stages = vec![stage("$match", &query.filter)];
            stages.extend(query.sort.iter().map(|sort| stage("$sort", sort)));
            self.call("aggregate", vec![Value::Array(stages)]).await
        } else {
            let options = options([
                ("sort", query.sort.clone()),
                ("skip", query.skip.clone()),
                ("limit", query.limit.clone()),
                ("projection", query.projection.clone()),
            ]);
            self.call("find", vec![query.filter.clone(), options]).await
        };
        let Value::Array(found) = found.map_err(told)? else { panic!("find returns an array") };
        let object = |value| match value {
            Value::Object(object) => object,
            other => panic!("{other} is no document"),
        };
        let mut found: Vec<Object> = found.into_iter().map(object).collect();
        if query.sort.is_none() {
            // Without a sort, documents come in the order of an index where there is one.
            found.sort_by_key(|document| self.inserted.iter().position(|id| document.get("_id") == Some(id)));
        }
        Ok(found)
    }

    async fn update(&mut self, change: &Change) -> Result<Counts, String> {
        self.create_indexes(&change.filter, change.sort.as_ref()).await?;
        let is_replacement = match &change.update {
            Value::Object(update) => update.iter().next().is_none_or(|(name, _)| !name.starts_with('$')),
            _ => false,
        };
        let method = match (is_replacement, change.multi) {
            (true, _) => "replaceOne",
            (false, true) => "updateMany",
            (false, false) => "updateOne",
        };
        let array_filters = (!change.array_filters.is_empty()).then(|| Value::Array(change.array_filters.clone()));
        let options = options([
            ("sort", change.sort.clone()),
            ("upsert", Some(Value::Bool(change.upsert))),
            ("arrayFilters", array_filters),
        ]);
        let arguments = vec![change.filter.clone(), change.update.clone(), options];
        let Value::Object(counts) = self.call(method, arguments).await.map_err(told)? else { panic!("counts") };
        let count = |name: &str| match counts.get(name) {
            Some(Value::Number(count)) => *count as usize,
            other => panic!("{name} is {other:?}"),
        };
        let upserted = counts.get("upsertedId").filter(|id| **id != Value::Null).cloned().into_iter().collect();
        Ok(Counts { matched: count("matchedCount"), modified: count("modifiedCount"), upserted })
    }
}

impl Engine<'_> {
    async fn call(&self, method: &str, arguments: Vec<Value>) -> Result<Value, DatabaseError> {
        let arguments = Value::Array(arguments).to_json();
        let result = self.database.call(&self.caller, method, &self.collection, &arguments).await?;
        Ok(Value::parse(&result).unwrap())
    }

    async fn create_indexes(&self, filter: &Value, sort: Option<&Value>) -> Result<(), String> {
        let mut paths = BTreeSet::new();
        collect_paths(filter, "", &mut paths);
        if let Some(sort) = sort {
            collect_paths(sort, "", &mut paths);
        }
        let paths: Vec<_> = paths.iter().filter(|path| can_be_indexed(path)).take(MAX_INDEX_FIELDS).collect();
        let key = |path: &str, direction: f64| Value::Array(vec![Value::from(path), Value::from(direction)]);
        let indexes: Vec<Vec<Value>> = match self.indexing {
            Indexing::None => return Ok(()),
            _ if paths.is_empty() => return Ok(()),
            Indexing::Each => paths.iter().map(|path| vec![key(path, 1.0)]).collect(),
            Indexing::Together => vec![
                paths.iter().map(|path| key(path, -1.0)).collect(),
                paths.iter().rev().map(|path| key(path, 1.0)).collect(),
            ],
        };
        for keys in indexes {
            let options = Value::Object(Object::from_iter([("keys", Value::Array(keys))]));
            match self.call("createIndex", vec![options]).await {
                // Documents with two arrays can be in no index of both.
                Ok(_) | Err(DatabaseError::IndexParallelArrays { .. }) => {}
                Err(error) => return Err(told(error)),
            }
        }
        Ok(())
    }
}

fn options<const N: usize>(options: [(&str, Option<Value>); N]) -> Value {
    Value::Object(options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// The paths that a filter or sort names, those within `$elemMatch` included.
fn collect_paths(value: &Value, prefix: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter() {
                if name.starts_with('$') {
                    collect_paths(value, prefix, paths);
                    continue;
                }
                let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
                collect_paths(value, &path, paths);
                paths.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_paths(item, prefix, paths)),
        _ => {}
    }
}

fn can_be_indexed(path: &str) -> bool {
    let is_plain =
        |name: &str| !name.is_empty() && !name.contains('\0') && !name.bytes().all(|byte| byte.is_ascii_digit());
    path.len() < 256 && path.split('.').all(is_plain)
}

fn told(error: DatabaseError) -> String {
    format!("{}: {error}", error.code())
}
