//! `runtime platform`: an app's keys, documents and vectors from the command line, on a running host or in a data directory
//! that no host has. What a call does is decided in [`platform`](crate::platform); here it is asked for and shown.

use clap::{Args, Subcommand};

use super::{Failure, admin};

mod arguments;
mod browser;
mod db;
mod kv;
pub mod output;
mod status;
pub mod table;
mod target;
mod vector;

use output::Output;
use target::TargetArgs;

/// Where the data is, which app is meant, and how it is shown.
const WHERE: &str = "Where the data is: the data directory of the configuration, else .orilla, as long as no host has it; \
                     the data of a running host is reached through its admin listener, --url.";

#[derive(Args)]
#[command(after_help = WHERE)]
pub struct PlatformArgs {
    #[command(subcommand)]
    service: Service,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand)]
enum Service {
    /// Keys and values; without a subcommand, browse them.
    Kv(kv::KvArgs),
    /// Documents and indexes; without a subcommand, browse them.
    Db(db::DbArgs),
    /// Vector indexes and searches.
    Vector(vector::VectorArgs),
    /// The store, the apps, and what they keep.
    Status,
}

pub fn run(args: &PlatformArgs) -> Result<(), Failure> {
    let (target, output) = (&args.target, &args.output);
    admin::block_on(async {
        let client = target.open().await?;
        let done = match &args.service {
            Service::Kv(kv) => kv.run(&client, output).await,
            Service::Db(db) => db.run(&client, output).await,
            Service::Vector(vector) => vector.run(&client, output).await,
            Service::Status => status::run(&client, output).await,
        };
        // What was acknowledged is durable; closing only saves the next start some time.
        let closed = client.close().await;
        done.and(closed)
    })
}
