//! Spans, as a real receiver gets them.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;

use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::super::otlp::{MAX_BATCH_SPANS, MAX_QUEUED_SPANS};
use super::super::trace_context::TraceContext;
use super::*;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// An OTLP receiver: gives the planned answers, then 200 to everything.
#[derive(Default)]
struct Receiver {
    plan: Mutex<VecDeque<Response<Full<Bytes>>>>,
    received: Mutex<Vec<(String, HeaderMap, ExportTraceServiceRequest)>>,
    /// Where it is set, an answer waits for it.
    gate: Option<Notify>,
}

impl Receiver {
    async fn listen(self: &Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, receiver) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let receiver = receiver.clone();
                let service = service_fn(move |request| receiver.clone().take(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        address
    }

    async fn take(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let message = ExportTraceServiceRequest::decode(body.collect().await?.to_bytes()).unwrap();
        self.received.lock().unwrap().push((format!("{} {}", parts.method, parts.uri), parts.headers, message));
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        Ok(self.plan.lock().unwrap().pop_front().unwrap_or_default())
    }

    /// Each span with the name of its service.
    fn spans(&self) -> Vec<(String, Span)> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|(_, _, message)| &message.resource_spans);
        let spans = resources.flat_map(|resource| {
            let service = attributes(&resource.resource.as_ref().unwrap().attributes)["service.name"].clone();
            resource.scope_spans.iter().flat_map(|scope| &scope.spans).map(move |span| (service.clone(), span.clone()))
        });
        spans.collect()
    }
}

