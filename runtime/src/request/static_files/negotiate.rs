//! What the client prefers: content encodings and media types, by quality. Headers that do not parse count as absent.

use http::header::{ACCEPT, ACCEPT_ENCODING, AsHeaderName};
use http::{HeaderMap, HeaderValue};

/// How the bytes of a file are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Brotli, a sibling with `.br` appended to its name.
    Brotli,
    /// Gzip, a sibling with `.gz` appended to its name.
    Gzip,
    /// As the file is.
    Identity,
}

impl Encoding {
    /// Every encoding, the preferred first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// What is appended to a file's name for this encoding, and to its entity tag after a dash.
    pub fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gz"),
            Self::Identity => None,
        }
    }

    /// The `Content-Encoding` of this encoding.
    pub fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Brotli => Some(HeaderValue::from_static("br")),
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Identity => None,
        }
    }

    fn is_named(self, token: &str) -> bool {
        match self {
            Self::Brotli => token.eq_ignore_ascii_case("br"),
            Self::Gzip => token.eq_ignore_ascii_case("gzip") || token.eq_ignore_ascii_case("x-gzip"),
            Self::Identity => token.eq_ignore_ascii_case("identity"),
        }
    }
}

/// The encoding to send, among those `available`; `None` when the client refuses them all.
///
/// The highest quality wins and the order of [`Encoding::ALL`] breaks ties. A client that does not mention
/// `identity` accepts it, but less than anything it names.
pub(super) fn choose_encoding(headers: &HeaderMap, available: impl Fn(Encoding) -> bool) -> Option<Encoding> {
    let mut listed = [None; Encoding::ALL.len()];
    let mut others = None;
    for (token, quality) in preferences(headers, ACCEPT_ENCODING) {
        match Encoding::ALL.iter().position(|encoding| encoding.is_named(token)) {
            Some(position) => listed[position] = Some(quality),
            None if token == "*" => others = Some(quality),
            None => {}
        }
    }
    let quality = |encoding, listed: Option<u16>| match (encoding, listed) {
        (_, Some(quality)) => (quality > 0).then_some(quality),
        (Encoding::Identity, None) => (others != Some(0)).then_some(0),
        (_, None) => others.filter(|&quality| quality > 0),
    };
    let mut best = None;
    for (encoding, listed) in Encoding::ALL.into_iter().zip(listed) {
        let Some(quality) = quality(encoding, listed).filter(|_| available(encoding)) else { continue };
        if best.is_none_or(|(_, highest)| quality > highest) {
            best = Some((encoding, quality));
        }
    }
    best.map(|(encoding, _)| encoding)
}

/// Whether the client asks for a page by name, as a browser does when it navigates and scripts seldom do.
pub(super) fn accepts_html(headers: &HeaderMap) -> bool {
    preferences(headers, ACCEPT).any(|(token, quality)| token.eq_ignore_ascii_case("text/html") && quality > 0)
}

/// The elements of a preference header with their quality in thousandths.
fn preferences(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = (&str, u16)> {
    let elements = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    elements.flat_map(|value| value.split(',')).map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let token = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (token, quality.map_or(1000, thousandths))
    })
}

/// A quality value in thousandths; one that does not parse is no preference at all.
fn thousandths(quality: &str) -> u16 {
    match quality.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => (value * 1000.0).round() as u16,
        _ => 0,
    }
}
