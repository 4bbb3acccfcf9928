//! `runtime deployments`

use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use http::Method;
use serde_json::Value as Json;

use super::Failure;
use super::admin::{self, AdminArgs, Content};
use super::platform::output;
use crate::apps::versions::AppName;

#[derive(Args)]
pub struct DeploymentsArgs {
    /// Only this app.
    #[arg(long, value_name = "NAME", value_parser = admin::app_name)]
    app: Option<AppName>,
    /// Print the host's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &DeploymentsArgs) -> Result<(), Failure> {
    let admin = args.admin.admin()?;
    let path = match &args.app {
        Some(app) => format!("/_orilla/apps/{app}"),
        None => "/_orilla/apps".to_owned(),
    };
    let answer = admin::block_on(admin.call(Method::GET, &path, Content::Empty))?;
    if args.json {
        admin::print_json(&answer)
    } else if let Some(apps) = answer["apps"].as_array() {
        output::write(&table(apps))
    } else {
        output::write(&table(&[answer]))
    }
}

/// A table whose columns are as wide as they must be.
fn table(apps: &[Json]) -> String {
    let mut rows = vec![["APP", "VERSION", "CREATED", "SIZE", "TRAFFIC", "STATE"].map(str::to_owned)];
    for app in apps {
        rows.extend(app["versions"].as_array().into_iter().flatten().map(|version| row(&app["app"], version)));
    }
    if rows.len() == 1 {
        return "nothing is deployed".to_owned();
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let lines = rows.iter().map(|row| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn row(app: &Json, version: &Json) -> [String; 6] {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let created = version["created"].as_u64().map(|created| UNIX_EPOCH + Duration::from_millis(created));
    [
        text(app),
        text(&version["version"]),
        created.map(httpdate::fmt_http_date).unwrap_or_default(),
        version["bytes"].as_u64().map(admin::size).unwrap_or_default(),
        version["percent"].as_u64().map(|percent| format!("{percent}%")).unwrap_or_default(),
        text(&version["state"]),
    ]
}
