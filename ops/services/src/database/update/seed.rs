//! The document with which an upsert starts: what its filter says the document must be.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Kind, Update};
use crate::database::error::DatabaseError;
use crate::database::filter::{Filter, Predicate};
use crate::database::path::{Path, place};
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
            place(&mut document, path.components(), value.clone());
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
        let text = path.as_str();
        if self.by_path.contains_key(text) || self.has_parent(text) || self.has_child(text) {
            let reason = format!(
                "an upsert cannot tell which value to start with, as the filter asks twice for {text:?}, or for it and a \
                 field in it or around it, to be equal to something; ask once"
            );
            return Err(DatabaseError::UpdateInvalid(reason));
        }
        self.by_path.insert(text, (path, value));
        Ok(())
    }

    fn has_parent(&self, path: &str) -> bool {
        path.match_indices('.').any(|(dot, _)| self.by_path.contains_key(&path[..dot]))
    }

    fn has_child(&self, path: &str) -> bool {
        let inside = format!("{path}.");
        let following = self.by_path.range::<str, _>((Bound::Included(inside.as_str()), Bound::Unbounded)).next();
        following.is_some_and(|(next, _)| next.starts_with(&inside))
    }
}
