//! Which app a request is for: from the configuration to the registry, and what the log says of it when the host starts.

use crate::apps::host_name;
use crate::apps::manifest::suggest::closest;
use crate::apps::registry::{Apps, Routing};
use crate::config::Config;

/// What the registry goes by.
pub fn routing(config: &Config) -> Routing {
    // The configuration has refused what is no name.
    let name = |host: &str| host_name::normal(host).unwrap_or_default().into_owned();
    let hosts = config.routing.hosts.iter().map(|(host, app)| (name(host), app.as_str().into())).collect();
    let mut paths: Vec<_> =
        config.routing.paths.iter().map(|(path, app)| (path.clone(), app.as_str().into())).collect();
    paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    Routing { domain: name(&config.routing.domain), hosts, paths }
}

/// Says which routes lead to an app that is not here. It may still be deployed.
pub fn warn_of_missing_apps(config: &Config, apps: &Apps) {
    let all = apps.all();
    let routes = config.routing.hosts.iter().chain(&config.routing.paths);
    for (route, app) in routes.filter(|(_, app)| apps.get(app).is_none()) {
        let meant = closest(app, all.iter().map(|known| &*known.name));
        let hint = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        tracing::warn!(code = "ROUTE_WITHOUT_APP", "`{route}` leads to the app `{app}`, which is not here{hint}");
    }
}

/// Where several apps are, each has an address of its own.
pub fn tell_addresses(config: &Config, apps: &Apps, scheme: &str, address: std::net::SocketAddr) {
    const TOLD: usize = 20;
    let all = apps.all();
    if all.len() < 2 {
        return;
    }
    for app in all.iter().take(TOLD) {
        tracing::info!(app = %app.name, "{scheme}://{}.{}:{}", app.name, config.routing.domain, address.port());
    }
    if all.len() > TOLD {
        tracing::info!("and {} more apps", all.len() - TOLD);
    }
}
