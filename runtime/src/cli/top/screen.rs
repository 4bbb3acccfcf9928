//! The screen of `runtime top`: what is on it, what keys do to it, how it is drawn. Never waits for anything.

use std::ops::ControlFlow;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::rows::{self, Isolate, Order, Row};
use crate::cli::Failure;

const KEYS: &str = "sort: c CPU  m memory  r requests  a age    ↑ ↓ scroll    p pause    q quit";

/// What is shown.
pub struct Screen {
    /// Host and port.
    host: String,
    /// What CPU is counted from at the next look.
    isolates: Vec<Isolate>,
    rows: Vec<Row>,
    order: Order,
    /// How many rows are above the first that can be seen.
    scrolled: usize,
    /// How many rows the terminal had room for when it was drawn.
    room: usize,
    is_paused: bool,
    /// Why the host could not be looked at.
    problem: Option<String>,
}

impl Screen {
    pub fn new(host: &str, isolates: Vec<Isolate>) -> Self {
        let host = host.to_owned();
        let (order, scrolled, room, is_paused, problem) = (Order::Cpu, 0, 0, false, None);
        let mut screen =
            Self { host, isolates: Vec::new(), rows: Vec::new(), order, scrolled, room, is_paused, problem };
        screen.update(Ok(isolates));
        screen
    }

    /// Takes the host's answer. While the screen is paused it changes nothing, so that CPU is then that of the whole pause.
    pub fn update(&mut self, answer: Result<Vec<Isolate>, Failure>) {
        match answer {
            _ if self.is_paused => {}
            Ok(isolates) => {
                self.problem = None;
                self.rows = rows::since(&self.isolates, isolates.clone());
                self.isolates = isolates;
                self.order.sort(&mut self.rows);
                self.scroll(0);
            }
            Err(Failure::Input(problem) | Failure::Failed(problem)) => self.problem = Some(problem),
        }
    }

    /// Does what a key is for; breaks when that is to quit.
    pub fn press(&mut self, key: KeyEvent) -> ControlFlow<()> {
        if key.kind == KeyEventKind::Release {
            return ControlFlow::Continue(());
        }
        let page = self.room.max(1) as isize;
        match key.code {
            KeyCode::Char('q') => return ControlFlow::Break(()),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return ControlFlow::Break(()),
            KeyCode::Char('c') => self.sort(Order::Cpu),
            KeyCode::Char('m') => self.sort(Order::Memory),
            KeyCode::Char('r') => self.sort(Order::Requests),
            KeyCode::Char('a') => self.sort(Order::Age),
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Up => self.scroll(-1),
            KeyCode::Down => self.scroll(1),
            KeyCode::PageUp => self.scroll(-page),
            KeyCode::PageDown => self.scroll(page),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn sort(&mut self, order: Order) {
        self.order = order;
        self.scrolled = 0;
        order.sort(&mut self.rows);
    }

    /// Goes down so many rows, but not beyond the last page.
    fn scroll(&mut self, rows: isize) {
        let last = self.rows.len().saturating_sub(self.room);
        self.scrolled = self.scrolled.saturating_add_signed(rows).min(last);
    }

    /// Draws everything: the host, the totals, the table and the keys.
    pub fn draw(&mut self, frame: &mut Frame) {
        let areas = [Constraint::Length(2), Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)];
        let [head, names, body, foot] = Layout::vertical(areas).areas(frame.area());
        self.room = body.height.into();
        self.scroll(0);
        let mut lines = rows::cells(&self.rows).into_iter();
        let columns = lines.next().unwrap_or_default();
        let shown = lines.skip(self.scrolled).take(self.room).zip(&self.rows[self.scrolled..]);
        let shown: Vec<_> = shown.map(|(cells, row)| Line::styled(cells.join("  "), style(row))).collect();
        frame.render_widget(Paragraph::new(self.head()), head);
        frame.render_widget(Paragraph::new(self.names(&columns)).reversed(), names);
        frame.render_widget(Paragraph::new(shown), body);
        frame.render_widget(Paragraph::new(KEYS).dim(), foot);
    }

    /// The host, and under it the totals, or why they are not to be had.
    fn head(&self) -> Vec<Line<'_>> {
        let mut host = Line::from(self.host.as_str().bold());
        if self.is_paused {
            host.push_span("  paused".yellow());
        }
        let Some(problem) = &self.problem else { return vec![host, Line::raw(rows::totals(&self.rows))] };
        host.push_span("  no answer, trying again; this is what it was".red());
        vec![host, Line::from(problem.replace('\n', " ").red())]
    }

