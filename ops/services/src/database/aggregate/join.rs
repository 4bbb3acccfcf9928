//! `$lookup`: the documents of another collection that belong to a document.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Lookup;
use super::parse::{invalid, text_of};
use super::run::Budget;
use super::shape::set;
use crate::database::error::DatabaseError;
use crate::database::order::Key;
use crate::database::path::{self, Component, Fields, Leaf, Path};
use crate::database::value::{Object, Value};

/// Values that are looked up at a time.
pub const MAX_VALUES_PER_FETCH: usize = 1000;

/// Which documents belong together, and where they are put.
#[derive(Clone, Debug)]
pub struct Join {
    /// The other collection.
    pub from: String,
    /// The field of the documents at hand.
    pub local_field: Path,
    /// The field of the other collection's documents that is to have the same value.
    pub foreign_field: Path,
    /// The field that gets the array of the documents found.
    pub target: Path,
}

impl Join {
    pub(super) fn parse(operand: &Object) -> Result<Self, DatabaseError> {
        let known = ["from", "localField", "foreignField", "as"];
        if let Some((other, _)) = operand.iter().find(|(name, _)| !known.contains(name)) {
            return Err(DatabaseError::unknown_operator("option of $lookup", other, &known));
        }
        let option = |name: &str| match operand.get(name) {
            Some(value) => text_of(&format!("{name} of $lookup"), value),
            None => Err(invalid(format!("$lookup needs {name}"))),
        };
        Ok(Self {
            from: option("from")?.to_owned(),
            local_field: Path::parse_field(option("localField")?)?,
            foreign_field: Path::parse_field(option("foreignField")?)?,
            target: Path::parse_field(option("as")?)?,
        })
    }

    /// Adds to each document those that belong to it.
    pub(super) async fn apply(
        &self,
        documents: Vec<Object>,
        lookup: &mut dyn Lookup,
    ) -> Result<Vec<Object>, DatabaseError> {
        let mut joined = Vec::with_capacity(documents.len());
        let mut budget = Budget::new("$lookup");
        let mut pending = Vec::new();
        let mut wanted: HashSet<Key<Value>> = HashSet::new();
        for document in documents {
            let values = self.local_values(&document);
            wanted.extend(values.iter().cloned().map(Key));
            pending.push((document, values));
            if wanted.len() >= MAX_VALUES_PER_FETCH {
                self.join(&mut pending, &mut wanted, &mut joined, &mut budget, lookup).await?;
            }
        }
        self.join(&mut pending, &mut wanted, &mut joined, &mut budget, lookup).await?;
        Ok(joined)
    }

    async fn join(
        &self,
        pending: &mut Vec<(Object, Vec<Value>)>,
        wanted: &mut HashSet<Key<Value>>,
        joined: &mut Vec<Object>,
        budget: &mut Budget,
        lookup: &mut dyn Lookup,
    ) -> Result<(), DatabaseError> {
        let values: Vec<Value> = wanted.drain().map(|key| key.0).collect();
        if values.is_empty() {
            return Ok(());
        }
        let fetched = lookup.fetch(&self.from, &self.foreign_field, &values).await?;
        let places = self.places_by_value(&fetched)?;
        for (mut document, values) in pending.drain(..) {
            let found: BTreeSet<usize> =
                values.iter().filter_map(|value| places.get(&Key(value))).flatten().copied().collect();
            let found: Vec<_> = found.into_iter().map(|place| Value::Object(fetched[place].clone())).collect();
            set(&mut document, self.target.components(), &Value::Array(found));
            budget.take(&document)?;
            joined.push(document);
        }
        Ok(())
    }

    /// The values that a document is joined by: the items of an array one by one, null if there is none.
    fn local_values(&self, document: &Object) -> Vec<Value> {
        let mut values = Vec::new();
        collect(document, self.local_field.components(), &mut values);
        if values.is_empty() {
            values.push(Value::Null);
        }
        values
    }

    /// Where, among the documents fetched, a value is found in the foreign field.
    fn places_by_value<'f>(&self, fetched: &'f [Object]) -> Result<HashMap<Key<&'f Value>, Vec<usize>>, DatabaseError> {
        let mut places: HashMap<Key<&Value>, Vec<usize>> = HashMap::new();
        for (place, document) in fetched.iter().enumerate() {
            let fields = Fields::Object(document);
            path::visit(fields, self.foreign_field.components(), Leaf::Items, &mut |value, _| {
                let at = places.entry(Key(value.unwrap_or(&Value::Null))).or_default();
                if at.last() != Some(&place) {
                    at.push(place);
                }
                Ok::<_, DatabaseError>(false)
            })?;
        }
        Ok(places)
    }
}

/// Collects the values at a path, going through arrays on the way and at its end.
fn collect(object: &Object, path: &[Component], values: &mut Vec<Value>) {
    let Some((component, rest)) = path.split_first() else { return };
    match object.get(&component.name) {
        Some(Value::Array(items)) if rest.is_empty() => values.extend(items.iter().cloned()),
        Some(value) if rest.is_empty() => values.push(value.clone()),
        Some(Value::Object(inner)) => collect(inner, rest, values),
        Some(Value::Array(items)) => {
            for item in items {
                if let Value::Object(inner) = item {
                    collect(inner, rest, values);
                }
            }
        }
        _ => {}
    }
}
