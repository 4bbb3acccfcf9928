//! Bad input and odd input: the one is refused with a code and changes nothing, the other is kept as it is.

use std::sync::Arc;
use std::time::Duration;

use super::Fixture;
use crate::database::DatabaseConfig;
use crate::database::document::MAX_DOCUMENT_BYTES;
use crate::database::limits::{MAX_COLLECTIONS, MAX_INDEXES, MAX_INSERTED_DOCUMENTS, MAX_LIMIT, MAX_SKIP};
use crate::database::store::DocumentStore;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    refused(Fixture::new(empty_store().await).await).await;
    odd_names_and_texts(Fixture::new(empty_store().await).await).await;
    sizes(Fixture::new(empty_store().await).await).await;
    // Nobody waits here for the transaction that makes so many collections.
    let patient = DatabaseConfig { transaction_timeout: Duration::from_secs(60), ..DatabaseConfig::default() };
    counts(Fixture::with(empty_store().await, patient).await).await;
}

async fn refused(fixture: Fixture) {
    fixture.ok("insertOne", "users", "{'_id':1,'n':1,'s':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'}").await;
    let many = (0..=MAX_INSERTED_DOCUMENTS).map(|_| "{}").collect::<Vec<_>>().join(",");
    let nested = |levels: usize| format!("{{'a':{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    for (method, arguments) in [("insertOne", nested(100)), ("insertMany", format!("[{}]", nested(100)))] {
        fixture.ok(method, "deep", &arguments).await;
    }
    assert_eq!(fixture.ok("deleteMany", "deep", "{}").await, "{'deletedCount':2}");
    let (deep, deep_ones) = (nested(101), format!("[{{}},{}]", nested(101)));
    let (too_many, too_far) = ((MAX_LIMIT + 1).to_string(), (MAX_SKIP + 1).to_string());
    let cases = [
        ("find", "{'n':{'$gtt':1}}", "DB_UNKNOWN_OPERATOR"),
        ("find", "{'$where':'1'}", "DB_UNKNOWN_OPERATOR"),
        ("find", "{'n':{'$in':1}}", "DB_FILTER_INVALID"),
        ("find", "{'s':{'$ne':{'$regularExpression':{'pattern':'a','options':''}}}}", "DB_FILTER_INVALID"),
        ("find", "{'s':{'$gt':{'$regularExpression':{'pattern':'a','options':''}}}}", "DB_FILTER_INVALID"),
        ("find", "{'s':{'$regex':'('}}", "DB_REGEX_INVALID"),
        ("find", "{'s':{'$regex':'^(a+)+$'}}", "DB_REGEX_TOO_COSTLY"),
        ("find", "{'a\\u0000':1}", "DB_PATH_INVALID"),
        ("find", "[]", "DB_OPTIONS_INVALID"),
        ("find", "{},{},{}", "DB_OPTIONS_INVALID"),
        ("find", "{},{'sorted':1}", "DB_OPTIONS_INVALID"),
        ("find", "{},{'sort':{'n':2}}", "DB_SORT_INVALID"),
        ("find", "{},{'limit':-1}", "DB_LIMIT_INVALID"),
        ("find", "{},{'limit':1.5}", "DB_LIMIT_INVALID"),
        ("find", &format!("{{}},{{'limit':{too_many}}}"), "DB_LIMIT_INVALID"),
        ("find", "{},{'skip':-1}", "DB_SKIP_INVALID"),
        ("find", "{},{'skip':'1'}", "DB_SKIP_INVALID"),
        ("find", &format!("{{}},{{'skip':{too_far}}}"), "DB_SKIP_INVALID"),
        ("find", "{},{'projection':{'a':1,'b':0}}", "DB_PROJECTION_INVALID"),
        ("find", "{},{'cursor':'x'}", "DB_OPTIONS_INVALID"),
        ("findPage", "{},{'cursor':'x'}", "DB_CURSOR_INVALID"),
        ("findPage", "{},{'skip':1}", "DB_OPTIONS_INVALID"),
        ("findd", "{}", "DB_METHOD_UNKNOWN"),
        ("insertOne", "", "DB_OPTIONS_INVALID"),
        ("insertOne", "[]", "DB_OPTIONS_INVALID"),
        ("insertOne", "{'$a':1}", "DB_FIELD_NAME_INVALID"),
        ("insertOne", "{'a':{'b\\u0000':1}}", "DB_FIELD_NAME_INVALID"),
        ("insertOne", "{'_id':[1]}", "DB_ID_INVALID"),
        ("insertOne", &format!("{{'_id':'{}'}}", "x".repeat(1024)), "DB_ID_TOO_LARGE"),
        ("insertOne", "{'a':NaN}", "DB_DOCUMENT_INVALID"),
        ("insertOne", "{'a':1e999}", "DB_DOCUMENT_INVALID"),
        ("insertOne", "{'a':'\\ud800'}", "DB_DOCUMENT_INVALID"),
        ("insertOne", &deep, "DB_TOO_DEEP"),
        ("insertMany", &deep_ones, "DB_TOO_DEEP"),
        ("insertMany", "[]", "DB_OPTIONS_INVALID"),
        ("insertMany", "[{},1]", "DB_OPTIONS_INVALID"),
        ("insertMany", &format!("[{many}]"), "DB_OPTIONS_INVALID"),
        ("updateOne", "{}", "DB_OPTIONS_INVALID"),
        ("updateOne", "{},{'$st':{'a':1}}", "DB_UNKNOWN_OPERATOR"),
        ("updateOne", "{},{'$set':{'a':1,'a.b':1}}", "DB_UPDATE_CONFLICT"),
        ("updateOne", "{},{'$push':{'n':1}}", "DB_UPDATE_TARGET"),
        ("updateOne", "{},{'$set':{'_id':2}}", "DB_ID_IMMUTABLE"),
        ("updateOne", "{},{'$mul':{'n':1e308},'$inc':{'n2':1}},{'upsert':1}", "DB_OPTIONS_INVALID"),
        ("updateOne", "{},{'a':1},{'returnDocument':'after'}", "DB_OPTIONS_INVALID"),
        ("updateMany", "{},{'a':1},{'limit':1}", "DB_OPTIONS_INVALID"),
        ("updateMany", "{},{'a':1},{'sort':{'a':1}}", "DB_OPTIONS_INVALID"),
        ("findOneAndUpdate", "{},{'a':1},{'returnDocument':'x'}", "DB_OPTIONS_INVALID"),
        ("replaceOne", "{},{'$set':{'a':1}}", "DB_UPDATE_INVALID"),
        ("replaceOne", "{},[]", "DB_OPTIONS_INVALID"),
        ("deleteMany", "", "DB_OPTIONS_INVALID"),
        ("deleteMany", "null", "DB_OPTIONS_INVALID"),
        ("updateMany", "null,{'$set':{'a':1}}", "DB_OPTIONS_INVALID"),
        ("findOneAndDelete", "", "DB_OPTIONS_INVALID"),
        ("deleteMany", "{},{'limit':1}", "DB_OPTIONS_INVALID"),
        ("deleteMany", "{},{'vector':{}}", "DB_OPTIONS_INVALID"),
        ("deleteOne", "{'n':{'$gtt':1}}", "DB_UNKNOWN_OPERATOR"),
        ("findOne", "{},{'limit':2}", "DB_OPTIONS_INVALID"),
        ("distinct", "'$a'", "DB_PATH_INVALID"),
        ("distinct", "{}", "DB_OPTIONS_INVALID"),
        ("createIndex", "{}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{}}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{'a':2}}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{'a..b':1}}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{'a.0':1}}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':[['a',1],['a',-1]]}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{'a':1,'b':1},'expireAfterSeconds':1}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{'a':1},'uniqe':true}", "DB_INDEX_INVALID"),
        ("createIndex", "{'keys':{'a':1},'partial':{'a':{'$gtt':1}}}", "DB_UNKNOWN_OPERATOR"),
        ("createVectorIndex", "{'field':'v'}", "DB_VECTOR_INDEX_INVALID"),
        ("dropIndex", "'nowhere'", "DB_INDEX_NOT_FOUND"),
        ("dropVectorIndex", "'v'", "DB_INDEX_NOT_FOUND"),
        ("find", "{},{'vector':{'field':'v','value':[1],'k':1}}", "DB_VECTOR_INDEX_NOT_FOUND"),
    ];
    for (method, arguments, code) in cases {
        let shown: String = arguments.chars().take(100).collect();
        let error = match fixture.call(method, "users", arguments).await {
            Ok(result) => panic!("{method} {shown} should be {code}, but gives {result}"),
            Err(error) => error,
        };
        assert_eq!(error.code(), code, "{method} {shown}: {error}");
    }
    for collection in ["", " a", "a$b", "a\0", "a\nb", &"c".repeat(121)] {
        assert_eq!(fixture.code("insertOne", collection, "{}").await, "DB_COLLECTION_INVALID", "{collection:?}");
        assert_eq!(fixture.code("find", collection, "").await, "DB_COLLECTION_INVALID", "{collection:?}");
    }
    let error = fixture.database.call(&fixture.caller, "find", "users", "{}").await.unwrap_err();
    assert_eq!(error.code(), "DB_OPTIONS_INVALID");
    assert_eq!(fixture.ok("countDocuments", "users", "").await, "1");
    assert_eq!(fixture.ok("listIndexes", "users", "").await, "[]");
    assert_eq!(fixture.ok("listCollections", "", "").await, "['deep','users']");
}

