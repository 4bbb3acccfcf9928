//! Guards as conditions in SQL. What SQL cannot say simply it does not say: a condition that is left out costs time only.

use orilla_services::database::guard::{Guard, GuardTest, GuardValue};
use rusqlite::types::Value;

/// Guards that one statement tests. A filter may have thousands of conditions; SQLite allows no expression that deep, and
/// the first few tell most documents apart.
const MAX_GUARDS: usize = 16;
/// Placeholders in the guards of one statement.
const MAX_PARAMETERS: usize = 500;
/// Bytes of SQL of all guards of one statement: long paths are written several times.
const MAX_SQL_BYTES: usize = 64 << 10;

/// Guards as SQL on a table `d` of documents.
#[derive(Default)]
pub(super) struct Conditions {
    /// All of them together; empty where there are none.
    pub(super) sql: String,
    /// What its placeholders stand for, in order.
    pub(super) parameters: Vec<Value>,
}

impl Conditions {
    pub(super) fn of(guards: &[Guard]) -> Self {
        let mut all = Self::default();
        for one in guards.iter().map(Self::of_one).filter(|one| !one.sql.is_empty()).take(MAX_GUARDS) {
            let parameters = all.parameters.len() + one.parameters.len();
            if parameters > MAX_PARAMETERS || all.sql.len() + one.sql.len() > MAX_SQL_BYTES {
                continue;
            }
            if !all.sql.is_empty() {
                all.sql.push_str(" AND ");
            }
            all.sql.push_str(&one.sql);
            all.parameters.extend(one.parameters);
        }
        all
    }

    fn of_one(guard: &Guard) -> Self {
        let mut condition = Self::default();
        condition.write(guard);
        condition
    }

    fn write(&mut self, guard: &Guard) {
        // Names that would have to be quoted within a JSON path are rare, and SQLite's rules for them are not JSON's.
        let is_plain =
            |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !guard.path.iter().all(is_plain) {
            return;
        }
        let paths: Vec<String> =
            (1..=guard.path.len()).map(|count| format!("'$.{}'", guard.path[..count].join("."))).collect();
        let Some(path) = paths.last() else { return };
        self.sql.push('(');
        match &guard.test {
            GuardTest::Exists => self.sql.push_str(&format!("json_type(d.body, {path}) IS NOT NULL")),
            GuardTest::IsString => self.sql.push_str(&format!("json_type(d.body, {path}) = 'text'")),
            GuardTest::NumberWithin { least, most } => self.within(path, least - slack(*least), most + slack(*most)),
            GuardTest::OneOf(values) => self.one_of(path, values),
        }
        for path in &paths {
            self.sql.push_str(&format!(" OR json_type(d.body, {path}) = 'array'"));
        }
        self.sql.push(')');
    }

    fn one_of(&mut self, path: &str, values: &[GuardValue]) {
        let parameters: Vec<_> = values.iter().filter_map(exact).collect();
        let places = vec!["?"; parameters.len()].join(", ");
        self.sql.push_str(&format!("json_extract(d.body, {path}) IN ({places})"));
        self.parameters.extend(parameters);
        for value in values {
            if let (GuardValue::Number(number), None) = (value, exact(value)) {
                self.sql.push_str(" OR ");
                self.within(path, number - slack(*number), number + slack(*number));
            }
        }
    }

    fn within(&mut self, path: &str, least: f64, most: f64) {
        self.sql.push_str(&format!("json_extract(d.body, {path}) BETWEEN ? AND ?"));
        self.parameters.extend([Value::Real(least), Value::Real(most)]);
    }
}

/// What `json_extract` gives for a value, if that is certain: of numbers, for whole ones, which are kept as integers.
fn exact(value: &GuardValue) -> Option<Value> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    match value {
        GuardValue::Number(number) if number.fract() == 0.0 && number.abs() <= LARGEST => Some(Value::Real(*number)),
        GuardValue::Number(_) => None,
        GuardValue::String(text) => Some(Value::Text(text.clone())),
        GuardValue::Bool(value) => Some(Value::Integer((*value).into())),
    }
}

/// How far what SQLite reads from JSON may be from a number: it does not round correctly in the last places.
fn slack(number: f64) -> f64 {
    number.abs() * 1e-14 + 1e-300
}
