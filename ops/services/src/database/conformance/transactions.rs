//! Transactions of an app's own code: they see their own changes, undo all of them or none, and do not lose updates.

use std::mem::forget;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Fixture;
use crate::database::DatabaseConfig;
use crate::database::store::DocumentStore;

/// How long transactions may stay open that nobody goes on with.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    own_changes(Fixture::new(empty_store().await).await).await;
    failures(Fixture::new(empty_store().await).await).await;
    conflicts(Fixture::new(empty_store().await).await).await;
    let impatient = DatabaseConfig { transaction_timeout: PATIENCE, ..DatabaseConfig::default() };
    abandoned(Fixture::with(empty_store().await, impatient).await).await;
    abandoned_while_waiting(Fixture::with(empty_store().await, impatient).await).await;
}

async fn own_changes(fixture: Fixture) {
    fixture.ok("insertOne", "a", "{'_id':1,'n':1}").await;
    fixture.ok("createIndex", "a", "{'keys':{'n':1}}").await;
    for commits in [false, true] {
        let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
        let mut call = async |method: &str, collection: &str, arguments: &str| {
            fixture.call_in(&mut transaction, method, collection, arguments).await.unwrap()
        };
        call("insertMany", "a", "[{'_id':2,'n':2},{'_id':3,'n':3}]").await;
        call("updateOne", "a", "{'n':2},{'$set':{'n':[20,21]}}").await;
        call("deleteOne", "a", "{'n':1}").await;
        call("insertOne", "b", "{'_id':'new'}").await;
        assert_eq!(
            call("find", "a", "{'n':{'$gt':2}},{'sort':{'_id':1}}").await,
            "[{'_id':2,'n':[20,21]},{'_id':3,'n':3}]"
        );
        assert_eq!(call("countDocuments", "b", "").await, "1");
        assert_eq!(call("findOneAndDelete", "a", "{'n':3}").await, "{'_id':3,'n':3}");
        assert_eq!(call("aggregate", "a", "[{'$unwind':'$n'},{'$count':'n'}]").await, "[{'n':2}]");
        assert_eq!(call("listCollections", "", "").await, "['a','b']");
        assert_eq!(fixture.ok("find", "a", "").await, "[{'_id':1,'n':1}]", "others see nothing of it yet");
        if commits {
            fixture.database.commit_transaction(transaction).await.unwrap();
        } else {
            drop(transaction);
            assert_eq!(fixture.ok("find", "a", "").await, "[{'_id':1,'n':1}]");
            assert_eq!(fixture.ok("listCollections", "", "").await, "['a']");
        }
        fixture.assert_sound().await;
    }
    assert_eq!(fixture.ok("find", "a", "").await, "[{'_id':2,'n':[20,21]}]");
    assert_eq!(fixture.ids("a", "{'n':21}").await, "2");
    assert_eq!(fixture.ids("b", "").await, "'new'");
}

async fn failures(fixture: Fixture) {
    fixture.ok("insertOne", "a", "{'_id':1}").await;
    let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
    fixture.call_in(&mut transaction, "insertOne", "a", "{'_id':2}").await.unwrap();
    let taken = fixture.call_in(&mut transaction, "insertMany", "a", "[{'_id':3},{'_id':1}]").await.unwrap_err();
    assert_eq!(taken.code(), "DB_DUPLICATE_KEY");
    let later = fixture.call_in(&mut transaction, "find", "a", "").await.unwrap_err();
    assert_eq!(later.code(), "DB_TRANSACTION_FAILED");
    assert!(later.to_string().contains("DB_DUPLICATE_KEY"), "{later}");
    assert_eq!(fixture.database.commit_transaction(transaction).await.unwrap_err().code(), "DB_TRANSACTION_FAILED");
    assert_eq!(fixture.ids("a", "").await, "1");
    for (method, arguments) in [
        ("createIndex", "{'keys':{'n':1}}"),
        ("dropIndex", "'n'"),
        ("createVectorIndex", "{'field':'v','dimensions':2}"),
        ("findPage", ""),
        ("findSimilar", "{'field':'v','value':[1,2],'k':1}"),
        ("find", "{},{'vector':{'field':'v','value':[1,2],'k':1}}"),
    ] {
        let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
        let refused = fixture.call_in(&mut transaction, method, "a", arguments).await.unwrap_err();
        assert_eq!(refused.code(), "DB_NOT_IN_TRANSACTION", "{method}");
    }
    // A call that is not understood has done nothing: the transaction goes on.
    let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
    let unknown = fixture.call_in(&mut transaction, "find", "a", "{'a':{'$gtt':1}}").await.unwrap_err();
    assert_eq!(unknown.code(), "DB_UNKNOWN_OPERATOR");
    fixture.call_in(&mut transaction, "insertOne", "a", "{'_id':2}").await.unwrap();
    fixture.database.commit_transaction(transaction).await.unwrap();
    assert_eq!(fixture.ids("a", "").await, "1 2");
}

