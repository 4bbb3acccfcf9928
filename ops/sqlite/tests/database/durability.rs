//! A process that is killed while it writes and builds indexes: what it acknowledged is there, every index agrees with
//! its documents, and what was being built is finished.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use orilla_services::database::conformance::Fixture;
use tempfile::TempDir;

use super::open;

/// Names the directory in which the process writes that is going to be killed.
const DIRECTORY: &str = "ORILLA_DURABILITY_DIRECTORY";
/// How often a process is killed, and after how many acknowledged writes.
const KILLS: [usize; 4] = [1, 300, 777, 1500];
/// Threads that write, each with a runtime of its own, as isolates have.
const WRITERS: usize = 4;
/// Documents whose index is being built.
const DOCUMENTS: usize = 10_000;

/// What is known of a document: nothing, inserted, updated, deleted.
type Stage = u8;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_has_acknowledged_is_there() {
    let directory = TempDir::new().unwrap();
    let documents: Vec<_> =
        (0..DOCUMENTS).map(|n| format!("{{'n':{n},'tags':['{n}','{}'],'v':[{n},1]}}", n % 7)).collect();
    let fixture = Fixture::new(open(directory.path()).await).await;
    fixture.ok("insertMany", "many", &format!("[{}]", documents.join(","))).await;
    fixture.ok("createIndex", "few", "{'keys':{'stage':1,'tags':1}}").await;
    fixture.ok("createVectorIndex", "few", "{'field':'v','dimensions':2}").await;
    fixture.database.close().await.unwrap();
    drop(fixture);
    let mut builds = 0;
    for (round, writes) in KILLS.into_iter().enumerate() {
        let mut process = writer(directory.path(), round);
        let mut acknowledged: HashMap<String, Stage> = HashMap::new();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut count = 0;
        for line in lines {
            let line = line.unwrap();
            let Some((id, stage)) = line.strip_prefix("acknowledged ").and_then(|line| line.split_once(' ')) else {
                continue;
            };
            acknowledged.insert(id.to_owned(), stage.parse().unwrap());
            count += 1;
            if count == writes {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        assert!(count >= writes, "the process ended by itself after {count} writes");
        builds += check(directory.path(), &acknowledged).await;
    }
    println!("{builds} builds were cut off");
}

fn writer(directory: &Path, round: usize) -> Child {
    let test = ["durability::writes_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"];
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(test).env(DIRECTORY, directory).env("ORILLA_DURABILITY_ROUND", round.to_string());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Checks what is there after a kill. Says how many builds were cut off.
async fn check(directory: &Path, acknowledged: &HashMap<String, Stage>) -> usize {
    let fixture = Fixture::new(open(directory).await).await;
    fixture.assert_sound().await;
    let mut ahead = 0;
    for (id, stage) in acknowledged {
        let found = fixture.ok("findOne", "few", &format!("{{'_id':'{id}'}}")).await;
        let now = match found {
            found if found.contains("'stage':1") => 1,
            found if found.contains("'stage':2") => 2,
            _ => 3,
        };
        assert!(now == *stage || now == stage + 1, "{id} was acknowledged at {stage}, and is at {now}");
        ahead += usize::from(now != *stage);
    }
    assert!(ahead <= WRITERS, "a writer has one write under way at most");
    let listed = fixture.ok("listIndexes", "many", "").await;
    fixture.database.finish_builds().await.unwrap();
    let finished = fixture.ok("listIndexes", "many", "").await;
    assert_eq!(finished, listed.replace("'state':'building'", "'state':'ready'"));
    fixture.assert_sound().await;
    fixture.database.close().await.unwrap();
    listed.matches("building").count()
}

/// What the process does that is going to be killed. Alone, it does nothing.
#[test]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let round = std::env::var("ORILLA_DURABILITY_ROUND").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = Arc::new(runtime.block_on(async { Fixture::new(open(Path::new(&directory)).await).await }));
    let threads = (0..=WRITERS).map(|number| {
        let (fixture, round) = (fixture.clone(), round.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if number == WRITERS {
                    build(&fixture).await
                } else {
                    write(&fixture, &format!("{round}-{number}")).await
                }
            })
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
}

async fn write(fixture: &Fixture, name: &str) {
    for number in 0.. {
        let id = format!("{name}-{number}");
        fixture
            .ok("insertOne", "few", &format!("{{'_id':'{id}','stage':1,'tags':['a','{number}'],'v':[{number},1]}}"))
            .await;
        acknowledge(&id, 1);
        fixture.ok("updateOne", "few", &format!("{{'_id':'{id}'}},{{'$set':{{'stage':2,'v':[1,{number}]}}}}")).await;
        acknowledge(&id, 2);
        if number % 3 == 0 {
            fixture.ok("deleteOne", "few", &format!("{{'_id':'{id}'}}")).await;
            acknowledge(&id, 3);
        }
    }
}

/// The line is in the pipe, whatever becomes of the process, when this returns.
fn acknowledge(id: &str, stage: Stage) {
    std::io::stdout().write_all(format!("acknowledged {id} {stage}\n").as_bytes()).unwrap();
}

async fn build(fixture: &Fixture) {
    // The last kill may have left one of the two, which the other would be in conflict with.
    let _ = fixture.call("dropIndex", "many", "'index'").await;
    loop {
        for keys in ["{'n':1}", "{'tags':-1,'n':1}"] {
            fixture.ok("createIndex", "many", &format!("{{'keys':{keys},'name':'index'}}")).await;
            fixture.ok("dropIndex", "many", "'index'").await;
        }
        fixture.ok("createVectorIndex", "many", "{'field':'v','dimensions':2}").await;
        fixture.ok("dropVectorIndex", "many", "'v'").await;
    }
}
