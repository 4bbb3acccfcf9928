//! What every back end of KV must do, as tests on the service with that back end beneath it. A back end's test calls
//! [`run`] with a way to make an empty store.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod staleness;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::broadcast::Receiver;

use super::store::KvStore;
use super::*;
use crate::caller::{Identity, Policy};
use crate::clock::ManualClock;
use crate::event::LocalBus;

/// Noon of a day in 2026, in milliseconds: not on a full second.
const NOON: u64 = 1_772_366_400_250;

/// Runs every case, each on a store of its own. Needs a multi-threaded runtime.
pub async fn run<F: Future<Output = Arc<dyn KvStore>>>(empty_store: impl Fn() -> F) {
    values(Fixture::new(empty_store().await).await).await;
    invalid_input(Fixture::new(empty_store().await).await).await;
    expiry(Fixture::new(empty_store().await).await).await;
    lists(Fixture::new(empty_store().await).await).await;
    cursors(Fixture::new(empty_store().await).await).await;
    namespaces(Fixture::new(empty_store().await).await).await;
    transfers(Fixture::new(empty_store().await).await, Fixture::new(empty_store().await).await).await;
    isolation(Fixture::new(empty_store().await).await).await;
    events(Fixture::new(empty_store().await).await).await;
    staleness::reads_follow_writes(empty_store().await).await;
    staleness::competing_writers_leave_the_truth(empty_store().await).await;
}

/// A service on a store, with a clock that stands still at noon.
pub struct Fixture {
    /// The service.
    pub kv: Arc<Kv>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its event bus.
    pub bus: LocalBus,
    /// A caller of app `shop`, tenant `acme`.
    pub caller: Caller,
}

impl Fixture {
    /// A service with the usual settings.
    pub async fn new(store: Arc<dyn KvStore>) -> Self {
        Self::with_config(store, KvConfig::default()).await
    }

    async fn with_config(store: Arc<dyn KvStore>, config: KvConfig) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let bus = LocalBus::new();
        let kv = Kv::open(store, Gate::default(), clock.clone(), Arc::new(bus.clone()), config).await.unwrap();
        Self { kv: Arc::new(kv), clock, bus, caller: caller("acme", "shop") }
    }

    /// Puts a value into namespace `demo`.
    pub async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        self.kv.put(&self.caller, "demo", key, value.into(), PutOptions::default()).await
    }

    /// Puts a value into namespace `demo` for some seconds.
    pub async fn put_for(&self, key: &str, value: &str, ttl: f64) -> Result<(), KvError> {
        let options = PutOptions { ttl: Some(ttl), expiration: None };
        self.kv.put(&self.caller, "demo", key, value.into(), options).await
    }

    /// Reads from namespace `demo`, and checks that memory agrees.
    pub async fn get(&self, key: &str) -> Option<String> {
        let value = self.kv.get(&self.caller, "demo", key).await.unwrap();
        if let Some(cached) = self.kv.get_cached(&self.caller, "demo", key) {
            assert_eq!(cached, value, "memory disagrees with the store about {key:?}");
        }
        value.map(|value| value.to_string())
    }

    /// The names of the keys of namespace `demo`, all on one page.
    pub async fn names(&self, prefix: &str) -> Vec<String> {
        let page = self.page(prefix, None, None).await.unwrap();
        assert_eq!(page.cursor, None);
        page.keys.into_iter().map(|key| key.name).collect()
    }

    async fn page(&self, prefix: &str, limit: Option<f64>, cursor: Option<&str>) -> Result<KeyPage, KvError> {
        self.kv.list(&self.caller, "demo", ListOptions { prefix, limit, cursor }).await
    }
}

/// An anonymous caller.
pub fn caller(tenant: &str, app: &str) -> Caller {
    Caller {
        app: app.into(),
        tenant: tenant.into(),
        identity: Identity::Anonymous,
        policy: Policy::Enforced,
        trace: "test".into(),
    }
}

