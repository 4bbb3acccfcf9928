//! `runtime migrate`: copies apps' keys and documents from one place to another, and proves that they arrived. It only
//! reads the place they come from.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use orilla_services::clock::Clock as _;
use orilla_services::kv::store::KvStore;
use orilla_services::kv::{copy_namespace, digest_namespace, namespaces_of};
use orilla_services::transfer::{Digest, TransferError};
use serde_json::{Value as Json, json};

use super::platform::output;
use super::platform::table::Table;
use super::{Failure, admin};
use crate::config::{Database, Options};
use crate::platform::{advice, operator};
use crate::wire::{self, Memory, Place, Services, SystemClock};

/// How often a line tells how far a namespace or collection is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Memory for caches: nothing is read twice.
const MEMORY: Memory = Memory { kv_mb: 0, vectors_mb: 64 };

/// Digits of a checksum that people are shown.
const CHECKSUM_DIGITS: usize = 16;

#[derive(Args)]
#[command(after_help = "Examples:\n  runtime migrate --from .orilla --to /srv/orilla\n  \
                        runtime migrate --from .orilla --to postgres://orilla@db.example/orilla\n  \
                        runtime migrate --from .orilla --to /srv/orilla --app shop --app blog --resume\n\n\
                        Stop the hosts of both places first. Deployed versions are no data: deploy them again.")]
pub struct MigrateArgs {
    /// The data directory, or postgres:// URL, to read.
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// The data directory, which is made if it is not there, or postgres:// URL, to write.
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// Only this app; can be given several times [default: all apps].
    #[arg(long = "app", value_name = "NAME")]
    apps: Vec<String>,
    /// Go on where an earlier run ended: what is at the target already is compared and left.
    #[arg(long)]
    resume: bool,
    /// Print one JSON value, for scripts.
    #[arg(long)]
    json: bool,
    /// The configuration file, instead of orilla.toml in the working directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One side.
struct Side {
    kv: Arc<dyn KvStore>,
    services: Services,
}

type App = (Arc<str>, Arc<str>);

/// A namespace or a collection that was copied.
struct Moved {
    app: Arc<str>,
    kind: &'static str,
    name: Arc<str>,
    from: Digest,
    to: Digest,
    indexes: Vec<String>,
}

pub fn run(args: &MigrateArgs) -> Result<(), Failure> {
    let (from, to) = (place(&args.from)?, place(&args.to)?);
    if from.is_same(&to) {
        let message = "error[MIGRATE_SAME_PLACE]: --from and --to are the same place: name another to copy to";
        return Err(Failure::Input(message.to_owned()));
    }
    if !from.exists() {
        return Err(Failure::Input(format!(
            "error[DATA_DIR_MISSING]: there is no data in {}: correct --from",
            args.from
        )));
    }
    let settings = super::config(Options { config: args.config.clone(), ..Options::default() })?.database;
    admin::block_on(async {
        let from = Side::open(&from, &settings).await?;
        let to = Side::open(&to, &settings).await?;
        let moved = migrate(args, &from, &to).await;
        let closed = to.close().await.and(from.close().await);
        let moved = moved?;
        closed?;
        output::print(args.json, &report(&moved), |_| table(&moved).text(output::width()))
    })
}

fn place(text: &str) -> Result<Place, Failure> {
    text.parse().map_err(|error| Failure::Input(format!("error[PLACE_INVALID]: {error}")))
}

impl Side {
    async fn open(place: &Place, settings: &Database) -> Result<Self, Failure> {
        let failed = |error: wire::WireError| Failure::coded(error.code(), &error);
        let stores = wire::stores(place, settings).await.map_err(failed)?;
        let kv = stores.kv.clone();
        Ok(Self { kv, services: wire::services(stores, MEMORY).await.map_err(failed)? })
    }

    async fn apps(&self) -> Result<BTreeSet<App>, TransferError> {
        let keys = self.services.kv.apps().await?;
        Ok(keys.into_iter().chain(self.services.database.apps().await?).collect())
    }

    /// The collections of an app. Looking at a database that is not there would make it.
    async fn collections(&self, app: &App) -> Result<Vec<Arc<str>>, TransferError> {
        if !self.services.database.apps().await?.contains(app) {
            return Ok(Vec::new());
        }
        self.services.database.collection_names(app).await
    }

    async fn holds(&self, app: &App) -> Result<bool, TransferError> {
        let namespaces = namespaces_of(&*self.kv, app).await?;
        Ok(!namespaces.is_empty() || !self.collections(app).await?.is_empty())
    }

