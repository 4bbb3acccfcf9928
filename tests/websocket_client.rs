//! An app's own WebSockets, against servers that are slow or wrong. What they do with one that is neither is in
//! `conformance/winter_tc/websocket.js`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::harness::{App, Request, Serve, Server};

/// What a server does once it has read the handshake, whose path, key and accepted key it is given.
type Behaviour = fn(&mut TcpStream, &str, &str) -> std::io::Result<()>;

/// A server of this one behaviour, for as long as the test runs.
fn peer(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap();
                let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
                let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
                let accept = base64::engine::general_purpose::STANDARD.encode(digest);
                // It has gone when it likes.
                let _ = behaviour(&mut stream, path, &accept);
                // Nobody reads what comes, and the connection stays.
                thread::sleep(Duration::from_secs(60));
            });
        }
    });
    address
}

fn switch(stream: &mut TcpStream, accept: &str, more: &str) -> std::io::Result<()> {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n";
    stream.write_all(format!("{answer}sec-websocket-accept: {accept}\r\n{more}\r\n").as_bytes())
}

fn app_of(source: &str, address: SocketAddr) -> Server {
    let app = App::new(&source.replace("$PEER", &address.to_string()));
    let app = app.manifest(json!({ "limits": { "array_buffer_mb": 64 } }));
    Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start()
}

#[test]
fn what_waits_for_a_slow_server_is_limited() {
    let server = app_of(
        "const large = new Uint8Array(4 << 20);
         export default { async fetch() {
           const socket = new WebSocket('ws://$PEER/');
           await new Promise((opened) => (socket.onopen = opened));
           const told = [];
           socket.onerror = ({ message }) => told.push(message);
           let sent = 0;
           for (; sent < 500 && socket.readyState === 1; sent++) socket.send(large);
           told.push(sent, socket.readyState);
           const { code, wasClean } = await new Promise((closed) => (socket.onclose = closed));
           const before = socket.bufferedAmount;
           socket.send(large);
           return Response.json([...told, code, wasClean, socket.readyState, socket.bufferedAmount - before]);
         } };",
        peer(|stream, _, accept| switch(stream, accept, "")),
    );
    let too_much = "more waits to be sent than may: the server reads too slowly";
    // The one that was too much was the seventeenth of 4 MiB.
    assert_eq!(server.get("/").json(), json!([17, 2, too_much, 1006, false, 3, 4 << 20]));
    assert!(server.peak_resident_mb() < 250, "{} MB", server.peak_resident_mb());
}

#[test]
fn a_server_that_breaks_the_rules_is_left() {
    let server = app_of(
        "export default { async fetch({ url }) {
           const { pathname, searchParams } = new URL(url);
           const socket = new WebSocket(`ws://$PEER${pathname}`, searchParams.getAll('protocol'));
           const events = [];
           for (const type of ['open', 'message', 'error'])
             socket.addEventListener(type, ({ message }) => events.push(message === undefined ? type : `${type}: ${message}`));
           const { code, wasClean } = await new Promise((closed) => (socket.onclose = closed));
           return Response.json([...events, code, wasClean]);
         } };",
        peer(|stream, path, accept| match path {
            "/refuses" => stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"),
            "/accept" => switch(stream, "c29tZXRoaW5nIGVsc2U=", ""),
            "/extension" => switch(stream, accept, "sec-websocket-extensions: permessage-deflate\r\n"),
            "/protocol" => switch(stream, accept, "sec-websocket-protocol: other\r\n"),
            "/none" => switch(stream, accept, ""),
            "/masked" => {
                switch(stream, accept, "")?;
                stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'a'])
            }
            "/utf8" => {
                switch(stream, accept, "")?;
                stream.write_all(&[0x81, 1, 0xff])
            }
            // In pieces without an end.
            "/endless" => {
                switch(stream, accept, "")?;
                let mut piece = vec![0x02, 127, 0, 0, 0, 0, 0, 1, 0, 0];
                piece.resize(piece.len() + (1 << 16), 0);
                loop {
                    stream.write_all(&piece)?;
                    piece[0] = 0;
                }
            }
            // The length is 32 MiB.
            _ => {
                switch(stream, accept, "")?;
                stream.write_all(&[0x82, 127, 0, 0, 0, 0, 2, 0, 0, 0])
            }
        }),
    );
    let ask = |path: &str| server.get(path).json();
    let failed = |why: &str| json!([format!("error: {why}"), 1006, false]);
    let opened = |why: &str| json!(["open", format!("error: {why}"), 1006, false]);
    let no_right = |header: &str| failed(&format!("the server's answer has no right {header} header"));
    assert_eq!(ask("/refuses"), failed("the server answered 403 Forbidden instead of 101"));
    assert_eq!(ask("/accept"), no_right("sec-websocket-accept"));
    assert_eq!(ask("/extension"), no_right("sec-websocket-extensions"));
    assert_eq!(ask("/protocol"), no_right("sec-websocket-protocol"));
    assert_eq!(ask("/protocol?protocol=one"), no_right("sec-websocket-protocol"));
    assert_eq!(ask("/none?protocol=one&protocol=two"), no_right("sec-websocket-protocol"));
    assert_eq!(ask("/masked"), opened("a frame with a mask that should have none, or the other way round"));
    assert_eq!(ask("/utf8"), opened("invalid UTF-8"));
    assert_eq!(ask("/endless"), opened("message too large"));
    assert_eq!(ask("/long"), opened("message too large"));
    assert!(server.peak_resident_mb() < 200, "{} MB", server.peak_resident_mb());
}

#[test]
fn where_egress_refuses_a_websocket_there_is_none() {
    let app = App::new(
        "export default { async fetch() {
           try { new WebSocket('ws://127.0.0.1:1/'); } catch ({ code }) { return new Response(code); }
         } };",
    );
    assert_eq!(Server::of(&app).send(&Request::get("/")).expect(200), "EGRESS_DENIED");
}

#[test]
fn headers_of_the_app_go_with_the_handshake() {
    let app = App::new(
        "export default { async fetch(request) {
           const { pathname, host } = new URL(request.url);
           if (pathname === '/peer') {
             const [client, server] = Object.values(new WebSocketPair());
             server.accept();
             server.send(JSON.stringify(['authorization', 'origin', 'x-list', 'sec-websocket-version'].map((name) => request.headers.get(name))));
             return new Response(null, { status: 101, webSocket: client });
           }
           const headers = [['authorization', 'Bearer x'], ['origin', 'https://a.example'], ['x-list', 'a'], ['x-list', 'b'], ['sec-websocket-version', '8']];
           const socket = new WebSocket(`ws://${host}/peer`, { headers });
           const { data } = await new Promise((received) => (socket.onmessage = received));
           socket.close();
           return new Response(data);
         } };",
    );
    let server = Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start();
    let said: Value = server.send(&Request::get("/").header("host", &server.address().to_string())).json();
    assert_eq!(said, json!(["Bearer x", "https://a.example", "a, b", "13"]));
}
