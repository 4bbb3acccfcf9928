//! A collection in memory beside the one in the store: each step happens to both, and they must agree.

use std::collections::HashSet;

use super::generate::{Step, Wanted};
use crate::caller::Caller;
use crate::database::filter::Filter;
use crate::database::index::DocumentIndex;
use crate::database::order;
use crate::database::path::{self, Fields, Leaf, Path};
use crate::database::sort::Sort;
use crate::database::update::{Update, UpdateContext};
use crate::database::value::{Object, Value};
use crate::database::{Database, DatabaseError};

/// What went wrong, in words.
type Wrong = String;

pub(super) struct Model<'d> {
    database: &'d Database,
    caller: Caller,
    collection: String,
    /// In the order of insertion.
    documents: Vec<Object>,
    indexes: Vec<DocumentIndex>,
    inserted: usize,
}

/// The outcome of something that can fail with one of several codes.
type Codes = Vec<&'static str>;

impl<'d> Model<'d> {
    pub(super) fn new(database: &'d Database, caller: Caller, collection: String) -> Self {
        Self { database, caller, collection, documents: Vec::new(), indexes: Vec::new(), inserted: 0 }
    }

    pub(super) async fn step(&mut self, step: Step) -> Result<(), Wrong> {
        match step {
            Step::Find(wanted) => self.find(&wanted).await,
            Step::Pages(wanted) => self.pages(&wanted).await,
            Step::Count(filter) => self.count(&filter).await,
            Step::Aggregate(wanted) => self.aggregate(&wanted).await,
            Step::Distinct(field, filter) => self.distinct(&field, &filter).await,
            Step::CreateIndex(index) => self.create_index(&index).await,
            Step::DropIndex(which) => self.drop_index(which).await,
            Step::Insert(document) => self.insert(document).await,
            Step::UpdateMany(filter, update) => self.update_many(&filter, &update).await,
            Step::UpdateOne(wanted, update) => self.update_one(&wanted, &update).await,
            Step::DeleteMany(filter) => self.delete_many(&filter).await,
            Step::DeleteOne(wanted) => self.delete_one(&wanted).await,
        }
    }

    async fn call(&self, method: &str, arguments: Vec<Value>) -> Result<Value, DatabaseError> {
        let arguments = Value::Array(arguments).to_json();
        let result = self.database.call(&self.caller, method, &self.collection, &arguments).await?;
        Ok(Value::parse(&result).unwrap())
    }

    fn with_id(&mut self, mut document: Object) -> Object {
        let number = self.inserted;
        self.inserted += 1;
        let id = if number.is_multiple_of(3) { Value::from(&*format!("{number}")) } else { Value::from(number as f64) };
        document.insert_first("_id", id);
        document
    }

    pub(super) async fn insert_many(&mut self, documents: Vec<Object>) -> Result<(), Wrong> {
        if documents.is_empty() {
            return Ok(());
        }
        let documents: Vec<_> = documents.into_iter().map(|document| self.with_id(document)).collect();
        let argument = Value::Array(documents.iter().cloned().map(Value::Object).collect());
        self.call("insertMany", vec![argument]).await.map_err(told)?;
        self.documents = documents;
        Ok(())
    }

    async fn insert(&mut self, document: Object) -> Result<(), Wrong> {
        let document = self.with_id(document);
        let mut changed = self.documents.clone();
        changed.push(document.clone());
        let outcome = self.call("insertOne", vec![Value::Object(document)]).await;
        self.settle(outcome, changed, false).map(drop)
    }

    /// Takes over what a change has made of the documents, or finds out why it was refused.
    fn settle(
        &mut self,
        outcome: Result<Value, DatabaseError>,
        changed: Vec<Object>,
        many: bool,
    ) -> Result<Option<Value>, Wrong> {
        let refusals = refusals(&self.indexes, &changed);
        match outcome {
            Ok(_) if !refusals.is_empty() => Err(format!("an index should have refused it: {refusals:?}")),
            Ok(result) => {
                self.documents = changed;
                Ok(Some(result))
            }
            Err(error) if refusals.contains(&error.code()) => Ok(None),
            // On the way to the outcome, two documents may have had the same key for a while.
            Err(DatabaseError::DuplicateKey { .. }) if many && self.indexes.iter().any(|index| index.unique) => {
                Ok(None)
            }
            Err(error) => Err(told(error)),
        }
    }

    /// The places of the documents that a filter matches.
    fn matches(&self, filter: &Object) -> Result<Vec<usize>, DatabaseError> {
        let filter = Filter::parse(filter)?;
        let mut places = Vec::new();
        for (place, document) in self.documents.iter().enumerate() {
            if filter.matches(document)? {
                places.push(place);
            }
        }
        Ok(places)
    }

