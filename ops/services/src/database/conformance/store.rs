//! Transactions of a store: what they see of each other, what they undo, and in which order they become durable.

use std::sync::{Arc, Mutex};

use crate::database::index::Index;
use crate::database::store::{
    Access, Collection, DocumentStore, Failure, IndexState, Mode, RowId, Scan, StoredDocument, Transaction,
};
use crate::database::value::Object;
use crate::gate::Scope;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    documents(App::new(empty_store().await)).await;
    undone(App::new(empty_store().await)).await;
    isolation(App::new(empty_store().await)).await;
    catalog(App::new(empty_store().await)).await;
    refused_keys(App::new(empty_store().await)).await;
    vectors(App::new(empty_store().await)).await;
    order_of_commits(App::new(empty_store().await)).await;
    apps(empty_store().await).await;
}

/// One app's data in a store.
pub(super) struct App {
    store: Arc<dyn DocumentStore>,
    tenant: Arc<str>,
    app: Arc<str>,
}

impl App {
    pub(super) fn new(store: Arc<dyn DocumentStore>) -> Self {
        Self::named(store, "acme", "shop")
    }

    fn named(store: Arc<dyn DocumentStore>, tenant: &str, app: &str) -> Self {
        Self { store, tenant: tenant.into(), app: app.into() }
    }

    pub(super) async fn begin(&self, mode: Mode) -> Box<dyn Transaction> {
        self.store.begin(&Scope::of_host(&self.tenant, &self.app), mode).await.unwrap()
    }

    /// The ids of a collection's documents, as a new reader sees them.
    async fn ids(&self, name: &str) -> Vec<String> {
        let mut reader = self.begin(Mode::Read).await;
        let Some(collection) = reader.collection(name).await.unwrap() else { return Vec::new() };
        all(&mut *reader, &collection).await.into_iter().map(|document| document.json).collect()
    }
}

/// Commits a transaction of which nobody has to know.
pub(super) async fn commit(transaction: Box<dyn Transaction>) {
    transaction.commit(Box::new(|| {})).await.unwrap();
}

/// All documents of a collection, in the order of their rows.
async fn all(transaction: &mut dyn Transaction, collection: &Collection) -> Vec<StoredDocument> {
    let mut documents = Vec::new();
    let mut after = None;
    loop {
        let access = Access::Collection;
        let scan = Scan { collection: collection.id, access, after, guards: &[], limit: 2 };
        let part = transaction.scan(&scan).await.unwrap();
        documents.extend(part.documents.into_iter().map(|scanned| scanned.document));
        after = part.next;
        if after.is_none() {
            return documents;
        }
    }
}

pub(super) fn index(options: &str) -> Index {
    Index::from_json(&options.replace('\'', "\"")).unwrap()
}

async fn documents(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    assert!(writer.collection("users").await.unwrap().is_none());
    let users = writer.create_collection("users").await.unwrap();
    assert_eq!(writer.create_collection("users").await.unwrap().id, users.id);
    // Exactly the text that was given comes back: the order of fields, the form of numbers, and any character.
    let json =
        "{\"b\":1,\"a\":[2.5e0,1e300,-0],\"u\":\"\\u0000\\u001f\\\"\\\\zwölf \u{1f980}\u{2028}\",\"\":{\"a.b\":null}}";
    let (row, version) = writer.insert(users.id, b"one", json).await.unwrap();
    let (second, second_version) = writer.insert(users.id, b"two\0\xff", "{}").await.unwrap();
    assert!(row > 0 && second > row && second_version > version);
    let found = writer.by_id(users.id, b"one").await.unwrap().unwrap();
    assert_eq!(found, StoredDocument { row, version, json: json.to_owned() });
    assert_eq!(writer.by_id(users.id, b"on").await.unwrap(), None);
    assert_eq!(writer.by_id(users.id, b"two").await.unwrap(), None);
    commit(writer).await;

    let mut writer = app.begin(Mode::Write).await;
    let replaced = writer.replace(users.id, row, "{\"c\":true}").await.unwrap();
    let deleted = writer.delete(users.id, second).await.unwrap();
    assert!(second_version < replaced && replaced < deleted);
    assert_eq!(writer.count(users.id).await.unwrap(), 1);
    assert_eq!(writer.by_id(users.id, b"two\0\xff").await.unwrap(), None);
    commit(writer).await;

    let mut reader = app.begin(Mode::Read).await;
    assert!(reader.version().await.unwrap() >= deleted);
    let known = StoredDocument { row, version: replaced, json: "{\"c\":true}".to_owned() };
    assert_eq!(reader.by_id(users.id, b"one").await.unwrap(), Some(known.clone()));
    assert_eq!(reader.by_rows(users.id, &[second, row, RowId::MAX]).await.unwrap(), [known]);
    assert_eq!(reader.by_rows(users.id, &[]).await.unwrap(), []);
    assert_eq!(reader.count(users.id).await.unwrap(), 1);

    // The longest ids and keys there are.
    let mut writer = app.begin(Mode::Write).await;
    for last in [1, 2] {
        let mut id = vec![0xff; 1023];
        id.push(last);
        writer.insert(users.id, &id, "{}").await.unwrap();
        assert!(writer.by_id(users.id, &id).await.unwrap().is_some());
    }
    let large = format!("{{\"x\":\"{}\"}}", "ä".repeat(8 << 20));
    let (row, _) = writer.insert(users.id, b"large", &large).await.unwrap();
    assert!(writer.by_rows(users.id, &[row]).await.unwrap()[0].json == large);
    commit(writer).await;
}

