//! An app's key-value store and database for whoever runs the host: calls from the admin API and from the command line
//! both end here. It decides which app is meant and checks no limits of its own. No app ever gets here.

use std::sync::Arc;

use orilla_services::caller::{Caller, Identity, Policy};
use orilla_services::database::DatabaseError;
use orilla_services::kv::KvError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::apps::manifest::suggest;
use crate::apps::versions::AppName;
use crate::wire::Services;

mod error;
mod kv;
mod status;

pub use error::{Fault, PlatformError};

/// Apps that an error names; of more it says how many there are.
const MAX_NAMED_APPS: usize = 20;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The key-value store.
    Kv,
    /// The document database, its vectors included.
    Database,
    /// What there is.
    Status,
}

impl Service {
    /// The service by its name in a path of the admin API.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Kv, Self::Database, Self::Status].into_iter().find(|service| service.name() == name)
    }

    /// Its name in a path of the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Database => "db",
            Self::Status => "status",
        }
    }
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformCall {
    /// The app whose data is meant; without it, the only app there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Whether the app may be one that has no data and is not served.
    #[serde(default)]
    pub new_app: bool,
    /// The method, as an app would call it.
    #[serde(default)]
    pub method: String,
    /// The namespace or the collection.
    #[serde(default, alias = "namespace", alias = "collection")]
    pub resource: String,
    /// An array of the method's arguments.
    #[serde(default = "no_arguments")]
    pub arguments: Box<RawValue>,
}

fn no_arguments() -> Box<RawValue> {
    RawValue::from_string("[]".to_owned()).unwrap_or_default()
}

/// The services of a host, or of a data directory that no host has.
pub struct Platform {
    services: Services,
    served: Box<dyn Fn() -> Vec<Arc<str>> + Send + Sync>,
}

impl Platform {
    /// `served` names the apps that the host serves, whether they have data or not.
    pub fn new(services: Services, served: impl Fn() -> Vec<Arc<str>> + Send + Sync + 'static) -> Self {
        Self { services, served: Box::new(served) }
    }

    /// Makes a call and returns its result as JSON.
    pub async fn call(&self, service: Service, call: &PlatformCall) -> Result<String, PlatformError> {
        let PlatformCall { method, resource, arguments, .. } = call;
        let Services { kv, database, .. } = &self.services;
        if service == Service::Status {
            return self.status(call).await;
        }
        let caller = operator(self.app(call).await?);
        match service {
            Service::Database if method == "check" => {
                let checked = database.check(&caller).await?;
                Ok(json!({
                    "collections": checked.collections,
                    "documents": checked.documents,
                    "indexes": checked.indexes,
                    "problems": checked.problems,
                })
                .to_string())
            }
            Service::Database => Ok(database.call(&caller, method, resource, arguments.get()).await?),
            Service::Kv | Service::Status => kv::call(kv, &caller, method, resource, arguments.get()).await,
        }
    }

    /// The apps there are, by name.
    async fn apps(&self) -> Result<Vec<Arc<str>>, PlatformError> {
        let (kv, database) = (self.services.kv.apps().await?, self.services.database.apps().await?);
        // An app is its own tenant.
        let stored = kv.into_iter().chain(database).filter(|(tenant, app)| tenant == app).map(|(_, app)| app);
        let mut apps: Vec<_> = stored.chain((self.served)()).collect();
        apps.sort();
        apps.dedup();
        Ok(apps)
    }

    /// The app that is meant.
    async fn app(&self, call: &PlatformCall) -> Result<Arc<str>, PlatformError> {
        let Some(name) = &call.app else {
            let apps = self.apps().await?;
            return match apps.as_slice() {
                [only] => Ok(only.clone()),
                [] => Err(PlatformError::NoApps),
                several => Err(PlatformError::AppRequired(listed(several))),
            };
        };
        if call.new_app {
            let name = AppName::try_from(name.clone()).map_err(|error| PlatformError::AppInvalid(error.to_string()))?;
            return Ok(name.as_str().into());
        }
        let apps = self.apps().await?;
        if let Some(app) = apps.iter().find(|app| ***app == **name) {
            return Ok(app.clone());
        }
        Err(PlatformError::AppUnknown { app: name.chars().take(64).collect(), advice: advice(name, &apps) })
    }
}

/// What to say to who names an app that is not one of these, as a sentence.
pub fn advice(name: &str, apps: &[Arc<str>]) -> String {
    match (suggest::closest(name, apps.iter().map(|app| &**app)), apps) {
        (Some(closest), _) => format!("did you mean {closest:?}?"),
        (None, []) => "there are none.".to_owned(),
        (None, apps) => format!("there are {}.", listed(apps)),
    }
}

fn listed(apps: &[Arc<str>]) -> String {
    let named = apps.iter().take(MAX_NAMED_APPS).map(|app| &**app).collect::<Vec<_>>().join(", ");
    match apps.len().checked_sub(MAX_NAMED_APPS) {
        None | Some(0) => named,
        Some(others) => format!("{named} and {others} others"),
    }
}

/// Whoever runs the host, as a caller at an app's data.
pub fn operator(app: Arc<str>) -> Caller {
    let (identity, policy) = (Identity::Anonymous, Policy::Bypassed);
    Caller { tenant: app.clone(), app, identity, policy, trace: "operator".into() }
}

impl From<KvError> for PlatformError {
    fn from(error: KvError) -> Self {
        Self::Kv(error)
    }
}

impl From<DatabaseError> for PlatformError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}
