//! The handle to an open database.

use std::sync::Arc;
use std::time::Duration;

use orilla_services::kv::write_queue::WriteQueue;
use tokio::runtime::Handle;

use crate::database::PostgresDocuments;
use crate::error::OpenError;
use crate::readers::Readers;
use crate::schema::{self, Prepared};
use crate::server::Server;
use crate::writer::Writer;

/// Settings of the Postgres store.
#[derive(Clone, Copy, Debug)]
pub struct PostgresConfig {
    /// Connections for reads, opened when first needed: so many for keys, where the writer has one more, and so many for
    /// documents.
    pub readers: u32,
    /// The longest that one statement may take. The server ends those that take longer, and one that the server does
    /// not end is given up after twice the time.
    pub statement_timeout: Duration,
    /// The longest wait for a connection, and for a server that was there a moment ago to come back.
    pub connect_timeout: Duration,
    /// The longest that a transaction on documents waits for its turn: at one of the host's connections, and to write while
    /// other transactions of the host change the same app's documents.
    pub turn_timeout: Duration,
    /// Whether new vector indexes are searched by pgvector where the server has it, and not in the host's memory.
    pub pgvector: bool,
}

impl Default for PostgresConfig {
    /// Eight readers, 30 seconds for a statement, 5 seconds for a connection, 10 for a turn, pgvector where there is one.
    fn default() -> Self {
        let [statement_timeout, connect_timeout, turn_timeout] = [30, 5, 10].map(Duration::from_secs);
        Self { readers: 8, statement_timeout, connect_timeout, turn_timeout, pgvector: true }
    }
}

/// An open database, shared with whoever else opens it.
pub struct PostgresStore {
    server: Arc<Server>,
    runtime: Handle,
    config: PostgresConfig,
    pub(crate) readers: Readers,
    pub(crate) writer: WriteQueue,
    pub(crate) cursor_secret: [u8; 32],
    /// The schema of pgvector's types, quoted, if there are any and they are wanted.
    extension: Option<String>,
}

impl PostgresStore {
    /// Opens the database at a `postgres://` URL and creates what is missing in it. What the URL leaves out comes from
    /// Postgres' usual environment variables.
    ///
    /// All connections live on the async runtime that this is called from, which must outlive the isolates'.
    pub async fn open(url: &str, config: PostgresConfig) -> Result<Self, OpenError> {
        let server = Arc::new(Server::new(url, &config)?);
        let Prepared { cursor_secret, extension } = schema::prepare(&server, config.pgvector).await?;
        let readers = Readers::new(server.clone(), config.readers.max(1));
        let writer = WriteQueue::start(Writer::new(server.clone()));
        Ok(Self { server, runtime: Handle::current(), config, readers, writer, cursor_secret, extension })
    }

    /// The document store in the same database, with connections of its own.
    pub fn documents(&self) -> PostgresDocuments {
        PostgresDocuments::new(
            self.server.clone(),
            self.runtime.clone(),
            &self.config,
            self.cursor_secret,
            self.extension.clone(),
        )
    }
}