async fn undone(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let (row, version) = writer.insert(users.id, b"kept", "{\"n\":1}").await.unwrap();
    let by_n = writer.create_index(users.id, &index("{'name':'n','keys':[['n',1]]}"), IndexState::Ready).await.unwrap();
    writer.add_entries(by_n, false, row, &[b"1".to_vec()]).await.unwrap();
    commit(writer).await;

    for dropped in [true, false] {
        for mode in [Mode::Write, Mode::Interactive] {
            let mut writer = app.begin(mode).await;
            writer.replace(users.id, row, "{\"n\":2}").await.unwrap();
            writer.remove_entries(by_n, row, &[b"1".to_vec()]).await.unwrap();
            writer.insert(users.id, b"lost", "{}").await.unwrap();
            writer.create_collection("lost").await.unwrap();
            writer.mark_own_ids(users.id).await.unwrap();
            writer.drop_index(by_n).await.unwrap();
            if dropped {
                drop(writer);
            } else {
                writer.rollback().await.unwrap();
            }
        }
    }
    let mut reader = app.begin(Mode::Read).await;
    let known = reader.collection("users").await.unwrap().unwrap();
    assert!(!known.own_ids);
    assert_eq!(known.indexes.len(), 1);
    assert!(reader.collection("lost").await.unwrap().is_none());
    let found = all(&mut *reader, &known).await;
    assert_eq!(found, [StoredDocument { row, version, json: "{\"n\":1}".to_owned() }]);
    assert_eq!(reader.entries(by_n, None, 10).await.unwrap(), [(b"1".to_vec(), row)]);

    // What was undone leaves nothing in the way of the next.
    let mut writer = app.begin(Mode::Write).await;
    writer.create_collection("lost").await.unwrap();
    let (_, later) = writer.insert(users.id, b"lost", "{\"n\":3}").await.unwrap();
    assert!(later > version);
    commit(writer).await;
    assert_eq!(app.ids("users").await, ["{\"n\":1}", "{\"n\":3}"]);
}

async fn isolation(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    for id in ["a", "b", "c"] {
        writer.insert(users.id, id.as_bytes(), &format!("\"{id}\"")).await.unwrap();
    }
    commit(writer).await;

    let mut early = app.begin(Mode::Read).await;
    let before = all(&mut *early, &users).await;
    let version = early.version().await.unwrap();
    let mut writer = app.begin(Mode::Write).await;
    writer.insert(users.id, b"d", "\"d\"").await.unwrap();
    writer.delete(users.id, before[0].row).await.unwrap();
    writer.replace(users.id, before[1].row, "\"B\"").await.unwrap();
    let own: Vec<_> = all(&mut *writer, &users).await.into_iter().map(|document| document.json).collect();
    assert_eq!(own, ["\"B\"", "\"c\"", "\"d\""]);
    assert_eq!(app.ids("users").await, ["\"a\"", "\"b\"", "\"c\""]);
    commit(writer).await;

    assert_eq!(all(&mut *early, &users).await, before, "a reader sees one state to its end");
    assert_eq!(early.version().await.unwrap(), version);
    assert_eq!(app.ids("users").await, ["\"B\"", "\"c\"", "\"d\""]);
}

