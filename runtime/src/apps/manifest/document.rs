//! Text files as trees that know where each value stands: JSON and TOML become the same tree. It never judges what the
//! values mean.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Number, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::codes::CodeSet;
use super::problem::{Problem, Problems};

/// Levels of arrays and objects in JSON. TOML's parser has a bound of its own, 80.
const MAX_DEPTH: usize = 128;

/// A value and the bytes of the text it was read from.
#[derive(Debug)]
pub struct Node {
    /// Byte offsets into [`Document::text`].
    pub span: Range<usize>,
    /// What stands there.
    pub value: Value,
}

/// What a JSON or TOML text can hold.
#[derive(Debug)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A TOML date, or a number JSON has no notation for.
    Foreign,
    /// An array.
    Array(Vec<Node>),
    /// An object or table, in the order of the text; a key can appear twice.
    Object(Vec<Member>),
}

impl Value {
    /// Whether this is an array or object that holds nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Array(items) if items.is_empty())
            || matches!(self, Self::Object(members) if members.is_empty())
    }
}

/// A key and its value.
#[derive(Debug)]
pub struct Member {
    /// The key.
    pub key: String,
    /// Where the key stands, quotes included.
    pub key_span: Range<usize>,
    /// The value.
    pub node: Node,
}

/// One step of the way from the root to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into an object.
    Key(&'a str),
    /// Into an array.
    Index(usize),
}

/// A parsed file.
#[derive(Debug)]
pub struct Document {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// Its text, without a byte order mark.
    pub text: String,
    /// The value it holds.
    pub root: Node,
    /// The codes of its kind.
    pub codes: &'static CodeSet,
}

impl Document {
    /// Parses JSON, strictly as RFC 8259 has it.
    pub fn json(file: &Path, text: String, codes: &'static CodeSet) -> Result<Self, Problems> {
        let parsed = serde_json::from_str::<&RawValue>(&text)
            .map_err(|error| Flaw::new(&text, &text, &error))
            .and_then(|raw| json_node(&text, raw, 1));
        match parsed {
            Ok(root) => Ok(Self { file: file.to_owned(), text, root, codes }),
            Err(flaw) => {
                let problem = Problem::error(codes.syntax, file, format!("this is not JSON: {}", flaw.message));
                Err(problem.hint(json_hint(&flaw.message)).at(&text, flaw.offset..flaw.offset + 1).into())
            }
        }
    }

    /// Parses TOML; every syntax error the parser can recover from is reported.
    pub fn toml(file: &Path, text: String, codes: &'static CodeSet) -> Result<Self, Problems> {
        let (table, errors) = DeTable::parse_recoverable(&text);
        let problems = errors.iter().map(|error| {
            let message = format!("this is not TOML: {}", error.message());
            Problem::error(codes.syntax, file, message).at(&text, error.span().unwrap_or_default())
        });
        let root = Node { span: 0..0, value: toml_table(table.get_ref()) };
        Problems(problems.collect()).or(())?;
        Ok(Self { file: file.to_owned(), text, root, codes })
    }

    /// The value at `path`.
    pub fn get(&self, path: &[Step<'_>]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| node.get(*step))
    }

    /// Where the value at `path` stands, or its nearest ancestor that exists.
    fn span(&self, path: &[Step<'_>]) -> Range<usize> {
        let nearest = (0..=path.len()).rev().find_map(|length| self.get(&path[..length]));
        nearest.unwrap_or(&self.root).span.clone()
    }

    /// An error about the value at `path`.
    pub fn problem(&self, code: &'static str, path: &[Step<'_>], message: impl Into<String>) -> Problem {
        let mut problem = Problem::error(code, &self.file, message).at(&self.text, self.span(path));
        problem.path = Some(json_path(path));
        problem
    }
}

impl Node {
    fn get(&self, step: Step<'_>) -> Option<&Self> {
        match (step, &self.value) {
            (Step::Key(key), Value::Object(members)) => {
                members.iter().find(|member| member.key == key).map(|member| &member.node)
            }
            (Step::Index(index), Value::Array(items)) => items.get(index),
            _ => None,
        }
    }

    /// The value as plain JSON without the values that begin at one of `left_out`. Of a key that appears twice, the
    /// last counts.
    pub fn to_json_without(&self, left_out: &HashSet<usize>) -> Json {
        let stays = |node: &Self| !left_out.contains(&node.span.start);
        match &self.value {
            Value::Null | Value::Foreign => Json::Null,
            Value::Boolean(boolean) => Json::Bool(*boolean),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(string) => Json::String(string.clone()),
            Value::Array(items) => {
                items.iter().filter(|item| stays(item)).map(|item| item.to_json_without(left_out)).collect()
            }
            Value::Object(members) => members
                .iter()
                .filter(|member| stays(&member.node))
                .map(|member| (member.key.clone(), member.node.to_json_without(left_out)))
                .collect(),
        }
    }
}

/// Characters of a key in a path; longer ones are cut, because a path can pass through many.
const PATH_KEY_CHARS: usize = 64;

/// Writes a path the way JSONPath does: `$.routes.include[0]`, `$["odd key"]`.
pub fn json_path(path: &[Step<'_>]) -> String {
    let mut text = String::from("$");
    for step in path {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) if key.chars().nth(PATH_KEY_CHARS).is_some() => {
                let cut: String = key.chars().take(PATH_KEY_CHARS).collect();
                text.push_str(&format!("[{}…]", Json::from(cut)));
            }
            Step::Key(key) if is_identifier(key) => text.push_str(&format!(".{key}")),
            Step::Key(key) => text.push_str(&format!("[{}]", Json::from(*key))),
        }
    }
    text
}

