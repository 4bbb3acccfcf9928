//! Who may use the parts of the admin API that show or change something: whoever knows the host's token.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::deployments_api::answer::ApiError;

/// The token of a host. Only its hash is kept: two hashes are compared in constant time.
#[derive(Clone, Copy)]
pub struct AdminToken(Option<blake3::Hash>);

impl AdminToken {
    /// A host without a token lets nobody in.
    pub fn new(token: Option<&str>) -> Self {
        Self(token.map(|token| blake3::hash(token.as_bytes())))
    }

    /// Lets a request through, or says why not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(expected) = &self.0 else { return Err(ApiError::TokenNotSet) };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
        match given {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => {
                if blake3::hash(token) == *expected {
                    Ok(())
                } else {
                    Err(ApiError::TokenWrong)
                }
            }
            _ => Err(ApiError::TokenRequired),
        }
    }
}
