//! Limits of the way between an app and others that an app cannot change. docs/limits.md lists them.

use std::time::Duration;

/// Chunks of a streamed response body that wait for a slow client before the app's stream has to.
pub const MAX_QUEUED_BODY_CHUNKS: usize = 16;
/// Pieces of answers up to this size are not counted where they wait for slow clients: connections are bounded, and with
/// them these.
pub const UNCOUNTED_ANSWER_BYTES: usize = 1 << 10;
/// Messages that wait for a slow WebSocket client; one more closes the connection.
pub const MAX_QUEUED_WEBSOCKET_MESSAGES: usize = 1024;
/// Messages of a WebSocket client that wait for the app before the client has to.
pub const MAX_UNREAD_WEBSOCKET_MESSAGES: usize = 64;
/// Messages of an app's own WebSocket that wait for a slow server; one more closes the connection.
pub const MAX_UNSENT_WEBSOCKET_MESSAGES: usize = 1 << 16;
/// Most bytes of one message of a WebSocket's other side; more closes the connection with code 1009.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// Bytes of a message from which on it has to find room before the rest of it is read.
pub const LONG_MESSAGE_BYTES: u64 = 64 << 10;
/// How long such a message may take to come, from when it has room.
pub const LONG_MESSAGE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a server may take to answer the handshake of an app's own WebSocket.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client that is told to end the connection may take for it: by HTTP/2 once it has all answers, and the other side of
/// a WebSocket after the last frame.
pub const FAREWELL: Duration = Duration::from_secs(5);
/// Requests of an app to itself, each made to answer the one before.
pub const MAX_OWN_DEPTH: u8 = 16;
/// Reads of KV that an isolate has under way; the next one waits in the isolate. Each brings up to 16 MiB, which nothing counts
/// until the isolate takes it.
pub const MAX_KV_READS: usize = 16;
/// Bytes of one log line of an app; the rest is cut off.
pub const MAX_LOG_LINE_BYTES: usize = 64 << 10;
/// Bytes of a key that `node:crypto` makes from a password.
pub const MAX_DERIVED_BYTES: u32 = 1 << 20;
/// Iterations of PBKDF2 in `node:crypto`, for all digests that a key is made of together: some seconds.
pub const MAX_PBKDF2_ROUNDS: u64 = 10_000_000;
/// Memory of one scrypt, whatever `maxmem` says.
pub const MAX_SCRYPT_BYTES: u64 = 256 << 20;
/// Bytes that one scrypt fills, those of each of its `p` parts counted: some seconds.
pub const MAX_SCRYPT_WORK_BYTES: u64 = 1 << 30;
/// The fewest bits of the modulus of an RSA key of `node:crypto`. What has fewer protects nothing.
pub const MIN_RSA_BITS: usize = 512;
/// The most: signing takes their cube, which comes to tenths of a second.
pub const MAX_RSA_BITS: usize = 8192;
/// The most bits of the modulus of a key that is made here: to find its primes takes the fourth power of them, which comes to some seconds.
pub const MAX_GENERATED_RSA_BITS: usize = 4096;
