//! Scans of a store: their order, their parts, and what guards may leave out.

use std::sync::Arc;

use super::store::{App, commit, index};
use crate::database::guard::{Guard, GuardTest, GuardValue};
use crate::database::order;
use crate::database::store::{
    Access, Collection, DocumentStore, IndexId, IndexState, KeySpan, Mode, PART_BYTES, Position, RowId, Scan,
    Transaction,
};
use crate::database::value::{Object, Value};

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    order_and_parts(App::new(empty_store().await)).await;
    many_that_no_guard_wants(App::new(empty_store().await)).await;
    guards(App::new(empty_store().await)).await;
    large_documents(App::new(empty_store().await)).await;
}

/// What a scan finds, in parts of `limit`: the keys and rows.
async fn scanned(
    transaction: &mut dyn Transaction,
    collection: &Collection,
    access: Access<'_>,
    guards: &[Guard],
    limit: u32,
) -> Vec<(Vec<u8>, RowId)> {
    let mut found = Vec::new();
    let mut after: Option<Position> = None;
    loop {
        let scan = Scan { collection: collection.id, access: access.clone(), after: after.clone(), guards, limit };
        let part = transaction.scan(&scan).await.unwrap();
        assert!(part.documents.len() <= limit as usize && part.examined >= part.documents.len() as u64);
        let but_last = part.documents.iter().rev().skip(1);
        assert!(but_last.map(|scanned| scanned.document.json.len()).sum::<usize>() < PART_BYTES);
        found.extend(part.documents.into_iter().map(|scanned| (scanned.key, scanned.document.row)));
        assert!(part.next.is_none() || part.next != after, "a scan goes on");
        after = part.next;
        if after.is_none() {
            return found;
        }
    }
}

fn span(from: &[u8], until: Option<&[u8]>) -> KeySpan {
    KeySpan { from: from.to_vec(), until: until.map(<[u8]>::to_vec) }
}

async fn order_and_parts(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let definition = index("{'name':'k','keys':[['k',1]]}");
    let by_key = writer.create_index(users.id, &definition, IndexState::Ready).await.unwrap();
    let other =
        writer.create_index(users.id, &index("{'name':'l','keys':[['l',1]]}"), IndexState::Ready).await.unwrap();
    // Bytes, neither text nor numbers: what a back end sorts otherwise shows here. Several documents share a key.
    let keys: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\x7f", b"a", b"a\0", b"aa", b"\x80", b"\xff\xff"];
    let mut entries = Vec::new();
    for (number, id) in [5, 3, 9, 1, 7, 2, 8, 4, 6].into_iter().enumerate() {
        let (row, _) = writer.insert(users.id, &[id], &format!("{{\"_id\":{id}}}")).await.unwrap();
        let own = [keys[number].to_vec(), b"shared".to_vec()];
        writer.add_entries(by_key, false, row, &own).await.unwrap();
        writer.add_entries(other, false, row, &[b"elsewhere".to_vec()]).await.unwrap();
        entries.extend(own.map(|key| (key, row)));
    }
    commit(writer).await;
    entries.sort();
    let rows: Vec<RowId> = {
        let mut rows: Vec<_> = entries.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    };

    let mut reader = app.begin(Mode::Read).await;
    let read = &mut *reader;
    for limit in [1, 2, 3, 5, 100] {
        let found = scanned(read, &users, Access::Collection, &[], limit).await;
        assert_eq!(found, rows.iter().map(|row| (Vec::new(), *row)).collect::<Vec<_>>());
        let all = [span(b"", None)];
        let found = scanned(read, &users, Access::Index { index: None, spans: &all, reverse: false }, &[], limit).await;
        assert_eq!(found.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let some = [span(&[7], Some(&[9])), span(&[2], Some(&[4]))];
        let found = scanned(read, &users, Access::Index { index: None, spans: &some, reverse: true }, &[], limit).await;
        assert_eq!(found.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), [8, 7, 3, 2]);
        let cases: [&[KeySpan]; 8] = [
            &[],
            &all,
            &[span(b"a", Some(b"a"))],
            &[span(b"a", Some(b"b"))],
            &[span(b"\0", Some(b"\0\0")), span(b"a", Some(b"aa")), span(b"shared", Some(b"shared\0"))],
            &[span(b"shared", None)],
            &[span(b"b", Some(b"c")), span(b"shared", Some(b"t")), span(b"\x80", Some(b"\x81")), span(b"\xff", None)],
            &[span(b"", Some(b"")), span(b"", Some(b"\0"))],
        ];
        for spans in cases {
            let within = |(key, _): &&(Vec<u8>, RowId)| {
                spans.iter().any(|span| *key >= span.from && span.until.as_ref().is_none_or(|until| key < until))
            };
            let mut expected: Vec<_> = entries.iter().filter(within).cloned().collect();
            let forwards = Access::Index { index: Some(by_key), spans, reverse: false };
            assert_eq!(scanned(read, &users, forwards, &[], limit).await, expected, "{spans:?} in parts of {limit}");
            expected.reverse();
            let spans: Vec<_> = spans.iter().rev().cloned().collect();
            let backwards = Access::Index { index: Some(by_key), spans: &spans, reverse: true };
            assert_eq!(scanned(read, &users, backwards, &[], limit).await, expected, "{spans:?} backwards by {limit}");
        }
        assert_eq!(listed(read, by_key, limit).await, entries);
    }
}

