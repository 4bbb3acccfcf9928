//! The catalog of an app's database in memory: which collections there are, and their indexes.

use std::collections::BTreeMap;
use std::sync::Arc;

use orilla_services::database::index::Index;
use orilla_services::database::store::{Collection, CollectionId, IndexId, IndexRecord, IndexState};
use rusqlite::{Connection, Row};

/// All collections by name. Shared by transactions; one that changes it changes its own copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    /// How often the catalog has changed: equal numbers are equal catalogs.
    pub(super) changes: u64,
    pub(super) collections: BTreeMap<Arc<str>, Arc<Collection>>,
}

impl Catalog {
    /// Reads the catalog as the connection sees it.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let changes: i64 = connection.query_row("SELECT catalog FROM store", [], |row| row.get(0))?;
        let mut collections = BTreeMap::new();
        let mut statement = connection.prepare("SELECT id, name, own_ids FROM collections")?;
        let named = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))?;
        for collection in named {
            let (id, name, own_ids) = collection?;
            let name: Arc<str> = name.into();
            let indexes = indexes_of(connection, id)?;
            collections.insert(name.clone(), Arc::new(Collection { id, name, own_ids, indexes }));
        }
        Ok(Self { changes: changes.cast_unsigned(), collections })
    }

    pub(super) fn add_collection(&mut self, id: CollectionId, name: &str) -> Arc<Collection> {
        let name: Arc<str> = name.into();
        let collection = Arc::new(Collection { id, name: name.clone(), own_ids: false, indexes: Vec::new() });
        self.collections.insert(name, collection.clone());
        self.changes += 1;
        collection
    }

    pub(super) fn mark_own_ids(&mut self, collection: CollectionId) {
        self.change_collection(|candidate| candidate.id == collection, |found| found.own_ids = true);
    }

    pub(super) fn add_index(&mut self, collection: CollectionId, record: IndexRecord) {
        self.change_collection(|candidate| candidate.id == collection, |found| found.indexes.push(Arc::new(record)));
    }

    pub(super) fn update_index(&mut self, record: &IndexRecord) {
        let holds = |candidate: &Collection| candidate.indexes.iter().any(|index| index.id == record.id);
        self.change_collection(holds, |found| {
            for index in found.indexes.iter_mut().filter(|index| index.id == record.id) {
                *index = Arc::new(record.clone());
            }
        });
    }

    pub(super) fn drop_index(&mut self, id: IndexId) {
        let holds = |candidate: &Collection| candidate.indexes.iter().any(|index| index.id == id);
        self.change_collection(holds, |found| found.indexes.retain(|index| index.id != id));
    }

    fn change_collection(&mut self, is_meant: impl Fn(&Collection) -> bool, change: impl FnOnce(&mut Collection)) {
        if let Some(collection) = self.collections.values_mut().find(|candidate| is_meant(candidate)) {
            change(Arc::make_mut(collection));
            self.changes += 1;
        }
    }
}

fn indexes_of(connection: &Connection, collection: CollectionId) -> rusqlite::Result<Vec<Arc<IndexRecord>>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, definition, built, multikey, truncated FROM indexes WHERE collection = ? ORDER BY id",
    )?;
    statement.query_map([collection], index_record)?.collect()
}

fn index_record(row: &Row<'_>) -> rusqlite::Result<Arc<IndexRecord>> {
    let definition: String = row.get(1)?;
    let index = Index::from_json(&definition)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error)))?;
    let state = match row.get::<_, Option<i64>>(2)? {
        Some(done) => IndexState::Building { done },
        None => IndexState::Ready,
    };
    Ok(Arc::new(IndexRecord { id: row.get(0)?, index, state, multikey: row.get(3)?, truncated: row.get(4)? }))
}
