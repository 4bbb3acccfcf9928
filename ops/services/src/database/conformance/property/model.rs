//! A collection in memory beside the one in the store: each step happens to both, and they must agree.

use std::collections::HashSet;

use super::generate::{Step, Wanted};
use crate::caller::Caller;
use crate::database::filter::Filter;
use crate::database::index::DocumentIndex;
use crate::database::order;
use crate::database::path::{self, Fields, Leaf, Path};
use crate::database::sort::Sort;
use crate::database::value::{Object, Value};
use crate::database::{Database, DatabaseError};

/// What went wrong, in words.
pub(super) type Wrong = String;

pub(super) struct Model<'d> {
    database: &'d Database,
    caller: Caller,
    pub(super) collection: String,
    /// In the order of insertion.
    pub(super) documents: Vec<Object>,
    pub(super) indexes: Vec<DocumentIndex>,
    inserted: usize,
}

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

    pub(super) async fn call(&self, method: &str, arguments: Vec<Value>) -> Result<Value, DatabaseError> {
        let arguments = Value::Array(arguments).to_json();
        let result = self.database.call(&self.caller, method, &self.collection, &arguments).await?;
        Ok(Value::parse(&result).unwrap())
    }

    pub(super) fn with_id(&mut self, mut document: Object) -> Object {
        let number = self.inserted;
        self.inserted += 1;
        let id = if number.is_multiple_of(3) { Value::from(&*format!("{number}")) } else { Value::from(number as f64) };
        document.insert_first("_id", id);
        document
    }

    /// The places of the documents that a filter matches.
    pub(super) fn matches(&self, filter: &Object) -> Result<Vec<usize>, DatabaseError> {
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
    pub(super) fn sorted(&self, wanted: &Wanted) -> Result<(Sort, Vec<Object>), DatabaseError> {
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

    /// The whole collection, in the order of insertion.
    pub(super) async fn check_all(&self) -> Result<(), Wrong> {
        let found = documents(self.call("find", Vec::new()).await.map_err(told)?);
        if found == self.documents {
            return Ok(());
        }
        Err(format!("in the end there should be {}, but there is {}", text(&self.documents), text(&found)))
    }
}

fn pairs(sort: &[(String, bool)]) -> Value {
    let pair = |(path, descending): &(String, bool)| {
        Value::Array(vec![Value::from(&**path), Value::Number(if *descending { -1.0 } else { 1.0 })])
    };
    Value::Array(sort.iter().map(pair).collect())
}

pub(super) fn options(wanted: &Wanted, numbers: &[(&str, usize)]) -> Value {
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

pub(super) fn text(documents: &[Object]) -> String {
    documents.iter().map(Object::to_json).collect::<Vec<_>>().join(" ")
}

pub(super) fn told(error: DatabaseError) -> Wrong {
    format!("{}: {error}", error.code())
}
