//! Changes to a model: documents, and the indexes that may refuse them.

use std::collections::HashSet;

use super::generate::Wanted;
use super::model::{Model, Wrong, options, text, told};
use crate::database::DatabaseError;
use crate::database::index::DocumentIndex;
use crate::database::update::{Update, UpdateContext};
use crate::database::value::{Object, Value};

/// The codes of which an error may have one.
type Codes = Vec<&'static str>;

impl Model<'_> {
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

    pub(super) async fn insert(&mut self, document: Object) -> Result<(), Wrong> {
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

    pub(super) async fn create_index(&mut self, options: &Object) -> Result<(), Wrong> {
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

    pub(super) async fn drop_index(&mut self, which: usize) -> Result<(), Wrong> {
        if which < self.indexes.len() {
            let index = self.indexes.remove(which);
            self.call("dropIndex", vec![Value::String(index.name)]).await.map_err(told)?;
        }
        Ok(())
    }

    pub(super) async fn update_many(&mut self, filter: &Object, update: &Object) -> Result<(), Wrong> {
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

    pub(super) async fn update_one(&mut self, wanted: &Wanted, update: &Object) -> Result<(), Wrong> {
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

    pub(super) async fn delete_many(&mut self, filter: &Object) -> Result<(), Wrong> {
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

    pub(super) async fn delete_one(&mut self, wanted: &Wanted) -> Result<(), Wrong> {
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
