use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orilla_services::clock::Clock;
use proptest::prelude::*;
use regex_lite::Regex;
use tar::Builder;
use tempfile::TempDir;

use super::bundle::Bundle;
use super::store::Store;
use super::traffic::{KEPT_FOR_ROLLBACK, MAX_TRAFFIC_VERSIONS, Share, Traffic};
use super::{AppName, VersionId};
use crate::apps::manifest::Manifest;
use crate::apps::manifest::schema::schema_of;

mod hostile;

/// Each look is a millisecond later.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

fn open(data: &Path) -> Store {
    Store::open(data, Arc::new(Ticking::default())).unwrap()
}

fn app() -> AppName {
    AppName::try_from("shop".to_owned()).unwrap()
}

/// A build whose server.js is `source`.
fn build(source: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("manifest.json"), "{}").unwrap();
    fs::write(directory.path().join("server.js"), source).unwrap();
    fs::create_dir_all(directory.path().join("static/.well-known")).unwrap();
    fs::write(directory.path().join("static/.well-known/security.txt"), "x").unwrap();
    directory
}

fn archive(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    Bundle::of(directory).unwrap().write(&mut bytes).unwrap();
    bytes
}

fn deploy(store: &Store, source: &str) -> VersionId {
    store.receive(&app(), &*archive(build(source).path())).unwrap().version.version
}

fn split(shares: &[(&VersionId, u8)]) -> Traffic {
    let shares = shares.iter().map(|(version, percent)| Share { version: (*version).clone(), percent: *percent });
    shares.collect::<Vec<_>>().try_into().unwrap()
}

/// Every path under `directory`.
fn tree(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(directory).unwrap().to_string_lossy().into_owned());
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_same_directory_is_the_same_version_however_it_is_packed() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let directory = build("one");
    let first = store.receive(&app(), &*archive(directory.path())).unwrap();
    assert!(first.is_new);
    assert_eq!(fs::read(store.directory(&app(), &first.version.version).join("server.js")).unwrap(), b"one");

    // As `tar -C build -c .` packs it: with `./`, directories, hidden files and what is installed there.
    for (path, content) in [(".env", "SECRET=1"), ("node_modules/x/index.js", "x"), (".git/config", "x")] {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut packed = Builder::new(Vec::new());
    packed.append_dir_all(".", directory.path()).unwrap();
    let again = store.receive(&app(), &*packed.into_inner().unwrap()).unwrap();
    assert!(!again.is_new);
    assert_eq!(again.version, first.version);

    let other = deploy(&store, "two");
    assert_ne!(other, first.version.version);
    let listed: Vec<_> = store.list(&app()).unwrap().into_iter().map(|listed| listed.version).collect();
    assert_eq!(listed, [other, first.version.version]);
    assert_eq!(store.apps().unwrap(), [app()]);
}

#[test]
fn long_paths_links_inside_and_empty_directories_arrive() {
    let directory = build("one");
    let long = format!("static/{}/{}.js", "d".repeat(150), "f".repeat(200));
    fs::create_dir_all(directory.path().join(&long).parent().unwrap()).unwrap();
    fs::write(directory.path().join(&long), "long").unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    std::os::unix::fs::symlink("server.js", directory.path().join("link.js")).unwrap();
    std::os::unix::fs::symlink("static", directory.path().join("public")).unwrap();
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let version = store.receive(&app(), &*archive(directory.path())).unwrap().version.version;
    let files = store.directory(&app(), &version);
    assert_eq!(fs::read(files.join(&long)).unwrap(), b"long");
    assert_eq!(fs::read(files.join("link.js")).unwrap(), b"one");
    assert!(files.join("public/.well-known/security.txt").symlink_metadata().unwrap().is_file());
    assert!(files.join("empty").is_dir());
}

#[test]
fn what_a_crash_leaves_is_cleared_away_and_what_was_done_stays() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let version = deploy(&store, "one");
    store.set_traffic(&app(), Traffic::only(version.clone())).unwrap();
    let before = tree(data.path());
    drop(store);
    let shop = data.path().join("apps/shop");
    fs::create_dir_all(shop.join("staging-abc/files/half")).unwrap();
    fs::write(shop.join("staging-abc/files/half/written"), "x").unwrap();
    fs::write(shop.join("active.json.tmp"), "{ \"format\": 1, \"traf").unwrap();
    fs::create_dir_all(data.path().join("apps/new/staging-def")).unwrap();

    let store = open(data.path());
    let mut expected = before;
    expected.push("apps/new".to_owned());
    expected.sort();
    assert_eq!(tree(data.path()), expected);
    assert_eq!(store.apps().unwrap(), [app()]);
    assert_eq!(store.traffic(&app()).unwrap(), Some(Traffic::only(version.clone())));
    store.verify(&app(), &version).unwrap();
}

