//! The host's configuration: built-in defaults, then orilla.toml, then `ORILLA_` variables, then the command line. It
//! is the only reader of the environment and of configuration files, and never starts anything.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::apps::manifest::document::{Document, read_text};
use crate::apps::manifest::limits::LimitSettings;
use crate::apps::manifest::problem::{Problem, Problems};
use crate::apps::manifest::{MAX_MANIFEST_BYTES, codes, schema};

pub mod environment;
pub mod routing;
pub mod telemetry;
#[cfg(test)]
mod tests;
mod variables;

use environment::Environment;
use routing::Routing;
use telemetry::{Access, Telemetry};

/// The configuration file that is read when none is named and it exists in the working directory.
const DEFAULT_FILE: &str = "orilla.toml";

/// Everything the host can be told. Relative paths are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where and how the host listens.
    pub server: Server,
    /// Where apps may connect to.
    pub egress: Egress,
    /// The admin API.
    pub admin: Admin,
    /// The JavaScript isolates.
    pub isolates: Isolates,
    /// Which app a request is for.
    pub routing: Routing,
    /// The most an app's manifest may ask for.
    pub limits: LimitSettings,
    /// The key-value service.
    pub kv: Kv,
    /// The database, and where it and the key-value service keep their data.
    pub database: Database,
    /// What is logged.
    pub log: Log,
    /// Where traces go.
    pub telemetry: Telemetry,
    /// Where debuggers connect to. Only the command line says so: it is no way to run a host for others.
    #[serde(skip)]
    pub inspect: Option<SocketAddr>,
    /// The environment that apps get their variables from.
    #[serde(skip)]
    pub environment: Environment,
    /// What is probably not meant, such as an unknown `ORILLA_` variable.
    #[serde(skip)]
    pub warnings: Problems,
}

/// Where and how the host listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address to listen on.
    #[schemars(schema_with = "address_schema")]
    pub host: IpAddr,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// The port of the admin listener on 127.0.0.1; there is none without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_port: Option<u16>,
    /// The directory that holds everything the host keeps.
    pub data_dir: PathBuf,
    /// The certificate chain in PEM; with `tls_key` the host speaks HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of `tls_cert` in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Milliseconds a client has to send a request's headers.
    #[schemars(range(min = 100, max = 300_000))]
    pub header_read_timeout_ms: u64,
    /// Milliseconds a request's body may make no progress.
    #[schemars(range(min = 100, max = 600_000))]
    pub body_idle_timeout_ms: u64,
    /// Milliseconds a client may take nothing of what is sent to it.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub send_timeout_ms: u64,
    /// Milliseconds a connection stays open without a request.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub keep_alive_timeout_ms: u64,
    /// Milliseconds that requests in flight get to finish when the host is told to stop.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub drain_timeout_ms: u64,
    /// Bytes of a request's line and headers together.
    #[schemars(range(min = 8_192, max = 1_048_576))]
    pub max_header_bytes: u64,
    /// Connections open at the same time, WebSockets included.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 3000,
            admin_port: None,
            data_dir: ".orilla".into(),
            tls_cert: None,
            tls_key: None,
            header_read_timeout_ms: 10_000,
            body_idle_timeout_ms: 30_000,
            send_timeout_ms: 60_000,
            keep_alive_timeout_ms: 75_000,
            drain_timeout_ms: 30_000,
            max_header_bytes: 32_768,
            max_connections: 10_000,
        }
    }
}

/// The admin API: the host's side and that of the commands that speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// The token that deploying takes; a host without one takes no deployments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// A secret that a header can carry. It never shows in a debug print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl Debug for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl JsonSchema for Token {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Token".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "x-secret": true,
            "pattern": "^[!-~]{16,256}$",
            "patternErrorMessage": "16 to 256 visible ASCII characters, such as those of `openssl rand -hex 32`",
        })
    }
}

