//! The handshake of clients' WebSockets (RFC 6455, section 4.2).

use fastwebsockets::Role;
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use orilla_bindings::websocket::{WebSocketEnd, accept_of, carry};

use super::body::HostBody;
use crate::isolate::dispatched::Dispatched;

/// A client's wish for a WebSocket.
pub struct Handshake {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// Takes the handshake out of a request, if it is one.
    pub fn of(parts: &mut http::request::Parts) -> Option<Self> {
        let headers = &parts.headers;
        if parts.method != Method::GET || !asks_for_websocket(headers) {
            return None;
        }
        if headers.get(SEC_WEBSOCKET_VERSION)?.as_bytes() != b"13" {
            return None;
        }
        let accept = HeaderValue::from_str(&accept_of(headers.get(SEC_WEBSOCKET_KEY)?.as_bytes())).ok()?;
        let upgrade = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { accept, upgrade })
    }

    /// Answers the handshake and connects the client with the app.
    pub fn accept(self, end: WebSocketEnd, dispatched: Dispatched, headers: HeaderMap) -> Response<HostBody> {
        let (response, upgrade) = self.switch(headers);
        tokio::spawn(async move {
            let mut dispatched = dispatched;
            match upgrade.await {
                Ok(upgraded) => {
                    carry(upgraded, Role::Server, end).await;
                    dispatched.finish();
                }
                Err(error) => tracing::debug!(%error, "a WebSocket handshake was broken off"),
            }
        });
        response
    }

    /// The answer that switches the protocol, and the connection once it is sent.
    pub fn switch(self, headers: HeaderMap) -> (Response<HostBody>, OnUpgrade) {
        let mut response = Response::new(HostBody::Full(None));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        (response, self.upgrade)
    }
}

/// Whether the client asks to upgrade to a WebSocket.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}
