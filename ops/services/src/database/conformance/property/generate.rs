//! What scenarios are made of. Few names and few values, so that they meet; and now and then one from far outside.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::model::Model;
use crate::database::value::{Object, Value};

/// Documents, and what happens to them.
#[derive(Clone)]
pub(super) struct Scenario {
    documents: Vec<Object>,
    steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone)]
pub(super) enum Step {
    Find(Wanted),
    Pages(Wanted),
    Count(Object),
    Aggregate(Wanted),
    Distinct(String, Object),
    CreateIndex(Object),
    DropIndex(usize),
    Insert(Object),
    UpdateMany(Object, Object),
    UpdateOne(Wanted, Object),
    DeleteMany(Object),
    DeleteOne(Wanted),
}

/// A query.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) filter: Object,
    pub(super) sort: Vec<(String, bool)>,
    pub(super) skip: usize,
    pub(super) limit: usize,
}

impl Scenario {
    pub(super) async fn play(self, model: &mut Model<'_>) -> Result<(), String> {
        model.insert_many(self.documents).await?;
        for step in self.steps {
            let told = step.to_text();
            model.step(step).await.map_err(|wrong| format!("{wrong}\n  at {told}"))?;
        }
        model.check_all().await
    }
}

/// As it would be written down: JSON, a line for each step.
impl fmt::Debug for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for document in &self.documents {
            writeln!(formatter, "  document {}", document.to_json())?;
        }
        for step in &self.steps {
            writeln!(formatter, "  {}", step.to_text())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_text())
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_text())
    }
}

impl Step {
    fn to_text(&self) -> String {
        match self {
            Self::Find(wanted) => format!("find {}", wanted.to_text()),
            Self::Pages(wanted) => format!("pages {}", wanted.to_text()),
            Self::Count(filter) => format!("count {}", filter.to_json()),
            Self::Aggregate(wanted) => format!("aggregate {}", wanted.to_text()),
            Self::Distinct(field, filter) => format!("distinct {field:?} {}", filter.to_json()),
            Self::CreateIndex(index) => format!("createIndex {}", index.to_json()),
            Self::DropIndex(which) => format!("dropIndex {which}"),
            Self::Insert(document) => format!("insert {}", document.to_json()),
            Self::UpdateMany(filter, update) => format!("updateMany {} {}", filter.to_json(), update.to_json()),
            Self::UpdateOne(wanted, update) => format!("updateOne {} {}", wanted.to_text(), update.to_json()),
            Self::DeleteMany(filter) => format!("deleteMany {}", filter.to_json()),
            Self::DeleteOne(wanted) => format!("deleteOne {}", wanted.to_text()),
        }
    }
}

impl Wanted {
    fn to_text(&self) -> String {
        format!("{} sort {:?} skip {} limit {}", self.filter.to_json(), self.sort, self.skip, self.limit)
    }
}

fn object<N: Into<String>>(fields: impl IntoIterator<Item = (N, Value)>) -> Value {
    Value::Object(fields.into_iter().collect())
}

fn operator(name: &str, operand: Value) -> Value {
    object([(name, operand)])
}

/// A number, mostly a small one. There is no minus zero in JSON as JavaScript writes it.
fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => (-1i8..4).prop_map(f64::from),
        1 => select(vec![0.5, 0.1, 1.5, 1e15, 9007199254740993.0, 1e300, -1e300, 5e-324, 1.7976931348623157e308]),
        1 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| number + 0.0),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => select(vec!["", "a", "b", "ab", "aé", "x"]).prop_map(str::to_owned),
        1 => select(vec!["a\0", "a\0b", "\u{ffff}", "\u{10ffff}", "ab'\"\\", "a\u{1}", "1"]).prop_map(str::to_owned),
        // Too long for an index entry, and different only behind what it keeps.
        1 => select(vec!["", "a", "b"]).prop_map(|ending| format!("{}{ending}", "ab".repeat(600))),
    ]
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        6 => numbers().prop_map(Value::Number),
        4 => texts().prop_map(Value::String),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((select(vec!["a", "b", "c"]), inner), 0..3).prop_map(object),
        ]
    })
}

