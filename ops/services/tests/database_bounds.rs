//! What a filter, an update or a pipeline may make of a document, and how long it may take: each has a bound that is found
//! before the memory is full, and an error with a code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use async_trait::async_trait;
use orilla_services::database::DatabaseError;
use orilla_services::database::aggregate::{Lookup, Pipeline};
use orilla_services::database::document::MAX_DOCUMENT_BYTES;
use orilla_services::database::filter::Filter;
use orilla_services::database::index::{DocumentIndex, MAX_ENTRIES};
use orilla_services::database::path::Path;
use orilla_services::database::projection::Projection;
use orilla_services::database::sort::Sort;
use orilla_services::database::update::{Update, UpdateContext};
use orilla_services::database::value::{Object, Value};

fn text(bytes: usize) -> Value {
    Value::String("x".repeat(bytes))
}

fn objects(count: usize) -> Value {
    Value::Array(vec![Value::Object(Object::new()); count])
}

fn of<const N: usize>(fields: [(&str, Value); N]) -> Object {
    fields.into_iter().collect()
}

fn updated(operator: &str, operand: Object, mut document: Object) -> Result<Object, DatabaseError> {
    let update = Update::parse(&Value::Object(of([(operator, Value::Object(operand))])))?;
    update.apply(&mut document, &UpdateContext::default())?;
    Ok(document)
}

#[test]
fn what_an_update_adds_is_counted_while_it_is_added() {
    let early = |updated: Result<Object, DatabaseError>| match updated {
        Err(DatabaseError::DocumentTooLarge(bytes)) => assert!(bytes < 2 * MAX_DOCUMENT_BYTES, "found after {bytes}"),
        other => panic!("{:?}", other.map(|_| "made")),
    };
    let items = || of([("a", Value::Array(vec![Value::Array(Vec::new()); 20]))]);
    early(updated("$set", of([("a.$[]", text(4 << 20))]), items()));
    early(updated("$push", of([("a.$[]", text(4 << 20))]), items()));
    early(updated("$addToSet", of([("a.$[]", text(4 << 20))]), items()));
    early(updated("$max", of([("a.$[].b", text(4 << 20))]), of([("a", objects(20))])));
    let arrays: Object = (0..20).map(|field| (format!("a{field}"), Value::Array(Vec::new()))).collect();
    let far: Object = (0..20).map(|field| (format!("a{field}.1499999"), Value::from(1.0))).collect();
    early(updated("$set", far, arrays));

    // What a `$slice` takes away again makes room for what other items get.
    let pushed = of([("$each", Value::Array(vec![text(1 << 20); 4])), ("$slice", Value::from(1.0))]);
    let updated_items = updated("$push", of([("a.$[]", Value::Object(pushed))]), items());
    assert!(matches!(updated_items.map(|_| ()), Err(DatabaseError::DocumentTooLarge(_))), "20 MiB stay");
    let pushed = of([("$each", Value::Array(vec![text(1 << 20); 4])), ("$slice", Value::from(0.0))]);
    assert_eq!(updated("$push", of([("a.$[]", Value::Object(pushed))]), items()).unwrap(), items());
    let replaced = updated("$set", of([("a.$[]", text(15 << 10))]), of([("a", objects(1000))])).unwrap();
    assert!(replaced.to_json().len() > 15_000_000);
}

#[test]
fn an_update_stands_for_a_bounded_number_of_places() {
    let many = || of([("a", Value::Array(vec![Value::from(0.0); 500_000]))]);
    let error = updated("$inc", of([("a.$[]", Value::from(1.0))]), many()).unwrap_err();
    assert_eq!(error.code(), "DB_UPDATE_TARGET", "{error}");
    let some = of([("a", Value::Array(vec![Value::from(0.0); 100_000]))]);
    assert!(updated("$inc", of([("a.$[]", Value::from(1.0))]), some).is_ok());
}

