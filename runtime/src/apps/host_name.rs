//! Names of hosts, as URLs have them (<https://url.spec.whatwg.org/#host-parsing>): one spelling for each, and none of those
//! that no URL can have.

use std::borrow::Cow;

use deno_core::url::Host;

/// The one spelling: in lower case, an international name in Punycode, an address in its short form, one of IPv6 in brackets.
/// `None` if no URL can have it.
pub fn normal(name: &str) -> Option<Cow<'_, str>> {
    if is_normal(name) {
        return Some(name.into());
    }
    Host::parse(name).ok().map(|host| host.to_string().into())
}

/// Whether a name certainly is what the parser would make of it. Most are, and each request has one.
fn is_normal(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    // What ends in a number is an address.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.bytes().all(is_plain) && last.starts_with(|first: char| first.is_ascii_lowercase()) && !name.contains("xn--")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_name_has_one_spelling() {
        for (name, expected) in [
            ("Shop.Example", Some("shop.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("0x7f.1", Some("127.0.0.1")),
            ("[0:0::1]", Some("[::1]")),
            ("a_b", Some("a_b")),
            ("", None),
            ("1.2.3.4.5", None),
            ("999.1.1.1", None),
            ("xn--a", None),
            ("[zz]", None),
            ("a:80", None),
            ("a/b", None),
        ] {
            assert_eq!(normal(name).as_deref(), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_as_it_is_would_be_parsed_to_the_same(name in "((a|b0|9|0x1|xn--|-|--|shop)\\.?){0,5}|.{0,12}") {
            if is_normal(&name) {
                let parsed = Host::parse(&name).map(|host| host.to_string());
                prop_assert_eq!(parsed.as_deref(), Ok(&*name));
            }
            if let Some(once) = normal(&name) {
                let again = normal(&once);
                prop_assert_eq!(again.as_deref(), Some(&*once));
            }
        }
    }
}
