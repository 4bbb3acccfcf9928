//! WebSockets, with the handshake and the frames written out by hand.

use std::time::Duration;

use serde_json::json;

use crate::harness::{App, Connection, Request, Server, wait_until};

const SOCKETS: &str = r#"
const closed = [];
const flooded = [];
const megabyte = "x".repeat(1 << 20);

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/closed") return Response.json(closed);
    if (pathname === "/flooded") return Response.json(flooded);
    const [client, server] = Object.values(new WebSocketPair());
    if (pathname === "/never") return new Response(null, { status: 101, webSocket: client });
    server.accept();
    server.addEventListener("message", ({ data }) => {
      if (data === "close") server.close(3001, "as asked");
      else if (data === "flood") flood(server);
      else if (data === "loop") for (;;);
      else server.send(typeof data === "string" ? `echo ${data}` : data);
    });
    server.addEventListener("close", ({ code, wasClean }) => closed.push([code, wasClean]));
    server.send("welcome");
    return new Response(null, { status: 101, webSocket: client });
  },
};

function flood(socket) {
  let sent = 0;
  try {
    for (; sent < 500; sent++) socket.send(megabyte);
  } catch ({ code }) {
    flooded.push(code, sent);
  }
}
"#;

/// Marks the last frame of a message.
const LAST: u8 = 0x80;
const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

