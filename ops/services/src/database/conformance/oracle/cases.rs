//! The cases of the MongoDB oracle: how they are read, run against a collection and compared.
//!
//! The cases are data beside the repository, named by `ORILLA_ORACLE` or found at `../shared/oracle`. Whoever runs them
//! brings a [`Collection`]; the same cases run against the semantics alone and against every engine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::database::value::{Object, Value};

/// Cases that run at a time.
const CASES_AT_ONCE: usize = 16;

/// A collection that cases run against. Errors are told as text.
#[async_trait]
pub trait Collection: Send {
    /// Stores documents in their order.
    async fn insert(&mut self, documents: Vec<Object>) -> Result<(), String>;
    /// Finds documents.
    async fn find(&mut self, query: &Query) -> Result<Vec<Object>, String>;
    /// Changes documents.
    async fn update(&mut self, change: &Change) -> Result<Counts, String>;
}

/// A query as a case states it, valid or not.
#[derive(Clone, Debug)]
pub struct Query {
    /// The filter.
    pub filter: Value,
    /// The order.
    pub sort: Option<Value>,
    /// How many documents are left out.
    pub skip: Option<Value>,
    /// How many are wanted.
    pub limit: Option<Value>,
    /// What of them.
    pub projection: Option<Value>,
    /// Whether the case is about an aggregation of `$match` and `$sort`.
    pub as_pipeline: bool,
}

/// An update as a case states it, valid or not. One without operators is a replacement.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which documents.
    pub filter: Value,
    /// What becomes of them.
    pub update: Value,
    /// Which of them is the first.
    pub sort: Option<Value>,
    /// What `$[name]` stands for.
    pub array_filters: Vec<Value>,
    /// Whether one is inserted where there is none.
    pub upsert: bool,
    /// Whether all change, or the first.
    pub multi: bool,
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Documents that matched.
    pub matched: usize,
    /// Of these, documents that are different now.
    pub modified: usize,
    /// The `_id`s of those that were inserted.
    pub upserted: Vec<Value>,
}

/// One case.
pub struct Case {
    /// Its name in the suite it comes from.
    pub id: String,
    fields: Object,
}

/// The cases, or `None`, loudly, where the oracle is absent.
#[allow(clippy::disallowed_methods, reason = "the tests are told by the environment where their data is")]
pub fn cases() -> Option<Vec<Case>> {
    let directory = std::env::var_os("ORILLA_ORACLE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracle"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(directory.join("cases")) else {
        // Written past the test harness, which would keep it to itself.
        let absent = format!("\n!!! NOT TESTED against MongoDB: there is no oracle at {} !!!\n\n", directory.display());
        std::io::Write::write_all(&mut std::io::stderr(), absent.as_bytes()).expect("stderr");
        return None;
    };
    let mut files: Vec<_> = files.map(|file| file.expect("a readable directory").path()).collect();
    files.sort();
    Some(files.into_iter().flat_map(|file| read(&std::fs::read_to_string(file).expect("a readable file"))).collect())
}

fn read(json: &str) -> Vec<Case> {
    let Value::Array(cases) = Value::parse(json).expect("JSON") else { panic!("an array of cases") };
    let read = |case| {
        let Value::Object(fields) = case else { panic!("a case is an object") };
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => panic!("text, not {other}"),
        };
        Case { id: text(fields.get("id").expect("an id")), fields }
    };
    cases.into_iter().map(read).collect()
}

/// The ids that are out of scope, with the reason under which they are listed: `# reason`, then ids, one per line.
pub fn exceptions(list: &str) -> BTreeMap<String, String> {
    let mut reason = String::new();
    let mut exceptions = BTreeMap::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('#') {
            Some(text) => reason = text.trim().to_owned(),
            None => assert!(exceptions.insert(line.to_owned(), reason.clone()).is_none(), "{line} is listed twice"),
        }
    }
    exceptions
}

/// Runs all cases, each against a collection of its own, and fails with a list of those that do not hold; with those
/// as well that are excepted and hold, or that there are not.
pub async fn run_all<C: Collection>(
    cases: &[Case],
    exceptions: &BTreeMap<String, String>,
    collection: impl AsyncFn() -> C,
) {
    let collection = &collection;
    let outcome = |case| async move {
        let outcome = Case::run(case, &mut collection().await).await;
        (case, outcome)
    };
    let mut outcomes = stream::iter(cases).map(outcome).buffered(CASES_AT_ONCE);
    let mut failures = Vec::new();
    while let Some((case, outcome)) = outcomes.next().await {
        match (outcome, exceptions.contains_key(&case.id)) {
            (Err(failure), false) => failures.push(format!("{}\n    {failure}", case.id)),
            (Ok(()), true) => failures.push(format!("{}\n    is excepted, but holds", case.id)),
            _ => {}
        }
    }
    let unknown = exceptions.keys().filter(|id| !cases.iter().any(|case| case.id == **id));
    failures.extend(unknown.map(|id| format!("{id}\n    is excepted, but there is no such case")));
    println!("{} cases, of which {} are excepted", cases.len(), exceptions.len());
    assert!(failures.is_empty(), "{} cases do not hold:\n{}", failures.len(), failures.join("\n"));
}

impl Case {
    /// Runs the case against an empty collection.
    pub async fn run(&self, collection: &mut impl Collection) -> Result<(), String> {
        collection.insert(self.objects("docs").unwrap_or_default()).await?;
        let outcome = if self.is_update() {
            self.run_updates(collection).await
        } else {
            let found = collection.find(&self.query(&self.fields)).await;
            found.map(|found| (Counts::default(), found))
        };
        match (self.fields.get("error"), outcome) {
            (Some(_), Err(_)) => Ok(()),
            (Some(error), Ok(_)) => Err(format!("should be rejected ({error}): {}", self.input())),
            (None, Err(error)) => Err(format!("failed: {error}: {}", self.input())),
            (None, Ok((counts, found))) => {
                self.check(&counts, &found).map_err(|why| format!("{why}: {}", self.input()))
            }
        }
    }