fn attributes(list: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &KeyValue| match value.value.clone().unwrap().value.unwrap() {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => panic!("{other:?}"),
    };
    list.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn answer_of(status: StatusCode, retry_after: Option<u64>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    response.body(Full::default()).unwrap()
}

fn config(address: SocketAddr) -> Config {
    Config { otlp_endpoint: Some(format!("http://{address}")), ..Config::default() }
}

/// What became of the spans, by the metrics: exported, dropped, failed.
fn outcomes(measures: &Measures) -> [u64; 3] {
    let mut text = String::new();
    measures.write(&mut text).unwrap();
    ["exported", "dropped", "failed"].map(|outcome| {
        let line = text.lines().find(|line| line.contains(&format!("outcome=\"{outcome}\""))).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    })
}

fn served(telemetry: &Arc<Telemetry>, headers: &[(&str, &str)]) {
    let record = telemetry.begin(&get("/", headers), ARRIVAL);
    record.routed(app("shop"));
    invoke(&record, false);
    answer(record, 200, None);
}

#[tokio::test]
async fn a_cold_request_is_a_span_with_its_boot_below_it() {
    let receiver = Arc::new(Receiver::default());
    let header = String::from("authorization=Bearer of=secrets").try_into().unwrap();
    let config = Config { otlp_headers: vec![header], ..config(receiver.listen().await) };
    assert!(!format!("{config:?}").contains("secrets"));
    let (telemetry, measures) = counted(&config);
    let headers =
        [("traceparent", CALLER), ("tracestate", "a=1"), ("host", "shop.example:8443"), ("user-agent", "curl")];
    let record = telemetry.begin(&get("/basket?secret=1", &headers), ARRIVAL);
    let context = record.context;
    record.routed(app("shop"));
    invoke(&record, true);
    record.ended(EndReason::Uncaught);
    answer(record, 500, Some(EndReason::Uncaught));
    telemetry.close().await;

    assert_eq!(outcomes(&measures), [1, 0, 0]);
    let (target, headers, _) = receiver.received.lock().unwrap().last().cloned().unwrap();
    assert_eq!(target, "POST /v1/traces");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["authorization"], "Bearer of=secrets");
    let spans = receiver.spans();
    let [(service, server), (_, boot)] = &spans[..] else { panic!("{spans:?}") };
    let caller = TraceContext::parse(CALLER.as_bytes()).unwrap();
    assert_eq!((service.as_str(), server.name.as_str(), server.kind), ("shop", "GET", 2));
    assert_eq!((&server.trace_id[..], &server.parent_span_id[..]), (&caller.trace.0[..], &caller.span.0[..]));
    assert_eq!((&server.span_id[..], server.trace_state.as_str()), (&context.span.0[..], "a=1"));
    assert_eq!(server.status.as_ref().map(|status| status.code), Some(2));
    let said = attributes(&server.attributes);
    let expected = [
        ("http.request.method", "GET"),
        ("url.path", "/basket"),
        ("url.scheme", "https"),
        ("server.address", "shop.example"),
        ("server.port", "8443"),
        ("client.address", "192.0.2.7"),
        ("user_agent.original", "curl"),
        ("network.protocol.version", "1.1"),
        ("http.response.status_code", "500"),
        ("http.response.body.size", "5"),
        ("error.type", "uncaught"),
        ("faas.coldstart", "true"),
        ("orilla.handled", "cold"),
        ("orilla.isolate", "7"),
        ("orilla.cpu", "0.0015"),
        ("orilla.queue_wait", "0.002"),
    ];
    for (key, value) in expected {
        assert_eq!(said.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(said.values().all(|value| !value.contains("secret")));
    assert_eq!((boot.name.as_str(), &boot.trace_id, &boot.parent_span_id), ("boot", &server.trace_id, &server.span_id));
    assert_eq!(boot.end_time_unix_nano - boot.start_time_unix_nano, 8_000_000);
    assert!(boot.start_time_unix_nano >= server.start_time_unix_nano);
    assert_eq!(attributes(&boot.attributes)["orilla.boot.start"], "snapshot");
}

#[tokio::test]
async fn the_caller_decides_what_is_recorded_and_else_the_ratio() {
    let receiver = Arc::new(Receiver::default());
    let config = Config { sample_ratio: 0.0, service_name: Some("edge".into()), ..config(receiver.listen().await) };
    let (telemetry, measures) = counted(&config);
    let unsampled = CALLER.replace("-01", "-00");
    served(&telemetry, &[]);
    served(&telemetry, &[("traceparent", &unsampled)]);
    served(&telemetry, &[("traceparent", CALLER)]);
    let unrecorded = telemetry.begin(&get("/", &[("traceparent", &unsampled)]), ARRIVAL).context;
    assert!(!unrecorded.sampled && unrecorded.trace == TraceContext::parse(CALLER.as_bytes()).unwrap().trace);
    telemetry.close().await;
    let spans = receiver.spans();
    assert_eq!(spans.iter().map(|(service, _)| service.as_str()).collect::<Vec<_>>(), ["edge"]);
    assert_eq!(outcomes(&measures), [1, 0, 0]);
}

#[tokio::test]
async fn a_batch_is_sent_again_only_where_that_helps() {
    let receiver = Arc::new(Receiver::default());
    let address = receiver.listen().await;
    let run = async |plan: Vec<Response<Full<Bytes>>>| {
        *receiver.plan.lock().unwrap() = plan.into();
        receiver.received.lock().unwrap().clear();
        let (telemetry, measures) = counted(&config(address));
        for _ in 0..MAX_BATCH_SPANS {
            served(&telemetry, &[]);
        }
        // A whole batch goes out without being asked for.
        while outcomes(&measures) == [0; 3] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        telemetry.close().await;
        (receiver.received.lock().unwrap().len(), outcomes(&measures))
    };
    let all = MAX_BATCH_SPANS as u64;
    let busy = || answer_of(StatusCode::SERVICE_UNAVAILABLE, Some(0));
    assert_eq!(run(vec![busy(), busy()]).await, (3, [all, 0, 0]));
    assert_eq!(run((0..9).map(|_| busy()).collect()).await, (5, [0, 0, all]));
    assert_eq!(run(vec![answer_of(StatusCode::UNAUTHORIZED, None)]).await, (1, [0, 0, all]));
    let partial = ExportTracePartialSuccess { rejected_spans: 12, error_message: "too old".into() };
    let partial = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    assert_eq!(run(vec![Response::new(Full::from(partial))]).await, (1, [all - 12, 0, 12]));
}

#[tokio::test]
async fn a_receiver_that_hangs_costs_spans_and_nothing_else() {
    let receiver = Arc::new(Receiver { gate: Some(Notify::new()), ..Receiver::default() });
    let (telemetry, measures) = counted(&config(receiver.listen().await));
    let offered = MAX_QUEUED_SPANS + 3 * MAX_BATCH_SPANS;
    for _ in 0..offered {
        served(&telemetry, &[]);
        tokio::task::yield_now().await;
    }
    let [exported, dropped, failed] = outcomes(&measures);
    assert!(exported == 0 && failed == 0 && dropped > 0, "{dropped} of {offered}");
    let opener = {
        let receiver = receiver.clone();
        tokio::spawn(async move {
            loop {
                receiver.gate.as_ref().unwrap().notify_one();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    telemetry.close().await;
    opener.abort();
    assert_eq!(outcomes(&measures), [offered as u64 - dropped, dropped, 0]);
    served(&telemetry, &[]);
    assert_eq!(outcomes(&measures)[1], dropped + 1, "after the end there is no more room");
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_refused() {
    for endpoint in ["", "127.0.0.1:4318", "ftp://host", "http://", "http://a b", "/v1/traces"] {
        let config = Config { otlp_endpoint: Some(endpoint.into()), ..Config::default() };
        let error =
            Telemetry::start(Access::Off, &config, Arc::default()).err().unwrap_or_else(|| panic!("{endpoint}"));
        assert_eq!(error.code(), "TELEMETRY_ENDPOINT");
    }
}