/// The value of a field: often a scalar, so that more than arrays is seen.
fn fields_values() -> impl Strategy<Value = Value> {
    prop_oneof![3 => scalars(), 2 => values()]
}

fn documents() -> impl Strategy<Value = Object> {
    vec((select(vec!["a", "b", "c"]), fields_values()), 0..4).prop_map(|fields| fields.into_iter().collect())
}

const PATHS: [&str; 8] = ["a", "b", "c", "a.a", "a.b", "a.c", "b.a", "a.b.c"];

fn paths() -> impl Strategy<Value = String> {
    prop_oneof![
        16 => select(PATHS.to_vec()).prop_map(str::to_owned),
        2 => Just("_id".to_owned()),
        1 => select(vec!["a.0", "a.1.b", "a.b.0", "b.00", "nowhere", "a.nowhere"]).prop_map(str::to_owned),
    ]
}

fn comparisons() -> impl Strategy<Value = Value> {
    let bound = || {
        (select(vec!["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]), fields_values())
            .prop_map(|(name, operand)| (name, operand))
    };
    vec(bound(), 1..3).prop_map(object)
}

fn patterns() -> impl Strategy<Value = Value> {
    (
        select(vec!["^a", "^ab", "^ab?", "b$", "^a\\x{0}", "^(a|x)", "^é", "", "^aé"]),
        select(vec!["", "", "", "i", "m", "s", "x"]),
    )
        .prop_map(|(pattern, options)| object([("$regex", Value::from(pattern)), ("$options", Value::from(options))]))
}

fn types() -> impl Strategy<Value = Value> {
    select(vec!["number", "string", "bool", "null", "array", "object", "int", "double"]).prop_map(Value::from)
}

/// What can stand behind a path.
fn conditions() -> impl Strategy<Value = Value> {
    let leaves = prop_oneof![
        6 => fields_values(),
        6 => comparisons(),
        2 => vec(fields_values(), 0..4).prop_map(|list| operator("$in", Value::Array(list))),
        1 => vec(fields_values(), 0..3).prop_map(|list| operator("$nin", Value::Array(list))),
        1 => any::<bool>().prop_map(|exists| operator("$exists", Value::Bool(exists))),
        1 => types().prop_map(|kind| operator("$type", kind)),
        2 => patterns(),
        1 => (0u8..3).prop_map(|size| operator("$size", Value::Number(size.into()))),
        1 => vec(fields_values(), 0..3).prop_map(|list| operator("$all", Value::Array(list))),
        1 => (1i8..4, 0i8..3).prop_map(|(divisor, remainder)| {
            operator("$mod", Value::Array(vec![Value::Number(divisor.into()), Value::Number(remainder.into())]))
        }),
    ];
    leaves.prop_recursive(2, 6, 2, |inner| {
        let expression = inner.clone().prop_map(|condition| match condition {
            Value::Object(object) if object.iter().next().is_some_and(|(name, _)| name.starts_with('$')) => {
                Value::Object(object)
            }
            value => operator("$eq", value),
        });
        prop_oneof![
            expression.clone().prop_map(|condition| operator("$not", condition)),
            expression.clone().prop_map(|condition| operator("$elemMatch", condition)),
            vec((paths(), inner.clone()), 1..3).prop_map(|fields| operator("$elemMatch", object(fields))),
            vec(inner.prop_map(|condition| operator("$elemMatch", object([("a", condition)]))), 1..3)
                .prop_map(|list| operator("$all", Value::Array(list))),
        ]
    })
}

fn filters() -> impl Strategy<Value = Object> {
    let leaves = vec((paths(), conditions()), 0..4).prop_map(|fields| fields.into_iter().collect::<Object>());
    leaves.prop_recursive(2, 8, 3, |inner| {
        let list = vec(inner.clone().prop_map(Value::Object), 1..4).prop_map(Value::Array);
        (inner, prop_oneof![3 => Just("$or"), 2 => Just("$and"), 1 => Just("$nor")], list).prop_map(
            |(filter, name, list)| {
                let fields = filter.iter().map(|(name, value)| (name.to_owned(), value.clone()));
                fields.chain([(name.to_owned(), list)]).collect()
            },
        )
    })
}

fn sorts() -> impl Strategy<Value = Vec<(String, bool)>> {
    let fields = prop_oneof![10 => select(PATHS.to_vec()), 2 => Just("_id"), 1 => Just("a.0")].prop_map(str::to_owned);
    vec((fields, any::<bool>()), 0..3)
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let skips = prop_oneof![3 => Just(0), 1 => 0usize..6];
    let limits = prop_oneof![2 => Just(1000), 2 => 1usize..6];
    (filters(), sorts(), skips, limits).prop_map(|(filter, sort, skip, limit)| Wanted { filter, sort, skip, limit })
}

fn indexes() -> impl Strategy<Value = Object> {
    let keys = vec((select(PATHS.to_vec()), any::<bool>()), 1..4);
    let partial = prop_oneof![4 => Just(None), 1 => filters().prop_map(Some)];
    (keys, prop::bool::weighted(0.15), prop::bool::weighted(0.25), partial).prop_map(
        |(keys, unique, sparse, partial)| {
            let mut named = Vec::new();
            let mut options = Object::new();
            let mut pairs = Vec::new();
            for (path, descending) in keys {
                if !named.contains(&path) {
                    named.push(path);
                    let direction = Value::Number(if descending { -1.0 } else { 1.0 });
                    pairs.push(Value::Array(vec![Value::from(path), direction]));
                }
            }
            options.insert("keys", Value::Array(pairs));
            options.insert("unique", Value::Bool(unique));
            options.insert("sparse", Value::Bool(sparse));
            if let Some(partial) = partial {
                options.insert("partial", Value::Object(partial));
            }
            options
        },
    )
}

fn updates() -> impl Strategy<Value = Object> {
    let change = prop_oneof![
        4 => (select(PATHS.to_vec()), fields_values()).prop_map(|(path, value)| ("$set", path, value)),
        1 => select(PATHS.to_vec()).prop_map(|path| ("$unset", path, Value::from(""))),
        1 => (select(PATHS.to_vec()), numbers()).prop_map(|(path, by)| ("$inc", path, Value::Number(by))),
        1 => (select(PATHS.to_vec()), fields_values()).prop_map(|(path, value)| ("$push", path, value)),
        1 => (select(PATHS.to_vec()), fields_values()).prop_map(|(path, value)| ("$max", path, value)),
    ];
    vec(change, 1..3).prop_map(|changes| {
        let mut update = Object::new();
        for (name, path, value) in changes {
            match update.get_mut(name) {
                Some(Value::Object(fields)) => drop(fields.insert(path, value)),
                _ => drop(update.insert(name, object([(path, value)]))),
            }
        }
        update
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => wanted().prop_map(Step::Find),
        3 => wanted().prop_map(Step::Pages),
        1 => filters().prop_map(Step::Count),
        2 => wanted().prop_map(Step::Aggregate),
        1 => (select(PATHS.to_vec()), filters()).prop_map(|(path, filter)| Step::Distinct(path.to_owned(), filter)),
        6 => indexes().prop_map(Step::CreateIndex),
        1 => (0usize..4).prop_map(Step::DropIndex),
        2 => documents().prop_map(Step::Insert),
        2 => (filters(), updates()).prop_map(|(filter, update)| Step::UpdateMany(filter, update)),
        2 => (wanted(), updates()).prop_map(|(wanted, update)| Step::UpdateOne(wanted, update)),
        1 => filters().prop_map(Step::DeleteMany),
        1 => wanted().prop_map(Step::DeleteOne),
    ]
}

/// Scenarios: some documents, and then this and that.
pub(super) fn scenarios() -> impl Strategy<Value = Scenario> {
    (vec(documents(), 0..24), vec(steps(), 1..24)).prop_map(|(documents, steps)| Scenario { documents, steps })
}