    fn is_update(&self) -> bool {
        self.fields.get("update").is_some() || self.fields.get("updates").is_some()
    }

    async fn run_updates(&self, collection: &mut impl Collection) -> Result<(Counts, Vec<Object>), String> {
        let changes = match self.objects("updates") {
            Some(updates) => updates.iter().map(change).collect(),
            None => vec![change(&self.fields)],
        };
        let batch = self.fields.get("updates_mode") == Some(&Value::from("batch"));
        let mut total = Counts::default();
        for change in &changes {
            let counts = collection.update(change).await?;
            if !batch {
                total = Counts::default();
            }
            total.matched += counts.matched;
            total.modified += counts.modified;
            total.upserted.extend(counts.upserted);
        }
        let found = match self.fields.get("find") {
            Some(Value::Object(find)) => collection.find(&self.query(find)).await?,
            _ => Vec::new(),
        };
        Ok((total, found))
    }

    fn query(&self, fields: &Object) -> Query {
        let field = |name| fields.get(name).cloned();
        Query {
            filter: field("filter").unwrap_or(Value::Object(Object::new())),
            sort: field("sort"),
            skip: field("skip"),
            limit: field("limit"),
            projection: field("projection"),
            as_pipeline: fields.get("via").is_some(),
        }
    }

    fn objects(&self, name: &str) -> Option<Vec<Object>> {
        let Value::Array(items) = self.fields.get(name)? else { panic!("{name} is an array") };
        let object = |item: &Value| match item {
            Value::Object(object) => object.clone(),
            other => panic!("an object, not {other}"),
        };
        Some(items.iter().map(object).collect())
    }

    fn check(&self, counts: &Counts, found: &[Object]) -> Result<(), String> {
        if let Some(expected) = self.objects("expected") {
            self.check_documents(&expected, found)?;
        }
        if let Some(expected) = self.objects("expected_partial") {
            let holds = expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| {
                    expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| same(value, found)))
                });
            if !holds {
                return Err(format!("expected about {}, found {}", show(&expected), show(found)));
            }
        }
        if let Some(Value::Array(properties)) = self.fields.get("expected_props") {
            for property in properties {
                check_property(property, found)?;
            }
        }
        match self.fields.get("expected_result") {
            Some(Value::Object(expected)) => check_counts(expected, counts),
            _ => Ok(()),
        }
    }

    fn check_documents(&self, expected: &[Object], found: &[Object]) -> Result<(), String> {
        let object = |document: &Object| Value::Object(document.clone());
        let same_documents = |left: &Object, right: &Object| same(&object(left), &object(right));
        let holds = if self.fields.get("unordered") == Some(&Value::Bool(true)) {
            let mut rest: Vec<_> = found.iter().collect();
            expected.len() == found.len()
                && expected.iter().all(|expected| {
                    let place = rest.iter().position(|found| same_documents(expected, found));
                    place.map(|place| rest.swap_remove(place)).is_some()
                })
        } else {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| same_documents(expected, found))
        };
        if holds { Ok(()) } else { Err(format!("expected {}, found {}", show(expected), show(found))) }
    }

    fn input(&self) -> String {
        let hidden = ["id", "area", "note", "expected", "expected_ids"];
        Value::Object(
            self.fields.iter().filter(|(name, _)| !hidden.contains(name)).map(|(n, v)| (n, v.clone())).collect(),
        )
        .to_json()
    }
}

fn change(fields: &Object) -> Change {
    let field = |name| fields.get(name).cloned();
    let flag = |name| fields.get(name) == Some(&Value::Bool(true));
    Change {
        filter: field("filter").expect("a filter"),
        update: field("update").expect("an update"),
        sort: field("sort"),
        array_filters: match field("array_filters") {
            Some(Value::Array(array_filters)) => array_filters,
            _ => Vec::new(),
        },
        upsert: flag("upsert"),
        multi: flag("multi"),
    }
}

fn show(documents: &[Object]) -> String {
    documents.iter().map(Object::to_json).collect::<Vec<_>>().join(" ")
}

/// Whether two values are the same but for the order of fields.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => left == right,
    }
}

fn check_counts(expected: &Object, counts: &Counts) -> Result<(), String> {
    let upserted = match expected.get("upserted") {
        Some(Value::Array(upserted)) => upserted.len(),
        _ => counts.upserted.len(),
    };
    let count = |name: &str, actual: usize| match expected.get(name) {
        Some(Value::Number(number)) => *number == actual as f64,
        _ => true,
    };
    let holds = count("n", counts.matched + counts.upserted.len())
        && count("nModified", counts.modified)
        && upserted == counts.upserted.len();
    if holds { Ok(()) } else { Err(format!("expected {}, counted {counts:?}", expected.to_json())) }
}

fn check_property(property: &Value, found: &[Object]) -> Result<(), String> {
    let Value::Array(property) = property else { panic!("a property is an array") };
    let [Value::String(path), Value::String(relation), wanted] = property.as_slice() else { panic!("{property:?}") };
    assert_eq!(relation, "eq", "the only relation there is");
    for document in found {
        let document = Value::Object(document.clone());
        let reached = path.split('.').try_fold(&document, |value, name| match value {
            Value::Object(object) => object.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        });
        if reached.is_none_or(|reached| !same(reached, wanted)) {
            return Err(format!("{path} is {reached:?}, expected {wanted}"));
        }
    }
    Ok(())
}
