//! `runtime platform` and `runtime migrate`: the same commands on a data directory and on a running host, what they print
//! for scripts, and what they say of wrong input. The browser's screens have unit tests.

use std::fs;
use std::net::SocketAddr;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{App, Connection, Request, Serve, Server, expect, run, shell, skipped, throwaway};

const TOKEN: &str = "a-token-for-the-tests-of-platform";
const OK_APP: &str = "export default { fetch: () => new Response('ok') };";

/// Somebody's data, and the options that lead to it.
struct Data {
    app: App,
    options: Vec<String>,
    /// The host that has the data directory, if one does.
    host: Option<(Server, SocketAddr)>,
}

impl Data {
    /// An empty data directory that no host has.
    fn offline() -> Self {
        let app = App::new(OK_APP);
        let options = ["--data-dir".to_owned(), app.beside("data").display().to_string()].into();
        Self { app, options, host: None }
    }

    /// An empty database on a Postgres server.
    fn on_postgres() -> Self {
        let options = ["--database".to_owned(), throwaway::server().database().url].into();
        Self { app: App::new(OK_APP), options, host: None }
    }

    /// A host that serves an app called `app`.
    fn on_a_host() -> Self {
        let app = App::new(OK_APP);
        let serve = Serve::new(&app).env("ORILLA_ADMIN_TOKEN", TOKEN).args(["--admin-port", "0"]);
        let mut server = serve.start();
        let admin = server.listens_at("admin listening on ");
        let options = ["--url".to_owned(), format!("http://{admin}"), "--token".to_owned(), TOKEN.to_owned()].into();
        Self { app, options, host: Some((server, admin)) }
    }

    fn platform(&self, arguments: &[&str]) -> Output {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        run(&[&["platform"], arguments, &options].concat())
    }

