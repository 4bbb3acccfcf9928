//! What each call does and returns.

use std::sync::Arc;

use super::{Fixture, caller, ids_in};
use crate::database::call::METHODS;
use crate::database::store::DocumentStore;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    reads(Fixture::new(empty_store().await).await).await;
    inserts(Fixture::new(empty_store().await).await).await;
    updates(Fixture::new(empty_store().await).await).await;
    deletes(Fixture::new(empty_store().await).await).await;
    own_ids(Fixture::new(empty_store().await).await).await;
    aggregation(Fixture::new(empty_store().await).await).await;
    nothing_there(Fixture::new(empty_store().await).await).await;
    isolation(Fixture::new(empty_store().await).await).await;
}

const PEOPLE: &str = "[{'_id':1,'name':'Ada','age':36,'tags':['a','b']},{'_id':2,'name':'Bo','age':17,'tags':[]},\
                      {'_id':3,'name':'Cy','age':null,'tags':['b']},{'_id':4,'name':'Di'}]";

async fn reads(fixture: Fixture) {
    fixture.ok("insertMany", "people", PEOPLE).await;
    assert_eq!(fixture.ok("findOne", "people", "{'_id':2}").await, "{'_id':2,'name':'Bo','age':17,'tags':[]}");
    assert_eq!(fixture.ok("findOne", "people", "{'_id':9}").await, "null");
    for (arguments, expected) in [
        ("", "1 2 3 4"),
        ("{}", "1 2 3 4"),
        ("null,null", "1 2 3 4"),
        ("{'age':{'$gte':17}}", "1 2"),
        ("{'age':null}", "3 4"),
        ("{'tags':'b'},{'sort':{'_id':-1}}", "3 1"),
        ("{},{'sort':{'age':-1,'name':1},'limit':3}", "1 2 3"),
        ("{},{'sort':[['age',1],['name',-1]],'skip':1,'limit':2}", "3 2"),
        ("{'_id':{'$in':[4,2,9,2]}},{'sort':{'_id':1}}", "2 4"),
        ("{},{'skip':4}", ""),
        ("{},{'limit':0,'skip':3}", "4"),
    ] {
        assert_eq!(fixture.ids("people", arguments).await, expected, "{arguments}");
    }
    let projected = fixture.ok("find", "people", "{'_id':1},{'projection':{'name':1,'_id':0}}").await;
    assert_eq!(projected, "[{'name':'Ada'}]");
    let first = fixture.ok("findOne", "people", "{},{'sort':{'age':-1},'projection':{'tags':0}}").await;
    assert_eq!(first, "{'_id':1,'name':'Ada','age':36}");
    assert_eq!(
        fixture.ok("findOne", "people", "{},{'sort':{'_id':1},'skip':1,'projection':{'_id':1}}").await,
        "{'_id':2}"
    );

    assert_eq!(fixture.ok("countDocuments", "people", "").await, "4");
    assert_eq!(fixture.ok("countDocuments", "people", "{'tags':{'$exists':true}}").await, "3");
    assert_eq!(fixture.ok("distinct", "people", "'tags'").await, "['a','b']");
    assert_eq!(fixture.ok("distinct", "people", "'age'").await, "[null,17,36]");
    assert_eq!(fixture.ok("distinct", "people", "'tags',{'_id':3}").await, "['b']");

    // More conditions than an engine takes at a time.
    let fields = |each: fn(usize) -> String| (0..1500).map(each).collect::<Vec<_>>().join(",");
    let (values, conditions) =
        (fields(|n| format!("'f{n}':{n}")), fields(|n| format!("'f{n}':{{'$in':[{n},'x',0.5]}}")));
    fixture.ok("insertMany", "wide", &format!("[{{'_id':1,{values}}},{{'_id':2,'f0':0}},{{'_id':3}}]")).await;
    assert_eq!(fixture.ids("wide", &format!("{{{values}}}")).await, "1");
    assert_eq!(fixture.ids("wide", &format!("{{{conditions}}}")).await, "1");
    let explained = fixture.ok("explain", "people", "{'name':'Bo'}").await;
    assert!(
        explained.contains("'from':'collection','index':null") && explained.contains("'returned':1"),
        "{explained}"
    );
    assert!(explained.contains("'examined':4"), "what a guard leaves out was looked at all the same: {explained}");
    let explained = fixture.ok("explain", "people", "{'_id':2}").await;
    assert!(explained.contains("'index':'_id'") && explained.contains("'examined':1"), "{explained}");
}

