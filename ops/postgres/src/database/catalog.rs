//! The catalog of an app in memory: which collections there are, and their indexes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use orilla_services::database::index::Index;
use orilla_services::database::store::{Collection, CollectionId, IndexId, IndexRecord, IndexState};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::nearest::Table;
use crate::kv::text;

pub(super) const LOAD: &str = "SELECT c.id, c.name, c.own_ids, i.id, i.definition, i.built, i.multikey, i.truncated, \
    i.extension     FROM orilla.collections c LEFT JOIN orilla.indexes i ON i.collection = c.id WHERE c.app = $1 ORDER BY c.id, i.id";

/// All collections of an app by name. Never changed: a transaction that changes the catalog reads it again.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// A random number, another one after each change: equal ones are equal catalogs. A counter would come to the same number
    /// twice, with another catalog, when the server's place is taken by one that has lost the latest commits.
    pub(super) edition: i64,
    pub(super) collections: BTreeMap<Arc<str>, Arc<Collection>>,
    ids: HashSet<CollectionId>,
    indexes: HashSet<IndexId>,
    /// The tables of those whose vectors the server searches.
    nearest: HashMap<IndexId, Arc<Table>>,
}

impl Catalog {
    /// The catalog in an edition, from the rows of [`LOAD`].
    pub(super) fn from_rows(edition: i64, rows: &[PgRow]) -> sqlx::Result<Self> {
        let mut collections: Vec<Collection> = Vec::new();
        let mut nearest = HashMap::new();
        for row in rows {
            let id = row.try_get(0)?;
            if collections.last().is_none_or(|last| last.id != id) {
                let (name, own_ids) = (text(row, 1)?.into(), row.try_get(2)?);
                collections.push(Collection { id, name, own_ids, indexes: Vec::new() });
            }
            if let (Some(index), Some(last)) = (row.try_get::<Option<IndexId>, _>(3)?, collections.last_mut()) {
                let record = index_record(index, row)?;
                if let (Some(schema), Index::Vector(definition)) = (row.try_get(8)?, &record.index) {
                    nearest.insert(index, Arc::new(Table::new(index, schema, definition.clone())));
                }
                last.indexes.push(Arc::new(record));
            }
        }
        let ids = collections.iter().map(|collection| collection.id).collect();
        let indexes =
            collections.iter().flat_map(|collection| collection.indexes.iter().map(|index| index.id)).collect();
        let by_name = |collection: Collection| (collection.name.clone(), Arc::new(collection));
        Ok(Self { edition, collections: collections.into_iter().map(by_name).collect(), ids, indexes, nearest })
    }

    /// Whether this is one of the app's own collections.
    pub(super) fn has_collection(&self, id: CollectionId) -> bool {
        self.ids.contains(&id)
    }

    /// Whether this is one of the app's own indexes.
    pub(super) fn has_index(&self, id: IndexId) -> bool {
        self.indexes.contains(&id)
    }

    /// The table of an index whose vectors the server searches.
    pub(super) fn nearest(&self, id: IndexId) -> Option<Arc<Table>> {
        self.nearest.get(&id).cloned()
    }

    /// Whether what is known of a collection is still true.
    pub(super) fn agrees_with(&self, known: &Collection) -> bool {
        let found = self.collections.get(&known.name);
        found.is_some_and(|found| {
            found.id == known.id && found.own_ids == known.own_ids && found.indexes == known.indexes
        })
    }
}

fn index_record(id: IndexId, row: &PgRow) -> sqlx::Result<IndexRecord> {
    let index = Index::from_json(text(row, 4)?).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let state = match row.try_get(5)? {
        Some(done) => IndexState::Building { done },
        None => IndexState::Ready,
    };
    let multikey = row.try_get::<i64, _>(6)? as u32;
    Ok(IndexRecord { id, index, state, multikey, truncated: row.try_get(7)? })
}