fn is_identifier(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))
}

/// Reads a text file of at most `limit` bytes; a byte order mark is dropped.
///
/// # Errors
/// The codes `not_found`, `unreadable`, `too_large` and (when it is not UTF-8) `syntax` of `codes`.
pub fn read_text(file: &Path, limit: u64, codes: &CodeSet) -> Result<String, Problems> {
    let unreadable = |reason: String| Problems::from(Problem::error(codes.unreadable, file, reason));
    let metadata = match std::fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Problem::error(codes.not_found, file, "there is no such file").into());
        }
        Err(error) => return Err(unreadable(format!("the file cannot be read: {error}"))),
    };
    if !metadata.is_file() {
        return Err(unreadable("this is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(format!("the file cannot be read: {error}")))?;
    if bytes.len() as u64 > limit {
        let problem = Problem::error(codes.too_large, file, "the file is too large");
        let found = format!("{} bytes", metadata.len().max(limit + 1));
        return Err(problem.expected(format!("at most {limit} bytes")).found(found).into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            let problem = Problem::error(codes.syntax, file, "the file is not UTF-8 text");
            Err(problem.hint("save it in UTF-8 encoding").at(&text, offset..offset + 1).into())
        }
    }
}

/// A syntax error and the byte of the whole text it is at.
struct Flaw {
    offset: usize,
    message: String,
}

impl Flaw {
    /// `part` is the slice of `text` that the parser was given.
    fn new(text: &str, part: &str, error: &serde_json::Error) -> Self {
        let line_start: usize = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let described = error.to_string();
        let message = described.split(" at line ").next().unwrap_or_default().to_owned();
        // The parser names the last byte it took; a control character it has only looked at.
        let looked_ahead = usize::from(message.starts_with("control character"));
        let column = error.column().saturating_sub(1) + looked_ahead;
        Self { offset: offset_in(text, part) + line_start + column, message }
    }
}

fn offset_in(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// serde_json keeps no positions, but a raw value is a slice of its input, and a slice knows where it lies. It does not
/// count the levels of a raw value either, so they are counted here.
fn json_node(text: &str, raw: &RawValue, depth: usize) -> Result<Node, Flaw> {
    let part = raw.get();
    let flaw = |error| Flaw::new(text, part, &error);
    let start = offset_in(text, part);
    if depth > MAX_DEPTH {
        return Err(Flaw { offset: start, message: TOO_DEEP.to_owned() });
    }
    let value = match part.as_bytes().first() {
        Some(b'{') => {
            let members = serde_json::Deserializer::from_str(part).deserialize_map(RawMembers).map_err(flaw)?;
            let members = members.into_iter().map(|(key, value)| {
                let start = offset_in(text, key.get());
                Ok(Member {
                    key: serde_json::from_str(key.get()).map_err(|error| Flaw::new(text, key.get(), &error))?,
                    key_span: start..start + key.get().len(),
                    node: json_node(text, value, depth + 1)?,
                })
            });
            Value::Object(members.collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(part).map_err(flaw)?;
            Value::Array(items.into_iter().map(|item| json_node(text, item, depth + 1)).collect::<Result<_, _>>()?)
        }
        _ => match serde_json::from_str(part).map_err(flaw)? {
            Json::Bool(boolean) => Value::Boolean(boolean),
            Json::Number(number) => Value::Number(number),
            Json::String(string) => Value::String(string),
            Json::Null | Json::Array(_) | Json::Object(_) => Value::Null,
        },
    };
    Ok(Node { span: start..start + part.len(), value })
}

/// Collects an object's members in order, duplicates included.
struct RawMembers;

impl<'de> Visitor<'de> for RawMembers {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

const TOO_DEEP: &str = "nested too deep";

fn json_hint(message: &str) -> &'static str {
    match message {
        "trailing comma" => "remove the comma before the closing bracket",
        "key must be a string" => "keys stand in double quotes; JSON has no comments",
        "trailing characters" => "the file holds one JSON object and nothing after it",
        TOO_DEEP => "at most 128 levels of nesting are read",
        message if message.starts_with("EOF") => "the file ends too early: a closing quote or bracket is missing",
        message if message.starts_with("control character") => "a line break in a string is written \\n",
        message if message.starts_with("expected `,`") => "a comma is missing between two values",
        _ => "JSON has double quotes only, no comments and no trailing commas",
    }
}

fn toml_table(table: &DeTable<'_>) -> Value {
    let members = table.iter().map(|(key, value)| Member {
        key: key.get_ref().to_string(),
        key_span: key.span(),
        node: toml_node(value),
    });
    Value::Object(members.collect())
}

fn toml_node(spanned: &Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(string) => Value::String(string.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Foreign, |number| Value::Number(number.into())),
        DeValue::Float(float) => {
            float.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Foreign, Value::Number)
        }
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Foreign,
        DeValue::Array(items) => Value::Array(items.iter().map(toml_node).collect()),
        DeValue::Table(table) => toml_table(table),
    };
    Node { span: spanned.span(), value }
}