async fn values(fixture: Fixture) {
    assert_eq!(fixture.get("absent").await, None);
    let largest = "ä".repeat(limits::MAX_VALUE_BYTES / 2);
    for value in ["", "plain", "zwölf \u{1f980} \u{0} \u{fffd}", &largest] {
        fixture.put("key", value).await.unwrap();
        assert!(fixture.get("key").await.as_deref() == Some(value));
    }
    fixture.kv.delete(&fixture.caller, "demo", "key").await.unwrap();
    assert_eq!(fixture.get("key").await, None);
    fixture.kv.delete(&fixture.caller, "demo", "key").await.unwrap();

    let longest = "k".repeat(limits::MAX_KEY_BYTES);
    for key in [&longest, "\u{1}", "a'; DROP TABLE kv; --", "../%00", "\u{10ffff}"] {
        fixture.put(key, key).await.unwrap();
        assert_eq!(fixture.get(key).await.as_deref(), Some(key));
    }
}

async fn invalid_input(fixture: Fixture) {
    fixture.put("key", "untouched").await.unwrap();
    let Fixture { kv, caller, .. } = &fixture;
    let code = |result: Result<(), KvError>| result.unwrap_err().code();
    for namespace in ["", "a b", "ä", "a/b", &"n".repeat(65)] {
        let get = kv.get(caller, namespace, "key").await;
        assert_eq!(code(get.map(drop)), "KV_NAMESPACE_INVALID");
        let list = kv.list(caller, namespace, ListOptions::default()).await;
        assert_eq!(code(list.map(drop)), "KV_NAMESPACE_INVALID");
    }
    for (key, expected) in [("", "KV_KEY_INVALID"), ("a\0b", "KV_KEY_INVALID"), (&*"é".repeat(257), "KV_KEY_TOO_LARGE")]
    {
        assert_eq!(code(fixture.put(key, "value").await), expected);
        assert_eq!(code(kv.get(caller, "demo", key).await.map(drop)), expected);
        assert_eq!(code(kv.delete(caller, "demo", key).await), expected);
    }
    let too_large = "x".repeat(limits::MAX_VALUE_BYTES + 1);
    assert_eq!(code(fixture.put("key", &too_large).await), "KV_VALUE_TOO_LARGE");
    for seconds in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY, 3_153_600_001.0, 1e300] {
        assert_eq!(code(fixture.put_for("key", "value", seconds).await), "KV_TTL_INVALID", "{seconds}");
    }
    let now = (NOON / 1000) as f64;
    for (ttl, expiration) in [(None, now), (None, now + 0.5), (None, now * 1000.0), (Some(60.0), now + 60.0)] {
        let options = PutOptions { ttl, expiration: Some(expiration) };
        assert_eq!(code(kv.put(caller, "demo", "key", "value".into(), options).await), "KV_TTL_INVALID");
    }
    for limit in [0.0, -1.0, 1.5, 1001.0, f64::NAN] {
        assert_eq!(code(fixture.page("", Some(limit), None).await.map(drop)), "KV_LIMIT_INVALID");
    }
    for prefix in ["a\0", &"p".repeat(513)] {
        assert_eq!(code(fixture.page(prefix, None, None).await.map(drop)), "KV_PREFIX_INVALID");
    }
    assert_eq!(fixture.get("key").await.as_deref(), Some("untouched"));
    assert_eq!(fixture.names("").await, ["key"]);
}

