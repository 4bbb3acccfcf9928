use std::ops::ControlFlow;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

use super::*;
use crate::cli::platform::browser::model::View;

fn drawn(browser: &mut Browser, columns: u16, lines: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| browser.draw(frame)).unwrap();
    let cells = &terminal.backend().buffer().content;
    let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|cell| cell.symbol()).collect::<String>();
    cells.chunks(columns.into()).map(|cells| line(cells).trim_end().to_owned()).collect()
}

/// Presses keys one after the other; what the last one asks for.
#[track_caller]
fn press(browser: &mut Browser, keys: impl IntoIterator<Item = KeyCode>) -> Option<Ask> {
    let mut asked = None;
    for key in keys {
        match browser.press(key.into()) {
            ControlFlow::Continue(ask) => asked = ask,
            ControlFlow::Break(()) => panic!("{key:?} quits"),
        }
    }
    asked
}

fn typed(text: &str) -> impl Iterator<Item = KeyCode> + '_ {
    text.chars().map(KeyCode::Char)
}

fn records(resource: &str, filter: &str, cursor: Option<&str>) -> Option<Ask> {
    let (resource, filter, cursor) = (resource.to_owned(), filter.to_owned(), cursor.map(str::to_owned));
    Some(Ask::Records { resource, filter, cursor })
}

/// A browser of two collections, of which `users` is open: two documents, and a page after them.
fn opened() -> Browser {
    let mut browser = Browser::new(Kind::Database, "host:1".to_owned());
    let names = vec!["orders".to_owned(), "users".to_owned()];
    assert_eq!(browser.update(Ok(Answer::Resources { names, more: false })), None);
    assert_eq!(press(&mut browser, [KeyCode::Down, KeyCode::Enter]), records("users", "", None));
    browser.update(Ok(page(&["ann", "bob"], Some("after bob"))));
    browser
}

fn page(ids: &[&str], cursor: Option<&str>) -> Answer {
    let records = ids.iter().map(|id| document(&json!({ "_id": id, "name": format!("{id}\u{1b}") }))).collect();
    Answer::Records { records, cursor: cursor.map(str::to_owned) }
}

