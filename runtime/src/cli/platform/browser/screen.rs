//! How the browser is drawn: where one is, what is there, and which keys do what.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::Kind;
use super::model::{Browser, Prompt, View};
use crate::cli::platform::table::{columns_of, cut, harmless};

/// Columns that the name of a record may take.
const NAME_COLUMNS: usize = 40;

impl Browser {
    /// Draws everything: where one is, the filter, the list or the record, and the keys.
    pub fn draw(&mut self, frame: &mut Frame) {
        let areas = [Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)];
        let [head, body, foot] = Layout::vertical(areas).areas(frame.area());
        self.room = body.height.into();
        let width = usize::from(body.width);
        let shown = match self.view {
            View::Resources => {
                self.resource.show(self.room, self.resources.len());
                let names = self.resources.iter().skip(self.resource.top).take(self.room);
                list(names.map(|name| cut(&harmless(name), Some(width))), self.resource.at - self.resource.top)
            }
            View::Records => {
                self.record.show(self.room, self.records.len());
                let records = self.records.iter().skip(self.record.top).take(self.room);
                let line = |name: &str, detail: &str| {
                    let name = cut(&harmless(name), Some(NAME_COLUMNS));
                    let padding = NAME_COLUMNS - columns_of(&name);
                    cut(format!("{name}{:padding$}  {}", "", harmless(detail)).trim_end(), Some(width))
                };
                list(records.map(|record| line(&record.name, &record.detail)), self.record.at - self.record.top)
            }
            View::Content => {
                self.line.show(self.room, self.content.len());
                let lines = self.content.iter().skip(self.line.top).take(self.room);
                lines.map(|line| Line::raw(cut(&harmless(line), Some(width)))).collect()
            }
        };
        frame.render_widget(Paragraph::new(vec![self.path(), self.state()]), head);
        frame.render_widget(Paragraph::new(shown), body);
        frame.render_widget(Paragraph::new(self.keys()).dim(), foot);
    }

    /// Where one is.
    fn path(&self) -> Line<'static> {
        let mut path = vec![self.place.clone()];
        if self.view != View::Resources {
            path.push(self.resource_name().to_owned());
        }
        if let (View::Content, Some(record)) = (self.view, self.selected()) {
            path.push(record.name.clone());
        }
        Line::from(harmless(&path.join(" › "))).bold()
    }

    /// What is asked of whoever looks, what went wrong, or what there is.
    fn state(&self) -> Line<'static> {
        match (&self.prompt, &self.problem) {
            (Prompt::Filter(text), _) => return Line::from(format!("{}: {text}▏", self.filter_name())).yellow(),
            (Prompt::Delete, _) => {
                let name = self.selected().map_or("", |record| &record.name);
                return Line::from(format!("delete {}? y/n", harmless(name))).yellow();
            }
            (Prompt::None, Some(problem)) => return Line::from(problem.replace('\n', " ")).red(),
            (Prompt::None, None) => {}
        }
        let waiting = if self.asked.is_some() { "  …" } else { "" };
        let state = match (self.view, self.kind) {
            (View::Resources, Kind::Kv) => format!("{} namespaces", self.resources.len()),
            (View::Resources, Kind::Database) => format!("{} collections", self.resources.len()),
            (View::Records, _) => self.page_state(),
            (View::Content, _) => format!("line {} of {}", self.line.at + 1, self.content.len()),
        };
        let beyond = if self.more && self.view == View::Resources { ", the first of more" } else { "" };
        Line::from(format!("{state}{beyond}{waiting}"))
    }

    fn page_state(&self) -> String {
        let what = if self.kind == Kind::Kv { "keys" } else { "documents" };
        let (page, more) = self.page();
        let of = if more { " of more" } else { "" };
        let filter =
            if self.filter.is_empty() { String::new() } else { format!(", {}: {}", self.filter_name(), self.filter) };
        format!("{} {what}, page {page}{of}{filter}", self.records.len())
    }

    fn filter_name(&self) -> &'static str {
        if self.kind == Kind::Kv { "prefix" } else { "filter" }
    }

    fn keys(&self) -> String {
        match (&self.prompt, self.view) {
            (Prompt::Filter(_), _) => "enter apply  esc leave it".to_owned(),
            (Prompt::Delete, _) => "y delete  any other key: leave it".to_owned(),
            (Prompt::None, View::Resources) => "↑ ↓ move  enter open  r reload  q quit".to_owned(),
            (Prompt::None, View::Records) => {
                let filter = self.filter_name();
                format!("↑ ↓ move  enter open  / {filter}  n next  p previous  d delete  r reload  esc back  q quit")
            }
            (Prompt::None, View::Content) => "↑ ↓ scroll  d delete  esc back  q quit".to_owned(),
        }
    }
}

/// Lines of which one is the current one.
fn list(lines: impl Iterator<Item = String>, current: usize) -> Vec<Line<'static>> {
    let style = |at: usize| if at == current { Style::new().reversed() } else { Style::new() };
    lines.enumerate().map(|(at, line)| Line::styled(line, style(at))).collect()
}
