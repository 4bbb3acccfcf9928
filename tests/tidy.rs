//! The project's own rules, kept by reading it: which crate may use which, where things are, and what the docs must name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files under a directory that end so, without what was installed or built there.
fn files(directory: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "node_modules" | "target" | "build" | "test" | "tests") {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) && !name.starts_with("tests.") {
            found.push(path);
        }
    }
}

/// What the product is made of: Rust and the JavaScript it carries.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for directory in ["runtime/src", "ops", "snapshot/src", "js/web", "js/platform", "js/packages"] {
        files(&root().join(directory), &[".rs", ".js"], &mut found);
    }
    assert!(found.len() > 100, "the sources have moved");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The words of upper-case letters, digits and underscores, two parts at least, that stand between two marks.
fn constants_between(text: &str, mark: char) -> BTreeSet<String> {
    let is_code = |word: &&str| {
        word.contains('_')
            && !word.starts_with('_')
            && !word.ends_with('_')
            && word
                .chars()
                .all(|character| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
    };
    text.split(mark).filter(is_code).map(str::to_owned).collect()
}

/// Codes that are Node's own, and names that are no codes of errors.
const NOT_OURS: [&str; 7] = ["ERR_", "ABORT_ERR", "CARGO_", "OUT_DIR", "ORILLA_", "PUBLIC_", "Z_"];

#[test]
fn every_error_code_is_documented_and_no_other() {
    let documented: BTreeSet<String> = ["docs/errors.md", "docs/kv.md", "docs/adapters.md"]
        .iter()
        .flat_map(|page| constants_between(&text(page), '`'))
        .collect();
    let mut undocumented = BTreeSet::new();
    let mut everything = String::new();
    for (path, source) in sources() {
        let tests = source.find("#[cfg(test)]").unwrap_or(source.len());
        let mut codes = constants_between(&source[..tests], '"');
        // Those within a longer text.
        for rest in source[..tests].split("error[").skip(1) {
            let code = rest.split(']').next().unwrap();
            codes.extend(constants_between(code, ']'));
        }
        for code in codes {
            if !documented.contains(&code) && !NOT_OURS.iter().any(|start| code.starts_with(start)) {
                undocumented.insert(format!("{code} in {}", path.display()));
            }
        }
        everything.push_str(&source);
    }
    assert!(undocumented.is_empty(), "codes that docs/errors.md lacks: {undocumented:#?}");
    let gone: Vec<_> = constants_between(&text("docs/errors.md"), '`')
        .into_iter()
        .filter(|code| !code.starts_with("ERR_") && !code.starts_with("ORILLA_") && !code.starts_with("ADAPTER_"))
        .filter(|code| !everything.contains(code.as_str()))
        .collect();
    assert!(gone.is_empty(), "docs/errors.md has codes that nothing raises: {gone:?}");
}

#[test]
fn every_public_limit_is_documented() {
    let page = text("docs/limits.md");
    let mut missing = BTreeSet::new();
    for (path, source) in sources() {
        for line in source.lines().map(str::trim_start).filter(|line| line.starts_with("pub const MAX_")) {
            let name = line["pub const ".len()..].split(':').next().unwrap();
            if !page.contains(&format!("`{name}`")) {
                missing.insert(format!("{name} in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "limits that docs/limits.md lacks: {missing:#?}");
}

#[test]
fn dependencies_point_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    const BACK_END: &[&str] = &[
        "deno_",
        "v8",
        "hyper",
        "orilla-bindings",
        "orilla-sqlite",
        "orilla-postgres",
        "orilla-snapshot",
        "orilla-runtime",
    ];
    let forbidden = |package: &str| -> &[&str] {
        match package {
            "orilla-services" => &["deno_", "v8", "sqlx", "redis", "hyper", "orilla-"],
            "orilla-sqlite" | "orilla-postgres" => BACK_END,
            // hyper is the client of an app's own WebSockets here. What it serves is the runtime's.
            "orilla-bindings" => &["sqlx", "orilla-sqlite", "orilla-postgres", "orilla-snapshot", "orilla-runtime"],
            "orilla-snapshot" => &["sqlx", "hyper", "orilla-sqlite", "orilla-postgres", "orilla-runtime"],
            "orilla-tests" => &["deno_", "v8", "orilla-"],
            _ => &[],
        }
    };
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 7, "say here what the new crate may use");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            assert!(!forbidden(name).iter().any(|start| used.starts_with(start)), "{name} must not use {used}");
        }
    }
}

#[test]
fn a_service_has_one_name_everywhere() {
    for service in ["kv"] {
        for place in [
            format!("ops/services/src/{service}/mod.rs"),
            format!("ops/bindings/src/{service}.rs"),
            format!("ops/sqlite/src/{service}.rs"),
            format!("ops/postgres/src/{service}.rs"),
            format!("js/platform/{service}.js"),
            format!("js/packages/platform/{service}.d.ts"),
            format!("tests/apps/{service}"),
            format!("docs/{service}.md"),
        ] {
            assert!(root().join(&place).exists(), "{place} is missing");
        }
    }
}

/// The strings in double quotes between the first occurrence of `begin` and the next of `end`.
fn strings_in(file: &str, begin: &str, end: &str) -> BTreeSet<String> {
    let text = text(file);
    let list = &text[text.find(begin).unwrap() + begin.len()..];
    list[..list.find(end).unwrap()].split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_lists_of_node_modules_agree() {
    let compiled: BTreeSet<_> = strings_in("ops/bindings/src/extensions.rs", "orilla_node,", ");")
        .into_iter()
        .filter_map(|name| name.strip_prefix("node:").map(str::to_owned))
        .collect();
    assert!(compiled.contains("stream"), "{compiled:?}");
    assert_eq!(strings_in("js/web/node_host.js", "builtinModules = [", "];"), compiled);
    let adapter = "js/packages/adapter-sveltekit/src/bundle.js";
    assert_eq!(strings_in(adapter, "NODE_MODULES = [", "];"), compiled);
    let docs = text("docs/node-modules.md");
    let (_, section) = docs.split_once("## In name only").unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let named = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned));
    assert_eq!(strings_in(adapter, "IN_NAME_ONLY = [", "];"), named.collect());
}

#[test]
fn the_top_level_is_closed() {
    let known = ["benches", "docs", "examples", "js", "ops", "runtime", "snapshot", "tests", "target", "node_modules"];
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            assert!(known.contains(&name.as_str()), "{name}/ is not one of the project's folders");
        }
    }
}
