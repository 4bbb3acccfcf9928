//! What was acknowledged is there after a crash, and a data directory has one owner.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::{App, Connection, Request, Serve, Server, expect, skipped, throwaway, wait_until};

const STORE: &str = r#"
import { getPlatform } from "@orilla/platform";

const { KV } = getPlatform();

export default {
  async fetch(request) {
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") await KV.crash.put(key, await request.text());
    return new Response(await KV.crash.get(key));
  },
};
"#;

/// The same with documents: each key is one, found by an index that is unique.
const DOCUMENTS: &str = r#"
import { getPlatform } from "@orilla/platform";

const { DB } = getPlatform();
let indexed;

export default {
  async fetch(request) {
    const key = new URL(request.url).pathname;
    await (indexed ??= DB.crash.createIndex({ keys: { key: 1 }, unique: true }));
    if (request.method === "PUT") await DB.crash.insertOne({ key, value: await request.text() });
    const found = await DB.crash.find({ key });
    return new Response(found.length === 1 ? found[0].value : `${found.length} documents`);
  },
};
"#;

const WRITERS: u64 = 8;
const ACKNOWLEDGED_BEFORE_KILL: u64 = 400;

#[test]
fn every_acknowledged_put_survives_kill_9() {
    survives_kill_9(STORE);
}

#[test]
fn every_acknowledged_document_survives_kill_9() {
    survives_kill_9(DOCUMENTS);
}

fn survives_kill_9(store: &str) {
    let app = App::new(store);
    let mut server = Server::of(&app);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let count = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (mut connection, acknowledged) = (server.connect(), acknowledged.clone());
            let count = count.clone();
            thread::spawn(move || write_until_killed(writer, &mut connection, &acknowledged, &count))
        })
        .collect();
    wait_until("enough puts are acknowledged", || count.load(Ordering::Relaxed) >= ACKNOWLEDGED_BEFORE_KILL);
    server.kill();
    for writer in writers {
        writer.join().unwrap();
    }

    let server = Server::of(&app);
    let acknowledged = acknowledged.lock().unwrap();
    let mut connection = server.connect();
    for (key, value) in acknowledged.iter() {
        let found = connection.request(&Request::get(key)).unwrap().expect(200);
        assert_eq!(&found, value, "{key} of {} acknowledged puts", acknowledged.len());
    }
}

fn write_until_killed(
    writer: u64,
    connection: &mut Connection,
    acknowledged: &Mutex<Vec<(String, String)>>,
    count: &AtomicU64,
) {
    for number in 0.. {
        let (key, value) = (format!("/{writer}-{number}"), format!("{writer}:{number}:{}", "x".repeat(200)));
        match connection.request(&Request::new("PUT", &key).body(value.as_str())) {
            Ok(reply) if reply.status == 200 => acknowledged.lock().unwrap().push((key, value)),
            _ => return,
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn values_outlive_an_orderly_restart() {
    let app = App::new(STORE);
    let mut server = Server::of(&app);
    server.send(&Request::new("PUT", "/k").body("kept")).expect(200);
    server.signal(libc::SIGTERM);
    assert!(server.ended().success());
    assert_eq!(Server::of(&app).get("/k").expect(200), "kept");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let app = App::new(STORE);
    fs::write(app.beside("data"), "a file where the directory should be").unwrap();
    let output = Serve::new(&app).fails();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error[DATA_DIR_NOT_WRITABLE]") && stderr.contains("data"), "{stderr}");
}

#[test]
fn a_data_directory_has_one_owner() {
    let app = App::new(STORE);
    let mut first = Server::of(&app);
    let output = Serve::new(&app).fails();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error[DATA_DIR_IN_USE]"), "{stderr}");
    first.get("/k").expect(200);
    first.kill();
    Server::of(&app).get("/k").expect(200);
}

#[test]
fn a_data_directory_has_one_owner_although_data_is_on_postgres() {
    let app = App::new(STORE);
    let database = throwaway::server().database();
    let serve = || Serve::new(&app).args(["--database", &database.url]);
    let mut first = serve().start();
    expect(&serve().fails(), 1, &["error[DATA_DIR_IN_USE]"]);
    first.get("/k").expect(200);
    first.kill();
    serve().start().get("/k").expect(200);
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let app = App::new(STORE);
    let mut server = Server::of(&app);
    server.send(&Request::new("PUT", "/k").body("v")).expect(200);
    server.signal(libc::SIGTERM);
    server.ended();
    let databases: Vec<_> = fs::read_dir(app.beside("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && fs::read(path).unwrap().starts_with(b"SQLite format 3"))
        .collect();
    assert_eq!(databases.len(), 1);
    fs::write(&databases[0], "not a database, but something somebody may want back").unwrap();
    let output = Serve::new(&app).fails();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error[DATABASE_CORRUPT]"), "{stderr}");
    assert!(fs::read_to_string(&databases[0]).unwrap().starts_with("not a database"));
}

/// A file system of a few megabytes at a directory, for as long as this lives.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `None`, loudly, where this user may not mount one.
    fn at(directory: std::path::PathBuf) -> Option<Self> {
        fs::create_dir_all(&directory).unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(&directory)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        skipped("a full disk cannot be tested, because this user may not mount one (root may)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What stays mounted goes with the machine's next start.
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_puts_with_a_code_and_loses_nothing() {
    let source = STORE.replace(
        r#"await KV.crash.put(key, await request.text());"#,
        r#"try { await KV.crash.put(key, await request.text()); } catch (error) { return new Response(error.code, { status: 507 }); }"#,
    );
    let app = App::new(&source);
    let Some(disk) = SmallDisk::at(app.beside("data")) else { return };
    let server = Server::of(&app);
    let value = |number: u32| format!("{number}:{}", "x".repeat(100_000));
    let put = |number: u32| server.send(&Request::new("PUT", &format!("/{number}")).body(value(number)));
    // The host's own disk has room for other things than values.
    let filler = app.beside("data").join("filler");
    fs::write(&filler, vec![0; 1 << 20]).unwrap();
    let refused = (0..100).find(|number| put(*number).status != 200).expect("the disk is full at last");
    assert!(refused > 0);
    assert_eq!((put(refused).status, put(refused).text().as_str()), (507, "KV_STORAGE_FULL"));
    for number in 0..refused {
        assert_eq!(server.get(&format!("/{number}")).expect(200), value(number));
    }
    fs::remove_file(&filler).unwrap();
    put(refused).expect(200);
    drop(server);
    let server = Server::of(&app);
    for number in 0..=refused {
        assert_eq!(server.get(&format!("/{number}")).expect(200), value(number));
    }
    drop((server, disk));
}
