//! The metrics, read back by a strict parser of Prometheus' text format.

use std::collections::{BTreeMap, HashSet};

use super::super::histograms::{Histograms, MAX_LABELLED_APPS, OTHER_APPS};
use super::*;

type Labels = BTreeMap<String, String>;

/// Every sample as its name, labels and value. Panics at whatever the format does not allow.
fn parse(text: &str) -> Vec<(String, Labels, f64)> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let (mut samples, mut seen, mut families) = (Vec::new(), HashSet::new(), HashSet::new());
    let mut family = (String::new(), "");
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (kind, rest) = comment.split_once(' ').unwrap();
            let (name, rest) = rest.split_once(' ').unwrap();
            match kind {
                "HELP" => assert!(families.insert(name.to_owned()), "{name} is described twice"),
                "TYPE" => {
                    assert!(families.contains(name) && ["counter", "gauge", "histogram"].contains(&rest));
                    family = (name.to_owned(), if rest == "histogram" { rest } else { "" });
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let name = &line[..end];
        let suffix = name.strip_prefix(family.0.as_str()).unwrap_or_else(|| panic!("{name} outside its family"));
        assert!(if family.1.is_empty() { suffix.is_empty() } else { ["_bucket", "_sum", "_count"].contains(&suffix) });
        let (labels, value) = labels(&line[end..]);
        assert!(seen.insert((name.to_owned(), labels.clone())), "{line} comes twice");
        samples.push((name.to_owned(), labels, if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() }));
    }
    samples
}

fn labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let Some(mut rest) = text.strip_prefix('{') else { return (labels, text.strip_prefix(' ').unwrap()) };
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty());
        let (mut value, mut characters) = (String::new(), after.char_indices());
        let end = loop {
            match characters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    escaped @ ('"' | '\\') => escaped,
                    other => panic!("\\{other} is no escape"),
                }),
                (_, character) => value.push(character),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none());
        rest = &after[end + 1..];
        match rest.split_at(1) {
            (",", more) => rest = more,
            ("}", more) => return (labels, more.strip_prefix(' ').unwrap()),
            _ => panic!("{rest}"),
        }
    }
}

/// Checks that each histogram adds up and returns the counts by name and app.
fn counts(text: &str) -> BTreeMap<(String, String), f64> {
    let mut buckets: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
    let (mut sums, mut counts) = (BTreeMap::new(), BTreeMap::new());
    for (name, mut labels, value) in parse(text) {
        if let Some(name) = name.strip_suffix("_bucket") {
            let bound = labels.remove("le").unwrap();
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            buckets.entry((name.to_owned(), labels)).or_default().push((bound, value));
        } else if let Some(name) = name.strip_suffix("_sum") {
            sums.insert((name.to_owned(), labels), value);
        } else if let Some(name) = name.strip_suffix("_count") {
            counts.insert((name.to_owned(), labels), value);
        }
    }
    assert!(buckets.keys().eq(counts.keys()) && buckets.keys().eq(sums.keys()));
    for (key, buckets) in &buckets {
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{key:?}");
        assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, counts[key]), "{key:?}");
    }
    counts.into_iter().map(|((name, labels), count)| ((name, labels["app"].clone()), count)).collect()
}

fn text(histograms: &Histograms) -> String {
    let mut out = String::new();
    histograms.write(&mut out).unwrap();
    out
}

#[test]
fn every_duration_is_in_the_right_bucket() {
    let histograms = Histograms::default();
    let hostile: Arc<str> = "a\"b\\c\nd,e=\"f\"}".into();
    let series = histograms.of(&hostile);
    for micros in [0, 100, 101, 30_000_000, 30_000_001, 3_600_000_000] {
        series.queue_wait.observe(Duration::from_micros(micros));
    }
    histograms.booted(&hostile, BootKind::CodeCache, Duration::from_millis(7));
    let samples = parse(&text(&histograms));
    let below = |bound: &str| {
        let fits = |labels: &Labels| labels.get("le").is_some_and(|le| le == bound) && labels["app"] == *hostile;
        samples.iter().find(|(name, labels, _)| name == "orilla_queue_wait_seconds_bucket" && fits(labels)).unwrap().2
    };
    assert_eq!((below("0.0001"), below("0.0005"), below("30"), below("+Inf")), (2.0, 3.0, 4.0, 6.0));
    let boots = samples.iter().filter(|(_, labels, _)| labels.get("start").is_some_and(|start| start == "code_cache"));
    assert_eq!(boots.map(|(_, _, value)| *value).fold(0.0, f64::max), 1.0);
    assert_eq!(counts(&text(&histograms)).len(), 2);
}

#[test]
fn the_apps_beyond_the_bound_share_one_label() {
    let histograms = Histograms::default();
    for number in 0..MAX_LABELLED_APPS + 50 {
        for _ in 0..2 {
            histograms.of(&format!("app-{number}").into()).cpu.observe(Duration::from_millis(1));
        }
    }
    let counts = counts(&text(&histograms));
    assert_eq!(counts.len(), MAX_LABELLED_APPS + 1);
    assert_eq!(counts[&("orilla_cpu_seconds".to_owned(), OTHER_APPS.to_owned())], 100.0);
    assert_eq!(counts[&("orilla_cpu_seconds".to_owned(), "app-7".to_owned())], 2.0);
}

#[test]
fn a_request_is_counted_when_host_and_isolate_are_done_with_it() {
    let (telemetry, measures) = counted(&Config::default());
    let text = || {
        let mut out = String::new();
        measures.write(&mut out).unwrap();
        counts(&out)
    };
    let record = telemetry.begin(&get("/", &[]), ARRIVAL);
    record.routed(app("shop"));
    let isolate = record.clone();
    invoke(&isolate, true);
    answer(record, 200, None);
    assert!(text().is_empty(), "the isolate still works on it");
    drop(isolate);
    let file = telemetry.begin(&get("/logo.svg", &[]), ARRIVAL);
    file.routed(app("shop"));
    file.is_static();
    answer(file, 200, None);
    let one = |name: &str| ((name.to_owned(), "shop".to_owned()), 1.0);
    let names = ["orilla_cpu_seconds", "orilla_queue_wait_seconds", "orilla_request_duration_seconds"];
    assert_eq!(text(), names.map(one).into());
}