    /// The documents that are wanted, in their order.
    fn sorted(&self, wanted: &Wanted) -> Result<(Sort, Vec<Object>), DatabaseError> {
        let sort = Sort::parse(&pairs(&wanted.sort))?;
        let matches = self.matches(&wanted.filter)?.into_iter().map(|place| self.documents[place].clone()).collect();
        let sorted = sort.sort(matches)?;
        Ok((sort, sorted))
    }

    async fn find(&self, wanted: &Wanted) -> Result<(), Wrong> {
        let options = options(wanted, &[("skip", wanted.skip), ("limit", wanted.limit)]);
        let found = self.call("find", vec![Value::Object(wanted.filter.clone()), options]).await;
        self.compare(wanted, found.map(documents))
    }

    async fn aggregate(&self, wanted: &Wanted) -> Result<(), Wrong> {
        let stage = |name: &str, operand: Value| Value::Object([(name, operand)].into_iter().collect());
        let mut stages = vec![stage("$match", Value::Object(wanted.filter.clone()))];
        if !wanted.sort.is_empty() {
            stages.push(stage("$sort", pairs(&wanted.sort)));
        }
        stages.push(stage("$skip", Value::Number(wanted.skip as f64)));
        stages.push(stage("$limit", Value::Number(wanted.limit as f64)));
        let found = self.call("aggregate", vec![Value::Array(stages)]).await;
        self.compare(wanted, found.map(documents))
    }