#[test]
fn damage_is_named_and_repaired_by_the_next_deploy() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let version = deploy(&store, "one");
    store.set_traffic(&app(), Traffic::only(version.clone())).unwrap();
    let files = store.directory(&app(), &version);
    let record = files.with_file_name("version.json");
    type Damage<'a> = Box<dyn Fn() + 'a>;
    let cases: [(&str, Damage<'_>); 6] = [
        ("server.js was changed", Box::new(|| fs::write(files.join("server.js"), "two").unwrap())),
        ("server.js is missing", Box::new(|| fs::remove_file(files.join("server.js")).unwrap())),
        ("static/new.html was added", Box::new(|| fs::write(files.join("static/new.html"), "x").unwrap())),
        ("version.json is missing", Box::new(|| fs::remove_file(&record).unwrap())),
        (
            "version.json was changed",
            Box::new(|| {
                fs::write(&record, fs::read_to_string(&record).unwrap().replacen("\"bytes\": 3", "\"bytes\": 4", 1))
                    .unwrap()
            }),
        ),
        ("manifest.json is missing", Box::new(|| fs::remove_dir_all(&files).unwrap())),
    ];
    for (message, damage) in cases {
        damage();
        let error = store.verify(&app(), &version).unwrap_err();
        assert_eq!(error.code(), "VERSION_CORRUPT");
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert_eq!(store.list(&app()).unwrap().len(), 1);
        assert_eq!(deploy(&store, "one"), version);
        store.verify(&app(), &version).unwrap();
    }
    fs::write(data.path().join("apps/shop/active.json"), "{}").unwrap();
    assert_eq!(store.traffic(&app()).unwrap_err().code(), "TRAFFIC_CORRUPT");
    assert_eq!(store.delete(&app(), &version).unwrap_err().code(), "TRAFFIC_CORRUPT");
}

#[test]
fn a_rollback_goes_back_one_step_each_time() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let [a, b, c] = ["a", "b", "c"].map(|source| deploy(&store, source));
    assert_eq!(store.rollback_target(&app()).unwrap_err().code(), "ROLLBACK_NONE");
    for version in [&a, &b, &c] {
        store.set_traffic(&app(), Traffic::only(version.clone())).unwrap();
    }
    for expected in [&b, &a] {
        let target = store.rollback_target(&app()).unwrap();
        assert_eq!(target, *expected);
        store.roll_back(&app(), &target).unwrap();
    }
    assert_eq!(store.rollback_target(&app()).unwrap_err().code(), "ROLLBACK_NONE");

    // A canary: a rollback takes its part away, and so does setting the traffic, after which it is forgotten.
    store.set_traffic(&app(), split(&[(&a, 90), (&c, 10)])).unwrap();
    assert_eq!(store.rollback_target(&app()).unwrap(), a);
    store.set_traffic(&app(), Traffic::only(a.clone())).unwrap();
    assert_eq!(store.rollback_target(&app()).unwrap_err().code(), "ROLLBACK_NONE");

    // A version that was deleted meanwhile is passed over.
    store.set_traffic(&app(), Traffic::only(b.clone())).unwrap();
    store.set_traffic(&app(), Traffic::only(c.clone())).unwrap();
    store.delete(&app(), &b).unwrap();
    assert_eq!(store.rollback_target(&app()).unwrap(), a);
}

#[test]
fn a_version_with_traffic_stays() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let versions = ["a", "b", "c", "d"].map(|source| deploy(&store, source));
    let [a, b, c, d] = &versions;
    store.set_traffic(&app(), split(&[(a, 60), (b, 40)])).unwrap();
    assert_eq!(store.delete(&app(), a).unwrap_err().code(), "VERSION_ACTIVE");
    assert_eq!(store.prunable(&app(), 1).unwrap(), std::slice::from_ref(c));
    store.delete(&app(), c).unwrap();
    assert_eq!(store.delete(&app(), c).unwrap_err().code(), "VERSION_NOT_FOUND");
    assert_eq!(store.set_traffic(&app(), Traffic::only(c.clone())).unwrap_err().code(), "VERSION_NOT_FOUND");
    assert_eq!(store.traffic(&app()).unwrap(), Some(split(&[(a, 60), (b, 40)])));
    let left: Vec<_> = store.list(&app()).unwrap().into_iter().map(|listed| listed.version).collect();
    assert_eq!(left, [d.clone(), b.clone(), a.clone()]);
    let nobody = AppName::try_from("nobody".to_owned()).unwrap();
    assert_eq!(store.list(&nobody).unwrap_err().code(), "APP_NOT_FOUND");
    assert_eq!(store.rollback_target(&nobody).unwrap_err().code(), "APP_NOT_FOUND");
}

