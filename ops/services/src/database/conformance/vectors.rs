//! Vector indexes: kept in step with the documents, and searched like the documents themselves would be one by one.

use std::sync::Arc;

use super::{Fixture, ids_in};
use crate::database::store::DocumentStore;
use crate::database::value::{Object, Value};

/// Whether a document of this number meets a filter.
type Meets = fn(usize) -> bool;

pub(super) async fn run(empty_store: &impl AsyncFn() -> Arc<dyn DocumentStore>) {
    kept_in_step(Fixture::new(empty_store().await).await).await;
    refused(Fixture::new(empty_store().await).await).await;
    nearest(empty_store().await).await;
    several_vectors(Fixture::new(empty_store().await).await).await;
}

async fn kept_in_step(fixture: Fixture) {
    // Half of the documents are there before the index, half come after it.
    fixture.ok("insertMany", "c", "[{'_id':1,'v':[1,0]},{'_id':2,'v':[0,1],'n':1},{'_id':3}]").await;
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2,'metric':'l2'}").await;
    let near = async |filter: &str, value: &str| {
        ids_in(&fixture.ok("find", "c", &format!("{filter},{{'vector':{{'field':'v','value':{value},'k':10}}}}")).await)
            .join(" ")
    };
    assert_eq!(near("{}", "[1,0.1]").await, "1 2");
    fixture.ok("insertOne", "c", "{'_id':4,'v':[5,5],'n':1}").await;
    assert_eq!(near("{}", "[4,4]").await, "4 1 2");
    assert_eq!(near("{'n':1}", "[4,4]").await, "4 2");
    fixture.ok("updateOne", "c", "{'_id':1},{'$set':{'v':[9,9]}}").await;
    fixture.ok("updateOne", "c", "{'_id':3},{'$set':{'v':[2,2]}}").await;
    fixture.ok("updateOne", "c", "{'_id':2},{'$unset':{'v':1}}").await;
    assert_eq!(near("{}", "[4,4]").await, "4 3 1");
    fixture.ok("deleteOne", "c", "{'_id':4}").await;
    assert_eq!(near("{}", "[4,4]").await, "3 1");
    let mut transaction = fixture.database.begin(&fixture.caller).await.unwrap();
    fixture.call_in(&mut transaction, "insertOne", "c", "{'_id':5,'v':[4,4]}").await.unwrap();
    drop(transaction);
    assert_eq!(near("{}", "[4,4]").await, "3 1", "what was undone is not found");
    fixture.assert_sound().await;

    let hits =
        fixture.ok("findSimilar", "c", "{'field':'v','value':[2,2],'k':2,'filter':{'_id':{'$gt':1}},'limit':5}").await;
    assert_eq!(hits, "[{'_id':3,'v':[2,2],'_score':1,'_distance':0}]");
    let hits = fixture
        .ok("find", "c", "{},{'vector':{'field':'v','value':[2,2],'k':2,'minScore':0.5},'projection':{'v':0}}")
        .await;
    assert_eq!(hits, "[{'_id':3,'_score':1,'_distance':0}]");
    // By this metric no store searches for us.
    let by_angle = "{},{'vector':{'field':'v','value':[2,2],'k':1,'metric':'cosine'}}";
    let explained = fixture.ok("explain", "c", by_angle).await;
    assert!(
        explained.contains("'index':'v_vector','regime':'exact'") && explained.contains("'returned':1"),
        "{explained}"
    );

    fixture.ok("dropVectorIndex", "c", "'v'").await;
    assert_eq!(
        fixture.code("findSimilar", "c", "{'field':'v','value':[2,2],'k':2}").await,
        "DB_VECTOR_INDEX_NOT_FOUND"
    );
    // Another one on the same field has nothing of the first.
    fixture.ok("deleteOne", "c", "{'_id':3}").await;
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2}").await;
    assert_eq!(near("{}", "[4,4]").await, "1");
    fixture.assert_sound().await;
}

async fn refused(fixture: Fixture) {
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2}").await;
    fixture.ok("insertOne", "c", "{'_id':1,'v':[1,2]}").await;
    for (method, arguments, code) in [
        ("insertOne", "{'v':[1]}", "DB_VECTOR_DIMENSIONS"),
        ("insertOne", "{'v':[1,'2']}", "DB_VECTOR_INVALID"),
        ("insertOne", "{'v':7}", "DB_VECTOR_INVALID"),
        ("insertMany", "[{'_id':2,'v':[1,2]},{'_id':3,'v':[1,2,3]}]", "DB_VECTOR_DIMENSIONS"),
        ("updateOne", "{'_id':1},{'$push':{'v':3}}", "DB_VECTOR_DIMENSIONS"),
        ("findSimilar", "{'field':'v','value':[1],'k':1}", "DB_VECTOR_DIMENSIONS"),
        ("findSimilar", "{'field':'v','value':[1,2]}", "DB_VECTOR_QUERY_INVALID"),
        ("findSimilar", "{'field':'v','value':[1,2],'k':0}", "DB_VECTOR_QUERY_INVALID"),
        ("findSimilar", "{'field':'v','value':[1,2],'k':1,'kk':1}", "DB_VECTOR_QUERY_INVALID"),
        ("findSimilar", "{'field':'w','value':[1,2],'k':1}", "DB_VECTOR_INDEX_NOT_FOUND"),
        ("find", "{},{'sort':{'a':1},'vector':{'field':'v','value':[1,2],'k':1}}", "DB_OPTIONS_INVALID"),
    ] {
        assert_eq!(fixture.code(method, "c", arguments).await, code, "{method} {arguments}");
    }
    assert_eq!(fixture.ok("find", "c", "").await, "[{'_id':1,'v':[1,2]}]");
    // Documents that do not fit are in the way of an index, which then is not there.
    fixture.ok("insertOne", "d", "{'v':[1]}").await;
    assert_eq!(fixture.code("createVectorIndex", "d", "{'field':'v','dimensions':2}").await, "DB_VECTOR_DIMENSIONS");
    assert_eq!(fixture.ok("listIndexes", "d", "").await, "[]");
    fixture.assert_sound().await;
}

