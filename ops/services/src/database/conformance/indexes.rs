//! Indexes of every kind: what they hold, what they refuse, and what becomes of declared ones.

use std::sync::Arc;
use std::time::Duration;

use super::{Fixture, NOON};
use crate::database::limits::EXPIRY_BATCH;
use crate::database::store::DocumentStore;
use crate::database::value::Object;
use crate::database::{Declared, Reconciled};

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    made_listed_and_dropped(Fixture::new(empty_store().await).await).await;
    unique(Fixture::new(empty_store().await).await).await;
    sparse_and_partial(Fixture::new(empty_store().await).await).await;
    partial_and_missing(Fixture::new(empty_store().await).await).await;
    arrays(Fixture::new(empty_store().await).await).await;
    long_values(Fixture::new(empty_store().await).await).await;
    orders(Fixture::new(empty_store().await).await).await;
    expiry(Fixture::new(empty_store().await).await).await;
    reconciled(Fixture::new(empty_store().await).await).await;
}

impl Fixture {
    /// Asserts what a query finds, and that it reads a certain index for it.
    async fn finds_by(&self, index: &str, arguments: &str, expected: &str) {
        assert_eq!(self.ids("c", arguments).await, expected, "{arguments}");
        let explained = self.ok("explain", "c", arguments).await;
        assert!(explained.contains(&format!("'index':'{index}'")), "{arguments} should use {index}: {explained}");
    }
}

