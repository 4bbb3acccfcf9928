//! How documents, collections and indexes are shown to people.

use serde_json::{Value as Json, json};

use super::Table;

/// Documents, one in a line.
pub fn table(found: &Json) -> Table {
    let mut table = Table::new(&["_ID", "DOCUMENT"], "no documents");
    for document in found.as_array().into_iter().flatten() {
        table.row(cells(document));
    }
    table
}

/// A document's `_id`, and the rest of it.
pub fn cells(document: &Json) -> [String; 2] {
    let mut rest = document.clone();
    // Not `remove`, which does not keep the order.
    let id = rest.as_object_mut().and_then(|fields| fields.shift_remove("_id"));
    [id.as_ref().map(id_text).unwrap_or_default(), rest.to_string()]
}

/// An `_id` as it is named on the command line.
pub fn id_text(id: &Json) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// A filter for the `_id` that a text stands for: the text itself, or what it is as JSON.
pub fn with_id(text: &str) -> Json {
    match serde_json::from_str::<Json>(text) {
        Ok(id) if !id.is_null() => json!({ "_id": { "$in": [text, id] } }),
        _ => json!({ "_id": text }),
    }
}

/// Names of collections.
pub fn collections(found: &Json) -> Table {
    let mut table = Table::new(&["COLLECTION"], "no collections");
    for name in found.as_array().into_iter().flatten() {
        table.row([id_text(name)]);
    }
    table
}

/// Indexes, of documents and of vectors.
pub fn indexes(found: &Json) -> Table {
    let mut table = Table::new(&["NAME", "KIND", "STATE", "ON", "OPTIONS"], "no indexes");
    for index in found.as_array().into_iter().flatten() {
        let on = match index["field"].as_str() {
            Some(field) => field.to_owned(),
            None => keys(&index["keys"]),
        };
        let shown = ["name", "kind", "state"].map(|name| id_text(&index[name]));
        let [name, kind, state] = shown;
        table.row([name, kind, state, on, options(index)]);
    }
    table
}

fn keys(keys: &Json) -> String {
    let pairs = keys.as_array().into_iter().flatten();
    let shown = pairs.map(|pair| match pair[1].as_f64() {
        Some(direction) if direction < 0.0 => format!("{} descending", id_text(&pair[0])),
        _ => id_text(&pair[0]),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What an index has beside its fields.
fn options(index: &Json) -> String {
    let shown = index.as_object().into_iter().flatten().filter_map(|(name, value)| match (name.as_str(), value) {
        ("name" | "kind" | "state" | "keys" | "field", _) | (_, Json::Bool(false)) => None,
        (name, Json::Bool(true)) => Some(name.to_owned()),
        (name, value) => Some(format!("{name} {}", id_text(value))),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What an update has done.
pub fn updated(result: &Json) -> String {
    let counts = format!("{} matched, {} changed", result["matchedCount"], result["modifiedCount"]);
    match &result["upsertedId"] {
        Json::Null => counts,
        id => format!("{counts}, inserted {}", id_text(id)),
    }
}

/// Values, one in a line.
pub fn lines(results: &Json) -> String {
    let lines: Vec<_> = results.as_array().into_iter().flatten().map(Json::to_string).collect();
    if lines.is_empty() { "no results".to_owned() } else { lines.join("\n") }
}

/// What a check has found.
pub fn checked(result: &Json) -> String {
    let problems = result["problems"].as_array().into_iter().flatten().map(id_text);
    let looked_at = format!(
        "{} collections, {} documents, {} indexes: ",
        result["collections"], result["documents"], result["indexes"]
    );
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() { looked_at + "all agree" } else { format!("{looked_at}\n{}", problems.join("\n")) }
}
