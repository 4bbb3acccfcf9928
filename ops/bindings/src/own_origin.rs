//! Requests of an app to the origin that the request it handles was made to. The host answers them itself, as if they had come
//! over a connection: nothing is looked up, no address can be refused and no certificate is asked for. They go to the
//! host name of the request they come from and to no other, whatever headers they bring.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use deno_core::unsync::spawn;
use deno_core::url::Url;
use deno_core::{OpState, op2, v8};
use deno_error::JsErrorBox;
use deno_fetch::{ReqBody, ResBody};
use futures_util::stream;
use http::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::caller::current_invocation;
use crate::error::BindingError;
use crate::invocation::{BodyError, Invocations};
use crate::limits::MAX_OWN_DEPTH;

/// A body on its way between an app and the host.
pub type OwnBody = BoxBody<Bytes, BodyError>;

/// The host, as its apps' requests to themselves reach it.
pub trait OwnHost: Send + Sync {
    /// Answers a request that names its host in its URI, `depth` requests below that of a client. It is given up when the future
    /// is dropped.
    fn answer(
        self: Arc<Self>,
        request: Request<OwnBody>,
        client: HeaderValue,
        depth: u8,
    ) -> Pin<Box<dyn Future<Output = Response<OwnBody>> + Send>>;
}

/// Where requests to the origin of a request go.
#[derive(Clone)]
pub struct OwnOrigin {
    /// Who answers them.
    pub host: Arc<dyn OwnHost>,
    /// The address of the client for whom the app asks.
    pub client: HeaderValue,
    /// How many requests lie between that client's and those that are made.
    pub depth: u8,
}

/// Whether a URL has the origin of the request that is handled.
#[op2(fast)]
pub(crate) fn op_is_own_origin(scope: &mut v8::PinScope<'_, '_>, state: &mut OpState, #[string] url: &str) -> bool {
    of(scope, state, url).is_some()
}

/// Where a request to a URL goes if it has the origin of the request that is handled.
pub(crate) fn of<'a>(scope: &mut v8::PinScope<'_, '_>, state: &'a OpState, url: &str) -> Option<&'a OwnOrigin> {
    let running = state.borrow::<Invocations>().get(current_invocation(scope)?)?;
    running.request.own.as_ref().filter(|_| origin(url) == origin(&running.request.url))
}

/// A URL up to its path. Both kinds that are compared have their host in the one normal form, and no port that goes without saying.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let length = url[host..].find(['/', '?', '#']).unwrap_or(url.len() - host);
    &url[..host + length]
}

impl OwnOrigin {
    /// The same, for one more request.
    pub(crate) fn ask(&self) -> Result<Self, BindingError> {
        if self.depth == MAX_OWN_DEPTH { Err(BindingError::LoopDetected(MAX_OWN_DEPTH)) } else { Ok(self.clone()) }
    }

    /// Sends a request to a URL of this origin.
    pub(crate) async fn send(self, url: &Url, request: Request<ReqBody>) -> Response<ResBody> {
        let mut request = request.map(sendable);
        let headers = request.headers_mut();
        for name in [CONNECTION, UPGRADE] {
            headers.remove(name);
        }
        // Part of a URL that was parsed, so that it is a value.
        if let Ok(host) = HeaderValue::from_str(url.authority()) {
            headers.insert(HOST, host);
        }
        let response = self.host.answer(request, self.client, self.depth + 1).await;
        response.map(|body| body.map_err(|error| JsErrorBox::generic(error.to_string())).boxed())
    }
}

/// The same body for another thread. What the app makes as it goes is read on this one.
fn sendable(body: ReqBody) -> OwnBody {
    match body {
        ReqBody::Full(full) => full.map_err(|never| match never {}).boxed(),
        ReqBody::Empty(empty) => empty.map_err(|never| match never {}).boxed(),
        ReqBody::Streaming(mut body) => {
            let (sender, mut receiver) = mpsc::channel::<Result<Frame<Bytes>, BodyError>>(1);
            spawn(async move {
                while let Some(frame) = body.frame().await {
                    // Whoever has answered already may not want the rest.
                    if sender.send(frame.map_err(Into::into)).await.is_err() {
                        break;
                    }
                }
            });
            StreamBody::new(stream::poll_fn(move |cx| receiver.poll_recv(cx))).boxed()
        }
    }
}
