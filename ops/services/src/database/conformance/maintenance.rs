//! What the host does by itself: while there is nothing to do it writes nothing, and no app waits for another one.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::store::{commit, index};
use super::watched::Watched;
use super::{Fixture, caller};
use crate::caller::Caller;
use crate::database::store::{DocumentStore, IndexState, Mode};
use crate::gate::Scope;

/// Less than an app's turn to write is waited for.
const SOON: Duration = Duration::from_secs(5);

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    idle(empty_store().await).await;
    held_up(empty_store().await).await;
    beside_a_build(empty_store().await).await;
}

async fn call(fixture: &Fixture, caller: &Caller, method: &str, arguments: &str) -> String {
    fixture.database.call(caller, method, "c", &super::to_json(arguments)).await.unwrap()
}

/// An app with a document that has expired.
async fn expired(fixture: &Fixture, app: &str) -> Caller {
    let caller = caller("acme", app);
    call(fixture, &caller, "createIndex", "{'keys':{'at':1},'expireAfterSeconds':0}").await;
    call(fixture, &caller, "insertMany", "[{'_id':1,'at':1},{'_id':2}]").await;
    caller
}

async fn idle(store: Arc<dyn DocumentStore>) {
    let (store, watch) = Watched::over(store);
    let fixture = Fixture::new(store).await;
    expired(&fixture, "shop").await;
    assert_eq!(fixture.database.expire().await, Ok(1));
    let writers = watch.writers.load(Relaxed);
    assert_eq!(fixture.database.expire().await, Ok(0));
    assert_eq!(watch.writers.load(Relaxed), writers, "a look at what has expired is no change");
}

async fn held_up(store: Arc<dyn DocumentStore>) {
    let fixture = Fixture::new(store).await;
    let (shop, cafe) = (expired(&fixture, "shop").await, expired(&fixture, "cafe").await);
    let open = fixture.database.begin(&shop).await.unwrap();
    let expired = tokio::time::timeout(SOON, fixture.database.expire()).await;
    assert_eq!(expired, Ok(Ok(1)), "the app with an open transaction is left to the next time");
    assert_eq!(call(&fixture, &cafe, "countDocuments", "{}").await, "1");
    drop(open);
    assert_eq!(fixture.database.expire().await, Ok(1));
}

/// Documents of one app expire while an index of another one cannot be finished.
async fn beside_a_build(store: Arc<dyn DocumentStore>) {
    let before = Fixture::new(store.clone()).await;
    let (shop, cafe) = (expired(&before, "shop").await, expired(&before, "cafe").await);
    let mut writer = store.begin(&Scope::of_host(&shop.tenant, &shop.app), Mode::Write).await.unwrap();
    let collection = writer.collection("c").await.unwrap().unwrap();
    let unfinished = index("{'name':'by_n','keys':[['n',1]]}");
    writer.create_index(collection.id, &unfinished, IndexState::Building { done: 0 }).await.unwrap();
    commit(writer).await;

    let fixture = Arc::new(Fixture::new(store).await);
    let open = fixture.database.begin(&shop).await.unwrap();
    let host = fixture.clone();
    let host = tokio::spawn(async move { host.database.maintain().await });
    let becomes = async |caller: &Caller, method: &str, arguments: &str, wanted: &dyn Fn(&str) -> bool| {
        let look = async {
            while !wanted(&call(&fixture, caller, method, arguments).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(SOON, look).await.is_ok(), "{}: {method} does not become so", caller.app);
    };
    becomes(&cafe, "countDocuments", "{}", &|count| count == "1").await;
    assert!(call(&fixture, &shop, "listIndexes", "").await.contains("building"));
    drop(open);
    becomes(&shop, "listIndexes", "", &|listed| !listed.contains("building")).await;
    becomes(&shop, "countDocuments", "{}", &|count| count == "1").await;
    host.abort();
}