async fn inserts(fixture: Fixture) {
    let id = fixture.ok("insertOne", "users", "{'name':'Alice'}").await;
    assert_eq!(id.len(), 38, "a UUID in quotes: {id}");
    assert_eq!(fixture.ok("find", "users", "").await, format!("[{{'_id':{id},'name':'Alice'}}]"));
    let later = fixture.ok("insertOne", "users", "{'name':'Bob'}").await;
    assert!(later > id, "later documents have greater ids");
    assert_eq!(fixture.ok("insertOne", "users", "{'name':'Carol','_id':'c'}").await, "'c'");
    assert_eq!(fixture.ok("findOne", "users", "{'_id':'c'}").await, "{'_id':'c','name':'Carol'}", "_id comes first");
    // What insertOne returns is text; what is stored is what was given.
    assert_eq!(fixture.ok("insertOne", "users", "{'_id':7.5}").await, "'7.5e0'");
    assert_eq!(fixture.ok("insertOne", "users", "{'_id':{'a':1}}").await, "'{\\'a\\':1}'");
    assert_eq!(fixture.ids("users", "{'_id':{'$gte':0}}").await, "7.5e0");
    assert_eq!(fixture.ids("users", "{'_id':{'a':1}}").await, "{'a':1}");
    assert_eq!(fixture.ok("insertOne", "users", "{'_id':null}").await, "'null'");

    let many = fixture.ok("insertMany", "more", "[{'_id':1},{'_id':'1'},{'_id':true}]").await;
    assert_eq!(many, "{'insertedCount':3,'insertedIds':['1','1','true']}");
    // All or nothing.
    let error = fixture.call("insertMany", "more", "[{'_id':2},{'_id':1},{'_id':3}]").await.unwrap_err();
    assert_eq!(error.code(), "DB_DUPLICATE_KEY");
    assert!(error.to_string().contains("\"_id\"") && error.to_string().contains(" 1 "), "{error}");
    assert_eq!(fixture.ids("more", "").await, "1 '1' true");
    assert_eq!(fixture.code("insertOne", "more", "{'_id':1.0}").await, "DB_DUPLICATE_KEY");
    fixture.assert_sound().await;
}

