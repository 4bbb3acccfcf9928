//! What happens while others are at work: index builds during writes, searches during writes, and many threads at once,
//! each with a runtime of its own, as isolates have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::vectors::Noise;
use super::{Fixture, ids_in};
use crate::database::store::DocumentStore;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    for case in [threads, builds_during_writes, builds_of_several, searches_during_writes] {
        let fixture = Fixture::new(empty_store().await).await;
        tokio::task::block_in_place(|| case(&fixture));
        fixture.assert_sound().await;
    }
}

/// Runs something on a thread of its own, as on an isolate's.
fn on_thread<'s, 'e, F: AsyncFnOnce() + Send + 's>(scope: &'s thread::Scope<'s, 'e>, run: F) {
    scope.spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run());
    });
}

fn threads(fixture: &Fixture) {
    thread::scope(|scope| {
        for number in 0..4 {
            on_thread(scope, async move || {
                for turn in 0..50 {
                    let id = number * 1000 + turn;
                    fixture
                        .ok("insertOne", "c", &format!("{{'_id':{id},'n':{turn},'t':['of {number}','{turn}']}}"))
                        .await;
                    fixture.ok("updateMany", "c", &format!("{{'n':{turn}}},{{'$inc':{{'hits':1}}}}")).await;
                    if turn % 10 == 9 {
                        fixture.ok("createIndex", "c", &format!("{{'keys':{{'t':1,'n{number}':1,'hits':-1}}}}")).await;
                    }
                    if turn % 5 == 4 {
                        fixture.ok("deleteOne", "c", &format!("{{'_id':{id}}}")).await;
                    }
                    let own =
                        fixture.ids("c", &format!("{{'t':'of {number}'}},{{'sort':{{'_id':-1}},'limit':1}}")).await;
                    assert_eq!(own, (if turn % 5 == 4 { id - 1 } else { id }).to_string());
                }
            });
        }
    });
}

fn builds_during_writes(fixture: &Fixture) {
    const BEFORE: usize = 3000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let documents: Vec<_> = (0..BEFORE).map(|n| format!("{{'_id':{n},'n':{n},'v':[{n},1]}}")).collect();
        fixture.ok("insertMany", "c", &format!("[{}]", documents.join(","))).await;
    });
    let (built, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..2 {
            let (built, written) = (&built, &written);
            on_thread(scope, async move || {
                let mut noise = Noise(number);
                let mut turn = 0;
                while !built.load(Ordering::Relaxed) || turn < 20 {
                    let id = noise.next() as usize % BEFORE;
                    let n = BEFORE as u64 * (1 + number) + turn;
                    fixture.ok("updateOne", "c", &format!("{{'_id':{id}}},{{'$set':{{'n':{n},'v':[{n},0]}}}}")).await;
                    fixture.ok("deleteOne", "c", &format!("{{'_id':{}}}", noise.next() as usize % BEFORE)).await;
                    fixture.ok("insertOne", "c", &format!("{{'n':{},'v':[{n},2]}}", n as f64 + 0.5)).await;
                    let found = fixture.ids("c", &format!("{{'n':{n}}}")).await;
                    assert!(found.is_empty() || found == id.to_string());
                    written.fetch_add(1, Ordering::Relaxed);
                    turn += 1;
                }
            });
        }
        on_thread(scope, async || {
            fixture.ok("createIndex", "c", "{'keys':{'n':1},'unique':true}").await;
            fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2}").await;
            fixture.ok("createIndex", "c", "{'keys':{'v':1,'n':-1}}").await;
            built.store(true, Ordering::Relaxed);
        });
    });
    assert!(written.into_inner() > 0);
}

/// Several who want the same index get it, and it is built once.
fn builds_of_several(fixture: &Fixture) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let documents: Vec<_> = (0..2000).map(|n| format!("{{'n':{n}}}")).collect();
        fixture.ok("insertMany", "c", &format!("[{}]", documents.join(","))).await;
        // One who begins a build and goes away leaves it to the others.
        let build = fixture.ok("createIndex", "c", "{'keys':{'n':1}}");
        let abandoned = tokio::time::timeout(std::time::Duration::from_millis(1), build).await;
        drop(abandoned);
    });
    thread::scope(|scope| {
        for _ in 0..3 {
            on_thread(scope, async || {
                assert_eq!(fixture.ok("createIndex", "c", "{'keys':{'n':1}}").await, "'c_n'");
                let explained = fixture.ok("explain", "c", "{'n':7}").await;
                assert!(explained.contains("'index':'c_n'"), "{explained}");
            });
        }
    });
}

fn searches_during_writes(fixture: &Fixture) {
    const DOCUMENTS: usize = 300;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':8}").await;
        // The same vector for all those that stay, so that a search has to find them whatever else there is.
        let documents: Vec<_> = (0..10).map(|n| format!("{{'_id':{n},'stays':true,'v':[1,0,0,0,0,0,0,0]}}")).collect();
        fixture.ok("insertMany", "c", &format!("[{}]", documents.join(","))).await;
    });
    thread::scope(|scope| {
        on_thread(scope, async || {
            let mut noise = Noise(3);
            for n in 0..DOCUMENTS {
                let vector = noise.vector(8);
                fixture.ok("insertOne", "c", &format!("{{'_id':'{n}','v':[-2,{:?},0,0,0,0,0,0]}}", vector[1])).await;
                fixture.ok("deleteOne", "c", &format!("{{'_id':'{}'}}", noise.next() as usize % DOCUMENTS)).await;
            }
        });
        for _ in 0..2 {
            on_thread(scope, async || {
                for turn in 0..100 {
                    let filter = ["{}", "{'stays':true}"][turn % 2];
                    let near = format!("{filter},{{'vector':{{'field':'v','value':[1,0,0,0,0,0,0,0],'k':10}}}}");
                    let mut found = ids_in(&fixture.ok("find", "c", &near).await);
                    found.sort();
                    assert_eq!(found, (0..10).map(|n| n.to_string()).collect::<Vec<_>>(), "{near}");
                }
            });
        }
    });
}
