//! `runtime platform status`

use serde_json::{Value as Json, json};

use super::output::{Output, width};
use super::table::Table;
use super::target::Client;
use crate::cli::{Failure, admin};
use crate::platform::Service;

/// Shows what there is.
pub async fn run(client: &Client, output: &Output) -> Result<(), Failure> {
    let status = client.call(Service::Status, "", "", &json!([])).await?;
    output.print(&status, text)
}

fn text(status: &Json) -> String {
    let store = status["store"].as_str().unwrap_or_default();
    let shared = if status["shared"] == true { ", shared with other hosts" } else { "" };
    let mut sections = vec![format!("store: {store}{shared}")];
    let apps = status["apps"].as_array().map_or(&[][..], Vec::as_slice);
    if apps.is_empty() {
        sections.push("no app has any data".to_owned());
    }
    sections.extend(apps.iter().map(app));
    sections.join("\n\n")
}

fn app(app: &Json) -> String {
    let namespaces = app["namespaces"].as_array().map_or(0, Vec::len);
    let more = if app["more_namespaces"] == true { "+" } else { "" };
    let bytes = admin::size(app["database_bytes"].as_u64().unwrap_or_default());
    let name = app["app"].as_str().unwrap_or_default();
    let mut table = Table::new(&["COLLECTION", "DOCUMENTS", "INDEXES"], "no collections");
    for collection in app["collections"].as_array().into_iter().flatten() {
        let name = collection["name"].as_str().unwrap_or_default().to_owned();
        table.row([name, collection["documents"].to_string(), indexes(collection)]);
    }
    format!("{name}: {namespaces}{more} KV namespaces, database {bytes}\n{}", table.text(width()))
}

fn indexes(collection: &Json) -> String {
    let named = collection["indexes"].as_array().into_iter().flatten().map(|index| {
        let name = index["name"].as_str().unwrap_or_default();
        match (index["kind"].as_str(), index["state"].as_str()) {
            (_, Some("building")) => format!("{name} (building)"),
            (Some("vector"), _) => format!("{name} (vector)"),
            _ => name.to_owned(),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}