async fn catalog(app: App) {
    let mut early = app.begin(Mode::Read).await;
    assert_eq!(early.collections().await.unwrap().len(), 0);
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let odd = "\"; DROP TABLE collections; -- \u{1f980}%_";
    let other = writer.create_collection(odd).await.unwrap();
    assert_ne!(users.id, other.id);
    let building = IndexState::Building { done: 7 };
    let wanted = index("{'name':'by; --','keys':[['b.c',-1],['a',1]],'unique':true,'partial':{'n':{'$gt':1}}}");
    let id = writer.create_index(users.id, &wanted, building).await.unwrap();
    writer.create_index(other.id, &wanted, IndexState::Ready).await.unwrap();
    let own = writer.collection("users").await.unwrap().unwrap();
    assert_eq!((own.indexes.len(), own.indexes[0].id, own.indexes[0].state), (1, id, building));
    assert_eq!(own.indexes[0].index, wanted);
    assert!(app.begin(Mode::Read).await.collection("users").await.unwrap().is_none());
    commit(writer).await;
    assert!(early.collection("users").await.unwrap().is_none());

    let mut reader = app.begin(Mode::Read).await;
    let names: Vec<_> = reader.collections().await.unwrap().iter().map(|known| known.name.to_string()).collect();
    assert_eq!(names, [odd, "users"], "by name");
    let known = reader.collection("users").await.unwrap().unwrap();
    let mut record = (*known.indexes[0]).clone();
    assert_eq!((record.state, record.multikey, record.truncated), (building, 0, false));

    let mut writer = app.begin(Mode::Write).await;
    (record.state, record.multikey, record.truncated) = (IndexState::Ready, 0b10, true);
    writer.update_index(&record).await.unwrap();
    writer.mark_own_ids(users.id).await.unwrap();
    commit(writer).await;
    assert_eq!(*reader.collection("users").await.unwrap().unwrap().indexes[0], *known.indexes[0]);
    let mut reader = app.begin(Mode::Read).await;
    let known = reader.collection("users").await.unwrap().unwrap();
    assert!(known.own_ids && *known.indexes[0] == record);
    assert_eq!(reader.entries(id, None, 1).await.unwrap(), []);

    let mut writer = app.begin(Mode::Write).await;
    writer.drop_index(id).await.unwrap();
    let again = writer.create_index(users.id, &wanted, IndexState::Ready).await.unwrap();
    assert_ne!(again, id);
    assert_eq!(writer.entries(again, None, 1).await.unwrap(), []);
    commit(writer).await;
    assert_eq!(reader.entries(id, None, 1).await.unwrap(), [], "an early reader can still read a dropped index");
}

async fn refused_keys(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let by_n = index("{'name':'n','keys':[['n',1]],'unique':true}");
    let by_n = writer.create_index(users.id, &by_n, IndexState::Ready).await.unwrap();
    let (first, _) = writer.insert(users.id, b"a", "{\"n\":1}").await.unwrap();
    let key = |text: &str| text.as_bytes().to_vec();
    writer.add_entries(by_n, true, first, &[key("1"), key("2")]).await.unwrap();
    writer.add_entries(by_n, true, first, &[key("2")]).await.unwrap();
    assert_eq!(writer.insert(users.id, b"a", "{}").await.unwrap_err(), Failure::IdTaken);
    let (second, _) = writer.insert(users.id, b"b", "{\"n\":2}").await.unwrap();
    assert_eq!(writer.add_entries(by_n, true, second, &[key("3"), key("2")]).await.unwrap_err(), Failure::KeyTaken);
    assert_eq!(writer.entries(by_n, None, 10).await.unwrap(), [(key("1"), first), (key("2"), first)], "none is added");
    writer.add_entries(by_n, true, second, &[key("3")]).await.unwrap();
    // Where keys need not be unique, documents can share one.
    writer.add_entries(by_n, false, second, &[key("1")]).await.unwrap();
    commit(writer).await;
    let mut writer = app.begin(Mode::Write).await;
    assert_eq!(writer.insert(users.id, b"b", "{}").await.unwrap_err(), Failure::IdTaken);
    assert_eq!(writer.add_entries(by_n, true, second, &[key("2")]).await.unwrap_err(), Failure::KeyTaken);
    writer.remove_entries(by_n, first, &[key("2"), key("9")]).await.unwrap();
    writer.add_entries(by_n, true, second, &[key("2")]).await.unwrap();
    let expected = [(key("1"), first), (key("1"), second), (key("2"), second), (key("3"), second)];
    assert_eq!(writer.entries(by_n, None, 10).await.unwrap(), expected);
    commit(writer).await;
}

