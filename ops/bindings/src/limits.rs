//! Limits of the way between an app and its clients that an app cannot change. docs/limits.md lists them.

/// Chunks of a streamed response body that wait for a slow client before the app's stream has to.
pub const MAX_QUEUED_BODY_CHUNKS: usize = 16;
/// Pieces of answers up to this size are not counted where they wait for slow clients: connections are bounded, and with
/// them these.
pub const UNCOUNTED_ANSWER_BYTES: usize = 1 << 10;
/// Messages that wait for a slow WebSocket client; one more closes the connection.
pub const MAX_QUEUED_WEBSOCKET_MESSAGES: usize = 1024;
/// Messages of a WebSocket client that wait for the app before the client has to.
pub const MAX_UNREAD_WEBSOCKET_MESSAGES: usize = 64;
/// Bytes of one log line of an app; the rest is cut off.
pub const MAX_LOG_LINE_BYTES: usize = 64 << 10;
