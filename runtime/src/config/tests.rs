//! Configuration from files, variables and options.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::apps::manifest::EnvRules;

fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orilla.toml");
    fs::write(&file, toml).unwrap();
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Config::load(Options { config: Some(file), ..Options::default() }, variables)
}

/// `line:column CODE`, or the file and the code where there is no line.
fn summary(problems: &Problems) -> Vec<String> {
    let line = |problem: &Problem| match problem.position {
        Some(at) => format!("{}:{} {}", at.line, at.column, problem.code),
        None => format!("{} {}", problem.file.file_name().unwrap().display(), problem.code),
    };
    problems.0.iter().map(line).collect()
}

#[test]
fn options_win_over_variables_over_the_file() {
    let toml =
        "[server]\nport = 1\nadmin_port = 2\ndata_dir = 'file'\n[egress]\nallow = ['10.0.0.5', '192.168.0.0/16']\n";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orilla.toml");
    fs::write(&file, toml).unwrap();
    let variables = [
        ("ORILLA_SERVER_PORT", "3"),
        ("ORILLA_SERVER_DATA_DIR", "variable"),
        ("ORILLA_EGRESS_ALLOW_PRIVATE", "true"),
        ("ORILLA_LIMITS_HEAP_MB", "64"),
        ("ORILLA_SERVR_PORT", "9"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let options = Options { config: Some(file), data_dir: Some("option".into()), ..Options::default() };
    let config = Config::load(options, variables).unwrap();
    assert_eq!((config.server.port, config.server.admin_port), (3, Some(2)));
    assert_eq!(config.server.data_dir, Path::new("option"));
    assert_eq!(config.limits.heap_mb, Some(64));
    assert!(config.egress.allow_private);
    let ranges: Vec<String> = config.egress.allow.into_iter().map(String::from).collect();
    assert_eq!(ranges, ["10.0.0.5/32", "192.168.0.0/16"]);
    assert_eq!(config.warnings.0[0].hint.as_deref(), Some("did you mean `ORILLA_SERVER_PORT`?"));
    let listed = load("", &[("ORILLA_EGRESS_ALLOW", "::1, 10.0.0.0/8")]).unwrap().egress.allow;
    assert_eq!(listed.len(), 2);
    let secret = [
        ("ORILLA_TELEMETRY_OTLP_HEADERS", "authorization=Bearer of=secrets,x-team=blue"),
        ("ORILLA_TELEMETRY_SAMPLE_RATIO", "0.25"),
        ("ORILLA_LOG_ACCESS", "all"),
    ];
    let config = load("[telemetry]\nsample_ratio = 1\n", &secret).unwrap();
    assert_eq!((config.telemetry.sample_ratio, config.log.access), (0.25, Access::All));
    assert_eq!(config.telemetry.otlp_headers[0].value, "Bearer of=secrets");
    assert!(!format!("{:?}", config.telemetry).contains("secrets"));
}

#[test]
fn no_secret_is_shown() {
    let secret = "hunter2";
    for toml in [
        "[admin]\ntoken = 'hunter2'",
        "[admin]\ntoken = ['hunter2']",
        "[admin]\ntoken = hunter2",
        "[admin]\ntokn = 'hunter2-hunter2-hunter2'",
        "token = 'hunter2-hunter2-hunter2'",
        "admin = { token = 'hunter2-hunter2-hunter2', tken = 1 }",
        "[telemetry]\notlp_headers = 'authorization=hunter2'",
        "[telemetry]\notlp_headers = [\n  'a=b',\n  'hunter2',\n]",
        "[database]\nurl = ['postgres://app:hunter2@db/app']",
        "[database]\nurl = postgres://app:hunter2@db/app",
    ] {
        let problems = load(toml, &[]).expect_err(toml);
        assert!(!format!("{problems:#}").contains(secret), "{problems:#}");
        assert!(problems.0.iter().all(|problem| problem.position.is_some()), "{problems:#}");
    }
    for name in ["ORILLA_ADMIN_TOKEN", "ORILLA_TELEMETRY_OTLP_HEADERS"] {
        let problems = load("", &[(name, secret)]).expect_err(name);
        assert!(!format!("{problems:#}").contains(secret), "{problems:#}");
    }
    let shown = load("[server]\nprt = 1\n[admin]\ntoken = 'hunter2-hunter2-hunter2'", &[]).unwrap_err();
    assert!(format!("{shown:#}").contains("prt = 1"), "{shown:#}");
}

#[test]
fn filters_of_the_log_are_read_as_they_are_meant() {
    for filter in
        ["", "warn", "OFF", "info,orilla_runtime=debug", "warn, app=info , access=off", "info,[request{id=1}]=trace"]
    {
        assert!(load("", &[("ORILLA_LOG_FILTER", filter)]).is_ok(), "{filter}");
    }
    for filter in ["wran", "info,acess", "app=loud", "=", "info,[request"] {
        let problems = load("", &[("ORILLA_LOG_FILTER", filter)]).expect_err(filter);
        assert_eq!(summary(&problems), ["ORILLA_LOG_FILTER CONFIG_VALUE"], "{filter}");
    }
}

#[test]
fn every_problem_has_its_place() {
    let table: &[(&str, &[&str])] = &[
        ("[server]\nprt = 1\n", &["2:1 CONFIG_UNKNOWN_KEY"]),
        ("[sever]\n", &["1:2 CONFIG_UNKNOWN_KEY"]),
        ("port = 1\n", &["1:1 CONFIG_UNKNOWN_KEY"]),
        ("[server]\nport = 70000\nhost = 'localhost'\n", &["2:8 CONFIG_RANGE", "3:8 CONFIG_VALUE"]),
        ("[server]\nport = '80'\ndata_dir = 1979-05-27\n", &["2:8 CONFIG_TYPE", "3:12 CONFIG_TYPE"]),
        ("[egress]\nallow = [\n  '10.0.0.1',\n  '10.0.0.0/33',\n]\n", &["4:3 CONFIG_VALUE"]),
        ("[server\n[kv\n", &["1:8 CONFIG_SYNTAX", "2:4 CONFIG_SYNTAX"]),
        ("[server]\nport = 1\nport = 2\n", &["3:1 CONFIG_SYNTAX"]),
        ("[limits]\nheap_mb = 1\n[kv]\ncache_mb = -1\n", &["2:11 CONFIG_RANGE", "4:12 CONFIG_RANGE"]),
        (
            "[telemetry]\nsample_ratio = 1.5\notlp_endpoint = 'localhost:4318'\notlp_headers = ['a=b', 'no header']\n",
            &["2:16 CONFIG_RANGE", "3:17 CONFIG_VALUE", "4:24 CONFIG_VALUE"],
        ),
        ("[log]\naccess = 'some'\n[telemetry]\nsample_ratio = 'all'\n", &["2:10 CONFIG_VALUE", "4:16 CONFIG_TYPE"]),
        ("[log]\nfilter = 'wran'\n", &["2:10 CONFIG_VALUE"]),
        ("[log]\nfilter = 'info,app=loud'\n", &["2:10 CONFIG_VALUE"]),
        ("[routing.paths]\nblog = 'blog'\n'/shop' = 'shop'\n", &["2:1 CONFIG_VALUE"]),
        ("server.tls_cert = 'a'\n", &["orilla.toml CONFIG_MISSING"]),
        ("[server]\nadmin_port = 3000\n", &["orilla.toml CONFIG_VALUE"]),
        ("[routing]\ndomain = 'localhost:80'\n", &["orilla.toml CONFIG_VALUE"]),
        ("[routing.hosts]\n'a:80' = 'a'\n'b' = 'b'\n'999.1.1.1' = 'c'\n", &["orilla.toml CONFIG_VALUE"; 2]),
    ];
    for (toml, expected) in table {
        let problems = load(toml, &[]).expect_err(toml);
        assert_eq!(summary(&problems), *expected, "{toml}\n{problems}");
    }
    let hint = load("port = 1", &[]).unwrap_err().0[0].hint.clone();
    assert_eq!(hint.as_deref(), Some("did you mean `$.server.port`?"));
    let variable =
        load("[server]\nport = ''", &[("ORILLA_SERVER_PORT", "x"), ("ORILLA_KV_CACHE_MB", "-1")]).unwrap_err();
    assert_eq!(
        summary(&variable),
        ["2:8 CONFIG_TYPE", "ORILLA_KV_CACHE_MB CONFIG_RANGE", "ORILLA_SERVER_PORT CONFIG_TYPE"]
    );
    let options = Options { config: Some("/no/orilla.toml".into()), ..Options::default() };
    assert_eq!(Config::load(options, BTreeMap::new()).unwrap_err().0[0].code, "CONFIG_NOT_FOUND");
    assert!(load(&format!("a = {}", "[".repeat(100_000)), &[]).is_err());
}

fn env_file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, text).unwrap();
    (directory, file)
}

