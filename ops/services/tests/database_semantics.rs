//! The semantics of the database where the oracle's cases do not reach: properties that hold for all values, pipelines,
//! bounds, and what differs from MongoDB on purpose.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;

use async_trait::async_trait;
use orilla_services::database::DatabaseError;
use orilla_services::database::aggregate::{Lookup, Pipeline};
use orilla_services::database::document::check_document;
use orilla_services::database::filter::{Filter, Predicate};
use orilla_services::database::order::{Key, compare};
use orilla_services::database::path::Path;
use orilla_services::database::projection::Projection;
use orilla_services::database::sort::Sort;
use orilla_services::database::update::{Update, UpdateContext};
use orilla_services::database::value::{Object, Value};
use proptest::prelude::*;

fn value(json: &str) -> Value {
    Value::parse(json).unwrap()
}

fn object(json: &str) -> Object {
    Object::parse(json).unwrap()
}

fn matches(filter: &str, document: &str) -> bool {
    Filter::parse(&object(filter)).unwrap().matches(&object(document)).unwrap()
}

fn filter_error(filter: &str) -> DatabaseError {
    Filter::parse(&object(filter)).unwrap_err()
}

fn updated(update: &str, document: &str) -> String {
    let mut document = object(document);
    let context = UpdateContext { now: 1_700_000_000_123, ..UpdateContext::default() };
    Update::parse(&value(update)).unwrap().apply(&mut document, &context).unwrap();
    document.to_json()
}

fn update_error(update: &str, document: &str) -> DatabaseError {
    let mut document = object(document);
    let update = Update::parse(&value(update));
    update.and_then(|update| update.apply(&mut document, &UpdateContext::default())).unwrap_err()
}

/// Other collections: `cities`, and none beside it.
struct Cities(Vec<Object>);

#[async_trait]
impl Lookup for Cities {
    async fn fetch(&mut self, collection: &str, field: &Path, values: &[Value]) -> Result<Vec<Object>, DatabaseError> {
        assert_eq!(collection, "cities");
        let wanted = Object::from_iter([("$in", Value::Array(values.to_vec()))]);
        let filter = Filter::parse(&Object::from_iter([(field.as_str(), Value::Object(wanted))]))?;
        self.0
            .iter()
            .filter_map(|city| filter.matches(city).map(|held| held.then(|| city.clone())).transpose())
            .collect()
    }
}

async fn aggregated(pipeline: &str, documents: &[&str]) -> Result<String, DatabaseError> {
    let cities = ["{'_id':1,'zip':[10,11],'name':'A'}", "{'_id':2,'zip':20,'name':'B'}", "{'_id':3,'name':'C'}"];
    let json = |text: &str| text.replace('\'', "\"");
    let mut lookup = Cities(cities.iter().map(|city| object(&json(city))).collect());
    let documents = documents.iter().map(|document| object(&json(document))).collect();
    let results = Pipeline::parse(&value(&json(pipeline)))?.run(documents, &mut lookup).await?;
    Ok(results.iter().map(Object::to_json).collect::<Vec<_>>().join(" ").replace('"', "'"))
}