async fn made_listed_and_dropped(fixture: Fixture) {
    fixture.ok("insertMany", "c", "[{'_id':1,'a':1,'b':2},{'_id':2,'a':2},{'_id':3,'b':{'c':1}}]").await;
    assert_eq!(fixture.ok("createIndex", "c", "{'keys':{'a':1}}").await, "'c_a'");
    assert_eq!(
        fixture.ok("createIndex", "c", "{'keys':[['b.c',-1],['a',1]],'unique':true,'sparse':true}").await,
        "'c_b_c_desc_a_unique_sparse'"
    );
    assert_eq!(
        fixture
            .ok("createIndex", "c", "{'keys':{'t':1},'expireAfterSeconds':60,'partial':{'a':1},'name':'mine'}")
            .await,
        "'mine'"
    );
    assert_eq!(fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':3}").await, "'v_vector'");
    // Again is a no-op, whatever it would be called; another of the same name or on the same vectors is a conflict.
    assert_eq!(fixture.ok("createIndex", "c", "{'keys':{'a':1},'name':'other'}").await, "'c_a'");
    assert_eq!(
        fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':3,'metric':'cosine'}").await,
        "'v_vector'"
    );
    assert_eq!(fixture.code("createIndex", "c", "{'keys':{'b':1},'name':'c_a'}").await, "DB_INDEX_CONFLICT");
    assert_eq!(fixture.code("createIndex", "c", "{'keys':{'b':1},'name':'v_vector'}").await, "DB_INDEX_CONFLICT");
    assert_eq!(fixture.code("createVectorIndex", "c", "{'field':'v','dimensions':4}").await, "DB_INDEX_CONFLICT");
    let by_a = "{'kind':'document','name':'c_a','keys':[['a',1]],'unique':false,'sparse':false,'state':'ready'}";
    let by_both = "{'kind':'document','name':'c_b_c_desc_a_unique_sparse','keys':[['b.c',-1],['a',1]],'unique':true,\
                   'sparse':true,'state':'ready'}";
    let by_time = "{'kind':'document','name':'mine','keys':[['t',1]],'unique':false,'sparse':false,'partial':{'a':1},\
                   'expireAfterSeconds':60,'state':'ready'}";
    let vector = "{'kind':'vector','name':'v_vector','field':'v','dimensions':3,'metric':'cosine','storage':'float32',\
                  'matryoshka':false,'multiVector':false,'state':'ready'}";
    assert_eq!(fixture.ok("listIndexes", "c", "").await, format!("[{by_a},{by_both},{by_time},{vector}]"));
    assert_eq!(fixture.ok("listVectorIndexes", "c", "").await, format!("[{vector}]"));
    fixture.finds_by("c_a", "{'a':{'$gt':1}}", "2").await;
    fixture.ok("dropIndex", "c", "'c_a'").await;
    fixture.ok("dropVectorIndex", "c", "'v'").await;
    assert_eq!(fixture.code("dropIndex", "c", "'c_a'").await, "DB_INDEX_NOT_FOUND");
    assert_eq!(fixture.ok("listIndexes", "c", "").await, format!("[{by_both},{by_time}]"));
    assert_eq!(fixture.ids("c", "{'a':{'$gt':1}}").await, "2");
    // What it is then made of does not depend on what there was.
    fixture.ok("createIndex", "c", "{'keys':{'a':-1},'name':'c_a'}").await;
    fixture.finds_by("c_a", "{'a':{'$gt':0}}", "2 1").await;
    fixture.assert_sound().await;
}

async fn unique(fixture: Fixture) {
    fixture.ok("createIndex", "c", "{'keys':{'mail':1},'unique':true}").await;
    fixture.ok("createIndex", "c", "{'keys':[['org.id',1],['tags',-1]],'unique':true,'name':'pair'}").await;
    fixture
        .ok(
            "insertMany",
            "c",
            "[{'_id':1,'mail':'a','org':{'id':1},'tags':['x','y','x']},{'_id':2,'mail':'b','org':{'id':2}}]",
        )
        .await;
    for (method, arguments, index, key) in [
        ("insertOne", "{'_id':3,'mail':'a','org':{'id':3}}", "c_mail_unique", r#"{"mail":"a"}"#),
        (
            "insertOne",
            "{'_id':3,'mail':'c','org':{'id':1},'tags':['z','y']}",
            "pair",
            r#"{"org.id":1,"tags":["z","y"]}"#,
        ),
        ("updateOne", "{'_id':2},{'$set':{'mail':'a'}}", "c_mail_unique", r#"{"mail":"a"}"#),
        ("updateMany", "{},{'$set':{'mail':'c'}}", "c_mail_unique", r#"{"mail":"c"}"#),
        ("replaceOne", "{'_id':9},{'mail':'b'},{'upsert':true}", "c_mail_unique", r#"{"mail":"b"}"#),
    ] {
        let error = fixture.call(method, "c", arguments).await.unwrap_err();
        assert_eq!(error.code(), "DB_DUPLICATE_KEY", "{arguments}: {error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{index:?}")) && text.contains(key), "{text}");
    }
    assert_eq!(fixture.ok("distinct", "c", "'mail'").await, "['a','b']");
    // A missing field is a value like any other; one document may have a key twice, or keep its own.
    fixture.ok("insertOne", "c", "{'_id':3,'org':{'id':3}}").await;
    assert_eq!(fixture.code("insertOne", "c", "{'_id':4,'mail':null,'org':{'id':4}}").await, "DB_DUPLICATE_KEY");
    fixture.ok("updateOne", "c", "{'_id':1},{'$set':{'n':1}}").await;
    fixture.ok("updateOne", "c", "{'_id':1},{'$push':{'tags':'x'}}").await;
    // What is given up can be taken.
    fixture.ok("updateOne", "c", "{'_id':1},{'$set':{'mail':'z'}}").await;
    fixture.ok("updateOne", "c", "{'_id':2},{'$set':{'mail':'a'}}").await;
    fixture.ok("deleteOne", "c", "{'_id':2}").await;
    fixture.ok("insertOne", "c", "{'_id':4,'mail':'a','org':{'id':2}}").await;

    // Duplicates that are there already: the index is not made, and nothing of it stays.
    fixture
        .ok("insertMany", "c", "[{'_id':5,'mail':'5','org':{'id':5},'d':1},{'_id':6,'mail':'6','org':{'id':6},'d':1}]")
        .await;
    let error = fixture.call("createIndex", "c", "{'keys':{'d':1},'unique':true,'sparse':true}").await.unwrap_err();
    assert_eq!(error.code(), "DB_DUPLICATE_KEY");
    assert!(error.to_string().contains(r#"{"d":1}"#), "{error}");
    assert!(!fixture.ok("listIndexes", "c", "").await.contains("c_d"));
    fixture.ok("deleteOne", "c", "{'_id':6}").await;
    fixture.ok("createIndex", "c", "{'keys':{'d':1},'unique':true,'sparse':true}").await;
    fixture.assert_sound().await;
}

async fn sparse_and_partial(fixture: Fixture) {
    fixture.ok("createIndex", "c", "{'keys':{'s':1},'sparse':true,'unique':true,'name':'sparse'}").await;
    fixture
        .ok(
            "createIndex",
            "c",
            "{'keys':{'p':1},'unique':true,'partial':{'live':true,'n':{'$gte':5}},'name':'partial'}",
        )
        .await;
    let documents = "[{'_id':1,'s':1,'p':1,'live':true,'n':5},{'_id':2,'s':null,'p':1,'n':5},{'_id':3,'p':1,'live':true,'n':4},\
                     {'_id':4,'p':2,'live':true,'n':7}]";
    fixture.ok("insertMany", "c", documents).await;
    fixture.finds_by("sparse", "{'s':{'$lt':5}}", "1").await;
    fixture.finds_by("partial", "{'p':1,'live':true,'n':{'$gt':4.5,'$gte':5}}", "1").await;
    fixture.finds_by("partial", "{'p':{'$gt':0},'live':true,'n':7}", "4").await;
    for (arguments, expected) in [
        ("{'s':null}", "2 3 4"),
        ("{'s':{'$exists':true}}", "1 2"),
        ("{'s':{'$ne':1}}", "2 3 4"),
        ("{},{'sort':{'s':-1}}", "1 2 3 4"),
        ("{'p':1}", "1 2 3"),
        ("{'p':1,'live':true}", "1 3"),
        ("{'p':1,'live':true,'n':{'$gte':4}}", "1 3"),
        ("{'p':1,'live':true,'n':{'$ne':4}}", "1"),
        ("{'$or':[{'p':1,'live':true,'n':5},{'n':4}]}", "1 3"),
    ] {
        assert_eq!(fixture.ids("c", arguments).await, expected, "{arguments}");
    }
    assert_eq!(fixture.code("updateOne", "c", "{'_id':3},{'$set':{'n':6}}").await, "DB_DUPLICATE_KEY");
    fixture.ok("updateOne", "c", "{'_id':1},{'$set':{'live':false}}").await;
    fixture.ok("updateOne", "c", "{'_id':3},{'$set':{'n':6}}").await;
    fixture.finds_by("partial", "{'p':1,'live':true,'n':{'$gte':5}}", "3").await;
    // A document that meets what is asked with two items is in no sparse index of both.
    fixture.ok("createIndex", "c", "{'keys':{'x.a':1,'x.b':1},'sparse':true,'name':'both'}").await;
    fixture.ok("insertOne", "c", "{'_id':5,'x':[{'a':1},{'b':2}]}").await;
    assert_eq!(fixture.ids("c", "{'x.a':1,'x.b':2}").await, "5");
    fixture.assert_sound().await;
}

/// Conditions that a missing field meets say less than they seem to.
async fn partial_and_missing(fixture: Fixture) {
    fixture.ok("createIndex", "c", "{'keys':{'k':1},'partial':{'a':{'$exists':true}},'name':'there'}").await;
    fixture.ok("createIndex", "c", "{'keys':{'c':1},'partial':{'a.b':null},'name':'null'}").await;
    fixture.ok("insertMany", "c", "[{'_id':1,'k':1},{'_id':2,'k':1,'a':null},{'_id':3,'k':1,'a':7}]").await;
    fixture.ok("insertMany", "c", "[{'_id':4,'c':1,'a':[[1]]},{'_id':5,'c':1,'a':[{'b':1}]},{'_id':6,'c':1}]").await;
    for (arguments, expected) in [
        ("{'k':1,'a':{'$gte':null}}", "1 2"),
        ("{'k':1,'a':{'$lte':null}}", "1 2"),
        ("{'c':1,'a':{'$elemMatch':{'b':null}}}", "4"),
        ("{'c':1,'a':{'$elemMatch':{'b':{'$lte':null}}}}", "4"),
        ("{'c':1,'a':{'$elemMatch':{'b':{'$in':[null,2]}}}}", "4"),
    ] {
        assert_eq!(fixture.ids("c", arguments).await, expected, "{arguments}");
    }
    fixture.finds_by("there", "{'k':1,'a':{'$gte':7}}", "3").await;
    fixture.finds_by("null", "{'c':1,'a.b':null}", "6").await;
    // What is negated, or one of several, follows from itself.
    let written = ["{'x':{'$ne':1}}", "{'x':{'$nin':[1,2]}}", "{'x':{'$exists':false}}", "{'$or':[{'x':3},{'y':4}]}"];
    for (number, partial) in written.into_iter().enumerate() {
        let name = format!("written{number}");
        let key = format!("k{number}");
        fixture.ok("createIndex", "c", &format!("{{'keys':{{'{key}':1}},'partial':{partial},'name':'{name}'}}")).await;
        fixture.ok("insertMany", "c", &format!("[{{'{key}':1,'x':1}},{{'_id':'{key}','{key}':1,'y':4}}]")).await;
        let arguments = format!("{{'{key}':1,{}", &partial[1..]);
        fixture.finds_by(&name, &arguments, &format!("'{key}'")).await;
        assert_eq!(fixture.ok("countDocuments", "c", &format!("{{'{key}':1}}")).await, "2");
    }
    fixture.assert_sound().await;
}

async fn arrays(fixture: Fixture) {
    fixture.ok("createIndex", "c", "{'keys':{'tags':1,'n':1},'name':'tags'}").await;
    fixture.ok("createIndex", "c", "{'keys':{'l.a':1,'l.b':1},'name':'within'}").await;
    fixture.ok("insertMany", "c", "[{'_id':1,'tags':['a','b','a'],'n':1},{'_id':2,'tags':'b','n':2},{'_id':3,'tags':[],'n':3},{'_id':4,'n':4}]").await;
    fixture.finds_by("tags", "{'tags':'b'}", "1 2").await;
    fixture.finds_by("tags", "{'tags':'b'},{'sort':{'n':-1}}", "2 1").await;
    fixture.finds_by("tags", "{'tags':{'$in':['a','b']}}", "1 2").await;
    fixture.finds_by("tags", "{'tags':{'$gte':'a'}},{'limit':2}", "1 2").await;
    for (arguments, expected) in [
        ("{'tags':['a','b','a']}", "1"),
        ("{'tags':[]}", "3"),
        ("{'tags':null}", "4"),
        ("{'tags':{'$size':0}}", "3"),
        ("{'tags':{'$gt':'a','$lt':'b'}}", "1"),
        ("{'tags':{'$elemMatch':{'$gt':'a','$lt':'b'}}}", ""),
        ("{'tags':{'$all':['a','b']}}", "1"),
        ("{'tags':{'$ne':'b'}}", "3 4"),
        ("{},{'sort':{'tags':1,'_id':1}}", "3 4 1 2"),
        ("{},{'sort':{'tags':-1,'_id':-1}}", "2 1 4 3"),
    ] {
        assert_eq!(fixture.ids("c", arguments).await, expected, "{arguments}");
    }
    fixture
        .ok(
            "insertMany",
            "c",
            "[{'_id':5,'l':[{'a':1,'b':9},{'a':5,'b':2}]},{'_id':6,'l':{'a':1,'b':2}},{'_id':7,'l':[{'a':1,'b':2}]}]",
        )
        .await;
    fixture.finds_by("within", "{'l.a':1,'l.b':2},{'sort':{'_id':1}}", "5 6 7").await;
    assert_eq!(fixture.ids("c", "{'l':{'$elemMatch':{'a':1,'b':2}}}").await, "7");
    assert_eq!(fixture.ids("c", "{'l.a':{'$gt':1,'$lt':5}}").await, "5");
    assert_eq!(fixture.ids("c", "{'l.0.a':1},{'sort':{'_id':1}}").await, "5 7");

    // Two arrays would be an entry for each pair: refused, whichever comes first.
    let parallel = "DB_INDEX_PARALLEL_ARRAYS";
    assert_eq!(fixture.code("insertOne", "c", "{'_id':8,'tags':[1],'n':[2]}").await, parallel);
    assert_eq!(fixture.code("updateOne", "c", "{'_id':1},{'$set':{'n':[1]}}").await, parallel);
    fixture.ok("insertOne", "c", "{'_id':8,'p':[1],'q':[2]}").await;
    assert_eq!(fixture.code("createIndex", "c", "{'keys':{'p':1,'q':1}}").await, parallel);
    assert!(!fixture.ok("listIndexes", "c", "").await.contains("c_p_q"));
    fixture.assert_sound().await;
}

/// Values longer than an entry keeps: found all the same, told apart when unique, and sorted without the index.
async fn long_values(fixture: Fixture) {
    fixture.ok("createIndex", "c", "{'keys':{'t':1,'n':-1},'unique':true,'name':'long'}").await;
    let long = |ending: &str| format!("{}{ending}", "ä\\u0000".repeat(700));
    fixture.ok("insertOne", "c", "{'_id':0,'t':'short'}").await;
    fixture.finds_by("long", "{},{'sort':{'t':1}}", "0").await;
    for (id, ending) in [(1, "b"), (2, "a"), (3, "")] {
        fixture.ok("insertOne", "c", &format!("{{'_id':{id},'t':'{}'}}", long(ending))).await;
        assert_eq!(fixture.code("insertOne", "c", &format!("{{'t':'{}'}}", long(ending))).await, "DB_DUPLICATE_KEY");
        fixture.ok("insertOne", "c", &format!("{{'_id':1{id},'t':'{}','n':1}}", long(ending))).await;
    }
    fixture.finds_by("long", &format!("{{'t':'{}'}},{{'sort':{{'_id':1}}}}", long("a")), "2 12").await;
    fixture.finds_by("long", &format!("{{'t':'{}','n':1}}", long("a")), "12").await;
    fixture
        .finds_by("long", &format!("{{'t':{{'$gt':'{}'}}}},{{'sort':{{'t':1,'_id':1}}}}", long("")), "2 12 1 11")
        .await;
    assert_eq!(fixture.ids("c", "{'t':{'$gte':'t'}},{'sort':{'t':-1,'_id':1}}").await, "1 11 2 12 3 13");
    assert_eq!(fixture.ids("c", "{'t':{'$lt':'t'}}").await, "0");
    fixture.ok("deleteMany", "c", &format!("{{'t':'{}'}}", long("b"))).await;
    fixture.ok("insertOne", "c", &format!("{{'_id':1,'t':'{}'}}", long("b"))).await;
    fixture.assert_sound().await;
}

/// Sorted results by an index, either way, and where it cannot give the order.
async fn orders(fixture: Fixture) {
    let documents: Vec<_> =
        (0..60).map(|n| format!("{{'_id':{n},'a':{},'b':{},'c':'{}'}}", n % 3, n % 5, n % 2)).collect();
    fixture.ok("insertMany", "c", &format!("[{}]", documents.join(","))).await;
    let sorts = [
        "{'a':1,'b':-1,'_id':1}",
        "{'a':-1,'b':1,'_id':1}",
        "{'a':1,'b':1,'_id':1}",
        "{'a':1,'_id':-1}",
        "{'b':1,'a':1,'_id':1}",
    ];
    let filters = ["{}", "{'a':1}", "{'a':{'$in':[0,2]}}", "{'a':{'$gt':0}}", "{'a':1,'b':{'$lt':3}}", "{'c':'1'}"];
    let mut queries = Vec::new();
    for filter in filters {
        for sort in sorts {
            for window in ["", ",'limit':7", ",'skip':5,'limit':20"] {
                queries.push(format!("{filter},{{'sort':{sort}{window}}}"));
            }
        }
    }
    let mut expected = Vec::new();
    for query in &queries {
        expected.push(fixture.ids("c", query).await);
    }
    fixture.ok("createIndex", "c", "{'keys':[['a',1],['b',-1],['_id',1]],'name':'abi'}").await;
    for (query, expected) in queries.iter().zip(&expected) {
        assert_eq!(fixture.ids("c", query).await, *expected, "{query}");
    }
    for (arguments, sorted) in [
        ("{},{'sort':{'a':1,'b':-1,'_id':1}}", "by index"),
        ("{},{'sort':{'a':-1,'b':1}}", "by index"),
        ("{},{'sort':{'a':-1,'b':-1}}", "in memory"),
        ("{'a':1},{'sort':{'b':1}}", "by index"),
        ("{'a':1},{'sort':{'a':-1,'b':1}}", "by index"),
        ("{'a':{'$in':[1,2]}},{'sort':{'b':1}}", "in memory"),
    ] {
        let explained = fixture.ok("explain", "c", arguments).await;
        assert!(explained.contains(&format!("'sorted':'{sorted}'")), "{arguments}: {explained}");
    }
    let explained = fixture.ok("explain", "c", "{'a':1},{'sort':{'b':1},'limit':3}").await;
    let examined: f64 =
        Object::parse(&explained.replace('\'', "\"")).unwrap().get("examined").unwrap().to_json().parse().unwrap();
    assert!(examined < 30.0, "no more is read than the limit asks for, but a part: {explained}");
}

async fn expiry(fixture: Fixture) {
    let now = NOON as f64 / 1000.0;
    fixture.ok("createIndex", "c", "{'keys':{'at':1},'expireAfterSeconds':10}").await;
    fixture.ok("createIndex", "d", "{'keys':{'at':-1},'expireAfterSeconds':0}").await;
    let documents = format!(
        "[{{'_id':1,'at':{}}},{{'_id':2,'at':{}}},{{'_id':3,'at':[{},{}]}},{{'_id':4,'at':'0'}},{{'_id':5,'at':null}},{{'_id':6}},\
         {{'_id':7,'at':-1}}]",
        now - 10.0,
        now - 9.0,
        now + 99.0,
        now - 9.5,
    );
    fixture.ok("insertMany", "c", &documents).await;
    fixture
        .ok(
            "insertMany",
            "d",
            &format!("[{{'_id':1,'at':{now}}},{{'_id':2,'at':{}}},{{'_id':3,'at':true}}]", now + 0.1),
        )
        .await;
    let mut events = fixture.bus.subscribe();
    assert_eq!(fixture.database.expire().await.unwrap(), 3);
    assert_eq!(fixture.ids("c", "").await, "2 3 4 5 6");
    assert_eq!(fixture.ids("d", "").await, "2 3");
    assert_eq!(super::drain(&mut events).len(), 3, "each has its event");
    fixture.clock.advance(Duration::from_millis(500));
    assert_eq!(fixture.database.expire().await.unwrap(), 2);
    assert_eq!(fixture.ids("c", "").await, "2 4 5 6");
    assert_eq!(fixture.database.expire().await.unwrap(), 0);
    // More than one transaction's worth, some of them with several entries.
    let many: Vec<_> = (0..2 * EXPIRY_BATCH + 1).map(|n| format!("{{'at':[{n},{}]}}", n + 1)).collect();
    fixture.ok("insertMany", "c", &format!("[{}]", many.join(","))).await;
    assert_eq!(fixture.database.expire().await.unwrap(), many.len());
    // A host that has just started learns of the indexes that are there, and forgets those that are not.
    fixture.ok("insertOne", "d", &format!("{{'_id':4,'at':{}}}", now + 1.0)).await;
    fixture.ok("dropIndex", "d", "'d_at_desc_ttl'").await;
    fixture.database.note_expiries().await.unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.database.expire().await.unwrap(), 1);
    assert_eq!(fixture.ids("d", "").await, "3 4");
    fixture.assert_sound().await;
}

async fn reconciled(fixture: Fixture) {
    let (tenant, app) = (fixture.caller.tenant.clone(), fixture.caller.app.clone());
    let entry = |json: &str| Object::parse(&json.replace('\'', "\"")).unwrap();
    let declared = |by_a: &str| {
        vec![
            Declared::document(&entry(by_a)).unwrap(),
            Declared::document(&entry("{'collection':'c','keys':{'at':1},'expireAfterSeconds':1}")).unwrap(),
            Declared::vector(&entry("{'collection':'d','field':'v','dimensions':2}")).unwrap(),
        ]
    };
    let plain = declared("{'collection':'c','keys':{'a':1},'name':'by_a'}");
    fixture.ok("insertMany", "c", "[{'_id':1,'a':1,'at':1},{'_id':2,'a':1}]").await;
    fixture.ok("createIndex", "c", "{'keys':{'z':1}}").await;
    let first = fixture.database.reconcile(&tenant, &app, &plain).await.unwrap();
    let undeclared = vec!["c.c_z".to_owned()];
    let created = ["c.by_a", "c.c_at_ttl", "d.v_vector"].map(str::to_owned).to_vec();
    assert_eq!(first, Reconciled { created, drifted: vec![], undeclared: undeclared.clone() });
    let again = fixture.database.reconcile(&tenant, &app, &plain).await.unwrap();
    assert_eq!(again, Reconciled { created: vec![], drifted: vec![], undeclared: undeclared.clone() });
    assert_eq!(fixture.database.expire().await.unwrap(), 1, "a declared index expires too");
    // What differs is reported and left as it is.
    let changed = declared("{'collection':'c','keys':{'a':1},'unique':true,'name':'by_a'}");
    let drift = fixture.database.reconcile(&tenant, &app, &changed).await.unwrap();
    assert_eq!((drift.created.len(), drift.drifted.len(), &drift.undeclared), (0, 1, &undeclared));
    assert!(drift.drifted[0].starts_with("c.by_a: "), "{drift:?}");
    assert!(fixture.ok("listIndexes", "c", "").await.contains("'name':'by_a','keys':[['a',1]],'unique':false"));
    for wrong in ["{'keys':{'a':1}}", "{'collection':'a$','keys':{'a':1}}", "{'collection':1,'keys':{'a':1}}"] {
        assert!(Declared::document(&entry(wrong)).is_err(), "{wrong}");
    }
}
