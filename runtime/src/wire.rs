//! The only place that names a back end: builds the services an app can use from the host's configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use orilla_services::clock::{Clock, UnixMillis};
use orilla_services::database::{Database, DatabaseConfig, DatabaseError};
use orilla_services::event::LocalBus;
use orilla_services::gate::Gate;
use orilla_services::kv::{Kv, KvConfig, KvError};
use orilla_sqlite::{OpenError, SqliteConfig, SqliteStore};

/// The services of one host. Cloning is cheap.
#[derive(Clone)]
pub struct Services {
    /// The key-value store.
    pub kv: Arc<Kv>,
    /// The document database.
    pub database: Arc<Database>,
    /// What happens to data, as it happens.
    pub events: LocalBus,
}

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// The store of documents cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl WireError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::Kv(error) => error.code(),
            Self::Database(error) => error.code(),
        }
    }
}

/// The embedded services: SQLite in the data directory, events within the process.
pub async fn embedded(data_directory: &Path, kv_cache_mb: u64) -> Result<Services, WireError> {
    let store = SqliteStore::open(data_directory, SqliteConfig::default()).await?;
    let events = LocalBus::new();
    let config = KvConfig { cache_bytes: kv_cache_mb << 20 };
    let (gate, clock, bus) = (Gate::default(), Arc::new(SystemClock), Arc::new(events.clone()));
    let documents = Arc::new(store.documents());
    let database = DatabaseConfig { vector_bytes: (database.vector_cache_mb << 20) as usize };
    let database = Database::open(documents, gate.clone(), clock.clone(), bus.clone(), database).await?;
    let kv = Kv::open(Arc::new(store), gate, clock, bus, config).await?;
    Ok(Services { kv: Arc::new(kv), database: Arc::new(database), events })
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that is passed to everything else")]
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis() as UnixMillis
    }
}
