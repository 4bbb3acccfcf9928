//! Browsing in the terminal: namespaces or collections, then keys or documents, then one of them. [`model`] says what is
//! shown and what keys do, [`screen`] draws it; here it is asked for.

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::pin::Pin;

use ratatui::crossterm::event::Event;
use serde_json::{Value as Json, json};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{invalid, options};
use super::db::documents;
use super::kv::expiry;
use super::target::Client;
use crate::cli::{Failure, terminal};
use crate::platform::Service;

mod model;
mod screen;
#[cfg(test)]
mod tests;

use model::{Answer, Ask, Browser, Record};

/// Records on a page.
const PAGE: u32 = 100;

/// What is browsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Namespaces and keys.
    Kv,
    /// Collections and documents.
    Database,
}

/// A question to the host that is under way.
type Asking<'c> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + 'c>>;

/// Browses until somebody ends it. However it ends, a panic included, the terminal is as it was before.
pub async fn run(client: &Client, kind: Kind) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(invalid("browsing needs a terminal: name a subcommand, see --help"));
    }
    // What is wrong with the app or the host is said on the terminal as it is, not on a screen.
    let first = answer(client, kind, &Ask::Resources).await?;
    let mut browser = Browser::new(kind, client.place());
    browser.update(Ok(first));
    let shown = show(client, browser).await;
    shown.and(ratatui::try_restore()).map_err(|error| terminal::unusable(&error, "a subcommand"))
}

async fn show(client: &Client, mut browser: Browser) -> io::Result<()> {
    let mut display = ratatui::try_init()?;
    let mut keys = terminal::keys();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let kind = browser.kind;
    let mut asking: Option<Asking<'_>> = None;
    loop {
        display.draw(|frame| browser.draw(frame))?;
        let asked = tokio::select! {
            answer = pending(&mut asking) => {
                asking = None;
                browser.update(answer)
            }
            Some(event) = keys.recv() => match event? {
                Event::Key(key) => match browser.press(key) {
                    ControlFlow::Continue(ask) => ask,
                    ControlFlow::Break(()) => return Ok(()),
                },
                // Anything else, a new size say, only has everything drawn again.
                _ => None,
            },
            // In raw mode the terminal does not make a signal of ctrl-C; these come from another process.
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
        };
        if let Some(ask) = asked {
            asking = Some(Box::pin(async move { answer(client, kind, &ask).await }));
        }
    }
}

/// What is being asked for, or nothing for ever.
async fn pending(asking: &mut Option<Asking<'_>>) -> Result<Answer, Failure> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// Asks the host or the data directory.
async fn answer(client: &Client, kind: Kind, ask: &Ask) -> Result<Answer, Failure> {
    let kv = async |method: &str, namespace: &str, arguments: Json| {
        client.call(Service::Kv, method, namespace, &arguments).await
    };
    let database = async |method: &str, collection: &str, arguments: Json| {
        client.call(Service::Database, method, collection, &arguments).await
    };
    match (kind, ask) {
        (Kind::Kv, Ask::Resources) => {
            let page = kv("namespaces", "", json!([])).await?;
            Ok(Answer::Resources { names: texts(&page["namespaces"]), more: page["more"] == true })
        }
        (Kind::Database, Ask::Resources) => {
            let names = texts(&database("listCollections", "", json!([])).await?);
            Ok(Answer::Resources { names, more: false })
        }
        (Kind::Kv, Ask::Records { resource, filter, cursor }) => {
            let cursor = cursor.clone().map(Json::from);
            let asked = options([("prefix", Some(json!(filter))), ("limit", Some(json!(PAGE))), ("cursor", cursor)]);
            let mut page = kv("list", resource, json!([asked])).await?;
            let records = page["keys"].as_array().into_iter().flatten().map(key).collect();
            Ok(Answer::Records { records, cursor: text(page["cursor"].take()) })
        }
        (Kind::Database, Ask::Records { resource, filter, cursor }) => {
            let filter = match filter.trim() {
                "" => json!({}),
                filter => serde_json::from_str(filter).map_err(|error| invalid(&format!("the filter: {error}")))?,
            };
            let cursor = cursor.clone().map(Json::from);
            let asked = options([("limit", Some(json!(PAGE))), ("cursor", cursor)]);
            let mut page = database("findPage", resource, json!([filter, asked])).await?;
            let records = page["documents"].as_array().into_iter().flatten().map(document).collect();
            Ok(Answer::Records { records, cursor: text(page["cursor"].take()) })
        }
        (_, Ask::Value { resource, key }) => {
            let value = text(kv("get", resource, json!([key])).await?);
            let value = value.ok_or_else(|| Failure::coded("KV_KEY_NOT_FOUND", format!("{key:?} is gone")))?;
            // Most values are JSON; the others are shown as they are.
            let pretty = serde_json::from_str::<Json>(&value).ok().filter(|json| json.is_object() || json.is_array());
            Ok(Answer::Value(pretty.map_or(value, |json| format!("{json:#}"))))
        }
        (Kind::Kv, Ask::Delete { resource, id }) => kv("delete", resource, json!([id])).await.map(|_| Answer::Deleted),
        (Kind::Database, Ask::Delete { resource, id }) => {
            let deleted = database("deleteOne", resource, json!([{ "_id": id }])).await;
            deleted.map(|_| Answer::Deleted)
        }
    }
}

fn key(key: &Json) -> Record {
    let name = key["name"].as_str().unwrap_or_default().to_owned();
    let detail = match &key["expiration"] {
        Json::Null => String::new(),
        expiration => format!("expires {}", expiry(expiration)),
    };
    Record { id: Json::from(name.clone()), name, detail, content: None }
}

fn document(document: &Json) -> Record {
    let [name, detail] = documents::cells(document);
    Record { id: document["_id"].clone(), name, detail, content: Some(format!("{document:#}")) }
}

fn texts(names: &Json) -> Vec<String> {
    names.as_array().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

fn text(json: Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text),
        _ => None,
    }
}
