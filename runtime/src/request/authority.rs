//! Whom a request is addressed to. What no URL can have is refused here, so that an app never gets a request whose own URL it
//! cannot parse.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::HOST;
use http::uri::{self, Scheme};
use http::{Request, Uri};

use crate::apps::host_name;

/// A host's name and, if it is not the scheme's own, the port, as the request's URL has them.
pub struct Authority {
    text: String,
    host_length: usize,
}

/// The authority that the requests of one connection name, nearly always the same.
#[derive(Default)]
pub struct LastAuthority(Mutex<Option<(Box<str>, Arc<Authority>)>>);

impl LastAuthority {
    /// Of the absolute URI, else of the one Host header. `None` if there is none, or more than one, or no valid one.
    pub fn of<B>(&self, request: &Request<B>, secure: bool) -> Option<Arc<Authority>> {
        let named = match of_uri(request.uri()) {
            Some(authority) => authority.as_str(),
            None => {
                let mut hosts = request.headers().get_all(HOST).iter();
                let (host, more) = (hosts.next()?, hosts.next());
                host.to_str().ok().filter(|_| more.is_none())?
            }
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, authority)) = last.as_ref().filter(|(name, _)| **name == *named) {
            return Some(authority.clone());
        }
        let authority = Arc::new(Authority::parse(named, secure)?);
        *last = Some((named.into(), authority.clone()));
        Some(authority)
    }
}

impl Authority {
    fn parse(named: &str, secure: bool) -> Option<Self> {
        // The type refuses what is not to be in an authority at all; the parser of host names would decode some of it.
        let authority: uri::Authority = named.parse().ok()?;
        // Nobody is named here (RFC 9110, section 4.2.4), so that what follows the host is the port.
        let port = authority.as_str().strip_prefix(authority.host())?;
        let port = match port.strip_prefix(':') {
            None => port,
            Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()).then_some(port)?,
        };
        let own = if secure { 443 } else { 80 };
        let port: u16 = if port.is_empty() { own } else { port.parse().ok()? };
        let mut text = host_name::normal(authority.host())?.into_owned();
        let host_length = text.len();
        if port != own {
            text.push(':');
            text.push_str(&port.to_string());
        }
        Some(Self { text, host_length })
    }

    /// With the port.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Without the port.
    pub fn host(&self) -> &str {
        &self.text[..self.host_length]
    }
}

fn of_uri(uri: &Uri) -> Option<&uri::Authority> {
    let scheme = uri.scheme()?;
    uri.authority().filter(|_| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
}