async fn expiry(fixture: Fixture) {
    let seconds = NOON / 1000;
    fixture.put_for("short", "1", 10.0).await.unwrap();
    fixture.put_for("renewed", "1", 10.0).await.unwrap();
    fixture.put_for("long", "1", 60.0).await.unwrap();
    fixture.put_for("kept", "1", 10.0).await.unwrap();
    fixture.put("kept", "2").await.unwrap();
    let options = PutOptions { ttl: None, expiration: Some(seconds as f64 + 10.0) };
    fixture.kv.put(&fixture.caller, "demo", "dated", "1".into(), options).await.unwrap();
    let page = fixture.page("", None, None).await.unwrap();
    let expirations: Vec<_> = page.keys.iter().map(|key| (&*key.name, key.expiration)).collect();
    let soon = Some(seconds + 10);
    let expected = [("dated", soon), ("kept", None), ("long", Some(seconds + 60)), ("renewed", soon), ("short", soon)];
    assert_eq!(expirations, expected);
    assert_eq!(fixture.kv.sweep().await.unwrap(), 0);

    fixture.clock.advance(Duration::from_millis(9_999));
    assert_eq!(fixture.get("short").await.as_deref(), Some("1"));
    fixture.clock.advance(Duration::from_millis(1));
    // Absent to every reader at once, while the store still holds the records.
    assert_eq!(fixture.get("short").await, None);
    assert_eq!(fixture.names("").await, ["kept", "long"]);
    fixture.put_for("renewed", "2", 10.0).await.unwrap();

    let mut events = fixture.bus.subscribe();
    fixture.kv.delete(&fixture.caller, "demo", "short").await.unwrap();
    assert_eq!(fixture.kv.sweep().await.unwrap(), 2);
    assert_eq!(fixture.kv.sweep().await.unwrap(), 0);
    let mut expired = drain(&mut events);
    expired.sort();
    assert_eq!(expired, ["kv.expired demo/dated", "kv.expired demo/short"]);
    assert_eq!(fixture.get("renewed").await.as_deref(), Some("2"));
    assert_eq!(fixture.names("").await, ["kept", "long", "renewed"]);

    // More than one transaction's worth.
    let many = SWEEP_BATCH as usize + 1;
    for index in 0..many {
        fixture.put_for(&format!("many:{index}"), "", 1.0).await.unwrap();
    }
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.kv.sweep().await.unwrap(), many);
}

async fn lists(fixture: Fixture) {
    // In the order of UTF-8 bytes, which is not that of UTF-16 units: U+FFFD comes before U+1F980.
    let ordered = [
        "A",
        "B",
        "a",
        "a:",
        "a:1",
        "a:10",
        "a:2",
        "a;",
        "b",
        "é",
        "\u{fffd}",
        "\u{1f980}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}x",
    ];
    for key in ordered.iter().rev() {
        fixture.put(key, "value").await.unwrap();
    }
    fixture.kv.put(&fixture.caller, "demo2", "elsewhere", "".into(), PutOptions::default()).await.unwrap();
    assert_eq!(fixture.names("").await, ordered);
    assert_eq!(fixture.names("a:").await, ["a:", "a:1", "a:10", "a:2"]);
    assert_eq!(fixture.names("\u{10ffff}").await, ["\u{10ffff}", "\u{10ffff}\u{10ffff}x"]);
    assert_eq!(fixture.names("zz").await, [""; 0]);

    // Pages join up whatever their size, and while keys come and go on either side of the cursor.
    for limit in 1..=ordered.len() {
        let mut names = Vec::new();
        let mut cursor = None;
        loop {
            let page = fixture.page("", Some(limit as f64), cursor.as_deref()).await.unwrap();
            assert!(page.keys.len() == limit || page.cursor.is_none());
            names.extend(page.keys.into_iter().map(|key| key.name));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ordered, "in pages of {limit}");
    }
    let first = fixture.page("a", Some(2.0), None).await.unwrap();
    for gone in ["a:", "a:1"] {
        fixture.kv.delete(&fixture.caller, "demo", gone).await.unwrap();
    }
    fixture.put("a\u{1}", "behind").await.unwrap();
    fixture.put("a:11", "ahead").await.unwrap();
    let second = fixture.page("a", None, first.cursor.as_deref()).await.unwrap();
    let names: Vec<_> = second.keys.into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["a:10", "a:11", "a:2", "a;"]);
}

