//! The only place that names a back end: builds the services an app can use from the host's configuration.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use orilla_postgres::{PostgresConfig, PostgresStore};
use orilla_services::clock::{Clock, UnixMillis};
use orilla_services::database::store::DocumentStore;
use orilla_services::database::{Database, DatabaseConfig, DatabaseError, Declared, Reconciled};
use orilla_services::event::LocalBus;
use orilla_services::gate::Gate;
use orilla_services::kv::store::{KvStore, StoreError};
use orilla_services::kv::{Kv, KvConfig, KvError};
use orilla_services::thread_starter;
use orilla_sqlite::{DATABASE_FILE, OpenError, SqliteConfig, SqliteStore};
use tokio::sync::{Mutex, mpsc};

use crate::config::{Config, Database as DatabaseSettings, DatabaseUrl};

/// The services of one host. Cloning is cheap.
#[derive(Clone)]
pub struct Services {
    /// The key-value store.
    pub kv: Arc<Kv>,
    /// The document database.
    pub database: Arc<Database>,
    /// What happens to data, as it happens.
    pub events: LocalBus,
    /// Where the data is, in words.
    pub place: Arc<str>,
    declarations: mpsc::Sender<Declaration>,
    declared: Arc<Mutex<mpsc::Receiver<Declaration>>>,
}

/// The indexes that an app's manifest declares.
struct Declaration {
    app: Arc<str>,
    indexes: Vec<Declared>,
}

/// Declarations that wait until those before them are seen to; a building index makes them wait.
const MAX_DECLARATIONS: usize = 4096;

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database cannot be used.
    #[error(transparent)]
    Postgres(#[from] orilla_postgres::OpenError),
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
            Self::Postgres(error) => error.code(),
            Self::Kv(error) => error.code(),
            Self::Database(error) => error.code(),
        }
    }
}

/// The services that a host is configured for.
pub async fn open(config: &Config) -> Result<Services, WireError> {
    let memory = Memory { kv_mb: config.kv.cache_mb, vectors_mb: config.database.vector_cache_mb };
    services(stores(&Place::of(config), &config.database).await?, memory).await
}

/// How much memory the services may use, in mebibytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// For cached keys and values.
    pub kv_mb: u64,
    /// For vector indexes.
    pub vectors_mb: u64,
}

/// The embedded services: SQLite in the data directory, events within the process.
pub async fn embedded(data_directory: &Path, memory: Memory) -> Result<Services, WireError> {
    let place = Place::Directory(data_directory.to_owned());
    services(stores(&place, &DatabaseSettings::default()).await?, memory).await
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A data directory.
    Directory(PathBuf),
    /// A database on a Postgres server.
    Postgres(DatabaseUrl),
}

impl FromStr for Place {
    type Err = &'static str;

    /// A path, or a `postgres://` URL.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("name a data directory or a postgres:// URL"),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Self::Postgres(DatabaseUrl(url.to_owned())))
            }
            url if url.contains("://") => Err("this is no postgres:// URL: name one, or a data directory"),
            path => Ok(Self::Directory(path.into())),
        }
    }
}

impl Place {
    /// Where a host keeps its data.
    pub fn of(config: &Config) -> Self {
        match &config.database.url {
            Some(url) => Self::Postgres(url.clone()),
            None => Self::Directory(config.server.data_dir.clone()),
        }
    }

    /// Whether there is data. Opening a place where there is none makes some.
    pub fn exists(&self) -> bool {
        match self {
            Self::Directory(path) => path.join(DATABASE_FILE).exists(),
            // Whoever opens it learns whether it is there.
            Self::Postgres(_) => true,
        }
    }

    /// Whether another one is the same, however it is written.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(one), Self::Directory(other)) => {
                one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
            }
            (Self::Postgres(one), Self::Postgres(other)) => one == other,
            _ => false,
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "SQLite in {}", path.display()),
            Self::Postgres(url) => write!(f, "Postgres at {}", url.without_password()),
        }
    }
}

