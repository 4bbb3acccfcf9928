//! Manifests as files: what loads, and what is said about those that do not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

fn load(bytes: &[u8]) -> Result<LoadedManifest, Problems> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("manifest.json");
    fs::write(&path, bytes).unwrap();
    Manifest::load(&path)
}

/// `line:column CODE path` of each problem.
fn summary(problems: &Problems) -> Vec<String> {
    let line = |problem: &Problem| {
        let place = problem.position.map(|at| format!("{}:{} ", at.line, at.column)).unwrap_or_default();
        format!("{place}{} {}", problem.code, problem.path.as_deref().unwrap_or("")).trim_end().to_owned()
    };
    problems.0.iter().map(line).collect()
}

#[test]
fn every_problem_has_its_place() {
    let unclosed = "[".repeat(100_000);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let long_name = format!(r#"{{"version":1,"name":"a","limits":{{"{}":1}}}}"#, "x".repeat(100_000));
    let table: &[(&str, &[&str])] = &[
        ("", &["1:1 MANIFEST_SYNTAX"]),
        ("{\n  \"version\": 1,\n}", &["3:1 MANIFEST_SYNTAX"]),
        ("{\n  // no\n}", &["2:3 MANIFEST_SYNTAX"]),
        ("{'version': 1}", &["1:2 MANIFEST_SYNTAX"]),
        ("{\"version\": 01}", &["1:14 MANIFEST_SYNTAX"]),
        ("{\"version\": 1} {}", &["1:16 MANIFEST_SYNTAX"]),
        ("{\"name\": \"a\n\"}", &["1:12 MANIFEST_SYNTAX"]),
        ("{\"name\": \"\\ud800\"}", &["1:17 MANIFEST_SYNTAX"]),
        (&unclosed, &["1:100000 MANIFEST_SYNTAX"]),
        (&deep, &["1:129 MANIFEST_SYNTAX"]),
        ("[]", &["1:1 MANIFEST_TYPE $"]),
        ("{}", &["1:1 MANIFEST_MISSING $.version", "1:1 MANIFEST_MISSING $.name"]),
        ("{\"version\": 2,\n\"name\": \"My App\"}", &["1:13 MANIFEST_VERSION $.version", "2:9 MANIFEST_VALUE $.name"]),
        ("{\"version\": 1.0, \"name\": \"a\"}", &["1:13 MANIFEST_TYPE $.version"]),
        ("{\"version\": 1, \"name\": \"a\",\n \"name\": \"b\"}", &["2:2 MANIFEST_DUPLICATE_KEY $.name"]),
        ("{\"version\": 1, \"name\": \"a\", \"static\": null}", &["1:39 MANIFEST_TYPE $.static"]),
        ("{\"version\": 1, \"name\": \"a\", \"static\": \"../x\"}", &["1:39 MANIFEST_VALUE $.static"]),
        ("{\"version\": 1, \"name\": \"a\", \"entrypoint\": \"/s.js\"}", &["1:43 MANIFEST_VALUE $.entrypoint"]),
        ("{\"version\": 1, \"name\": \"a\", \"auth\": []}", &["1:37 MANIFEST_TYPE $.auth"]),
        (
            concat!(
                "{\"version\": 1, \"name\": \"a\", \"limits\": {\n\t\"heap_mb\": 4,\n",
                "\t\"cpu_ms\": -1, \"wall_ms\": 1.5,\n\t\"websockets\": \"3\"}}",
            ),
            &[
                "2:13 MANIFEST_RANGE $.limits.heap_mb",
                "3:12 MANIFEST_RANGE $.limits.cpu_ms",
                "3:27 MANIFEST_TYPE $.limits.wall_ms",
                "4:16 MANIFEST_TYPE $.limits.websockets",
            ],
        ),
        (
            "{\"version\": 1, \"name\": \"a\", \"env\": {\"é\": 1, \"required\": [\"OK\", \"1X\", 3]}}",
            &[
                "1:37 MANIFEST_UNKNOWN_KEY $.env.é",
                "1:64 MANIFEST_VALUE $.env.required[1]",
                "1:70 MANIFEST_TYPE $.env.required[2]",
            ],
        ),
        (
            concat!(
                "{\"version\": 1, \"name\": \"a\", \"static\": \"s\", \"routes\": {\"include\": [\"api\"],\n",
                "\"prerendered\": {\"about\": \"/a.html\"}}}",
            ),
            &[
                "1:67 MANIFEST_VALUE $.routes.include[0]",
                "2:17 MANIFEST_VALUE $.routes.prerendered.about",
                "2:26 MANIFEST_VALUE $.routes.prerendered.about",
            ],
        ),
        (
            "{\"version\": 1, \"name\": \"a\", \"routes\": {\"fallback\": \"200.html\", \"immutable\": []}}",
            &["1:52 MANIFEST_MISSING $.routes.fallback"],
        ),
        (&long_name, &["1:35 MANIFEST_UNKNOWN_KEY"]),
    ];
    for (text, expected) in table {
        let problems = load(text.as_bytes()).expect_err(text);
        let found = summary(&problems);
        let text: String = text.chars().take(200).collect();
        assert_eq!(found.len(), expected.len(), "{text}\n{problems}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(found == expected || found.starts_with(&format!("{expected} ")), "{text}\n{found}\n{expected}");
        }
    }
}

/// A megabyte of mistakes, one line or many levels, is answered with a bounded list.
#[test]
fn a_flood_of_mistakes_is_cut_off() {
    let flood = (0..80_000).map(|n| format!("\"k{n}\":0")).collect::<Vec<_>>().join(",");
    let problems = load(format!("{{{flood}}}").as_bytes()).unwrap_err();
    assert_eq!(problems.0.len(), schema::MAX_PROBLEMS);
    let long_keys = format!("{{\"{}\":", "x".repeat(8_000)).repeat(100);
    let nested = format!("{{\"version\":1,\"name\":\"a\",\"auth\":{long_keys}0{}", "}".repeat(101));
    assert!(load(nested.as_bytes()).is_ok());
}

#[test]
fn unreadable_files_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let code = |path: &Path| Manifest::load(path).expect_err("must not load").0[0].code;
    assert_eq!(code(&directory.path().join("no.json")), "MANIFEST_NOT_FOUND");
    assert_eq!(code(directory.path()), "MANIFEST_NOT_FOUND");
    assert_eq!(code(Path::new("/dev/null")), "MANIFEST_UNREADABLE");
    assert_eq!(load(&vec![b' '; MAX_MANIFEST_BYTES as usize + 1]).unwrap_err().0[0].code, "MANIFEST_TOO_LARGE");
    let latin1 = load(b"{\n\"name\": \"caf\xe9\"}").unwrap_err();
    assert_eq!(summary(&latin1), ["2:13 MANIFEST_SYNTAX"]);
}

