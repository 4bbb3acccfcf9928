//! What a host says of its isolates, made into a table: shares of the CPU, order, units. Neither asks nor shows.

use serde::Deserialize;

use crate::cli::admin;

/// An isolate as `/_orilla/isolates` has it.
#[derive(Clone, Deserialize)]
pub struct Isolate {
    /// Its number; no other isolate of the host's process has it.
    #[serde(rename = "isolate")]
    pub number: u64,
    pub app: String,
    pub version: String,
    pub state: String,
    pub requests: u64,
    pub websockets: u64,
    pub memory_bytes: u64,
    pub cpu_ms: u64,
    pub age_ms: u64,
    pub unused_ms: u64,
}

/// An isolate with what two looks at it tell.
pub struct Row {
    pub isolate: Isolate,
    /// Percent of one core.
    pub cpu: f64,
}

/// What rows are sorted by, the largest first.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    Cpu,
    Memory,
    Requests,
    Age,
}

impl Order {
    /// Where its column is in the table.
    pub fn column(self) -> usize {
        match self {
            Self::Cpu => 2,
            Self::Memory => 3,
            Self::Requests => 4,
            Self::Age => 6,
        }
    }

    /// Sorts rows; equal ones keep the order in which they were started.
    pub fn sort(self, rows: &mut [Row]) {
        let key = |row: &Row| match self {
            Self::Cpu => row.cpu,
            Self::Memory => row.isolate.memory_bytes as f64,
            Self::Requests => row.isolate.requests as f64,
            Self::Age => row.isolate.age_ms as f64,
        };
        rows.sort_by(|one, other| key(other).total_cmp(&key(one)).then(one.isolate.number.cmp(&other.isolate.number)));
    }
}

/// The rows of now. Time is the isolate's own, so it does not matter how long an answer took; an isolate that was not
/// there before is measured from its start.
pub fn since(before: &[Isolate], now: Vec<Isolate>) -> Vec<Row> {
    now.into_iter()
        .map(|isolate| {
            // After a restart of the host the numbers begin anew, and belong to isolates that are younger.
            let earlier = before.iter().find(|earlier| {
                earlier.number == isolate.number && earlier.age_ms < isolate.age_ms && earlier.cpu_ms <= isolate.cpu_ms
            });
            let (cpu_ms, age_ms) = earlier.map_or((0, 0), |earlier| (earlier.cpu_ms, earlier.age_ms));
            let elapsed = (isolate.age_ms - age_ms).max(1) as f64;
            let cpu = (isolate.cpu_ms - cpu_ms) as f64 / elapsed * 100.0;
            Row { isolate, cpu }
        })
        .collect()
}

/// All rows in one line.
pub fn totals(rows: &[Row]) -> String {
    let sum = |value: fn(&Isolate) -> u64| rows.iter().map(|row| value(&row.isolate)).sum::<u64>();
    let in_state = |state: &str| rows.iter().filter(|row| row.isolate.state == state).count();
    format!(
        "isolates {} ({} running, {} idle, {} booting), CPU {:.1}%, memory {}, requests {}, websockets {}",
        rows.len(),
        in_state("running"),
        in_state("idle"),
        in_state("booting"),
        // A sum of no numbers is -0.
        rows.iter().map(|row| row.cpu).sum::<f64>() + 0.0,
        admin::size(sum(|isolate| isolate.memory_bytes)),
        sum(|isolate| isolate.requests),
        sum(|isolate| isolate.websockets),
    )
}

/// Names of the columns. What may be long comes last, where a narrow terminal cuts it off.
const COLUMNS: [&str; 10] =
    ["ISOLATE", "STATE", "CPU%", "MEMORY", "REQUESTS", "WEBSOCKETS", "AGE", "UNUSED", "APP", "VERSION"];

/// Which columns are text; numbers end at the right.
fn is_text(column: usize) -> bool {
    matches!(column, 1 | 8 | 9)
}

/// The cells of the table, with the column names first, padded to columns that are as wide as they must be.
pub fn cells(rows: &[Row]) -> Vec<[String; COLUMNS.len()]> {
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    lines.extend(rows.iter().map(texts));
    for column in 0..COLUMNS.len() {
        let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        for line in &mut lines {
            let cell = &line[column];
            line[column] = if is_text(column) { format!("{cell:width$}") } else { format!("{cell:>width$}") };
        }
    }
    lines
}

