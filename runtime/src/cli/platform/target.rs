//! Where the commands find the data: a running host, through its admin API, or a data directory, which they open
//! themselves. Either way the same function answers.

use std::path::PathBuf;

use clap::Args;
use http::{Method, Uri};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::cli::Failure;
use crate::cli::admin::{Admin, Content};
use crate::config::{DatabaseUrl, Options};
use crate::platform::{Fault, Platform, PlatformCall, PlatformError, Service};
use crate::wire::{self, Place, Services, WireError};

/// Options that say whose data is meant.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    /// The app [default: the only one there is].
    #[arg(long, value_name = "NAME", global = true)]
    app: Option<String>,
    /// The app may be one that has no data yet.
    #[arg(long, global = true, requires = "app")]
    new_app: bool,
    /// The admin listener of a running host, such as http://127.0.0.1:9090.
    #[arg(long, value_name = "URL", global = true, conflicts_with_all = ["data_dir", "database"])]
    url: Option<Uri>,
    /// The host's admin token; better in ORILLA_ADMIN_TOKEN, where other processes do not see it.
    #[arg(long, global = true, requires = "url", allow_hyphen_values = true)]
    token: Option<String>,
    /// The data directory [default: that of the configuration, else .orilla].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// A postgres:// URL, where that is where hosts keep their data.
    #[arg(long, value_name = "URL", global = true, conflicts_with = "data_dir")]
    database: Option<String>,
    /// The configuration file, instead of orilla.toml in the working directory.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// What answers.
pub struct Client {
    target: Target,
    app: Option<String>,
    new_app: bool,
}

enum Target {
    Host(Admin),
    Here(Box<Platform>, Services),
}

impl TargetArgs {
    /// Reaches for the data.
    pub async fn open(&self) -> Result<Client, Failure> {
        let options = Options {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            database: self.database.clone().map(DatabaseUrl),
            ..Options::default()
        };
        let config = crate::cli::config(options)?;
        let target = match &self.url {
            Some(url) => {
                let token = self.token.clone().or(config.admin.token.map(|token| token.0));
                Target::Host(Admin::at(url, token)?)
            }
            None => {
                let place = Place::of(&config);
                if !self.new_app && !place.exists() {
                    return Err(Failure::Failed(format!(
                        "error[DATA_DIR_MISSING]: there is no data in {}\nhint: name another with --data-dir, or a running \
                         host with --url",
                        config.server.data_dir.display()
                    )));
                }
                let services = wire::open(&config).await.map_err(unopened)?;
                Target::Here(Box::new(Platform::new(services.clone(), Vec::new)), services)
            }
        };
        Ok(Client { target, app: self.app.clone(), new_app: self.new_app })
    }
}

impl Client {
    /// Calls a method of a namespace or collection, with an array of arguments.
    pub async fn call(
        &self,
        service: Service,
        method: &str,
        resource: &str,
        arguments: &Json,
    ) -> Result<Json, Failure> {
        let arguments = RawValue::from_string(arguments.to_string()).map_err(|error| not_json(&error))?;
        let call = PlatformCall {
            app: self.app.clone(),
            new_app: self.new_app,
            method: method.to_owned(),
            resource: resource.to_owned(),
            arguments,
        };
        match &self.target {
            Target::Host(admin) => {
                let path = format!("/_orilla/platform/{}", service.name());
                let call = serde_json::to_string(&call).map_err(|error| not_json(&error))?;
                let mut answer = admin.call(Method::POST, &path, Content::Text(call)).await?;
                Ok(answer["result"].take())
            }
            Target::Here(platform, _) => {
                let result = platform.call(service, &call).await.map_err(|error| failure(&error))?;
                serde_json::from_str(&result).map_err(|error| not_json(&error))
            }
        }
    }

    /// Where the data is, for people.
    pub fn place(&self) -> String {
        match &self.target {
            Target::Host(admin) => admin.authority.clone(),
            Target::Here(_, services) => services.place.to_string(),
        }
    }

    /// Lets go of the data.
    pub async fn close(self) -> Result<(), Failure> {
        match self.target {
            Target::Host(_) => Ok(()),
            Target::Here(_, services) => services.close().await.map_err(unopened),
        }
    }
}

/// An error as the command line prints it; what was given wrongly is bad input.
fn failure(error: &PlatformError) -> Failure {
    let message = format!("error[{}]: {error}", error.code());
    match error.fault() {
        Fault::Input => Failure::Input(message),
        Fault::State | Fault::Store => Failure::Failed(message),
    }
}

fn unopened(error: WireError) -> Failure {
    let hint = match error.code() {
        "DATA_DIR_IN_USE" => "\nhint: a host has it: start that with --admin-port and a token, and name it by --url",
        _ => "",
    };
    Failure::Failed(format!("error[{}]: {error}{hint}", error.code()))
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::coded("PLATFORM_ARGUMENTS_INVALID", format_args!("this cannot be written as JSON: {error}"))
}
