//! What is wrong, where, and what to do about it: the one shape of every message about an app's files and the host's
//! configuration. It never decides whether something is wrong.

use std::fmt::{self, Display, Formatter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Characters of a source line shown around a problem; a minified file is one line of a megabyte.
const EXCERPT_CHARS: usize = 100;

/// Characters of a line shown before the problem when the line is longer than [`EXCERPT_CHARS`].
const EXCERPT_LEAD: usize = 40;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The app or the host cannot start.
    Error,
    /// It starts, and probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A place in a text file, both parts counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

/// The part of a source line that a caret points into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// The line, cut to what fits a terminal, control characters shown as spaces.
    pub text: String,
    /// Characters before the first caret.
    pub start: usize,
    /// Carets, at least one.
    pub width: usize,
}

/// One thing that is wrong or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The stable code, one of [`super::codes::ALL`] or of the part of the runtime that found it.
    pub code: &'static str,
    /// The file, as the user named it.
    pub file: PathBuf,
    /// Where in the file, when it is about a place.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// Where in the document, such as `$.limits.heap_mb`, or the name of an environment variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What happened.
    pub message: String,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The source line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

impl Problem {
    /// A problem about a whole file.
    pub fn new(severity: Severity, code: &'static str, file: &Path, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            file: file.to_owned(),
            position: None,
            path: None,
            message: message.into(),
            expected: None,
            found: None,
            hint: None,
            excerpt: None,
        }
    }

    /// A problem that stops the app or the host from starting.
    pub fn error(code: &'static str, file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, file, message)
    }

    /// A problem that stops nothing.
    pub fn warning(code: &'static str, file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, file, message)
    }

    /// Something worth knowing.
    pub fn note(code: &'static str, file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, file, message)
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what would have been right.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds what is there instead.
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// Leaves out what stands there, which may be a secret; the position says where it is.
    pub fn without_content(self) -> Self {
        Self { found: None, excerpt: None, ..self }
    }

    /// Points at bytes `span` of `source`. A span outside the text or inside a character is moved back.
    pub fn at(mut self, source: &str, span: Range<usize>) -> Self {
        let start = source.floor_char_boundary(span.start.min(source.len()));
        let end = source.floor_char_boundary(span.end.clamp(start, source.len()));
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = source[line_start..start].chars().count();
        let line = source[line_start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let width = source[start..end].split('\n').next().unwrap_or_default().trim_end_matches('\r').chars().count();
        self.position = Some(Position { line: source[..line_start].matches('\n').count() + 1, column: before + 1 });
        self.excerpt = Some(excerpt(line, before, width.max(1)));
        self
    }

    /// Points at a line and column of `source`, both counted from 1, as a JavaScript engine reports them.
    pub fn at_line(self, source: &str, line: usize, column: usize) -> Self {
        let line_start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = source[line_start..].split('\n').next().unwrap_or_default();
        let offset: usize = rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        self.at(source, line_start + offset..line_start + offset + 1)
    }
}

fn excerpt(line: &str, start: usize, width: usize) -> Excerpt {
    let skipped = if line.chars().count() > EXCERPT_CHARS { start.saturating_sub(EXCERPT_LEAD) } else { 0 };
    let text: String = line.chars().skip(skipped).take(EXCERPT_CHARS).map(printable).collect();
    let start = start - skipped;
    let width = width.min(text.chars().count().saturating_sub(start)).max(1);
    Excerpt { text, start, width }
}

/// A file's text reaches the terminal only without control characters: an escape sequence in it must not run.
fn printable(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

/// `file:line:column: error[CODE]: message`, then a hint; with `{:#}` also the source line and a caret.
impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut headline = self.file.display().to_string();
        if let Some(Position { line, column }) = self.position {
            write!(headline, ":{line}:{column}")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(headline, ": {severity}[{}]: ", self.code)?;
        if let Some(path) = &self.path {
            write!(headline, "{path}: ")?;
        }
        headline.push_str(&self.message);
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => write!(headline, ": expected {expected}, found {found}")?,
            (Some(expected), None) => write!(headline, ": expected {expected}")?,
            (None, Some(found)) => write!(headline, ": found {found}")?,
            (None, None) => {}
        }
        f.write_str(&headline.chars().map(printable).collect::<String>())?;
        if let (true, Some(excerpt), Some(position)) = (f.alternate(), &self.excerpt, self.position) {
            let number = position.line.to_string();
            let gutter = " ".repeat(number.len());
            write!(f, "\n {gutter} |\n {number} | {}", excerpt.text)?;
            write!(f, "\n {gutter} | {}{}", " ".repeat(excerpt.start), "^".repeat(excerpt.width))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", hint.chars().map(printable).collect::<String>())?;
        }
        Ok(())
    }
}

/// Everything that is wrong, in the order of the file. As an error it is never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `value` when nothing is wrong, otherwise everything that is, in the order of the file.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        self.0.sort_by_key(|problem| problem.position);
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
