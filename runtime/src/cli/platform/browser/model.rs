//! What is on the screen of the browser and what keys do to it. Never waits: what it wants to know it asks for, one thing
//! at a time, and is told later.

use std::ops::ControlFlow;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::Value as Json;

use super::Kind;
use crate::cli::Failure;

/// Most characters of a filter.
const FILTER_LENGTH: usize = 4096;

/// What the browser wants to know or to have done.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// The namespaces or collections.
    Resources,
    /// A page of keys or documents.
    Records {
        /// The namespace or collection.
        resource: String,
        /// A prefix of keys, or a filter of documents.
        filter: String,
        /// Where the page before ended.
        cursor: Option<String>,
    },
    /// The value of a key.
    Value { resource: String, key: String },
    /// That a key or document is deleted.
    Delete { resource: String, id: Json },
}

/// What it is told.
pub enum Answer {
    Resources { names: Vec<String>, more: bool },
    Records { records: Vec<Record>, cursor: Option<String> },
    Value(String),
    Deleted,
}

/// A key or a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What it is deleted by.
    pub id: Json,
    pub name: String,
    /// What stands beside the name.
    pub detail: String,
    /// All of it, if that is known.
    pub content: Option<String>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Resources,
    Records,
    Content,
}

/// What keys are for, beside moving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Nothing in particular.
    None,
    /// They are a filter.
    Filter(String),
    /// They say whether to delete.
    Delete,
}

/// A list, or lines, of which one is the current one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// The current one.
    pub at: usize,
    /// The first that can be seen.
    pub top: usize,
}

impl Cursor {
    fn go(&mut self, by: isize, length: usize) {
        self.at = self.at.saturating_add_signed(by).min(length.saturating_sub(1));
    }

    /// Scrolls as little as it takes to see the current one, where so many can be seen of so many.
    pub fn show(&mut self, room: usize, length: usize) {
        self.at = self.at.min(length.saturating_sub(1));
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(room));
    }
}

/// The browser.
pub struct Browser {
    pub kind: Kind,
    /// Where the data is.
    pub place: String,
    pub view: View,
    pub prompt: Prompt,
    pub resources: Vec<String>,
    /// Whether there are others beyond those.
    pub more: bool,
    pub resource: Cursor,
    pub filter: String,
    pub records: Vec<Record>,
    pub record: Cursor,
    /// The lines of the current record.
    pub content: Vec<String>,
    pub line: Cursor,
    /// Where each page up to the current one begins.
    pages: Vec<Option<String>>,
    next: Option<String>,
    /// What has been asked for and not told yet.
    pub asked: Option<Ask>,
    pub problem: Option<String>,
    /// How many lines could be seen when it was drawn.
    pub room: usize,
}

impl Browser {
    /// A browser that waits for the namespaces or collections.
    pub fn new(kind: Kind, place: String) -> Self {
        Self {
            kind,
            place,
            view: View::Resources,
            prompt: Prompt::None,
            resources: Vec::new(),
            more: false,
            resource: Cursor::default(),
            filter: String::new(),
            records: Vec::new(),
            record: Cursor::default(),
            content: Vec::new(),
            line: Cursor::default(),
            pages: Vec::new(),
            next: None,
            asked: Some(Ask::Resources),
            problem: None,
            room: 1,
        }
    }

    /// The namespace or collection that is selected.
    pub fn resource_name(&self) -> &str {
        self.resources.get(self.resource.at).map_or("", String::as_str)
    }

    /// The key or document that is selected.
    pub fn selected(&self) -> Option<&Record> {
        self.records.get(self.record.at)
    }

    /// The number of the page, from 1, and whether there is another after it.
    pub fn page(&self) -> (usize, bool) {
        (self.pages.len(), self.next.is_some())
    }

    /// Takes what was asked for, and may ask for something else.
    pub fn update(&mut self, answer: Result<Answer, Failure>) -> Option<Ask> {
        let asked = self.asked.take()?;
        match answer {
            Err(Failure::Input(problem) | Failure::Failed(problem)) => self.problem = Some(problem),
            Ok(answer) => {
                self.problem = None;
                return self.take(asked, answer);
            }
        }
        None
    }

    fn take(&mut self, asked: Ask, answer: Answer) -> Option<Ask> {
        match (asked, answer) {
            (Ask::Resources, Answer::Resources { names, more }) => {
                (self.resources, self.more, self.view) = (names, more, View::Resources);
            }
            (Ask::Records { filter, cursor: begin, .. }, Answer::Records { records, cursor }) => {
                // A page that was seen before is gone back to; another one is the next.
                let seen = self.pages.iter().position(|page| *page == begin);
                self.pages.truncate(seen.unwrap_or(self.pages.len()));
                self.pages.push(begin);
                (self.records, self.next, self.filter, self.view) = (records, cursor, filter, View::Records);
                self.record.go(0, self.records.len());
            }
            (Ask::Value { .. }, Answer::Value(value)) => self.open(&value),
            (Ask::Delete { .. }, Answer::Deleted) => return self.reload(),
            _ => {}
        }
        None
    }

