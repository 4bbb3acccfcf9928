//! What is found, in each regime, against a reference in double precision.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::*;

const REGIMES: [Regime; 3] = [Regime::Exact, Regime::Quantised, Regime::Graph];

/// An index and what it ought to hold: of each row its vectors as they were stored.
struct Both {
    index: ResidentIndex,
    rows: BTreeMap<i64, Vec<Vec<f32>>>,
}

impl Both {
    fn new(definition: VectorDefinition) -> Self {
        Self { index: ResidentIndex::new(definition), rows: BTreeMap::new() }
    }

    fn insert(&mut self, row: i64, vectors: &[Vec<f32>]) {
        let definition = self.index.definition().clone();
        let bytes: Vec<_> = vectors.iter().map(|vector| encode(&definition, vector)).collect();
        self.index.insert(row, &bytes).unwrap();
        let stored = bytes.iter().map(|bytes| decode(&definition, bytes).unwrap()).collect::<Vec<_>>();
        if stored.is_empty() {
            self.rows.remove(&row)
        } else {
            self.rows.insert(row, stored)
        };
    }

    fn remove(&mut self, row: i64) {
        assert_eq!(self.index.remove(row), self.rows.remove(&row).is_some());
    }

    fn build_graph(&mut self) {
        let mut graph = self.index.new_graph().unwrap();
        graph.add(&self.index.missing_from(&graph), |_| ControlFlow::Continue(())).unwrap();
        self.index.attach(graph).unwrap();
    }

    /// The distances that `aggregate` makes of those of the query's vectors (first index) to a row's (second).
    fn reference(
        &self,
        query: &[Vec<f32>],
        metric: Metric,
        aggregate: fn(&[Vec<f64>]) -> f64,
        allowed: impl Fn(i64) -> bool,
    ) -> Vec<(f64, i64)> {
        let distances = |stored: &[Vec<f32>]| -> Vec<Vec<f64>> {
            query.iter().map(|query| stored.iter().map(|stored| distance(metric, query, stored)).collect()).collect()
        };
        let rows = self.rows.iter().filter(|(row, _)| allowed(**row));
        let mut found: Vec<_> = rows.map(|(row, stored)| (aggregate(&distances(stored)), *row)).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found
    }
}

fn distance(metric: Metric, query: &[f32], stored: &[f32]) -> f64 {
    let pairs = || query.iter().zip(stored).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let dot: f64 = pairs().map(|(a, b)| a * b).sum();
    let (a, b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x * x, b + y * y));
    match metric {
        Metric::Cosine if a * b == 0.0 => 1.0,
        Metric::Cosine => 1.0 - dot / (a * b).sqrt(),
        Metric::L2 => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
        Metric::Hamming => pairs().filter(|(a, b)| (*a > 0.0) != (*b > 0.0)).count() as f64,
    }
}

fn closest(distances: &[Vec<f64>]) -> f64 {
    distances.iter().flatten().copied().fold(f64::INFINITY, f64::min)
}

/// The hits have the distances of the reference and are in order. Says how many are not among the nearest, but for those
/// at nearly the same distance.
fn missed(found: &Found, reference: &[(f64, i64)], k: usize) -> usize {
    let expected = &reference[..k.min(reference.len())];
    assert_eq!(found.hits.len(), expected.len(), "{:?}", found.regime);
    assert!(found.hits.is_sorted_by(|a, b| (a.distance, a.row) < (b.distance, b.row)), "{:?}", found.hits);
    assert!(found.hits.is_sorted_by(|a, b| a.score >= b.score));
    for hit in &found.hits {
        let known = reference.iter().find(|(_, row)| *row == hit.row).unwrap().0;
        assert!((f64::from(hit.distance) - known).abs() < 1e-4 * (1.0 + known), "{hit:?} is at {known}");
        assert!((0.0..=1.0).contains(&hit.score), "{hit:?}");
    }
    let last = expected.last().map_or(0.0, |(distance, _)| distance * (1.0 + 1e-5) + 1e-6);
    found.hits.iter().filter(|hit| f64::from(hit.distance) > last).count()
}

/// Distances of a row do not depend on how it was found, to the last bit.
fn same_distances(a: &Found, b: &Found) {
    for hit in &a.hits {
        if let Some(other) = b.hits.iter().find(|other| other.row == hit.row) {
            assert_eq!(
                (hit.distance.to_bits(), hit.score.to_bits()),
                (other.distance.to_bits(), other.score.to_bits())
            );
        }
    }
}