async fn updates(fixture: Fixture) {
    fixture.ok("insertMany", "people", PEOPLE).await;
    let counts = |matched: u32, modified: u32| {
        format!("{{'matchedCount':{matched},'modifiedCount':{modified},'upsertedId':null}}")
    };
    // Plain fields are set, as the documentation's first example has it.
    assert_eq!(fixture.ok("updateOne", "people", "{'name':'Ada'},{'age':37,'on':true}").await, counts(1, 1));
    assert_eq!(fixture.ok("updateOne", "people", "{'name':'Ada'},{'$set':{'age':37}}").await, counts(1, 0));
    let ada = "{'_id':1,'name':'Ada','age':37,'tags':['a','b'],'on':true}";
    assert_eq!(fixture.ok("findOne", "people", "{'_id':1}").await, ada);
    assert_eq!(
        fixture.ok("updateMany", "people", "{'_id':{'$gt':1}},{'$inc':{'n':1},'$unset':{'tags':1}}").await,
        counts(3, 3)
    );
    assert_eq!(fixture.ids("people", "{'n':1,'tags':{'$exists':false}}").await, "2 3 4");
    assert_eq!(fixture.ok("updateOne", "people", "{'_id':9},{'$set':{'a':1}}").await, counts(0, 0));
    assert_eq!(fixture.ok("updateOne", "people", "{},{'$set':{'x':1}},{'sort':{'_id':-1}}").await, counts(1, 1));
    assert_eq!(fixture.ids("people", "{'x':1}").await, "4");
    assert_eq!(fixture.ok("updateOne", "people", "{'tags':'b'},{'$set':{'tags.$':'B'}}").await, counts(1, 1));
    assert_eq!(
        fixture.ok("updateOne", "people", "{'_id':1},{'$set':{'tags.$[t]':'A'}},{'arrayFilters':[{'t':'a'}]}").await,
        counts(1, 1)
    );
    assert_eq!(fixture.ok("distinct", "people", "'tags'").await, "['A','B']");
    assert_eq!(fixture.ok("replaceOne", "people", "{'_id':2},{'name':'Beau'}").await, counts(1, 1));
    assert_eq!(fixture.ok("findOne", "people", "{'_id':2}").await, "{'_id':2,'name':'Beau'}");

    let upserted = fixture
        .ok("updateOne", "people", "{'_id':5,'a.b':2},{'$inc':{'n':3},'$setOnInsert':{'new':1}},{'upsert':true}")
        .await;
    assert_eq!(upserted, "{'matchedCount':0,'modifiedCount':0,'upsertedId':'5'}");
    assert_eq!(fixture.ok("findOne", "people", "{'_id':5}").await, "{'_id':5,'a':{'b':2},'n':3,'new':1}");
    assert_eq!(
        fixture.ok("updateOne", "people", "{'_id':5},{'$setOnInsert':{'new':2}},{'upsert':true}").await,
        counts(1, 0)
    );
    let generated = fixture.ok("replaceOne", "people", "{'name':'Flo'},{'name':'Flo'},{'upsert':true}").await;
    assert!(generated.starts_with("{'matchedCount':0,'modifiedCount':0,'upsertedId':'0"), "{generated}");

    assert_eq!(
        fixture.ok("findOneAndUpdate", "people", "{'_id':5},{'$inc':{'n':1}},{'projection':{'n':1}}").await,
        "{'_id':5,'n':3}"
    );
    let after = "{'_id':5},{'$inc':{'n':1}},{'returnDocument':'after','projection':{'n':1,'_id':0}}";
    assert_eq!(fixture.ok("findOneAndUpdate", "people", after).await, "{'n':5}");
    assert_eq!(fixture.ok("findOneAndUpdate", "people", "{'_id':9},{'$inc':{'n':1}}").await, "null");
    let upsert = "{'_id':9},{'$inc':{'n':1}},{'upsert':true,'returnDocument':'after'}";
    assert_eq!(fixture.ok("findOneAndUpdate", "people", upsert).await, "{'_id':9,'n':1}");
    assert_eq!(
        fixture.ok("findOneAndUpdate", "people", &upsert.replace('9', "10").replace("after", "before")).await,
        "null"
    );
    let replaced = fixture
        .ok("findOneAndReplace", "people", "{'_id':{'$gt':8}},{'r':1},{'sort':{'_id':-1},'returnDocument':'after'}")
        .await;
    assert_eq!(replaced, "{'_id':10,'r':1}");
    fixture.assert_sound().await;
}

async fn deletes(fixture: Fixture) {
    fixture.ok("insertMany", "people", PEOPLE).await;
    assert_eq!(fixture.ok("deleteOne", "people", "{'name':'Nobody'}").await, "{'deletedCount':0}");
    assert_eq!(fixture.ok("deleteOne", "people", "{'tags':'b'},{'sort':{'_id':-1}}").await, "{'deletedCount':1}");
    assert_eq!(fixture.ids("people", "").await, "1 2 4");
    let deleted = fixture.ok("findOneAndDelete", "people", "{},{'sort':{'name':-1},'projection':{'name':1}}").await;
    assert_eq!(deleted, "{'_id':4,'name':'Di'}");
    assert_eq!(fixture.ok("findOneAndDelete", "people", "{'_id':4}").await, "null");
    assert_eq!(fixture.ok("deleteMany", "people", "{}").await, "{'deletedCount':2}");
    assert_eq!(fixture.ok("find", "people", "").await, "[]");
    assert_eq!(fixture.ok("insertOne", "people", "{'_id':1}").await, "'1'");
    fixture.assert_sound().await;
}

