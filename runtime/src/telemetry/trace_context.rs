//! W3C Trace Context: which trace a request belongs to, as the `traceparent` and `tracestate` headers say it. What is
//! malformed is ignored as the recommendation asks, never repaired. It does not decide what is recorded.

use std::fmt;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use rand::distr::{Distribution, StandardUniform};

/// Names the trace, the caller's span and whether it is recorded.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tracing systems on the way have to say to one another.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of a `tracestate`, all its headers together; a longer one is dropped.
pub const MAX_TRACESTATE_BYTES: usize = 512;
/// Members of a `tracestate`; one with more is dropped.
pub const MAX_TRACESTATE_MEMBERS: usize = 32;

/// Bytes of a `traceparent` of version 00.
const TRACEPARENT_BYTES: usize = 55;
const SAMPLED: u8 = 0b01;
const RANDOM: u8 = 0b10;

/// Names a trace. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub [u8; 16]);

/// Names a span of a trace. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    fn random() -> Self {
        Self(random::<u128>().to_be_bytes())
    }

    /// Whether a trace with this id is among `ratio` of all traces, a number from 0 to 1. Every host answers alike.
    pub fn falls_within(self, ratio: f64) -> bool {
        // The rightmost 56 bits are the ones that are random by the recommendation.
        let random = self.0.iter().skip(9).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        (random as f64) < ratio * (1u64 << 56) as f64
    }
}

impl SpanId {
    fn random() -> Self {
        Self(random::<u64>().to_be_bytes())
    }
}

/// Never zero, which means "none". Each thread has a generator of its own, seeded by the operating system.
fn random<T: Default + PartialEq>() -> T
where
    StandardUniform: Distribution<T>,
{
    loop {
        let id = rand::random();
        if id != T::default() {
            return id;
        }
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        write_hex(&self.0, &mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A place in a trace: what a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that is the parent of whatever comes next.
    pub span: SpanId,
    /// Whether the trace is recorded.
    pub sampled: bool,
    /// Whether the trace's id is known to be random.
    pub random: bool,
}

impl TraceContext {
    /// The first span of a new trace. `sampled` decides by the trace's id.
    pub fn begin(sampled: impl FnOnce(TraceId) -> bool) -> Self {
        let trace = TraceId::random();
        Self { trace, span: SpanId::random(), sampled: sampled(trace), random: true }
    }

    /// A new span below this one.
    pub fn child(self) -> Self {
        Self { span: SpanId::random(), ..self }
    }

    /// Reads a `traceparent`. A version that is not known yet is read as far as it agrees with version 00.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_first_chunk::<TRACEPARENT_BYTES>()?;
        let [version] = read_hex(&known[..2])?;
        let complete = if version == 0 { rest.is_empty() } else { rest.is_empty() || rest[0] == b'-' };
        if version == 0xff || !complete || [known[2], known[35], known[52]] != [b'-'; 3] {
            return None;
        }
        let (trace, span) = (read_hex(&known[3..35])?, read_hex(&known[36..52])?);
        let [flags] = read_hex(&known[53..])?;
        let valid = trace != [0; 16] && span != [0; 8];
        valid.then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            sampled: flags & SAMPLED != 0,
            random: flags & RANDOM != 0,
        })
    }

    /// The context a request came with; two are as good as none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let context = Self::parse(values.next()?.as_bytes())?;
        values.next().is_none().then_some(context)
    }

    /// The flags of a `traceparent`; those that are not known are left out.
    pub fn flags(self) -> u8 {
        let sampled = if self.sampled { SAMPLED } else { 0 };
        let random = if self.random { RANDOM } else { 0 };
        sampled | random
    }

    /// The `traceparent` that says this, in version 00.
    pub fn to_header(self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&self.trace.0, &mut text[3..35]);
        write_hex(&self.span.0, &mut text[36..52]);
        write_hex(&[self.flags()], &mut text[53..]);
        // Hexadecimal digits and hyphens are always a valid header.
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// Makes this the context of a request. Its `tracestate` stays only where it belongs to the same trace and is valid.
    pub fn write_to(self, headers: &mut HeaderMap) {
        let same_trace = || Self::of(headers).is_some_and(|context| context.trace == self.trace);
        if headers.contains_key(TRACESTATE) && (!same_trace() || tracestate(headers).is_none()) {
            headers.remove(TRACESTATE);
        }
        headers.insert(TRACEPARENT, self.to_header());
    }
}

/// The `tracestate` a request came with, if it is valid.
pub fn tracestate(headers: &HeaderMap) -> Option<String> {
    let mut list = String::new();
    for value in headers.get_all(TRACESTATE) {
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(value.to_str().ok()?);
        if list.len() > MAX_TRACESTATE_BYTES {
            return None;
        }
    }
    let mut keys: Vec<&str> = Vec::new();
    for member in list.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty()) {
        let (key, value) = member.split_once('=')?;
        if keys.len() == MAX_TRACESTATE_MEMBERS || !is_state_key(key) || !is_state_value(value) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
    }
    (!keys.is_empty()).then_some(list)
}

fn is_state_key(key: &str) -> bool {
    let rest_fits =
        |text: &str| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'));
    let begins = |text: &str, digit: bool| {
        text.bytes().next().is_some_and(|first| first.is_ascii_lowercase() || digit && first.is_ascii_digit())
    };
    match key.split_once('@') {
        None => key.len() <= 256 && begins(key, false) && rest_fits(key),
        Some((tenant, system)) => {
            let fits = |text: &str, digit, most| text.len() <= most && begins(text, digit) && rest_fits(text);
            fits(tenant, true, 241) && fits(system, false, 14)
        }
    }
}

fn is_state_value(value: &str) -> bool {
    let printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=');
    (1..=256).contains(&value.len()) && printable && !value.ends_with(' ')
}

/// Reads lower-case hexadecimal digits, the only ones the recommendation allows.
fn read_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Writes lower-case hexadecimal digits.
pub(super) fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
    }
}
