//! `ORILLA_<SECTION>_<KEY>` sets `key` of `[section]`. A list is written with commas. It never
//! reads the process itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::apps::manifest::codes;
use crate::apps::manifest::document::{Document, Node, Value};
use crate::apps::manifest::problem::Problem;
use crate::apps::manifest::schema;
use crate::apps::manifest::suggest::closest;

use super::environment::HOST_PREFIX;

/// What came of laying the variables over the file.
#[derive(Default)]
pub struct Overlay {
    /// Variables whose values do not fit.
    pub problems: Vec<Problem>,
    /// Variables that set nothing.
    pub warnings: Vec<Problem>,
}

/// Writes the values of `ORILLA_` variables into `config`, an object that `schema` describes.
pub fn overlay(config: &mut Json, schema: &Json, variables: &BTreeMap<String, String>) -> Overlay {
    let keys = keys(schema);
    let mut overlay = Overlay::default();
    for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(HOST_PREFIX)) {
        let Some((section, key)) = keys.get(name) else {
            let warning =
                Problem::warning(codes::CONFIG_UNKNOWN_VARIABLE, Path::new(name), "this variable sets nothing");
            let hint = closest(name, keys.keys().map(String::as_str));
            overlay.warnings.push(match hint {
                Some(hint) => warning.hint(format!("did you mean `{hint}`?")),
                None => {
                    warning.hint("the names are ORILLA_<SECTION>_<KEY>, after the sections and keys of orilla.toml")
                }
            });
            continue;
        };
        match value(name, text, &schema["properties"][section]["properties"][key]) {
            Ok(value) => config[section][key] = value,
            Err(problems) => overlay.problems.extend(problems),
        }
    }
    overlay
}

/// Every variable with its section and key.
fn keys(schema: &Json) -> BTreeMap<String, (&str, &str)> {
    fn members(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
        schema["properties"].as_object().into_iter().flat_map(Map::iter)
    }
    members(schema)
        .flat_map(|(section, schema)| members(schema).map(move |(key, _)| (section.as_str(), key.as_str())))
        .map(|(section, key)| {
            (format!("{HOST_PREFIX}{}_{}", section.to_uppercase(), key.to_uppercase()), (section, key))
        })
        .collect()
}

/// The variable's text as a value of `schema`.
fn value(name: &str, text: &str, schema: &Json) -> Result<Json, Vec<Problem>> {
    let string = |part: &str| Node { span: 0..text.len(), value: Value::String(part.trim().to_owned()) };
    let value = match schema["type"].as_str() {
        Some("integer") => text.trim().parse::<i64>().map_or(string(text).value, |number| Value::Number(number.into())),
        Some("number") => {
            let number = text.trim().parse().ok().and_then(serde_json::Number::from_f64);
            number.map_or(string(text).value, Value::Number)
        }
        Some("boolean") => text.trim().parse().map_or(string(text).value, Value::Boolean),
        Some("array") => Value::Array(text.split(',').filter(|part| !part.trim().is_empty()).map(string).collect()),
        _ => string(text).value,
    };
    let root = Node { span: 0..text.len(), value };
    let document = Document { file: name.into(), text: text.to_owned(), root, codes: &codes::CONFIG };
    let checked = schema::check(&document, schema);
    if checked.problems.is_empty() {
        return Ok(checked.json);
    }
    // A variable is one short line: its name says where, and no caret is needed.
    Err(checked
        .problems
        .into_iter()
        .map(|problem| Problem { position: None, path: None, excerpt: None, ..problem })
        .collect())
}
