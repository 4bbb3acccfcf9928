//! A run of a pipeline: documents go in by batches, and what a stage has to hold back is counted.

use super::group::Groups;
use super::{Lookup, MAX_HELD_BYTES, MAX_HELD_DOCUMENTS, Stage};
use crate::database::error::DatabaseError;
use crate::database::sort::Sort;
use crate::database::value::{Object, Value};

/// A run of a pipeline.
pub struct Run<'p> {
    stages: Vec<Running<'p>>,
}

/// A stage with what it holds.
enum Running<'p> {
    /// Takes each document by itself.
    Passing(&'p Stage),
    Skip {
        left: u64,
    },
    Limit {
        left: u64,
    },
    Sort(Sorting<'p>),
    Group(Groups<'p>),
    Count {
        name: &'p str,
        count: u64,
    },
}

impl<'p> Run<'p> {
    pub(super) fn new(stages: &'p [Stage]) -> Self {
        let running = stages.iter().enumerate().map(|(place, stage)| match stage {
            Stage::Match(_) | Stage::Project(_) | Stage::Unwind(_) | Stage::Lookup(_) => Running::Passing(stage),
            Stage::Skip(left) => Running::Skip { left: *left },
            Stage::Limit(left) => Running::Limit { left: *left },
            Stage::Sort(sort) => Running::Sort(Sorting::new(sort, &stages[place + 1..])),
            Stage::Group(group) => Running::Group(Groups::new(group)),
            Stage::Count(name) => Running::Count { name, count: 0 },
        });
        Self { stages: running.collect() }
    }

    /// Whether further documents would change nothing, so that the run can be finished early.
    pub fn is_satisfied(&self) -> bool {
        self.stages
            .iter()
            .take_while(|stage| !matches!(stage, Running::Sort(_) | Running::Group(_) | Running::Count { .. }))
            .any(|stage| matches!(stage, Running::Limit { left: 0 }))
    }

    /// Takes documents in, and gives those that have come out.
    pub async fn push(
        &mut self,
        mut documents: Vec<Object>,
        lookup: &mut dyn Lookup,
    ) -> Result<Vec<Object>, DatabaseError> {
        for stage in &mut self.stages {
            documents = stage.push(documents, lookup).await?;
        }
        Ok(documents)
    }

    /// Ends the run, and gives the documents that were held back.
    pub async fn finish(self, lookup: &mut dyn Lookup) -> Result<Vec<Object>, DatabaseError> {
        let mut documents = Vec::new();
        for mut stage in self.stages {
            documents = stage.push(documents, lookup).await?;
            documents.extend(stage.finish()?);
        }
        Ok(documents)
    }
}

impl Running<'_> {
    async fn push(&mut self, documents: Vec<Object>, lookup: &mut dyn Lookup) -> Result<Vec<Object>, DatabaseError> {
        match self {
            Self::Passing(Stage::Lookup(join)) => join.apply(documents, lookup).await,
            Self::Passing(stage) => pass(stage, documents),
            Self::Skip { left } => {
                let skipped = (*left).min(documents.len() as u64);
                *left -= skipped;
                Ok(documents.into_iter().skip(skipped as usize).collect())
            }
            Self::Limit { left } => {
                let taken = (*left).min(documents.len() as u64);
                *left -= taken;
                Ok(documents.into_iter().take(taken as usize).collect())
            }
            Self::Sort(sorting) => {
                documents.into_iter().try_for_each(|document| sorting.add(document))?;
                Ok(Vec::new())
            }
            Self::Group(groups) => {
                documents.iter().try_for_each(|document| groups.add(document))?;
                Ok(Vec::new())
            }
            Self::Count { count, .. } => {
                *count += documents.len() as u64;
                Ok(Vec::new())
            }
        }
    }

    fn finish(self) -> Result<Vec<Object>, DatabaseError> {
        match self {
            Self::Sort(sorting) => sorting.finish(),
            Self::Group(groups) => groups.finish(),
            Self::Count { name, count } if count > 0 => {
                Ok(vec![Object::from_iter([(name, Value::Number(count as f64))])])
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn pass(stage: &Stage, documents: Vec<Object>) -> Result<Vec<Object>, DatabaseError> {
    let mut passed = Vec::with_capacity(documents.len());
    let mut budget = Budget::new(stage.name());
    for document in documents {
        match stage {
            Stage::Match(filter) => {
                if filter.matches(&document)? {
                    passed.push(document);
                }
            }
            Stage::Project(projection) => {
                let projected = projection.apply(document)?;
                budget.take(&projected)?;
                passed.push(projected);
            }
            Stage::Unwind(unwind) => {
                for made in unwind.apply(document) {
                    budget.take(&made)?;
                    passed.push(made);
                }
            }
            _ => passed.push(document),
        }
    }
    Ok(passed)
}

/// Documents that wait to be sorted. Where a `$limit` follows, only as many stay as it can want.
struct Sorting<'p> {
    sort: &'p Sort,
    kept: Option<usize>,
    documents: Vec<Object>,
    budget: Budget,
}

impl<'p> Sorting<'p> {
    fn new(sort: &'p Sort, following: &[Stage]) -> Self {
        let kept = match following {
            [Stage::Limit(limit), ..] => Some(*limit),
            [Stage::Skip(skip), Stage::Limit(limit), ..] => Some(skip.saturating_add(*limit)),
            _ => None,
        };
        let kept = kept.and_then(|kept| usize::try_from(kept).ok());
        Self { sort, kept, documents: Vec::new(), budget: Budget::new("$sort") }
    }

    fn add(&mut self, document: Object) -> Result<(), DatabaseError> {
        /// Sorting now and then is dearer than holding a few more.
        const SLACK: usize = 1000;
        self.budget.take(&document)?;
        self.documents.push(document);
        match self.kept {
            Some(kept) if self.documents.len() > kept.saturating_mul(2).saturating_add(SLACK) => self.shrink(kept),
            _ => Ok(()),
        }
    }

    fn shrink(&mut self, kept: usize) -> Result<(), DatabaseError> {
        self.documents = self.sort.sort(std::mem::take(&mut self.documents))?;
        self.documents.truncate(kept);
        self.budget = Budget::new("$sort");
        self.documents.iter().try_for_each(|document| self.budget.take(document))
    }

    fn finish(self) -> Result<Vec<Object>, DatabaseError> {
        self.sort.sort(self.documents)
    }
}

/// How much a stage may still hold.
pub struct Budget {
    stage: &'static str,
    documents: usize,
    bytes: usize,
}

impl Budget {
    pub fn new(stage: &'static str) -> Self {
        Self { stage, documents: MAX_HELD_DOCUMENTS, bytes: MAX_HELD_BYTES }
    }

    /// Counts a document.
    pub fn take(&mut self, document: &Object) -> Result<(), DatabaseError> {
        self.documents = self.documents.checked_sub(1).ok_or(DatabaseError::PipelineTooLarge {
            stage: self.stage,
            what: "documents",
            limit: MAX_HELD_DOCUMENTS,
        })?;
        self.take_bytes(document.weight())
    }

    /// A value that was counted is held no more.
    pub fn give_back(&mut self, value: &Value) {
        self.bytes += value.weight();
    }

    /// Counts a value.
    pub fn take_value(&mut self, value: &Value) -> Result<(), DatabaseError> {
        self.take_bytes(value.weight())
    }

    /// Counts bytes that are no value's.
    pub fn take_bytes(&mut self, bytes: usize) -> Result<(), DatabaseError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(DatabaseError::PipelineTooLarge {
            stage: self.stage,
            what: "bytes",
            limit: MAX_HELD_BYTES,
        })?;
        Ok(())
    }
}