/// Where apps may connect to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Whether apps may connect to private, loopback and link-local addresses.
    pub allow_private: bool,
    /// Addresses and ranges apps may connect to although they are private.
    #[schemars(length(max = 1_000))]
    pub allow: Vec<AddressRange>,
}

/// An IP address or a range of them in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange(pub IpNet);

impl TryFrom<String> for AddressRange {
    type Error = ipnet::AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        IpAddr::from_str(&text).map(IpNet::from).or_else(|_| text.parse()).map(Self)
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.0.to_string()
    }
}

impl JsonSchema for AddressRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AddressRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "address-range" })
    }
}

fn address_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "ip-address" })
}

/// The JavaScript isolates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Isolates {
    /// Isolates that wait, booted and without an app, for a cold start.
    #[schemars(range(min = 0, max = 64))]
    pub prewarm: u64,
    /// Isolates alive at the same time, waiting ones included. The least recently used makes room for another.
    #[schemars(range(min = 1, max = 4_096))]
    pub max: u64,
    /// Isolates of one app alive at the same time.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_per_app: u64,
    /// Requests that one isolate runs at the same time before another is booted.
    #[schemars(range(min = 1, max = 1_024))]
    pub target_requests: u64,
    /// Milliseconds that an isolate without requests is kept.
    #[schemars(range(min = 100, max = 86_400_000))]
    pub idle_ms: u64,
    /// Mebibytes that all isolates may have together; 0 stands for three quarters of the machine's memory. The least
    /// recently used makes room for another.
    #[schemars(range(min = 0, max = 16_777_216))]
    pub memory_mb: u64,
    /// Whether the host makes the snapshot of a deployed version that comes without one that fits.
    pub make_snapshots: bool,
}

impl Default for Isolates {
    fn default() -> Self {
        Self {
            prewarm: 2,
            max: 256,
            max_per_app: 8,
            target_requests: 64,
            idle_ms: 60_000,
            memory_mb: 0,
            make_snapshots: true,
        }
    }
}

/// The key-value service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kv {
    /// Mebibytes of values kept in memory; 0 keeps none.
    #[schemars(range(min = 0, max = 65_536))]
    pub cache_mb: u64,
}

impl Default for Kv {
    fn default() -> Self {
        Self { cache_mb: 64 }
    }
}

/// The database, and where it and the key-value service keep their data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// The `postgres://` URL of a database that hosts share. Without it data is kept in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<DatabaseUrl>,
    /// Mebibytes of vector indexes kept in memory.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub vector_cache_mb: u64,
    /// Whether vector indexes that are made in a Postgres which has pgvector are searched there.
    pub pgvector: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, vector_cache_mb: 1024, pgvector: true }
    }
}

/// The address of a database. It may hold a password and never shows in a debug print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("x-secret" = true))]
pub struct DatabaseUrl(pub String);

impl DatabaseUrl {
    /// Server and database, for people: nothing of it is secret.
    pub fn without_password(&self) -> &str {
        let after_scheme = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        let after_user = after_scheme.rsplit_once('@').map_or(after_scheme, |(_, rest)| rest);
        after_user.split('?').next().unwrap_or_default()
    }
}

impl Debug for DatabaseUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Levels by part of the host, such as `info` or `warn,orilla_runtime=debug`.
    #[schemars(length(max = 1_000), extend("format" = "log-filter"))]
    pub filter: String,
    /// Which requests have a line in the access log.
    pub access: Access,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), access: Access::default() }
    }
}

