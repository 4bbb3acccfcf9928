//! Pages: each document that stays is on exactly one, whatever comes and goes between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fixture, caller, ids_in, to_json};
use crate::database::DatabaseError;
use crate::database::store::DocumentStore;
use crate::database::value::{Object, Value};

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    pages_join_up(Fixture::new(empty_store().await).await).await;
    pages_survive_changes(Fixture::new(empty_store().await).await).await;
    cursors_are_bound(Fixture::new(empty_store().await).await).await;
}

impl Fixture {
    /// A page of `c`: the `_id`s and the cursor.
    async fn page(
        &self,
        query: &str,
        options: &str,
        cursor: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), DatabaseError> {
        let cursor = cursor.map_or("null".to_owned(), |cursor| format!("'{cursor}'"));
        let page = self.call("findPage", "c", &format!("{query},{{{options},'cursor':{cursor}}}")).await?;
        let page = Object::parse(&page.replace('\'', "\"")).unwrap();
        let cursor = match page.get("cursor").unwrap() {
            Value::String(cursor) => Some(cursor.clone()),
            _ => None,
        };
        Ok((ids_in(&page.get("documents").unwrap().to_json()), cursor))
    }

    /// The `_id`s on all pages; between two of them something may happen.
    async fn pages(&self, query: &str, options: &str, between: impl AsyncFn(usize)) -> Vec<String> {
        let (mut ids, mut cursor, mut number) = (Vec::new(), None, 0);
        loop {
            let (page, next) = self.page(query, options, cursor.as_deref()).await.unwrap();
            assert!(!page.is_empty() || next.is_none());
            ids.extend(page);
            cursor = next;
            if cursor.is_none() {
                return ids;
            }
            between(number).await;
            number += 1;
        }
    }
}

const QUERIES: [(&str, &str); 8] = [
    ("{}", ""),
    ("{}", "'sort':{'n':1}"),
    ("{}", "'sort':{'n':-1}"),
    ("{}", "'sort':{'n':-1,'t':1}"),
    ("{}", "'sort':{'_id':-1}"),
    ("{'n':{'$gte':2}}", "'sort':{'t':1}"),
    ("{'n':3}", "'sort':{'t':-1,'_id':1}"),
    ("{'n':{'$in':[1,4]}}", ""),
];

async fn fill(fixture: &Fixture) {
    let documents: Vec<_> =
        (0..60).map(|n| format!("{{'_id':{n},'n':{},'t':['{}','{}']}}", n * 7 % 5, n % 4, n % 3)).collect();
    fixture.ok("insertMany", "c", &format!("[{}]", documents.join(","))).await;
}

async fn pages_join_up(fixture: Fixture) {
    fill(&fixture).await;
    for keys in ["", "{'n':1}", "{'n':-1,'t':1}", "{'t':1}"] {
        if !keys.is_empty() {
            fixture.ok("createIndex", "c", &format!("{{'keys':{keys}}}")).await;
        }
        for (query, sort) in QUERIES {
            let comma = if sort.is_empty() { "" } else { "," };
            let all = fixture.pages(query, &format!("{sort}{comma}'limit':1000"), async |_| {}).await;
            let mut found = ids_in(&fixture.ok("find", "c", query).await);
            let mut sorted = all.clone();
            found.sort();
            sorted.sort();
            assert_eq!(sorted, found, "{query}");
            for limit in [1, 2, 7, 59, 60] {
                let paged = fixture.pages(query, &format!("{sort}{comma}'limit':{limit}"), async |_| {}).await;
                assert_eq!(paged, all, "{query} {sort} in pages of {limit} with {keys}");
            }
        }
    }
}

async fn pages_survive_changes(fixture: Fixture) {
    fill(&fixture).await;
    fixture.ok("createIndex", "c", "{'keys':{'n':1}}").await;
    for (query, sort) in QUERIES {
        let comma = if sort.is_empty() { "" } else { "," };
        let expected = ids_in(&fixture.ok("find", "c", query).await);
        let change = async |number: usize| {
            // Documents before and after the cursor come and go, all with ids of their own.
            for n in 0..5 {
                let extra = format!("{{'_id':'{number} {n}','n':{n},'t':'{n}'}}");
                fixture.ok("insertOne", "c", &extra).await;
                fixture.ok("deleteOne", "c", &format!("{{'_id':'{} {n}'}}", number.wrapping_sub(1))).await;
            }
        };
        let paged = fixture.pages(query, &format!("{sort}{comma}'limit':7"), change).await;
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for id in paged.iter().filter(|id| !id.starts_with('\'')) {
            *times.entry(id).or_default() += 1;
        }
        assert!(times.values().all(|times| *times == 1), "{query} {sort}: {paged:?}");
        assert_eq!(times.len(), expected.len(), "{query} {sort}: {paged:?}");
        fixture.ok("deleteMany", "c", "{'_id':{'$type':'string'}}").await;
    }
}

async fn cursors_are_bound(fixture: Fixture) {
    fill(&fixture).await;
    let (query, options) = ("{'n':{'$gte':0}}", "'sort':{'n':1},'limit':3");
    let (_, cursor) = fixture.page(query, options, None).await.unwrap();
    let cursor = cursor.unwrap();
    // Another limit and projection are no other query.
    assert_eq!(fixture.page(query, "'sort':{'n':1},'limit':2", Some(&cursor)).await.unwrap().0.len(), 2);
    let refused = async |query: &str, options: &str, cursor: &str| {
        assert_eq!(
            fixture.page(query, options, Some(cursor)).await.unwrap_err().code(),
            "DB_CURSOR_INVALID",
            "{cursor}"
        );
    };
    refused("{'n':{'$gt':0}}", options, &cursor).await;
    refused(query, "'sort':{'n':-1}", &cursor).await;
    refused(query, "'limit':3", &cursor).await;
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    for garbled in [&*String::from_utf8(forged).unwrap(), "", "???", &cursor[..cursor.len() - 2], &"A".repeat(100_000)]
    {
        refused(query, options, garbled).await;
    }
    let arguments = to_json(&format!("{query},{{{options},'cursor':'{cursor}'}}"));
    for (other, collection) in
        [(caller("acme", "blog"), "c"), (caller("zeta", "shop"), "c"), (caller("acme", "shop"), "d")]
    {
        let error = fixture.database.call(&other, "findPage", collection, &arguments).await.unwrap_err();
        assert_eq!(error.code(), "DB_CURSOR_INVALID");
    }
    // A key that no cursor can carry.
    let long = "x".repeat(20_000);
    fixture.ok("insertMany", "c", &format!("[{{'_id':'x','long':'{long}'}},{{'_id':'y','long':'{long}'}}]")).await;
    let code = fixture.page("{}", "'sort':{'long':-1},'limit':1", None).await.unwrap_err().code();
    assert_eq!(code, "DB_SORT_INVALID");
}
