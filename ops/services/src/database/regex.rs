//! Regular expressions as filters use them: PCRE2, bounded in the steps that they may take on a value.
//!
//! A pattern is compiled once, when its filter is read. It never sees anything but text.

use std::cell::Cell;
use std::sync::OnceLock;

use pcre2::bytes::{Regex, RegexBuilder};

use super::error::{DatabaseError, shortened};

/// Bytes of a pattern; MongoDB's own bound.
pub const MAX_PATTERN_BYTES: usize = 32_764;

/// Steps that a pattern may take from one place of a text. Where a pattern names a limit of its own, the lower one holds.
pub const MAX_STEPS: u32 = 1_000_000;

/// Steps that patterns may take on one document, beyond the first few from each place of its texts. PCRE2 counts from each
/// place anew: without this bound, the cost would grow with the square of a text's length and with the items of an array.
pub const MAX_EFFORT: u64 = 200_000_000;

/// The limits of steps with which a pattern is tried on a text, one after the other. How many it takes is not known, only
/// that it took no more than a limit from each place; so the lowest that suffices tells the most. The first one is free.
const LIMITS: [u32; 6] = [16, 128, 1024, 8192, 65_536, MAX_STEPS];

/// Choices that a pattern may keep open at a time on one value.
pub const MAX_OPEN_CHOICES: u32 = 100_000;

/// KiB of memory that a pattern may use on one value.
const MAX_HEAP_KIB: u32 = 16 * 1024;

/// Bytes of the stack that a compiled pattern may use.
const MAX_STACK_BYTES: usize = 1 << 20;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The pattern with each of the [`LIMITS`], compiled when it is needed.
    regexes: Box<[OnceLock<Regex>]>,
    source: Box<str>,
    options: Options,
    prefix: Option<Box<str>>,
    /// Whether it can match at the beginning of a text only.
    anchored: bool,
}

/// The steps that patterns may still take on one document.
pub struct Effort(Cell<u64>);

impl Effort {
    /// For one document.
    pub fn of_document() -> Self {
        Self(Cell::new(MAX_EFFORT))
    }

    fn spend(&self, steps: u64) -> Option<()> {
        self.0.set(self.0.get().checked_sub(steps)?);
        Some(())
    }
}

/// The options of a pattern, as `$options` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `i`: upper and lower case are alike.
    pub ignore_case: bool,
    /// `m`: `^` and `$` also match at line breaks.
    pub multi_line: bool,
    /// `s`: `.` also matches a line break.
    pub dot_all: bool,
    /// `x`: white space and comments in the pattern are left out.
    pub extended: bool,
}

impl Options {
    /// Reads the letters of `$options`. `u` is allowed and changes nothing: text is always Unicode.
    pub fn parse(letters: &str) -> Result<Self, DatabaseError> {
        let mut options = Self::default();
        for letter in letters.chars() {
            match letter {
                'i' => options.ignore_case = true,
                'm' => options.multi_line = true,
                's' => options.dot_all = true,
                'x' => options.extended = true,
                'u' => {}
                other => {
                    let reason = format!("the option {other:?} is unknown: use i, m, s, x or u");
                    return Err(DatabaseError::RegexInvalid(reason));
                }
            }
        }
        Ok(options)
    }
}

impl Pattern {
    /// Compiles a pattern.
    pub fn new(source: &str, options: Options) -> Result<Self, DatabaseError> {
        if source.len() > MAX_PATTERN_BYTES {
            let reason = format!("it has {} bytes, the limit is {MAX_PATTERN_BYTES}", source.len());
            return Err(DatabaseError::RegexInvalid(reason));
        }
        if source.contains('\0') {
            return Err(DatabaseError::RegexInvalid("it contains the character U+0000".to_owned()));
        }
        let first = OnceLock::from(compile(source, options, LIMITS[0])?);
        let regexes = std::iter::once(first).chain(LIMITS[1..].iter().map(|_| OnceLock::new())).collect();
        let prefix = literal_prefix(source, options).map(String::into_boxed_str);
        Ok(Self { regexes, source: source.into(), options, prefix, anchored: anchored(source, options).is_some() })
    }

    /// Whether the pattern is found in a text. Fails if that takes more steps than are allowed.
    pub fn matches(&self, text: &str, effort: &Effort) -> Result<bool, DatabaseError> {
        let places = if self.anchored { 1 } else { text.len() as u64 + 1 };
        for (regex, limit) in self.regexes.iter().zip(LIMITS) {
            if limit > LIMITS[0] && effort.spend(places * u64::from(limit)).is_none() {
                break;
            }
            let regex = match regex.get() {
                Some(compiled) => compiled,
                None => {
                    let compiled = compile(&self.source, self.options, limit)?;
                    regex.get_or_init(|| compiled)
                }
            };
            if let Ok(found) = regex.is_match(text.as_bytes()) {
                return Ok(found);
            }
        }
        Err(DatabaseError::RegexTooCostly(shortened(&self.source)))
    }

    /// The text that everything begins with in which the pattern is found, if there is one.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The options of the pattern.
    pub fn options(&self) -> Options {
        self.options
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.options == other.options
    }
}

fn compile(source: &str, options: Options, limit: u32) -> Result<Regex, DatabaseError> {
    let limits = format!("(*LIMIT_MATCH={limit})(*LIMIT_DEPTH={MAX_OPEN_CHOICES})(*LIMIT_HEAP={MAX_HEAP_KIB})");
    RegexBuilder::new()
        .utf(true)
        .caseless(options.ignore_case)
        .multi_line(options.multi_line)
        .dotall(options.dot_all)
        .extended(options.extended)
        .jit_if_available(true)
        .max_jit_stack_size(Some(MAX_STACK_BYTES))
        .build(&format!("{limits}{source}"))
        .map_err(|error| invalid(source, &error, limits.len()))
}

/// What PCRE2 says, with the place counted from the start of what the user wrote.
fn invalid(source: &str, error: &pcre2::Error, limits: usize) -> DatabaseError {
    let said = error.to_string();
    let reason = said.rsplit_once(": ").map_or(said.as_str(), |(_, reason)| reason);
    let place = error.offset().map_or(0, |offset| offset.saturating_sub(limits));
    DatabaseError::RegexInvalid(format!("{reason} at character {place} of {:?}", shortened(source)))
}

/// What follows the anchor of a pattern that matches at the beginning of a text only, as far as that is certain.
fn anchored(source: &str, options: Options) -> Option<&str> {
    if options.multi_line || source.contains('|') {
        return None;
    }
    source.strip_prefix('^').or_else(|| source.strip_prefix("\\A"))
}

/// The literal text that an anchored pattern begins with. Says nothing where it is not certain.
fn literal_prefix(source: &str, options: Options) -> Option<String> {
    if options.ignore_case || options.extended {
        return None;
    }
    let literal = anchored(source, options)?;
    let mut prefix = String::new();
    let mut characters = literal.chars();
    while let Some(character) = characters.next() {
        match character {
            // The last character may be absent.
            '*' | '?' | '{' => {
                prefix.pop();
                break;
            }
            '+' | '.' | '^' | '$' | '(' | ')' | '[' => break,
            '\\' => match characters.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => prefix.push(escaped),
                _ => break,
            },
            plain => prefix.push(plain),
        }
    }
    if prefix.is_empty() { None } else { Some(prefix) }
}