pub fn handshake(path: &str) -> Request {
    // The key and its answer are those of RFC 6455, section 1.3.
    Request::get(path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn open(server: &Server) -> Connection {
    open_at(server, "/socket")
}

fn open_at(server: &Server, path: &str) -> Connection {
    let mut connection = server.connect();
    let reply = connection.begin(&handshake(path)).unwrap();
    reply.expect(101);
    assert_eq!(reply.header("sec-websocket-accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    connection
}

/// Sends a masked frame, as clients must.
pub fn send(connection: &mut Connection, opcode: u8, payload: &[u8]) {
    send_piece(connection, LAST | opcode, payload);
}

/// Sends a frame that is or is not the last one of its message.
fn send_piece(connection: &mut Connection, first_byte: u8, payload: &[u8]) {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = vec![first_byte];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    connection.send(frame).unwrap();
}

/// The next frame's opcode and payload.
pub fn receive(connection: &mut Connection) -> (u8, Vec<u8>) {
    let head = connection.exactly(2).unwrap();
    assert_eq!(head[0] & 0xf0, 0x80, "a whole frame without extensions");
    assert_eq!(head[1] & 0x80, 0, "servers do not mask");
    let length = match head[1] {
        126 => usize::from(u16::from_be_bytes(connection.exactly(2).unwrap().try_into().unwrap())),
        127 => u64::from_be_bytes(connection.exactly(8).unwrap().try_into().unwrap()) as usize,
        short => usize::from(short),
    };
    (head[0] & 0x0f, connection.exactly(length).unwrap())
}

#[track_caller]
fn expect_text(connection: &mut Connection, text: &str) {
    assert_eq!(receive(connection), (TEXT, text.into()));
}

#[test]
fn text_and_bytes_are_echoed() {
    let server = Server::of(&App::new(SOCKETS));
    let mut socket = open(&server);
    expect_text(&mut socket, "welcome");
    send(&mut socket, TEXT, "grüße".as_bytes());
    expect_text(&mut socket, "echo grüße");
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    send(&mut socket, BINARY, &bytes);
    assert_eq!(receive(&mut socket), (BINARY, bytes));
    send(&mut socket, PING, b"still there?");
    assert_eq!(receive(&mut socket), (PONG, b"still there?".to_vec()));
}

#[test]
fn either_side_can_close() {
    let server = Server::of(&App::new(SOCKETS));
    let mut by_app = open(&server);
    expect_text(&mut by_app, "welcome");
    send(&mut by_app, TEXT, b"close");
    let (opcode, payload) = receive(&mut by_app);
    assert_eq!((opcode, &payload[..2], &payload[2..]), (CLOSE, &3001_u16.to_be_bytes()[..], &b"as asked"[..]));
    send(&mut by_app, CLOSE, &payload);

    let mut by_client = open(&server);
    expect_text(&mut by_client, "welcome");
    send(&mut by_client, CLOSE, &1000_u16.to_be_bytes());
    assert_eq!(receive(&mut by_client).0, CLOSE);
    assert!(by_client.is_closed());

    let mut torn = open(&server);
    expect_text(&mut torn, "welcome");
    torn.close();
    wait_until("the app is told of all three", || {
        let closed = server.get("/closed").json();
        let closed = closed.as_array().unwrap();
        closed.iter().any(|event| event[0] == 1000 && event[1] == true) && closed.iter().any(|event| event[1] == false)
    });
}

#[test]
fn what_waits_for_a_client_that_does_not_read_is_limited() {
    let server = Server::of(&App::new(SOCKETS).manifest(json!({ "limits": { "array_buffer_mb": 16 } })));
    let mut connection = open(&server);
    expect_text(&mut connection, "welcome");
    send(&mut connection, TEXT, b"flood");
    let mut flooded = json!(null);
    // What the kernel takes waits no longer.
    wait_until("too much waits", || {
        flooded = server.get("/flooded").json();
        flooded != json!([])
    });
    assert_eq!(flooded[0], "WEBSOCKET_SEND_QUEUE_FULL");
    assert!(matches!(flooded[1].as_u64(), Some(16..40)), "{flooded}");
    wait_until("the app is told", || server.get("/closed").json() == json!([[1013, false]]));
    assert!(connection.is_closed(), "it is disconnected");
}

#[test]
fn wrong_handshakes_and_frames_do_no_harm() {
    let server = Server::of(&App::new(SOCKETS));
    let plain = server.get("/socket");
    assert!(matches!(plain.status, 426 | 500), "{}", plain.status);
    let mut invalid = open(&server);
    expect_text(&mut invalid, "welcome");
    send(&mut invalid, TEXT, &[0xff, 0xfe]);
    assert!(invalid.is_closed());
    let mut socket = open(&server);
    expect_text(&mut socket, "welcome");
}

#[test]
fn an_unmasked_frame_closes_the_connection() {
    let server = Server::of(&App::new(SOCKETS));
    let mut unmasked = open(&server);
    expect_text(&mut unmasked, "welcome");
    unmasked.send([0x81, 1, b'x']).unwrap();
    assert!(unmasked.is_closed());
}

#[test]
fn many_sockets_live_in_one_isolate() {
    let server = Server::of(&App::new(SOCKETS));
    let mut sockets: Vec<_> = (0..100).map(|_| open(&server)).collect();
    for (number, socket) in sockets.iter_mut().enumerate() {
        expect_text(socket, "welcome");
        send(socket, TEXT, number.to_string().as_bytes());
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        expect_text(socket, &format!("echo {number}"));
    }
}

#[test]
fn a_message_in_pieces_is_one_and_no_longer_than_others() {
    let server = Server::of(&App::new(SOCKETS));
    let mut socket = open(&server);
    expect_text(&mut socket, "welcome");
    // In the middle of a letter, with a ping between.
    send_piece(&mut socket, TEXT, &"grü".as_bytes()[..3]);
    send(&mut socket, PING, b"between");
    assert_eq!(receive(&mut socket), (PONG, b"between".to_vec()));
    send_piece(&mut socket, CONTINUATION, &"grü".as_bytes()[3..]);
    send(&mut socket, CONTINUATION, "ße".as_bytes());
    expect_text(&mut socket, "echo grüße");
    // A message in the middle of another is a fault of the client's.
    let mut confused = open(&server);
    expect_text(&mut confused, "welcome");
    send_piece(&mut confused, TEXT, b"one");
    send(&mut confused, TEXT, b"two");
    let (opcode, payload) = receive(&mut confused);
    assert_eq!((opcode, &payload[..2]), (CLOSE, &1002_u16.to_be_bytes()[..]));
    send_piece(&mut socket, BINARY, b"");
    let piece = vec![0; usize::from(u16::MAX)];
    // Without an end, and with more than 16 MiB.
    let closed = (0..300).any(|_| {
        let mut frame = vec![CONTINUATION, 0x80 | 126, 0xff, 0xff, 0, 0, 0, 0];
        frame.extend(&piece);
        socket.send(frame).is_err()
    });
    if !closed {
        let (opcode, payload) = receive(&mut socket);
        assert_eq!((opcode, &payload[..2]), (CLOSE, &1009_u16.to_be_bytes()[..]));
    }
    wait_until("the app is told", || server.get("/closed").json() == json!([[1002, false], [1009, false]]));
}

#[test]
fn a_client_that_says_nothing_is_disconnected_when_the_app_has_closed() {
    let server = Server::of(&App::new(SOCKETS).manifest(json!({ "limits": { "cpu_ms": 100 } })));
    let mut by_app = open(&server);
    expect_text(&mut by_app, "welcome");
    send(&mut by_app, TEXT, b"close");
    assert_eq!(receive(&mut by_app).0, CLOSE);
    assert!(by_app.is_closed());
    // An isolate that is gone has closed as well.
    let mut left = open(&server);
    expect_text(&mut left, "welcome");
    send(&mut left, TEXT, b"loop");
    let (opcode, payload) = receive(&mut left);
    assert_eq!((opcode, payload), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
    assert!(left.is_closed());
}

#[test]
fn an_app_that_never_accepts_a_socket_loses_it() {
    let server = Server::of(&App::new(SOCKETS));
    let mut socket = open_at(&server, "/never");
    (0..1025).for_each(|_| send(&mut socket, TEXT, b"unheard"));
    let (opcode, payload) = receive(&mut socket);
    assert_eq!((opcode, &payload[..2]), (CLOSE, &1013_u16.to_be_bytes()[..]));
    assert!(socket.is_closed());
}

#[test]
fn messages_wait_at_the_client_while_the_app_is_stuck() {
    let app = App::new(
        "export default { fetch() {
           const [client, server] = Object.values(new WebSocketPair());
           server.accept();
           let bytes = 0;
           server.addEventListener('message', ({ data }) => {
             if (data === 'stuck') for (const end = performance.now() + 3000; performance.now() < end; );
             else if (data === 'bytes') server.send(`${bytes}`);
             else bytes += data.byteLength;
           });
           return new Response(null, { status: 101, webSocket: client });
         } };",
    );
    let server = Server::of(&app.manifest(json!({ "limits": { "array_buffer_mb": 64 } })));
    let mut socket = open(&server);
    send(&mut socket, TEXT, b"stuck");
    let large = vec![0; 10 << 20];
    for _ in 0..60 {
        send(&mut socket, BINARY, &large);
    }
    send(&mut socket, TEXT, b"bytes");
    expect_text(&mut socket, &(60 * large.len()).to_string());
    assert!(server.peak_resident_mb() < 350, "{} MB", server.peak_resident_mb());
}

#[test]
fn a_long_message_comes_when_there_is_room_for_all_of_it() {
    let server = Server::of(&App::new(SOCKETS).manifest(json!({ "limits": { "array_buffer_mb": 20 } })));
    let welcomed = || {
        let mut socket = open(&server);
        expect_text(&mut socket, "welcome");
        socket
    };
    let (mut begins, mut waits, mut small) = (welcomed(), welcomed(), welcomed());
    // In pieces: nobody knows how long it will be, so it takes the room of the longest.
    send_piece(&mut begins, BINARY, &[0; 100 << 10]);
    send_piece(&mut begins, CONTINUATION, &[0; 100 << 10]);
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        scope.spawn(move || {
            send(&mut waits, BINARY, &[7; 5 << 20]);
            tell.send(receive(&mut waits)).unwrap();
        });
        assert!(told.recv_timeout(Duration::from_millis(500)).is_err(), "there is no room for it");
        send(&mut small, TEXT, b"passes by");
        expect_text(&mut small, "echo passes by");
        send_piece(&mut begins, LAST | CONTINUATION, b"end");
        assert_eq!(receive(&mut begins).1.len(), (200 << 10) + 3);
        assert_eq!(told.recv().unwrap(), (BINARY, vec![7; 5 << 20]));
    });
}
