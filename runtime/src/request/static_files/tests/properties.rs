//! What holds for every path and every range.

use proptest::prelude::*;

use super::*;

/// Paths made of what traversal attacks are made of.
fn hostile_path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "//",
        "..",
        ".",
        "%2e",
        "%2E%2e",
        "%252e",
        "%2f",
        "%5c",
        "\\",
        "%00",
        "\0",
        "%",
        "secret.txt",
        "parent",
        "static",
        "static-beside",
        "outer-link.txt",
        "docs",
        "index.html",
        ".env",
        "C:",
        "\u{ff0e}",
        "%c0%ae",
        ";",
        "?",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()), any::<String>()]
}

#[test]
fn no_path_leads_to_a_secret() {
    let fixture = fixture();
    let known: Vec<&[u8]> = FILES.iter().map(|(_, content)| *content).filter(|content| *content != SECRET).collect();
    proptest!(ProptestConfig::with_cases(4000), |(path in hostile_path())| {
        match fixture.respond(&get(&path)) {
            Lookup::NotFound => {}
            Lookup::Refused(reply) => prop_assert_eq!(reply.status, StatusCode::BAD_REQUEST),
            Lookup::Found(reply) => {
                let body = read(&reply.body);
                prop_assert!(known.contains(&body.as_slice()), "{} led to {:?}", path, reply);
            }
        }
    });
}

#[test]
fn a_range_is_the_slice_it_names() {
    let fixture = fixture();
    let content = large();
    let range = prop_oneof!["bytes=[0-9]{1,6}-[0-9]{0,6}", "bytes=-[0-9]{1,6}", "[a-z]{0,5}[=]?[-0-9, ]{0,12}"];
    proptest!(ProptestConfig::with_cases(2000), |(range in range, large in any::<bool>())| {
        let (target, content) = if large { ("/large.bin", content.as_slice()) } else { ("/hello.txt", HELLO) };
        let Lookup::Found(reply) = fixture.respond(&get(target).send("range", range)) else {
            return Err(TestCaseError::fail("not found"));
        };
        let body = read(&reply.body);
        match reply.status.as_u16() {
            200 => prop_assert!(body == content),
            416 => prop_assert!(body.is_empty()),
            status => {
                prop_assert_eq!(status, 206);
                let told = reply.headers["content-range"].to_str().unwrap().strip_prefix("bytes ").unwrap();
                let (span, length) = told.split_once('/').unwrap();
                let (first, last) = span.split_once('-').unwrap();
                prop_assert_eq!(length, content.len().to_string());
                prop_assert!(body == content[first.parse().unwrap()..=last.parse().unwrap()]);
                prop_assert!(reply.headers["content-length"] == body.len().to_string());
            }
        }
    });
}
