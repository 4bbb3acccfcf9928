//! Change events: exactly one for each committed change, in the order of the commits.

use std::sync::Arc;

use super::{Fixture, NOON, drain};
use crate::database::store::DocumentStore;
use crate::event::Event;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    one_for_each_change(Fixture::new(empty_store().await).await).await;
    in_the_order_of_commits(Fixture::new(empty_store().await).await).await;
}

fn told(event: &Event) -> String {
    assert_eq!((&*event.tenant, &*event.app, event.at), ("acme", "shop", NOON));
    let change = event.document.as_ref().unwrap();
    let text = |json: &Option<Arc<str>>| json.as_ref().map_or("-".to_owned(), |json| json.replace('"', "'"));
    let kind = event.kind.as_str().trim_start_matches("db.document.");
    format!("{kind} {}/{}: {} {}", event.namespace, event.key, text(&change.before), text(&change.after))
}

async fn one_for_each_change(fixture: Fixture) {
    fixture.ok("createIndex", "c", "{'keys':{'u':1},'unique':true,'sparse':true}").await;
    let mut events = fixture.bus.subscribe();
    fixture.ok("insertMany", "c", "[{'_id':'a','n':1},{'_id':2,'n':1}]").await;
    fixture.ok("updateMany", "c", "{},{'$set':{'n':2}}").await;
    fixture.ok("updateMany", "c", "{},{'$set':{'n':2}}").await;
    fixture.ok("deleteOne", "c", "{'_id':2}").await;
    fixture.ok("replaceOne", "c", "{'_id':'b'},{'x':1},{'upsert':true}").await;
    fixture.ok("updateOne", "c", "{'_id':9},{'x':1}").await;
    fixture.code("insertMany", "c", "[{'_id':3},{'_id':'a'}]").await;
    fixture.ok("find", "c", "").await;
    let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
    fixture.call_in(&mut transaction, "insertOne", "c", "{'_id':4}").await.unwrap();
    drop(transaction);
    let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
    fixture.call_in(&mut transaction, "insertOne", "d", "{'_id':{'k':1}}").await.unwrap();
    fixture.call_in(&mut transaction, "deleteMany", "d", "{}").await.unwrap();
    assert_eq!(events.len(), 6, "nothing is told before it is durable");
    fixture.database.commit_transaction(transaction).await.unwrap();
    let events: Vec<_> = drain(&mut events).iter().map(told).collect();
    assert_eq!(
        events,
        [
            "created c/a: - {'_id':'a','n':1}",
            "created c/2: - {'_id':2,'n':1}",
            "updated c/a: {'_id':'a','n':1} {'_id':'a','n':2}",
            "updated c/2: {'_id':2,'n':1} {'_id':2,'n':2}",
            "deleted c/2: {'_id':2,'n':2} -",
            "created c/b: - {'_id':'b','x':1}",
            "created d/{\"k\":1}: - {'_id':{'k':1}}",
            "deleted d/{\"k\":1}: {'_id':{'k':1}} -",
        ]
    );
}

async fn in_the_order_of_commits(fixture: Fixture) {
    fixture.ok("insertOne", "c", "{'_id':0,'n':0}").await;
    let mut events = fixture.bus.subscribe();
    let change = async |number: usize| match number % 3 {
        0 => drop(fixture.ok("insertOne", "c", &format!("{{'_id':{}}}", number + 1)).await),
        _ => drop(fixture.ok("updateOne", "c", "{'_id':0},{'$inc':{'n':1}}").await),
    };
    futures_util::future::join_all((0..300).map(change)).await;
    let events = drain(&mut events);
    assert_eq!(events.len(), 300);
    // What one change left is what the next one found.
    let mut latest: Arc<str> = "{\"_id\":0,\"n\":0}".into();
    for event in events.iter().filter(|event| &*event.key == "0") {
        let change = event.document.as_ref().unwrap();
        assert_eq!(change.before.as_ref(), Some(&latest));
        latest = change.after.clone().unwrap();
    }
    assert_eq!(&*latest, "{\"_id\":0,\"n\":200}");
}
