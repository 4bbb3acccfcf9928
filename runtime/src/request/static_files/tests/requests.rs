//! What is asked, what is answered: one row per request.

use super::*;

#[test]
fn files_and_their_headers() {
    const REVALIDATE: &str = "public, max-age=0, must-revalidate";
    fixture().check([
        get("/hello.txt")
            .gives(200)
            .has("content-type", "text/plain; charset=utf-8")
            .has("cache-control", REVALIDATE)
            .has("etag", tag(HELLO))
            .has("last-modified", "Sun, 09 Sep 2001 01:46:40 GMT")
            .has("accept-ranges", "bytes")
            .lacks("content-encoding")
            .lacks("vary")
            .body(HELLO),
        get("/hello.txt?v=1").gives(200).body(HELLO),
        get("/hello%2Etxt").gives(200).body(HELLO),
        get("/inner-link.txt").gives(200).body(HELLO),
        get("/with%20space%20&%20%C3%BC.txt").gives(200).body("named"),
        get("/100%25.txt").gives(200).body("all"),
        get("/empty.css").gives(200).has("content-length", 0).body(""),
        get("/large.bin").gives(200).has("etag", tag(&large())).body(large()),
        get("/data.unheardof").gives(200).has("content-type", "application/octet-stream"),
        get("/_app/immutable/chunks/a1b2.mjs")
            .gives(200)
            .has("content-type", "text/javascript; charset=utf-8")
            .has("cache-control", "public, max-age=31536000, immutable"),
        ask(Method::HEAD, "/hello.txt")
            .gives(200)
            .has("content-length", HELLO.len())
            .has("content-type", "text/plain; charset=utf-8")
            .has("etag", tag(HELLO))
            .body(""),
        ask(Method::HEAD, "/large.bin").gives(200).has("content-length", large().len()).body(""),
        ask(Method::POST, "/hello.txt"),
        ask(Method::OPTIONS, "*"),
        get("/nothing"),
        get("/hello.txt/"),
        get("/HELLO.TXT"),
        get("//hello.txt"),
        get("hello.txt"),
        get(""),
    ]);
}

#[test]
fn pages_directories_and_their_slashes() {
    fixture().check([
        get("/").gives(200).has("content-type", "text/html; charset=utf-8").body("<p>home"),
        get("/index.html").gives(200).body("<p>home"),
        get("/docs/").gives(200).body("<p>docs"),
        get("/docs?a=b&c").gives(308).has("location", "/docs/?a=b&c").lacks("content-type").body(""),
        get("/about").gives(200).body("<p>about"),
        get("/about/").gives(308).has("location", "/about"),
        get("/team/").gives(200).body("<p>team"),
        get("/team").gives(308).has("location", "/team/"),
        get("/both").gives(200).body("exact"),
        get("/docs-link/"),
        get("/_app/"),
        get("/200"),
    ]);
}

#[test]
fn paths_that_must_not_be_served() {
    fixture().check([
        get("/.env"),
        get("/%2eenv"),
        get("/.well-known/security.txt").gives(200).body("Contact: us"),
        get("/.well-known/.hidden"),
        get("/deep/.git/config"),
        get("/deep/.well-known/x"),
        get("/outer-link.txt"),
        get("/beside-link.txt"),
        get("/hidden-link.txt"),
        get("/parent/secret.txt"),
        get("/../secret.txt").gives(400).has("cache-control", "no-store"),
        get("/docs/../hello.txt").gives(400),
        get("/./hello.txt").gives(400),
        get("/%2e%2e/secret.txt").gives(400),
        get("/.%2E/secret.txt").gives(400),
        get("/..%2fsecret.txt").gives(400),
        get("/..%5csecret.txt").gives(400),
        get("/docs\\..\\..\\secret.txt").gives(400),
        get("/%252e%252e/secret.txt"),
        get("/%252e%252e").gives(200).body("a strange name"),
        get("/docs%2findex.html"),
        get("/docs\\index.html"),
        get("/docs%5Cindex.html"),
        get("/C:/secret.txt"),
        get("/hello.txt%00.html").gives(400),
        get("/hello.txt\0").gives(400),
        get("/%").gives(400),
        get("/%2").gives(400),
        get("/%zz").gives(400),
        get("/%+1").gives(400),
        get("/%ff").gives(400).body("REQUEST_PATH_INVALID: the path does not decode to UTF-8\n"),
    ]);
}

#[test]
fn encodings_are_negotiated() {
    let script = |accepted: &str| get("/app.js").send("accept-encoding", accepted);
    let plain = |case: Case| case.gives(200).lacks("content-encoding").has("etag", tag(SCRIPT)).body(SCRIPT);
    let gzip = |case: Case| {
        case.gives(200).has("content-encoding", "gzip").has("etag", tag_as(SCRIPT_GZ, "gz")).body(SCRIPT_GZ)
    };
    let brotli = |case: Case| {
        case.gives(200)
            .has("content-encoding", "br")
            .has("etag", tag_as(SCRIPT_BR, "br"))
            .has("content-type", "text/javascript; charset=utf-8")
            .has("vary", "accept-encoding")
            .body(SCRIPT_BR)
    };
    fixture().check([
        plain(get("/app.js")).has("vary", "accept-encoding"),
        plain(script("")),
        plain(script("zstd, deflate")),
        plain(script("br;q=0, gzip; q=0.000")),
        plain(script("br;q=0.5, gzip;q=0.4, identity")),
        plain(script("br;q=high")),
        gzip(script("gzip")),
        gzip(script("X-GZIP")),
        gzip(script("br;q=0.8, gzip;q=0.9")),
        gzip(script("br;q=0, *")),
        gzip(script("gzip;q=0.1, *;q=0")),
        brotli(script("gzip, deflate, br, zstd")),
        brotli(script("*")),
        brotli(script("gzip;q=0.5").send("accept-encoding", "br;Q=1.0")),
        brotli(script("identity;q=0, br;q=0.001")),
        script("identity;q=0, gzip;q=0, br;q=0").gives(406).has("vary", "accept-encoding"),
        script("*;q=0").gives(406),
        get("/hello.txt").send("accept-encoding", "br, identity;q=0").gives(406),
        get("/style.css").send("accept-encoding", "br, gzip;q=0.1").gives(200).has("content-encoding", "gzip"),
        get("/empty.css").send("accept-encoding", "br").gives(200).has("etag", tag_as(b"", "br")),
        get("/app.js.gz")
            .send("accept-encoding", "gzip")
            .gives(200)
            .has("content-type", "application/gzip")
            .lacks("content-encoding")
            .lacks("vary")
            .body(SCRIPT_GZ),
        script("br").send("range", "bytes=0-1").gives(206).has("content-range", "bytes 0-1/12").body("br"),
        script("br").send("if-none-match", tag(SCRIPT)).gives(200).body(SCRIPT_BR),
    ]);
}