#[test]
fn what_rollbacks_lead_to_stays() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let versions: Vec<_> = (0..KEPT_FOR_ROLLBACK + 2).map(|number| deploy(&store, &number.to_string())).collect();
    for version in &versions {
        store.set_traffic(&app(), Traffic::only(version.clone())).unwrap();
    }
    assert_eq!(store.prunable(&app(), 1).unwrap(), [versions[1].clone(), versions[0].clone()]);
}

#[test]
fn traffic_and_names_are_checked() {
    let version = |number: u8| VersionId::try_from(format!("{number:016x}")).unwrap();
    let share = |number, percent| Share { version: version(number), percent };
    for shares in [
        vec![],
        vec![share(1, 99)],
        vec![share(1, 100), share(2, 0)],
        vec![share(1, 50), share(1, 50)],
        vec![share(1, 200), share(2, 156)],
        (0..9).map(|number| share(number, if number == 0 { 20 } else { 10 })).collect(),
    ] {
        assert_eq!(Traffic::try_from(shares).unwrap_err().code(), "TRAFFIC_INVALID");
    }
    for name in ["", "-a", "A", "a.b", "a/b", "..", &"a".repeat(64)] {
        assert_eq!(AppName::try_from(name.to_owned()).unwrap_err().code(), "APP_NAME_INVALID");
    }
    for version in ["", "../../../../../x", "0123456789ABCDEF", "0123456789abcdef0"] {
        assert_eq!(VersionId::try_from(version.to_owned()).unwrap_err().code(), "VERSION_NOT_FOUND");
    }
}

#[test]
fn two_who_bring_the_same_version_both_have_it() {
    let data = TempDir::new().unwrap();
    let store = open(data.path());
    let bytes = archive(build("one").path());
    std::thread::scope(|scope| {
        let receivers: Vec<_> = (0..8).map(|_| scope.spawn(|| store.receive(&app(), &*bytes).unwrap())).collect();
        let received: Vec<_> = receivers.into_iter().map(|receiver| receiver.join().unwrap()).collect();
        assert_eq!(received.iter().filter(|received| received.is_new).count(), 1);
        assert!(received.iter().all(|other| other.version == received[0].version));
    });
    assert_eq!(fs::read_dir(data.path().join("apps/shop")).unwrap().count(), 1);
}

proptest! {
    /// The rule stands here and in the manifest's schema.
    #[test]
    fn names_of_apps_are_those_a_manifest_can_have(name in "[a-c0-2A.é_-]{0,3}|[a-]{60,66}") {
        let schema = schema_of::<Manifest>();
        let rule = Regex::new(schema["properties"]["name"]["pattern"].as_str().unwrap()).unwrap();
        prop_assert_eq!(AppName::try_from(name.clone()).is_ok(), rule.is_match(&name));
    }

    /// Shifting traffic gives the new version exactly its part and leaves the sum at 100.
    #[test]
    fn shifted_traffic_is_whole(steps in prop::collection::vec((0u64..10, 1u8..=100), 1..20)) {
        let version = |number: u64| VersionId::try_from(format!("{number:016x}")).unwrap();
        let mut traffic = Traffic::only(version(0));
        for (number, percent) in steps {
            match traffic.shifted(version(number), percent) {
                Ok(next) => {
                    prop_assert_eq!(next.percent(&version(number)), percent);
                    prop_assert_eq!(next.shares().iter().map(|share| u32::from(share.percent)).sum::<u32>(), 100);
                    traffic = next;
                }
                Err(error) => {
                    prop_assert_eq!(error.code(), "TRAFFIC_INVALID");
                    let alone = traffic.percent(&version(number)) == 100;
                    prop_assert!(alone || traffic.shares().len() == MAX_TRAFFIC_VERSIONS);
                }
            }
        }
    }
}
