//! `runtime check`

use std::path::PathBuf;

use clap::Args;

use super::platform::output;
use super::{EnvironmentArgs, Failure};
use crate::apps::entrypoint;
use crate::isolate::crash;

#[derive(Args)]
pub struct CheckArgs {
    /// The build's directory or its manifest.json.
    #[arg(value_name = "DIR|MANIFEST", default_value = ".")]
    path: PathBuf,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let config = super::config(args.environment.options())?;
    crate::telemetry::log::start("warn");
    crash::contain();
    super::init_v8();
    let report = entrypoint::check_build(&args.path, &config.environment);
    if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| Failure::coded("CHECK_REPORT", error))?;
        output::write(&json)?;
    } else {
        output::write(&format!("{report:#}"))?;
    }
    if report.is_ok() { Ok(()) } else { Err(Failure::Input(format!("{}: the check failed", args.path.display()))) }
}
