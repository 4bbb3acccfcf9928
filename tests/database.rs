//! What bounds the calls of the document database, whose results the cases under `apps/database` are about.

use serde_json::json;

use crate::harness::{App, Connection, Request, Serve, Server};

#[test]
fn a_transaction_is_too_late_although_nobody_could_say_so() {
    let app = App::new(
        "import { getPlatform } from '@orilla/platform';
         const { DB } = getPlatform();
         const late = () => DB.transaction(async (tx) => {
           await tx.insertOne('things', { late: true });
           for (const end = performance.now() + 5100; performance.now() < end; );
         });
         export default { async fetch() {
           const code = await late().then(() => 'done', ({ code }) => code);
           return Response.json([code, await DB.countDocuments('things')]);
         } };",
    )
    .manifest(json!({ "limits": { "cpu_ms": 60_000, "wall_ms": 120_000 } }));
    assert_eq!(Server::of(&app).get("/").json(), json!(["DB_TRANSACTION_TIMEOUT", 0]));
}

#[test]
fn what_is_computed_from_documents_is_bounded() {
    let app = App::new(
        "import { getPlatform } from '@orilla/platform';
         const { DB } = getPlatform();
         const code = (promise) => promise.then(() => 'done', ({ code }) => code);
         const longer = { $concat: Array(1000).fill('$a') };
         const $project = { a: longer };
         export default { async fetch() {
           await DB.insertMany('things', Array.from({ length: 40 }, (_, n) => ({ n, a: 'x'.repeat(4000) })));
           const $group = (operator) => ({ $group: { _id: '$n', kept: { [operator]: longer } } });
           return Response.json([
             await code(DB.aggregate('things', [{ $limit: 1 }, { $project }])),
             await code(DB.aggregate('things', [{ $limit: 1 }, { $project }, { $project }])),
             await code(DB.findOne('things', {}, { projection: { all: Array(5000).fill('$$ROOT') } })),
             await code(DB.find('things', {}, { projection: $project })),
             await code(DB.aggregate('things', [{ $project }])),
             ...await Promise.all(['$first', '$last', '$min', '$max'].map(
               (operator) => code(DB.aggregate('things', [$group(operator), { $count: 'groups' }])))),
             // One group keeps one of them at a time.
             await code(DB.aggregate('things', [{ $group: { _id: null, kept: { $last: longer } } }])),
           ]);
         } };",
    );
    let server = Server::of(&app.manifest(json!({ "limits": { "cpu_ms": 60_000, "wall_ms": 120_000 } })));
    let (many, computed, result) = ("DB_PIPELINE_TOO_LARGE", "DB_COMPUTED_TOO_LARGE", "DB_RESULT_TOO_LARGE");
    let expected = json!(["done", computed, computed, result, many, many, many, many, many, "done"]);
    assert_eq!(server.get("/").json(), expected);
    assert!(server.peak_resident_mb() < 700, "{} MB", server.peak_resident_mb());
}

#[test]
fn vectors_in_memory_are_bounded_although_they_only_grow() {
    let app = App::new(
        "import { getPlatform } from '@orilla/platform';
         const { DB } = getPlatform();
         const vector = (n) => Array.from({ length: 1024 }, (_, place) => Math.sin(n + place));
         const nearest = async (name) =>
           (await DB[name].find({}, { vector: { field: 'v', value: vector(7), k: 1 } })).map(({ n }) => n)[0];
         const routes = {
           async begin() {
             for (const name of ['grows', 'rests']) {
               await DB[name].createVectorIndex({ field: 'v', dimensions: 1024 });
               await DB[name].insertOne({ n: 7, v: vector(7) });
             }
             return [await nearest('grows'), await nearest('rests')];
           },
           grow: () => DB.grows.insertMany(Array.from({ length: 20 }, (_, n) => ({ n: 100 + n, v: vector(100 + n) }))),
           end: async () => [await nearest('rests'), await nearest('grows')],
         };
         export default { fetch: async ({ url }) => Response.json(await routes[new URL(url).pathname.slice(1)]()) };",
    );
    let mut server = Serve::new(&app).args(["--admin-port", "0"]).config("[database]\nvector_cache_mb = 1\n").start();
    let admin = server.listens_at("admin listening on ");
    let bytes = || -> usize {
        let metrics = Connection::open(admin).request(&Request::get("/_orilla/metrics")).unwrap().expect(200);
        let line = metrics.lines().find_map(|line| line.strip_prefix("orilla_vector_cache_bytes ")).unwrap();
        line.parse().unwrap()
    };
    assert_eq!(bytes(), 0);
    assert_eq!(server.get("/begin").json(), json!([7, 7]));
    let both = bytes();
    server.get("/grow").expect(200);
    assert!((both + 80_000..1 << 20).contains(&bytes()), "{} bytes after {both}", bytes());
    for _ in 0..24 {
        server.get("/grow").expect(200);
    }
    // The one that was not searched for longest is gone.
    assert!((1..both).contains(&bytes()), "{} bytes", bytes());
    assert_eq!(server.get("/end").json(), json!([7, 7]));
    // One alone may be larger.
    assert!(bytes() > 1 << 20, "{} bytes", bytes());
}
