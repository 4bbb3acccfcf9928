//! `[routing]`: which app a request is for. What the registry makes of it is [`crate::apps::registry`]'s.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::apps::host_name;
use crate::apps::manifest::codes;
use crate::apps::manifest::problem::Problem;

/// Which app a request is for. Each app has the name `<app>.<domain>` in any case; where there is one app only, it
/// answers every name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// The domain below which each app, and each preview of a version, has its name.
    #[schemars(length(max = 253))]
    pub domain: String,
    /// Apps by host name.
    #[schemars(extend("maxProperties" = 10_000))]
    pub hosts: BTreeMap<String, String>,
    /// Apps by the beginning of the URL's path. The app sees the whole path.
    #[schemars(extend("maxProperties" = 10_000, "propertyNames" = { "format": "url-path" }))]
    pub paths: BTreeMap<String, String>,
}

impl Routing {
    /// Names that no host can have, and those that are claimed twice: written differently, or by an app although they are
    /// another's in any case.
    pub(super) fn contradictions(&self, origin: &Path) -> Vec<Problem> {
        let problem = |path: String, message: &str| {
            let problem = Problem::error(codes::CONFIG_VALUE, origin, message);
            Problem { path: Some(path), ..problem }
        };
        let no_name = "this is no name of a host; a port is not part of it";
        let Some(domain) = host_name::normal(&self.domain) else {
            return vec![problem("$.routing.domain".to_owned(), no_name)];
        };
        let suffix = format!(".{domain}");
        let mut claimed = BTreeMap::new();
        let claims = self.hosts.iter().filter_map(|(host, app)| {
            let path = format!("$.routing.hosts.{host}");
            let Some(name) = host_name::normal(host) else { return Some(problem(path, no_name)) };
            let owner = name.strip_suffix(&suffix).filter(|owner| owner != app).map(str::to_owned);
            let other = claimed.insert(name, app).filter(|other| *other != app).cloned();
            let claimant = owner.or(other)?;
            let message = format!("this host name is claimed twice: for `{app}` and for `{claimant}`");
            Some(problem(path, &message))
        });
        claims.collect()
    }
}

impl Default for Routing {
    fn default() -> Self {
        Self { domain: "localhost".to_owned(), hosts: BTreeMap::new(), paths: BTreeMap::new() }
    }
}
