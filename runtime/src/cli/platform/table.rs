//! Tables: columns as wide as they must be, lines no longer than the terminal is wide.

use ratatui::text::Span;

/// A table for people.
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// What is printed in place of a table without rows.
    none: &'static str,
}

impl Table {
    /// A table of these columns.
    pub fn new(names: &[&'static str], none: &'static str) -> Self {
        Self { names: names.to_vec(), rows: Vec::new(), none }
    }

    /// Adds a row. Control characters are shown as `·`: what is stored must not steer a terminal.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| harmless(&cell)).collect());
    }

    /// The table as text, its lines cut to a width.
    pub fn text(&self, width: Option<usize>) -> String {
        if self.rows.is_empty() {
            return self.none.to_owned();
        }
        let names = self.names.iter().map(|&name| name.to_owned()).collect();
        let lines: Vec<Vec<String>> = std::iter::once(names).chain(self.rows.iter().cloned()).collect();
        let columns = self.names.len();
        let widest =
            |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| columns_of(cell)).max();
        let widths: Vec<_> = (0..columns).map(|column| widest(column).unwrap_or_default()).collect();
        let lines = lines.iter().map(|cells| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| {
                let padding = width - columns_of(cell);
                format!("{cell}{:padding$}", "")
            });
            cut(padded.collect::<Vec<_>>().join("  ").trim_end(), width)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Columns of a terminal that a text takes.
pub fn columns_of(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text, or as much of it as fits, with an ellipsis.
pub fn cut(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| columns_of(text) > *width) else { return text.to_owned() };
    let (mut shortened, mut taken) = (String::new(), 1);
    for character in text.chars() {
        taken += columns_of(character.encode_utf8(&mut [0; 4]));
        if taken > width {
            break;
        }
        shortened.push(character);
    }
    if width > 0 {
        shortened.push('…');
    }
    shortened
}

/// The text without control characters.
pub fn harmless(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '·' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_are_cut_to_the_terminal() {
        let mut table = Table::new(&["KEY", "EXPIRES"], "no keys");
        assert_eq!(table.text(Some(10)), "no keys");
        table.row(["日本".to_owned(), "never".to_owned()]);
        table.row(["a\u{1b}[31m".to_owned(), "in an hour".to_owned()]);
        assert_eq!(table.text(None), "KEY     EXPIRES\n日本    never\na·[31m  in an hour");
        assert_eq!(table.text(Some(11)), "KEY     EX…\n日本    ne…\na·[31m  in…");
        assert_eq!(table.text(Some(3)), "KE…\n日…\na·…");
        assert_eq!(table.text(Some(0)), "\n\n");
    }
}