#[test]
fn conditions_are_evaluated_in_order() {
    const CHANGED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    let (etag, other) = (tag(HELLO), "\"a, b\"");
    let hello = |name: &'static str, value: &str| get("/hello.txt").send(name, value);
    fixture().check([
        hello("if-none-match", &etag)
            .gives(304)
            .has("etag", &etag)
            .has("cache-control", "public, max-age=0, must-revalidate")
            .lacks("content-length")
            .lacks("content-type")
            .body(""),
        hello("if-none-match", &format!("W/{etag}")).gives(304),
        hello("if-none-match", &format!("{other} ,W/\"\",{etag}")).gives(304),
        hello("if-none-match", other).send("if-none-match", &etag).gives(304),
        hello("if-none-match", "*").gives(304),
        hello("if-none-match", other).gives(200).body(HELLO),
        hello("if-none-match", "nonsense\"").gives(200),
        hello("if-none-match", other).send("if-modified-since", CHANGED).gives(200),
        hello("if-modified-since", CHANGED).gives(304),
        hello("if-modified-since", BEFORE).gives(200),
        hello("if-modified-since", "yesterday").gives(200),
        hello("if-match", &etag).gives(200),
        hello("if-match", "*").gives(200),
        hello("if-match", &format!("{other}, {etag}")).gives(200),
        hello("if-match", other).gives(412).body(""),
        hello("if-match", &format!("W/{etag}")).gives(412),
        hello("if-match", &etag).send("if-unmodified-since", BEFORE).gives(200),
        hello("if-unmodified-since", BEFORE).gives(412),
        hello("if-unmodified-since", CHANGED).gives(200),
        hello("if-match", other).send("if-none-match", &etag).gives(412),
        hello("if-none-match", &etag).send("range", "bytes=0-1").gives(304),
        ask(Method::HEAD, "/large.bin").send("if-none-match", tag(&large())).gives(304),
        get("/app.js")
            .send("accept-encoding", "br")
            .send("if-none-match", tag_as(SCRIPT_BR, "br"))
            .gives(304)
            .has("vary", "accept-encoding"),
        hello("range", "bytes=7-12").send("if-range", &etag).gives(206).body("static"),
        hello("range", "bytes=7-12").send("if-range", CHANGED).gives(206).body("static"),
        hello("range", "bytes=7-12").send("if-range", other).gives(200).body(HELLO),
        hello("range", "bytes=7-12").send("if-range", format!("W/{etag}")).gives(200),
        hello("range", "bytes=7-12").send("if-range", BEFORE).gives(200),
        hello("range", "bytes=99-").send("if-range", other).gives(200),
    ]);
}

#[test]
fn ranges_of_bytes() {
    let hello = |range: &str| get("/hello.txt").send("range", range);
    let large_range = |range: &str| get("/large.bin").send("range", range);
    let end = large().len();
    fixture().check([
        hello("bytes=0-4")
            .gives(206)
            .has("content-range", "bytes 0-4/19")
            .has("content-length", 5)
            .has("etag", tag(HELLO))
            .has("content-type", "text/plain; charset=utf-8")
            .body("hello"),
        hello("bytes=14-").gives(206).has("content-range", "bytes 14-18/19").body("world"),
        hello("Bytes= -5").gives(206).body("world"),
        hello("bytes=-500").gives(206).has("content-range", "bytes 0-18/19").body(HELLO),
        hello("bytes=18-99999999999999999999999").gives(206).body("d"),
        hello("bytes=19-").gives(416).has("content-range", "bytes */19").lacks("etag").body(""),
        hello("bytes=99999999999999999999999-").gives(416),
        hello("bytes=-0").gives(416),
        hello("bytes=5-4").gives(200).body(HELLO),
        hello("bytes=0-1, 4-5").gives(200).body(HELLO),
        hello("bytes=0-1").send("range", "bytes=2-3").gives(200).body(HELLO),
        hello("bytes=+1-2").gives(200),
        hello("bytes=-").gives(200),
        hello("lines=1-2").gives(200),
        hello("bytes 1-2").gives(200),
        get("/empty.css").send("range", "bytes=0-").gives(200).body(""),
        get("/empty.css").send("range", "bytes=-1").gives(200).body(""),
        ask(Method::HEAD, "/hello.txt").send("range", "bytes=0-1").gives(200).has("content-length", HELLO.len()),
        large_range("bytes=100000-100003").gives(206).body(&large()[100_000..100_004]),
        large_range("bytes=-1").gives(206).body(&large()[end - 1..]),
    ]);
}
