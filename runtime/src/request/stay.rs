//! While the traffic of an app is divided, a cookie keeps each browser with the version it met first: pages and the files
//! they name then come from one build.

use http::header::{CACHE_CONTROL, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

/// The cookie's name.
const NAME: &str = "orilla_version";

/// The version a client met before.
pub fn version(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, version)| version)
}

/// Tells the client to stay with a version; but not along with what caches keep for ever and give to others.
pub fn remember(version: &str, secure: bool, headers: &mut HeaderMap) {
    if is_immutable(headers) {
        return;
    }
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{NAME}={version}; Path=/; HttpOnly; SameSite=Lax{secure}");
    // A version is made of hexadecimal digits.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

fn is_immutable(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(CACHE_CONTROL).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    said.any(|part| part.trim_ascii().eq_ignore_ascii_case(b"immutable"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever else a client sends, what it was told comes back, and nothing that was not said is made of noise.
        #[test]
        fn the_cookie_is_found_among_others(
            before in "[ -~é]{0,30}",
            noise in prop::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff, Just(b'\t')], 0..60),
        ) {
            let mut told = HeaderMap::new();
            remember("0123456789abcdef", true, &mut told);
            let cookie = told[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();

            let mut headers = HeaderMap::new();
            headers.append(COOKIE, HeaderValue::from_bytes(&noise).unwrap());
            if let Some(version) = version(&headers) {
                prop_assert!(String::from_utf8_lossy(&noise).contains(version));
            }
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, HeaderValue::from_bytes(before.as_bytes()).unwrap());
            headers.append(COOKIE, HeaderValue::from_str(&format!("a=b; {cookie} ;c=\"d\"")).unwrap());
            prop_assume!(!before.contains(NAME));
            prop_assert_eq!(version(&headers), Some("0123456789abcdef"));
        }
    }
}
