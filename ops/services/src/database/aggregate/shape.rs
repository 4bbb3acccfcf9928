//! `$project`: fields that are kept, left out and computed.

use std::borrow::Cow;

use super::expression::Expression;
use super::parse::invalid;
use crate::database::error::DatabaseError;
use crate::database::path::{Component, Path};
use crate::database::projection::{MAX_PROJECTED_FIELDS, Projection};
use crate::database::value::{Object, Value};

/// What the documents after a `$project` are made of.
#[derive(Clone, Debug)]
pub struct Shape {
    kept: Projection,
    computed: Vec<(Path, Expression)>,
}

impl Shape {
    pub(super) fn parse(shape: &Object) -> Result<Self, DatabaseError> {
        if shape.is_empty() {
            return Err(invalid("$project needs at least one field"));
        }
        let mut parts = Parts::default();
        parts.collect("", shape)?;
        if parts.fields.len() + parts.computed.len() > MAX_PROJECTED_FIELDS {
            return Err(invalid(format!("$project names more than {MAX_PROJECTED_FIELDS} fields")));
        }
        let mut kept = Projection::parse(&Value::Object(parts.fields))?;
        for (path, _) in &parts.computed {
            kept.make_room(path)?;
        }
        Ok(Self { kept, computed: parts.computed })
    }

    /// The document after the stage.
    pub(super) fn apply(&self, document: Object) -> Result<Object, DatabaseError> {
        if self.computed.is_empty() {
            return self.kept.apply(document);
        }
        let mut values = Vec::with_capacity(self.computed.len());
        for (path, expression) in &self.computed {
            values.push((path, expression.compute(&document)?.map(Cow::into_owned)));
        }
        let mut shaped = self.kept.apply(document)?;
        for (path, value) in values {
            match (path.components(), value) {
                (path, Some(value)) => set_everywhere(&mut shaped, path, &value),
                ([_], None) => {}
                ([parents @ .., _], None) => ensure_everywhere(&mut shaped, parents),
                ([], None) => {}
            }
        }
        Ok(shaped)
    }
}

/// The fields of a `$project`, with objects in it written as paths.
#[derive(Default)]
struct Parts {
    fields: Object,
    computed: Vec<(Path, Expression)>,
}

impl Parts {
    fn collect(&mut self, parent: &str, shape: &Object) -> Result<(), DatabaseError> {
        for (name, operand) in shape.iter() {
            let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
            match operand {
                Value::Number(_) | Value::Bool(_) => drop(self.fields.insert(path, operand.clone())),
                Value::Object(object) if object.is_empty() => {
                    return Err(invalid(format!("{path:?} of $project is an empty object; use {{ $literal: {{}} }}")));
                }
                Value::Object(object) if !object.iter().any(|(name, _)| name.starts_with('$')) => {
                    self.collect(&path, object)?;
                }
                expression => self.computed.push((Path::parse_field(&path)?, Expression::parse(expression)?)),
            }
        }
        Ok(())
    }
}

/// Gives a field a value; in each item of an array on the way.
fn set_everywhere(object: &mut Object, path: &[Component], value: &Value) {
    let Some((component, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        object.insert(&*component.name, value.clone());
        return;
    }
    within_everywhere(object, component, &|inner| set_everywhere(inner, rest, value));
}

/// Makes sure that there are objects along a path.
fn ensure_everywhere(object: &mut Object, path: &[Component]) {
    let Some((component, rest)) = path.split_first() else { return };
    within_everywhere(object, component, &|inner| ensure_everywhere(inner, rest));
}

fn within_everywhere(object: &mut Object, component: &Component, change: &dyn Fn(&mut Object)) {
    if object.get(&component.name).is_none() {
        object.insert(&*component.name, Value::Null);
    }
    if let Some(value) = object.get_mut(&component.name) {
        within_value(value, change);
    }
}

fn within_value(value: &mut Value, change: &dyn Fn(&mut Object)) {
    match value {
        Value::Object(object) => change(object),
        Value::Array(items) => items.iter_mut().for_each(|item| within_value(item, change)),
        other => {
            let mut object = Object::new();
            change(&mut object);
            *other = Value::Object(object);
        }
    }
}

/// Gives a field a value, making objects on the way.
pub(super) fn set(object: &mut Object, path: &[Component], value: &Value) {
    let Some((component, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        object.insert(&*component.name, value.clone());
        return;
    }
    if !matches!(object.get(&component.name), Some(Value::Object(_))) {
        object.insert(&*component.name, Value::Object(Object::new()));
    }
    if let Some(Value::Object(inner)) = object.get_mut(&component.name) {
        set(inner, rest, value);
    }
}

/// Takes a field out.
pub(super) fn remove(object: &mut Object, path: &[Component]) {
    match path.split_first() {
        Some((component, [])) => drop(object.remove(&component.name)),
        Some((component, rest)) => {
            if let Some(Value::Object(inner)) = object.get_mut(&component.name) {
                remove(inner, rest);
            }
        }
        None => {}
    }
}
