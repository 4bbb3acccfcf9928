//! The client of `node:http` in an app, against servers that tell what they got, and others that are slow or wrong. What it has in
//! common with Node's is in js/web/node/test/http.test.js.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{App, Request, Serve, Server};

/// A server that answers by path, for as long as the test runs.
fn peer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // It may have been closed already.
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let head = read_until(&mut stream, "\r\n\r\n")?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let body = match length {
        Some(length) => {
            let mut body = vec![0; length];
            stream.read_exact(&mut body)?;
            String::from_utf8_lossy(&body).into_owned()
        }
        None if head.contains("transfer-encoding: chunked") => read_until(&mut stream, "0\r\n\r\n")?,
        None => String::new(),
    };
    let (status, headers, body) = match path.as_str() {
        "/packed" => ("200 OK", "content-encoding: gzip\r\n", "no gzip at all".to_owned()),
        "/redirect" => ("302 Found", "location: /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n", "elsewhere".to_owned()),
        "/reset" => return Ok(()),
        "/half" => ("200 OK", "content-length: 100\r\n", "half".to_owned()),
        "/never" => {
            thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        _ => ("200 OK", "", format!("{head}{body}")),
    };
    stream.write_all(format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}").as_bytes())
}

fn read_until(stream: &mut TcpStream, end: &str) -> std::io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        read.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// What an app gets that calls `ask(path, options, feed)` and the like in its handler.
const APP: &str = "
    import http from 'node:http';
    const [host, port] = '$PEER'.split(':');
    const told = ({ name, code, syscall, message }) => [name, code ?? null, syscall ?? message];
    function ask(path, options, feed = (request) => request.end()) {
      return new Promise((resolve) => {
        const request = http.request({ host, port, path, ...options }, async (response) => {
          let text = '';
          try { for await (const chunk of response) text += chunk; } catch (error) { text = told(error); }
          const { statusCode, headers } = response;
          resolve({ status: statusCode, headers, text });
        });
        request.on('error', (error) => resolve(told(error)));
        feed(request);
      });
    }
    const line = (text, start) => text.split('\\r\\n').find((line) => line.toLowerCase().startsWith(start)) ?? null;
    const post = { method: 'POST' };
    const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
";

fn ask(answers: &str) -> Value {
    serve(answers, json!({})).get("/").json()
}

fn serve(answers: &str, limits: Value) -> Server {
    let source = format!(
        "{APP} export default {{ async fetch() {{ return Response.json(await (async () => {{ {answers} }})()); }} }};"
    );
    let app = App::new(&source.replace("$PEER", &peer().to_string())).manifest(json!({ "limits": limits }));
    Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start()
}