/// From each place alone these would take few enough steps.
#[test]
fn a_regular_expression_has_one_budget_for_a_whole_document() {
    let costly = Object::parse(r#"{"a":{"$regex":"(?:a|b)*[ck]"}}"#).unwrap();
    let found = |filter: &Object, value: Value| Filter::parse(filter).unwrap().matches(&of([("a", value)]));
    let letters = |count: usize| Value::String("a".repeat(count));
    assert_eq!(found(&costly, letters(100)), Ok(false));
    assert_eq!(found(&costly, letters(100_000)).unwrap_err().code(), "DB_REGEX_TOO_COSTLY");
    assert_eq!(found(&costly, Value::Array(vec![letters(500); 1000])).unwrap_err().code(), "DB_REGEX_TOO_COSTLY");
    let items = of([("a", Value::Array(vec![letters(500); 1000]))]);
    assert_eq!(updated("$pull", costly, items).unwrap_err().code(), "DB_REGEX_TOO_COSTLY");
    // What takes few steps may be looked for in as much text as there is.
    let cheap = Object::parse(r#"{"a":{"$regex":"\\d+-\\d+"}}"#).unwrap();
    assert_eq!(found(&cheap, text(15 << 20)), Ok(false));
    assert_eq!(found(&cheap, Value::Array(vec![Value::from("2026-11"); 100_000])), Ok(true));
}

#[test]
fn pulling_many_values_out_of_many_items_takes_no_time() {
    let numbers =
        |from: u32, count: u32| Value::Array((from..from + count).map(|n| Value::from(f64::from(n))).collect());
    // One by one these would be 10,000,000,000 comparisons.
    let pulled = updated("$pullAll", of([("a", numbers(1, 100_000))]), of([("a", numbers(0, 100_002))])).unwrap();
    assert_eq!(pulled.to_json(), r#"{"a":[0,100001]}"#);
    let odd = Value::parse(r#"[-0,{"b":1,"a":2},[1],null]"#).unwrap();
    let document = Object::parse(r#"{"a":[0,{"a":2,"b":1},[1],[[1]],{"b":1,"a":2},null,"0"]}"#).unwrap();
    let left = updated("$pullAll", of([("a", odd)]), document).unwrap().to_json();
    assert_eq!(left, r#"{"a":[{"a":2,"b":1},[[1]],"0"]}"#);
}

#[test]
fn the_entries_of_a_document_in_an_index_are_bounded() {
    let json = |text: &str| Object::parse(text).unwrap();
    let index = DocumentIndex::parse("c", &json(r#"{"keys":{"a":1,"s":1}}"#)).unwrap();
    let sort = Sort::parse(&Value::Object(json(r#"{"a":1,"s":1}"#))).unwrap();
    let document = |items: usize, bytes: usize| {
        let numbers = (0..items).map(|number| Value::from(number as f64)).collect();
        of([("a", Value::Array(numbers)), ("s", text(bytes))])
    };
    let entries = index.entries(&document(300, 10_000)).unwrap();
    assert!(entries.truncated && entries.keys.len() == 300);
    assert!(sort.key(&document(300, 10_000)).is_ok());
    assert_eq!(index.entries(&document(300, 1 << 20)).unwrap_err().code(), "DB_INDEX_TOO_MANY_ENTRIES");
    assert_eq!(sort.key(&document(300, 1 << 20)).unwrap_err().code(), "DB_SORT_INVALID");
    assert_eq!(index.entries(&document(MAX_ENTRIES, 1)).unwrap().keys.len(), MAX_ENTRIES);
    assert_eq!(index.entries(&document(MAX_ENTRIES + 1, 1)).unwrap_err().code(), "DB_INDEX_TOO_MANY_ENTRIES");
}

#[test]
fn a_computed_value_counts_in_each_item_it_is_put_into() {
    let projected = |projection: &str, document: &Object| {
        let projection = Projection::parse(&Value::parse(projection).unwrap()).unwrap();
        projection.apply(document.clone()).map(|projected| projected.to_json().len())
    };
    let into_items = r#"{"a.b":"$s"}"#;
    let document = |items: usize, bytes: usize| of([("a", objects(items)), ("s", text(bytes))]);
    assert_eq!(projected(into_items, &document(400, 1 << 20)).unwrap_err().code(), "DB_COMPUTED_TOO_LARGE");
    assert!(projected(into_items, &document(400, 1 << 15)).unwrap() > 400 << 15);
    // Once, it may take all there is.
    assert!(projected(r#"{"c":"$s"}"#, &document(1, 15 << 20)).is_ok());
    // The way is counted as well, be there a value at its end or not.
    assert_eq!(
        projected(r#"{"a.b.c.d.e":"$none"}"#, &document(200_000, 1)).unwrap_err().code(),
        "DB_COMPUTED_TOO_LARGE"
    );
}

/// No collection beside the one at hand.
struct NoOther;

#[async_trait]
impl Lookup for NoOther {
    async fn fetch(&mut self, _: &str, _: &Path, _: &[Value]) -> Result<Vec<Object>, DatabaseError> {
        Ok(Vec::new())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn groups_count_with_all_their_fields() {
    let pipeline = |fields: usize| {
        let sum = Value::Object(of([("$sum", Value::from(1.0))]));
        let mut group: Object = (0..fields).map(|field| (format!("f{field}"), sum.clone())).collect();
        group.insert("_id", Value::from("$n"));
        let group = Value::Object(of([("$group", Value::Object(group))]));
        let count = Value::Object(of([("$count", Value::from("groups"))]));
        Pipeline::parse(&Value::Array(vec![group, count]))
    };
    let documents = |count: usize| (0..count).map(|number| of([("n", Value::from(number as f64))])).collect();
    let made = pipeline(999).unwrap().run(documents(100), &mut NoOther).await.unwrap();
    assert_eq!(made, [of([("groups", Value::from(100.0))])]);
    let error = pipeline(999).unwrap().run(documents(2000), &mut NoOther).await.unwrap_err();
    assert_eq!(error.code(), "DB_PIPELINE_TOO_LARGE");
    assert_eq!(pipeline(1000).unwrap_err().code(), "DB_PIPELINE_INVALID");
}
