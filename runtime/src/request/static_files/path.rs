//! From the path of a request to the path that is looked up: decoded once, never normalised.
//! Nothing here touches the file system, and no path that leaves here is ever given to it.

use std::borrow::Cow;
use std::fmt::Write;

/// Why a request path is answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A `%` that two hexadecimal digits do not follow.
    #[error("a percent sign in the path is not followed by two hexadecimal digits")]
    Encoding,
    /// The decoded bytes are not UTF-8.
    #[error("the path does not decode to UTF-8")]
    NotUtf8,
    /// A NUL byte, plain or encoded.
    #[error("the path contains a NUL byte")]
    Nul,
    /// A `.` or `..` segment, plain or encoded. Clients resolve these before they send a request.
    #[error("the path contains a dot segment")]
    DotSegment,
}

/// A request path that was decoded once, and has no dot segment however it is read.
pub struct Decoded<'a> {
    path: Cow<'a, str>,
    separators_encoded: bool,
}

impl<'a> Decoded<'a> {
    /// The path as a file's name. There is none where it contains a backslash or an encoded slash, which an app may well use
    /// in a parameter.
    pub(super) fn file(self) -> Option<Cow<'a, str>> {
        (!self.separators_encoded && !self.path.contains('\\')).then_some(self.path)
    }

    /// The path as the patterns of a manifest are compared with it: whatever an app may take for a slash is one.
    pub fn route(&self) -> Cow<'_, str> {
        if self.path.contains('\\') { Cow::Owned(self.path.replace('\\', "/")) } else { Cow::Borrowed(&self.path) }
    }
}

/// Decodes a request path once.
///
/// # Errors
/// What must reach neither a file nor an app.
pub fn decode(raw: &str) -> Result<Decoded<'_>, PathError> {
    let (path, separators_encoded) = if raw.contains('%') {
        let bytes = decode_percent(raw)?;
        let slashes = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'/').count();
        let separators_encoded = slashes(&bytes) != slashes(raw.as_bytes());
        (Cow::Owned(String::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?), separators_encoded)
    } else {
        (Cow::Borrowed(raw), false)
    };
    if path.contains('\0') {
        return Err(PathError::Nul);
    }
    if path.split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
        return Err(PathError::DotSegment);
    }
    Ok(Decoded { path, separators_encoded })
}

fn decode_percent(raw: &str) -> Result<Vec<u8>, PathError> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return Err(PathError::Encoding) };
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    Ok(decoded)
}

/// Encodes a decoded path for a `Location` header.
pub(super) fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String never fails.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
