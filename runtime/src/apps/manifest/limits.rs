//! The limits of an app: one table of names, defaults and ranges. It never enforces one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[doc = $doc:expr])* $name:ident = $default:literal in $min:literal ..= $max:literal,)*) => {
        /// The limits an app runs under.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        /// Limits as they are written down: in a manifest what the app asks for, in orilla.toml what the host allows at
        /// most.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct LimitSettings {
            $(
                $(#[doc = $doc])*
                #[schemars(range(min = $min as u64, max = $max as u64), extend("default" = $default as u64))]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<u64>,
            )*
        }

        impl Limits {
            /// What an app gets that asks for nothing, on a host without caps.
            pub const DEFAULT: Self = Self { $($name: $default),* };

            /// What `asked` gets on a host that allows `caps`. A limit that is not asked for is its default, or the cap
            /// where that is lower.
            ///
            /// # Errors
            /// Every limit asked for above its cap, as name, value and cap.
            pub fn resolve(asked: &LimitSettings, caps: &LimitSettings) -> Result<Self, Vec<(&'static str, u64, u64)>> {
                let mut above = Vec::new();
                let mut limit = |name, asked: Option<u64>, cap: Option<u64>, default: u64| {
                    if let (Some(asked), Some(cap)) = (asked, cap) && asked > cap {
                        above.push((name, asked, cap));
                    }
                    asked.unwrap_or_else(|| cap.map_or(default, |cap| cap.min(default)))
                };
                let limits =
                    Self { $($name: limit(stringify!($name), asked.$name, caps.$name, Self::DEFAULT.$name),)* };
                if above.is_empty() { Ok(limits) } else { Err(above) }
            }
        }
    };
}

/// A week: longer than anybody stands at a breakpoint, and no arithmetic overflows by it.
const UNHURRIED_MS: u64 = 7 * 24 * 60 * 60 * 1000;

impl Limits {
    /// The same, without those of time.
    pub fn unhurried(self) -> Self {
        Self { wall_ms: UNHURRIED_MS, cpu_ms: UNHURRIED_MS, queue_wait_ms: UNHURRIED_MS, ..self }
    }
}

limits! {
    /// Milliseconds an invocation may last, from its arrival to its response and its last `ctx.waitUntil` promise. A
    /// response that is still streaming and a WebSocket last as long as they are used.
    wall_ms = 30_000 in 1..=900_000,
    /// Milliseconds of CPU time one invocation may use.
    cpu_ms = 10_000 in 1..=300_000,
    /// Mebibytes of JavaScript heap of one isolate.
    heap_mb = 128 in 8..=4_096,
    /// Mebibytes of ArrayBuffers of one isolate; they lie outside the JavaScript heap.
    array_buffer_mb = 128 in 1..=4_096,
    /// Bytes of a request body.
    request_body_bytes = 10_485_760 in 0..=1_073_741_824,
    /// Bytes of a response body.
    response_body_bytes = 1_073_741_824 in 0..=17_179_869_184,
    /// Bytes of all names and values of a response's headers.
    response_header_bytes = 65_536 in 1_024..=1_048_576,
    /// Requests that run at the same time in one isolate.
    concurrent_requests = 64 in 1..=1_024,
    /// Requests that wait for a place in an isolate.
    queued_requests = 256 in 0..=10_000,
    /// Milliseconds a request waits for a place in an isolate before it is answered 503.
    queue_wait_ms = 5_000 in 0..=60_000,
    /// Connections one invocation may ask for: calls of `fetch`, `new WebSocket` and `new EventSource`.
    subrequests = 200 in 0..=10_000,
    /// WebSockets open at the same time in one isolate.
    websockets = 1_000 in 0..=10_000,
}