    /// Does what a key is for, which may be to ask for something; breaks when it is to quit.
    pub fn press(&mut self, key: KeyEvent) -> ControlFlow<(), Option<Ask>> {
        if key.kind == KeyEventKind::Release {
            return ControlFlow::Continue(None);
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return ControlFlow::Break(());
        }
        let asked = match &mut self.prompt {
            Prompt::Filter(_) => self.edit(key.code),
            Prompt::Delete => self.confirm(key.code),
            Prompt::None if key.code == KeyCode::Char('q') => return ControlFlow::Break(()),
            Prompt::None => self.command(key.code),
        };
        ControlFlow::Continue(asked)
    }

    fn command(&mut self, key: KeyCode) -> Option<Ask> {
        let page = self.room.max(1).cast_signed();
        match key {
            KeyCode::Up => self.go(-1),
            KeyCode::Down => self.go(1),
            KeyCode::PageUp => self.go(-page),
            KeyCode::PageDown => self.go(page),
            KeyCode::Home => self.go(isize::MIN),
            KeyCode::End => self.go(isize::MAX),
            KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => self.back(),
            // One thing at a time: what follows may ask for something.
            _ if self.asked.is_some() => {}
            KeyCode::Enter | KeyCode::Right => return self.enter(),
            KeyCode::Char('r') => return self.reload(),
            KeyCode::Char('/') if self.view == View::Records => self.prompt = Prompt::Filter(self.filter.clone()),
            KeyCode::Char('n') if self.view == View::Records => return self.next_page(),
            KeyCode::Char('p') if self.view == View::Records => return self.previous_page(),
            KeyCode::Char('d') if self.view != View::Resources && self.selected().is_some() => {
                self.prompt = Prompt::Delete;
            }
            _ => {}
        }
        None
    }

    fn edit(&mut self, key: KeyCode) -> Option<Ask> {
        let Prompt::Filter(text) = &mut self.prompt else { return None };
        match key {
            KeyCode::Char(character) if text.chars().count() < FILTER_LENGTH => text.push(character),
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Esc => self.prompt = Prompt::None,
            KeyCode::Enter => {
                let filter = std::mem::take(text);
                self.prompt = Prompt::None;
                self.record = Cursor::default();
                self.pages.clear();
                return self.ask_records(filter, None);
            }
            _ => {}
        }
        None
    }

    fn confirm(&mut self, key: KeyCode) -> Option<Ask> {
        self.prompt = Prompt::None;
        let id = self.selected()?.id.clone();
        if !matches!(key, KeyCode::Char('y' | 'Y')) {
            return None;
        }
        let resource = self.resource_name().to_owned();
        self.ask(Ask::Delete { resource, id })
    }

    fn go(&mut self, by: isize) {
        match self.view {
            View::Resources => self.resource.go(by, self.resources.len()),
            View::Records => self.record.go(by, self.records.len()),
            View::Content => self.line.go(by, self.content.len()),
        }
    }

    fn back(&mut self) {
        self.view = match self.view {
            View::Resources | View::Records => View::Resources,
            View::Content => View::Records,
        };
    }

    fn enter(&mut self) -> Option<Ask> {
        match self.view {
            View::Resources if !self.resources.is_empty() => {
                self.record = Cursor::default();
                self.pages.clear();
                self.ask_records(String::new(), None)
            }
            View::Records => {
                let record = self.selected()?.clone();
                match record.content {
                    Some(content) => {
                        self.open(&content);
                        None
                    }
                    None => self.ask(Ask::Value { resource: self.resource_name().to_owned(), key: record.name }),
                }
            }
            View::Resources | View::Content => None,
        }
    }

    fn open(&mut self, content: &str) {
        self.content = content.lines().map(str::to_owned).collect();
        (self.line, self.view) = (Cursor::default(), View::Content);
    }

    fn next_page(&mut self) -> Option<Ask> {
        let next = self.next.clone()?;
        self.record = Cursor::default();
        self.ask_records(self.filter.clone(), Some(next))
    }

    fn previous_page(&mut self) -> Option<Ask> {
        let before = self.pages.len().checked_sub(2)?;
        self.record = Cursor::default();
        self.ask_records(self.filter.clone(), self.pages[before].clone())
    }

    fn reload(&mut self) -> Option<Ask> {
        match self.view {
            View::Resources => self.ask(Ask::Resources),
            View::Records | View::Content => {
                let begin = self.pages.last().cloned().flatten();
                self.ask_records(self.filter.clone(), begin)
            }
        }
    }

    fn ask_records(&mut self, filter: String, cursor: Option<String>) -> Option<Ask> {
        let resource = self.resource_name().to_owned();
        self.ask(Ask::Records { resource, filter, cursor })
    }

    fn ask(&mut self, ask: Ask) -> Option<Ask> {
        self.asked = Some(ask.clone());
        Some(ask)
    }
}
