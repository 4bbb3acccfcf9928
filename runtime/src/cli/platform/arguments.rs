//! What is written on the command line in JSON, or comes from standard input.

use std::io::Read as _;

use serde_json::{Map, Value as Json};

use crate::cli::Failure;
use crate::request::platform_api::MAX_PLATFORM_REQUEST_BYTES;

/// An argument in JSON; `-` stands for standard input.
pub fn json(name: &str, text: &str) -> Result<Json, Failure> {
    let text = text_or_input(name, text)?;
    serde_json::from_str(&text).map_err(|error| {
        invalid(&format!("{name} is not JSON: {error}; quote it for the shell, and names in it: '{{\"age\": 30}}'"))
    })
}

/// An argument in JSON, or a default where there is none.
pub fn json_or(name: &str, text: Option<&String>, default: Json) -> Result<Json, Failure> {
    text.map_or(Ok(default), |text| json(name, text))
}

/// An argument as it is; `-` stands for standard input.
pub fn text_or_input(name: &str, text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut input = Vec::new();
    let limit = MAX_PLATFORM_REQUEST_BYTES as u64;
    let read = std::io::stdin().lock().take(limit + 1).read_to_end(&mut input);
    read.map_err(|error| invalid(&format!("{name} cannot be read from standard input: {error}")))?;
    if input.len() as u64 > limit {
        return Err(invalid(&format!("{name} has more than {limit} bytes")));
    }
    String::from_utf8(input).map_err(|_| invalid(&format!("{name} on standard input is not UTF-8")))
}

/// An object of the options that were given.
pub fn options<'n>(options: impl IntoIterator<Item = (&'n str, Option<Json>)>) -> Json {
    let given = options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Json::Object(given.collect::<Map<_, _>>())
}

/// `true` where a flag is set.
pub fn flag(is_set: bool) -> Option<Json> {
    is_set.then_some(Json::Bool(true))
}

/// Bad input.
pub fn invalid(message: &str) -> Failure {
    Failure::Input(format!("error[PLATFORM_ARGUMENTS_INVALID]: {message}"))
}
