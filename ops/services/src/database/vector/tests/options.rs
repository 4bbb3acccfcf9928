//! What may be declared, stored and asked for, and what is said when it is not.

use super::*;
use crate::database::DatabaseError;

/// The error has this code, and its message all of these words.
fn refused<T: std::fmt::Debug>(result: Result<T, DatabaseError>, code: &str, words: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error} does not say {word}");
    }
}

#[test]
fn a_definition_has_defaults_and_comes_back_from_the_catalog() {
    let plain = definition(r#"{"field": "meta.embedding", "dimensions": 4096}"#);
    assert_eq!(
        plain.to_object().to_json(),
        r#"{"name":"meta.embedding_vector","field":"meta.embedding","dimensions":4096,"metric":"cosine","storage":"float32","matryoshka":false,"multiVector":false}"#
    );
    let full = definition(
        r#"{"field": "bits", "dimensions": 1, "metric": "hamming", "storage": "bit", "matryoshka": true, "multiVector": true, "name": "b"}"#,
    );
    for definition in [&plain, &full] {
        assert_eq!(&VectorDefinition::parse(&definition.to_object()).unwrap(), definition);
    }
    assert!(plain.same_shape(&VectorDefinition { name: "other".to_owned(), ..plain.clone() }));
    assert!(!plain.same_shape(&VectorDefinition { dimensions: 4095, ..plain.clone() }));
    assert!(!plain.same_shape(&VectorDefinition { matryoshka: true, ..plain.clone() }));
}

#[test]
fn a_definition_that_makes_no_sense_is_refused() {
    for (options, words) in [
        (r#"{"dimensions": 3}"#, &["`field` is missing"][..]),
        (r#"{"field": "", "dimensions": 3}"#, &["`field`", "empty"]),
        (r#"{"field": "a..b", "dimensions": 3}"#, &["`a..b`"]),
        (r#"{"field": "$a", "dimensions": 3}"#, &["`$`"]),
        (r#"{"field": 7, "dimensions": 3}"#, &["a string, not a number"]),
        (r#"{"field": "e"}"#, &["`dimensions` is missing", "4096"]),
        (r#"{"field": "e", "dimensions": 0}"#, &["1 to 4096"]),
        (r#"{"field": "e", "dimensions": 4097}"#, &["4097"]),
        (r#"{"field": "e", "dimensions": 1.5}"#, &["1.5"]),
        (r#"{"field": "e", "dimensions": "3"}"#, &["whole number"]),
        (r#"{"field": "e", "dimension": 3}"#, &["`dimension`", "did you mean `dimensions`?"]),
        (r#"{"field": "e", "dimensions": 3, "multi_vector": true}"#, &["did you mean `multiVector`?"]),
        (r#"{"field": "e", "dimensions": 3, "xyz": true}"#, &["use one of `field`, `dimensions`"]),
        (r#"{"field": "e", "dimensions": 3, "metric": "cosin"}"#, &["did you mean `cosine`?"]),
        (r#"{"field": "e", "dimensions": 3, "metric": "dot"}"#, &["use one of `cosine`, `l2`, `hamming`"]),
        (r#"{"field": "e", "dimensions": 3, "storage": "INT8"}"#, &["did you mean `int8`?"]),
        (r#"{"field": "e", "dimensions": 3, "matryoshka": 1}"#, &["true or false"]),
        (r#"{"field": "e", "dimensions": 3, "metric": "hamming"}"#, &["set `storage` to `bit`"]),
        (r#"{"field": "e", "dimensions": 3, "storage": "bit"}"#, &["set `metric` to `hamming`"]),
    ] {
        refused(VectorDefinition::parse(&object(options)), "DB_VECTOR_INDEX_INVALID", words);
    }
}

#[test]
fn vectors_are_taken_from_documents() {
    let single = definition(r#"{"field": "a.e", "dimensions": 2, "name": "single"}"#);
    for (document, expected) in [
        (r#"{"a": {"e": [1, -2.5]}}"#, vec![vec![1.0, -2.5]]),
        (r#"{"a": {"e": null}}"#, vec![]),
        (r#"{"a": {}}"#, vec![]),
        (r#"{"a": 7}"#, vec![]),
        (r#"{}"#, vec![]),
    ] {
        assert_eq!(vectors_in(&single, &object(document)).unwrap(), expected, "{document}");
    }
    let invalid = "DB_VECTOR_INVALID";
    for (document, code, words) in [
        (r#"{"a": {"e": [1]}}"#, "DB_VECTOR_DIMENSIONS", &["has 1 dimensions", "`single` has 2"][..]),
        (r#"{"a": {"e": []}}"#, "DB_VECTOR_DIMENSIONS", &["has 0 dimensions"]),
        (r#"{"a": {"e": [1, "2"]}}"#, invalid, &["`single`", "item 1", "a string, not a number"]),
        (r#"{"a": {"e": [[1, 2]]}}"#, invalid, &["item 0", "an array, not a number"]),
        (r#"{"a": {"e": [1, null]}}"#, invalid, &["item 1", "null"]),
        (r#"{"a": {"e": [1, 1e300]}}"#, invalid, &["1e15"]),
        (r#"{"a": {"e": "text"}}"#, invalid, &["`a.e` is a string"]),
    ] {
        refused(vectors_in(&single, &object(document)), code, words);
    }
    // JSON has no NaN, but a value made in memory could hold one.
    let nan = Object::from_iter([("e", Value::Array(vec![Value::Number(f64::NAN)]))]);
    refused(vectors_in(&definition(r#"{"field": "e", "dimensions": 1}"#), &nan), invalid, &["item 0"]);

    let multi = definition(r#"{"field": "e", "dimensions": 1, "multiVector": true}"#);
    assert_eq!(vectors_in(&multi, &object(r#"{"e": [[1], [2]]}"#)).unwrap(), [[1.0], [2.0]]);
    assert!(vectors_in(&multi, &object(r#"{"e": []}"#)).unwrap().is_empty());
    refused(vectors_in(&multi, &object(r#"{"e": [1]}"#)), invalid, &["array of arrays"]);
    refused(vectors_in(&multi, &object(r#"{"e": [[1], [1, 2]]}"#)), "DB_VECTOR_DIMENSIONS", &[]);
    let many = |count: usize| object(&format!(r#"{{"e": [{}]}}"#, vec!["[1]"; count].join(",")));
    assert_eq!(vectors_in(&multi, &many(MAX_VECTORS_PER_DOCUMENT)).unwrap().len(), MAX_VECTORS_PER_DOCUMENT);
    refused(vectors_in(&multi, &many(MAX_VECTORS_PER_DOCUMENT + 1)), "DB_VECTOR_TOO_MANY", &["1025", "1024"]);
}

#[test]
fn stored_bytes_are_what_the_format_says_and_come_back() {
    let with = |storage: &str, metric: &str| {
        definition(&format!(r#"{{"field": "e", "dimensions": 10, "storage": "{storage}", "metric": "{metric}"}}"#))
    };
    let vector = [1.0, -0.5, 0.0, 0.25, -1.0, 0.1, -0.1, 0.001, 0.9, -0.9];

    let float = with("float32", "l2");
    let bytes = encode(&float, &vector);
    assert_eq!(bytes[4..8], (-0.5_f32).to_le_bytes());
    assert_eq!(decode(&float, &bytes).unwrap(), vector);

    let int8 = with("int8", "l2");
    let bytes = encode(&int8, &vector);
    assert_eq!(bytes[..4], (1.0_f32 / 127.0).to_le_bytes());
    assert_eq!((bytes[4], bytes[8]), (127, -127_i8 as u8));
    for (decoded, number) in decode(&int8, &bytes).unwrap().iter().zip(vector) {
        assert!((decoded - number).abs() <= 0.5 / 127.0 + 1e-6);
    }
    assert_eq!(decode(&int8, &encode(&int8, &[0.0; 10])).unwrap(), [0.0; 10]);

    let bit = with("bit", "hamming");
    let bytes = encode(&bit, &vector);
    assert_eq!(bytes, [0b1010_1001, 0b01]);
    assert_eq!(decode(&bit, &bytes).unwrap(), [1.0, -1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0]);

    for definition in [&float, &int8, &bit] {
        refused(decode(definition, &[0; 3]), "DB_VECTOR_CORRUPT", &["`e_vector`"]);
        refused(ResidentIndex::new(definition.clone()).insert(1, &[[0; 3]]), "DB_VECTOR_CORRUPT", &[]);
    }
    refused(decode(&float, &[255; 40]), "DB_VECTOR_CORRUPT", &[]);
}

#[test]
fn a_query_that_its_index_cannot_answer_is_refused() {
    let index = definition(r#"{"field": "e", "dimensions": 2, "name": "i"}"#);
    let bits = definition(r#"{"field": "e", "dimensions": 2, "storage": "bit", "metric": "hamming"}"#);
    let short = definition(r#"{"field": "e", "dimensions": 2, "matryoshka": true}"#);
    let invalid = "DB_VECTOR_QUERY_INVALID";
    for (definition, options, code, words) in [
        (&index, r#"{"value": [1, 2]}"#, invalid, &["`k` is missing"][..]),
        (&index, r#"{"value": [1, 2], "k": 0}"#, invalid, &["`k`", "1 to 1000", "0"]),
        (&index, r#"{"value": [1, 2], "k": 1001}"#, invalid, &["1001"]),
        (&index, r#"{"value": [1, 2], "k": -1}"#, invalid, &["-1"]),
        (&index, r#"{"k": 1}"#, invalid, &["`value`"]),
        (&index, r#"{"value": "x", "k": 1}"#, invalid, &["array of numbers"]),
        (&index, r#"{"value": [1, "x"], "k": 1}"#, invalid, &["item 1"]),
        (&index, r#"{"value": [[1, 2]], "k": 1}"#, invalid, &["`late-interaction`"]),
        (&index, r#"{"value": [1, 2], "k": 1, "queryMode": "late-interaction"}"#, invalid, &["array of vectors"]),
        (&index, r#"{"value": [], "k": 1, "queryMode": "late-interaction"}"#, invalid, &["1 to 256"]),
        (
            &short,
            r#"{"value": [[1, 2], [1]], "k": 1, "queryMode": "late-interaction"}"#,
            invalid,
            &["differ in length"],
        ),
        (&index, r#"{"value": [1, 2], "k": 1, "queryMode": "late"}"#, invalid, &["did you mean `late-interaction`?"]),
        (&index, r#"{"value": [1, 2], "k": 1, "aggregation": "maxsim"}"#, invalid, &["did you mean `max-sim`?"]),
        (&index, r#"{"value": [1, 2], "k": 1, "minscore": 1}"#, invalid, &["did you mean `minScore`?"]),
        (&index, r#"{"value": [1, 2], "k": 1, "minScore": 1.1}"#, invalid, &["from 0 to 1", "1.1"]),
        (&index, r#"{"value": [1, 2], "k": 1, "metric": "hamming"}"#, invalid, &["set `storage` to `bit`"]),
        (&bits, r#"{"value": [1, 2], "k": 1, "metric": "cosine"}"#, invalid, &["stores bits"]),
        (&index, r#"{"value": [1], "k": 1}"#, "DB_VECTOR_DIMENSIONS", &["has 1", "`i` has 2"]),
        (&short, r#"{"value": [1, 2, 3], "k": 1}"#, "DB_VECTOR_DIMENSIONS", &["has 3"]),
        (&short, r#"{"value": [], "k": 1}"#, "DB_VECTOR_DIMENSIONS", &["has 0"]),
    ] {
        refused(VectorQuery::parse(&object(options), definition), code, words);
    }
    refused(VectorQuery::field(&object(r#"{"value": [1], "k": 1}"#)), invalid, &["`field` is missing"]);
    assert_eq!(VectorQuery::field(&object(r#"{"field": "e", "value": [1], "k": 1}"#)).unwrap(), "e");
    let overridden = object(r#"{"value": [1], "k": 1, "metric": "l2", "minScore": null}"#);
    assert_eq!(VectorQuery::parse(&overridden, &short).unwrap().metric(), Metric::L2);
}
