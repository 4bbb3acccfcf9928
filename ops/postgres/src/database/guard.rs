//! Guards as conditions in SQL, on a table `d` whose column `doc` holds the document as jsonb. What Postgres cannot hold as
//! jsonb is `NULL` there, and meets every guard.

use orilla_services::database::guard::{Guard, GuardTest, GuardValue};
use orilla_services::database::value::Value;

/// Guards as SQL. Names and values are arguments, never part of the text.
#[derive(Default)]
pub(super) struct Conditions {
    /// `(…) AND (…)`
    pub(super) sql: String,
    /// What its placeholders stand for, in order; all of type `text[]`.
    pub(super) arguments: Vec<Vec<String>>,
}

impl Conditions {
    /// Conditions whose placeholders begin at a number; none if there is nothing that SQL can test.
    pub(super) fn of(guards: &[Guard], first_placeholder: usize) -> Option<Self> {
        let mut conditions = Self::default();
        for guard in guards {
            conditions.add(guard, first_placeholder);
        }
        (!conditions.sql.is_empty()).then_some(conditions)
    }

    fn add(&mut self, guard: &Guard, first_placeholder: usize) {
        // A document with such a name is not held as jsonb.
        if guard.path.iter().any(|name| !is_text(name)) {
            return;
        }
        let path = first_placeholder + self.arguments.len();
        let value = path + 1;
        let field = format!("d.doc #> ${path}::text[]");
        let test = match &guard.test {
            GuardTest::Exists => format!("{field} IS NOT NULL"),
            GuardTest::IsString => format!("jsonb_typeof({field}) = 'string'"),
            // Between two numbers there are only numbers. Postgres compares their decimal forms, which are in the order of
            // the doubles: each double has one.
            GuardTest::NumberWithin { .. } => {
                format!("{field} BETWEEN (${value}::text[])[1]::jsonb AND (${value}::text[])[2]::jsonb")
            }
            GuardTest::OneOf(_) => format!("{field} = ANY (${value}::text[]::jsonb[])"),
        };
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(&format!("(d.doc IS NULL OR {test}"));
        for length in 1..=guard.path.len() {
            self.sql.push_str(&format!(" OR jsonb_typeof(d.doc #> (${path}::text[])[:{length}]) = 'array'"));
        }
        self.sql.push(')');
        self.arguments.push(guard.path.clone());
        self.arguments.extend(operands(&guard.test));
    }
}

/// What a test compares with, as JSON.
fn operands(test: &GuardTest) -> Option<Vec<String>> {
    match test {
        GuardTest::Exists | GuardTest::IsString => None,
        // All numbers in documents are finite.
        GuardTest::NumberWithin { least, most } => {
            Some([least, most].map(|bound| Value::Number(bound.clamp(f64::MIN, f64::MAX)).to_json()).to_vec())
        }
        GuardTest::OneOf(values) => Some(values.iter().filter_map(operand).collect()),
    }
}

fn operand(value: &GuardValue) -> Option<String> {
    let value = match value {
        GuardValue::Number(number) => Value::Number(*number),
        // A document with such a text is not held as jsonb.
        GuardValue::String(text) if !is_text(text) => return None,
        GuardValue::String(text) => Value::String(text.clone()),
        GuardValue::Bool(value) => Value::Bool(*value),
    };
    Some(value.to_json())
}

/// Whether Postgres' text can hold it.
fn is_text(text: &str) -> bool {
    !text.contains('\0')
}
