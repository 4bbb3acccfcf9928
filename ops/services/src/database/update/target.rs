//! Where an update changes a document: its paths, resolved against the document, and the way along them.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::change::{Change, Fate};
use super::{ArrayFilter, Targeted, UpdateContext};
use crate::clock::UnixMillis;
use crate::database::document::json_bytes;
use crate::database::error::DatabaseError;
use crate::database::limits::Room;
use crate::database::path::{Component, Fields, Path};
use crate::database::regex::Effort;
use crate::database::value::{Object, Value};

/// Items with which an array may be filled up so that a position beyond its end can be set; MongoDB's own bound.
pub const MAX_PADDING: usize = 1_500_000;

/// Bytes of the paths that the placeholders of an update stand for in one document: 32 MiB, some 400,000 short paths.
pub const MAX_TARGET_BYTES: usize = 32 << 20;

/// The path of a change as it was written.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub path: Path,
    pub steps: Vec<Step>,
}

/// One component of the path of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A name or a position.
    Name(Component),
    /// `$`: the item that the filter found.
    Found,
    /// `$[]`: every item.
    Every,
    /// `$[name]`: every item that an array filter matches, which stands at this place in the list.
    Filtered(usize),
}

impl Steps {
    /// Whether the path has a `$`.
    pub fn is_positional(&self) -> bool {
        self.steps.contains(&Step::Found)
    }

    fn is_fixed(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Name(_)))
    }

    /// Whether a change at one path would touch what a change at the other one does.
    pub fn conflicts(&self, other: &Self) -> bool {
        for pair in self.steps.iter().zip(&other.steps) {
            match pair {
                (left, right) if left == right => {}
                (Step::Every | Step::Filtered(_), Step::Every | Step::Filtered(_)) => return false,
                (Step::Every | Step::Filtered(_), _) | (_, Step::Every | Step::Filtered(_)) => return true,
                _ => return false,
            }
        }
        true
    }

    /// The order in which changes are made: by names, whole numbers by their value.
    pub fn order(&self, other: &Self) -> Ordering {
        order(self.path.components(), other.path.components())
    }
}

fn order(left: &[Component], right: &[Component]) -> Ordering {
    let by_name = |left: &Component, right: &Component| match (left.index, right.index) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.name.cmp(&right.name),
    };
    let pairs = left.iter().zip(right);
    let differing = pairs.map(|(left, right)| by_name(left, right)).find(|order| order.is_ne());
    differing.unwrap_or_else(|| left.len().cmp(&right.len()))
}

/// A path without placeholders, and the change at it.
type Target<'u> = (Cow<'u, [Component]>, &'u Change);

/// Turns the placeholders in the paths of changes into the positions they stand for in a document.
pub(super) fn resolve<'u>(
    document: &Object,
    changes: impl Iterator<Item = &'u Targeted>,
    array_filters: &[ArrayFilter],
    context: &UpdateContext,
) -> Result<Vec<Target<'u>>, DatabaseError> {
    let mut targets: Vec<Target<'u>> = Vec::new();
    let (mut fixed, mut bytes, effort) = (true, 0, Effort::of_document());
    for Targeted { steps, change, .. } in changes {
        if steps.is_fixed() {
            targets.push((Cow::Borrowed(steps.path.components()), change));
            continue;
        }
        fixed = false;
        let mut resolver =
            Resolver { path: &steps.path, array_filters, context, effort: &effort, found: Vec::new(), bytes };
        resolver.follow(&steps.steps, Some(Fields::Object(document)), &mut Vec::new())?;
        bytes = resolver.bytes;
        targets.extend(resolver.found.into_iter().map(|path| (Cow::Owned(path), change)));
    }
    if !fixed {
        targets.sort_by(|(left, _), (right, _)| order(left, right));
        if let Some([(left, _), (right, _)]) = targets
            .array_windows()
            .find(|[(left, _), (right, _)]| left.iter().zip(right.iter()).all(|(left, right)| left.name == right.name))
        {
            return Err(DatabaseError::UpdateConflict(dotted(left), dotted(right)));
        }
    }
    Ok(targets)
}

