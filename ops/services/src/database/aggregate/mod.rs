//! Aggregation: documents go through stages that filter, reshape, join and group them.
//!
//! A pipeline is read once into its stages, the first of which a planner may take over. It runs on documents that it is
//! given, in batches: what it holds at a time is bounded. It reads other collections only through [`Lookup`].

mod group;
mod join;
mod parse;
mod run;
mod unwind;

use async_trait::async_trait;

pub use self::group::Group;
pub use self::join::{Join, MAX_VALUES_PER_FETCH};
pub use self::parse::MAX_STAGES;
pub(super) use self::run::Budget;
pub use self::run::Run;
pub use self::unwind::Unwind;
use super::error::DatabaseError;
use super::filter::Filter;
use super::path::Path;
use super::projection::Projection;
use super::sort::Sort;
use super::value::{Object, Value};

/// Documents that a stage holds at a time.
pub const MAX_HELD_DOCUMENTS: usize = 1_000_000;

/// Bytes, roughly, of the documents or groups that a stage holds at a time; MongoDB's own bound.
pub const MAX_HELD_BYTES: usize = 100 * 1024 * 1024;

/// Groups that a `$group` makes.
pub const MAX_GROUPS: usize = 1_000_000;

/// Fields of a `$group`, its `_id` included.
pub const MAX_GROUP_FIELDS: usize = 1000;

/// The stages that documents go through.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// In the order of the pipeline.
    pub stages: Vec<Stage>,
}

/// One stage of a pipeline.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Keeps the documents that a filter matches.
    Match(Filter),
    /// Orders the documents.
    Sort(Sort),
    /// Leaves out the first documents.
    Skip(u64),
    /// Keeps the first documents.
    Limit(u64),
    /// Keeps, leaves out and computes fields.
    Project(Projection),
    /// Makes a document of each item of an array.
    Unwind(Unwind),
    /// Adds the documents of another collection that belong to each document.
    Lookup(Join),
    /// Makes a document of all documents that have something in common.
    Group(Group),
    /// Makes one document with the number of documents under this name; none if there are none.
    Count(String),
}

impl Stage {
    /// The name of the stage.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Match(_) => "$match",
            Self::Sort(_) => "$sort",
            Self::Skip(_) => "$skip",
            Self::Limit(_) => "$limit",
            Self::Project(_) => "$project",
            Self::Unwind(_) => "$unwind",
            Self::Lookup(_) => "$lookup",
            Self::Group(_) => "$group",
            Self::Count(_) => "$count",
        }
    }
}

/// Reads the other collections of a pipeline.
#[async_trait]
pub trait Lookup: Send {
    /// The documents of a collection in which the field is equal to one of the values, as `$in` has it: null is equal
    /// to a missing field, and an array if one of its items is. There may be others among them.
    async fn fetch(&mut self, collection: &str, field: &Path, values: &[Value]) -> Result<Vec<Object>, DatabaseError>;
}

impl Pipeline {
    /// Runs the pipeline on documents.
    pub async fn run(&self, documents: Vec<Object>, lookup: &mut dyn Lookup) -> Result<Vec<Object>, DatabaseError> {
        let mut run = self.start();
        let mut results = run.push(documents, lookup).await?;
        results.extend(run.finish(lookup).await?);
        Ok(results)
    }

    /// Begins a run that is given its documents in batches.
    pub fn start(&self) -> Run<'_> {
        Run::new(&self.stages)
    }
}
