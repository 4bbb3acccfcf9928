//! While the traffic of an app is divided, a cookie keeps each browser with the version it met first: pages and the files
//! they name then come from one build.

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

/// The cookie's name.
const NAME: &str = "orilla_version";

/// The version a client met before.
pub fn version(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, version)| version)
}

/// Tells the client to stay with a version.
pub fn remember(version: &str, secure: bool, headers: &mut HeaderMap) {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{NAME}={version}; Path=/; HttpOnly; SameSite=Lax{secure}");
    // A version is made of hexadecimal digits.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}