#[test]
fn a_request_is_sent_as_it_was_written() {
    let answers = ask("
        const { text } = await ask('/a/../b/%2e?q=[1]<é>', { headers: { Host: 'other.test', 'X-Own': ['1', '2'] }, auth: 'a:b' });
        const cookies = await ask('/', { headers: { Cookie: 'x=1', Origin: 'http://o.test', 'User-Agent': 'Own' } });
        return [
          text.split('\\r\\n')[0], line(text, 'host'), line(text, 'authorization'), line(text, 'accept-encoding'),
          text.match(/x-own: ./g), line(cookies.text, 'cookie'), line(cookies.text, 'origin'), line(cookies.text, 'user-agent'),
        ];");
    let expected = json!([
        "GET /a/../b/%2e?q=[1]%3C%E9%3E HTTP/1.1",
        "host: other.test",
        "authorization: Basic YTpi",
        null,
        ["x-own: 1", "x-own: 2"],
        "cookie: x=1",
        "origin: http://o.test",
        "user-agent: Own"
    ]);
    assert_eq!(answers, expected);
}

#[test]
fn a_body_is_sent_with_its_length_or_in_pieces() {
    let answers = ask("
        // How much a piece has is the machine's affair.
        const framing = /(^|\\r\\n)[0-9a-f]+(\\r\\n|\\|$)/g;
        const seen = async (options, feed) => {
          const { text } = await ask('/', { ...post, ...options }, feed);
          return [line(text, 'content-length'), line(text, 'transfer-encoding'), text.split('\\r\\n\\r\\n').slice(1).join('|').replace(framing, '')];
        };
        const slowly = async (request) => {
          request.write('one ');
          await later(20);
          request.write('two ');
          await later(20);
          request.end('three');
        };
        const large = 'x'.repeat(300_000);
        const { text } = await ask('/', { ...post, headers: { 'content-length': 600_000 } }, (request) => {
          request.write(large);
          request.end(large);
        });
        return [
          await seen({}, (request) => request.end('all')),
          await seen({}, (request) => { request.write('on'); request.end('e'); }),
          await seen({}, (request) => request.end()),
          await seen({}, slowly),
          await seen({ headers: { 'Content-Length': 13 } }, slowly),
          text.endsWith(large + large),
        ];");
    let expected = json!([
        ["content-length: 3", null, "all"],
        ["content-length: 3", null, "one"],
        ["content-length: 0", null, ""],
        [null, "transfer-encoding: chunked", "one two three"],
        ["content-length: 13", null, "one two three"],
        true
    ]);
    assert_eq!(answers, expected);
}

#[test]
fn an_answer_is_seen_as_it_was_sent() {
    let answers = ask("
        const redirect = await ask('/redirect');
        const packed = await ask('/packed');
        return [redirect.status, redirect.headers.location, redirect.headers['set-cookie'], redirect.text, packed.headers['content-encoding'], packed.text];");
    assert_eq!(answers, json!([302, "/", ["a=1", "b=2"], "elsewhere", "gzip", "no gzip at all"]));
}

#[test]
fn what_fails_has_the_code_of_node() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answers = "
        const name = 'a'.repeat(70);
        const causeOf = (url) => fetch(url).catch((error) => [error.name, ...told(error.cause).slice(1)]);
        return [
          await ask('/', { port: $FREE }),
          await ask('/', { host: name }),
          await ask('/reset'),
          (await ask('/half')).text,
          await ask('/', { host: '127.0.0.2' }),
          await ask('/never', {}, (request) => request.end().setTimeout(20, () => request.destroy())),
          await ask('/never', { signal: AbortSignal.timeout(20) }),
          await causeOf('http://127.0.0.1:$FREE/'),
          await causeOf(`http://${name}/`),
        ];";
    let reset = json!(["Error", "ECONNRESET", "socket hang up"]);
    let expected = json!([
        ["Error", "ECONNREFUSED", "connect"],
        ["Error", "ENOTFOUND", "getaddrinfo"],
        reset,
        ["Error", "ECONNRESET", "aborted"],
        [
            "PlatformError",
            "EGRESS_DENIED",
            "the address is private, and this host does not let apps connect to it; allow it under [egress] in orilla.toml"
        ],
        reset,
        ["AbortError", "ABORT_ERR", "The operation was aborted"],
        ["TypeError", "ECONNREFUSED", "connect"],
        ["TypeError", "ENOTFOUND", "getaddrinfo"]
    ]);
    assert_eq!(ask(&answers.replace("$FREE", &free.to_string())), expected);
}

#[test]
fn requests_are_subrequests_in_the_trace_of_their_request() {
    let answers = "
        const seen = [];
        for (let i = 0; i < 3; i++) seen.push(await ask('/redirect'));
        return [...seen.map((answer) => answer.status ?? answer[1]), line((await first).text, 'traceparent')];";
    let server = serve(&format!("const first = ask('/'); {answers}"), json!({ "subrequests": 3 }));
    let trace = "00-0af7651916cd43dd8448eb211c80319c";
    let request = Request::get("/").header("traceparent", &format!("{trace}-b7ad6b7169203331-01"));
    let answered = server.send(&request).json();
    assert_eq!([&answered[0], &answered[1], &answered[2]], [&json!(302), &json!(302), &json!("SUBREQUESTS_EXCEEDED")]);
    assert!(answered[3].as_str().unwrap().contains(trace), "{answered}");
}