    /// What a command for the app called `app` prints as JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.json_text(arguments)).unwrap()
    }

    /// The same to the letter.
    #[track_caller]
    fn json_text(&self, arguments: &[&str]) -> String {
        let output = self.platform(&[arguments, &["--app", "app", "--new-app", "--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.lines().count(), 1, "one value in one line");
        printed
    }

    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.platform(&[arguments, &["--app", "app"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asserts that a command fails so, and says all of that.
    #[track_caller]
    fn fails(&self, arguments: &[&str], exit: i32, parts: &[&str]) {
        expect(&self.platform(arguments), exit, parts);
    }
}

/// Runs a story where nobody has the data, on a host that has it, and where it is on Postgres.
fn everywhere(story: impl Fn(&Data)) {
    for data in [Data::offline(), Data::on_a_host(), Data::on_postgres()] {
        story(&data);
    }
}

#[test]
fn keys_are_put_listed_read_and_deleted() {
    everywhere(|data| {
        assert_eq!(data.json(&["kv", "put", "sessions", "user:1", "hello"]), Value::Null);
        assert_eq!(data.json(&["kv", "put", "sessions", "user:2", "zwölf", "--ttl", "3600"]), Value::Null);
        let piped = format!(
            "printf 'from a\npipe' | runtime platform kv put sessions user:3 {} --app app",
            data.options.join(" ")
        );
        assert!(shell(&data.app.beside(""), &piped).status.success());

        let page = data.json(&["kv", "list", "sessions", "--prefix", "user:", "--limit", "2"]);
        let expiration = page["keys"][1]["expiration"].as_u64().unwrap();
        let keys = json!([{ "name": "user:1" }, { "name": "user:2", "expiration": expiration }]);
        assert_eq!(page["keys"], keys);
        let cursor = page["cursor"].as_str().unwrap();
        let rest = data.json(&["kv", "list", "sessions", "--prefix", "user:", "--cursor", cursor]);
        assert_eq!(rest, json!({ "keys": [{ "name": "user:3" }], "cursor": null }));
        let table = data.text(&["kv", "list", "sessions", "--limit", "1"]);
        assert!(table.starts_with("KEY     EXPIRES\nuser:1  never\n"), "{table}");

        assert_eq!(data.json(&["kv", "get", "sessions", "user:2"]), json!("zwölf"));
        assert_eq!(data.text(&["kv", "get", "sessions", "user:3"]), "from a\npipe\n");
        assert_eq!(data.json(&["kv", "namespaces"]), json!({ "namespaces": ["sessions"], "more": false }));
        assert_eq!(data.json(&["kv", "delete", "sessions", "user:1"]), Value::Null);
        data.fails(&["kv", "get", "sessions", "user:1"], 1, &["error[KV_KEY_NOT_FOUND]"]);

        data.fails(&["kv", "get", "no spaces", "k"], 2, &["error[KV_NAMESPACE_INVALID]"]);
        data.fails(&["kv", "put", "n", "k", "v", "--ttl", "0"], 2, &["error[KV_TTL_INVALID]"]);
        data.fails(&["kv", "list", "n", "--limit", "1001"], 2, &["error[KV_LIMIT_INVALID]"]);
        // What looks like an option is a cursor all the same: every sixty-fourth begins so.
        for cursor in ["forged", "-forged"] {
            data.fails(&["kv", "list", "n", "--cursor", cursor], 2, &["error[KV_CURSOR_INVALID]"]);
        }
        assert_eq!(data.json(&["kv", "list", "n", "--prefix", "-"]), json!({ "keys": [], "cursor": null }));
        data.fails(&["kv"], 2, &["error[PLATFORM_ARGUMENTS_INVALID]", "terminal"]);
    });
}

#[test]
fn documents_are_inserted_found_changed_and_deleted() {
    everywhere(|data| {
        assert_eq!(data.json(&["db", "insert", "users", r#"{"_id":"ann","z":1,"a":2,"age":30}"#]), json!("ann"));
        let inserted = data.json(&["db", "insert", "users", r#"[{"_id":"bob","age":20},{"_id":7,"age":40}]"#]);
        assert_eq!(inserted, json!({ "insertedCount": 2, "insertedIds": ["bob", "7"] }));
        assert_eq!(data.json(&["db", "collections"]), json!(["users"]));

        let query = [r#"{"age":{"$gte":20}}"#, "--sort", r#"{"age":-1}"#, "--limit", "1", "--skip", "1"];
        let found = data.json(&[&["db", "find", "users"][..], &query].concat());
        assert_eq!(found, json!([{ "_id": "ann", "z": 1, "a": 2, "age": 30 }]));
        let text = data.json_text(&["db", "find", "users", "{}", "--limit", "1"]);
        assert_eq!(text, "[{\"_id\":\"ann\",\"z\":1,\"a\":2,\"age\":30}]\n", "fields stay in their order");
        let names = data.json(&["db", "find", "users", "--projection", r#"{"age":1,"_id":0}"#]);
        assert_eq!(names, json!([{ "age": 30 }, { "age": 20 }, { "age": 40 }]));
        let table = data.text(&["db", "find", "users"]);
        assert!(table.starts_with("_ID  DOCUMENT\nann  {\"z\":1,"), "{table}");
        assert_eq!(data.json(&["db", "get", "users", "7"]), json!({ "_id": 7, "age": 40 }));
        data.fails(&["db", "get", "users", "nobody"], 1, &["error[DB_DOCUMENT_NOT_FOUND]"]);

        let updated = data.json(&["db", "update", "users", r#"{"_id":"bob"}"#, r#"{"$inc":{"age":1}}"#]);
        assert_eq!(updated, json!({ "matchedCount": 1, "modifiedCount": 1, "upsertedId": null }));
        let updated = data.json(&["db", "update", "users", "{}", r#"{"$set":{"seen":true}}"#, "--many"]);
        assert_eq!(updated["modifiedCount"], 3);
        let upserted = data.json(&["db", "update", "users", r#"{"_id":"eve"}"#, r#"{"$set":{"age":1}}"#, "--upsert"]);
        assert_eq!(upserted["upsertedId"], "eve");
        assert_eq!(data.json(&["db", "count", "users", r#"{"seen":true}"#]), 3);
        let pipeline = r#"[{"$group":{"_id":null,"total":{"$sum":"$age"}}}]"#;
        assert_eq!(data.json(&["db", "aggregate", "users", pipeline]), json!([{ "_id": null, "total": 92 }]));

        let name = data.json(&["db", "create-index", "users", r#"{"seen":1,"age":-1}"#, "--sparse"]);
        assert_eq!(name, "users_seen_age_desc_sparse");
        data.json(&[
            "db",
            "create-index",
            "users",
            r#"{"mail":1}"#,
            "--unique",
            "--name",
            "mails",
            "--partial",
            r#"{"mail":{"$exists":true}}"#,
        ]);
        let indexes = data.json(&["db", "indexes", "users"]);
        assert_eq!(indexes[0]["keys"], json!([["seen", 1], ["age", -1]]));
        assert_eq!(
            (&indexes[1]["name"], &indexes[1]["unique"], &indexes[1]["state"]),
            (&json!("mails"), &json!(true), &json!("ready"))
        );
        let explained = data.json(&["db", "explain", "users", r#"{"seen":true,"age":{"$gt":0}}"#]);
        assert_eq!(explained["reads"][0]["index"], name);
        let checked = json!({ "collections": 1, "documents": 4, "indexes": 2, "problems": [] });
        assert_eq!(data.json(&["db", "check"]), checked);
        assert_eq!(data.json(&["db", "drop-index", "users", "mails"]), Value::Null);
        data.fails(&["db", "drop-index", "users", "mails"], 2, &["error[DB_INDEX_NOT_FOUND]"]);

        assert_eq!(data.json(&["db", "delete", "users", "{}"]), json!({ "deletedCount": 1 }));
        data.fails(&["db", "delete", "users", "{}", "--many"], 2, &["--yes"]);
        assert_eq!(data.json(&["db", "delete", "users", "{}", "--many", "--yes"]), json!({ "deletedCount": 3 }));

        data.fails(&["db", "find", "users", "{age: 1}"], 2, &["error[PLATFORM_ARGUMENTS_INVALID]", "quote"]);
        data.fails(&["db", "find", "users", r#"{"a":{"$gtt":1}}"#], 2, &["error[DB_UNKNOWN_OPERATOR]", "$gt?"]);
        data.fails(&["db", "find", "users", "[]"], 2, &["error[DB_OPTIONS_INVALID]"]);
        data.json(&["db", "insert", "users", r#"{"_id":1}"#]);
        data.fails(&["db", "insert", "users", r#"{"_id":1}"#], 1, &["error[DB_DUPLICATE_KEY]"]);
        data.fails(&["db", "insert", "users", r#"[{"x":1},2]"#], 2, &["error[DB_OPTIONS_INVALID]"]);
        data.fails(&["db"], 2, &["error[PLATFORM_ARGUMENTS_INVALID]", "terminal"]);
    });
}

#[test]
fn vectors_are_indexed_and_searched_and_the_status_has_everything() {
    everywhere(|data| {
        data.json(&[
            "db",
            "insert",
            "products",
            r#"[{"_id":"a","v":[1,0]},{"_id":"b","v":[0,1]},{"_id":"c","v":[1,1]}]"#,
        ]);
        let create = ["vector", "create-index", "products", "v", "--dimensions", "2"];
        data.fails(&[&create[..], &["--metric", "cosin"]].concat(), 2, &["error[DB_VECTOR_INDEX_INVALID]", "`cosine`"]);
        assert_eq!(data.json(&[&create[..], &["--metric", "cosine", "--storage", "int8"]].concat()), "v_vector");
        let search = ["vector", "search", "products", "v", "--vector", "[1, 0.1]", "--k", "2"];
        let found = data.json(&search);
        assert_eq!((&found[0]["_id"], &found[1]["_id"]), (&json!("a"), &json!("c")), "{found}");
        assert!(found[0]["_score"].as_f64().unwrap() > 0.99);
        let filtered =
            data.json(&[&search[..], &["--filter", r#"{"_id":{"$ne":"a"}}"#, "--min-score", "0.8"]].concat());
        assert_eq!((filtered.as_array().unwrap().len(), &filtered[0]["_id"]), (1, &json!("c")));
        let table = data.text(&search);
        assert!(table.starts_with("SCORE   _ID  DOCUMENT\n") && !table.contains("[1,0]"), "{table}");
        data.fails(&["vector", "search", "products", "v", "--vector", "[1]"], 2, &["error[DB_VECTOR_DIMENSIONS]"]);
        data.fails(&["vector", "search", "products", "w", "--vector", "[1]"], 2, &["error[DB_VECTOR_INDEX_NOT_FOUND]"]);
        let listed = data.json(&["vector", "list", "products"]);
        assert_eq!((&listed[0]["field"], &listed[0]["storage"]), (&json!("v"), &json!("int8")));

        data.json(&["kv", "put", "n", "k", "v"]);
        let status = data.json(&["status"]);
        let [app] = status["apps"].as_array().unwrap().as_slice() else { panic!("{status}") };
        let index = json!({ "name": "v_vector", "kind": "vector", "state": "ready" });
        assert_eq!(app["collections"], json!([{ "name": "products", "documents": 3, "indexes": [index] }]));
        assert_eq!((&app["app"], &app["namespaces"]), (&json!("app"), &json!(["n"])));
        assert!(app["database_bytes"].as_u64().unwrap() > 0);
        let store = if data.options[0] == "--database" { "Postgres at 127.0.0.1" } else { "SQLite in " };
        assert!(status["store"].as_str().unwrap().starts_with(store), "{status}");
        let text = data.text(&["status"]);
        assert!(text.contains("products    3          v_vector (vector)"), "{text}");

        assert_eq!(data.json(&["vector", "drop-index", "products", "v"]), Value::Null);
        assert_eq!(data.json(&["vector", "list", "products"]), json!([]));
    });
}

#[test]
fn the_app_is_the_only_one_or_has_to_be_named() {
    let data = Data::offline();
    data.fails(&["status"], 1, &["error[DATA_DIR_MISSING]", "--data-dir", "--url"]);
    assert!(!data.app.beside("data").exists(), "looking makes nothing");
    data.json(&["kv", "put", "n", "k", "v"]);
    data.fails(&["kv", "list", "n", "--app", "ap"], 2, &["error[PLATFORM_APP_UNKNOWN]", "did you mean \"app\"?"]);
    data.fails(&["kv", "list", "n", "--app", "Not A Name", "--new-app"], 2, &["error[APP_NAME_INVALID]"]);
    assert!(data.platform(&["kv", "get", "n", "k"]).status.success(), "there is only one");
    assert!(data.platform(&["kv", "put", "n", "k", "v", "--app", "blog", "--new-app"]).status.success());
    data.fails(&["kv", "get", "n", "k"], 2, &["error[PLATFORM_APP_REQUIRED]", "app, blog"]);
    data.fails(
        &["db", "find", "c", "--app", "quite-another"],
        2,
        &["error[PLATFORM_APP_UNKNOWN]", "there are app, blog"],
    );
}

#[test]
fn a_host_keeps_its_data_to_those_who_know_the_token() {
    let data = Data::on_a_host();
    let (server, admin) = data.host.as_ref().unwrap();
    let directory = data.app.beside("data").display().to_string();
    let offline = run(&["platform", "status", "--data-dir", &directory]);
    expect(&offline, 1, &["error[DATA_DIR_IN_USE]", "--url"]);
    let url = format!("http://{admin}");
    let with = |rest: &[&str]| run(&[&["platform", "kv", "list", "n", "--url", &url], rest].concat());
    expect(&with(&[]), 2, &["error[ADMIN_TOKEN_REQUIRED]"]);
    expect(&with(&["--token", "a-token-of-somebody-else"]), 2, &["error[ADMIN_TOKEN_WRONG]"]);
    expect(&with(&["--data-dir", &directory]), 2, &["--url", "--data-dir"]);
    // The app is served and has no data yet.
    expect(&with(&["--token", TOKEN]), 0, &[]);
    let wrong = with(&["--token", TOKEN, "--app", "shop"]);
    expect(&wrong, 2, &["error[PLATFORM_APP_UNKNOWN]", "there are app"]);

    let post = |path: &str, body: &str| {
        let request = Request::new("POST", path).body(body).header("authorization", &format!("Bearer {TOKEN}"));
        let reply = Connection::open(*admin).request(&request).unwrap();
        (reply.status, reply.json()["error"]["code"].as_str().unwrap_or("none").to_owned())
    };
    let ok = r#"{"app":"app","method":"put","namespace":"n","arguments":["k","v"]}"#;
    assert_eq!(post("/_orilla/platform/kv", ok), (200, "none".to_owned()));
    for (path, body, code) in [
        ("kv", "{", "ADMIN_REQUEST_INVALID"),
        ("kv", r#"{"methd":"get"}"#, "ADMIN_REQUEST_INVALID"),
        ("kv", r#"{"method":"gett","namespace":"n"}"#, "PLATFORM_METHOD_UNKNOWN"),
        ("kv", r#"{"method":"get","namespace":"n","arguments":["k","l"]}"#, "PLATFORM_ARGUMENTS_INVALID"),
        ("kv", r#"{"method":"get","namespace":"n","arguments":{}}"#, "PLATFORM_ARGUMENTS_INVALID"),
        ("db", r#"{"method":"findd","collection":"c"}"#, "DB_METHOD_UNKNOWN"),
        ("db", r#"{"method":"find","collection":"c","arguments":7}"#, "DB_OPTIONS_INVALID"),
    ] {
        assert_eq!(post(&format!("/_orilla/platform/{path}"), body), (400, code.to_owned()), "{body}");
    }
    assert_eq!(post("/_orilla/platform/queue", ok), (404, "ADMIN_PATH_UNKNOWN".to_owned()));
    assert!(server.log().contains("called by an operator"));
}

#[test]
fn a_check_finds_an_index_that_lacks_a_document() {
    if !shell(std::path::Path::new("/"), "command -v sqlite3").status.success() {
        return skipped("a check of a damaged index: there is no sqlite3 to damage it with");
    }
    let data = Data::offline();
    data.json(&["db", "insert", "users", r#"[{"age":1},{"age":2},{"age":3}]"#]);
    data.json(&["db", "create-index", "users", r#"{"age":1}"#]);
    assert_eq!(data.json(&["db", "check"])["problems"], json!([]));
    let file = data.app.beside("data/databases/app/app.db");
    let damaged = format!("sqlite3 {} 'DELETE FROM entries_1 WHERE row = 2'", file.display());
    assert!(shell(&data.app.beside(""), &damaged).status.success());

    let output = data.platform(&["db", "check", "--json"]);
    expect(&output, 1, &["error[DB_CHECK_FAILED]"]);
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(checked["problems"], json!(["users.users_age: the documents have 3 entries, the index has 2"]));
    // As the error advises.
    data.json(&["db", "drop-index", "users", "users_age"]);
    data.json(&["db", "create-index", "users", r#"{"age":1}"#]);
    assert_eq!(data.json(&["db", "check"])["problems"], json!([]));
}

/// A source with two apps of everything, and beside it no target yet.
fn source() -> Data {
    let data = Data::offline();
    for key in ["a", "ü", "z"] {
        data.json(&["kv", "put", "sessions", key, "zwölf"]);
    }
    data.json(&["kv", "put", "sessions", "short", "1", "--ttl", "86400"]);
    data.json(&["kv", "put", "other", "k", ""]);
    data.json(&[
        "db",
        "insert",
        "users",
        r#"[{"_id":"ann","z":1,"a":[1,2],"v":[1,0]},{"_id":2,"id":"own"},{"_id":{"x":1}}]"#,
    ]);
    data.json(&["db", "create-index", "users", r#"{"a":1,"z":-1}"#]);
    data.json(&["db", "create-index", "users", r#"{"id":1}"#, "--unique", "--sparse"]);
    data.json(&["vector", "create-index", "users", "v", "--dimensions", "2"]);
    data.json(&["db", "create-index", "empty", r#"{"at":1}"#, "--ttl", "60"]);
    let blog = data.platform(&["db", "insert", "posts", r#"{"_id":1}"#, "--app", "blog", "--new-app"]);
    assert!(blog.status.success());
    data
}

/// All that can be seen of the app that [`source`] makes, to the letter.
fn shown(data: &Data) -> [String; 8] {
    [
        &["db", "find", "users"][..],
        &["db", "indexes", "users"],
        &["db", "indexes", "empty"],
        &["kv", "list", "sessions"],
        &["kv", "get", "sessions", "ü"],
        &["vector", "search", "users", "v", "--vector", "[1,1]"],
        &["db", "check"],
        &["db", "explain", "users", r#"{"a":1}"#],
    ]
    .map(|command| data.json_text(command))
}

/// Runs `migrate` from data to a directory beside it.
fn migrate(data: &Data, to: &str, arguments: &[&str]) -> Output {
    let [from, to] = ["data", to].map(|name| data.app.beside(name).display().to_string());
    run(&[&["migrate", "--from", &from, "--to", &to, "--json"], arguments].concat())
}

/// The data in a directory beside other data.
fn beside(data: Data, directory: &str) -> Data {
    let options = ["--data-dir".to_owned(), data.app.beside(directory).display().to_string()].into();
    Data { options, ..data }
}

#[test]
fn data_moves_to_another_place_to_the_letter() {
    let data = source();
    let before = shown(&data);
    let moved = migrate(&data, "target", &["--app", "app"]);
    expect(&moved, 0, &["app: documents of users"]);
    let moved: Value = serde_json::from_slice(&moved.stdout).unwrap();
    let summary: Vec<_> = moved["moved"]
        .as_array()
        .unwrap()
        .iter()
        .map(|moved| {
            assert_eq!(moved["from"], moved["to"]);
            assert_eq!(moved["from"]["checksum"].as_str().unwrap().len(), 64);
            (moved["kind"].as_str().unwrap(), moved["name"].as_str().unwrap(), moved["to"]["records"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("namespace", "other", 1),
        ("namespace", "sessions", 4),
        ("collection", "empty", 0),
        ("collection", "users", 3),
    ];
    assert_eq!(summary, expected);
    assert_eq!(shown(&data), before, "the source is as it was");

    let again = migrate(&data, "target", &["--app", "app"]);
    expect(&again, 1, &["error[MIGRATE_TARGET_NOT_EMPTY]", "--resume"]);
    expect(&migrate(&data, "target", &["--app", "app", "--resume"]), 0, &[]);
    // The other app is not there yet, so it needs no --resume.
    expect(&migrate(&data, "target", &["--app", "blog"]), 0, &["blog: documents of posts"]);
    expect(
        &migrate(&data, "target", &["--app", "blogg"]),
        2,
        &["error[PLATFORM_APP_UNKNOWN]", "did you mean \"blog\"?"],
    );
    expect(&migrate(&data, "data", &[]), 2, &["error[MIGRATE_SAME_PLACE]"]);

    let target = beside(data, "target");
    assert_eq!(shown(&target), before);
    let back = run(&["migrate", "--from", &target.app.beside("gone").display().to_string(), "--to", "x"]);
    expect(&back, 2, &["error[DATA_DIR_MISSING]"]);

    // What was changed at the target is not overwritten, and what is only there is found.
    target.json(&["db", "update", "users", r#"{"_id":"ann"}"#, r#"{"$set":{"z":2}}"#]);
    expect(&migrate(&target, "target", &["--app", "app", "--resume"]), 1, &["error[MIGRATE_DIFFERS]", "document ann"]);
    target.json(&["db", "update", "users", r#"{"_id":"ann"}"#, r#"{"$set":{"z":1}}"#]);
    target.json(&["kv", "put", "sessions", "b", "new"]);
    expect(&migrate(&target, "target", &["--app", "app", "--resume"]), 1, &["error[MIGRATE_MISMATCH]", "sessions"]);
}

#[test]
fn data_moves_to_postgres_and_back() {
    let data = source();
    let before = shown(&data);
    let target = Data::on_postgres();
    let url = target.options[1].clone();
    let directory = |name: &str| data.app.beside(name).display().to_string();
    expect(&run(&["migrate", "--from", &directory("data"), "--to", &url]), 0, &["blog: documents of posts"]);
    assert_eq!(shown(&target), before);
    expect(&run(&["migrate", "--from", &directory("data"), "--to", &url]), 1, &["error[MIGRATE_TARGET_NOT_EMPTY]"]);
    expect(&run(&["migrate", "--from", &directory("data"), "--to", &url, "--resume"]), 0, &[]);
    expect(&run(&["migrate", "--from", &url, "--to", &url]), 2, &["error[MIGRATE_SAME_PLACE]"]);
    expect(&run(&["migrate", "--from", &url, "--to", &directory("back"), "--app", "app"]), 0, &[]);
    // The target's indexes are made as the configuration says.
    fs::write(data.app.beside("memory.toml"), "[database]\npgvector = false\n").unwrap();
    let pgvector = if throwaway::server().has_vector() { "1" } else { "0" };
    for (config, searched) in [(vec![], pgvector), (vec!["--config".to_owned(), directory("memory.toml")], "0")] {
        let database = throwaway::server().database();
        let arguments = ["migrate", "--from", &directory("data"), "--to", &database.url].map(str::to_owned).to_vec();
        expect(&run(&[arguments, config].concat()), 0, &[]);
        assert_eq!(database.sql("SELECT count(*) FROM orilla.indexes WHERE extension IS NOT NULL"), searched);
    }
    let back = beside(data, "back");
    assert_eq!(shown(&back), before);
}

#[test]
fn a_migration_that_was_killed_goes_on() {
    const DOCUMENTS: usize = 30_000;
    let data = Data::offline();
    for part in 0..3 {
        let documents = (0..DOCUMENTS / 3).map(|index| json!({ "_id": part * DOCUMENTS + index, "age": index % 100 }));
        fs::write(data.app.beside("documents.json"), json!(documents.collect::<Vec<_>>()).to_string()).unwrap();
        let insert = "runtime platform db insert users - --data-dir data --app app --new-app < documents.json";
        assert!(shell(&data.app.beside(""), insert).status.success());
    }
    data.json(&["db", "create-index", "users", r#"{"age":1}"#]);

    // Killed as soon as it has begun to copy documents.
    let line = "runtime migrate --from data --to target 2>progress & migration=$!
        until grep -q documents progress; do sleep 0.01; done
        kill -9 $migration; wait $migration";
    let killed = shell(&data.app.beside(""), line).status.code();
    let source = migrate(&data, "target", &[]);
    if killed == Some(137) && !source.status.success() {
        expect(&source, 1, &["error[MIGRATE_TARGET_NOT_EMPTY]"]);
    }
    expect(&migrate(&data, "target", &["--resume"]), 0, &[]);
    let target = beside(data, "target");
    assert_eq!(target.json(&["db", "count", "users"]), DOCUMENTS);
    let checked = json!({ "collections": 1, "documents": DOCUMENTS, "indexes": 1, "problems": [] });
    assert_eq!(target.json(&["db", "check"]), checked);
}