async fn vectors(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let definition = index("{'kind':'vector','name':'v','field':'v','dimensions':2}");
    let id = writer.create_index(users.id, &definition, IndexState::Ready).await.unwrap();
    assert_eq!(writer.collection("users").await.unwrap().unwrap().indexes[0].index, definition);
    for row in [3, 1, 2] {
        writer.put_vectors(id, row, &[vec![row as u8; 8], vec![0; 8]]).await.unwrap();
    }
    writer.put_vectors(id, 2, &[vec![7; 8]]).await.unwrap();
    writer.put_vectors(id, 4, &[]).await.unwrap();
    commit(writer).await;
    let mut reader = app.begin(Mode::Read).await;
    let places = |vectors: Vec<crate::database::store::StoredVector>| -> Vec<(i64, u32, u8)> {
        vectors.iter().map(|vector| (vector.row, vector.ordinal, vector.bytes[0])).collect()
    };
    let found = places(reader.vectors(id, None, 2).await.unwrap());
    assert_eq!(found, [(1, 0, 1), (1, 1, 0), (2, 0, 7)], "whole documents");
    assert_eq!(places(reader.vectors(id, Some(2), 2).await.unwrap()), [(3, 0, 3), (3, 1, 0)]);
    assert_eq!(places(reader.vectors(id, Some(3), 2).await.unwrap()), []);
    assert_eq!(places(reader.vectors_of(id, &[2, 9, 3]).await.unwrap()), [(2, 0, 7), (3, 0, 3), (3, 1, 0)]);
    if reader.can_search(id).await.unwrap() {
        let mut all = reader.nearest(id, &[1.0, 1.0], None, 10).await.unwrap();
        all.sort_unstable();
        assert_eq!(all, [1, 1, 2, 3, 3], "a row for each vector");
        assert_eq!(reader.nearest(id, &[1.0, 1.0], None, 2).await.unwrap().len(), 2);
        assert_eq!(reader.nearest(id, &[1.0, 1.0], Some(&[2, 9]), 10).await.unwrap(), [2]);
    }
}

async fn order_of_commits(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    commit(writer).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let one = async |number: u64| {
        loop {
            let mode = if number % 10 == 3 { Mode::Interactive } else { Mode::Write };
            let mut writer = app.begin(mode).await;
            let id = number.to_be_bytes();
            let Ok((_, version)) = writer.insert(users.id, &id, "{}").await else { continue };
            if number.is_multiple_of(7) {
                return drop(writer);
            }
            let told = told.clone();
            let committed = writer.commit(Box::new(move || told.lock().unwrap().push(version))).await;
            if committed.is_ok() {
                return;
            }
        }
    };
    futures_util::future::join_all((0..200).map(one)).await;
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 200 - 29, "each is told of once, and none that was undone");
    assert!(told.is_sorted_by(|earlier, later| earlier < later), "{told:?}");
    assert_eq!(app.ids("users").await.len(), 171);
}

async fn apps(store: Arc<dyn DocumentStore>) {
    assert_eq!(store.apps().await.unwrap(), []);
    // Names that would run together if they were joined, and some that no file system would take as they are.
    let names =
        [("acme", "shop"), ("acme", "blog"), ("acm", "eshop"), ("../acme", "a/b.db"), ("ACME", "Shop ä\u{1f980}")];
    let mut expected: Vec<_> = names.map(|(tenant, app)| (Arc::from(tenant), Arc::from(app))).to_vec();
    expected.sort();
    for (tenant, name) in names {
        let app = App::named(store.clone(), tenant, name);
        assert_eq!(app.ids("users").await, [""; 0]);
        let mut writer = app.begin(Mode::Write).await;
        let users = writer.create_collection("users").await.unwrap();
        let object: Object = [("app", crate::database::value::Value::from(name))].into_iter().collect();
        writer.insert(users.id, b"id", &object.to_json()).await.unwrap();
        commit(writer).await;
        assert_eq!(app.ids("users").await, [object.to_json()]);
    }
    assert_eq!(store.apps().await.unwrap(), expected);
    let secret = store.cursor_secret().await.unwrap();
    assert_eq!(store.cursor_secret().await.unwrap(), secret);
    store.close().await.unwrap();
    let (tenant, app) = ("acme".into(), "shop".into());
    assert!(store.begin(&Scope::of_host(&tenant, &app), Mode::Write).await.is_err(), "a closed store begins nothing");
}
