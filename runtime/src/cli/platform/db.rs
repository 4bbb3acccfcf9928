//! `runtime platform db`

use std::io::{IsTerminal as _, Write as _, stdin, stdout};

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::arguments::{flag, invalid, json as json_argument, json_or, options};
use super::output::Output;
use super::target::Client;
use super::{browser, table::Table};
use crate::cli::Failure;
use crate::platform::Service;

pub mod documents;

pub use documents::indexes;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  runtime platform db find users '{\"age\": {\"$gte\": 18}}' --sort '{\"age\": -1}' --limit 20\n  \
                        runtime platform db insert users '{\"name\": \"Alice\"}'\n  \
                        runtime platform db update users '{\"name\": \"Alice\"}' '{\"$inc\": {\"age\": 1}}'\n  \
                        runtime platform db create-index users '{\"email\": 1}' --unique\n  \
                        runtime platform db check --json\n  \
                        runtime platform db --url http://127.0.0.1:9090 --app shop\n\n\
                        Filters, updates and pipelines are those of docs/database.md, in JSON; `-` takes one from standard input."
)]
pub struct DbArgs {
    #[command(subcommand)]
    command: Option<DbCommand>,
}

#[derive(Args)]
struct QueryArgs {
    collection: String,
    /// The filter [default: all documents].
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// The order, such as '{"age": -1}'.
    #[arg(long, value_name = "JSON")]
    sort: Option<String>,
    /// Most documents, 1 to 1000 [default: 1000].
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Documents that are left out at the beginning.
    #[arg(long, value_name = "N")]
    skip: Option<u32>,
    /// Which fields, such as '{"name": 1}'.
    #[arg(long, value_name = "JSON")]
    projection: Option<String>,
}

#[derive(Subcommand)]
enum DbCommand {
    /// List the collections.
    Collections,
    /// Find documents.
    Find(QueryArgs),
    /// Print the document with an `_id`. One that is absent is a failure.
    Get { collection: String, id: String },
    /// Insert a document, or an array of them.
    Insert {
        collection: String,
        /// JSON; `-` takes it from standard input.
        #[arg(value_name = "JSON")]
        documents: String,
    },
    /// Change the first document that matches, or all with --many.
    Update {
        collection: String,
        filter: String,
        update: String,
        /// Change all that match.
        #[arg(long)]
        many: bool,
        /// Insert a document if none matches.
        #[arg(long)]
        upsert: bool,
    },
    /// Delete the first document that matches, or all with --many.
    Delete {
        collection: String,
        filter: String,
        /// Delete all that match.
        #[arg(long)]
        many: bool,
        /// Do not ask, where --many would.
        #[arg(long)]
        yes: bool,
    },
    /// Count the documents that match.
    Count { collection: String, filter: Option<String> },
    /// Run a pipeline.
    Aggregate { collection: String, pipeline: String },
    /// Tell how a query is answered: which indexes it reads, and what it costs.
    Explain(QueryArgs),
    /// List the indexes of a collection, those of vectors included.
    Indexes { collection: String },
    /// Make an index.
    CreateIndex {
        collection: String,
        /// The fields in their order, such as '{"city": 1, "age": -1}'.
        keys: String,
        /// No two documents may have the same values.
        #[arg(long)]
        unique: bool,
        /// Leave documents without the fields out.
        #[arg(long)]
        sparse: bool,
        /// Leave documents out that do not match this filter.
        #[arg(long, value_name = "FILTER")]
        partial: Option<String>,
        /// Delete documents so many seconds after the Unix time in the field.
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u32>,
        /// The index's name [default: made from collection and fields].
        #[arg(long)]
        name: Option<String>,
    },
    /// Drop an index, given by its name. The documents stay.
    DropIndex { collection: String, name: String },
    /// Compare all indexes with their documents; fails where they disagree.
    Check,
}

