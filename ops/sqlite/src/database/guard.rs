//! Guards as conditions in SQL. What SQL cannot say simply it does not say: a condition that is left out costs time only.

use orilla_services::database::guard::{Guard, GuardTest, GuardValue};
use rusqlite::types::Value;

/// Guards as SQL on a table `d` of documents.
#[derive(Default)]
pub(super) struct Conditions {
    /// ` AND (…)` for each condition.
    pub(super) sql: String,
    /// What its placeholders stand for, in order.
    pub(super) parameters: Vec<Value>,
}

impl Conditions {
    pub(super) fn of(guards: &[Guard]) -> Self {
        let mut conditions = Self::default();
        for guard in guards {
            conditions.add(guard);
        }
        conditions
    }

    fn add(&mut self, guard: &Guard) {
        // Names that would have to be quoted within a JSON path are rare, and SQLite's rules for them are not JSON's.
        let is_plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !guard.path.iter().all(is_plain) {
            return;
        }
        let paths: Vec<String> =
            (1..=guard.path.len()).map(|count| format!("'$.{}'", guard.path[..count].join("."))).collect();
        let Some(path) = paths.last() else { return };
        self.sql.push_str(" AND (");
        match &guard.test {
            GuardTest::Exists => self.sql.push_str(&format!("json_type(d.body, {path}) IS NOT NULL")),
            GuardTest::IsString => self.sql.push_str(&format!("json_type(d.body, {path}) = 'text'")),
            GuardTest::NumberWithin { least, most } => {
                self.sql.push_str(&format!("json_extract(d.body, {path}) BETWEEN ? AND ?"));
                self.parameters.extend([Value::Real(*least), Value::Real(*most)]);
            }
            GuardTest::OneOf(values) => {
                let places = vec!["?"; values.len()].join(", ");
                self.sql.push_str(&format!("json_extract(d.body, {path}) IN ({places})"));
                self.parameters.extend(values.iter().map(parameter));
            }
        }
        for path in &paths {
            self.sql.push_str(&format!(" OR json_type(d.body, {path}) = 'array'"));
        }
        self.sql.push(')');
    }
}

fn parameter(value: &GuardValue) -> Value {
    match value {
        GuardValue::Number(number) => Value::Real(*number),
        GuardValue::String(text) => Value::Text(text.clone()),
        // `json_extract` gives 1 and 0.
        GuardValue::Bool(value) => Value::Integer((*value).into()),
    }
}
