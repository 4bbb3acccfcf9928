//! Declared indexes: what an app's manifest wants is made if it is not there. Nothing is ever dropped or changed; what is
//! there and different is reported.

use std::sync::Arc;

use super::Database;
use super::error::DatabaseError;
use super::index::{DocumentIndex, Index};
use super::value::{Object, Value};
use super::vector::VectorDefinition;
use crate::gate::Scope;

/// An index that a manifest declares.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The collection.
    pub collection: String,
    /// The index.
    pub index: Index,
}

/// What became of the declared indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Indexes (`collection.name`) that were made.
    pub created: Vec<String>,
    /// Indexes that differ from what is declared under their name or on their field, or cannot be made, and why.
    pub drifted: Vec<String>,
    /// Indexes that nobody declares.
    pub undeclared: Vec<String>,
}

impl Declared {
    /// Reads an entry of the manifest's `database.indexes`.
    pub fn document(entry: &Object) -> Result<Self, DatabaseError> {
        let (collection, rest) = split(entry)?;
        let index = Index::Document(DocumentIndex::parse(&collection, &rest)?);
        Ok(Self { collection, index })
    }

    /// Reads an entry of the manifest's `database.vectorIndexes`.
    pub fn vector(entry: &Object) -> Result<Self, DatabaseError> {
        let (collection, rest) = split(entry)?;
        Ok(Self { collection, index: Index::Vector(VectorDefinition::parse(&rest)?) })
    }
}

fn split(entry: &Object) -> Result<(String, Object), DatabaseError> {
    let mut rest = entry.clone();
    match rest.remove("collection") {
        Some(Value::String(collection)) => {
            super::limits::check_collection_name(&collection)?;
            Ok((collection, rest))
        }
        _ => Err(DatabaseError::IndexInvalid("collection is missing: name the collection to index".into())),
    }
}

impl Database {
    /// Makes the indexes that an app declares and that are not there.
    pub async fn reconcile(
        &self,
        tenant: &Arc<str>,
        app: &Arc<str>,
        declared: &[Declared],
    ) -> Result<Reconciled, DatabaseError> {
        let scope = Scope::of_host(tenant, app);
        let before = self.index_names(&scope).await?;
        let mut reconciled = Reconciled::default();
        let mut wanted = Vec::new();
        for Declared { collection, index } in declared {
            let full_name = |name: &str| format!("{collection}.{name}");
            match self.create_index(&scope, collection, index).await {
                Ok(name) => {
                    if !before.contains(&full_name(&name)) {
                        reconciled.created.push(full_name(&name));
                    }
                    wanted.push(full_name(&name));
                }
                Err(error @ DatabaseError::Store(_)) => return Err(error),
                Err(error) => {
                    reconciled.drifted.push(format!("{}: {error}", full_name(index.name())));
                    wanted.push(full_name(index.name()));
                }
            }
        }
        reconciled.undeclared = before.into_iter().filter(|name| !wanted.contains(name)).collect();
        Ok(reconciled)
    }

    async fn index_names(&self, scope: &Scope<'_>) -> Result<Vec<String>, DatabaseError> {
        let collections = self.collections(scope).await?;
        let names = collections.iter().flat_map(|collection| {
            collection.indexes.iter().map(|record| format!("{}.{}", collection.name, record.index.name()))
        });
        Ok(names.collect())
    }
}