async fn listed(transaction: &mut dyn Transaction, index: IndexId, limit: u32) -> Vec<(Vec<u8>, RowId)> {
    let mut listed = Vec::new();
    loop {
        let after = listed.last().map(|(key, row): &(Vec<u8>, RowId)| Position { key: key.clone(), row: *row });
        let entries = transaction.entries(index, after.as_ref(), limit).await.unwrap();
        if entries.is_empty() {
            return listed;
        }
        listed.extend(entries);
    }
}

/// However few documents meet the guards, a part ends, and all parts together find them.
async fn many_that_no_guard_wants(app: App) {
    const COUNT: u64 = 10_000;
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let by_n = writer.create_index(users.id, &index("{'name':'n','keys':[['n',1]]}"), IndexState::Ready).await.unwrap();
    let mut wanted = Vec::new();
    for number in 0..COUNT {
        let is_wanted = [0, 4095, 4096, 9999].contains(&number);
        let json = format!("{{\"n\":{}}}", i32::from(is_wanted));
        let (row, _) = writer.insert(users.id, &number.to_be_bytes(), &json).await.unwrap();
        writer.add_entries(by_n, false, row, &[number.to_be_bytes().to_vec()]).await.unwrap();
        wanted.extend(is_wanted.then_some(row));
    }
    commit(writer).await;
    let mut reader = app.begin(Mode::Read).await;
    let guards = [Guard { path: vec!["n".into()], test: GuardTest::OneOf(vec![GuardValue::Number(1.0)]) }];
    let spans = [span(b"", None)];
    for limit in [1, 3, 512] {
        let ones = scanned(&mut *reader, &users, Access::Collection, &guards, limit).await;
        let holds = |rows: &[(Vec<u8>, RowId)]| wanted.iter().all(|row| rows.iter().any(|(_, found)| found == row));
        assert!(holds(&ones) && ones.is_sorted());
        for (index, reverse) in [(Some(by_n), false), (Some(by_n), true), (None, false), (None, true)] {
            let access = Access::Index { index, spans: &spans, reverse };
            let found = scanned(&mut *reader, &users, access, &guards, limit).await;
            assert!(holds(&found) && (if reverse { found.is_sorted_by(|a, b| a > b) } else { found.is_sorted() }));
        }
    }
}

/// A part is bounded in bytes as well.
async fn large_documents(app: App) {
    let mut writer = app.begin(Mode::Write).await;
    let files = writer.create_collection("files").await.unwrap();
    let json = format!("{{\"x\":\"{}\"}}", "x".repeat(PART_BYTES / 2));
    let mut rows = Vec::new();
    for id in 0..5 {
        rows.push((vec![id], writer.insert(files.id, &[id], &json).await.unwrap().0));
    }
    commit(writer).await;
    let mut reader = app.begin(Mode::Read).await;
    let spans = [span(b"", None)];
    let by_id = Access::Index { index: None, spans: &spans, reverse: false };
    assert_eq!(scanned(&mut *reader, &files, by_id, &[], 100).await, rows);
    assert_eq!(scanned(&mut *reader, &files, Access::Collection, &[], 100).await.len(), 5);
}