async fn cursors(fixture: Fixture) {
    for key in ["a1", "a2", "b1"] {
        for (tenant, app, namespace) in
            [("acme", "shop", "demo"), ("acme", "shop", "other"), ("acme", "blog", "demo"), ("zeta", "shop", "demo")]
        {
            let value = "value".into();
            fixture.kv.put(&caller(tenant, app), namespace, key, value, PutOptions::default()).await.unwrap();
        }
    }
    let cursor = fixture.page("a", Some(1.0), None).await.unwrap().cursor.unwrap();
    assert_eq!(fixture.page("a", None, Some(&cursor)).await.unwrap().keys[0].name, "a2");

    let list = async |tenant: &str, app: &str, namespace: &str, prefix: &str, cursor: &str| {
        let options = ListOptions { prefix, limit: None, cursor: Some(cursor) };
        fixture.kv.list(&caller(tenant, app), namespace, options).await.unwrap_err().code()
    };
    assert_eq!(list("zeta", "shop", "demo", "a", &cursor).await, "KV_CURSOR_INVALID");
    assert_eq!(list("acme", "blog", "demo", "a", &cursor).await, "KV_CURSOR_INVALID");
    assert_eq!(list("acme", "shop", "other", "a", &cursor).await, "KV_CURSOR_INVALID");
    assert_eq!(list("acme", "shop", "demo", "", &cursor).await, "KV_CURSOR_INVALID");
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for garbled in [&*forged, "", "a1", "???", &cursor[..cursor.len() - 2], &format!("{cursor}AA"), &"A".repeat(10_000)]
    {
        assert_eq!(list("acme", "shop", "demo", "a", garbled).await, "KV_CURSOR_INVALID", "{garbled}");
    }
}

async fn namespaces(fixture: Fixture) {
    assert_eq!(fixture.kv.apps().await.unwrap(), []);
    let all = [("a", "x", "n"), ("acme", "blog", "demo"), ("acme", "shop", "Z"), ("acme", "shop", "demo")];
    for (tenant, app, namespace) in all.into_iter().chain([("acme", "shop", "demo.2"), ("acme", "shop\0", "_")]) {
        for key in ["1", "2", "\u{10ffff}"] {
            let caller = caller(tenant, app);
            fixture.kv.put(&caller, namespace, key, "".into(), PutOptions::default()).await.unwrap();
        }
    }
    let apps: Vec<_> = fixture.kv.apps().await.unwrap();
    let apps: Vec<_> = apps.iter().map(|(tenant, app)| (&**tenant, &**app)).collect();
    assert_eq!(apps, [("a", "x"), ("acme", "blog"), ("acme", "shop"), ("acme", "shop\0")]);

    let page = async |after: &str| fixture.kv.namespaces(&fixture.caller, after).await.unwrap();
    let names = |page: NamespacePage| page.namespaces.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    assert!(!page("").await.more);
    assert_eq!(names(page("").await), ["Z", "demo", "demo.2"]);
    assert_eq!(names(page("demo").await), ["demo.2"]);
    assert_eq!(names(page("d").await), ["demo", "demo.2"]);
    assert_eq!(names(page("demo.2").await), [""; 0]);
    fixture.kv.delete(&fixture.caller, "Z", "1").await.unwrap();
    assert_eq!(names(page("").await).len(), 3);
    for key in ["2", "\u{10ffff}"] {
        fixture.kv.delete(&fixture.caller, "Z", key).await.unwrap();
    }
    assert_eq!(names(page("").await), ["demo", "demo.2"]);
}