#[test]
fn environment_files_are_read_as_written() {
    let (_directory, file) = env_file(concat!(
        "# comment\r\n\nexport A=1\n B = two words # comment\n",
        "C=\"x\\n\\\"y\\\" \\$z \\q\" # comment\nD='raw \\n # $x'\n",
        "E=\nF=a#b\nG=\"two\nlines\"\nH=#nothing\nA=again\nI=x=y\r\n",
    ));
    let (variables, problems) = environment::read_files(&[file]);
    assert!(problems.is_empty(), "{}", Problems(problems));
    let expected = [
        ("A", "again"),
        ("B", "two words"),
        ("C", "x\n\"y\" $z \\q"),
        ("D", "raw \\n # $x"),
        ("E", ""),
        ("F", "a#b"),
        ("G", "two\nlines"),
        ("H", ""),
        ("I", "x=y"),
    ];
    let found: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);

    let (_directory, file) = env_file("A\n1B=2\n=3\nOK=1\nC='x' y\nD=\"open\n");
    let (variables, problems) = environment::read_files(&[file, "/no/.env".into()]);
    let found = summary(&Problems(problems));
    let faults = ["1:1", "2:1", "3:1", "5:6", "6:3"].map(|place| format!("{place} ENV_FILE_SYNTAX"));
    assert_eq!(found[..5], faults);
    assert_eq!(found[5], ".env ENV_FILE_NOT_FOUND");
    assert_eq!(variables.keys().collect::<Vec<_>>(), ["OK"]);
}

