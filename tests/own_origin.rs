//! Requests of an app to the origin it is asked at: the host answers them itself, on addresses that egress refuses.

use serde_json::json;

use crate::harness::{App, Request, Server, wait_until};

/// An app that answers `/` with what `ask` finds out, and asks itself for the rest.
fn asking(ask: &str) -> Server {
    let source = format!(
        "import http from 'node:http';
        const failed = ({{ name, code }}) => code ?? name;
        const seen = {{ requests: 0, cancelled: 0 }};
        const routes = {{
          '/'(request) {{ return (async () => {{ {ask} }})().then((answer) => Response.json(answer)); }},
          async '/api'(request) {{
            const {{ method, url, headers }} = request;
            const told = ['host', 'x-forwarded-for', 'content-type', 'upgrade'].map((name) => headers.get(name));
            return Response.json([method, new URL(url).search, ...told, await request.text()], {{ headers: {{ 'x-own': '1' }} }});
          }},
          '/moved': () => new Response(null, {{ status: 302, headers: {{ location: '/api' }} }}),
          '/away': () => Response.redirect('http://127.0.0.1:8090/'),
          '/packed': () => new Response(new Blob(['unpacked']).stream().pipeThrough(new CompressionStream('gzip')),
            {{ headers: {{ 'content-encoding': 'gzip' }} }}),
          '/fails'() {{ throw new Error('no'); }},
          '/echo': (request) => new Response(request.body),
          '/endless': () => new Response(new ReadableStream({{
            pull(controller) {{ controller.enqueue(new TextEncoder().encode('more ')); }},
            cancel() {{ seen.cancelled++; }},
          }}, {{ highWaterMark: 0 }})),
          async '/loop'(request) {{
            seen.requests++;
            return fetch(request.url).catch((error) => Response.json([failed(error), seen.requests]));
          }},
          '/seen': () => Response.json(seen),
        }};
        export default {{ fetch: (request) => (routes[new URL(request.url).pathname] ?? routes['/'])(request) }};"
    );
    let app = App::new(&source).manifest(json!({ "static": "static" }));
    Server::of(&app.write("static/data.json", r#"{"stock":3}"#))
}

#[test]
fn an_app_is_answered_by_itself() {
    let server = asking(
        "const own = (path, init) => fetch(new URL(path, request.url), init);
        const all = {};
        const file = await own('/data.json');
        all.file = [await file.json(), file.headers.get('content-length'), file.type, file.url === new URL('/data.json', request.url).href];
        all.unchanged = (await own('/data.json', { headers: { 'if-none-match': file.headers.get('etag') } })).status;
        const head = await own('/data.json', { method: 'HEAD' });
        all.head = [head.headers.get('content-length'), await head.text()];
        const headers = { host: 'other.test', upgrade: 'websocket', 'x-forwarded-for': '8.8.8.8' };
        all.posted = await (await own('/api?q=%20', { method: 'POST', body: 'text', headers })).json();
        const pieces = new ReadableStream({ start(controller) {
          for (const text of ['a', 'b'.repeat(100_000), 'c']) controller.enqueue(new TextEncoder().encode(text));
          controller.close();
        } });
        all.streamed = (await (await own('/echo', { method: 'POST', body: pieces, duplex: 'half' })).text()).length;
        const moved = await own('/moved');
        all.moved = [moved.redirected, moved.headers.get('x-own'), (await moved.json())[0]];
        all.packed = await (await own('/packed')).text();
        const fails = await own('/fails');
        all.fails = [fails.status, fails.headers.get('x-orilla-error')];
        all.aborted = await own('/api', { signal: AbortSignal.abort() }).catch(failed);
        all.node = await new Promise((resolve, reject) => {
          const { hostname, port } = new URL(request.url);
          http.request({ hostname, port, path: '/api', headers: { Host: 'other.test' } }, async (response) => {
            let text = '';
            for await (const chunk of response) text += chunk;
            resolve(JSON.parse(text)[2]);
          }).on('error', reject).end();
        });
        return all;",
    );
    let host = server.address().to_string();
    assert_eq!(
        server.send(&Request::get("/").header("host", &host)).json(),
        json!({
            "file": [{ "stock": 3 }, "11", "basic", true],
            "unchanged": 304,
            "head": ["11", ""],
            "posted": ["POST", "?q=%20", host, "127.0.0.1", "text/plain;charset=UTF-8", null, "text"],
            "streamed": 100_002,
            "moved": [true, "1", "GET"],
            "packed": "unpacked",
            "fails": [500, "uncaught"],
            "aborted": 20,
            "node": host,
        })
    );
}

#[test]
fn no_other_origin_is_an_app_s_own() {
    let server = asking(
        "const { host, port } = new URL(request.url);
        const urls = [`https://${host}/api`, `http://localhost:${port}/api`, 'http://127.0.0.1:8090/api', '/away'];
        const all = urls.map((url) => fetch(new URL(url, request.url)).then((answer) => answer.status, failed));
        return Promise.all(all);",
    );
    let asked = server.send(&Request::get("/").header("host", &server.address().to_string()));
    assert_eq!(asked.json(), json!(["EGRESS_DENIED", "EGRESS_DENIED", "EGRESS_DENIED", "EGRESS_DENIED"]));

    // Whatever a client says the app's host is, nothing but the app is asked.
    let server = asking("return (await fetch(new URL('/api', request.url))).json();");
    let asked = server.send(&Request::get("/").header("host", "127.0.0.1:8090"));
    assert_eq!(asked.json()[2], "127.0.0.1:8090");
}

#[test]
fn an_app_that_asks_itself_without_end_is_told_so() {
    let server = asking("return seen;");
    assert_eq!(server.get("/loop").json(), json!(["LOOP_DETECTED", 17]));
}

#[test]
fn what_an_app_does_not_read_of_its_own_answer_is_given_up() {
    let server = asking(
        "const reader = (await fetch(new URL('/endless', request.url))).body.getReader();
        const { value } = await reader.read();
        await reader.cancel();
        return new TextDecoder().decode(value);",
    );
    assert_eq!(server.get("/").json(), json!("more "));
    wait_until("the answer is given up", || server.get("/seen").json()["cancelled"] == 1);
}
