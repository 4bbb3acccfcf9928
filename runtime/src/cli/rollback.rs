//! `runtime rollback`

use std::path::Path;

use clap::Args;
use http::Method;
use serde_json::json;

use super::Failure;
use super::admin::{self, AdminArgs, Content};
use super::deploy::traffic;
use super::platform::output;
use crate::apps::versions::AppName;

#[derive(Args)]
pub struct RollbackArgs {
    /// The app [default: the name in the manifest of the working directory].
    #[arg(long, value_name = "NAME", value_parser = admin::app_name)]
    app: Option<AppName>,
    /// The version to go back to [default: the one before the newest].
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Print the host's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

pub fn run(args: &RollbackArgs) -> Result<(), Failure> {
    let admin = args.admin.admin()?;
    let app = match &args.app {
        Some(app) => app.to_string(),
        None => super::load(Path::new("."))?.manifest.name,
    };
    let body = args.to.as_ref().map_or(json!({}), |version| json!({ "to": version }));
    let path = format!("/_orilla/apps/{app}/rollback");
    let answer = admin::block_on(admin.call(Method::POST, &path, Content::Json(body)))?;
    if args.json {
        admin::print_json(&answer)
    } else {
        output::write(&format!("rolled {app} back: {}", traffic(&answer)))
    }
}