async fn odd_names_and_texts(fixture: Fixture) {
    let names = [
        "users; DROP TABLE collections",
        "a`b",
        "%_*?",
        "ä\u{1f980}",
        "\u{202e}x",
        "select",
        "__proto__",
        "a.b",
        "1",
        "documents_1",
    ];
    for name in names {
        fixture.ok("insertOne", name, &format!("{{'_id':'{name}','n':1}}")).await;
        fixture.ok("createIndex", name, &format!("{{'keys':{{'n':1}},'name':'{name}'}}")).await;
        assert_eq!(fixture.ids(name, "{'n':1}").await, format!("'{name}'"));
    }
    let mut listed = names.map(|name| format!("'{name}'"));
    listed.sort();
    assert_eq!(fixture.ok("listCollections", "", "").await, format!("[{}]", listed.join(",")));

    let texts = [
        "",
        " ",
        "\\u0000",
        "a\\u0000b",
        "a\\u0000",
        "\\u0001\\u001f",
        "\\\\",
        "\\\\u0000",
        "%",
        "\u{fffd}",
        "\u{1f980}",
        "e\u{301}",
        "é",
        "\u{feff}",
        "\u{10ffff}",
        "ẞ",
        "İ",
        "-- ; \\\\x00",
    ];
    for with_index in [false, true] {
        if with_index {
            fixture.ok("createIndex", "texts", "{'keys':{'t':1}}").await;
            fixture.ok("createIndex", "texts", "{'keys':{'odd name;--.t':-1},'unique':true}").await;
        } else {
            for text in texts {
                fixture
                    .ok(
                        "insertOne",
                        "texts",
                        &format!("{{'_id':'{text}','t':'{text}','odd name;--':{{'t':'{text}','':0}}}}"),
                    )
                    .await;
            }
        }
        for text in texts {
            for path in ["t", "odd name;--.t"] {
                let found = fixture.ok("find", "texts", &format!("{{'{path}':'{text}'}}")).await;
                assert_eq!(
                    found,
                    format!("[{{'_id':'{text}','t':'{text}','odd name;--':{{'t':'{text}','':0}}}}]"),
                    "{path}"
                );
                let in_list = format!("{{'{path}':{{'$in':['{text}',1,true]}}}}");
                assert_eq!(fixture.ids("texts", &in_list).await, format!("'{text}'"));
            }
        }
    }
    // Names of fields that mean something elsewhere.
    let odd = "{'_id':1,'__proto__':1,'constructor':2,'':3,'a.b':4,'$':5}";
    assert_eq!(fixture.code("insertOne", "odd", odd).await, "DB_FIELD_NAME_INVALID");
    let odd =
        "{'_id':1,'__proto__':1,'constructor':2,'':3,'a.b':4,'in':{'$x':5},'\u{1}':6}".replace('\u{1}', "\\u0001");
    fixture.ok("insertOne", "odd", &odd).await;
    assert_eq!(fixture.ok("find", "odd", "{'__proto__':1,'':3}").await, format!("[{odd}]"));
    assert_eq!(fixture.ok("find", "odd", "{'a.b':4}").await, "[]", "a dot in a path leads into objects");
    fixture.assert_sound().await;
}