/// A path as it is written.
pub(super) fn dotted(path: &[Component]) -> String {
    path.iter().map(|component| &*component.name).collect::<Vec<_>>().join(".")
}

struct Resolver<'r> {
    path: &'r Path,
    array_filters: &'r [ArrayFilter],
    context: &'r UpdateContext,
    effort: &'r Effort,
    found: Vec<Vec<Component>>,
    /// The memory that all paths found take, those of other changes included.
    bytes: usize,
}

impl Resolver<'_> {
    /// Follows the rest of a path from `fields`; there are none where the path leads out of the document.
    fn follow(
        &mut self,
        steps: &[Step],
        fields: Option<Fields<'_>>,
        taken: &mut Vec<Component>,
    ) -> Result<(), DatabaseError> {
        let Some((step, rest)) = steps.split_first() else {
            return self.find(taken);
        };
        let array_filter = match step {
            Step::Name(component) => return self.step(component.clone(), rest, fields, taken),
            Step::Found => {
                let position = self.context.position.ok_or_else(|| {
                    let reason = format!("the filter found no item of an array that `$` in {:?} could stand for", {
                        self.path.as_str()
                    });
                    DatabaseError::UpdateTarget(reason)
                })?;
                return self.step(Component::of(position), rest, fields, taken);
            }
            Step::Every => None,
            Step::Filtered(place) => self.array_filters.get(*place),
        };
        let Some(Fields::Array(items)) = fields else {
            let reason = format!("{:?} has to be an array, as {:?} says", dotted(taken), self.path.as_str());
            return Err(DatabaseError::UpdateTarget(reason));
        };
        for (position, item) in items.iter().enumerate() {
            if array_filter.map_or(Ok(true), |only| only.filter.matches_named(&only.name, item, self.effort))? {
                self.step(Component::of(position), rest, fields, taken)?;
            }
        }
        Ok(())
    }

    fn find(&mut self, path: &[Component]) -> Result<(), DatabaseError> {
        self.bytes += path.iter().map(|component| size_of::<Component>() + component.name.len()).sum::<usize>();
        if self.bytes > MAX_TARGET_BYTES {
            let reason = format!("{:?} stands for too many places in it; change them in parts", self.path.as_str());
            return Err(DatabaseError::UpdateTarget(reason));
        }
        self.found.push(path.to_vec());
        Ok(())
    }

    fn step(
        &mut self,
        component: Component,
        rest: &[Step],
        fields: Option<Fields<'_>>,
        taken: &mut Vec<Component>,
    ) -> Result<(), DatabaseError> {
        let next = fields.and_then(|fields| fields.get(&component)).and_then(Fields::of);
        taken.push(component);
        self.follow(rest, next, taken)?;
        taken.pop();
        Ok(())
    }
}

/// Makes one change in a document.
pub(super) struct Changer<'c> {
    pub change: &'c Change,
    /// The whole path, for errors.
    pub path: &'c [Component],
    pub now: UnixMillis,
    /// What all changes of the update may still add.
    pub room: &'c Room,
}

