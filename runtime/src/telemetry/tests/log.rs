//! Lines of the access log, as they are written.

use std::io::Write;
use std::sync::Mutex;

use serde_json::{Value as Json, json};

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that `requests` leaves, in the JSON that goes to anything but a terminal.
fn lines(access: Access, requests: impl FnOnce(&Arc<Telemetry>)) -> Vec<Json> {
    let written = Written::default();
    let log = tracing_subscriber::fmt().with_writer({
        let written = written.clone();
        move || written.clone()
    });
    tracing::subscriber::with_default(log.with_ansi(false).json().flatten_event(true).finish(), || {
        requests(&Telemetry::start(access, &Config::default(), Arc::default()).unwrap());
    });
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn some_requests(telemetry: &Arc<Telemetry>) {
    let begin = |path: &str| telemetry.begin(&get(path, &[]), ARRIVAL);
    let page = begin("/basket?secret=1");
    page.routed(app("shop"));
    invoke(&page, true);
    answer(page, 200, None);
    let file = begin("/logo.svg");
    file.routed(app("shop"));
    file.is_static();
    answer(file, 304, None);
    let unknown = begin("/nothing");
    answer(unknown, 404, None);
    let looping = begin("/loop");
    looping.routed(app("shop"));
    invoke(&looping, false);
    looping.ended(EndReason::Cpu);
    answer(looping, 503, Some(EndReason::Cpu));
    // The status is out already when the isolate is stopped.
    let streamed = begin("/stream");
    invoke(&streamed, false);
    streamed.ended(EndReason::Memory);
    answer(streamed, 200, None);
    drop(begin("/gone"));
}

#[test]
fn a_line_says_what_became_of_a_request() {
    let lines = lines(Access::All, some_requests);
    let brief =
        lines.iter().map(|line| json!([line["path"], line["status"], line["handled"], line["reason"], line["level"]]));
    let expected = [
        json!(["/basket", 200, "cold", null, "INFO"]),
        json!(["/logo.svg", 304, "static", null, "INFO"]),
        json!(["/nothing", 404, "refused", null, "INFO"]),
        json!(["/loop", 503, "warm", "cpu", "WARN"]),
        json!(["/stream", 200, "warm", "memory", "WARN"]),
        json!(["/gone", null, "refused", "client_gone", "INFO"]),
    ];
    assert_eq!(brief.collect::<Vec<_>>(), expected);
    let page = &lines[0];
    assert_eq!((&page["target"], &page["method"]), (&json!("access"), &json!("GET")));
    assert_eq!((&page["app"], &page["version"], &page["isolate"]), (&json!("shop"), &json!("v1"), &json!(7)));
    let figures =
        ["queue_wait_ms", "cpu_ms", "memory_bytes", "response_bytes"].map(|name| page[name].as_f64().unwrap());
    assert_eq!(figures, [2.0, 1.5, 4_194_304.0, 5.0]);
    assert!(page["duration_ms"].is_number());
    assert_eq!((page["request"].as_str().unwrap().len(), page["trace"].as_str().unwrap().len()), (16, 32));
    assert!(lines.iter().all(|line| !line.to_string().contains("secret")));
    assert!(lines[1].get("isolate").is_none() && lines[1].get("cpu_ms").is_none());
}

#[test]
fn only_the_wanted_lines_are_written() {
    let paths =
        |lines: Vec<Json>| lines.iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(paths(lines(Access::Errors, some_requests)), ["/loop", "/stream"]);
    assert_eq!(paths(lines(Access::Off, some_requests)), [""; 0]);
}

#[test]
fn a_body_that_nobody_takes_to_its_end_says_so() {
    let unread = |method: &str| {
        lines(Access::All, |telemetry| {
            let mut request = get("/", &[]);
            *request.method_mut() = method.parse().unwrap();
            let record = telemetry.begin(&request, ARRIVAL);
            let response = Response::new(Full::new(Bytes::from_static(b"hello")));
            drop(Observed::response(response, &ERROR_HEADER, record));
        })
    };
    assert_eq!(unread("GET")[0]["reason"], json!("client_gone"));
    assert_eq!(unread("HEAD")[0]["reason"], json!(null));
}
