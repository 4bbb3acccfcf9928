//! Updates: how documents are changed.
//!
//! An update is read once and then applied to any number of documents. It changes a copy: one that fails leaves its
//! document alone. Which documents are changed is the business of [`super::filter`].

mod array;
mod change;
mod parse;
mod seed;
mod target;

use self::change::Change;
pub use self::parse::{MAX_ARRAY_FILTERS, MAX_CHANGES};
use self::target::{Changer, Steps};
pub use self::target::{MAX_PADDING, MAX_TARGET_BYTES};
use super::document::check_document;
use super::error::DatabaseError;
use super::filter::Filter;
use super::limits::Room;
use super::value::{Object, Value};
use crate::clock::UnixMillis;

/// A change to a document.
#[derive(Clone, Debug)]
pub struct Update {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The document becomes this one, but keeps its `_id`.
    Replacement(Object),
    /// Changes to single fields, in the order in which they are made: by the names in their paths.
    Changes { changes: Vec<Targeted>, array_filters: Vec<ArrayFilter> },
}

/// A change and where it is made.
#[derive(Clone, Debug)]
struct Targeted {
    steps: Steps,
    change: Change,
    only_on_insert: bool,
}

/// What `$[name]` in a path stands for.
#[derive(Clone, Debug)]
struct ArrayFilter {
    name: Box<str>,
    filter: Filter,
}

/// What an update knows of the moment and of the document it is applied to.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpdateContext {
    /// The present moment, for `$currentDate`.
    pub now: UnixMillis,
    /// Whether the document is being inserted by an upsert, so that `$setOnInsert` counts.
    pub inserting: bool,
    /// What `$` in a path stands for: [`Filter::position`]. Needed if the update [is positional](Update::is_positional).
    pub position: Option<usize>,
}

impl Update {
    /// An update that replaces a document by another one, as `replaceOne` does.
    pub fn replacement(document: &Object) -> Result<Self, DatabaseError> {
        if let Some((operator, _)) = document.iter().find(|(name, _)| name.starts_with('$')) {
            let reason = format!("a replacement is a document, {operator} is an operator; use updateOne");
            return Err(DatabaseError::UpdateInvalid(reason));
        }
        Ok(Self { kind: Kind::Replacement(document.clone()) })
    }

    /// Whether a path of the update contains `$`, which stands for the item that the filter found.
    pub fn is_positional(&self) -> bool {
        match &self.kind {
            Kind::Replacement(_) => false,
            Kind::Changes { changes, .. } => changes.iter().any(|targeted| targeted.steps.is_positional()),
        }
    }

    /// Applies the update, and tells whether the document is different from before. If it fails, it is not.
    pub fn apply(&self, document: &mut Object, context: &UpdateContext) -> Result<bool, DatabaseError> {
        let id = document.get("_id");
        let mut changed = match &self.kind {
            Kind::Replacement(replacement) => replace(document, replacement),
            Kind::Changes { changes, array_filters } => change_fields(document, changes, array_filters, context)?,
        };
        if id.is_some() && changed.get("_id") != id {
            return Err(DatabaseError::IdImmutable);
        }
        if context.inserting
            && let Some(id) = changed.remove("_id")
        {
            changed.insert_first("_id", id);
        }
        if changed == *document {
            return Ok(false);
        }
        check_document(&changed)?;
        *document = changed;
        Ok(true)
    }
}

/// The replacement, with the `_id` of the document it replaces unless it brings one of its own.
fn replace(document: &Object, replacement: &Object) -> Object {
    let mut changed = replacement.clone();
    let own = changed.remove("_id");
    if let Some(id) = own.or_else(|| document.get("_id").cloned()) {
        changed.insert_first("_id", id);
    }
    changed
}

fn change_fields(
    document: &Object,
    changes: &[Targeted],
    array_filters: &[ArrayFilter],
    context: &UpdateContext,
) -> Result<Object, DatabaseError> {
    let mut changed = document.clone();
    let changes = changes.iter().filter(|targeted| context.inserting || !targeted.only_on_insert);
    let targets = target::resolve(document, changes, array_filters, context)?;
    let room = Room::of_document();
    for (path, change) in targets {
        match change {
            Change::Rename { from } => target::rename(&mut changed, from.components(), &path, &room)?,
            change => Changer { change, path: &path, now: context.now, room: &room }.object(&mut changed, &path)?,
        }
    }
    Ok(changed)
}

/// The error of an update that does not fit the value it finds.
fn unfit(operator: &str, path: &str, needed: &str, found: &Value) -> DatabaseError {
    DatabaseError::UpdateTarget(format!("{operator} needs {needed} at {path:?}, which holds {}", found.type_name()))
}
