//! Checks a document against the JSON Schema generated from its Rust types, so that a range, a default or a key is
//! written down once. It never stops at the first problem, and knows only the schema keywords those types produce.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

use regex_lite::Regex;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value as Json};

use super::codes::CodeSet;
use super::document::{Document, Member, Node, Step, Value, json_path};
use super::problem::Problem;
use super::suggest::{closest, elsewhere};
use crate::telemetry::log;

/// Problems reported for one file; a generated file can hold more mistakes than anyone reads.
pub const MAX_PROBLEMS: usize = 1_000;

/// Characters of the source shown as what was found.
const FOUND_CHARS: usize = 60;

/// The schema of `T`: one object without references, in which no key may be null, because a key that is not wanted is
/// left out.
pub fn schema_of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(schemars::transform::RecursiveTransform(without_null));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn without_null(schema: &mut Schema) {
    let Some(keywords) = schema.as_object_mut() else { return };
    if let Some(Json::Array(types)) = keywords.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keywords.insert("type".into(), only);
        }
    }
    if keywords.get("default").is_some_and(Json::is_null) {
        keywords.remove("default");
    }
    // Widths of Rust integers mean nothing to a reader of JSON; the range says it.
    if keywords.get("format").and_then(Json::as_str).is_some_and(|format| format.starts_with("uint")) {
        keywords.remove("format");
    }
}

/// What a check leaves.
pub struct Checked {
    /// The document as JSON, without the values that have problems.
    pub json: Json,
    /// Every problem of the document in its order, at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
}

/// Checks `document` against `schema`, which is one of [`schema_of`].
pub fn check(document: &Document, schema: &Json) -> Checked {
    let mut checker = Checker {
        document,
        codes: document.codes,
        root: schema,
        path: Vec::new(),
        problems: Vec::new(),
        faulty: HashSet::new(),
        secrets: Vec::new(),
    };
    checker.check(&document.root, schema);
    let Checker { mut problems, faulty, secrets, .. } = checker;
    for problem in &mut problems {
        if problem.position.is_some_and(|at| secrets.iter().any(|lines| lines.contains(&at.line))) {
            problem.excerpt = None;
        }
    }
    problems.sort_by_key(|problem| problem.position);
    Checked { json: document.root.to_json_without(&faulty), problems }
}

