//! The command line: what it says of an app or a host that is not right, and with which exit code.

use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{App, Serve, Server, expect, run, shell, succeeds};

const OK_APP: &str = "export default { fetch: () => new Response('ok') };";

/// Asserts that `check` refuses the app.
#[track_caller]
fn check_refuses(app: &App, parts: &[&str]) {
    let Output { status, stdout, stderr } = run(&["check", &app.manifest_path()]);
    expect(&Output { status, stderr: [&stdout[..], &stderr].concat(), stdout }, 2, parts);
}

/// Asserts that `check` and `serve` both refuse the app as bad input, for the same reasons.
#[track_caller]
fn refused(app: &App, parts: &[&str]) {
    check_refuses(app, parts);
    expect(&Serve::new(app).fails(), 2, parts);
}

/// Asserts that `check` refuses the module, and that a host that serves it stays up, and logs and answers that it cannot.
#[track_caller]
fn cannot_boot(server_js: &str, parts: &[&str]) {
    let app = App::new(server_js);
    check_refuses(&app, parts);
    let server = Server::of(&app);
    server.get("/").expect_error(500, "boot");
    server.get("/").expect_error(500, "boot");
    let log = server.log();
    for part in parts {
        // The log is JSON, in which quotes are escaped.
        assert!(log.contains(part.trim_matches('"')), "no {part:?} in\n{log}");
    }
}

#[test]
fn the_version_names_the_engine_and_help_lists_the_subcommands() {
    assert!(succeeds(&["--version"]).contains("V8 "));
    let help = succeeds(&["--help"]);
    for subcommand in ["serve", "snapshot", "check", "bench"] {
        assert!(help.contains(subcommand), "{help}");
    }
}

#[test]
fn an_unknown_subcommand_or_option_is_bad_input() {
    expect(&run(&["sevre"]), 2, &["sevre", "serve"]);
    expect(&run(&["serve", "--prot", "1"]), 2, &["--prot", "--port"]);
    expect(&run(&["serve"]), 2, &[]);
}

#[test]
fn a_sound_app_passes_check() {
    let app = App::new(OK_APP);
    succeeds(&["check", &app.manifest_path()]);
    succeeds(&["check", &app.path("").display().to_string()]);
    let report: Value = serde_json::from_slice(&run(&["check", "--json", &app.manifest_path()]).stdout).unwrap();
    assert!(report.is_object() || report.is_array(), "{report}");
}

#[test]
fn the_report_of_a_check_ends_with_a_line() {
    let app = App::new(OK_APP);
    assert!(run(&["check", &app.manifest_path()]).stdout.ends_with(b"0 errors, 0 warnings\n"));
}

#[test]
fn an_error_of_the_platform_at_module_scope_shows_its_code() {
    cannot_boot(
        "import { getPlatform } from '@orilla/platform';\nawait getPlatform().KV.notes.get('a');\nexport default { fetch() {} };",
        &["PlatformError [OUTSIDE_INVOCATION]: ", "server.js:2:"],
    );
}

#[test]
fn what_module_scope_cannot_wait_for_is_said_with_what_to_do() {
    let source = format!("const a = 1;\nconst b = await fetch('http://a.example/');\n{OK_APP}");
    cannot_boot(&source, &["OUTSIDE_INVOCATION", "fetch and platform services", "in the handler", "server.js:2:"]);
    cannot_boot(
        &format!("await new Promise(() => {{}});\n{OK_APP}"),
        &["never comes", "in the handler", "server.js:1:"],
    );
}

#[test]
fn a_missing_manifest_is_named() {
    let app = App::new(OK_APP);
    std::fs::remove_file(app.path("manifest.json")).unwrap();
    refused(&app, &["error[MANIFEST_NOT_FOUND]", "manifest.json"]);
}

#[test]
fn a_malformed_manifest_is_shown_with_its_place() {
    let app = App::new(OK_APP).write("manifest.json", "{\n  \"version\": 1,\n  \"name\" \"app\"\n}");
    refused(&app, &["manifest.json:3:", "error[MANIFEST_SYNTAX]"]);
}

#[test]
fn a_typo_gets_a_suggestion() {
    let app = App::new(OK_APP).manifest(json!({ "entrypont": "server.js" }));
    refused(&app, &["error[MANIFEST_UNKNOWN_KEY]", "did you mean `entrypoint`?"]);
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let app = App::new(OK_APP).manifest(json!({ "name": "Not A Name", "limits": { "wall_ms": "1s" } }));
    refused(&app, &["$.name", "$.limits.wall_ms", "error[MANIFEST_TYPE]"]);
}

#[test]
fn an_unknown_version_is_refused() {
    refused(&App::new(OK_APP).manifest(json!({ "version": 2 })), &["error[MANIFEST_VERSION]"]);
}

#[test]
fn a_missing_entrypoint_is_named() {
    let app = App::new(OK_APP).manifest(json!({ "entrypoint": "gone.js" }));
    refused(&app, &["error[ENTRYPOINT_MISSING]", "gone.js"]);
}

#[test]
fn a_syntax_error_is_shown_with_file_line_column_and_source() {
    let source = "export default {\n  fetch() {\n    return new Respons e();\n  },\n};\n";
    cannot_boot(source, &["ENTRYPOINT_SYNTAX", "server.js:3:", "return new Respons e();"]);
}

#[test]
fn an_entrypoint_without_fetch_is_told_what_to_export() {
    for source in ["export const fetch = 1;", "export default {};", "export default { fetch: 1 };"] {
        cannot_boot(source, &["ENTRYPOINT_NO_FETCH", "export default"]);
    }
}

