//! What a vector search takes of the store and of memory: little at a time, however large documents and indexes are.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::vectors::Noise;
use super::watched::{Watch, Watched};
use super::{Fixture, ids_in};
use crate::database::DatabaseConfig;
use crate::database::limits::ROWS_AT_ONCE;
use crate::database::store::DocumentStore;
use crate::gate::Scope;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    large_documents(Fixture::new(empty_store().await).await).await;
    few_at_a_time(watched(empty_store().await).await).await;
    named_by_the_store(watched(empty_store().await).await).await;
    just_read(empty_store().await).await;
    changed_as_it_begins(watched(empty_store().await).await).await;
    changed_by_others(empty_store().await).await;
    outdated_catalog(watched(empty_store().await).await).await;
}

async fn watched(store: Arc<dyn DocumentStore>) -> (Fixture, Arc<Watch>) {
    let (store, watch) = Watched::over(store);
    (Fixture::new(store).await, watch)
}

/// Only what is returned counts.
async fn large_documents(fixture: Fixture) {
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2,'metric':'l2'}").await;
    let text = "x".repeat(15 << 20);
    for id in 0..5 {
        fixture.ok("insertOne", "c", &format!("{{'_id':{id},'v':[{id},0],'text':'{text}'}}")).await;
    }
    let nearest = "{'vector':{'field':'v','value':[0,0],'k':5}";
    assert_eq!(fixture.code("find", "c", &format!("{{}},{nearest}}}")).await, "DB_RESULT_TOO_LARGE");
    assert_eq!(fixture.ids("c", &format!("{{'text':{{'$ne':1}}}},{nearest},'skip':1,'limit':2}}")).await, "1 2");
}

/// Documents are read in the order in which they are found, until there are enough.
async fn few_at_a_time((fixture, watch): (Fixture, Arc<Watch>)) {
    const COUNT: usize = 200;
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2,'metric':'l2'}").await;
    // Four of them are equally far away each time.
    let documents = (0..COUNT).map(|n| format!("{{'_id':{n},'even':{},'v':[{},0]}}", n % 2 == 0, n / 4));
    fixture.ok("insertMany", "c", &format!("[{}]", documents.collect::<Vec<_>>().join(","))).await;
    let expected = |ids: &mut dyn Iterator<Item = usize>| ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ");
    for (filter, rest, wanted, rows) in [
        ("{}", "", expected(&mut (0..100)), 100),
        ("{}", ",'skip':5,'limit':9", expected(&mut (5..14)), 16),
        ("{}", ",'skip':98,'limit':9", expected(&mut (98..100)), 100),
        ("{'even':true}", "", expected(&mut (0..200).step_by(2)), 200),
        ("{'even':true}", ",'skip':3,'limit':5", expected(&mut (6..16).step_by(2)), 16),
        ("{'_id':{'$gt':7}}", ",'limit':3", expected(&mut (8..11)), 16),
    ] {
        let read = watch.rows.load(Relaxed);
        let arguments = format!("{filter},{{'vector':{{'field':'v','value':[0,0],'k':100}}{rest}}}");
        assert_eq!(fixture.ids("c", &arguments).await, wanted, "{arguments}");
        assert!(watch.rows.load(Relaxed) - read <= rows, "{arguments} read {}", watch.rows.load(Relaxed) - read);
    }
    fixture.ok("updateMany", "c", "{},{'$inc':{'n':1}}").await;
    assert!(watch.rows_at_once.load(Relaxed) <= ROWS_AT_ONCE, "{:?} rows at once", watch.rows_at_once);
}

/// Where the store names the documents, their vectors are read and compared in parts, and what is found is the same.
async fn named_by_the_store((fixture, watch): (Fixture, Arc<Watch>)) {
    let mut noise = Noise(11);
    let options = "{'field':'v','dimensions':512,'metric':'l2','multiVector':true}";
    fixture.ok("createVectorIndex", "c", options).await;
    // Every vector is that of several documents.
    let vectors: Vec<_> = (0..40).map(|_| noise.vector(512)).collect();
    let documents =
        (0..120).map(|n| format!("{{'_id':{n},'n':{},'v':{:?}}}", n % 3, [&vectors[n / 3], &vectors[n % 40]]));
    fixture.ok("insertMany", "c", &format!("[{}]", documents.collect::<Vec<_>>().join(","))).await;
    for (k, filter, rest) in [(1, "{}", ""), (30, "{}", ""), (25, "{'n':1}", ""), (90, "{}", ",'minScore':0.03")] {
        let query = &vectors[k % 40];
        let arguments = format!("{filter},{{'vector':{{'field':'v','value':{query:?},'k':{k}{rest}}}}}");
        watch.searches.store(false, Relaxed);
        let in_memory = fixture.ok("find", "c", &arguments).await;
        watch.searches.store(true, Relaxed);
        assert_eq!(fixture.ok("find", "c", &arguments).await, in_memory);
        assert!(!ids_in(&in_memory).is_empty());
        assert!(fixture.ok("explain", "c", &arguments).await.contains("'regime':'store'"));
    }
    let at_once = watch.vectors_at_once.load(Relaxed);
    assert!(
        (1..=16).contains(&at_once),
        "of {at_once} documents, each of which may have many, vectors are read at once"
    );
}

