//! Requests of apps to their own origin, which come from their isolates instead of a connection. What a connection does to an answer
//! is done here.

use std::pin::Pin;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use orilla_bindings::invocation::EndReason;
use orilla_bindings::own_origin::{OwnBody, OwnHost};
use tokio::sync::oneshot;

use super::body::HostBody;
use super::handle::{Host, Peer};
use super::respond::failure;
use crate::telemetry::observed::Observed;

impl OwnHost for Host {
    fn answer(
        self: Arc<Self>,
        request: Request<OwnBody>,
        client: HeaderValue,
        depth: u8,
    ) -> Pin<Box<dyn Future<Output = Response<OwnBody>> + Send>> {
        let is_head = *request.method() == Method::HEAD;
        let (mut sender, receiver) = oneshot::channel();
        // Not on the isolate's thread, which may be busy and has one priority for all it does.
        self.workers.clone().spawn(async move {
            tokio::select! {
                response = self.handle(Peer::own(client, depth), request) => drop(sender.send(sent(response, is_head))),
                () = sender.closed() => {}
            }
        });
        Box::pin(async move {
            // The task ends without an answer only when the host does.
            receiver.await.unwrap_or_else(|_| failure(EndReason::Reclaimed, "").map(BodyExt::boxed))
        })
    }
}

/// The answer as a client finds it.
fn sent(mut response: Response<Observed<HostBody>>, is_head: bool) -> Response<OwnBody> {
    let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let (Some(length), false) = (response.body().size_hint().exact(), has_none) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    if is_head || has_none {
        return response.map(|_| Empty::new().map_err(|never| match never {}).boxed());
    }
    response.map(BodyExt::boxed)
}