#[test]
fn an_app_sees_only_what_it_was_promised() {
    let (_directory, file) = env_file("FROM_FILE=1\nBOTH=file\nPUBLIC_BOTH=file\n");
    let names = ["HOME", "SECRET", "PUBLIC_A", "BOTH", "PUBLIC_BOTH"].map(|name| (name, "process"));
    let variables = names.into_iter().chain([("ORILLA_LOG_FILTER", "warn")]);
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let config = Config::load(Options { env_files: vec![file], ..Options::default() }, variables).unwrap();
    let rules = EnvRules { required: vec!["SECRET".into(), "ORILLA_LOG_FILTER".into()], ..EnvRules::default() };
    let seen: Vec<_> =
        config.environment.for_app(&rules).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = ["BOTH=file", "FROM_FILE=1", "PUBLIC_A=process", "PUBLIC_BOTH=process", "SECRET=process"];
    assert_eq!(seen, expected);
    let closed = EnvRules { prefix: String::new(), required: Vec::new() };
    assert_eq!(config.environment.for_app(&closed).len(), 3);
    assert!(config.environment.provides("SECRET") && !config.environment.provides("ORILLA_LOG_FILTER"));
    assert!(!format!("{config:?}").contains("SECRET"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_files_never_panic(
        toml in "[\\[\\]a-z=.'\"#\\\\ \n0-9é\r]{0,80}",
        env in "(export )?[A-Z=\"'\\\\#é \n\r]{0,80}",
    ) {
        if let Err(problems) = load(&toml, &[]) {
            let text = format!("{problems:#}");
            prop_assert!(!text.is_empty());
        }
        let (_directory, file) = env_file(&env);
        environment::read_files(&[file]);
    }
}
