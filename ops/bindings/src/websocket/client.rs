//! An app's own WebSockets: the handshake with a server, as <https://websockets.spec.whatwg.org/#websocket-opening-handshake> has
//! it. Connects only to where `fetch` may.

use base64::Engine as _;
use bytes::Bytes;
use deno_core::url::Url;
use deno_core::{ByteString, OpState, op2};
use deno_error::JsErrorBox;
use deno_fetch::{Client, ClientConnectError, get_or_create_client_from_state};
use deno_permissions::PermissionsContainer;
use deno_tls::SocketUse;
use fastwebsockets::Role;
use http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::{Scheme, Uri};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioIo;

use super::{WebSocketEnd, WebSocketMessage, accept_of, carry, ends};
use crate::limits::{HANDSHAKE_TIMEOUT, MAX_UNSENT_WEBSOCKET_MESSAGES};

/// What the handshake itself says; an app's headers do not.
const RESERVED: [HeaderName; 8] = [
    CONNECTION,
    HOST,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
    UPGRADE,
];

/// Why there is no connection. An app reads it in its `error` event.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("{0}")]
    Connect(#[from] ClientConnectError),
    #[error("the handshake was broken off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the handshake cannot be written: {0}")]
    Request(#[from] http::Error),
    #[error("the server answered {0} instead of 101")]
    Status(StatusCode),
    #[error("the server's answer has no right {0} header")]
    Header(HeaderName),
    #[error("the server did not answer in time")]
    TimedOut,
    #[error("it was closed before it was open")]
    GivenUp,
}

/// What an app asks a server for.
struct Wish {
    /// `http` or `https`.
    target: Uri,
    headers: HeaderMap,
    /// In their order, with commas between them.
    protocols: String,
}

/// Begins to connect to a server. The connection's first event says how that went.
#[op2(stack_trace)]
#[smi]
pub(crate) fn op_websocket_open(
    state: &mut OpState,
    #[string] url: String,
    #[string] protocols: String,
    #[serde] headers: Vec<(ByteString, ByteString)>,
) -> Result<u32, JsErrorBox> {
    let url: Url = url.parse().map_err(JsErrorBox::from_err)?;
    state.borrow_mut::<PermissionsContainer>().check_net_url(&url, "WebSocket").map_err(JsErrorBox::from_err)?;
    let client = get_or_create_client_from_state(state).map_err(JsErrorBox::from_err)?;
    let invalid = |error: &dyn std::error::Error| JsErrorBox::type_error(error.to_string());
    // `ws` and `wss` become `http` and `https`.
    let target = format!("http{}", &url.as_str()["ws".len()..])
        .parse()
        .map_err(|error: http::uri::InvalidUri| invalid(&error))?;
    let mut wish = Wish { target, headers: HeaderMap::new(), protocols };
    for (name, value) in headers {
        let name = HeaderName::from_bytes(&name).map_err(|error| invalid(&error))?;
        let value = HeaderValue::from_bytes(&value).map_err(|error| invalid(&error))?;
        if !RESERVED.contains(&name) {
            wish.headers.append(name, value);
        }
    }
    let (mut socket, end) = ends(state, MAX_UNSENT_WEBSOCKET_MESSAGES);
    socket.task = Some(tokio::spawn(connect(client, wish, end)).abort_handle());
    Ok(state.resource_table.add(socket))
}

/// Connects, tells the app, and carries messages until either side closes.
async fn connect(client: Client, wish: Wish, mut end: WebSocketEnd) {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands(&client, wish)) => shaken,
        // There is nothing to send yet, so this is the app's close, or the app is gone.
        _ = end.outgoing.recv() => Ok(Err(HandshakeError::GivenUp)),
    };
    // Whoever asked may be gone.
    match shaken.unwrap_or(Err(HandshakeError::TimedOut)) {
        Ok((upgraded, protocol)) => {
            let _ = end.incoming.send((WebSocketMessage::Open(protocol), None)).await;
            carry(upgraded, Role::Client, end).await;
        }
        Err(error) => {
            let _ = end.incoming.send((WebSocketMessage::lost(error.to_string()), None)).await;
        }
    }
}

/// The connection, and the protocol that the server has chosen.
async fn shake_hands(client: &Client, wish: Wish) -> Result<(Upgraded, String), HandshakeError> {
    let stream = client.connect(wish.target.clone(), SocketUse::Http1Only).await?;
    let key = base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 16]>());
    let request = request(client, &wish, &key, stream.connected().is_proxied())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let mut response = sender.send_request(request).await?;
    let protocol = check(&response, &wish, &key)?;
    Ok((hyper::upgrade::on(&mut response).await?, protocol))
}

fn request(client: &Client, wish: &Wish, key: &str, is_proxied: bool) -> Result<Request<Empty<Bytes>>, HandshakeError> {
    let authority = wish.target.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::get(&wish.target)
        .header(HOST, authority)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key);
    if !wish.protocols.is_empty() {
        request = request.header(SEC_WEBSOCKET_PROTOCOL, &wish.protocols);
    }
    for (name, value) in &wish.headers {
        request = request.header(name, value);
    }
    client.inject_common_headers(&mut request);
    let mut request = request.body(Empty::new())?;
    // A proxy is told the whole address of what it cannot look into.
    if !(is_proxied && wish.target.scheme() == Some(&Scheme::HTTP)) {
        let path = wish.target.path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| http::uri::PathAndQuery::from_static("/")));
    }
    Ok(request)
}

/// Checks what the server has answered (RFC 6455, section 4.1). Says which protocol it has chosen, if any.
fn check<B>(response: &Response<B>, wish: &Wish, key: &str) -> Result<String, HandshakeError> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(HandshakeError::Status(response.status()));
    }
    let all = |name: HeaderName| response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tokens = |name: HeaderName| all(name).flat_map(|value| value.split(',')).map(str::trim);
    let expect = |right: bool, name: HeaderName| if right { Ok(()) } else { Err(HandshakeError::Header(name)) };
    expect(tokens(UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket")), UPGRADE)?;
    expect(tokens(CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade")), CONNECTION)?;
    expect(all(SEC_WEBSOCKET_ACCEPT).eq([accept_of(key.as_bytes())]), SEC_WEBSOCKET_ACCEPT)?;
    // None was asked for.
    expect(tokens(SEC_WEBSOCKET_EXTENSIONS).all(str::is_empty), SEC_WEBSOCKET_EXTENSIONS)?;
    let mut chosen = all(SEC_WEBSOCKET_PROTOCOL);
    match (chosen.next(), chosen.next()) {
        (None, _) if wish.protocols.is_empty() => Ok(String::new()),
        (Some(one), None) if wish.protocols.split(", ").any(|asked| asked == one) => Ok(one.to_owned()),
        _ => Err(HandshakeError::Header(SEC_WEBSOCKET_PROTOCOL)),
    }
}