/// Numbers from -1 to 1 that look random and are the same each time.
pub(super) struct Noise(pub u64);

impl Noise {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(super) fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        (0..dimensions).map(|_| (self.next() % 2001) as f32 / 1000.0 - 1.0).collect()
    }
}

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    let dot = |left: &[f32], right: &[f32]| left.iter().zip(right).map(|(l, r)| l * r).sum::<f32>();
    1.0 - dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

/// A search finds what comparing every document would, with a filter on an indexed field, on another one, and without;
/// also on a host that reads the index from its rows.
async fn nearest(store: Arc<dyn DocumentStore>) {
    const COUNT: usize = 800;
    let (first, second) = (Fixture::new(store.clone()).await, Fixture::new(store).await);
    let mut noise = Noise(7);
    let vectors: Vec<Vec<f32>> = (0..COUNT).map(|_| noise.vector(12)).collect();
    let documents = vectors
        .iter()
        .enumerate()
        .map(|(n, v)| format!("{{'_id':{n},'hundredth':{},'odd':{},'v':{v:?}}}", n % 100, n % 2));
    let documents: Vec<_> = documents.collect();
    first.ok("insertMany", "c", &format!("[{}]", documents[..COUNT / 2].join(","))).await;
    first.ok("createVectorIndex", "c", "{'field':'v','dimensions':12}").await;
    first.ok("createIndex", "c", "{'keys':{'hundredth':1}}").await;
    let _warm = first.ok("findSimilar", "c", &format!("{{'field':'v','value':{:?},'k':1}}", vectors[0])).await;
    first.ok("insertMany", "c", &format!("[{}]", documents[COUNT / 2..].join(","))).await;
    let filters: [(&str, Meets); 4] = [
        ("{}", |_| true),
        ("{'hundredth':7}", |n| n % 100 == 7),
        ("{'odd':1}", |n| n % 2 == 1),
        ("{'hundredth':{'$lt':50},'odd':0}", |n| n % 100 < 50 && n % 2 == 0),
    ];
    for round in 0..20 {
        let query = noise.vector(12);
        let (filter, matches) = filters[round % filters.len()];
        let arguments = format!("{filter},{{'vector':{{'field':'v','value':{query:?},'k':10}}}}");
        let mut expected: Vec<_> =
            (0..COUNT).filter(|n| matches(*n)).map(|n| (cosine(&query, &vectors[n]), n)).collect();
        expected.sort_by(|left, right| left.0.total_cmp(&right.0));
        expected.truncate(10);
        let expected: Vec<_> = expected.iter().map(|(_, n)| n.to_string()).collect();
        for fixture in [&first, &second] {
            assert_eq!(ids_in(&fixture.ok("find", "c", &arguments).await), expected, "{arguments}");
        }
    }
}

async fn several_vectors(fixture: Fixture) {
    fixture
        .ok("createVectorIndex", "c", "{'field':'in.v','dimensions':2,'metric':'l2','multiVector':true,'name':'parts'}")
        .await;
    fixture
        .ok(
            "insertMany",
            "c",
            "[{'_id':1,'in':{'v':[[0,0],[10,10]]}},{'_id':2,'in':{'v':[[1,1]]}},{'_id':3,'in':{'v':[]}},{'_id':4}]",
        )
        .await;
    let hits = fixture.ok("findSimilar", "c", "{'field':'in.v','value':[9,10],'k':5,'projection':{'_id':1}}").await;
    let Value::Array(hits) = Value::parse(&hits.replace('\'', "\"")).unwrap() else { panic!("{hits}") };
    let distance = |hit: &Value| match hit {
        Value::Object(hit) => (hit.get("_id").unwrap().to_json(), hit.get("_distance").unwrap().to_json()),
        other => panic!("{other}"),
    };
    assert_eq!(hits.len(), 2);
    assert_eq!(distance(&hits[0]), ("1".into(), "1".into()));
    let late = "{'field':'in.v','value':[[0,0],[10,10]],'k':5,'queryMode':'late-interaction','aggregation':'sum'}";
    assert_eq!(ids_in(&fixture.ok("findSimilar", "c", late).await), ["1", "2"]);
    fixture.ok("updateOne", "c", "{'_id':1},{'$pop':{'in.v':1}}").await;
    assert_eq!(ids_in(&fixture.ok("findSimilar", "c", "{'field':'in.v','value':[9,10],'k':5}").await), ["2", "1"]);
    let listed =
        Object::parse(fixture.ok("listVectorIndexes", "c", "").await.replace('\'', "\"").trim_matches(['[', ']']))
            .unwrap();
    assert_eq!(listed.get("multiVector"), Some(&Value::Bool(true)));
    fixture.assert_sound().await;
}