    async fn close(self) -> Result<(), Failure> {
        self.services.close().await.map_err(|error| Failure::coded(error.code(), &error))
    }
}

async fn migrate(args: &MigrateArgs, from: &Side, to: &Side) -> Result<Vec<Moved>, Failure> {
    let apps = chosen(from.apps().await.map_err(failed)?, &args.apps)?;
    if !args.resume {
        for app in &apps {
            if to.holds(app).await.map_err(failed)? {
                return Err(Failure::coded(
                    "MIGRATE_TARGET_NOT_EMPTY",
                    format_args!(
                        "the target has data of {} already: go on with an earlier run with --resume, or name another target",
                        app.1
                    ),
                ));
            }
        }
    }
    let mut moved = Vec::new();
    for app in &apps {
        move_namespaces(app, from, to, &mut moved).await?;
        move_collections(app, from, to, &mut moved).await?;
    }
    Ok(moved)
}

/// The apps that were named, or all.
fn chosen(apps: BTreeSet<App>, named: &[String]) -> Result<Vec<App>, Failure> {
    for name in named {
        if !apps.iter().any(|(_, app)| **app == **name) {
            let names: Vec<_> = apps.iter().map(|(_, app)| app.clone()).collect();
            let advice = advice(name, &names);
            return Err(Failure::Input(format!("error[PLATFORM_APP_UNKNOWN]: there is no app {name:?}: {advice}")));
        }
    }
    Ok(apps.into_iter().filter(|(_, app)| named.is_empty() || named.iter().any(|name| **name == **app)).collect())
}

async fn move_namespaces(app: &App, from: &Side, to: &Side, moved: &mut Vec<Moved>) -> Result<(), Failure> {
    for name in namespaces_of(&*from.kv, app).await.map_err(failed)? {
        // Keys that expire while they are copied are on both sides, or on neither.
        let now = SystemClock.now();
        let mut progress = Progress::start(app, "keys", &name);
        let mut tell = |keys| progress.tell(keys);
        let before = copy_namespace(&*from.kv, &*to.kv, app, &name, now, &mut tell).await.map_err(failed)?;
        let after = digest_namespace(&*to.kv, app, &name, now).await.map_err(failed)?;
        if from.kv.shared() {
            unchanged(&before, &digest_namespace(&*from.kv, app, &name, now).await.map_err(failed)?, &name)?;
        }
        arrived(&before, &after, &name)?;
        let (app, kind, indexes) = (app.1.clone(), "namespace", Vec::new());
        moved.push(Moved { app, kind, name, from: before, to: after, indexes });
    }
    Ok(())
}

async fn move_collections(app: &App, from: &Side, to: &Side, moved: &mut Vec<Moved>) -> Result<(), Failure> {
    let names = from.collections(app).await.map_err(failed)?;
    let (source, target) = (&from.services.database, &to.services.database);
    for name in &names {
        let mut progress = Progress::start(app, "documents", name);
        let mut tell = |documents| progress.tell(documents);
        let before = target.copy_collection(source, app, name, &mut tell).await.map_err(failed)?;
        let after = target.digest_collection(app, name).await.map_err(failed)?;
        if source.is_shared() {
            unchanged(&before, &source.digest_collection(app, name).await.map_err(failed)?, name)?;
        }
        arrived(&before, &after, name)?;
        let indexes = target.copy_indexes(source, app, name).await.map_err(failed)?;
        let (app, kind, name) = (app.1.clone(), "collection", name.clone());
        moved.push(Moved { app, kind, name, from: before, to: after, indexes });
    }
    if names.is_empty() {
        return Ok(());
    }
    let checked = target.check(&operator(app.1.clone())).await.map_err(|error| failed(error.into()))?;
    if checked.problems.is_empty() {
        return Ok(());
    }
    let problems = checked.problems.join("; ");
    Err(Failure::coded(
        "DB_CHECK_FAILED",
        format_args!("indexes at the target disagree with their documents: {problems}"),
    ))
}

fn arrived(from: &Digest, to: &Digest, name: &str) -> Result<(), Failure> {
    if from == to {
        return Ok(());
    }
    Err(Failure::coded(
        "MIGRATE_MISMATCH",
        format_args!(
            "{name:?} has {} records at the source and {} at the target, which are not the same: the target has some that \
             the source has not; remove the app's data at the target and migrate it anew",
            from.count, to.count
        ),
    ))
}

fn unchanged(first: &Digest, last: &Digest, name: &str) -> Result<(), Failure> {
    if first == last {
        return Ok(());
    }
    let message =
        format_args!("{name:?} was changed at the source meanwhile: stop its hosts, then go on with --resume");
    Err(Failure::coded("MIGRATE_SOURCE_CHANGED", message))
}

fn failed(error: TransferError) -> Failure {
    Failure::coded(error.code(), &error)
}

/// Lines on standard error: one at the start, and now and then.
struct Progress {
    what: String,
    told: Instant,
}

#[allow(clippy::print_stderr, reason = "it is for whoever waits")]
impl Progress {
    fn start((_, app): &App, records: &str, name: &str) -> Self {
        let what = format!("{app}: {records} of {name}");
        eprintln!("{what}");
        Self { what, told: Instant::now() }
    }

    fn tell(&mut self, count: u64) {
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            // A terminal that is gone is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{}: {count}", self.what);
        }
    }
}

fn report(moved: &[Moved]) -> Json {
    let digest = |digest: &Digest| json!({ "records": digest.count, "checksum": digest.checksum.to_hex().as_str() });
    let moved = moved.iter().map(|moved| {
        json!({
            "app": &*moved.app,
            "kind": moved.kind,
            "name": &*moved.name,
            "from": digest(&moved.from),
            "to": digest(&moved.to),
            "indexes": moved.indexes,
        })
    });
    json!({ "moved": moved.collect::<Vec<_>>() })
}

fn table(moved: &[Moved]) -> Table {
    let names = ["APP", "KIND", "NAME", "RECORDS BEFORE", "AFTER", "CHECKSUM BEFORE", "AFTER", "INDEXES"];
    let mut table = Table::new(&names, "there is nothing to copy");
    for Moved { app, kind, name, from, to, indexes } in moved {
        let checksum = |digest: &Digest| digest.checksum.to_hex().chars().take(CHECKSUM_DIGITS).collect::<String>();
        let (app, kind, name) = (app.to_string(), (*kind).to_owned(), name.to_string());
        let counts = [from.count.to_string(), to.count.to_string()];
        let [before, after] = counts;
        table.row([app, kind, name, before, after, checksum(from), checksum(to), indexes.join(", ")]);
    }
    table
}