async fn sizes(fixture: Fixture) {
    fixture.ok("createIndex", "files", "{'keys':{'x':1}}").await;
    let document = |bytes: usize| format!("{{'_id':1,'x':'{}'}}", "x".repeat(bytes - "{'_id':1,'x':''}".len()));
    assert_eq!(fixture.code("insertOne", "files", &document(MAX_DOCUMENT_BYTES + 1)).await, "DB_DOCUMENT_TOO_LARGE");
    fixture.ok("insertOne", "files", &document(MAX_DOCUMENT_BYTES)).await;
    assert_eq!(fixture.code("updateOne", "files", "{},{'$set':{'y':1}}").await, "DB_DOCUMENT_TOO_LARGE");
    assert_eq!(fixture.ok("findOne", "files", "{}").await.len(), MAX_DOCUMENT_BYTES);
    assert_eq!(fixture.ok("find", "files", "{'x':{'$gt':'xx'}},{'projection':{'_id':1}}").await, "[{'_id':1}]");
    // More at once than a result may have.
    for id in 2..=5 {
        fixture
            .ok("insertOne", "files", &document(MAX_DOCUMENT_BYTES).replace("'_id':1", &format!("'_id':{id}")))
            .await;
    }
    assert_eq!(fixture.code("find", "files", "").await, "DB_RESULT_TOO_LARGE");
    assert_eq!(fixture.code("aggregate", "files", "[]").await, "DB_RESULT_TOO_LARGE");
    assert_eq!(fixture.ids("files", "{},{'limit':3,'sort':{'_id':-1}}").await, "5 4 3");
    assert_eq!(fixture.ok("countDocuments", "files", "{'x':{'$exists':true}}").await, "5");
    assert_eq!(fixture.ok("deleteMany", "files", "{'_id':{'$gt':1}}").await, "{'deletedCount':4}");
    // What is computed within its bound may be beyond that of an answer: as JSON it is longer.
    fixture.ok("insertOne", "escaped", &format!("{{'_id':1,'s':'{}'}}", "\\u0001".repeat(2_500_000))).await;
    let repeated = "{},{'projection':{'a':'$s','b':'$s','c':'$s','d':'$s','e':'$s'}}";
    assert_eq!(fixture.code("findOne", "escaped", repeated).await, "DB_RESULT_TOO_LARGE");
    assert_eq!(fixture.code("findOneAndDelete", "escaped", repeated).await, "DB_RESULT_TOO_LARGE");
    assert_eq!(fixture.ok("countDocuments", "escaped", "").await, "1");
    fixture.assert_sound().await;
}

async fn counts(fixture: Fixture) {
    for number in 0..MAX_INDEXES {
        fixture.ok("createIndex", "indexed", &format!("{{'keys':{{'f{number}':1}}}}")).await;
    }
    assert_eq!(fixture.code("createIndex", "indexed", "{'keys':{'more':1}}").await, "DB_TOO_MANY_INDEXES");
    assert_eq!(
        fixture.code("createVectorIndex", "indexed", "{'field':'v','dimensions':2}").await,
        "DB_TOO_MANY_INDEXES"
    );
    let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
    for number in 1..MAX_COLLECTIONS {
        fixture.call_in(&mut transaction, "insertOne", &format!("c{number}"), "{}").await.unwrap();
    }
    fixture.database.commit_transaction(transaction).await.unwrap();
    assert_eq!(fixture.code("insertOne", "one more", "{}").await, "DB_TOO_MANY_COLLECTIONS");
    fixture.ok("insertOne", "c1", "{}").await;
}
