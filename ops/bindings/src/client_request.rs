//! Requests of `node:http`: over fetch's client, whose connections they share, and where egress lets fetch connect. What fetch adds
//! and changes on the way stays away: the target and the headers are the app's, and the body of the answer is as it was sent. Those to
//! the app's own origin, which fetch makes this way as well, stay in the host.

use deno_core::convert::Uint8Array;
use deno_core::url::Url;
use deno_core::{ByteString, CancelFuture as _, CancelHandle, OpState, ResourceId, op2, v8};
use deno_error::JsErrorBox;
use deno_fetch::{
    FetchCancelHandle, FetchRequestResource, FetchReturn, ReqBody, ResourceToBodyAdapter,
    get_or_create_client_from_state,
};
use deno_permissions::PermissionsContainer;
use http::header::{CONTENT_LENGTH, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Uri};

use crate::own_origin::{self, OwnOrigin};

/// Begins a request: a method, an origin and what follows it in the URL. `op_fetch_send` brings the answer. The body is `data`, or what
/// is read from `stream`, or there is none.
#[op2(stack_trace)]
pub(crate) fn op_client_request(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    #[string] method: &str,
    #[string] origin: &str,
    #[string] target: &str,
    #[serde] headers: Vec<(ByteString, ByteString)>,
    data: Option<Uint8Array>,
    #[smi] stream: Option<ResourceId>,
) -> Result<FetchReturn, JsErrorBox> {
    let url = Url::parse(origin).map_err(JsErrorBox::from_err)?;
    let own = own_origin::of(scope, state, origin).map(OwnOrigin::ask).transpose().map_err(JsErrorBox::from_err)?;
    if own.is_none() {
        let permissions = state.borrow_mut::<PermissionsContainer>();
        permissions.check_net_url(&url, "http.request()").map_err(JsErrorBox::from_err)?;
    }
    let client = get_or_create_client_from_state(state).map_err(JsErrorBox::from_err)?;
    let body = match (data, stream) {
        (Some(data), _) => ReqBody::full(data.0.into()),
        (None, Some(stream)) => {
            let resource = state.resource_table.take_any(stream).map_err(JsErrorBox::from_err)?;
            ReqBody::streaming(ResourceToBodyAdapter::new(resource))
        }
        (None, None) => ReqBody::empty(),
    };
    let is_streamed = matches!(body, ReqBody::Streaming(_));
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(invalid)?;
    *request.uri_mut() = uri_of(&url, target)?;
    *request.headers_mut() = headers_of(headers, is_streamed)?;
    if is_streamed && request.headers().contains_key(CONTENT_LENGTH) {
        request.headers_mut().remove(TRANSFER_ENCODING);
    }
    let brings = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
    if brings && matches!(request.body(), ReqBody::Empty(_)) {
        // A server waits for the body of such a request unless it hears that there is none.
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let cancel_handle = CancelHandle::new_rc();
    let target = url.clone();
    let answer = async move {
        match own {
            Some(own) => {
                client.inject_common_headers(&mut request);
                Ok(own.send(&target, request).await)
            }
            None => client.send_no_decompress(request).await.map_err(Into::into),
        }
    };
    let future = Box::pin(answer.or_cancel(cancel_handle.clone()));
    let request = FetchRequestResource { future, url };
    Ok(FetchReturn {
        request_rid: state.resource_table.add(request),
        cancel_handle_rid: Some(state.resource_table.add(FetchCancelHandle(cancel_handle))),
    })
}

/// The target as the app wrote it: a `Url` would put it in order first.
fn uri_of(origin: &Url, target: &str) -> Result<Uri, JsErrorBox> {
    let authority = origin.authority();
    Uri::builder().scheme(origin.scheme()).authority(authority).path_and_query(target).build().map_err(invalid)
}

/// The headers, but for those that the connection decides on. How long a body is that is here as a whole is known better.
fn headers_of(headers: Vec<(ByteString, ByteString)>, is_streamed: bool) -> Result<HeaderMap, JsErrorBox> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(&name).map_err(invalid)?;
        let is_decided = name == EXPECT || (name == CONTENT_LENGTH || name == TRANSFER_ENCODING) && !is_streamed;
        if !is_decided {
            map.append(name, HeaderValue::from_bytes(&value).map_err(invalid)?);
        }
    }
    Ok(map)
}

fn invalid(error: impl std::error::Error) -> JsErrorBox {
    JsErrorBox::type_error(error.to_string())
}