#[test]
fn an_import_of_something_that_is_not_there_lists_what_is() {
    cannot_boot(&format!("import \"left-pad\";\n{OK_APP}"), &["left-pad", "@orilla/platform", "buffer"]);
}

#[test]
fn a_throw_at_module_scope_shows_its_stack() {
    let source = format!("const a = 1;\nthrow new RangeError('at start');\n{OK_APP}");
    cannot_boot(&source, &["RangeError: at start", "server.js:2:7"]);
}

#[test]
fn a_required_variable_must_be_set_to_serve() {
    let app = App::new(OK_APP).manifest(json!({ "env": { "required": ["STRIPE_KEY"] } }));
    expect(&run(&["check", &app.manifest_path()]), 0, &[]);
    expect(&Serve::new(&app).fails(), 2, &["error[ENV_REQUIRED_MISSING]", "STRIPE_KEY"]);
    let server = Serve::new(&app).env("STRIPE_KEY", "k").start();
    server.get("/").expect(200);
}

#[test]
fn an_environment_file_reaches_the_app_and_a_bad_one_is_shown_with_its_place() {
    let app = App::new("export default { fetch: (_, env) => Response.json([env.A, env.B]) };")
        .write("good.env", "export A=1 # one\nB=\"two\\n\"\n")
        .write("bad.env", "A=1\nnot a line\n");
    let file = |name: &str| app.path(name).display().to_string();
    let server = Serve::new(&app).args(["--env-file", &file("good.env")]).start();
    assert_eq!(server.get("/").json(), json!(["1", "two\n"]));
    drop(server);
    expect(
        &Serve::new(&app).args(["--env-file", &file("bad.env")]).fails(),
        2,
        &["error[ENV_FILE_SYNTAX]", "bad.env:2"],
    );
    expect(&Serve::new(&app).args(["--env-file", "gone.env"]).fails(), 2, &["error[ENV_FILE_NOT_FOUND]"]);
}

#[test]
fn a_wrong_configuration_file_is_shown_with_its_place() {
    let app = App::new(OK_APP);
    let typo = Serve::new(&app).config("[server]\nprot = 1\n").fails();
    expect(&typo, 2, &["host.toml:2:1", "error[CONFIG_UNKNOWN_KEY]", "did you mean `port`?"]);
    expect(&Serve::new(&app).config("[server\n").fails(), 2, &["error[CONFIG_SYNTAX]"]);
    expect(&Serve::new(&app).env("ORILLA_SERVER_PORT", "many").fails(), 2, &["ORILLA_SERVER_PORT"]);
}

#[test]
fn no_secret_of_the_configuration_is_printed() {
    let app = App::new(OK_APP).write("app.env", "KEY=\"hunter2\" x\n");
    for toml in [
        "[admin]\ntoken = \"hunter2\"\n",
        "[telemetry]\notlp_headers = [\"hunter2\"]\n",
        "[database]\nurl = postgres://app:hunter2@db/app\n",
    ] {
        let output = Serve::new(&app).config(toml).fails();
        expect(&output, 2, &["host.toml:2:", "error[CONFIG_"]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"), "{output:?}");
    }
    let file = app.path("app.env").display().to_string();
    let output = Serve::new(&app).args(["--env-file", &file]).env("ORILLA_ADMIN_TOKEN", "hunter2").fails();
    expect(&output, 2, &["ORILLA_ADMIN_TOKEN", "app.env:1:"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"), "{output:?}");
}

#[test]
fn what_would_have_no_effect_in_the_configuration_is_said() {
    let app = App::new(OK_APP);
    let silent = Serve::new(&app).config("[log]\nfilter = \"wran\"\n").fails();
    expect(&silent, 2, &["host.toml:2:10", "error[CONFIG_VALUE]", "hint:"]);
    let silent = Serve::new(&app).env("ORILLA_LOG_FILTER", "info,app=loud").fails();
    expect(&silent, 2, &["ORILLA_LOG_FILTER", "error[CONFIG_VALUE]"]);
    let nowhere = Serve::new(&app).config("[routing.paths]\nblog = \"app\"\n").fails();
    expect(&nowhere, 2, &["host.toml:2:1", "error[CONFIG_VALUE]", "starts with `/`"]);
    let server = Serve::new(&app).env("ORILLA_SERVR_PORT", "1").start();
    server.wait_for_log("ORILLA_SERVR_PORT: this variable sets nothing");
    server.wait_for_log("did you mean `ORILLA_SERVER_PORT`?");
}

#[test]
fn an_app_may_not_ask_for_more_than_the_host_allows() {
    let app = App::new(OK_APP).manifest(json!({ "limits": { "heap_mb": 256 } }));
    let output = Serve::new(&app).config("[limits]\nheap_mb = 64\n").fails();
    expect(&output, 2, &["error[LIMIT_ABOVE_CAP]", "heap_mb"]);
}

#[test]
fn a_cold_start_can_be_measured() {
    let app = App::new(OK_APP);
    let output = run(&["bench", "cold-start", &app.manifest_path(), "--runs", "3", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(!lines.is_empty() || serde_json::from_str::<Value>(&text).is_ok(), "{text}");
}

#[test]
fn a_bench_writes_into_no_directory_that_another_could_have_made() {
    let app = App::new(OK_APP);
    let line = "mkdir tmp elsewhere; for name in $$ $$-0; do ln -s ../elsewhere tmp/orilla-bench-$name; done
        export TMPDIR=$PWD/tmp; exec runtime bench cold-start app --runs 1 --json";
    expect(&shell(&app.beside(""), line), 0, &[]);
    let entries = |directory: &str| std::fs::read_dir(app.beside(directory)).unwrap().count();
    assert_eq!((entries("elsewhere"), entries("tmp")), (0, 2), "the links are all there is");
}