/// Where no document has an `id`, that is the `_id`; where one has, it is that document's own field first.
async fn own_ids(fixture: Fixture) {
    fixture.ok("insertMany", "users", "[{'_id':'a','n':1},{'_id':'b','n':2}]").await;
    assert_eq!(fixture.ids("users", "{'id':'a'}").await, "'a'");
    assert_eq!(fixture.ids("users", "{'id':'a','n':2}").await, "");
    assert_eq!(fixture.ids("users", "{'id':'a','_id':'b'}").await, "");
    assert_eq!(fixture.ids("users", "{'id':{'$in':['b','c']},'_id':{'$ne':'a'}}").await, "'b'");
    assert!(fixture.ok("explain", "users", "{'id':'a'}").await.contains("'from':'ids'"));
    fixture.ok("updateOne", "users", "{'id':'c'},{'$set':{'n':3}},{'upsert':true}").await;
    assert_eq!(fixture.ok("findOne", "users", "{'_id':'c'}").await, "{'_id':'c','n':3}");
    assert_eq!(
        fixture.ok("updateMany", "users", "{'id':'c'},{'$inc':{'n':1}}").await,
        "{'matchedCount':1,'modifiedCount':1,'upsertedId':null}"
    );

    // At every level of a filter, but for the items of an array.
    let nested = "{'_id':'n','l':[{'id':'a'}]}";
    fixture.ok("insertOne", "users", nested).await;
    let everywhere = [
        ("{'$or':[{'id':'a'},{'n':2}]}", "'a' 'b'"),
        ("{'$and':[{'id':{'$in':['a','b']}},{'$nor':[{'id':'a'}]}]}", "'b'"),
        ("{'$nor':[{'id':'a'},{'id':'n'}]}", "'b' 'c'"),
        ("{'l':{'$elemMatch':{'id':'a'}}}", "'n'"),
        ("{'l':{'$elemMatch':{'$or':[{'id':'a'}]}}}", "'n'"),
    ];
    for (filter, expected) in everywhere {
        assert_eq!(fixture.ids("users", filter).await, expected, "{filter}");
        let piped = fixture.ok("aggregate", "users", &format!("[{{'$match':{filter}}}]")).await;
        assert_eq!(ids_in(&piped).join(" "), expected, "{filter} in a pipeline");
    }
    fixture.ok("deleteMany", "users", "{'$nor':[{'id':{'$ne':'n'}}]}").await;
    assert_eq!(fixture.ids("users", "").await, "'a' 'b' 'c'");

    fixture.ok("insertOne", "users", "{'_id':'d','id':'a'}").await;
    let with_one = [
        ("{'$or':[{'id':'a'},{'id':'d'}]}", "'a' 'd'"),
        ("{'$nor':[{'id':'a'}]}", "'b' 'c'"),
        ("{'id':{'$ne':'a'}}", "'b' 'c'"),
        ("{'id':{'$nin':['a','b']}}", "'c'"),
        ("{'id':{'$not':{'$eq':'b'}}}", "'a' 'c' 'd'"),
    ];
    for (filter, expected) in with_one {
        assert_eq!(fixture.ids("users", filter).await, expected, "{filter}");
        let piped = fixture.ok("aggregate", "users", &format!("[{{'$match':{filter}}}]")).await;
        assert_eq!(ids_in(&piped).join(" "), expected, "{filter} in a pipeline");
    }
    assert_eq!(fixture.ids("users", "{'id':'a'},{'sort':{'_id':1}}").await, "'a' 'd'");
    assert_eq!(fixture.ids("users", "{'id':'b'}").await, "'b'");
    assert_eq!(fixture.ids("users", "{'id':'d'}").await, "", "a document with an id goes by that");
    // Again and again, one document.
    for n in 1..=2 {
        fixture.ok("updateOne", "users", "{'id':'e'},{'$inc':{'n':1}},{'upsert':true}").await;
        let found = fixture.ok("find", "users", "{'id':'e'},{'projection':{'_id':0}}").await;
        assert_eq!(found, format!("[{{'id':'e','n':{n}}}]"));
    }
    assert_eq!(fixture.ok("deleteOne", "users", "{'id':'e'}").await, "{'deletedCount':1}");
}