/// No guard leaves out a document that meets it: not for the form of a number, the characters of a text, or an array on
/// the way.
async fn guards(app: App) {
    let numbers = [
        "0",
        "-0",
        "1",
        "-1",
        "0.1",
        "1e-1",
        "2.5e0",
        "1e15",
        "9007199254740991",
        "9007199254740992",
        "9.007199254740994e15",
        "1e16",
        "1.2345678901234567e-7",
        "8.41e21",
        "9.5e-3",
        "5e-324",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "6.02214076e23",
        "3.141592653589793e0",
        "1.1e0",
        "1.0000000000000002e0",
        "4.35e0",
        "2.675e0",
        "1.8014398509481984e16",
        "9.2233720368547758e18",
        "1.8446744073709552e19",
        "1e22",
        "1e23",
        "7.3e-1",
    ];
    let texts = [
        "\"\"",
        "\"a\"",
        "\"A\"",
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\\\"'\\\\\"",
        "\"ä\u{1f980}\u{fffd}\"",
        "\"1\"",
        "\"true\"",
    ];
    let others = ["null", "true", "false", "{}", "{\"a\":1}"];
    let mut values: Vec<Value> =
        numbers.iter().chain(&texts).chain(&others).map(|json| Value::parse(json).unwrap()).collect();
    // Doubles whose decimal form is easily read wrong in the last bit.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    while values.len() < 500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = f64::from_bits(seed);
        values.extend(number.is_finite().then_some(Value::Number(number)));
    }
    let mut writer = app.begin(Mode::Write).await;
    let users = writer.create_collection("users").await.unwrap();
    let mut rows = Vec::new();
    let paths: [&[&str]; 4] = [&["f"], &["in", "f"], &["odd name\"'.", "f"], &["ä", "\u{1}"]];
    for (number, value) in values.iter().enumerate() {
        let mut document = Object::new();
        for path in paths {
            let value = path[1..]
                .iter()
                .rfold(value.clone(), |value, name| Value::Object([(*name, value)].into_iter().collect()));
            document.insert(path[0], value);
        }
        rows.push(writer.insert(users.id, &number.to_be_bytes(), &document.to_json()).await.unwrap().0);
    }
    let within_arrays =
        ["{\"f\":[1],\"in\":[{\"f\":1}]}", "{\"f\":[],\"in\":{\"f\":[[]]}}", "{\"f\":[[{}]],\"in\":[]}"];
    let mut always = Vec::new();
    for (number, json) in within_arrays.iter().enumerate() {
        always.push(writer.insert(users.id, &[1, number as u8], json).await.unwrap().0);
    }
    commit(writer).await;

    let mut reader = app.begin(Mode::Read).await;
    let mut tests = vec![GuardTest::Exists, GuardTest::IsString];
    tests.push(GuardTest::NumberWithin { least: f64::MIN, most: f64::MAX });
    for value in values.iter().step_by(3).chain(&values[..50]) {
        let guard_value = match value {
            Value::Number(number) => {
                tests.push(GuardTest::NumberWithin { least: *number, most: f64::MAX });
                tests.push(GuardTest::NumberWithin { least: f64::MIN, most: *number });
                GuardValue::Number(*number)
            }
            Value::String(text) => GuardValue::String(text.clone()),
            Value::Bool(value) => GuardValue::Bool(*value),
            _ => continue,
        };
        tests.push(GuardTest::OneOf(vec![guard_value.clone()]));
        tests.push(GuardTest::OneOf(vec![GuardValue::String("a".into()), guard_value, GuardValue::Bool(true)]));
    }
    for (number, test) in tests.into_iter().enumerate() {
        let path: Vec<String> = paths[number % paths.len()].iter().map(|name| (*name).to_owned()).collect();
        let in_arrays = if path[0] == "f" || path[0] == "in" { &always[..] } else { &[] };
        let guards = [Guard { path, test }];
        let found = scanned(&mut *reader, &users, Access::Collection, &guards, 1000).await;
        let found: std::collections::HashSet<RowId> = found.into_iter().map(|(_, row)| row).collect();
        let meets = values.iter().zip(&rows).filter(|(value, _)| meets(value, &guards[0].test)).map(|(_, row)| row);
        for row in meets.chain(in_arrays) {
            let value = rows.iter().position(|known| known == row).map(|place| &values[place]);
            assert!(found.contains(row), "{guards:?} leaves out {value:?}");
        }
    }
}

fn meets(value: &Value, test: &GuardTest) -> bool {
    match (test, value) {
        (GuardTest::Exists, _) => true,
        (GuardTest::IsString, value) => matches!(value, Value::String(_)),
        (GuardTest::NumberWithin { least, most }, Value::Number(number)) => (*least..=*most).contains(number),
        (GuardTest::NumberWithin { .. }, _) => false,
        (GuardTest::OneOf(values), value) => values.iter().any(|wanted| {
            let wanted = match wanted {
                GuardValue::Number(number) => Value::Number(*number),
                GuardValue::String(text) => Value::String(text.clone()),
                GuardValue::Bool(wanted) => Value::Bool(*wanted),
            };
            order::compare(&wanted, value).is_eq()
        }),
    }
}