#[tokio::test(flavor = "current_thread")]
async fn pipelines_group_join_and_reshape() {
    let documents = [
        "{'_id':1,'k':'a','n':1,'tags':['x','y'],'zip':10}",
        "{'_id':2,'k':'b','n':2.5,'tags':[],'zip':[20,10]}",
        "{'_id':3,'k':'a','n':null,'tags':'z'}",
        "{'_id':4,'n':0.5,'deep':[{'v':1},{'v':2},{'w':3}]}",
    ];
    let cases = [
        (
            "[{'$group':{'_id':'$k','s':{'$sum':'$n'},'a':{'$avg':'$n'},'lo':{'$min':'$n'},'hi':{'$max':'$n'},'c':{'$count':{}}}}]",
            "{'_id':'a','s':1,'a':1,'lo':1,'hi':1,'c':2} {'_id':'b','s':2.5e0,'a':2.5e0,'lo':2.5e0,'hi':2.5e0,'c':1} \
             {'_id':null,'s':5e-1,'a':5e-1,'lo':5e-1,'hi':5e-1,'c':1}",
        ),
        (
            "[{'$group':{'_id':null,'all':{'$push':'$k'},'set':{'$addToSet':'$k'},'f':{'$first':'$k'},'l':{'$last':'$k'}}}]",
            "{'_id':null,'all':['a','b','a'],'set':['a','b'],'f':'a','l':null}",
        ),
        ("[{'$group':{'_id':{'k':'$k'}}},{'$count':'groups'}]", "{'groups':3}"),
        ("[{'$match':{'n':99}},{'$count':'none'}]", ""),
        ("[{'$sort':{'_id':-1}},{'$skip':1},{'$limit':2},{'$project':{'_id':1}}]", "{'_id':3} {'_id':2}"),
        (
            "[{'$unwind':'$tags'},{'$project':{'tags':1}}]",
            "{'_id':1,'tags':'x'} {'_id':1,'tags':'y'} {'_id':3,'tags':'z'}",
        ),
        (
            "[{'$unwind':{'path':'$tags','includeArrayIndex':'at','preserveNullAndEmptyArrays':true}},{'$project':{'tags':1,'at':1}}]",
            "{'_id':1,'tags':'x','at':0} {'_id':1,'tags':'y','at':1} {'_id':2,'at':null} {'_id':3,'tags':'z','at':null} \
             {'_id':4,'at':null}",
        ),
        (
            "[{'$lookup':{'from':'cities','localField':'zip','foreignField':'zip','as':'c'}},{'$project':{'c.name':1}}]",
            "{'_id':1,'c':[{'name':'A'}]} {'_id':2,'c':[{'name':'A'},{'name':'B'}]} {'_id':3,'c':[{'name':'C'}]} \
             {'_id':4,'c':[{'name':'C'}]}",
        ),
        (
            "[{'$limit':1},{'$project':{'_id':0,'n':1,'twice':{'$multiply':['$n',2]},'in':{'k':{'$toUpper':'$k'},'none':'$none'},'l':{'$literal':1}}}]",
            "{'n':1,'twice':2,'in':{'k':'A'},'l':1}",
        ),
        (
            "[{'$project':{'_id':1,'v':'$deep.v','big':{'$cond':[{'$gt':['$n',1]},'yes','no']},'or':{'$ifNull':['$k','-']}}}]",
            "{'_id':1,'big':'no','or':'a'} {'_id':2,'big':'yes','or':'b'} {'_id':3,'big':'no','or':'a'} \
             {'_id':4,'v':[1,2],'big':'no','or':'-'}",
        ),
        (
            "[{'$match':{'_id':4}},{'$project':{'deep':{'x':{'$size':'$deep'}}}}]",
            "{'_id':4,'deep':[{'x':3},{'x':3},{'x':3}]}",
        ),
        ("[{'$match':{'_id':1}},{'$project':{'k':0,'zip':0,'tags':0}}]", "{'_id':1,'n':1}"),
    ];
    for (pipeline, expected) in cases {
        assert_eq!(aggregated(pipeline, &documents).await.unwrap(), expected, "{pipeline}");
    }
    let tenths: Vec<_> = (0..10).map(|_| "{'n':0.1}").collect();
    assert_eq!(aggregated("[{'$group':{'_id':1,'s':{'$sum':'$n'}}}]", &tenths).await.unwrap(), "{'_id':1,'s':1}");
}

#[tokio::test(flavor = "current_thread")]
async fn pipelines_refuse_what_makes_no_sense() {
    let cases = [
        ("[{'$mach':{}}]", "did you mean $match?"),
        ("[{'$match':{},'$limit':1}]", "one field"),
        ("[{'$limit':0}]", "at least 1"),
        ("[{'$sort':{}}]", "at least one field"),
        ("[{'$group':{'s':{'$sum':1}}}]", "needs an _id"),
        ("[{'$group':{'_id':1,'s':{'$summ':1}}}]", "did you mean $sum?"),
        ("[{'$project':{}}]", "at least one field"),
        ("[{'$project':{'a':0,'b':'$c'}}]", "excludes others"),
        ("[{'$project':{'a':{'$ad':[1]}}}]", "did you mean $add?"),
        ("[{'$project':{'a':{'$divide':['$n',0]}}}]", "divide by 0"),
        ("[{'$project':{'a':{'$size':'$n'}}}]", "needs an array"),
        ("[{'$unwind':'tags'}]", "begin with `$`"),
        ("[{'$lookup':{'from':'cities'}}]", "localField"),
        ("[{'$count':'a.b'}]", "$count cannot give the name"),
    ];
    for (pipeline, expected) in cases {
        let error = aggregated(pipeline, &["{'_id':1,'n':1}"]).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{pipeline}: {error}");
        assert!(error.code().starts_with("DB_"));
    }
}

