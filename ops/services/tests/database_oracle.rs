//! The semantics of the database against MongoDB's, in memory: filters, sorts, projections, updates and pipelines.
#![allow(clippy::expect_used)]

use async_trait::async_trait;
use orilla_services::database::aggregate::{Lookup, Pipeline};
use orilla_services::database::conformance::oracle::{self, Change, Collection, Counts, Query};
use orilla_services::database::document::check_document;
use orilla_services::database::filter::Filter;
use orilla_services::database::path::Path;
use orilla_services::database::projection::Projection;
use orilla_services::database::sort::Sort;
use orilla_services::database::update::{Update, UpdateContext};
use orilla_services::database::value::{Object, Value};
use orilla_services::database::{self, DatabaseError};

#[tokio::test(flavor = "current_thread")]
async fn the_semantics_are_those_of_mongodb() {
    let Some(cases) = oracle::cases() else { return };
    let exceptions = oracle::exceptions(oracle::EXCEPTIONS);
    oracle::run_all(&cases, &exceptions, async || Memory::default()).await;
}

/// No collection beside the one at hand.
struct NoOther;

#[async_trait]
impl Lookup for NoOther {
    async fn fetch(&mut self, _: &str, _: &Path, _: &[Value]) -> Result<Vec<Object>, DatabaseError> {
        Ok(Vec::new())
    }
}

/// A collection in memory, in the order of insertion.
#[derive(Default)]
struct Memory {
    documents: Vec<Object>,
}

#[async_trait]
impl Collection for Memory {
    async fn insert(&mut self, documents: Vec<Object>) -> Result<(), String> {
        self.documents = documents;
        Ok(())
    }

    async fn find(&mut self, query: &Query) -> Result<Vec<Object>, String> {
        match query.as_pipeline {
            true => self.aggregated(query).await.map_err(told),
            false => self.found(query).map_err(told),
        }
    }

    async fn update(&mut self, change: &Change) -> Result<Counts, String> {
        if change.multi && change.sort.is_some() {
            return Err("updateMany knows no sort".to_owned());
        }
        self.updated(change).map_err(told)
    }
}

fn told(error: DatabaseError) -> String {
    format!("{}: {error}", error.code())
}

impl Memory {
    fn found(&self, query: &Query) -> Result<Vec<Object>, DatabaseError> {
        let filter = Filter::parse_value(&query.filter)?;
        let options = [("sort", &query.sort), ("skip", &query.skip), ("limit", &query.limit)];
        let options = options.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        let asked = database::query::Query::parse(Object::new(), &options, &["sort", "skip", "limit"])?;
        let projection = query.projection.as_ref().map(Projection::parse).transpose()?.unwrap_or_default();
        let mut found = Vec::new();
        for document in &self.documents {
            if filter.matches(document)? {
                found.push(document.clone());
            }
        }
        let sorted = asked.sort.sort(found)?.into_iter();
        let wanted = sorted.skip(asked.skip as usize).take(asked.limit as usize);
        wanted.map(|document| projection.apply(document)).collect()
    }

    async fn aggregated(&self, query: &Query) -> Result<Vec<Object>, DatabaseError> {
        let stage = |name: &str, operand: &Value| Value::Object(Object::from_iter([(name, operand.clone())]));
        let mut stages = vec![stage("$match", &query.filter)];
        stages.extend(query.sort.iter().map(|sort| stage("$sort", sort)));
        let pipeline = Pipeline::parse(&Value::Array(stages))?;
        pipeline.run(self.documents.clone(), &mut NoOther).await
    }

    fn updated(&mut self, change: &Change) -> Result<Counts, DatabaseError> {
        let filter = Filter::parse_value(&change.filter)?;
        let update = match &change.update {
            Value::Object(update) if update.iter().next().is_none_or(|(name, _)| !name.starts_with('$')) => {
                Update::replacement(update)?
            }
            operators => Update::parse_with_array_filters(operators, &change.array_filters)?,
        };
        let mut places = Vec::new();
        for (place, document) in self.documents.iter().enumerate() {
            if filter.matches(document)? {
                places.push(place);
            }
        }
        if let Some(sort) = &change.sort {
            let sort = Sort::parse(sort)?;
            let mut keyed = Vec::new();
            for place in places {
                keyed.push((sort.key(&self.documents[place])?, place));
            }
            keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
            places = keyed.into_iter().map(|(_, place)| place).collect();
        }
        if places.is_empty() && change.upsert {
            return self.upserted(&filter, &update);
        }
        places.truncate(if change.multi { usize::MAX } else { 1 });
        let mut counts = Counts { matched: places.len(), ..Counts::default() };
        for place in places {
            let document = &mut self.documents[place];
            let position = if update.is_positional() { filter.position(document)? } else { None };
            let before = document.clone();
            match update.apply(document, &UpdateContext { now: 0, inserting: false, position }) {
                Ok(changed) => counts.modified += usize::from(changed),
                Err(error) => {
                    assert_eq!(*document, before, "an update that fails leaves the document alone");
                    return Err(error);
                }
            }
        }
        Ok(counts)
    }

    fn upserted(&mut self, filter: &Filter, update: &Update) -> Result<Counts, DatabaseError> {
        let mut document = update.seed(filter)?;
        update.apply(&mut document, &UpdateContext { now: 0, inserting: true, position: None })?;
        if document.get("_id").is_none() {
            document.insert_first("_id", Value::from("generated"));
        }
        check_document(&document)?;
        let id = document.get("_id").cloned().expect("an _id");
        self.documents.push(document);
        Ok(Counts { upserted: vec![id], ..Counts::default() })
    }
}