impl Changer<'_> {
    /// A copy of a value of the update, to be put into the document. It is counted before it is made: a value may go into
    /// each item of an array.
    pub fn copy(&self, value: &Value) -> Result<Value, DatabaseError> {
        self.room.take(json_bytes(value)?)?;
        Ok(value.clone())
    }

    /// A value is in the document no more.
    pub fn give_back(&self, value: &Value) -> Result<(), DatabaseError> {
        self.room.give_back(json_bytes(value)?);
        Ok(())
    }

    /// Changes what the rest of the path leads to.
    pub fn object(&self, object: &mut Object, path: &[Component]) -> Result<(), DatabaseError> {
        let Some((component, rest)) = path.split_first() else { return Ok(()) };
        match object.get_mut(&component.name) {
            Some(value) if rest.is_empty() => {
                if self.change.apply(value, self)? == Fate::Removed {
                    object.remove(&component.name);
                }
            }
            Some(value) => self.value(value, rest)?,
            None => {
                if let Some(value) = self.change.create(self)? {
                    object.insert(&*component.name, nested(rest, value));
                }
            }
        }
        Ok(())
    }

    fn value(&self, value: &mut Value, path: &[Component]) -> Result<(), DatabaseError> {
        match value {
            Value::Object(object) => self.object(object, path),
            Value::Array(items) => self.array(items, path),
            _ if self.change.ignores_obstacles() => Ok(()),
            other => Err(self.obstacle(path, other.type_name())),
        }
    }

    fn array(&self, items: &mut Vec<Value>, path: &[Component]) -> Result<(), DatabaseError> {
        let Some((component, rest)) = path.split_first() else { return Ok(()) };
        let Some(index) = component.index else {
            return if self.change.ignores_obstacles() { Ok(()) } else { Err(self.obstacle(path, "an array")) };
        };
        match items.get_mut(index) {
            Some(value) if rest.is_empty() => {
                if self.change.apply(value, self)? == Fate::Removed {
                    *value = Value::Null;
                }
            }
            Some(value) => self.value(value, rest)?,
            None => {
                if let Some(value) = self.change.create(self)? {
                    let padding = index - items.len();
                    if padding > MAX_PADDING {
                        let reason = format!(
                            "{:?} lies more than {MAX_PADDING} items beyond the end of the array",
                            dotted(self.path)
                        );
                        return Err(DatabaseError::UpdateTarget(reason));
                    }
                    self.room.take(padding * "null,".len())?;
                    items.resize(index, Value::Null);
                    items.push(nested(rest, value));
                }
            }
        }
        Ok(())
    }

    fn obstacle(&self, rest: &[Component], found: &str) -> DatabaseError {
        let before = self.path.len().saturating_sub(rest.len());
        let (parent, path) = (dotted(&self.path[..before]), dotted(self.path));
        DatabaseError::UpdateTarget(format!("{path:?} leads through {parent:?}, which holds {found}"))
    }
}

/// A value within objects, one for each component.
fn nested(path: &[Component], value: Value) -> Value {
    path.iter().rfold(value, |value, component| {
        let mut object = Object::new();
        object.insert(&*component.name, value);
        Value::Object(object)
    })
}

/// Moves a value. Neither path may lead through an array.
pub(super) fn rename(
    document: &mut Object,
    from: &[Component],
    to: &[Component],
    room: &Room,
) -> Result<(), DatabaseError> {
    let Some(value) = follow_objects(document, from)?.cloned() else { return Ok(()) };
    let is_id = |path: &[Component]| path.first().is_some_and(|component| &*component.name == "_id");
    if document.get("_id").is_some() && (is_id(from) || is_id(to)) {
        return Err(DatabaseError::IdImmutable);
    }
    follow_objects(document, to)?;
    Changer { change: &Change::Set(value), path: to, now: 0, room }.object(document, to)?;
    Changer { change: &Change::Unset, path: from, now: 0, room }.object(document, from)
}

/// What a path leads to through objects. Fails if it leads through anything else.
fn follow_objects<'v>(document: &'v Object, path: &[Component]) -> Result<Option<&'v Value>, DatabaseError> {
    let Some((last, parents)) = path.split_last() else { return Ok(None) };
    let mut current = document;
    for component in parents {
        match current.get(&component.name) {
            Some(Value::Object(object)) => current = object,
            None => return Ok(None),
            Some(other) => {
                let reason = format!("$rename cannot go through {} in {:?}", other.type_name(), dotted(path));
                return Err(DatabaseError::UpdateTarget(reason));
            }
        }
    }
    Ok(current.get(&last.name))
}
