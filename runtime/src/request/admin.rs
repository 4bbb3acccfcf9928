//! The admin listener: health and metrics, on a port of its own on the loopback address.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::body::HostBody;
use super::respond::refusal;
use crate::metrics::Metrics;

/// Serves until the listener fails; dropping the future stops it.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let metrics = metrics.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = answer(&request, &metrics);
                async move { Ok::<_, Infallible>(response) }
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

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<HostBody> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use GET");
    }
    match request.uri().path() {
        "/_orilla/health" => text("application/json", "{\"status\":\"ok\"}\n".to_owned()),
        "/_orilla/metrics" => text("text/plain; version=0.0.4; charset=utf-8", metrics.render()),
        _ => refusal(StatusCode::NOT_FOUND, "not_found", "there are /_orilla/health and /_orilla/metrics"),
    }
}

fn text(content_type: &'static str, body: String) -> Response<HostBody> {
    let mut response = Response::new(HostBody::full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
