//! Pipelines on collections: what comes first in one is planned like a query, and the results are bounded as they come.

use async_trait::async_trait;

use super::aggregate::{Budget, Lookup, Pipeline, Stage};
use super::error::DatabaseError;
use super::filter::{Filter, In, Predicate};
use super::limits::{MAX_RESULT_BYTES, MAX_SKIP};
use super::order;
use super::path::Path;
use super::plan::Plan;
use super::query::aliased;
use super::reader::Reading;
use super::sort::Sort;
use super::store::Collection;
use super::value::{Object, Value};
use super::work::Work;

impl Work {
    /// The results of a pipeline on a collection, as JSON.
    pub(super) async fn aggregate(&mut self, name: &str, pipeline: &Pipeline) -> Result<String, DatabaseError> {
        let (filter, stages) = match pipeline.stages.split_first() {
            Some((Stage::Match(filter), rest)) => (filter, rest),
            _ => (&Filter::True, &pipeline.stages[..]),
        };
        let collection = self.collection(name).await?;
        let filter = aliased(filter, collection.as_ref().is_some_and(|collection| collection.own_ids));
        let mut results = Results::new();
        match (collection, first_sorted(stages)) {
            (None, _) => {
                let pipeline = Pipeline { stages: stages.to_vec() };
                results.extend(pipeline.run(Vec::new(), self).await?)?;
            }
            (Some(collection), Some((sort, skip, limit, rest))) => {
                let found = self.find(&collection, &filter, sort, skip, limit).await?;
                let documents = found.documents.iter().map(|document| Object::parse(&document.json));
                let documents = documents.collect::<Result<_, _>>()?;
                results.extend(Pipeline { stages: rest.to_vec() }.run(documents, self).await?)?;
            }
            (Some(collection), None) => {
                let pipeline = Pipeline { stages: stages.to_vec() };
                self.stream(&collection, &filter, &pipeline, &mut |made| results.extend(made)).await?;
            }
        }
        Ok(results.finish())
    }

    /// Runs a pipeline on the matches of a filter, as they are read, and hands on what it makes of them.
    async fn stream(
        &mut self,
        collection: &Collection,
        filter: &Filter,
        pipeline: &Pipeline,
        take: &mut (dyn FnMut(Vec<Object>) -> Result<(), DatabaseError> + Send),
    ) -> Result<(), DatabaseError> {
        let plan = Plan::new(collection, filter, &Sort::default(), false);
        let mut reading = Reading::new(collection, &plan, filter, u32::MAX);
        let mut run = pipeline.start();
        while let Some(documents) = reading.next(self).await? {
            let mut matches = Vec::with_capacity(documents.len());
            for document in documents {
                matches.extend(reading.check(&document)?);
            }
            take(run.push(matches, self).await?)?;
            if run.is_satisfied() {
                break;
            }
        }
        take(run.finish(self).await?)
    }
}

#[async_trait]
impl Lookup for Work {
    async fn fetch(&mut self, collection: &str, field: &Path, values: &[Value]) -> Result<Vec<Object>, DatabaseError> {
        let Some(collection) = self.collection(collection).await? else { return Ok(Vec::new()) };
        let mut values = values.to_vec();
        values.sort_by(order::compare);
        values.dedup_by(|left, right| order::compare(left, right).is_eq());
        let predicate = Predicate::In(In { values, patterns: Vec::new() });
        let filter = Filter::Field { path: field.clone(), predicate };
        let mut fetched = Vec::new();
        let mut budget = Budget::new("$lookup");
        let mut take = |documents: Vec<Object>| {
            documents.iter().try_for_each(|document| budget.take(document))?;
            fetched.extend(documents);
            Ok(())
        };
        self.stream(&collection, &filter, &Pipeline { stages: Vec::new() }, &mut take).await?;
        Ok(fetched)
    }
}

/// The results of a pipeline as a JSON array, which is written as they come.
struct Results(String);

impl Results {
    fn new() -> Self {
        Self("[".to_owned())
    }

    fn extend(&mut self, results: Vec<Object>) -> Result<(), DatabaseError> {
        for result in results {
            if self.0.len() > 1 {
                self.0.push(',');
            }
            self.0.push_str(&result.to_json());
            if self.0.len() > MAX_RESULT_BYTES {
                return Err(DatabaseError::ResultTooLarge);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> String {
        self.0.push(']');
        self.0
    }
}

/// A `$sort` at the beginning of a pipeline that is followed by a limit, and what comes after: an index may give the
/// order, and few documents are held.
fn first_sorted(stages: &[Stage]) -> Option<(&Sort, usize, usize, &[Stage])> {
    let (sort, skip, limit, rest) = match stages {
        [Stage::Sort(sort), Stage::Limit(limit), rest @ ..] => (sort, 0, *limit, rest),
        [Stage::Sort(sort), Stage::Skip(skip), Stage::Limit(limit), rest @ ..] => (sort, *skip, *limit, rest),
        _ => return None,
    };
    (skip.saturating_add(limit) <= MAX_SKIP).then_some((sort, skip as usize, limit as usize, rest))
}