/// The lines of the table.
pub fn table(rows: &[Row]) -> impl Iterator<Item = String> {
    cells(rows).into_iter().map(|cells| cells.join("  "))
}

fn texts(row: &Row) -> [String; COLUMNS.len()] {
    let Row { isolate, cpu } = row;
    [
        isolate.number.to_string(),
        isolate.state.clone(),
        format!("{cpu:.1}"),
        admin::size(isolate.memory_bytes),
        isolate.requests.to_string(),
        isolate.websockets.to_string(),
        span(isolate.age_ms),
        span(isolate.unused_ms),
        isolate.app.clone(),
        isolate.version.clone(),
    ]
}

/// A span of time in its largest whole unit.
fn span(milliseconds: u64) -> String {
    match milliseconds / 1000 {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An idle isolate that has used so much CPU until this age.
    pub fn isolate(number: u64, cpu_ms: u64, age_ms: u64) -> Isolate {
        let (app, version, state) = ("shop".to_owned(), "0123456789abcdef".to_owned(), "idle".to_owned());
        let (requests, websockets, memory_bytes, unused_ms) = (0, 0, 4_200_000, 0);
        Isolate { number, app, version, state, requests, websockets, memory_bytes, cpu_ms, age_ms, unused_ms }
    }

    #[test]
    fn the_share_of_the_cpu_is_that_of_the_time_between_two_looks() {
        let before = [isolate(1, 1_000, 10_000), isolate(2, 900, 60_000), isolate(4, 5, 500)];
        let now = vec![
            isolate(1, 1_500, 12_000),
            // The host was restarted: another isolate has the number.
            isolate(2, 100, 400),
            isolate(3, 30, 300),
            // It was asked again within the millisecond.
            isolate(4, 5, 500),
            isolate(5, 0, 0),
        ];
        let shares: Vec<_> = since(&before, now).iter().map(|row| row.cpu).collect();
        assert_eq!(shares, [25.0, 25.0, 10.0, 1.0, 0.0]);
    }

    #[test]
    fn the_largest_comes_first_and_the_oldest_of_equals() {
        let mut busy = isolate(3, 90, 100);
        busy.requests = 7;
        let mut large = isolate(2, 0, 200);
        large.memory_bytes = 9_000_000;
        let mut rows = since(&[], vec![isolate(4, 0, 300), busy, large, isolate(1, 0, 300)]);
        for (order, numbers) in [
            (Order::Cpu, [3, 1, 2, 4]),
            (Order::Memory, [2, 1, 3, 4]),
            (Order::Requests, [3, 1, 2, 4]),
            (Order::Age, [1, 4, 2, 3]),
        ] {
            order.sort(&mut rows);
            assert_eq!(rows.iter().map(|row| row.isolate.number).collect::<Vec<_>>(), numbers);
            assert!(["CPU%", "MEMORY", "REQUESTS", "AGE"].contains(&COLUMNS[order.column()]));
        }
    }

    #[test]
    fn the_table_is_aligned_and_in_units_people_read() {
        let mut old = isolate(12, 0, 3 * 86_400_000);
        (old.unused_ms, old.memory_bytes, old.state) = (125_000, 64_000, "running".to_owned());
        let rows = since(&[], vec![isolate(7, 1_234, 10_000), old]);
        let lines: Vec<_> = table(&rows).collect();
        assert_eq!(
            lines,
            [
                "ISOLATE  STATE    CPU%   MEMORY  REQUESTS  WEBSOCKETS  AGE  UNUSED  APP   VERSION         ",
                "      7  idle     12.3   4.2 MB         0           0  10s      0s  shop  0123456789abcdef",
                "     12  running   0.0  64.0 kB         0           0   3d    2min  shop  0123456789abcdef",
            ]
        );
        assert_eq!(
            totals(&rows),
            "isolates 2 (1 running, 1 idle, 0 booting), CPU 12.3%, memory 4.3 MB, requests 0, websockets 0"
        );
        assert!(totals(&[]).starts_with("isolates 0 (0 running, 0 idle, 0 booting), CPU 0.0%, memory 0 B"));
    }
}
