//! How long things take, by app, as Prometheus histograms in the text format. Observing never waits for a reader, and the
//! number of series is bounded whatever apps come and go.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use orilla_bindings::meter::BootKind;

/// Apps with series of their own, the first that are seen; the others share those of [`OTHER_APPS`].
pub const MAX_LABELLED_APPS: usize = 100;
/// The `app` label of all apps beyond [`MAX_LABELLED_APPS`]. No app can have this name.
pub const OTHER_APPS: &str = "_other";

/// Upper bounds of the buckets, in seconds.
const BOUNDS: [f64; 16] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counts of durations by size.
#[derive(Default)]
pub struct Histogram {
    /// One for each bound, and one for all that is longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)].fetch_add(1, Relaxed);
        self.nanos.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Writes the samples of this histogram, none if it has counted nothing. `labels` is a list that is already escaped.
    fn write(&self, out: &mut String, name: &str, labels: &str) -> fmt::Result {
        let counts = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        // Added up from what was read, so that the count never contradicts the buckets.
        let count: u64 = counts.iter().sum();
        if count == 0 {
            return Ok(());
        }
        let mut total = 0;
        for (bound, bucket) in BOUNDS.iter().zip(counts) {
            total += bucket;
            writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}")?;
        }
        let sum = self.nanos.load(Relaxed) as f64 / 1e9;
        writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
        writeln!(out, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}")
    }
}

/// The histograms of one app.
#[derive(Default)]
pub struct AppHistograms {
    /// From the arrival of a request to the last byte of its answer.
    pub duration: Histogram,
    /// How long requests waited for a place in an isolate, without its boot.
    pub queue_wait: Histogram,
    /// CPU time of invocations.
    pub cpu: Histogram,
    /// Boots of isolates, by their kind.
    pub boot: [Histogram; BootKind::ALL.len()],
}

/// The histograms of all apps.
#[derive(Default)]
pub struct Histograms {
    apps: RwLock<HashMap<Arc<str>, Arc<AppHistograms>>>,
}

impl Histograms {
    /// The histograms of an app.
    pub fn of(&self, app: &Arc<str>) -> Arc<AppHistograms> {
        if let Some(known) = self.apps.read().unwrap_or_else(PoisonError::into_inner).get(app) {
            return known.clone();
        }
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let label = if apps.len() < MAX_LABELLED_APPS { app.clone() } else { OTHER_APPS.into() };
        apps.entry(label).or_default().clone()
    }

    /// Counts the boot of an isolate, from the decision to boot until it takes requests.
    pub fn booted(&self, app: &Arc<str>, kind: BootKind, took: Duration) {
        self.of(app).boot[kind as usize].observe(took);
    }

    /// Writes all of it in Prometheus' text format.
    pub fn write(&self, out: &mut String) -> fmt::Result {
        let mut apps: Vec<_> = self
            .apps
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(app, histograms)| (label("app", app), histograms.clone()))
            .collect();
        apps.sort_by(|(one, _), (other, _)| one.cmp(other));
        family(out, "orilla_request_duration_seconds", "From a request's arrival to the last byte of its answer.")?;
        for (app, histograms) in &apps {
            histograms.duration.write(out, "orilla_request_duration_seconds", app)?;
        }
        family(out, "orilla_queue_wait_seconds", "How long requests waited for a place in an isolate.")?;
        for (app, histograms) in &apps {
            histograms.queue_wait.write(out, "orilla_queue_wait_seconds", app)?;
        }
        family(out, "orilla_cpu_seconds", "CPU time of invocations.")?;
        for (app, histograms) in &apps {
            histograms.cpu.write(out, "orilla_cpu_seconds", app)?;
        }
        family(out, "orilla_boot_seconds", "Boots of isolates.")?;
        for (app, histograms) in &apps {
            for (kind, boots) in BootKind::ALL.iter().zip(&histograms.boot) {
                let labels = format!("{app},{}", label("start", kind.as_str()));
                boots.write(out, "orilla_boot_seconds", &labels)?;
            }
        }
        Ok(())
    }
}

fn family(out: &mut String, name: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram")
}

/// A label with its value, escaped as the text format wants it.
fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    format!("{name}=\"{value}\"")
}
