//! `runtime platform vector`

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::arguments::{flag, json as json_argument, json_or, options};
use super::db::{documents, indexes};
use super::output::Output;
use super::table::Table;
use super::target::Client;
use crate::cli::Failure;
use crate::platform::Service;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
                        runtime platform vector create-index products embedding --dimensions 1536 --storage int8\n  \
                        runtime platform vector search products embedding --vector '[0.1, 0.2, 0.3]' --k 10\n  \
                        runtime platform vector list products\n  \
                        runtime platform vector drop-index products embedding")]
pub struct VectorArgs {
    #[command(subcommand)]
    command: VectorCommand,
}

#[derive(Subcommand)]
enum VectorCommand {
    /// Make a vector index on a field.
    CreateIndex {
        collection: String,
        field: String,
        /// The length of every vector.
        #[arg(long, value_name = "N")]
        dimensions: u32,
        /// cosine, l2 or hamming [default: cosine].
        #[arg(long)]
        metric: Option<String>,
        /// float32, int8 or bit [default: float32].
        #[arg(long)]
        storage: Option<String>,
        /// Let searches use shorter vectors.
        #[arg(long)]
        matryoshka: bool,
        /// The field holds several vectors.
        #[arg(long)]
        multi_vector: bool,
    },
    /// Find the documents whose vectors are closest to one.
    Search {
        collection: String,
        field: String,
        /// An array of numbers in JSON; `-` takes it from standard input.
        #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
        vector: String,
        /// How many documents, 1 to 1000.
        #[arg(long, value_name = "N", default_value_t = 10)]
        k: u32,
        /// Only documents that match.
        #[arg(long, value_name = "JSON")]
        filter: Option<String>,
        /// Only documents with at least this score, 0 to 1.
        #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
        min_score: Option<f64>,
    },
    /// List the vector indexes of a collection.
    List { collection: String },
    /// Drop the vector index on a field. The documents stay.
    DropIndex { collection: String, field: String },
}

impl VectorArgs {
    /// Does what was asked.
    pub async fn run(&self, client: &Client, output: &Output) -> Result<(), Failure> {
        let call = async |method: &str, collection: &str, arguments: Json| {
            client.call(Service::Database, method, collection, &arguments).await
        };
        match &self.command {
            VectorCommand::CreateIndex { collection, field, dimensions, metric, storage, matryoshka, multi_vector } => {
                let index = options([
                    ("field", Some(json!(field))),
                    ("dimensions", Some(json!(dimensions))),
                    ("metric", metric.clone().map(Json::from)),
                    ("storage", storage.clone().map(Json::from)),
                    ("matryoshka", flag(*matryoshka)),
                    ("multiVector", flag(*multi_vector)),
                ]);
                let name = call("createVectorIndex", collection, json!([index])).await?;
                output.print(&name, |name| name.as_str().unwrap_or_default().to_owned())
            }
            VectorCommand::Search { collection, field, vector, k, filter, min_score } => {
                let query = options([
                    ("field", Some(json!(field))),
                    ("value", Some(json_argument("--vector", vector)?)),
                    ("k", Some(json!(k))),
                    ("filter", Some(json_or("--filter", filter.as_ref(), json!({}))?)),
                    ("minScore", min_score.map(Json::from)),
                ]);
                let found = call("findSimilar", collection, json!([query])).await?;
                let field = field.split('.').next().unwrap_or_default();
                output.print_table(&found, |found| scored(found, field))
            }
            VectorCommand::List { collection } => {
                let found = call("listVectorIndexes", collection, json!([])).await?;
                output.print_table(&found, indexes)
            }
            VectorCommand::DropIndex { collection, field } => {
                output.print(&call("dropVectorIndex", collection, json!([field])).await?, |_| String::new())
            }
        }
    }
}

/// Documents with their scores, and without the vectors, which nobody reads.
fn scored(found: &Json, field: &str) -> Table {
    let mut table = Table::new(&["SCORE", "_ID", "DOCUMENT"], "no documents");
    for mut document in found.as_array().cloned().unwrap_or_default() {
        let score = document["_score"].as_f64().unwrap_or_default();
        if let Some(fields) = document.as_object_mut() {
            fields.retain(|name, _| !["_score", "_distance", field].contains(&name.as_str()));
        }
        let [id, rest] = documents::cells(&document);
        table.row([format!("{score:.4}"), id, rest]);
    }
    table
}
