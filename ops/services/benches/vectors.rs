//! How fast vectors are searched and how much is found: 100,000 × 384, cosine, the 10 nearest. Prints one line of JSON.
//!
//! `cargo bench -p orilla-services --bench vectors`
//!
//! The vectors are made from a seed and are clustered: each is the centre of one of 1,000 clusters, plus a combination
//! of 32 directions that all clusters share, as embeddings have far fewer degrees of freedom than dimensions, plus a
//! little noise in all dimensions. Queries are made the same way and are not in the index.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

use std::collections::HashSet;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::thread;
use std::time::Instant;

use orilla_services::database::value::{Object, Value};
use orilla_services::database::vector::{
    Allowed, Found, Regime, ResidentIndex, RowSet, VectorDefinition, VectorQuery, encode,
};
use serde_json::{Value as Json, json};

const VECTORS: usize = 100_000;
const DIMENSIONS: usize = 384;
const CLUSTERS: usize = 1000;
const DIRECTIONS: usize = 32;
const QUERIES: usize = 300;
const K: usize = 10;

fn main() {
    let mut model = Model::new(7);
    let vectors: Vec<_> = (0..VECTORS).map(|_| model.vector()).collect();
    let queries: Vec<_> = (0..QUERIES).map(|_| model.vector()).collect();

    let mut index = index("float32", &vectors);
    let queries: Vec<_> = queries.iter().map(|vector| query(index.definition(), vector)).collect();
    let bytes = index.bytes();
    let read = read(&vectors);
    let exact = measure(&queries, None, |query| index.search_by(Regime::Exact, query, Allowed::All));
    let truth = Some(exact.rows.as_slice());
    let quantised = measure(&queries, truth, |query| index.search_by(Regime::Quantised, query, Allowed::All));

    let started = Instant::now();
    let mut graph = index.new_graph().unwrap();
    graph.add(&index.missing_from(&graph), |_| ControlFlow::Continue(())).unwrap();
    let build_seconds = started.elapsed().as_secs_f64();
    index.attach(graph).unwrap();
    let graph = measure(&queries, truth, |query| index.search(query, Allowed::All));

    let filtered = [1, 10].map(|percent| {
        let keeps = |row: i64| row % 100 < percent;
        let rows: RowSet = (0..VECTORS as i64).filter(|row| keeps(*row)).collect();
        let exact = measure(&queries, None, |query| index.search_by(Regime::Exact, query, Allowed::Rows(&rows)));
        let truth = Some(exact.rows.as_slice());
        let set = measure(&queries, truth, |query| index.search(query, Allowed::Rows(&rows)));
        let through = measure(&queries, truth, |query| index.search_by(Regime::Graph, query, Allowed::Rows(&rows)));
        let test = measure(&queries, truth, |query| index.search(query, Allowed::Test(&mut |row| keeps(row))));
        json!({ "percent": percent, "rows": set.json(), "rows_by_graph": through.json(), "test": test.json() })
    });

    let int8 = self::index("int8", &vectors);
    let int8_exact = measure(&queries, truth, |query| int8.search_by(Regime::Exact, query, Allowed::All));
    let int8_quantised = measure(&queries, truth, |query| int8.search(query, Allowed::All));

    println!(
        "{}",
        json!({
            "bench": "vectors", "vectors": VECTORS, "dimensions": DIMENSIONS, "k": K, "queries": QUERIES,
            "bytes": bytes, "bytes_with_graph": index.bytes(), "bytes_int8": int8.bytes(),
            "read_p50_ms": read,
            "exact": exact.json(), "quantised": quantised.json(),
            "graph": graph.json(), "graph_build_seconds": build_seconds,
            "filtered": filtered, "int8_exact": int8_exact.json(), "int8": int8_quantised.json(),
        })
    );
}

fn index(storage: &str, vectors: &[Vec<f32>]) -> ResidentIndex {
    let options = Object::from_iter([
        ("field", Value::from("embedding")),
        ("dimensions", Value::from(DIMENSIONS as f64)),
        ("storage", Value::from(storage)),
    ]);
    let mut index = ResidentIndex::new(VectorDefinition::parse(&options).unwrap());
    for (row, vector) in vectors.iter().enumerate() {
        let bytes = encode(index.definition(), vector);
        index.insert(row as i64, &[bytes]).unwrap();
    }
    index
}