/// What is copied is the same to the letter, its expiry included, and what is there already is left or stands in the way.
async fn transfers(source: Fixture, target: Fixture) {
    // More than a page.
    for index in 0..1200 {
        source.put(&format!("key:{index:04}"), &format!("värde \u{0} {index}")).await.unwrap();
    }
    source.put_for("short", "1", 10.0).await.unwrap();
    source.put_for("gone", "1", 1.0).await.unwrap();
    source.clock.advance(Duration::from_secs(2));
    let now = source.clock.now();
    let (from, to) = (&*source.kv.store, &*target.kv.store);
    let app = ("acme".into(), "shop".into());
    target.put("key:0007", "värde \u{0} 7").await.unwrap();

    let mut seen = 0;
    let copied = copy_namespace(from, to, &app, "demo", now, &mut |count| seen = count).await.unwrap();
    assert_eq!((copied.count, seen), (1201, 1201));
    let digest = async |store: &dyn KvStore| digest_namespace(store, &app, "demo", now).await.unwrap();
    assert_eq!(copied, digest(from).await);
    assert_eq!(copied, digest(to).await);
    assert_eq!(namespaces_of(to, &app).await.unwrap(), [Arc::from("demo")]);
    assert_eq!(target.get("key:1199").await.as_deref(), Some("värde \u{0} 1199"));
    let short = target.page("short", None, None).await.unwrap();
    assert_eq!(short.keys[0].expiration, Some((NOON + 10_000) / 1000));
    assert_eq!(target.get("gone").await, None);

    // Again, with something new on one side and something changed on the other.
    source.put("later", "2").await.unwrap();
    assert_eq!(copy_namespace(from, to, &app, "demo", now, &mut |_| ()).await.unwrap().count, 1202);
    target.put("key:0500", "changed").await.unwrap();
    assert_ne!(digest(from).await, digest(to).await);
    let refused = copy_namespace(from, to, &app, "demo", now, &mut |_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("key:0500"), "{refused}");
    assert_eq!(refused.code(), "MIGRATE_DIFFERS");
    assert_eq!(target.get("key:0500").await.as_deref(), Some("changed"));
}

async fn isolation(fixture: Fixture) {
    fixture.put("key", "acme's").await.unwrap();
    // Names that would run together if they were joined.
    for other in [caller("acme", "blog"), caller("zeta", "shop"), caller("acm", "eshop"), caller("acme\0shop", "x")] {
        assert_eq!(fixture.kv.get_cached(&other, "demo", "key"), None);
        assert_eq!(fixture.kv.get(&other, "demo", "key").await.unwrap(), None);
        assert_eq!(fixture.kv.list(&other, "demo", ListOptions::default()).await.unwrap().keys, []);
        fixture.kv.delete(&other, "demo", "key").await.unwrap();
        fixture.kv.put(&other, "demo", "key", "another's".into(), PutOptions::default()).await.unwrap();
    }
    assert_eq!(fixture.get("key").await.as_deref(), Some("acme's"));
    for nobody in [caller("", "shop"), caller("acme", "")] {
        assert_eq!(fixture.kv.get(&nobody, "demo", "key").await.unwrap_err().code(), "AUTHZ_DENIED");
        assert_eq!(fixture.kv.get_cached(&nobody, "demo", "key"), None);
    }
}

async fn events(fixture: Fixture) {
    let mut events = fixture.bus.subscribe();
    fixture.put("a", "1").await.unwrap();
    fixture.put("a", "2").await.unwrap();
    fixture.kv.delete(&fixture.caller, "demo", "a").await.unwrap();
    fixture.kv.delete(&fixture.caller, "demo", "a").await.unwrap();
    fixture.put_for("b", "1", 0.0).await.unwrap_err();
    assert_eq!(drain(&mut events), ["kv.put demo/a", "kv.put demo/a", "kv.delete demo/a"]);

    // A put whose caller goes away is still made, and still told of.
    {
        let mut put = Box::pin(fixture.put("abandoned", "1"));
        while let Poll::Ready(done) = put.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            done.unwrap();
            put = Box::pin(fixture.put("abandoned", "1"));
        }
    }
    fixture.put("after", "1").await.unwrap();
    let told = drain(&mut events);
    assert_eq!(told.iter().filter(|event| *event == "kv.put demo/abandoned").count(), 1, "{told:?}");
    assert_eq!(fixture.get("abandoned").await.as_deref(), Some("1"));
}

/// The events so far as `kind namespace/key`, checked for rising versions.
fn drain(events: &mut Receiver<Event>) -> Vec<String> {
    let mut latest = 0;
    let mut drained = Vec::new();
    while let Ok(event) = events.try_recv() {
        assert!(event.version > latest, "{event:?} after version {latest}");
        assert_eq!((&*event.tenant, &*event.app), ("acme", "shop"));
        latest = event.version;
        drained.push(format!("{} {}/{}", event.kind.as_str(), event.namespace, event.key));
    }
    drained
}
