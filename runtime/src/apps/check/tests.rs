//! Build outputs on disk, checked whole.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn output(manifest: &str, files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files.iter().chain([&("manifest.json", manifest)]) {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

fn checked(directory: &TempDir) -> Report {
    check(directory.path(), &|name| name == "SET", &|_, _| Vec::new())
}

fn codes_of(problems: &Problems) -> Vec<&str> {
    problems.0.iter().map(|problem| problem.code).collect()
}

const MANIFEST: &str = r#"{
  "version": 1,
  "name": "shop",
  "static": "static",
  "env": { "required": ["SET", "UNSET"] },
  "routes": {
    "prerendered": ["/", "/about", "/feed.xml", "/gone"],
    "immutable": ["/assets/*", "/none/*"],
    "fallback": "200.html"
  }
}"#;

#[test]
fn a_good_output_has_only_notes() {
    let manifest = MANIFEST.replace(", \"/gone\"", "").replace(", \"/none/*\"", "").replace(", \"UNSET\"", "");
    let files = [
        ("server.js", "export default {};\n//# sourceMappingURL=server.js.map"),
        ("server.js.map", "{}"),
        ("server.snapshot", "v8"),
        ("static/index.html", ""),
        ("static/about/index.html", "<p>"),
        ("static/feed.xml", ""),
        ("static/200.html", ""),
        ("static/assets/a/b.js", "1;"),
    ];
    let output = output(&manifest, &files);
    symlink("about", output.path().join("static/info")).unwrap();
    let report = checked(&output);
    assert!(report.is_ok() && report.warnings.0.is_empty(), "{report}");
    let pages = Manifest::load(output.path()).unwrap().prerendered();
    assert_eq!(pages["/about"], "about/index.html");
    assert_eq!(pages["/feed.xml"], "feed.xml");
    let notes = report.notes.to_string();
    assert_eq!(codes_of(&report.notes).len(), 4, "{notes}");
    assert!(notes.contains("6 static files, 8 bytes"), "{notes}");
    assert!(report.to_string().ends_with("0 errors, 0 warnings"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let output = output(&MANIFEST.replace("\"version\"", "\"verion\""), &[("static/index.html", "")]);
    symlink("/etc/passwd", output.path().join("static/leak")).unwrap();
    symlink("nowhere", output.path().join("static/dangling")).unwrap();
    symlink(".", output.path().join("static/loop")).unwrap();
    let report = checked(&output);
    let mut codes = codes_of(&report.problems);
    codes.sort_unstable();
    let expected = [
        "ENTRYPOINT_MISSING",
        "FALLBACK_MISSING",
        "MANIFEST_MISSING",
        "MANIFEST_UNKNOWN_KEY",
        "PRERENDERED_MISSING",
        "PRERENDERED_MISSING",
        "PRERENDERED_MISSING",
        "STATIC_SYMLINK_BROKEN",
        "STATIC_SYMLINK_BROKEN",
        "STATIC_SYMLINK_ESCAPES",
    ];
    assert_eq!(codes, expected, "{report}");
    assert_eq!(codes_of(&report.warnings), ["ENV_REQUIRED_MISSING", "IMMUTABLE_UNUSED", "IMMUTABLE_UNUSED"]);
    let gone = report.problems.0.iter().find(|problem| problem.message.contains("/gone")).unwrap();
    let position = gone.position.unwrap();
    assert_eq!((position.line, position.column, gone.path.as_deref()), (7, 49, Some("$.routes.prerendered[3]")));
}

#[test]
fn the_entrypoint_is_text_and_is_handed_on() {
    let manifest = r#"{"version": 1, "name": "a", "entrypoint": "./dist/app.js"}"#;
    let output = output(manifest, &[("dist/app.js", "export default 1;")]);
    let report = check(output.path(), &|_| true, &|path, source| {
        assert_eq!(source, "export default 1;");
        vec![Problem::error(codes::ENTRYPOINT_NO_FETCH, path, "no fetch").at_line(source, 1, 16)]
    });
    assert_eq!(codes_of(&report.problems), ["ENTRYPOINT_NO_FETCH"]);
    assert!(format!("{report:#}").contains("export default 1;\n   |                ^"), "{report:#}");

    fs::write(output.path().join("dist/app.js"), b"// \xff").unwrap();
    assert_eq!(codes_of(&checked(&output).problems), ["ENTRYPOINT_NOT_UTF8"]);
    fs::remove_file(output.path().join("dist/app.js")).unwrap();
    fs::create_dir(output.path().join("dist/app.js")).unwrap();
    assert_eq!(codes_of(&checked(&output).problems), ["ENTRYPOINT_UNREADABLE"]);
}

#[test]
fn server_code_must_not_be_public() {
    let output = output(r#"{"version": 1, "name": "a", "static": "."}"#, &[("server.js", "")]);
    assert_eq!(codes_of(&checked(&output).problems), ["STATIC_EXPOSES_SERVER", "STATIC_EXPOSES_SERVER"]);
}