async fn aggregation(fixture: Fixture) {
    fixture
        .ok(
            "insertMany",
            "orders",
            "[{'_id':1,'who':1,'sum':5},{'_id':2,'who':2,'sum':7},{'_id':3,'who':1,'sum':1},{'_id':4}]",
        )
        .await;
    fixture.ok("insertMany", "people", PEOPLE).await;
    for index in ["", "who"] {
        if !index.is_empty() {
            fixture.ok("createIndex", "orders", "{'keys':{'who':1,'sum':1}}").await;
            fixture.ok("createIndex", "people", "{'keys':{'name':1}}").await;
        }
        for (pipeline, expected) in [
            ("[]", "[{'_id':1,'who':1,'sum':5},{'_id':2,'who':2,'sum':7},{'_id':3,'who':1,'sum':1},{'_id':4}]"),
            ("[{'$match':{'who':1}},{'$group':{'_id':'$who','sum':{'$sum':'$sum'}}}]", "[{'_id':1,'sum':6}]"),
            (
                "[{'$match':{'who':{'$gt':0}}},{'$sort':{'sum':-1}},{'$skip':1},{'$limit':1},{'$project':{'sum':1}}]",
                "[{'_id':1,'sum':5}]",
            ),
            ("[{'$sort':{'sum':1}},{'$limit':2},{'$project':{'sum':1}}]", "[{'_id':4},{'_id':3,'sum':1}]"),
            ("[{'$match':{'sum':{'$lt':6}}},{'$count':'n'}]", "[{'n':2}]"),
            (
                "[{'$match':{'_id':{'$lt':3}}},{'$lookup':{'from':'people','localField':'who','foreignField':'_id','as':'p'}},\
                 {'$unwind':'$p'},{'$sort':{'_id':1}},{'$project':{'p.name':1}}]",
                "[{'_id':1,'p':{'name':'Ada'}},{'_id':2,'p':{'name':'Bo'}}]",
            ),
            (
                "[{'$match':{'_id':4}},{'$lookup':{'from':'none','localField':'who','foreignField':'x','as':'p'}}]",
                "[{'_id':4,'p':[]}]",
            ),
        ] {
            assert_eq!(fixture.ok("aggregate", "orders", pipeline).await, expected, "{pipeline}");
        }
    }
    assert_eq!(fixture.code("aggregate", "orders", "[{'$mach':{}}]").await, "DB_UNKNOWN_OPERATOR");
    assert_eq!(fixture.code("aggregate", "orders", "{}").await, "DB_PIPELINE_INVALID");
}

/// A collection that is not there is empty, and reading does not make it.
async fn nothing_there(fixture: Fixture) {
    for (method, arguments, expected) in [
        ("find", "", "[]"),
        ("findOne", "", "null"),
        ("findPage", "", "{'documents':[],'cursor':null}"),
        ("explain", "", "{'reads':[],'examined':0,'returned':0}"),
        ("countDocuments", "", "0"),
        ("distinct", "'a'", "[]"),
        ("aggregate", "[{'$sort':{'a':1}},{'$limit':1}]", "[]"),
        ("updateOne", "{},{'a':1}", "{'matchedCount':0,'modifiedCount':0,'upsertedId':null}"),
        ("deleteMany", "{}", "{'deletedCount':0}"),
        ("findOneAndDelete", "{}", "null"),
        ("findOneAndUpdate", "{},{'a':1}", "null"),
        ("listIndexes", "", "[]"),
        ("listVectorIndexes", "", "[]"),
    ] {
        assert_eq!(fixture.ok(method, "none", arguments).await, expected, "{method}");
    }
    assert_eq!(fixture.code("dropIndex", "none", "'i'").await, "DB_INDEX_NOT_FOUND");
    assert_eq!(fixture.ok("listCollections", "", "").await, "[]");
    fixture.ok("insertOne", "some", "{}").await;
    assert_eq!(fixture.ok("listCollections", "", "").await, "['some']");
    assert_eq!(METHODS.len(), 24, "each has its test in this suite");
}

async fn isolation(fixture: Fixture) {
    fixture.ok("insertOne", "users", "{'_id':1,'of':'acme'}").await;
    fixture.ok("createIndex", "users", "{'keys':{'of':1}}").await;
    for other in [caller("acme", "blog"), caller("zeta", "shop"), caller("acm", "eshop"), caller("acme/shop", "x")] {
        let call = async |method: &str, arguments: &str| {
            fixture.database.call(&other, method, "users", arguments).await.unwrap()
        };
        assert_eq!(call("find", "[]").await, "[]");
        assert_eq!(call("listIndexes", "[]").await, "[]");
        assert_eq!(call("deleteMany", "[{}]").await, "{\"deletedCount\":0}");
        call("insertOne", "[{\"_id\":1}]").await;
        assert_eq!(ids_in(&call("find", "[]").await), ["1"]);
    }
    assert_eq!(fixture.ok("find", "users", "").await, "[{'_id':1,'of':'acme'}]");
    for nobody in [caller("", "shop"), caller("acme", "")] {
        let refused = fixture.database.call(&nobody, "find", "users", "[]").await.unwrap_err();
        assert_eq!(refused.code(), "AUTHZ_DENIED");
        assert_eq!(fixture.database.begin(&nobody).await.err().unwrap().code(), "AUTHZ_DENIED");
    }
}