struct Checker<'a> {
    document: &'a Document,
    codes: &'static CodeSet,
    root: &'a Json,
    path: Vec<Step<'a>>,
    problems: Vec<Problem>,
    /// Where the values begin that are not as the schema wants them.
    faulty: HashSet<usize>,
    /// The lines with secrets in them, which are shown to nobody.
    secrets: Vec<RangeInclusive<usize>>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, node: &'a Node, schema: &Json) {
        if is_secret(schema) {
            let line = |offset: usize| self.document.text[..offset].matches('\n').count() + 1;
            self.secrets.push(line(node.span.start)..=line(node.span.end));
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            return match choices.iter().find(|choice| is_of_type(&node.value, choice)) {
                Some(choice) => self.check(node, choice),
                None => self.mismatch(self.codes.wrong_type, node, schema),
            };
        }
        if !is_of_type(&node.value, schema) {
            return self.mismatch(self.codes.wrong_type, node, schema);
        }
        match &node.value {
            Value::Object(members) => self.check_object(node, members, schema),
            Value::Array(items) => {
                self.check_count(node, items.len(), &schema["maxItems"], schema);
                for (index, item) in items.iter().enumerate() {
                    self.step(Step::Index(index), |checker| checker.check(item, &schema["items"]));
                }
            }
            Value::Number(number) => self.check_number(node, number, schema),
            Value::String(string) => self.check_string(node, string, schema),
            Value::Boolean(_) | Value::Null | Value::Foreign => {}
        }
    }

    fn check_object(&mut self, node: &Node, members: &'a [Member], schema: &Json) {
        self.check_count(node, members.len(), &schema["maxProperties"], schema);
        let nothing = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&nothing);
        let others = &schema["additionalProperties"];
        let mut seen = HashSet::new();
        for member in members {
            self.step(Step::Key(&member.key), |checker| {
                if !seen.insert(member.key.as_str()) {
                    checker.duplicate_key(member);
                }
                match known.get(&member.key) {
                    Some(property) => checker.check(&member.node, property),
                    None if others == &Json::Bool(false) => checker.unknown_key(member, known),
                    None if others.is_object() => {
                        checker.check_key(member, &schema["propertyNames"]);
                        checker.check(&member.node, others);
                    }
                    None => {}
                }
            });
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if !seen.contains(key) {
                let start = node.span.start;
                let path = format!("{}.{key}", json_path(&self.path));
                self.report(self.codes.missing, start..start + 1, "this key is missing", &known[key], |_, problem| {
                    Problem { path: Some(path), ..problem }.expected(describe(&known[key]))
                });
            }
        }
    }

    fn duplicate_key(&mut self, member: &Member) {
        let span = member.key_span.clone();
        self.report(self.codes.duplicate_key, span, "this key appears twice", &Json::Null, |_, problem| {
            problem.hint("keep one of the two")
        });
    }

    fn unknown_key(&mut self, member: &Member, known: &Map<String, Json>) {
        self.faulty.insert(member.node.span.start);
        let span = member.key_span.clone();
        self.report(self.codes.unknown_key, span, "there is no such key", &Json::Null, |checker, problem| {
            let here = closest(&member.key, known.keys().map(String::as_str)).map(|key| (key.to_owned(), &known[key]));
            let Some((key, meant)) = here.or_else(|| elsewhere(&member.key, checker.root)) else {
                let keys: Vec<_> = known.keys().map(|key| format!("`{key}`")).collect();
                return problem.hint(format!("the keys here are {}", keys.join(", ")));
            };
            let problem = problem.hint(format!("did you mean `{key}`?"));
            if is_secret(meant) { problem.without_content() } else { problem }
        });
    }

    fn check_key(&mut self, member: &Member, schema: &Json) {
        if let Some(expected) = string_fault(&member.key, schema) {
            self.faulty.insert(member.node.span.start);
            let span = member.key_span.clone();
            self.report(self.codes.value, span, "this key does not fit", schema, |checker, problem| {
                problem.expected(expected).found(checker.source(&member.key_span))
            });
        }
    }

    fn check_number(&mut self, node: &Node, number: &serde_json::Number, schema: &Json) {
        let within = |value: f64| {
            schema["minimum"].as_f64().is_none_or(|minimum| value >= minimum)
                && schema["maximum"].as_f64().is_none_or(|maximum| value <= maximum)
        };
        if schema.get("const").is_some_and(|constant| constant.as_f64() != number.as_f64()) {
            self.mismatch(self.codes.constant, node, schema);
        } else if !number.as_f64().is_some_and(within) {
            self.mismatch(self.codes.range, node, schema);
        } else if number.is_f64() && schema["type"] == "integer" {
            self.mismatch(self.codes.wrong_type, node, schema);
        }
    }

    fn check_string(&mut self, node: &Node, string: &str, schema: &Json) {
        let length = string.chars().count() as u64;
        let span = node.span.clone();
        if let Some(maximum) = schema["maxLength"].as_u64().filter(|maximum| length > *maximum) {
            self.faulty.insert(span.start);
            self.report(self.codes.range, span, "this string is too long", schema, |_, problem| {
                problem.expected(format!("at most {maximum} characters")).found(length.to_string())
            });
        } else if let Some(expected) = string_fault(string, schema) {
            self.faulty.insert(span.start);
            self.report(self.codes.value, span, "this string does not fit", schema, |checker, problem| {
                problem.expected(expected).found(checker.source(&node.span))
            });
        }
    }

    fn check_count(&mut self, node: &Node, count: usize, maximum: &Json, schema: &Json) {
        if let Some(maximum) = maximum.as_u64().filter(|maximum| count as u64 > *maximum) {
            self.report(self.codes.range, node.span.clone(), "there are too many entries", schema, |_, problem| {
                problem.expected(format!("at most {maximum}")).found(count.to_string())
            });
        }
    }

    fn mismatch(&mut self, code: &'static str, node: &Node, schema: &Json) {
        self.faulty.insert(node.span.start);
        let message = if code == self.codes.wrong_type { "wrong type" } else { "value not allowed" };
        self.report(code, node.span.clone(), message, schema, |checker, problem| {
            let found = match &node.value {
                Value::Object(_) => "an object".to_owned(),
                Value::Array(_) => "an array".to_owned(),
                Value::String(_) => format!("the string {}", checker.source(&node.span)),
                _ => checker.source(&node.span),
            };
            let problem = problem.expected(describe(schema)).found(found);
            match node.value {
                Value::Null => problem.hint("leave the key out to get its default"),
                _ => problem,
            }
        });
    }

    fn step(&mut self, step: Step<'a>, inside: impl FnOnce(&mut Self)) {
        self.path.push(step);
        inside(self);
        self.path.pop();
    }

    /// Adds a problem with what `details` add to it. The key's own description is the hint when there is no better one.
    /// Past [`MAX_PROBLEMS`] nothing is computed, for finding a place and a suggestion is what takes time.
    fn report(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: &str,
        schema: &Json,
        details: impl FnOnce(&Self, Problem) -> Problem,
    ) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let mut problem = Problem::error(code, &self.document.file, message).at(&self.document.text, span);
        problem.path = Some(json_path(&self.path));
        problem = details(self, problem);
        if is_secret(schema) {
            problem = problem.without_content();
        }
        let description = schema["description"].as_str().and_then(|text| text.split("\n\n").next());
        problem.hint = problem.hint.or_else(|| description.map(|text| text.replace('\n', " ")));
        self.problems.push(problem);
    }

    fn source(&self, span: &Range<usize>) -> String {
        let source = self.document.text.get(span.clone()).unwrap_or_default();
        let shown: String = source.chars().take(FOUND_CHARS).collect();
        if shown.len() < source.len() { shown + "…" } else { shown }
    }
}

