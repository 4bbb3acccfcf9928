//! Patterns over URL paths, as `routes` has them. They never touch the file system.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A URL path in which each `*` stands for any characters, slashes included and none at all too; the rest is compared
/// as it is written. `/api/*` matches `/api/` and `/api/users/7`, but not `/api`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UrlPattern(pub String);

impl UrlPattern {
    /// Whether the whole of `path` matches.
    pub fn matches(&self, path: &str) -> bool {
        let Some((prefix, rest)) = self.0.split_once('*') else { return self.0 == path };
        let Some(mut path) = path.strip_prefix(prefix) else { return false };
        // The last piece stands at the end; each one before it may as well take the first place it fits.
        let mut pieces = rest.split('*');
        let suffix = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            let Some((_, after)) = path.split_once(piece) else { return false };
            path = after;
        }
        path.ends_with(suffix)
    }
}

impl JsonSchema for UrlPattern {
    fn schema_name() -> Cow<'static, str> {
        "UrlPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "url-path-pattern", "maxLength": 1024 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::UrlPattern;

    /// What a pattern means, tried out in every way: slow, and plainly right.
    fn matches(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => path.is_empty(),
            [b'*', rest @ ..] => (0..=path.len()).any(|taken| matches(rest, &path[taken..])),
            [byte, rest @ ..] => path.first() == Some(byte) && matches(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_means(pattern in "[/ab*é]{0,8}", path in "[/abé]{0,10}") {
            let expected = matches(pattern.as_bytes(), path.as_bytes());
            prop_assert_eq!(UrlPattern(pattern).matches(&path), expected);
        }
    }
}