impl DbArgs {
    /// Does what was asked.
    pub async fn run(&self, client: &Client, output: &Output) -> Result<(), Failure> {
        let Some(command) = &self.command else { return browser::run(client, browser::Kind::Database).await };
        let call = async |method: &str, collection: &str, arguments: Json| {
            client.call(Service::Database, method, collection, &arguments).await
        };
        match command {
            DbCommand::Collections => {
                output.print_table(&call("listCollections", "", json!([])).await?, documents::collections)
            }
            DbCommand::Find(query) => {
                let found = call("find", &query.collection, query.arguments()?).await?;
                output.print_table(&found, documents::table)
            }
            DbCommand::Get { collection, id } => {
                let found = call("findOne", collection, json!([documents::with_id(id)])).await?;
                if found.is_null() {
                    let message = format!("the collection {collection:?} has no document with the _id {id:?}");
                    return Err(Failure::coded("DB_DOCUMENT_NOT_FOUND", message));
                }
                output.print(&found, |document| format!("{document:#}"))
            }
            DbCommand::Insert { collection, documents } => {
                let documents = json_argument("the document", documents)?;
                let method = if documents.is_array() { "insertMany" } else { "insertOne" };
                let inserted = call(method, collection, json!([documents])).await?;
                output.print(&inserted, |inserted| match inserted.as_str() {
                    Some(id) => id.to_owned(),
                    None => format!("{} documents inserted", inserted["insertedCount"]),
                })
            }
            DbCommand::Update { collection, filter, update, many, upsert } => {
                let method = if *many { "updateMany" } else { "updateOne" };
                let (filter, update) = (json_argument("the filter", filter)?, json_argument("the update", update)?);
                let arguments = json!([filter, update, options([("upsert", flag(*upsert))])]);
                output.print(&call(method, collection, arguments).await?, documents::updated)
            }
            DbCommand::Delete { collection, filter, many, yes } => {
                let arguments = json!([json_argument("the filter", filter)?]);
                if *many && !*yes {
                    let count = call("countDocuments", collection, arguments.clone()).await?;
                    confirm(&format!("delete {count} documents of {collection:?}?"))?;
                }
                let method = if *many { "deleteMany" } else { "deleteOne" };
                let deleted = call(method, collection, arguments).await?;
                output.print(&deleted, |deleted| format!("{} deleted", deleted["deletedCount"]))
            }
            DbCommand::Count { collection, filter } => {
                let filter = json_or("the filter", filter.as_ref(), json!({}))?;
                output.print(&call("countDocuments", collection, json!([filter])).await?, Json::to_string)
            }
            DbCommand::Aggregate { collection, pipeline } => {
                let results = call("aggregate", collection, json!([json_argument("the pipeline", pipeline)?])).await?;
                output.print(&results, documents::lines)
            }
            DbCommand::Explain(query) => {
                let explained = call("explain", &query.collection, query.arguments()?).await?;
                output.print(&explained, |explained| format!("{explained:#}"))
            }
            DbCommand::Indexes { collection } => {
                output.print_table(&call("listIndexes", collection, json!([])).await?, indexes)
            }
            DbCommand::CreateIndex { collection, keys, unique, sparse, partial, ttl, name } => {
                let partial = partial.as_ref().map(|filter| json_argument("--partial", filter)).transpose()?;
                let index = options([
                    ("keys", Some(json_argument("the keys", keys)?)),
                    ("unique", flag(*unique)),
                    ("sparse", flag(*sparse)),
                    ("partial", partial),
                    ("expireAfterSeconds", ttl.map(Json::from)),
                    ("name", name.clone().map(Json::from)),
                ]);
                let name = call("createIndex", collection, json!([index])).await?;
                output.print(&name, |name| name.as_str().unwrap_or_default().to_owned())
            }
            DbCommand::DropIndex { collection, name } => {
                output.print(&call("dropIndex", collection, json!([name])).await?, |_| String::new())
            }
            DbCommand::Check => {
                let checked = call("check", "", json!([])).await?;
                output.print(&checked, documents::checked)?;
                match checked["problems"].as_array().map_or(0, Vec::len) {
                    0 => Ok(()),
                    problems => Err(Failure::coded(
                        "DB_CHECK_FAILED",
                        format_args!(
                            "{problems} indexes disagree with their documents: drop them and create them anew"
                        ),
                    )),
                }
            }
        }
    }
}

impl QueryArgs {
    /// The arguments of `find` and `explain`.
    fn arguments(&self) -> Result<Json, Failure> {
        let filter = json_or("the filter", self.filter.as_ref(), json!({}))?;
        let given = |name: &str, text: &Option<String>| text.as_ref().map(|text| json_argument(name, text)).transpose();
        let asked = options([
            ("sort", given("--sort", &self.sort)?),
            ("limit", self.limit.map(Json::from)),
            ("skip", self.skip.map(Json::from)),
            ("projection", given("--projection", &self.projection)?),
        ]);
        Ok(json!([filter, asked]))
    }
}

/// Asks whoever sits at the terminal; elsewhere nobody can be asked.
#[allow(clippy::print_stderr, reason = "it is for the terminal")]
fn confirm(question: &str) -> Result<(), Failure> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(invalid("--many deletes every document that matches: confirm it with --yes"));
    }
    eprint!("{question} [y/N] ");
    // A prompt that cannot be shown is answered all the same.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    match stdin().read_line(&mut answer) {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::coded("PLATFORM_NOT_CONFIRMED", "nothing was deleted")),
    }
}