#[test]
fn collections_documents_and_one_document_are_shown() {
    let mut browser = opened();
    let lines = drawn(&mut browser, 72, 6);
    assert_eq!(lines[..2], ["host:1 › users", "2 documents, page 1 of more"]);
    assert_eq!(lines[2], format!("{:40}  {}", "ann", r#"{"name":"ann\u001b"}"#));
    assert!(lines[5].contains("d delete"), "{lines:?}");
    assert_eq!(press(&mut browser, [KeyCode::Down, KeyCode::Enter]), None);
    let lines = drawn(&mut browser, 72, 6);
    assert_eq!(lines[..4], ["host:1 › users › bob", "line 1 of 4", "{", r#"  "_id": "bob","#]);
    press(&mut browser, [KeyCode::Esc, KeyCode::Esc]);
    let lines = drawn(&mut browser, 72, 6);
    assert_eq!(lines[..4], ["host:1", "2 collections", "orders", "users"]);
    assert!(browser.press(KeyCode::Char('q').into()).is_break());
    assert!(browser.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)).is_break());
}

#[test]
fn pages_go_on_and_back_by_their_cursors() {
    let mut browser = opened();
    assert_eq!(press(&mut browser, [KeyCode::Char('p')]), None, "this is the first");
    assert_eq!(press(&mut browser, [KeyCode::Char('n')]), records("users", "", Some("after bob")));
    assert_eq!(press(&mut browser, [KeyCode::Char('n')]), None, "one thing at a time");
    browser.update(Ok(page(&["cem"], None)));
    assert_eq!(browser.page(), (2, false));
    assert_eq!(press(&mut browser, [KeyCode::Char('n')]), None, "this is the last");
    assert_eq!(press(&mut browser, [KeyCode::Char('r')]), records("users", "", Some("after bob")));
    browser.update(Ok(page(&["cem"], None)));
    assert_eq!(browser.page(), (2, false));
    assert_eq!(press(&mut browser, [KeyCode::Char('p')]), records("users", "", None));
    browser.update(Ok(page(&["ann"], Some("after ann"))));
    assert_eq!(browser.page(), (1, true));
}

#[test]
fn a_filter_is_typed_and_what_is_wrong_with_it_is_said() {
    let mut browser = opened();
    let keys = [KeyCode::Char('/')].into_iter().chain(typed("{\"q\":1}x")).chain([KeyCode::Backspace]);
    assert_eq!(press(&mut browser, keys), None);
    assert_eq!(drawn(&mut browser, 72, 6)[1], "filter: {\"q\":1}▏");
    assert_eq!(press(&mut browser, [KeyCode::Enter]), records("users", "{\"q\":1}", None));
    browser.update(Err(Failure::Input("error[DB_FILTER_INVALID]: no".to_owned())));
    let lines = drawn(&mut browser, 72, 6);
    assert_eq!(lines[1], "error[DB_FILTER_INVALID]: no");
    assert!(lines[2].starts_with("ann"), "what was seen last stays");
    press(&mut browser, [KeyCode::Char('/')].into_iter().chain(typed("{}")).chain([KeyCode::Enter]));
    browser.update(Ok(page(&[], None)));
    assert_eq!(drawn(&mut browser, 72, 6)[1], "0 documents, page 1, filter: {}");
    press(&mut browser, [KeyCode::Enter, KeyCode::Char('d')]);
    assert_eq!(drawn(&mut browser, 72, 6)[1], "0 documents, page 1, filter: {}", "there is nothing to open or delete");
}

#[test]
fn deleting_asks_first() {
    let mut browser = opened();
    press(&mut browser, [KeyCode::Char('d')]);
    assert_eq!(drawn(&mut browser, 72, 6)[1], "delete ann? y/n");
    assert_eq!(press(&mut browser, [KeyCode::Char('q')]), None, "any other key leaves it");
    let delete = Ask::Delete { resource: "users".to_owned(), id: json!("ann") };
    assert_eq!(press(&mut browser, [KeyCode::Enter, KeyCode::Char('d'), KeyCode::Char('y')]), Some(delete));
    assert_eq!(browser.update(Ok(Answer::Deleted)), records("users", "", None), "the page is read again");
    browser.update(Ok(page(&["bob"], None)));
    assert_eq!(browser.view, View::Records);
}

#[test]
fn values_of_keys_are_asked_for() {
    let mut browser = Browser::new(Kind::Kv, "here".to_owned());
    browser.update(Ok(Answer::Resources { names: vec!["sessions".to_owned()], more: true }));
    assert_eq!(drawn(&mut browser, 72, 6)[1], "1 namespaces, the first of more");
    press(&mut browser, [KeyCode::Enter]);
    let keys = vec![key(&json!({ "name": "a", "expiration": 0 })), key(&json!({ "name": "b" }))];
    browser.update(Ok(Answer::Records { records: keys, cursor: None }));
    assert!(drawn(&mut browser, 90, 6)[2].ends_with("expires Thu, 01 Jan 1970 00:00:00 GMT"));
    let asked = press(&mut browser, [KeyCode::End, KeyCode::Enter]);
    assert_eq!(asked, Some(Ask::Value { resource: "sessions".to_owned(), key: "b".to_owned() }));
    browser.update(Ok(Answer::Value("one\ntwo".to_owned())));
    assert_eq!(drawn(&mut browser, 72, 6)[2..4], ["one", "two"]);
}

#[test]
fn any_size_of_the_terminal_will_do() {
    let mut browser = opened();
    browser.update(Ok(page(&["ann", "bob"], None)));
    press(&mut browser, [KeyCode::Down]);
    for (columns, lines) in [(1, 1), (3, 4), (200, 3), (10, 2), (41, 4)] {
        let drawn = drawn(&mut browser, columns, lines);
        if lines == 4 {
            assert!(drawn[2].starts_with("bo"), "the selected one can be seen: {drawn:?}");
        }
    }
    press(&mut browser, [KeyCode::Enter]);
    for (columns, lines) in [(1, 1), (5, 4)] {
        drawn(&mut browser, columns, lines);
    }
}