#[test]
fn every_regime_finds_what_the_reference_finds() {
    for (storage, metric, others) in [
        ("float32", "cosine", &["l2"][..]),
        ("float32", "l2", &["cosine"]),
        ("int8", "cosine", &["l2"]),
        ("int8", "l2", &["cosine"]),
        ("bit", "hamming", &[]),
    ] {
        let mut random = Random(1);
        let mut both = Both::new(definition(&format!(
            r#"{{"field": "e", "dimensions": 100, "storage": "{storage}", "metric": "{metric}", "matryoshka": true}}"#
        )));
        for row in 0..3000 {
            let vector = random.clustered(100);
            both.insert(row - 1500, &[vector]);
        }
        both.build_graph();
        for metric in [metric].iter().chain(others) {
            for length in [100, 64, 61, 3] {
                let mut misses = [0; 3];
                for _ in 0..20 {
                    let value = [random.clustered(length)];
                    let query =
                        query(both.index.definition(), &value, &format!(r#"{{"k": 10, "metric": "{metric}"}}"#));
                    let reference = both.reference(&value, query.metric(), closest, |_| true);
                    let answers = REGIMES.map(|regime| both.index.search_by(regime, &query, Allowed::All));
                    for (sum, answer) in misses.iter_mut().zip(&answers) {
                        *sum += missed(answer, &reference, 10);
                        same_distances(answer, &answers[0]);
                    }
                    let graph = length == 100 && *metric == both_metric(&both);
                    assert_eq!(answers[2].regime == Regime::Graph, graph, "{storage} {metric} {length}");
                }
                // Of 200.
                let [exact, quantised, graph] = misses;
                assert!(exact == 0 && quantised <= 2 && graph <= 6, "{storage} {metric} {length}: {misses:?}");
            }
        }
    }
}

fn both_metric(both: &Both) -> &'static str {
    match both.index.definition().metric {
        Metric::Cosine => "cosine",
        Metric::L2 => "l2",
        Metric::Hamming => "hamming",
    }
}

#[test]
fn a_filter_returns_k_and_a_test_is_asked_once() {
    let mut random = Random(2);
    let mut both = Both::new(definition(r#"{"field": "e", "dimensions": 32}"#));
    for row in 0..5000 {
        both.insert(row, &[random.clustered(32)]);
    }
    both.build_graph();
    for one_in in [1, 2, 10, 100, 1000, 4999] {
        let keeps = |row: i64| row % one_in == 0;
        // Rows that are not in the index do no harm.
        let rows: RowSet = (-50..6000).filter(|row| keeps(*row)).collect();
        for regime in REGIMES {
            let (mut of_set, mut of_test) = (0, 0);
            for _ in 0..10 {
                let value = [random.clustered(32)];
                let query = query(both.index.definition(), &value, r#"{"k": 10}"#);
                let reference = both.reference(&value, Metric::Cosine, closest, keeps);
                let set = both.index.search_by(regime, &query, Allowed::Rows(&rows));
                let mut asked = Vec::new();
                let mut test = |row| {
                    asked.push(row);
                    keeps(row)
                };
                let tested = both.index.search_by(regime, &query, Allowed::Test(&mut test));
                of_set += missed(&set, &reference, 10);
                of_test += missed(&tested, &reference, 10);
                assert_eq!(asked.len(), tested.tested);
                asked.sort_unstable();
                assert!(asked.is_sorted_by(|a, b| a < b), "asked twice");
                // It stops when it has enough.
                if regime == Regime::Exact && reference.len() > 10 {
                    let before = both.reference(&value, Metric::Cosine, closest, |_| true);
                    let last = before.iter().position(|(_, row)| *row == reference[9].1).unwrap();
                    assert!(asked.len() <= last + 3, "asked about {} rows for {last}", asked.len());
                }
            }
            // Of 100.
            let most = if regime == Regime::Exact { 0 } else { 3 };
            assert!(of_set <= most && of_test <= most, "{regime:?} 1/{one_in}: {of_set} {of_test}");
        }
    }
    let query = query(both.index.definition(), &[random.vector(32)], r#"{"k": 10}"#);
    for regime in REGIMES {
        assert!(both.index.search_by(regime, &query, Allowed::Rows(&RowSet::default())).hits.is_empty());
        assert!(both.index.search_by(regime, &query, Allowed::Test(&mut |_| false)).hits.is_empty());
    }
}

#[test]
fn changes_show_at_once_and_leave_nothing_behind() {
    let mut random = Random(3);
    let mut both = Both::new(definition(r#"{"field": "e", "dimensions": 8, "multiVector": true, "metric": "l2"}"#));
    let mut graphs = 0;
    for round in 0..12_000 {
        let row = random.below(900) as i64;
        if random.below(3) == 0 {
            both.remove(row);
        } else {
            let count = random.below(4);
            let vectors: Vec<_> = (0..count).map(|_| random.vector(8)).collect();
            both.insert(row, &vectors);
        }
        if round == 4000 {
            both.build_graph();
        }
        if round % 400 == 0 {
            let value = [random.vector(8)];
            let query = query(both.index.definition(), &value, r#"{"k": 20}"#);
            let reference = both.reference(&value, Metric::L2, closest, |_| true);
            for regime in REGIMES {
                let found = both.index.search_by(regime, &query, Allowed::All);
                graphs += usize::from(found.regime == Regime::Graph);
                let missed = missed(&found, &reference, 20);
                assert!(missed <= if regime == Regime::Exact { 0 } else { 2 }, "{regime:?} in {round}: {missed}");
            }
        }
    }
    assert_eq!(both.index.len(), both.rows.len());
    assert!(graphs > 0 && both.index.detach().is_none(), "a graph of what is gone is dropped");
    for row in 0..900 {
        both.remove(row);
    }
    assert!(both.index.is_empty());
    assert_eq!(both.index.bytes(), ResidentIndex::new(both.index.definition().clone()).bytes());
    let query = query(both.index.definition(), &[random.vector(8)], r#"{"k": 20}"#);
    assert!(both.index.search(&query, Allowed::All).hits.is_empty());
}

#[test]
fn a_graph_is_built_while_the_index_changes() {
    let mut random = Random(4);
    let mut both = Both::new(definition(r#"{"field": "e", "dimensions": 16}"#));
    for row in 0..2000 {
        both.insert(row, &[random.clustered(16)]);
    }
    let mut graph = both.index.new_graph().unwrap();
    let additions = both.index.missing_from(&graph);
    assert_eq!(additions.len(), 2000);
    // Meanwhile.
    for row in 500..2500 {
        if row % 2 == 0 { both.remove(row) } else { both.insert(row, &[random.clustered(16)]) }
    }
    graph.add(&additions, |_| ControlFlow::Continue(())).unwrap();
    drop(additions);
    assert_eq!(both.index.missing_from(&graph).len(), 1000);
    both.index.attach(graph).unwrap();
    both.insert(9999, &[vec![100.0; 16]]);

    // Many threads search at once; those that find no room in the graph scan.
    let query = query(both.index.definition(), &[vec![1.0; 16]], r#"{"k": 1}"#);
    std::thread::scope(|scope| {
        for _ in 0..80 {
            scope.spawn(|| {
                let found = both.index.search_by(Regime::Graph, &query, Allowed::All);
                assert_eq!(found.hits[0].row, 9999);
            });
        }
    });

    let answer = |value: &Vec<f32>, k: usize| {
        let query = super::query(both.index.definition(), std::slice::from_ref(value), &format!(r#"{{"k": {k}}}"#));
        both.index.search_by(Regime::Graph, &query, Allowed::All)
    };
    let mut misses = 0;
    for _ in 0..20 {
        let value = random.clustered(16);
        let found = answer(&value, 10);
        assert_eq!(found.regime, Regime::Graph);
        assert!(found.compared < 2000, "{}", found.compared);
        misses += missed(&found, &both.reference(&[value], Metric::Cosine, closest, |_| true), 10);
    }
    assert!(misses <= 6, "{misses} of 200");
}

#[test]
fn a_graph_that_is_cancelled_or_foreign_is_not_used() {
    let mut random = Random(5);
    let mut both = Both::new(definition(r#"{"field": "e", "dimensions": 4}"#));
    for row in 0..1000 {
        both.insert(row, &[random.vector(4)]);
    }
    let mut graph = both.index.new_graph().unwrap();
    let additions = both.index.missing_from(&graph);
    let cancelled = graph.add(&additions, |_| ControlFlow::Break(()));
    assert_eq!(cancelled, Err(GraphError::Cancelled));
    let other = ResidentIndex::new(both.index.definition().clone());
    assert_eq!(both.index.attach(other.new_graph().unwrap()), Err(GraphError::Foreign));
    let query = query(both.index.definition(), &[random.vector(4)], r#"{"k": 3}"#);
    assert_eq!(both.index.search_by(Regime::Graph, &query, Allowed::All).regime, Regime::Quantised);
}

#[test]
fn documents_with_several_vectors_have_one_distance() {
    type Aggregate = fn(&[Vec<f64>]) -> f64;
    let of_tokens = |distances: &[Vec<f64>]| distances.iter().map(|token| closest(std::slice::from_ref(token))).sum();
    let cases: [(&str, Aggregate, usize); 4] = [
        (r#"{"k": 10}"#, closest, 1),
        (r#"{"k": 10, "aggregation": "sum"}"#, |distances| distances[0].iter().sum(), 1),
        (r#"{"k": 10, "queryMode": "late-interaction"}"#, closest, 5),
        (r#"{"k": 10, "queryMode": "late-interaction", "aggregation": "sum"}"#, of_tokens, 5),
    ];
    for storage in ["float32", "int8"] {
        for metric in ["cosine", "l2"] {
            let mut random = Random(6);
            let mut both = Both::new(definition(&format!(
                r#"{{"field": "e", "dimensions": 24, "multiVector": true, "storage": "{storage}", "metric": "{metric}"}}"#
            )));
            for row in 0..600 {
                let vectors: Vec<_> = (0..1 + random.below(9)).map(|_| random.clustered(24)).collect();
                both.insert(row, &vectors);
            }
            both.build_graph();
            for (options, aggregate, tokens) in cases {
                let mut misses = [0; 3];
                for _ in 0..10 {
                    let value: Vec<_> = (0..tokens).map(|_| random.clustered(24)).collect();
                    let query = query(both.index.definition(), &value, options);
                    let reference = both.reference(&value, query.metric(), aggregate, |_| true);
                    let answers = REGIMES.map(|regime| both.index.search_by(regime, &query, Allowed::All));
                    for (sum, answer) in misses.iter_mut().zip(&answers) {
                        *sum += missed(answer, &reference, 10);
                        same_distances(answer, &answers[0]);
                    }
                }
                // Of 100.
                let [exact, quantised, graph] = misses;
                assert!(exact == 0 && quantised <= 2 && graph <= 5, "{storage} {metric} {options}: {misses:?}");
            }
        }
    }
}

#[test]
fn distances_scores_and_ties_are_as_documented() {
    let mut cosine = Both::new(definition(r#"{"field": "e", "dimensions": 2}"#));
    for (row, vector) in [(5, [2.0, 0.0]), (3, [7.0, 0.0]), (4, [0.0, 1.0]), (2, [-1.0, 0.0]), (1, [0.0, 0.0])] {
        cosine.insert(row, &[vector.to_vec()]);
    }
    let hits = |both: &Both, options: &str| -> Vec<(i64, f32, f32)> {
        let query = query(both.index.definition(), &[vec![1.0, 0.0]], options);
        let found = both.index.search(&query, Allowed::All);
        found.hits.iter().map(|hit| (hit.row, hit.distance, hit.score)).collect()
    };
    let expected = [(3, 0.0, 1.0), (5, 0.0, 1.0), (1, 1.0, 0.5), (4, 1.0, 0.5), (2, 2.0, 0.0)];
    assert_eq!(hits(&cosine, r#"{"k": 9}"#), expected);
    assert_eq!(hits(&cosine, r#"{"k": 3}"#), expected[..3]);
    assert_eq!(hits(&cosine, r#"{"k": 9, "minScore": 0.5}"#), expected[..4]);
    assert_eq!(hits(&cosine, r#"{"k": 1, "metric": "l2"}"#), [(1, 1.0, 0.5)]);
    assert_eq!(hits(&cosine, r#"{"k": 9, "metric": "l2"}"#)[4], (3, 6.0, 1.0 / 7.0));

    let mut bits = Both::new(definition(r#"{"field": "e", "dimensions": 2, "storage": "bit", "metric": "hamming"}"#));
    for (row, vector) in [(1, [-1.0, 5.0]), (2, [0.5, 0.1]), (3, [3.0, -1.0])] {
        bits.insert(row, &[vector.to_vec()]);
    }
    assert_eq!(hits(&bits, r#"{"k": 9}"#), [(3, 0.0, 1.0), (2, 1.0, 0.5), (1, 2.0, 0.0)]);
}

#[test]
fn the_regime_follows_the_number_of_vectors() {
    // 2,048 vectors of 4,096 floats take 32 MiB, and 8 MiB in bytes.
    let mut both = Both::new(definition(r#"{"field": "e", "dimensions": 4096}"#));
    let mut random = Random(7);
    let vectors: Vec<_> = (0..64).map(|_| random.vector(4096)).collect();
    for row in 0..5000 {
        assert_eq!(both.index.wants_graph(), row > 4096, "{row}");
        both.insert(row, std::slice::from_ref(&vectors[row as usize % 64]));
    }
    let query = query(both.index.definition(), &vectors[..1], r#"{"k": 1}"#);
    let regime = |both: &Both, rows: i64| {
        let rows: RowSet = (0..rows).collect();
        both.index.search(&query, Allowed::Rows(&rows)).regime
    };
    assert_eq!(
        [1000, 2000, 5000].map(|rows| regime(&both, rows)),
        [Regime::Exact, Regime::Quantised, Regime::Quantised]
    );
    both.build_graph();
    assert!(!both.index.wants_graph());
    assert_eq!([1000, 2000, 5000].map(|rows| regime(&both, rows)), [Regime::Exact, Regime::Quantised, Regime::Graph]);
    assert_eq!(both.index.search(&query, Allowed::All).hits[0].row % 64, 0);
}