/// Transactions that read and then write lose no update; nor do they let plain calls through between.
async fn conflicts(fixture: Fixture) {
    fixture.ok("insertOne", "counters", "{'_id':1,'n':0}").await;
    let count = async |number: usize| {
        if number.is_multiple_of(3) {
            return fixture.ok("updateOne", "counters", "{'_id':1},{'$inc':{'n':1}}").await;
        }
        loop {
            let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
            let found = fixture.call_in(&mut transaction, "findOne", "counters", "{'_id':1}").await.unwrap();
            let n: u32 = found.trim_start_matches("{'_id':1,'n':").trim_end_matches('}').parse().unwrap();
            tokio::task::yield_now().await;
            let set = format!("{{'_id':1}},{{'$set':{{'n':{}}}}}", n + 1);
            let written = match fixture.call_in(&mut transaction, "updateOne", "counters", &set).await {
                Ok(_) => fixture.database.commit_transaction(transaction).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(()) => return found,
                Err(error) => assert_eq!(error.code(), "DB_TRANSACTION_CONFLICT"),
            }
        }
    };
    futures_util::future::join_all((0..60).map(count)).await;
    assert_eq!(fixture.ok("findOne", "counters", "{'_id':1}").await, "{'_id':1,'n':60}");
}

/// Transactions that are forgotten, as those of an isolate that has stopped, are undone in time; and who comes late is told.
async fn abandoned(fixture: Fixture) {
    let begin = async || fixture.database.begin(&fixture.caller).await.unwrap();
    let mut forgotten = begin().await;
    fixture.call_in(&mut forgotten, "insertOne", "a", "{'_id':'forgotten'}").await.unwrap();
    forget(forgotten);
    fixture.ok("insertOne", "a", "{'_id':1}").await;

    let mut within_a_call = begin().await;
    let mut call = Box::pin(fixture.call_in(&mut within_a_call, "insertMany", "a", "[{'_id':'half'},{'_id':'whole'}]"));
    let _ = call.as_mut().now_or_never();
    forget(call);
    forget(within_a_call);
    fixture.ok("insertOne", "a", "{'_id':2}").await;

    for late_to_commit in [true, false] {
        let mut late = begin().await;
        fixture.call_in(&mut late, "insertOne", "a", "{'_id':'late'}").await.unwrap();
        tokio::time::sleep(2 * PATIENCE).await;
        let told = if late_to_commit {
            fixture.database.commit_transaction(late).await.unwrap_err()
        } else {
            fixture.call_in(&mut late, "findOne", "a", "").await.unwrap_err()
        };
        assert_eq!(told.code(), "DB_TRANSACTION_TIMEOUT");
    }
    assert_eq!(fixture.ids("a", "").await, "1 2");
    fixture.assert_sound().await;
}

/// The turn to write of those who waited for it and do not go on goes to others. Their changes are made, or not.
async fn abandoned_while_waiting(fixture: Fixture) {
    let open = fixture.database.begin(&fixture.caller).await.unwrap();
    for number in 0..3 {
        let write = format!("[{{'_id':'{number}a'}},{{'_id':'{number}b'}}]");
        let mut write = Box::pin(async { fixture.call("insertMany", "a", &write).await });
        assert!(write.as_mut().now_or_never().is_none(), "it has to wait");
        forget(write);
        let mut begin = Box::pin(fixture.database.begin(&fixture.caller));
        assert!(begin.as_mut().now_or_never().is_none(), "it has to wait");
        forget(begin);
    }
    // The last ones have to wait for their turn in the middle of all that.
    let in_time = fixture.call("insertOne", "a", "{'_id':'last'}");
    fixture.database.commit_transaction(open).await.unwrap();
    in_time.await.unwrap();
    let ids = fixture.ids("a", "{},{'sort':{'_id':1}}").await;
    for number in 0..3 {
        assert_eq!(ids.contains(&format!("{number}a")), ids.contains(&format!("{number}b")), "{ids}");
    }
    fixture.assert_sound().await;
}
