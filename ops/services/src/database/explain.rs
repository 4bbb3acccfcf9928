//! How a query is answered: which indexes it reads, what it costs, and how a vector search is made.

use super::Database;
use super::error::DatabaseError;
use super::plan::{Order, Plan, Source};
use super::query::Query;
use super::run::object;
use super::store::Mode;
use super::value::{Object, Value};
use super::vector::Regime;
use super::work::Work;
use crate::gate::Scope;

impl Database {
    /// Runs a query and tells how, instead of what it found.
    pub(super) async fn explain(&self, scope: &Scope<'_>, name: &str, query: &Query) -> Result<String, DatabaseError> {
        let context = (self, scope, name, query);
        let explained = self.transact(scope, Mode::Read, context, |work, (database, scope, name, query)| {
            Box::pin(database.explain_in(scope, name, query, work))
        });
        Ok(explained.await?.to_json())
    }

    async fn explain_in(
        &self,
        scope: &Scope<'_>,
        name: &str,
        query: &Query,
        work: &mut Work,
    ) -> Result<Object, DatabaseError> {
        let Some(collection) = work.collection(name).await? else {
            return Ok(object([
                ("reads", Value::Array(Vec::new())),
                ("examined", 0.0.into()),
                ("returned", 0.0.into()),
            ]));
        };
        if let Some(clause) = &query.vector {
            let found = self.search(scope, name, query, clause, work).await?;
            let regime = match found.regime {
                Some(Regime::Exact) | None => "exact",
                Some(Regime::Quantised) => "quantised",
                Some(Regime::Graph) => "graph",
                Some(Regime::Store) => "store",
            };
            let vector = object([
                ("index", Value::String(found.index)),
                ("regime", regime.into()),
                ("compared", Value::Number(found.compared as f64)),
            ]);
            return Ok(object([
                ("vector", Value::Object(vector)),
                ("examined", Value::Number(found.examined as f64)),
                ("returned", Value::Number(found.documents.len() as f64)),
            ]));
        }
        let filter = query.filter(&collection);
        let plan = Plan::new(&collection, filter, &query.sort, true);
        let found = work.find(&collection, filter, &query.sort, query.skip as usize, query.limit as usize).await?;
        let sorted = match plan.order {
            _ if query.sort.is_empty() => Value::Null,
            Order::Unsorted => "in memory".into(),
            Order::ByKey | Order::ByPlace => "by index".into(),
        };
        Ok(object([
            ("reads", Value::Array(plan.reads.iter().map(|read| described(&read.from, read.guards.len())).collect())),
            ("sorted", sorted),
            ("examined", Value::Number(found.cost.examined as f64)),
            ("returned", Value::Number(found.documents.len() as f64)),
        ]))
    }
}

fn described(source: &Source, guards: usize) -> Value {
    let mut described = match source {
        Source::Collection => object([("from", "collection".into()), ("index", Value::Null)]),
        Source::Ids(ids) => {
            object([("from", "ids".into()), ("index", "_id".into()), ("spans", Value::Number(ids.len() as f64))])
        }
        Source::Index { index, spans, reverse } => {
            let name = index.as_ref().map_or("_id", |record| record.index.name());
            object([
                ("from", "index".into()),
                ("index", name.into()),
                ("spans", Value::Number(spans.len() as f64)),
                ("backwards", Value::Bool(*reverse)),
            ])
        }
    };
    described.insert("guards", Value::Number(guards as f64));
    Value::Object(described)
}
