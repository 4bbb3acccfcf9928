//! `runtime platform kv`

use std::io::{IsTerminal as _, stdin};
use std::time::{Duration, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::arguments::{invalid, options, text_or_input};
use super::browser;
use super::output::Output;
use super::table::Table;
use super::target::Client;
use crate::cli::Failure;
use crate::platform::Service;

#[derive(Args)]
#[command(after_help = "Examples:\n  runtime platform kv list sessions --prefix user:\n  \
                        runtime platform kv get sessions user:1\n  \
                        runtime platform kv put sessions user:1 '{\"cart\":[]}' --ttl 3600\n  \
                        gzip -dc dump.gz | runtime platform kv put files dump -\n  \
                        runtime platform kv --url http://127.0.0.1:9090 --app shop")]
pub struct KvArgs {
    #[command(subcommand)]
    command: Option<KvCommand>,
}

#[derive(Subcommand)]
enum KvCommand {
    /// List the namespaces, 1,000 at a time.
    Namespaces {
        /// Only those after this name.
        #[arg(long, value_name = "NAME", default_value = "", allow_hyphen_values = true)]
        after: String,
    },
    /// List the keys of a namespace, in the order of their bytes.
    List {
        namespace: String,
        /// Only keys that start so.
        #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
        prefix: String,
        /// Most keys, 1 to 1000 [default: 1000].
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// Where an earlier list with the same prefix ended.
        #[arg(long, allow_hyphen_values = true)]
        cursor: Option<String>,
    },
    /// Print the value of a key. One that is absent is a failure.
    Get { namespace: String, key: String },
    /// Store a value in place of what the key holds, its expiry included.
    Put {
        namespace: String,
        key: String,
        /// The value; `-` takes it from standard input, and so does none where that is no terminal.
        value: Option<String>,
        /// Seconds after which the key expires.
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
    },
    /// Remove a key. One that is absent is fine.
    Delete { namespace: String, key: String },
}

impl KvArgs {
    /// Does what was asked.
    pub async fn run(&self, client: &Client, output: &Output) -> Result<(), Failure> {
        let call = async |method: &str, namespace: &str, arguments: Json| {
            client.call(Service::Kv, method, namespace, &arguments).await
        };
        match &self.command {
            None => browser::run(client, browser::Kind::Kv).await,
            Some(KvCommand::Namespaces { after }) => {
                let result = call("namespaces", "", json!([after])).await?;
                output.print_table(&result, namespaces)
            }
            Some(KvCommand::List { namespace, prefix, limit, cursor }) => {
                let limit = limit.map(Json::from);
                let cursor = cursor.clone().map(Json::from);
                let asked = options([("prefix", Some(json!(prefix))), ("limit", limit), ("cursor", cursor)]);
                let result = call("list", namespace, json!([asked])).await?;
                output.print(&result, |result| {
                    let keys = keys(result).text(super::output::width());
                    match result["cursor"].as_str() {
                        Some(cursor) => format!("{keys}\n\nthere are more: --cursor {cursor}"),
                        None => keys,
                    }
                })
            }
            Some(KvCommand::Get { namespace, key }) => {
                let result = call("get", namespace, json!([key])).await?;
                if result.is_null() {
                    let message = format!("the namespace {namespace:?} has no key {key:?}");
                    return Err(Failure::coded("KV_KEY_NOT_FOUND", message));
                }
                output.print(&result, |value| value.as_str().unwrap_or_default().to_owned())
            }
            Some(KvCommand::Put { namespace, key, value, ttl }) => {
                let value = match value {
                    Some(value) => text_or_input("the value", value)?,
                    None if !stdin().is_terminal() => text_or_input("the value", "-")?,
                    None => return Err(invalid("the value is missing: write it after the key, or pipe it in")),
                };
                let result = call("put", namespace, json!([key, value, options([("ttl", ttl.map(Json::from))])]));
                output.print(&result.await?, |_| String::new())
            }
            Some(KvCommand::Delete { namespace, key }) => {
                output.print(&call("delete", namespace, json!([key])).await?, |_| String::new())
            }
        }
    }
}

fn namespaces(result: &Json) -> Table {
    let mut table = Table::new(&["NAMESPACE"], "no namespaces");
    for name in result["namespaces"].as_array().into_iter().flatten() {
        table.row([name.as_str().unwrap_or_default().to_owned()]);
    }
    table
}

fn keys(result: &Json) -> Table {
    let mut table = Table::new(&["KEY", "EXPIRES"], "no keys");
    for key in result["keys"].as_array().into_iter().flatten() {
        table.row([key["name"].as_str().unwrap_or_default().to_owned(), expiry(&key["expiration"])]);
    }
    table
}

/// A Unix time in seconds as people read it.
pub fn expiry(expiration: &Json) -> String {
    let moment = expiration.as_u64().and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    moment.map_or_else(|| "never".to_owned(), httpdate::fmt_http_date)
}
