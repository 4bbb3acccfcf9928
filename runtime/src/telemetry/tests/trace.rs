//! Trace context.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::super::trace_context::{SpanId, TRACEPARENT, TRACESTATE, TraceContext, TraceId, tracestate};
use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parse(text: &str) -> Option<TraceContext> {
    TraceContext::parse(text.as_bytes())
}

#[test]
fn only_a_whole_traceparent_counts() {
    let context = parse(PARENT).unwrap();
    assert_eq!(context.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((context.span.0[0], context.span.0[7], context.sampled, context.random), (0, 0xb7, true, false));
    // A newer version may say more after what version 00 has.
    for valid in [PARENT.replace("00-4b", "cc-4b"), PARENT.replace("00-4b", "cc-4b") + "-what-comes"] {
        assert_eq!(parse(&valid), Some(context), "{valid}");
    }
    let invalid = [
        String::new(),
        PARENT[..54].to_owned(),
        PARENT.to_owned() + "-x",
        PARENT.to_owned() + " ",
        PARENT.to_uppercase(),
        PARENT.replace("00-4b", "ff-4b"),
        PARENT.replace("00-4b", "cc-4b") + "x",
        PARENT.replace('-', "_"),
        PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
        PARENT.replace("-01", "-0g"),
    ];
    for text in invalid {
        assert_eq!(parse(&text), None, "{text}");
    }
}

#[test]
fn a_request_without_a_valid_context_begins_a_trace() {
    let one = |headers: &[(&str, &str)]| counted(&Config::default()).0.begin(&get("/", headers), ARRIVAL).context;
    assert_eq!(
        one(&[("traceparent", PARENT)]),
        parse(PARENT).unwrap(),
        "without spans of its own the host passes it on"
    );
    let (fresh, broken, twice) =
        (one(&[]), one(&[("traceparent", "00-1-2-3")]), one(&[("traceparent", PARENT), ("traceparent", PARENT)]));
    for begun in [fresh, broken, twice] {
        assert!(begun.trace != parse(PARENT).unwrap().trace && begun.random && !begun.sampled);
    }
    assert!(fresh.trace != broken.trace && fresh.span != broken.span);
}

#[test]
fn the_app_sees_its_own_place_in_the_trace() {
    let request = get("/", &[("traceparent", PARENT), ("tracestate", "vendor=a, t@b=c"), ("tracestate", "last=1")]);
    let mut headers = request.headers().clone();
    let child = parse(PARENT).unwrap().child();
    child.write_to(&mut headers);
    assert_eq!(TraceContext::of(&headers), Some(child));
    assert_eq!(tracestate(&headers).as_deref(), Some("vendor=a, t@b=c,last=1"));
    // Another trace has no use for the state of this one, and neither has anybody for an invalid one.
    TraceContext::begin(|_| true).write_to(&mut headers);
    assert!(!headers.contains_key(TRACESTATE));
    headers.insert(TRACESTATE, HeaderValue::from_static("no state"));
    let current = TraceContext::of(&headers).unwrap();
    current.child().write_to(&mut headers);
    assert!(!headers.contains_key(TRACESTATE));
}

#[test]
fn a_tracestate_is_valid_as_a_whole_or_not_at_all() {
    let state = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACESTATE, HeaderValue::from_str(value).unwrap());
        }
        tracestate(&headers)
    };
    let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    for valid in ["a=1", "a=1,b=2", "a=1 ,\tb=2,", "1tenant@system=x y", "a*/-_0=!~", &many(32)] {
        assert_eq!(state(&[valid]).as_deref(), Some(valid));
    }
    let long = format!("a={}", "x".repeat(257));
    for invalid in ["", ",", "a", "a=", "A=1", "1a=1", "a=1,a=2", "a=b=c", "a@1=x", "@a=1", &long, &many(33)] {
        assert_eq!(state(&[invalid]), None, "{invalid}");
    }
    assert_eq!(state(&["a=1", "a=2"]), None, "a key twice in two headers");
    assert_eq!(state(&[&"b=1,".repeat(200)]), None, "longer than the limit");
}

#[test]
fn the_same_traces_are_sampled_everywhere() {
    let ids: Vec<TraceId> = (0..2000).map(|_| TraceContext::begin(|_| false).trace).collect();
    let within = |ratio: f64| ids.iter().filter(|id| id.falls_within(ratio)).count();
    assert_eq!((within(0.0), within(1.0)), (0, 2000));
    // 2000 coins fall outside this once in more than 10^20 times.
    assert!((700..1300).contains(&within(0.5)));
    assert!(ids.iter().all(|id| !id.falls_within(0.25) || id.falls_within(0.5)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(trace: [u8; 16], span: [u8; 8], sampled: bool, random: bool) {
        prop_assume!(trace != [0; 16] && span != [0; 8]);
        let context = TraceContext { trace: TraceId(trace), span: SpanId(span), sampled, random };
        prop_assert_eq!(TraceContext::parse(context.to_header().as_bytes()), Some(context));
        prop_assert_eq!(context.to_header().len(), 55);
        let child = context.child();
        prop_assert!(child.trace == context.trace && child.span != context.span && child.sampled == sampled);
    }

    #[test]
    fn arbitrary_headers_never_panic_and_are_never_handed_on(
        parent in proptest::collection::vec(any::<u8>(), 0..80),
        near in "[0-9a-fF]{2}-[0-9a-g]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,3}",
        state in "[a-zA-Z@=,*_ \t-]{0,60}",
    ) {
        for value in [parent, near.into_bytes()] {
            let mut headers = HeaderMap::new();
            let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
            headers.insert(TRACEPARENT, value);
            headers.insert(TRACESTATE, HeaderValue::from_str(&state).unwrap());
            let context = TraceContext::of(&headers).unwrap_or_else(|| TraceContext::begin(|_| false));
            context.write_to(&mut headers);
            prop_assert_eq!(TraceContext::of(&headers), Some(context));
            prop_assert_eq!(headers.contains_key(TRACESTATE), tracestate(&headers).is_some());
        }
    }
}