#[test]
fn a_directory_stands_for_the_manifest_in_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("build")).unwrap();
    let inner = directory.path().join("build/manifest.json");
    fs::write(&inner, "\u{feff}{\"version\": 1, \"name\": \"inner\"}").unwrap();
    let loaded = Manifest::load(directory.path()).unwrap();
    assert_eq!((loaded.manifest.name.as_str(), &loaded.path), ("inner", &inner));
    assert_eq!(loaded.entrypoint(), directory.path().join("build/server.js"));
    fs::write(directory.path().join("manifest.json"), r#"{"version": 1, "name": "outer"}"#).unwrap();
    assert_eq!(Manifest::load(directory.path()).unwrap().manifest.name, "outer");
}

#[test]
fn a_misspelt_key_is_named() {
    for (key, hint) in [
        (r#""entrypont": "x""#, "did you mean `entrypoint`?"),
        (r#""limits": {"heapMb": 9}"#, "did you mean `heap_mb`?"),
        (r#""limits": {"WALL-MS": 9}"#, "did you mean `wall_ms`?"),
        (r#""prerendered": []"#, "did you mean `$.routes.prerendered`?"),
        (r#""env": {"zzz": 1}"#, "the keys here are `prefix`, `required`"),
    ] {
        let problems = load(format!(r#"{{"version": 1, "name": "a", {key}}}"#).as_bytes()).unwrap_err();
        assert_eq!(problems.0[0].hint.as_deref(), Some(hint), "{problems}");
    }
}

#[test]
fn a_problem_prints_as_one_line_or_with_its_source() {
    let mut problems =
        load(b"{\n  \"version\": 1,\n  \"name\": \"a\",\n  \"entrypont\": \"\x1b[2J\"\n}").err().unwrap();
    // JSON allows no raw control character in a string; in the excerpt it must not reach the terminal.
    assert!(!format!("{problems:#}").contains('\x1b'));
    problems = load(b"{\n  \"version\": 1,\n  \"name\": \"a\",\n  \"entrypont\": \"s.js\"\n}").unwrap_err();
    let file = problems.0[0].file.display().to_string();
    let line = format!("{file}:4:3: error[MANIFEST_UNKNOWN_KEY]: $.entrypont: there is no such key");
    assert_eq!(problems.to_string(), format!("{line}\n  hint: did you mean `entrypoint`?"));
    let source = "   |\n 4 |   \"entrypont\": \"s.js\"\n   |   ^^^^^^^^^^^";
    assert_eq!(format!("{problems:#}"), format!("{line}\n{source}\n  hint: did you mean `entrypoint`?"));
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!(json[0]["line"], 4);
    assert_eq!(json[0]["column"], 3);
    assert_eq!(json[0]["severity"], "error");
}

#[test]
fn the_host_caps_what_an_app_asks_for() {
    let loaded = load(br#"{"version": 1, "name": "a", "limits": {"heap_mb": 512, "cpu_ms": 50}}"#).unwrap();
    let free = loaded.limits(&LimitSettings::default()).unwrap();
    assert_eq!((free.heap_mb, free.cpu_ms, free.wall_ms), (512, 50, 30_000));
    let caps = LimitSettings { heap_mb: Some(256), wall_ms: Some(1_000), ..Default::default() };
    assert_eq!(summary(&loaded.limits(&caps).unwrap_err()), ["1:51 LIMIT_ABOVE_CAP $.limits.heap_mb"]);
    let caps = LimitSettings { heap_mb: Some(512), wall_ms: Some(1_000), ..Default::default() };
    assert_eq!(loaded.limits(&caps).unwrap().wall_ms, 1_000);
}

#[test]
fn patterns_match_whole_paths() {
    for (pattern, path, matches) in [
        ("/*", "/", true),
        ("/api/*", "/api/users/7", true),
        ("/api/*", "/api", false),
        ("/*.js", "/a/b.js.map.js", true),
        ("/*.js", "/a.jsx", false),
        ("*.js", "/a/b.js", true),
        ("*", "", true),
        ("/a*b*c", "/aXbYbZc", true),
        ("/a*b*c", "/acb", false),
        ("/a*a", "/a", false),
        ("/*b*b", "/b", false),
        ("/exact", "/exact", true),
        ("/exact", "/exactly", false),
        ("/**", "/x/y", true),
    ] {
        assert_eq!(UrlPattern(pattern.to_owned()).matches(path), matches, "{pattern} {path}");
    }
    let routes = Routes { exclude: vec![UrlPattern("/static/*".to_owned())], ..Routes::default() };
    assert!(routes.reach_app("/x") && !routes.reach_app("/static/x"));
}

/// Writes the schema file when `ORILLA_UPDATE` is set.
#[test]
#[allow(clippy::disallowed_methods, reason = "whoever changes the types asks for the file to be written")]
fn the_published_schema_is_current() {
    let path = Path::new(DOCS).join("manifest.schema.json");
    let schema = schema::schema_of::<Manifest>();
    if std::env::var_os("ORILLA_UPDATE").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    let published: Json = serde_json::from_slice(&fs::read(&path).unwrap_or_default()).unwrap_or_default();
    assert_eq!(published, schema, "run this test with ORILLA_UPDATE=1 to write docs/manifest.schema.json");
}

/// A keyword the checker does not read would be a promise nobody keeps.
#[test]
fn the_checker_knows_every_keyword_of_the_schemas() {
    const CHECKED: &str = "additionalProperties anyOf const format items maxItems maxLength maxProperties maximum \
                           minimum pattern patternErrorMessage properties propertyNames required type x-secret";
    const ANNOTATIONS: &str = "$schema default description title";
    fn visit(schema: &Json) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let known = CHECKED.split(' ').chain(ANNOTATIONS.split(' ')).any(|known| known == keyword);
            assert!(known, "{keyword} in {schema}");
            match keyword.as_str() {
                "properties" => value.as_object().unwrap().values().for_each(visit),
                "anyOf" => value.as_array().unwrap().iter().for_each(visit),
                "items" | "additionalProperties" | "propertyNames" => visit(value),
                _ => {}
            }
        }
    }
    visit(&schema::schema_of::<Manifest>());
    visit(&schema::schema_of::<crate::config::Config>());
}

#[test]
fn the_docs_are_current() {
    let docs = fs::read_to_string(Path::new(DOCS).join("manifest.md")).unwrap();
    let example = docs.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let loaded = load(example.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#}"));
    let schema = schema::schema_of::<Manifest>();
    let example = serde_json::to_value(&loaded.manifest).unwrap();
    for key in schema["properties"].as_object().unwrap().keys() {
        assert!(example.get(key).is_some(), "the example lacks {key}");
        assert!(docs.contains(&format!("`{key}`")), "the docs lack {key}");
    }
    for (name, limit) in schema["properties"]["limits"]["properties"].as_object().unwrap() {
        let row = format!("| `{name}` | {} | {} to {} |", limit["default"], limit["minimum"], limit["maximum"]);
        assert!(docs.contains(&row), "the docs lack {row}");
    }
    for code in codes::ALL {
        assert!(docs.contains(&format!("| `{code}` |")), "the docs lack {code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(problems) = load(&bytes) {
            let text = format!("{problems:#}");
            prop_assert!(!text.is_empty());
        }
    }

    /// Bytes of a whole manifest replaced, so that the mistakes lie deeper than the first character.
    #[test]
    fn damaged_manifests_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let manifest = json!({
            "version": 1, "name": "é", "static": "s", "env": { "required": ["A"] }, "limits": { "heap_mb": 64 },
            "routes": { "include": ["/*"], "prerendered": { "/": "index.html" } }, "auth": { "a": [null, 1e3] },
        });
        let mut bytes = serde_json::to_vec_pretty(&manifest).unwrap();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(problems) = load(&bytes) {
            prop_assert!(problems.0.iter().all(|problem| problem.position.is_some()), "{problems}");
            let text = format!("{problems:#}");
            prop_assert!(!text.is_empty());
        }
    }
}
