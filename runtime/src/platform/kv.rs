//! The methods of KV, with their arguments as an array.

use orilla_services::caller::Caller;
use orilla_services::kv::{Kv, ListOptions, PutOptions};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::PlatformError;

const METHODS: &str = "namespaces, list, get, put and delete";

/// `list(options?)`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct List {
    prefix: String,
    limit: Option<f64>,
    cursor: Option<String>,
}

/// The options of `put(key, value, options?)`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Put {
    ttl: Option<f64>,
    expiration: Option<f64>,
}

/// Makes a call and returns its result as JSON.
pub async fn call(
    kv: &Kv,
    caller: &Caller,
    method: &str,
    namespace: &str,
    arguments: &str,
) -> Result<String, PlatformError> {
    let mut arguments = Arguments::of(arguments)?;
    let result = match method {
        "namespaces" => {
            let after: Option<String> = arguments.next("after")?;
            arguments.end()?;
            let page = kv.namespaces(caller, &after.unwrap_or_default()).await?;
            json!({ "namespaces": page.namespaces, "more": page.more })
        }
        "list" => {
            let List { prefix, limit, cursor } = arguments.next::<Option<List>>("options")?.unwrap_or_default();
            arguments.end()?;
            let options = ListOptions { prefix: &prefix, limit, cursor: cursor.as_deref() };
            let page = kv.list(caller, namespace, options).await?;
            let keys = page.keys.into_iter().map(|key| match key.expiration {
                Some(expiration) => json!({ "name": key.name, "expiration": expiration }),
                None => json!({ "name": key.name }),
            });
            json!({ "keys": keys.collect::<Vec<_>>(), "cursor": page.cursor })
        }
        "get" => {
            let key: String = arguments.next("key")?;
            arguments.end()?;
            json!(kv.get(caller, namespace, &key).await?)
        }
        "put" => {
            let (key, value): (String, String) = (arguments.next("key")?, arguments.next("value")?);
            let Put { ttl, expiration } = arguments.next::<Option<Put>>("options")?.unwrap_or_default();
            arguments.end()?;
            kv.put(caller, namespace, &key, value.into(), PutOptions { ttl, expiration }).await?;
            Json::Null
        }
        "delete" => {
            let key: String = arguments.next("key")?;
            arguments.end()?;
            kv.delete(caller, namespace, &key).await?;
            Json::Null
        }
        unknown => {
            let method = unknown.chars().take(64).collect();
            return Err(PlatformError::MethodUnknown { method, known: METHODS.to_owned() });
        }
    };
    Ok(result.to_string())
}

/// The arguments that have not been looked at.
struct Arguments(std::vec::IntoIter<Json>);

impl Arguments {
    fn of(json: &str) -> Result<Self, PlatformError> {
        let values: Vec<Json> = serde_json::from_str(json).map_err(|error| invalid("array", &error))?;
        Ok(Self(values.into_iter()))
    }

    /// The next argument; one that was left out is null.
    fn next<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, PlatformError> {
        serde_json::from_value(self.0.next().unwrap_or_default()).map_err(|error| invalid(name, &error))
    }

    fn end(mut self) -> Result<(), PlatformError> {
        match self.0.next() {
            Some(_) => Err(PlatformError::ArgumentsInvalid("there is one too many".to_owned())),
            None => Ok(()),
        }
    }
}

fn invalid(name: &str, error: &serde_json::Error) -> PlatformError {
    PlatformError::ArgumentsInvalid(format!("{name}: {error}"))
}
