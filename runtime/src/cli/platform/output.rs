//! What is printed: one JSON value for scripts, or lines for people.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use ratatui::crossterm::terminal;
use serde_json::Value as Json;

use super::table::Table;
use crate::cli::Failure;

/// How results are printed.
#[derive(Args, Clone, Debug)]
pub struct Output {
    /// Print one JSON value, for scripts.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Output {
    /// Prints a result: as it is for scripts, or what `lines` makes of it for people.
    pub fn print(&self, result: &Json, lines: impl FnOnce(&Json) -> String) -> Result<(), Failure> {
        print(self.json, result, lines)
    }

    /// Prints a result: as it is for scripts, or as a table for people.
    pub fn print_table(&self, result: &Json, table: impl FnOnce(&Json) -> Table) -> Result<(), Failure> {
        self.print(result, |result| table(result).text(width()))
    }
}

/// Prints a result: as one JSON value, or what `lines` makes of it.
pub fn print(json: bool, result: &Json, lines: impl FnOnce(&Json) -> String) -> Result<(), Failure> {
    write(&if json { result.to_string() } else { lines(result) })
}

/// The terminal's width; there is none where what is printed goes elsewhere.
pub fn width() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    is_terminal.then(|| terminal::size().ok()).flatten().map(|(columns, _)| columns.into())
}

/// Prints lines. That nobody reads them any more is no failure.
pub fn write(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::coded("OUTPUT_FAILED", error)),
    }
}
