//! Environment files, and which variables reach an app. It never writes into the environment, and a value never shows
//! in a debug print.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::apps::manifest::document::read_text;
use crate::apps::manifest::problem::Problem;
use crate::apps::manifest::{EnvRules, MAX_MANIFEST_BYTES, codes};

/// Names that begin with this are the host's own settings.
pub const HOST_PREFIX: &str = "ORILLA_";

/// The variables an app may get.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The host process's variables.
    pub process: BTreeMap<String, String>,
    /// The variables of `--env-file`.
    pub files: BTreeMap<String, String>,
}

impl Environment {
    /// What an app with these rules sees: everything in the environment files, and of the process's variables those
    /// that are required or begin with the prefix. The process's value wins where both have one. The host's own
    /// `ORILLA_` variables never leave the process.
    pub fn for_app(&self, rules: &EnvRules) -> BTreeMap<String, String> {
        let by_prefix = |name: &str| !rules.prefix.is_empty() && name.starts_with(&rules.prefix);
        let required = |name: &String| rules.required.contains(name);
        let process = self
            .process
            .iter()
            .filter(|(name, _)| !name.starts_with(HOST_PREFIX) && (by_prefix(name) || required(name)));
        self.files.iter().chain(process).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Whether an app that requires `name` gets it.
    pub fn provides(&self, name: &str) -> bool {
        self.files.contains_key(name) || (self.process.contains_key(name) && !name.starts_with(HOST_PREFIX))
    }
}

impl Debug for Environment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Environment {{ process: {} variables, files: {} variables }}", self.process.len(), self.files.len())
    }
}

/// Reads environment files in order, with everything that is wrong in them, but nothing of what is in them.
pub fn read_files(files: &[PathBuf]) -> (BTreeMap<String, String>, Vec<Problem>) {
    let mut variables = BTreeMap::new();
    let mut problems = Vec::new();
    for file in files {
        match read_text(file, MAX_MANIFEST_BYTES, &codes::ENV_FILE) {
            Ok(text) => {
                let mut parser = Parser { file, text: &text, at: 0, variables, problems };
                parser.parse();
                Parser { variables, problems, .. } = parser;
            }
            Err(unread) => problems.extend(unread.0),
        }
    }
    (variables, problems.into_iter().map(Problem::without_content).collect())
}

/// Lines of `NAME=value`, each with an optional `export` in front. A value in double quotes knows the escapes `\n`, `\r`,
/// `\t`, `\"`, `\\` and `\$`, one in single quotes is as it stands; both may span lines. Without quotes it is trimmed and
/// ends at ` #`. Nothing is expanded.
struct Parser<'a> {
    file: &'a Path,
    text: &'a str,
    at: usize,
    variables: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// What is wrong with a line, and where.
type Fault = (Range<usize>, &'static str, &'static str);

impl<'a> Parser<'a> {
    fn parse(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if self.rest().is_empty() {
                return;
            }
            if !self.rest().starts_with('#')
                && let Err((span, message, hint)) = self.assignment()
            {
                let problem = Problem::error(codes::ENV_FILE_SYNTAX, self.file, message);
                self.problems.push(problem.hint(hint).at(self.text, span));
            }
            self.at += self.line().len();
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn line(&self) -> &'a str {
        self.rest().split('\n').next().unwrap_or_default()
    }

    fn assignment(&mut self) -> Result<(), Fault> {
        if let Some(rest) = self.line().strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += self.line().len() - rest.trim_start().len();
        }
        let line = self.line();
        let whole = self.at..self.at + line.trim_end().len();
        let Some((name, value)) = line.split_once('=') else {
            return Err((whole, "this line sets nothing", "write NAME=value, or begin a comment with #"));
        };
        let name = name.trim_end();
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(is_letter) || !name.chars().all(|c| is_letter(c) || c.is_ascii_digit()) {
            let span = self.at..self.at + name.len().max(1);
            return Err((span, "this is not a variable name", "letters, digits and underscores, no digit first"));
        }
        self.at += line.len() - value.trim_start().len();
        let value = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => self.bare(),
        };
        self.variables.insert(name.to_owned(), value);
        Ok(())
    }

    fn bare(&self) -> String {
        let line = self.line();
        if line.starts_with('#') {
            return String::new();
        }
        let end = [" #", "\t#"].iter().filter_map(|comment| line.find(comment)).min().unwrap_or(line.len());
        line[..end].trim_end().to_owned()
    }

    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let start = self.at;
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.at = start + offset + 1;
                    let tail = self.line().trim();
                    if tail.is_empty() || tail.starts_with('#') {
                        return Ok(value);
                    }
                    let span = self.at..self.at + self.line().trim_end().len();
                    return Err((
                        span,
                        "there is text after the closing quote",
                        "put the quotes around the whole value",
                    ));
                }
                '\\' if quote == '"' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, escaped @ ('"' | '\\' | '$'))) => value.push(escaped),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => break,
                },
                _ => value.push(character),
            }
        }
        Err((
            start..start + 1,
            "this quote is never closed",
            "close it, or put the value into the other kind of quotes",
        ))
    }
}
