//! The admin listener: health, metrics and isolates, on a port of its own on the loopback address.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use orilla_services::database::Database;
use serde_json::json;
use tokio::net::TcpListener;

use super::body::HostBody;
use super::deployments_api::{self, DeploymentsApi};
use super::platform_api::PlatformApi;
use super::respond::refusal;
use crate::apps::deployment::Deployment;
use crate::apps::deployments::Deployments;
use crate::isolate::supervisor::Supervisor;
use crate::metrics::Metrics;

/// What the admin listener tells of.
pub struct Admin {
    /// The host's counters.
    pub metrics: Arc<Metrics>,
    /// The documents of all apps.
    pub database: Arc<Database>,
    /// The host's isolates.
    pub supervisor: Arc<Supervisor>,
    /// Deploys.
    pub deployments: Arc<DeploymentsApi<Arc<Deployments>>>,
    /// Reads and changes apps' data.
    pub platform: PlatformApi,
}

/// Serves until the listener fails; dropping the future stops it.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let admin = admin.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let admin = admin.clone();
                async move { Ok::<_, Infallible>(answer(request, &admin).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an admin connection broke off");
            }
        });
    }
}

async fn answer(request: Request<Incoming>, admin: &Admin) -> Response<HostBody> {
    if PlatformApi::owns(request.uri().path()) {
        return admin.platform.answer(request).await.map(HostBody::full);
    }
    if deployments_api::owns(request.uri().path()) {
        return admin.deployments.clone().answer(request).await.map(HostBody::full);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use GET");
    }
    match request.uri().path() {
        "/_orilla/health" => text("application/json", "{\"status\":\"ok\"}\n".to_owned()),
        "/_orilla/metrics" => {
            text("text/plain; version=0.0.4; charset=utf-8", admin.metrics.render(admin.database.vector_bytes()))
        }
        "/_orilla/isolates" => text("application/json", isolates(&admin.supervisor)),
        _ => refusal(
            StatusCode::NOT_FOUND,
            "not_found",
            "there are /_orilla/health, /_orilla/metrics, /_orilla/isolates, /_orilla/apps and /_orilla/platform",
        ),
    }
}

/// Every isolate that has an app, as JSON.
fn isolates(supervisor: &Supervisor) -> String {
    let pools = supervisor.pools();
    let reports = pools.iter().flat_map(|pool| {
        let Deployment { name, version, .. } = &*pool.deployment;
        pool.isolates().into_iter().map(move |isolate| {
            let load = &isolate.load;
            let in_flight = load.in_flight.load(Relaxed);
            let state = match (load.ready.load(Relaxed), load.is_idle()) {
                (false, _) => "booting",
                (true, true) => "idle",
                (true, false) => "running",
            };
            json!({
                "isolate": isolate.number,
                "app": name,
                "version": version,
                "state": state,
                "priority": if isolate.is_demoted() { "lowest" } else { "normal" },
                "requests": in_flight,
                "websockets": load.websockets.load(Relaxed),
                "memory_bytes": load.memory.load(Relaxed),
                "cpu_ms": isolate.cpu().as_millis() as u64,
                "age_ms": isolate.started.elapsed().as_millis() as u64,
                "unused_ms": load.unused_for().as_millis() as u64,
            })
        })
    });
    format!("{}\n", json!({ "isolates": reports.collect::<Vec<_>>() }))
}

fn text(content_type: &'static str, body: String) -> Response<HostBody> {
    let mut response = Response::new(HostBody::full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
