//! What SQLite does with the statements behind `findOne` and `insertOne`: through sqlx, and as bare prepared statements.
//! The database bench runs it on the file that an app has filled, to have a peer for the app's own figures.
//!
//! usage: sqlite_statements FILE COLLECTION DOCUMENTS OPERATIONS

#![allow(clippy::expect_used, reason = "a program for a bench: it stops at whatever is wrong")]

use std::time::Instant;

use orilla_services::database::key;
use orilla_services::database::value::Value;
use rusqlite::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, collection, documents, operations] = arguments.as_slice() else {
        eprintln!("usage: sqlite_statements FILE COLLECTION DOCUMENTS OPERATIONS");
        std::process::exit(2);
    };
    let operations: u32 = operations.parse().expect("a number of operations");
    let documents = documents.parse().expect("a number of documents");
    let tables = Tables::of(file, collection, documents);
    let (bare_find, bare_insert) = tables.bare(file, operations);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (sqlx_find, sqlx_insert) = runtime.block_on(tables.through_sqlx(file, operations));
    println!(
        "{{\"bare\":{{\"find_per_s\":{bare_find:.0},\"insert_per_s\":{bare_insert:.0}}},\
         \"sqlx\":{{\"find_per_s\":{sqlx_find:.0},\"insert_per_s\":{sqlx_insert:.0}}}}}"
    );
}

/// The statements on a collection with an index on `key`.
struct Tables {
    /// Documents that the app has stored; those that the inserts here add are in no index.
    documents: u32,
    find: String,
    insert: String,
}

impl Tables {
    fn of(file: &str, collection: &str, documents: u32) -> Self {
        let connection = Connection::open(file).expect("the database");
        let one = |sql: &str, parameter: &dyn rusqlite::ToSql| -> i64 {
            connection.query_row(sql, [parameter], |row| row.get(0)).expect("an id")
        };
        let collection = one("SELECT id FROM collections WHERE name = ?", &collection);
        let index = one("SELECT min(id) FROM indexes WHERE collection = ?", &collection);
        Self {
            documents,
            find: format!(
                "SELECT d.row, d.version, json(d.body) FROM entries_{index} e CROSS JOIN documents_{collection} d \
                 ON d.row = e.row WHERE e.key >= ? AND e.key < ? ORDER BY e.key, e.row LIMIT 1"
            ),
            insert: format!("INSERT INTO documents_{collection} (id, version, body) VALUES (?, 0, jsonb(?))"),
        }
    }

    /// The span of the n-th lookup; lookups are spread over the documents.
    fn span(&self, number: u32) -> (Vec<u8>, Vec<u8>) {
        let number = u64::from(number) * 2_654_435_761 % u64::from(self.documents);
        let from = key::encode(&Value::String(format!("key:{number}")));
        let until = key::after_prefix(&from).expect("a key after it");
        (from, until)
    }

    fn bare(&self, file: &str, operations: u32) -> (f64, f64) {
        let connection = Connection::open(file).expect("the database");
        connection.pragma_update(None, "synchronous", "FULL").expect("a pragma");
        let mut find = connection.prepare(&self.find).expect("a statement");
        let find = rate(operations, |number| {
            let json: String = find.query_row(self.span(number), |row| row.get(2)).expect("a document");
            assert!(json.len() > 100);
        });
        let mut insert = connection.prepare(&self.insert).expect("a statement");
        let insert = rate(operations / 10, |number| {
            insert.execute((id("bare", number), BODY)).expect("an insert");
        });
        (find, insert)
    }

    async fn through_sqlx(&self, file: &str, operations: u32) -> (f64, f64) {
        let options = SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Wal);
        let options = options.synchronous(SqliteSynchronous::Full).disable_statement_logging();
        let mut connection = options.connect().await.expect("a connection");
        let started = Instant::now();
        for number in 0..operations {
            let (from, until) = self.span(number);
            let query = sqlx::query(AssertSqlSafe(self.find.as_str())).bind(from).bind(until);
            let json: String = query.fetch_one(&mut connection).await.expect("a document").get(2);
            assert!(json.len() > 100);
        }
        let find = f64::from(operations) / started.elapsed().as_secs_f64();
        let started = Instant::now();
        for number in 0..operations / 10 {
            let query = sqlx::query(AssertSqlSafe(self.insert.as_str())).bind(id("sqlx", number)).bind(BODY);
            query.execute(&mut connection).await.expect("an insert");
        }
        (find, f64::from(operations / 10) / started.elapsed().as_secs_f64())
    }
}

const BODY: &str =
    r#"{"_id":"0","key":"key:0","group":1,"at":123456,"text":"tttttttttttttttttttttttttttttttttttttttttttttttttt"}"#;

fn id(kind: &str, number: u32) -> Vec<u8> {
    key::encode(&Value::String(format!("{kind} {number} {}", std::process::id())))
}

fn rate(operations: u32, mut operation: impl FnMut(u32)) -> f64 {
    let started = Instant::now();
    (0..operations).for_each(&mut operation);
    f64::from(operations) / started.elapsed().as_secs_f64()
}