    /// The names of the columns, with a mark on the one that is sorted by.
    fn names(&self, columns: &[String]) -> Line<'_> {
        let mut line = Line::default();
        for (column, name) in columns.iter().enumerate() {
            let name = Span::from(format!("{name}  "));
            line.push_span(if column == self.order.column() { name.bold().underlined() } else { name });
        }
        line
    }
}

/// What works stands out from what does not.
fn style(row: &Row) -> Style {
    match row.isolate.state.as_str() {
        "idle" => Style::new().dim(),
        "booting" => Style::new().yellow(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::cli::top::rows::tests::isolate;

    /// The lines of a terminal with room for three rows.
    fn drawn(screen: &mut Screen) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(100, 7)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|cell| cell.symbol()).collect::<String>();
        buffer.content.chunks(100).map(|cells| line(cells).trim_end().to_owned()).collect()
    }

    /// The numbers of the isolates that can be seen.
    fn numbers(screen: &mut Screen) -> Vec<u64> {
        drawn(screen)[3..6].iter().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
    }

    fn press(screen: &mut Screen, keys: impl IntoIterator<Item = KeyCode>) {
        for key in keys {
            assert!(screen.press(key.into()).is_continue());
        }
    }

    #[test]
    fn the_screen_has_the_host_the_totals_the_table_and_the_keys() {
        let mut screen = Screen::new("127.0.0.1:9090", vec![isolate(1, 100, 1_000)]);
        screen.update(Ok(vec![isolate(1, 600, 2_000)]));
        let expected = [
            "127.0.0.1:9090",
            "isolates 1 (0 running, 1 idle, 0 booting), CPU 50.0%, memory 4.2 MB, requests 0, websockets 0",
            "ISOLATE  STATE  CPU%  MEMORY  REQUESTS  WEBSOCKETS  AGE  UNUSED  APP   VERSION",
            "      1  idle   50.0  4.2 MB         0           0   2s      0s  shop  0123456789abcdef",
            "",
            "",
            KEYS,
        ];
        assert_eq!(drawn(&mut screen), expected);
    }

    #[test]
    fn keys_sort_scroll_pause_and_quit() {
        let isolates = |cpu_ms: u64| (1..=5).map(|number| isolate(number, number * cpu_ms, 10_000 - number)).collect();
        let mut screen = Screen::new("host:1", isolates(1));
        assert_eq!(numbers(&mut screen), [5, 4, 3]);
        press(&mut screen, [KeyCode::Char('a')]);
        assert_eq!(numbers(&mut screen), [1, 2, 3]);
        press(&mut screen, [KeyCode::Down; 9]);
        assert_eq!(numbers(&mut screen), [3, 4, 5], "it stays on the last page");
        press(&mut screen, [KeyCode::Up, KeyCode::Char('p')]);
        screen.update(Ok(Vec::new()));
        assert_eq!(numbers(&mut screen), [2, 3, 4], "it is paused");
        assert!(drawn(&mut screen)[0].contains("paused"));
        press(&mut screen, [KeyCode::Char('p')]);
        screen.update(Ok(Vec::new()));
        assert!(drawn(&mut screen)[1].starts_with("isolates 0 "));
        assert!(screen.press(KeyCode::Char('q').into()).is_break());
        assert!(screen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)).is_break());
    }

    #[test]
    fn a_host_that_is_gone_is_said_until_it_is_back() {
        let mut screen = Screen::new("host:1", vec![isolate(1, 0, 1_000)]);
        screen.update(Err(Failure::coded("ADMIN_UNREACHABLE", "nobody is there")));
        let lines = drawn(&mut screen);
        assert!(lines[0].starts_with("host:1  no answer, trying again"), "{lines:?}");
        assert_eq!(lines[1], "error[ADMIN_UNREACHABLE]: nobody is there");
        assert!(lines[3].contains("shop"), "what was seen last stays");
        screen.update(Ok(vec![isolate(1, 0, 2_000)]));
        assert_eq!(drawn(&mut screen)[0], "host:1");
    }
}
