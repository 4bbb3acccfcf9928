//! Did you mean …? It never corrects anything by itself.

use serde_json::Value as Json;

/// The candidate that `name` is probably a misspelling of.
pub fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    // One slip in three characters is a misspelling, more is another word.
    let allowed = (folded.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The path and the schema of the key `name` anywhere in `schema`, for a key that stands in the wrong object.
pub fn elsewhere<'a>(name: &str, schema: &'a Json) -> Option<(String, &'a Json)> {
    fn search<'a>(name: &str, schema: &'a Json, path: &str) -> Option<(String, &'a Json)> {
        schema["properties"].as_object()?.iter().find_map(|(key, property)| {
            let path = format!("{path}.{key}");
            if key == name { Some((path, property)) } else { search(name, property, &path) }
        })
    }
    search(name, schema, "$")
}

/// `wallMs`, `wall-ms` and `WALL_MS` are all `wall_ms` to someone in a hurry. A name is cut to a length no key reaches,
/// because the distance takes time in the square of it.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).take(64).flat_map(char::to_lowercase).collect()
}