/// An index whose reading took long stays, and those that were not searched for longest make room for it.
async fn just_read(store: Arc<dyn DocumentStore>) {
    let (store, watch) = Watched::over(store);
    let fixture = Fixture::new(store.clone()).await;
    for field in ["a", "b", "c"] {
        fixture.ok("createVectorIndex", "c", &format!("{{'field':'{field}','dimensions':8}}")).await;
    }
    let vector = "[1,2,3,4,5,6,7,8]";
    fixture.ok("insertOne", "c", &format!("{{'_id':1,'a':{vector},'b':{vector},'c':{vector}}}")).await;
    let arguments = |field: &str| format!("{{'field':'{field}','value':{vector},'k':1}}");
    fixture.ok("findSimilar", "c", &arguments("a")).await;
    // There is room for one of them, and not for two.
    let vector_bytes = fixture.database.vector_bytes() * 3 / 2;
    let fixture = Fixture::with(store, DatabaseConfig { vector_bytes, ..DatabaseConfig::default() }).await;
    let loads = async |field: &str| {
        let before = watch.loads.load(Relaxed);
        fixture.ok("findSimilar", "c", &arguments(field)).await;
        watch.loads.load(Relaxed) - before
    };
    let gate = watch.gate.lock().await;
    watch.next_waits.store(true, Relaxed);
    let others = async {
        while watch.next_waits.load(Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((loads("b").await, loads("c").await), (1, 1));
        drop(gate);
    };
    tokio::join!(async { fixture.ok("findSimilar", "c", &arguments("a")).await }, others);
    assert_eq!((loads("a").await, loads("c").await, loads("c").await), (0, 1, 0));
}

/// What is committed after a search has begun, and before it begins to read the index, is in the index.
async fn changed_as_it_begins((fixture, watch): (Fixture, Arc<Watch>)) {
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2,'metric':'l2'}").await;
    fixture.ok("insertOne", "c", "{'_id':1,'v':[5,0]}").await;
    let search = || fixture.ids("c", "{},{'vector':{'field':'v','value':[0,0],'k':5}}");
    let gate = watch.gate.lock().await;
    watch.next_reader_waits.store(true, Relaxed);
    let insert = async {
        while watch.next_reader_waits.load(Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fixture.ok("insertOne", "c", "{'_id':2,'v':[1,0]}").await;
        drop(gate);
    };
    tokio::join!(search(), insert);
    assert_eq!(search().await, "2 1");
}

/// What other hosts have changed is taken in by parts, from the start again where that failed; after too much of it the
/// index is read anew.
async fn changed_by_others(store: Arc<dyn DocumentStore>) {
    let (store, watch) = Watched::over(store);
    watch.shared.store(true, Relaxed);
    let (one, other) = (Fixture::new(store.clone()).await, Fixture::new(store).await);
    let options = "{'field':'v','dimensions':512,'metric':'l2','multiVector':true}";
    one.ok("createVectorIndex", "c", options).await;
    let insert = async |ids: std::ops::Range<usize>| {
        let document = |id| format!("{{'_id':{id},'v':[{:?}]}}", [id; 512]);
        one.ok("insertMany", "c", &format!("[{}]", ids.map(document).collect::<Vec<_>>().join(","))).await;
    };
    let near = format!("{{}},{{'vector':{{'field':'v','value':{:?},'k':100}},'projection':{{'_id':1}}}}", [0; 512]);
    let expected = |ids: &mut dyn Iterator<Item = usize>| ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ");
    insert(0..20).await;
    assert_eq!(other.ids("c", &near).await, expected(&mut (0..20)));
    insert(20..60).await;
    one.ok("deleteMany", "c", "{'_id':{'$lt':10}}").await;
    one.ok("updateOne", "c", &format!("{{'_id':11}},{{'$set':{{'v':[{:?}]}}}}", [99; 512])).await;
    watch.failing.store(3, Relaxed);
    assert_eq!(other.code("find", "c", &near).await, "DB_UNAVAILABLE");
    one.ok("updateOne", "c", &format!("{{'_id':12}},{{'$set':{{'v':[{:?}]}}}}", [98; 512])).await;
    let changed = expected(&mut [10].into_iter().chain(13..60).chain([12, 11]));
    assert_eq!(other.ids("c", &near).await, changed);
    assert_eq!(watch.loads.load(Relaxed), 1);
    assert!(watch.vectors_at_once.load(Relaxed) <= 16, "{:?} rows at once", watch.vectors_at_once);

    *watch.changed_by_others.lock().unwrap() = (1000..51_001).collect();
    insert(60..61).await;
    let changed = expected(&mut [10].into_iter().chain(13..61).chain([12, 11]));
    assert_eq!(other.ids("c", &near).await, changed);
    assert_eq!(other.ids("c", &near).await, changed);
    assert_eq!(watch.loads.load(Relaxed), 2);
    assert!(watch.vectors_at_once.load(Relaxed) <= 16, "{:?} rows at once", watch.vectors_at_once);
}

/// That a host does not know yet what another one has made is no reason to refuse a call.
async fn outdated_catalog((fixture, watch): (Fixture, Arc<Watch>)) {
    fixture.ok("insertOne", "c", "{'_id':1,'v':[1,0]}").await;
    let scope = Scope::of_host(&fixture.caller.tenant, &fixture.caller.app);
    let outdated = fixture.database.collections(&scope).await.unwrap().pop();
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2}").await;
    for (method, arguments, found) in [
        ("findSimilar", "{'field':'v','value':[1,0],'k':1}", "'_id':1"),
        ("find", "{},{'vector':{'field':'v','value':[1,0],'k':1}}", "'_id':1"),
        ("explain", "{},{'vector':{'field':'v','value':[1,0],'k':1}}", "'returned':1"),
    ] {
        watch.outdated.lock().unwrap().clone_from(&outdated);
        let result = fixture.ok(method, "c", arguments).await;
        assert!(result.contains(found), "{method}: {result}");
    }
    watch.outdated.lock().unwrap().clone_from(&outdated);
    let missing = fixture.code("findSimilar", "c", "{'field':'w','value':[1,0],'k':1}").await;
    assert_eq!(missing, "DB_VECTOR_INDEX_NOT_FOUND");
}