fn query(definition: &VectorDefinition, vector: &[f32]) -> VectorQuery {
    let numbers = vector.iter().map(|number| Value::from(f64::from(*number))).collect();
    let options = Object::from_iter([("value", Value::Array(numbers)), ("k", Value::from(K as f64))]);
    VectorQuery::parse(&options, definition).unwrap()
}

/// What the machine allows at best: the time in which two threads read all vectors and do nothing but add them up.
fn read(vectors: &[Vec<f32>]) -> f64 {
    let numbers: Vec<f32> = vectors.concat();
    let sum = |part: &[f32]| {
        let mut lanes = [0.0_f32; 64];
        for chunk in part.as_chunks::<64>().0 {
            lanes.iter_mut().zip(chunk).for_each(|(lane, number)| *lane += number);
        }
        black_box(lanes);
    };
    let (left, right) = numbers.split_at(numbers.len() / 2);
    let mut milliseconds: Vec<f64> = (0..100)
        .map(|_| {
            let started = Instant::now();
            thread::scope(|scope| {
                scope.spawn(|| sum(left));
                sum(right);
            });
            started.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    milliseconds.sort_by(f64::total_cmp);
    (milliseconds[50] * 1000.0).round() / 1000.0
}

/// What a way of searching gave for all queries.
struct Measured {
    milliseconds: Vec<f64>,
    rows: Vec<Vec<i64>>,
    recall: Option<f64>,
    regimes: HashSet<String>,
    fewest: usize,
    compared: usize,
    tested: usize,
}

fn measure(
    queries: &[VectorQuery],
    truth: Option<&[Vec<i64>]>,
    mut search: impl FnMut(&VectorQuery) -> Found,
) -> Measured {
    let mut measured = Measured {
        milliseconds: Vec::new(),
        rows: Vec::new(),
        recall: None,
        regimes: HashSet::new(),
        fewest: usize::MAX,
        compared: 0,
        tested: 0,
    };
    search(&queries[0]);
    for query in queries {
        let started = Instant::now();
        let found = search(query);
        measured.milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
        measured.fewest = measured.fewest.min(found.hits.len());
        measured.compared += found.compared;
        measured.tested += found.tested;
        measured.regimes.insert(format!("{:?}", found.regime));
        measured.rows.push(found.hits.iter().map(|hit| hit.row).collect());
    }
    measured.milliseconds.sort_by(f64::total_cmp);
    measured.recall = truth.map(|truth| {
        let found = truth.iter().zip(&measured.rows);
        let common: usize = found.map(|(truth, rows)| rows.iter().filter(|row| truth.contains(row)).count()).sum();
        common as f64 / truth.iter().map(Vec::len).sum::<usize>() as f64
    });
    measured
}

impl Measured {
    fn json(&self) -> Json {
        let percentile = |percent: usize| {
            let milliseconds = self.milliseconds[(self.milliseconds.len() - 1) * percent / 100];
            (milliseconds * 1000.0).round() / 1000.0
        };
        let mean = |sum: usize| (sum as f64 / self.rows.len() as f64).round();
        json!({
            "p50_ms": percentile(50), "p95_ms": percentile(95), "recall": self.recall, "fewest": self.fewest,
            "regimes": self.regimes, "compared": mean(self.compared), "tested": mean(self.tested),
        })
    }
}

/// Where the vectors come from.
struct Model {
    random: u64,
    centres: Vec<Vec<f32>>,
    directions: Vec<Vec<f32>>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut model = Self { random: seed, centres: Vec::new(), directions: Vec::new() };
        model.centres = (0..CLUSTERS).map(|_| model.noise(1.0)).collect();
        model.directions = (0..DIRECTIONS).map(|_| model.noise(1.0)).collect();
        model
    }

    fn vector(&mut self) -> Vec<f32> {
        let centre = (self.uniform() * CLUSTERS as f32) as usize;
        let mut vector = self.noise(0.1);
        for direction in 0..DIRECTIONS {
            let amount = 0.15 * self.normal();
            for (number, along) in vector.iter_mut().zip(&self.directions[direction]) {
                *number += amount * along;
            }
        }
        vector.iter().zip(&self.centres[centre]).map(|(number, centre)| number + centre).collect()
    }

    fn noise(&mut self, amount: f32) -> Vec<f32> {
        (0..DIMENSIONS).map(|_| amount * self.normal()).collect()
    }

    fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.uniform()).cos()
    }

    /// From 0 to less than 1, by xorshift.
    fn uniform(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 40) as f32 / (1 << 24) as f32
    }
}
