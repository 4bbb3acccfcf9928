//! The document with which an upsert starts: what its filter says the document must be.

use std::collections::BTreeMap;

use super::{Kind, Update};
use crate::database::error::DatabaseError;
use crate::database::filter::{Filter, Predicate};
use crate::database::path::Path;
use crate::database::value::{Object, Value};

impl Update {
    /// The document that an upsert applies the update to if the filter matches none: the fields that the filter wants
    /// to be equal to a value; for a replacement the `_id` alone. Fails if the filter wants a field to be equal to two
    /// values.
    pub fn seed(&self, filter: &Filter) -> Result<Object, DatabaseError> {
        let mut equal = Equalities { by_path: BTreeMap::new(), id_only: matches!(self.kind, Kind::Replacement(_)) };
        equal.collect(filter)?;
        let mut document = Object::new();
        for (path, value) in equal.by_path.into_values() {
            place(&mut document, path, value);
        }
        if let Some(id) = document.remove("_id") {
            document.insert_first("_id", id);
        }
        Ok(document)
    }
}

/// The values that a filter wants, by their paths.
struct Equalities<'f> {
    by_path: BTreeMap<&'f str, (&'f Path, &'f Value)>,
    id_only: bool,
}

impl<'f> Equalities<'f> {
    fn collect(&mut self, filter: &'f Filter) -> Result<(), DatabaseError> {
        match filter {
            Filter::And(filters) => filters.iter().try_for_each(|filter| self.collect(filter)),
            Filter::Or(filters) => match filters.as_slice() {
                [only] => self.collect(only),
                _ => Ok(()),
            },
            Filter::Field { path, predicate } => self.wanted(path, predicate),
            Filter::True | Filter::Nor(_) => Ok(()),
        }
    }

    fn wanted(&mut self, path: &'f Path, predicate: &'f Predicate) -> Result<(), DatabaseError> {
        match predicate {
            Predicate::Equal(value) => self.add(path, value),
            Predicate::In(list) => match (list.values.as_slice(), list.patterns.as_slice()) {
                ([only], []) => self.add(path, only),
                _ => Ok(()),
            },
            Predicate::All(predicates) => predicates.iter().try_for_each(|predicate| self.wanted(path, predicate)),
            _ => Ok(()),
        }
    }

    fn add(&mut self, path: &'f Path, value: &'f Value) -> Result<(), DatabaseError> {
        if self.id_only && path.root() != "_id" {
            return Ok(());
        }
        if let Some((other, _)) = self.by_path.values().find(|(other, _)| other.overlaps(path)) {
            let reason = format!(
                "an upsert cannot tell which value to start with, as the filter asks for {:?} and {:?} to be equal to \
                 something; leave one of them out",
                other.as_str(),
                path.as_str()
            );
            return Err(DatabaseError::UpdateInvalid(reason));
        }
        self.by_path.insert(path.as_str(), (path, value));
        Ok(())
    }
}

/// Puts a value at a path of a document in which nothing stands in the way.
fn place(document: &mut Object, path: &Path, value: &Value) {
    let Some((last, parents)) = path.components().split_last() else { return };
    let mut current = document;
    for component in parents {
        if current.get(&component.name).is_none() {
            current.insert(&*component.name, Value::Object(Object::new()));
        }
        match current.get_mut(&component.name) {
            Some(Value::Object(object)) => current = object,
            _ => return,
        }
    }
    current.insert(&*last.name, value.clone());
}