/// Whether a value of this schema, or what is in it, is nobody's business.
fn is_secret(schema: &Json) -> bool {
    let choices = schema.get("anyOf").and_then(Json::as_array).into_iter().flatten();
    schema.get("x-secret").is_some() || schema.get("items").into_iter().chain(choices).any(is_secret)
}

fn is_of_type(value: &Value, schema: &Json) -> bool {
    match schema["type"].as_str() {
        Some("object") => matches!(value, Value::Object(_)),
        Some("array") => matches!(value, Value::Array(_)),
        Some("string") => matches!(value, Value::String(_)),
        Some("boolean") => matches!(value, Value::Boolean(_)),
        Some("number" | "integer") => matches!(value, Value::Number(_)),
        _ => true,
    }
}

/// What a value of this schema looks like, in words.
fn describe(schema: &Json) -> String {
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().map(describe).collect::<Vec<_>>().join(" or ");
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    match schema["type"].as_str() {
        Some("object") if schema["additionalProperties"]["type"] == "string" => "an object of strings".into(),
        Some("object") => "an object".into(),
        Some("array") if schema["items"]["type"] == "string" => "an array of strings".into(),
        Some("array") => "an array".into(),
        Some("boolean") => "true or false".into(),
        Some("integer") => match (&schema["minimum"], &schema["maximum"]) {
            (Json::Number(minimum), Json::Number(maximum)) => format!("an integer from {minimum} to {maximum}"),
            _ => "an integer".into(),
        },
        Some("number") => match (&schema["minimum"], &schema["maximum"]) {
            (Json::Number(minimum), Json::Number(maximum)) => format!("a number from {minimum} to {maximum}"),
            _ => "a number".into(),
        },
        _ => form(schema).unwrap_or_else(|| "a string".into()),
    }
}

/// What is expected of a string, when `string` is not it.
fn string_fault(string: &str, schema: &Json) -> Option<String> {
    let fits = match (schema["pattern"].as_str(), schema["format"].as_str()) {
        (Some(pattern), _) => Regex::new(pattern).is_ok_and(|regex| regex.is_match(string)),
        (None, Some("relative-path")) => is_relative_path(string),
        (None, Some("url-path")) => is_url_path(string) && !string.contains('*'),
        (None, Some("url-path-pattern")) => is_url_path(string),
        (None, Some("log-filter")) => log::is_filter(string),
        (None, Some("ip-address")) => string.parse::<IpAddr>().is_ok(),
        (None, Some("address-range")) => string.parse::<ipnet::IpNet>().is_ok() || string.parse::<IpAddr>().is_ok(),
        (None, _) => true,
    };
    if fits { None } else { form(schema) }
}

fn form(schema: &Json) -> Option<String> {
    if let Some(message) = schema["patternErrorMessage"].as_str() {
        return Some(message.to_owned());
    }
    let words = match schema["format"].as_str()? {
        "relative-path" => "a relative path with forward slashes and no `..`",
        "url-path" => "a URL path that starts with `/`",
        "url-path-pattern" => "a URL path that starts with `/`, with `*` for any characters",
        "log-filter" => {
            "levels such as `info` or `warn,orilla_runtime=debug`; they are off, error, warn, info, debug, trace"
        }
        "ip-address" => "an IPv4 or IPv6 address",
        "address-range" => "an IP address or a range such as `10.0.0.0/8`",
        _ => return None,
    };
    Some(words.to_owned())
}

fn is_relative_path(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    let inside = path.split('/').all(|part| part != "..");
    !path.is_empty()
        && !path.starts_with('/')
        && !drive
        && inside
        && !path.contains(|c: char| c == '\\' || c.is_control())
}

fn is_url_path(path: &str) -> bool {
    let inside = path.split('/').all(|part| part != "..");
    path.starts_with('/') && inside && !path.contains(|c: char| matches!(c, '\\' | '?' | '#') || c.is_control())
}