/// The stores of one place.
#[derive(Clone)]
pub struct Stores {
    /// Keys and values.
    pub kv: Arc<dyn KvStore>,
    /// Documents and vectors.
    pub documents: Arc<dyn DocumentStore>,
    /// Where they are, in words.
    pub place: Arc<str>,
}

/// Opens the stores of a place. Where that is, the settings do not say.
pub async fn stores(place: &Place, settings: &DatabaseSettings) -> Result<Stores, WireError> {
    let name = place.to_string().into();
    match place {
        Place::Directory(path) => {
            let store = SqliteStore::open(path, SqliteConfig::default()).await?;
            let documents = Arc::new(store.documents().map_err(DatabaseError::from)?);
            Ok(Stores { kv: Arc::new(store), documents, place: name })
        }
        Place::Postgres(url) => {
            let postgres = PostgresConfig { pgvector: settings.pgvector, ..PostgresConfig::default() };
            let store = PostgresStore::open(&url.0, postgres).await?;
            let documents = Arc::new(store.documents());
            Ok(Stores { kv: Arc::new(store), documents, place: name })
        }
    }
}

/// The services on top of stores.
pub async fn services(Stores { kv, documents, place }: Stores, memory: Memory) -> Result<Services, WireError> {
    thread_starter::prepare().map_err(|error| DatabaseError::from(StoreError::Unavailable(error.to_string())))?;
    let events = LocalBus::new();
    let (gate, clock, bus) = (Gate::default(), Arc::new(SystemClock), Arc::new(events.clone()));
    let vector_bytes = usize::try_from(memory.vectors_mb << 20).unwrap_or(usize::MAX);
    let database = DatabaseConfig { vector_bytes, ..DatabaseConfig::default() };
    let database = Database::open(documents, gate.clone(), clock.clone(), bus.clone(), database).await?;
    let kv = Kv::open(kv, gate, clock, bus, KvConfig { cache_bytes: memory.kv_mb << 20 }).await?;
    let (declarations, declared) = mpsc::channel(MAX_DECLARATIONS);
    let declared = Arc::new(Mutex::new(declared));
    Ok(Services { kv: Arc::new(kv), database: Arc::new(database), events, place, declarations, declared })
}

impl Services {
    /// Does what has to be done again and again, until it is dropped: removes what has expired, and finishes indexes that
    /// are being built.
    pub async fn maintain(self) {
        tokio::join!(self.kv.run_sweeper(), self.database.maintain(), self.reconcile());
    }

    /// Has the indexes made that an app declares, soon.
    pub fn declare(&self, app: &Arc<str>, indexes: Vec<Declared>) {
        let declaration = Declaration { app: app.clone(), indexes };
        if !declaration.indexes.is_empty() && self.declarations.try_send(declaration).is_err() {
            tracing::warn!(%app, "too many apps wait for their indexes; those of this one are made at its next start");
        }
    }

    async fn reconcile(&self) {
        let mut declared = self.declared.lock().await;
        while let Some(Declaration { app, indexes }) = declared.recv().await {
            match self.database.reconcile(&app, &app, &indexes).await {
                Ok(reconciled) => tell(&app, &reconciled),
                Err(error) => {
                    tracing::error!(%app, code = error.code(), %error, "the indexes of an app could not be made");
                }
            }
        }
    }

    /// Lets go of the stores, once those at work have finished.
    pub async fn close(&self) -> Result<(), WireError> {
        self.database.close().await?;
        Ok(self.kv.close().await?)
    }
}

fn tell(app: &str, reconciled: &Reconciled) {
    for index in &reconciled.created {
        tracing::info!(app, index, "made a declared index");
    }
    for index in &reconciled.drifted {
        tracing::warn!(app, index, "an index is not as it is declared; drop it to have it made anew");
    }
    for index in &reconciled.undeclared {
        tracing::debug!(app, index, "an index is not declared");
    }
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