#[test]
fn regular_expressions_are_bounded() {
    let catastrophic = format!("{{\"a\":\"{}!\"}}", "a".repeat(2000));
    for pattern in ["^(a+)+$", "(*LIMIT_MATCH=4000000000)^(a+)+$", "(*NO_JIT)^(a+)+$", "^(a|a)*$", "(*NO_JIT)^(a|aa)+$"]
    {
        let filter = Filter::parse(&object(&format!("{{\"a\":{{\"$regex\":\"{pattern}\"}}}}"))).unwrap();
        assert_eq!(filter.matches(&object(&catastrophic)).unwrap_err().code(), "DB_REGEX_TOO_COSTLY", "{pattern}");
    }
    assert_eq!(filter_error(r#"{"a":{"$regex":"(("}}"#).code(), "DB_REGEX_INVALID");
    assert_eq!(filter_error(r#"{"a":{"$regex":"a\u0000"}}"#).code(), "DB_REGEX_INVALID");
    let words = |count: usize| format!("{{\"a\":\"{}\"}}", "word ".repeat(count));
    assert!(matches(r#"{"a":{"$regex":"^(?:\\w+ )*$"}}"#, &words(20_000)));
    assert!(matches(r#"{"a":{"$regex":"(?:\\w+ )*$"}}"#, &words(2_000)));
    assert!(matches(r#"{"a":{"$in":["x",{"$regularExpression":{"pattern":"^B","options":"i"}}]}}"#, r#"{"a":["bc"]}"#));
}

#[test]
fn patterns_tell_what_texts_begin_with() {
    let prefix = |pattern: &str, options: &str| {
        let expression = Object::from_iter([("$regex", Value::from(pattern)), ("$options", Value::from(options))]);
        match Filter::parse(&Object::from_iter([("a", Value::Object(expression))])).unwrap() {
            Filter::Field { predicate: Predicate::Regex(pattern), .. } => pattern.prefix().map(str::to_owned),
            other => panic!("{other:?}"),
        }
    };
    let cases = [
        ("^abc", "", Some("abc")),
        ("^abc.*", "s", Some("abc")),
        ("^abc$", "", Some("abc")),
        ("^abc*", "", Some("ab")),
        ("^abc?d", "", Some("ab")),
        ("^ab{0,2}", "", Some("a")),
        ("^ab+", "", Some("ab")),
        ("\\Aa\\.b\\d", "", Some("a.b")),
        ("^a(b)", "", Some("a")),
        ("^abc", "i", None),
        ("^abc", "m", None),
        ("^a b", "x", None),
        ("^abc|d", "", None),
        ("abc", "", None),
        ("^", "", None),
        ("(?i)^abc", "", None),
    ];
    for (pattern, options, expected) in cases {
        assert_eq!(prefix(pattern, options).as_deref(), expected, "{pattern} {options}");
    }
}

#[test]
fn wrong_operators_and_paths_are_explained() {
    let cases = [
        (r#"{"a":{"$gtt":1}}"#, "DB_UNKNOWN_OPERATOR", "did you mean $gt?"),
        (r#"{"$orr":[]}"#, "DB_UNKNOWN_OPERATOR", "did you mean $or?"),
        (r#"{"$gt":1}"#, "DB_FILTER_INVALID", "belongs behind a field"),
        (r#"{"a":{"$type":"strng"}}"#, "DB_UNKNOWN_OPERATOR", "did you mean string?"),
        (r#"{"a\u0000":1}"#, "DB_PATH_INVALID", "U+0000"),
    ];
    for (filter, code, hint) in cases {
        let error = filter_error(filter);
        assert_eq!(error.code(), code, "{filter}");
        assert!(error.to_string().contains(hint), "{error}");
    }
    let deep = format!("{}1{}", "{\"a\":".repeat(97), "}".repeat(97));
    assert_eq!(update_error(&format!("{{\"$set\":{{\"b.b.b.b\":{deep}}}}}"), "{}").code(), "DB_TOO_DEEP");
    assert_eq!(Path::parse(&"a.".repeat(300)).unwrap_err().code(), "DB_PATH_INVALID");
}

#[test]
fn updates_say_why_they_fail() {
    let cases = [
        (r#"{"$st":{"a":1}}"#, "DB_UNKNOWN_OPERATOR"),
        (r#"{"$set":{"a":1},"b":2}"#, "DB_UPDATE_INVALID"),
        (r#"{"$set":{"a":1,"a.b":2}}"#, "DB_UPDATE_CONFLICT"),
        (r#"{"$set":{"a.$[].b":1},"$inc":{"a.0.c":2}}"#, "DB_UPDATE_CONFLICT"),
        (r#"{"$set":{"_id":2}}"#, "DB_ID_IMMUTABLE"),
        (r#"{"$set":{"$a":2}}"#, "DB_FIELD_NAME_INVALID"),
        (r#"{"$set":{"a..b":2}}"#, "DB_PATH_INVALID"),
        (r#"{"$set":{"n.b":2}}"#, "DB_UPDATE_TARGET"),
        (r#"{"$set":{"l.2000000":2}}"#, "DB_UPDATE_TARGET"),
        (r#"{"$set":{"l.$":2}}"#, "DB_UPDATE_TARGET"),
        (r#"{"$mul":{"n":1e308}}"#, "DB_NUMBER_OVERFLOW"),
        (r#"{"$currentDate":{"at":"now"}}"#, "DB_UPDATE_INVALID"),
    ];
    for (update, code) in cases {
        assert_eq!(update_error(update, r#"{"_id":1,"n":100,"l":[1]}"#).code(), code, "{update}");
    }
}

#[test]
fn updates_beyond_mongodb() {
    assert_eq!(updated(r#"{"age":31}"#, r#"{"_id":1,"age":30,"n":1}"#), r#"{"_id":1,"age":31,"n":1}"#);
    assert_eq!(
        updated(r#"{"$currentDate":{"a":true,"b":{"$type":"date"},"c":{"$type":"timestamp"}}}"#, "{}"),
        r#"{"a":"2023-11-14T22:13:20.123Z","b":"2023-11-14T22:13:20.123Z","c":1700000000}"#
    );
    assert_eq!(
        updated(r#"{"$set":{"z":1,"b.10":1,"b.9":2,"a":3}}"#, r#"{"_id":1}"#),
        r#"{"_id":1,"a":3,"b":{"9":2,"10":1},"z":1}"#
    );
}

#[test]
fn documents_have_bounds() {
    let code = |document: &Object| check_document(document).unwrap_err().code();
    assert_eq!(code(&object(r#"{"$a":1}"#)), "DB_FIELD_NAME_INVALID");
    assert_eq!(code(&object(r#"{"a":{"b\u0000":1}}"#)), "DB_FIELD_NAME_INVALID");
    assert_eq!(code(&object(r#"{"_id":[1]}"#)), "DB_ID_INVALID");
    let filled = |bytes: usize| Object::from_iter([("a", Value::String("x".repeat(bytes)))]);
    assert!(check_document(&filled((16 << 20) - 8)).is_ok());
    assert_eq!(code(&filled((16 << 20) - 7)), "DB_DOCUMENT_TOO_LARGE");
}

#[test]
fn sorting_by_several_fields_of_an_array_takes_them_from_the_same_item() {
    let sort = Sort::parse(&value(r#"[["l.a",1],["l.b",1]]"#)).unwrap();
    let documents = [
        "{\"_id\":1,\"l\":[{\"a\":1,\"b\":5},{\"a\":2,\"b\":0}]}",
        "{\"_id\":2,\"l\":[{\"a\":1,\"b\":4}]}",
        "{\"_id\":3,\"l\":[]}",
    ];
    let sorted = sort.sort(documents.iter().map(|document| object(document)).collect()).unwrap();
    let ids: Vec<_> = sorted.iter().map(|document| document.get("_id").unwrap().to_json()).collect();
    assert_eq!(ids, ["3", "2", "1"]);
    let parallel = Sort::parse(&value(r#"{"a":1,"b":1}"#)).unwrap();
    assert_eq!(parallel.key(&object(r#"{"a":[1],"b":[2]}"#)).unwrap_err().code(), "DB_SORT_INVALID");
}

/// JSON values in which names and numbers come up again, so that they meet.
fn values() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        (-3i8..4).prop_map(f64::from),
        Just(-0.0),
        Just(0.5),
        any::<f64>().prop_filter("finite", |n| n.is_finite())
    ];
    let leaves = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        numbers.prop_map(Value::Number),
        "[abé\u{0}\"\\\\]{0,3}".prop_map(Value::String),
    ];
    leaves.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Names of fields, paths and operators, good and bad ones.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[abc01]",
        2 => "[abc][.][abc01]",
        1 => prop::sample::select(vec![
            "$eq", "$ne", "$gt", "$in", "$nin", "$not", "$and", "$or", "$nor", "$all", "$elemMatch", "$size", "$regex",
            "$options", "$mod", "$type", "$exists", "$set", "$unset", "$inc", "$mul", "$min", "$max", "$push", "$pull",
            "$pullAll", "$pop", "$addToSet", "$each", "$slice", "$sort", "$position", "$rename", "$setOnInsert", "$match",
            "$group", "$project", "$unwind", "$lookup", "$count", "$add", "$cond", "$sum", "$first", "_id", "a.$[]", "a.$",
        ]).prop_map(str::to_owned),
        1 => "[.$\u{0}a]{0,3}",
    ]
}

fn objects() -> impl Strategy<Value = Object> {
    prop::collection::vec((names(), values()), 0..4).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_the_same(value in values()) {
        prop_assert_eq!(Value::parse(&value.to_json()).unwrap(), value);
    }

    #[test]
    fn the_order_is_total_and_agrees_with_equality(mut values in prop::collection::vec(values(), 0..12)) {
        for (left, right) in values.iter().zip(values.iter().skip(1)) {
            prop_assert_eq!(compare(left, right), compare(right, left).reverse());
            prop_assert_eq!(compare(left, right).is_eq(), left == right);
        }
        values.sort_by(compare);
        for place in 0..values.len() {
            for later in place..values.len() {
                prop_assert!(compare(&values[place], &values[later]).is_le());
            }
        }
        let distinct = values.iter().map(Key).collect::<HashSet<_>>().len();
        values.dedup();
        prop_assert_eq!(values.len(), distinct);
    }

    #[test]
    fn nothing_panics_and_a_failed_update_changes_nothing(operation in objects(), document in objects(), position in 0usize..3) {
        let operand = Value::Object(operation.clone());
        if let Ok(filter) = Filter::parse(&operation) {
            let _ = filter.matches(&document);
            let found = filter.position(&document).unwrap_or_default();
            prop_assert!(found.is_none() || filter.matches(&document).unwrap());
            if let Ok(update) = Update::parse(&operand) {
                let _ = update.seed(&filter);
            }
        }
        if let Ok(update) = Update::parse(&operand) {
            let before = document.clone();
            let mut after = document.clone();
            let context = UpdateContext { now: 0, inserting: position == 0, position: Some(position) };
            match update.apply(&mut after, &context) {
                Ok(changed) => prop_assert_eq!(changed, after != before),
                Err(_) => prop_assert_eq!(after.to_json(), before.to_json()),
            }
        }
        if let Ok(sort) = Sort::parse(&operand) {
            let _ = sort.sort(vec![document.clone(), operation.clone()]);
        }
        if let Ok(projection) = Projection::parse(&operand) {
            let _ = projection.apply(document.clone());
        }
        let _ = Pipeline::parse(&Value::Array(vec![operand]));
        let _ = check_document(&document);
    }
}