/// What the command line says; it wins over everything else.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--config`: the configuration file, instead of an orilla.toml in the working directory.
    pub config: Option<PathBuf>,
    /// `--env-file`, any number of times; of a name that appears twice the last counts.
    pub env_files: Vec<PathBuf>,
    /// `--host`.
    pub host: Option<IpAddr>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--admin-port`.
    pub admin_port: Option<u16>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--database`.
    pub database: Option<DatabaseUrl>,
    /// `--tls-cert`.
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`.
    pub tls_key: Option<PathBuf>,
    /// `--inspect`.
    pub inspect: Option<SocketAddr>,
}

impl Config {
    /// The configuration of this process.
    ///
    /// # Errors
    /// Every problem of the file, the variables, the environment files and their combination at once.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process(options: Options) -> Result<Self, Problems> {
        // A name or value that is not UTF-8 cannot be handed to JavaScript, and no key of the host needs one.
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::load(options, variables.collect())
    }

    /// The configuration of a process with these environment variables.
    ///
    /// # Errors
    /// As [`Config::of_process`].
    pub fn load(options: Options, variables: BTreeMap<String, String>) -> Result<Self, Problems> {
        let schema = schema::schema_of::<Self>();
        let file = options.config.clone().or_else(|| Path::new(DEFAULT_FILE).exists().then(|| DEFAULT_FILE.into()));
        let (mut json, mut problems) = match &file {
            Some(file) => read_file(file, &schema),
            None => (Json::Object(serde_json::Map::default()), Vec::new()),
        };
        let overlay = variables::overlay(&mut json, &schema, &variables);
        problems.extend(overlay.problems);
        let origin = file.unwrap_or_else(|| DEFAULT_FILE.into());
        let mut config: Self = serde_json::from_value(json)
            .map_err(|error| Problem::error(codes::CONFIG_VALUE, &origin, format!("this cannot be read: {error}")))?;
        config.apply(&options);
        problems.extend(config.contradictions(&origin));
        let (files, file_problems) = environment::read_files(&options.env_files);
        problems.extend(file_problems);
        config.environment = Environment { process: variables, files };
        config.warnings = Problems(overlay.warnings);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    fn apply(&mut self, options: &Options) {
        let Options { config: _, env_files: _, host, port, admin_port, data_dir, database, tls_cert, tls_key, inspect } =
            options.clone();
        self.inspect = inspect;
        self.database.url = database.or(self.database.url.take());
        let server = &mut self.server;
        server.host = host.unwrap_or(server.host);
        server.port = port.unwrap_or(server.port);
        server.admin_port = admin_port.or(server.admin_port);
        server.data_dir = data_dir.unwrap_or(std::mem::take(&mut server.data_dir));
        server.tls_cert = tls_cert.or(server.tls_cert.take());
        server.tls_key = tls_key.or(server.tls_key.take());
    }

    fn contradictions(&self, origin: &Path) -> Vec<Problem> {
        let mut problems = Vec::new();
        let server = &self.server;
        let mut report = |code, key: &str, message: &str| {
            let problem = Problem::error(code, origin, message);
            problems.push(Problem { path: Some(format!("$.server.{key}")), ..problem });
        };
        match (&server.tls_cert, &server.tls_key) {
            (Some(_), None) => report(codes::CONFIG_MISSING, "tls_key", "`tls_cert` needs its key, `tls_key`"),
            (None, Some(_)) => report(codes::CONFIG_MISSING, "tls_cert", "`tls_key` needs its certificate, `tls_cert`"),
            _ => {}
        }
        if server.port != 0 && server.admin_port == Some(server.port) {
            report(codes::CONFIG_VALUE, "admin_port", "the admin listener needs a port of its own");
        }
        problems.extend(self.routing.contradictions(origin));
        problems
    }
}

fn read_file(file: &Path, schema: &Json) -> (Json, Vec<Problem>) {
    let document =
        read_text(file, MAX_MANIFEST_BYTES, &codes::CONFIG).and_then(|text| Document::toml(file, text, &codes::CONFIG));
    match document {
        Ok(document) => {
            let checked = schema::check(&document, schema);
            (checked.json, checked.problems)
        }
        // A secret without its quotes is an error of syntax, too.
        Err(problems) => {
            let problems = problems.0.into_iter().map(Problem::without_content);
            (Json::Object(serde_json::Map::default()), problems.collect())
        }
    }
}
