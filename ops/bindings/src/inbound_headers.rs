//! The headers of a request on its way into an isolate: the client's and the host's. Those of the host are made when the app
//! first looks at a header, which many a handler never does.

use http::HeaderMap;

type Addition = Box<dyn FnOnce(&mut HeaderMap) + Send>;

/// A request's headers.
pub struct InboundHeaders {
    headers: HeaderMap,
    addition: Option<Addition>,
}

impl InboundHeaders {
    /// What the client sent, to which `add` is done before anybody sees it.
    pub fn new(headers: HeaderMap, add: impl FnOnce(&mut HeaderMap) + Send + 'static) -> Self {
        Self { headers, addition: Some(Box::new(add)) }
    }

    /// All of them.
    pub fn get(&mut self) -> &HeaderMap {
        if let Some(add) = self.addition.take() {
            add(&mut self.headers);
        }
        &self.headers
    }
}

impl From<HeaderMap> for InboundHeaders {
    fn from(headers: HeaderMap) -> Self {
        Self { headers, addition: None }
    }
}