    async fn pages(&self, wanted: &Wanted) -> Result<(), Wrong> {
        let all = Wanted { skip: 0, limit: usize::MAX, ..wanted.clone() };
        let mut found = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let mut options = options(wanted, &[("limit", wanted.limit)]);
            if let Value::Object(options) = &mut options {
                options.insert("cursor", cursor);
            }
            let page = match self.call("findPage", vec![Value::Object(wanted.filter.clone()), options]).await {
                Ok(Value::Object(page)) => page,
                Ok(other) => return Err(format!("{other} is no page")),
                Err(error) => return self.compare(&all, Err(error)),
            };
            found.extend(documents(page.get("documents").cloned().unwrap()));
            cursor = page.get("cursor").cloned().unwrap();
            if cursor == Value::Null {
                return self.compare(&all, Ok(found));
            }
            if found.len() > self.documents.len() {
                return Err(format!("too much on the pages: {}", text(&found)));
            }
        }
    }

    fn compare(&self, wanted: &Wanted, found: Result<Vec<Object>, DatabaseError>) -> Result<(), Wrong> {
        let ((sort, sorted), found) = match (self.sorted(wanted), found) {
            (Ok(expected), Ok(found)) => (expected, found),
            (Err(expected), Err(error)) if expected.code() == error.code() => return Ok(()),
            (Err(expected), Err(error)) => return Err(format!("{error}, but expected {expected}")),
            (Err(expected), Ok(found)) => return Err(format!("found {}, but expected {expected}", text(&found))),
            (Ok(_), Err(error)) => return Err(told(error)),
        };
        let expected: Vec<_> = sorted.iter().skip(wanted.skip).take(wanted.limit).cloned().collect();
        let wrong = |why: &str| Err(format!("{why}\n  expected {}\n  found    {}", text(&expected), text(&found)));
        if found.len() != expected.len() {
            return wrong("not as many");
        }
        let ids: HashSet<String> = found.iter().map(Object::to_json).collect();
        if ids.len() != found.len() {
            return wrong("a document came twice");
        }
        if !found.iter().all(|document| sorted.contains(document)) {
            return wrong("other documents");
        }
        let same_place = |(left, right)| sort.key(left) == sort.key(right);
        if found.iter().zip(&expected).all(same_place) { Ok(()) } else { wrong("another order") }
    }

    async fn count(&self, filter: &Object) -> Result<(), Wrong> {
        let found = self.call("countDocuments", vec![Value::Object(filter.clone())]).await;
        match (self.matches(filter), found) {
            (Ok(places), Ok(found)) if found == Value::Number(places.len() as f64) => Ok(()),
            (Err(expected), Err(error)) if expected.code() == error.code() => Ok(()),
            (expected, found) => Err(format!("expected {expected:?}, found {found:?}")),
        }
    }

    async fn distinct(&self, field: &str, filter: &Object) -> Result<(), Wrong> {
        let found = self.call("distinct", vec![Value::from(field), Value::Object(filter.clone())]).await;
        let places = match (self.matches(filter), found) {
            (Ok(places), Ok(found)) => (places, found),
            (Err(expected), Err(error)) if expected.code() == error.code() => return Ok(()),
            (expected, found) => return Err(format!("expected {expected:?}, found {found:?}")),
        };
        let (places, found) = places;
        let path = Path::parse(field).unwrap();
        let mut expected = Vec::new();
        for place in places {
            let fields = Fields::Object(&self.documents[place]);
            path::visit(fields, path.components(), Leaf::Items, &mut |value, _| {
                expected.extend(value.filter(|value| !matches!(value, Value::Array(_))).cloned());
                Ok::<_, DatabaseError>(false)
            })
            .unwrap();
        }
        expected.sort_by(order::compare);
        expected.dedup();
        if found == Value::Array(expected.clone()) {
            Ok(())
        } else {
            Err(format!("expected {expected:?}, found {found}"))
        }
    }

    async fn create_index(&mut self, options: &Object) -> Result<(), Wrong> {
        let mut index = match DocumentIndex::parse(&self.collection, options) {
            Ok(index) => index,
            Err(expected) => {
                let created = self.call("createIndex", vec![Value::Object(options.clone())]).await;
                let refused = created.as_ref().is_err_and(|error| error.code() == expected.code());
                return if refused { Ok(()) } else { Err(format!("expected {expected}, not {created:?}")) };
            }
        };
        let refusals = refusals(std::slice::from_ref(&index), &self.documents);
        match self.call("createIndex", vec![Value::Object(options.clone())]).await {
            Ok(_) if !refusals.is_empty() => Err(format!("it should have been refused: {refusals:?}")),
            Ok(Value::String(name)) => {
                if self.indexes.iter().all(|known| known.name != name) {
                    index.name = name;
                    self.indexes.push(index);
                }
                Ok(())
            }
            Ok(other) => Err(format!("{other} is no name")),
            // Two partial indexes on the same fields would have the same name.
            Err(DatabaseError::IndexConflict(_)) => Ok(()),
            Err(error) if refusals.contains(&error.code()) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    async fn drop_index(&mut self, which: usize) -> Result<(), Wrong> {
        if which < self.indexes.len() {
            let index = self.indexes.remove(which);
            self.call("dropIndex", vec![Value::String(index.name)]).await.map_err(told)?;
        }
        Ok(())
    }

    async fn update_many(&mut self, filter: &Object, update: &Object) -> Result<(), Wrong> {
        let outcome = self.call("updateMany", vec![Value::Object(filter.clone()), Value::Object(update.clone())]).await;
        let mut changed = self.documents.clone();
        let (mut modified, mut codes) = (0, Codes::new());
        let places = match self.matches(filter) {
            Ok(places) => places,
            Err(expected) => return failed_with(&outcome, &[expected.code()]),
        };
        let matched = places.len();
        for place in places {
            match apply(update, &mut changed[place]) {
                Ok(is_changed) => modified += usize::from(is_changed),
                Err(error) => codes.push(error.code()),
            }
        }
        if let Err(error) = Update::parse(&Value::Object(update.clone())) {
            codes.push(error.code());
        }
        if !codes.is_empty() {
            // Whichever of the documents comes first; an index may have refused one before.
            codes.extend(["DB_DUPLICATE_KEY", "DB_INDEX_PARALLEL_ARRAYS"]);
            return failed_with(&outcome, &codes);
        }
        match self.settle(outcome, changed, true)? {
            Some(Value::Object(counts)) => {
                let count = |name: &str| counts.get(name).cloned();
                let expected = (Some(Value::Number(matched as f64)), Some(Value::Number(modified as f64)));
                let counted = (count("matchedCount"), count("modifiedCount"));
                if counted == expected { Ok(()) } else { Err(format!("expected {expected:?}, counted {counted:?}")) }
            }
            _ => Ok(()),
        }
    }

    async fn update_one(&mut self, wanted: &Wanted, update: &Object) -> Result<(), Wrong> {
        let arguments = vec![Value::Object(wanted.filter.clone()), Value::Object(update.clone()), options(wanted, &[])];
        let outcome = self.call("findOneAndUpdate", arguments).await;
        if let Err(error) = Update::parse(&Value::Object(update.clone())) {
            let mut codes = vec![error.code()];
            codes.extend(self.sorted(wanted).err().map(|error| error.code()));
            return failed_with(&outcome, &codes);
        }
        let Ok((sort, sorted)) = self.sorted(wanted) else {
            let expected = self.sorted(wanted).unwrap_err();
            return failed_with(&outcome, &[expected.code()]);
        };
        let is_first = |document: &Object| sorted.contains(document) && sort.key(document) == sort.key(&sorted[0]);
        match outcome {
            Ok(Value::Null) if sorted.is_empty() => Ok(()),
            Ok(Value::Object(before)) if !sorted.is_empty() && is_first(&before) => {
                let mut changed = self.documents.clone();
                let place = changed.iter().position(|document| *document == before).unwrap();
                apply(update, &mut changed[place]).map_err(|error| format!("it should have failed: {error}"))?;
                self.settle(Ok(Value::Null), changed, false).map(drop)
            }
            Ok(other) => Err(format!("expected one of {}, found {other}", text(&sorted))),
            Err(error) => {
                // One of those that could come first must be refused.
                let refused = sorted.iter().filter(|document| is_first(document)).any(|document| {
                    let mut changed = self.documents.clone();
                    let place = changed.iter().position(|other| other == document).unwrap();
                    match apply(update, &mut changed[place]) {
                        Err(expected) => expected.code() == error.code(),
                        Ok(_) => refusals(&self.indexes, &changed).contains(&error.code()),
                    }
                });
                if refused { Ok(()) } else { Err(told(error)) }
            }
        }
    }

    async fn delete_many(&mut self, filter: &Object) -> Result<(), Wrong> {
        let outcome = self.call("deleteMany", vec![Value::Object(filter.clone())]).await;
        let places = match self.matches(filter) {
            Ok(places) => places,
            Err(expected) => return failed_with(&outcome, &[expected.code()]),
        };
        let rest = self.documents.iter().enumerate().filter(|(place, _)| !places.contains(place));
        let rest = rest.map(|(_, document)| document.clone()).collect();
        let expected = Value::Object([("deletedCount", Value::Number(places.len() as f64))].into_iter().collect());
        match self.settle(outcome, rest, true)? {
            Some(counted) if counted != expected => Err(format!("expected {expected}, counted {counted}")),
            _ => Ok(()),
        }
    }

    async fn delete_one(&mut self, wanted: &Wanted) -> Result<(), Wrong> {
        let outcome =
            self.call("findOneAndDelete", vec![Value::Object(wanted.filter.clone()), options(wanted, &[])]).await;
        let (sort, sorted) = match self.sorted(wanted) {
            Ok(sorted) => sorted,
            Err(expected) => return failed_with(&outcome, &[expected.code()]),
        };
        match outcome.map_err(told)? {
            Value::Null if sorted.is_empty() => Ok(()),
            Value::Object(deleted) if sorted.contains(&deleted) && sort.key(&deleted) == sort.key(&sorted[0]) => {
                self.documents.retain(|document| *document != deleted);
                Ok(())
            }
            other => Err(format!("expected one of {}, deleted {other}", text(&sorted))),
        }
    }

    /// The whole collection, in the order of insertion.
    pub(super) async fn check_all(&self) -> Result<(), Wrong> {
        let found = documents(self.call("find", Vec::new()).await.map_err(told)?);
        if found == self.documents {
            return Ok(());
        }
        Err(format!("in the end there should be {}, but there is {}", text(&self.documents), text(&found)))
    }
}

/// The codes with which indexes would refuse some documents.
fn refusals(indexes: &[DocumentIndex], documents: &[Object]) -> Codes {
    let mut codes = Codes::new();
    for index in indexes {
        let mut keys = HashSet::new();
        for document in documents {
            match index.entries(document) {
                Err(error) => codes.push(error.code()),
                Ok(entries) => {
                    let is_new = entries.keys.into_iter().map(|key| keys.insert(key)).fold(true, |all, new| all & new);
                    if index.unique && !is_new {
                        codes.push("DB_DUPLICATE_KEY");
                    }
                }
            }
        }
    }
    codes
}

fn failed_with(outcome: &Result<Value, DatabaseError>, codes: &[&str]) -> Result<(), Wrong> {
    match outcome {
        Err(error) if codes.contains(&error.code()) => Ok(()),
        outcome => Err(format!("expected {codes:?}, not {outcome:?}")),
    }
}

fn apply(update: &Object, document: &mut Object) -> Result<bool, DatabaseError> {
    Update::parse(&Value::Object(update.clone()))?.apply(document, &UpdateContext::default())
}

fn pairs(sort: &[(String, bool)]) -> Value {
    let pair = |(path, descending): &(String, bool)| {
        Value::Array(vec![Value::from(&**path), Value::Number(if *descending { -1.0 } else { 1.0 })])
    };
    Value::Array(sort.iter().map(pair).collect())
}

fn options(wanted: &Wanted, numbers: &[(&str, usize)]) -> Value {
    let numbers = numbers.iter().map(|(name, number)| (*name, Value::Number(*number as f64)));
    Value::Object([("sort", pairs(&wanted.sort))].into_iter().chain(numbers).collect())
}

fn documents(found: Value) -> Vec<Object> {
    let Value::Array(found) = found else { panic!("{found} is no array") };
    let object = |value| match value {
        Value::Object(object) => object,
        other => panic!("{other} is no document"),
    };
    found.into_iter().map(object).collect()
}

fn text(documents: &[Object]) -> String {
    documents.iter().map(Object::to_json).collect::<Vec<_>>().join(" ")
}

fn told(error: DatabaseError) -> Wrong {
    format!("{}: {error}", error.code())
}
