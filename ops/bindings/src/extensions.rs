//! The only ordered list of extensions. The base snapshot, an app's snapshot and every runtime are made from it, and
//! must agree on it to the last op.

use std::sync::Arc;

use deno_core::Extension;
use deno_web::{BlobStore, InMemoryBroadcastChannel};

use crate::{
    ciphers, compression, console, database, env, hash, http, key_derivation, kv, random, response_body, snapshot,
    websocket,
};

/// What an import of the platform package resolves to. It has the `node:` scheme because deno_core lets only modules of
/// that scheme and `ext:` import the host's own.
pub const PLATFORM_MODULE: &str = "node:@orilla/platform";

/// What an import of its `/events` resolves to.
pub const PLATFORM_EVENTS_MODULE: &str = "node:@orilla/platform/events";

/// The extensions, in order.
pub fn extensions() -> Vec<Extension> {
    let blob_store = Arc::new(BlobStore::default());
    vec![
        deno_webidl::deno_webidl::init(),
        retain(deno_web::deno_web::init(blob_store, None, false, InMemoryBroadcastChannel::default()), |name| {
            !LEFT_OUT.iter().any(|prefix| name.starts_with(prefix))
        }),
        deno_crypto::deno_crypto::init(None),
        retain(deno_telemetry::deno_telemetry::init(), |_| false),
        deno_tls::deno_tls::init(),
        retain(deno_net::deno_net::init(None, None), |_| false),
        deno_fetch::deno_fetch::init(fetch_options()),
        orilla_web::init(),
        orilla_node::init(),
        orilla_platform::init(),
    ]
}

fn fetch_options() -> deno_fetch::Options {
    deno_fetch::Options { user_agent: "Orilla".to_owned(), ..deno_fetch::Options::default() }
}

/// How the ops and classes of deno_web begin that are left out: those of interfaces which apps on a server have no use for, style
/// sheets, geometry, images and locks between windows; and those that are [ours](compression).
const LEFT_OUT: [&str; 6] = ["CSS", "DOM", "ImageData", "op_geometry_", "op_lock_manager_", "op_compression_"];

/// The same extension with only some of its ops and classes, by name: each op and each method costs time at every boot, and what
/// apps must not reach should not be there at all.
fn retain(mut extension: Extension, keep: impl Fn(&str) -> bool) -> Extension {
    extension.ops.to_mut().retain(|op| keep(op.name));
    extension.objects.to_mut().retain(|class| keep(class.name.0));
    extension
}

deno_core::extension!(
    orilla_web,
    deps = [deno_webidl, deno_web, deno_crypto, deno_fetch],
    ops = [
        ciphers::op_cipher_additional_data,
        ciphers::op_cipher_create,
        ciphers::op_cipher_final,
        ciphers::op_cipher_tag,
        ciphers::op_cipher_update,
        ciphers::op_cipher_verify,
        compression::op_compression_end,
        compression::op_compression_finish,
        compression::op_compression_new,
        compression::op_compression_write,
        console::op_console_write,
        env::op_env_get,
        env::op_env_names,
        hash::op_hash_copy,
        hash::op_hash_create,
        hash::op_hash_digest,
        hash::op_hash_update,
        hash::op_hmac_create,
        hash::op_timing_safe_equal,
        http::op_invocation_done,
        http::op_invocation_failed,
        http::op_request_body_bytes,
        http::op_request_body_cancel,
        http::op_request_body_read,
        http::op_request_body_text,
        http::op_request_header,
        http::op_request_headers,
        http::op_respond_bytes,
        http::op_respond_stream,
        http::op_respond_string,
        http::op_respond_text,
        http::op_respond_websocket,
        http::op_subrequest,
        http::op_subrequest_connects,
        key_derivation::op_hkdf,
        key_derivation::op_pbkdf2,
        key_derivation::op_pbkdf2_sync,
        key_derivation::op_scrypt,
        key_derivation::op_scrypt_sync,
        random::op_random_fill,
        response_body::op_body_close,
        response_body::op_body_error,
        response_body::op_body_room,
        response_body::op_body_write,
        response_body::op_response_room,
        snapshot::op_note_late_module,
        snapshot::op_register_entry_points,
        snapshot::op_snapshot_hazard,
        websocket::op_websocket_close,
        websocket::op_websocket_next,
        websocket::op_websocket_open,
        websocket::op_websocket_send_bytes,
        websocket::op_websocket_send_text,
        websocket::op_websocket_unsent,
        database::op_database_begin,
        database::op_database_call,
        database::op_database_call_in,
        database::op_database_end,
        kv::op_kv_delete,
        kv::op_kv_get,
        kv::op_kv_get_cached,
        kv::op_kv_list,
        kv::op_kv_put,
    ],
    esm_entry_point = "ext:orilla_web/bootstrap.js",
    esm = [
        dir "../../js/web",
        "async_context.js",
        "bootstrap.js",
        "console.js",
        "crypto.js",
        "deploy_phases.js",
        "dispatch.js",
        "env.js",
        "errors.js",
        "fetch.js",
        "first.js",
        "globals.js",
        "inbound_request.js",
        "node_host.js",
        "respond.js",
        "response.js",
        "snapshot_guard.js",
        "uncaught.js",
        "web_idl.js",
        "web_socket_pair.js",
    ],
    lazy_loaded_esm = [dir "../../js/web", "web_socket.js"],
    lazy_loaded_js = [
        dir "../../js/web",
        "client.js",
        "compression.js",
        "crypto_engine.js",
        "integrity.js",
        "posting.js",
    ],
);

// Modules that Node has. Most frameworks look at `process` in their first request, so it is ready with what it needs; the
// others are compiled when an app first imports one. What is under internal/ is for them alone.
deno_core::extension!(
    orilla_node,
    deps = [orilla_web],
    esm = [
        dir "../../js/web/node",
        "node:async_hooks" = "async_hooks.js",
        "node:events" = "events.js",
        "node:process" = "process.js",
        "ext:orilla_web/node/internal/errors.js" = "internal/errors.js",
        "ext:orilla_web/node/internal/event_iterator.js" = "internal/event_iterator.js",
        "ext:orilla_web/node/internal/event_waiting.js" = "internal/event_waiting.js",
        "ext:orilla_web/node/internal/next_tick.js" = "internal/next_tick.js",
        "ext:orilla_web/node/internal/validate.js" = "internal/validate.js",
        "ext:orilla_web/node/internal/warning.js" = "internal/warning.js",
    ],
    lazy_loaded_esm = [
        dir "../../js/web/node",
        "node:assert" = "assert.js",
        "node:assert/strict" = "assert/strict.js",
        "node:buffer" = "buffer.js",
        "node:child_process" = "child_process.js",
        "node:cluster" = "cluster.js",
        "node:console" = "console.js",
        "node:constants" = "constants.js",
        "node:crypto" = "crypto.js",
        "node:dgram" = "dgram.js",
        "node:diagnostics_channel" = "diagnostics_channel.js",
        "node:dns" = "dns.js",
        "node:dns/promises" = "dns/promises.js",
        "node:domain" = "domain.js",
        "node:fs" = "fs.js",
        "node:fs/promises" = "fs/promises.js",
        "node:http" = "http.js",
        "node:http2" = "http2.js",
        "node:https" = "https.js",
        "node:inspector" = "inspector.js",
        "node:inspector/promises" = "inspector/promises.js",
        "node:module" = "module.js",
        "node:net" = "net.js",
        "node:os" = "os.js",
        "node:path" = "path.js",
        "node:path/posix" = "path/posix.js",
        "node:path/win32" = "path/win32.js",
        "node:perf_hooks" = "perf_hooks.js",
        "node:punycode" = "punycode.js",
        "node:querystring" = "querystring.js",
        "node:readline" = "readline.js",
        "node:readline/promises" = "readline/promises.js",
        "node:repl" = "repl.js",
        "node:sea" = "sea.js",
        "node:sqlite" = "sqlite.js",
        "node:stream" = "stream.js",
        "node:stream/consumers" = "stream/consumers.js",
        "node:stream/promises" = "stream/promises.js",
        "node:stream/web" = "stream/web.js",
        "node:string_decoder" = "string_decoder.js",
        "node:sys" = "sys.js",
        "node:timers" = "timers.js",
        "node:timers/promises" = "timers/promises.js",
        "node:tls" = "tls.js",
        "node:trace_events" = "trace_events.js",
        "node:tty" = "tty.js",
        "node:url" = "url.js",
        "node:util" = "util.js",
        "node:util/types" = "util/types.js",
        "node:v8" = "v8.js",
        "node:vm" = "vm.js",
        "node:wasi" = "wasi.js",
        "node:worker_threads" = "worker_threads.js",
        "node:zlib" = "zlib.js",
        "ext:orilla_web/node/internal/absent.js" = "internal/absent.js",
        "ext:orilla_web/node/internal/assertion_error.js" = "internal/assertion_error.js",
        "ext:orilla_web/node/internal/buffer/create.js" = "internal/buffer/create.js",
        "ext:orilla_web/node/internal/buffer/encodings.js" = "internal/buffer/encodings.js",
        "ext:orilla_web/node/internal/buffer/numbers.js" = "internal/buffer/numbers.js",
        "ext:orilla_web/node/internal/buffer/search.js" = "internal/buffer/search.js",
        "ext:orilla_web/node/internal/buffer/text_kind.js" = "internal/buffer/text_kind.js",
        "ext:orilla_web/node/internal/ciphers.js" = "internal/ciphers.js",
        "ext:orilla_web/node/internal/constants/crypto.js" = "internal/constants/crypto.js",
        "ext:orilla_web/node/internal/constants/http.js" = "internal/constants/http.js",
        "ext:orilla_web/node/internal/constants/http2.js" = "internal/constants/http2.js",
        "ext:orilla_web/node/internal/constants/system.js" = "internal/constants/system.js",
        "ext:orilla_web/node/internal/constants/zlib.js" = "internal/constants/zlib.js",
        "ext:orilla_web/node/internal/crypto_absent.js" = "internal/crypto_absent.js",
        "ext:orilla_web/node/internal/crypto_input.js" = "internal/crypto_input.js",
        "ext:orilla_web/node/internal/deep_equal.js" = "internal/deep_equal.js",
        "ext:orilla_web/node/internal/dns.js" = "internal/dns.js",
        "ext:orilla_web/node/internal/format.js" = "internal/format.js",
        "ext:orilla_web/node/internal/fs_output.js" = "internal/fs_output.js",
        "ext:orilla_web/node/internal/http_agent.js" = "internal/http_agent.js",
        "ext:orilla_web/node/internal/inspect.js" = "internal/inspect.js",
        "ext:orilla_web/node/internal/inspect/builtins.js" = "internal/inspect/builtins.js",
        "ext:orilla_web/node/internal/inspect/errors.js" = "internal/inspect/errors.js",
        "ext:orilla_web/node/internal/inspect/layout.js" = "internal/inspect/layout.js",
        "ext:orilla_web/node/internal/inspect/names.js" = "internal/inspect/names.js",
        "ext:orilla_web/node/internal/inspect/reading.js" = "internal/inspect/reading.js",
        "ext:orilla_web/node/internal/inspect/text.js" = "internal/inspect/text.js",
        "ext:orilla_web/node/internal/key_derivation.js" = "internal/key_derivation.js",
        "ext:orilla_web/node/internal/key_object.js" = "internal/key_object.js",
        "ext:orilla_web/node/internal/lazy_transform.js" = "internal/lazy_transform.js",
        "ext:orilla_web/node/internal/legacy_url.js" = "internal/legacy_url.js",
        "ext:orilla_web/node/internal/parse_env.js" = "internal/parse_env.js",
        "ext:orilla_web/node/internal/punycode.js" = "internal/punycode.js",
        "ext:orilla_web/node/internal/stream/abort_signal.js" = "internal/stream/abort_signal.js",
        "ext:orilla_web/node/internal/stream/chunk_queue.js" = "internal/stream/chunk_queue.js",
        "ext:orilla_web/node/internal/stream/destroy.js" = "internal/stream/destroy.js",
        "ext:orilla_web/node/internal/stream/duplex.js" = "internal/stream/duplex.js",
        "ext:orilla_web/node/internal/stream/errors.js" = "internal/stream/errors.js",
        "ext:orilla_web/node/internal/stream/finish.js" = "internal/stream/finish.js",
        "ext:orilla_web/node/internal/stream/finished.js" = "internal/stream/finished.js",
        "ext:orilla_web/node/internal/stream/flow.js" = "internal/stream/flow.js",
        "ext:orilla_web/node/internal/stream/from.js" = "internal/stream/from.js",
        "ext:orilla_web/node/internal/stream/high_water_mark.js" = "internal/stream/high_water_mark.js",
        "ext:orilla_web/node/internal/stream/kind.js" = "internal/stream/kind.js",
        "ext:orilla_web/node/internal/stream/legacy.js" = "internal/stream/legacy.js",
        "ext:orilla_web/node/internal/stream/operators.js" = "internal/stream/operators.js",
        "ext:orilla_web/node/internal/stream/pipe.js" = "internal/stream/pipe.js",
        "ext:orilla_web/node/internal/stream/pipeline.js" = "internal/stream/pipeline.js",
        "ext:orilla_web/node/internal/stream/properties.js" = "internal/stream/properties.js",
        "ext:orilla_web/node/internal/stream/readable.js" = "internal/stream/readable.js",
        "ext:orilla_web/node/internal/stream/readable_iterator.js" = "internal/stream/readable_iterator.js",
        "ext:orilla_web/node/internal/stream/web.js" = "internal/stream/web.js",
        "ext:orilla_web/node/internal/stream/writable.js" = "internal/stream/writable.js",
        "ext:orilla_web/node/internal/win32_path.js" = "internal/win32_path.js",
    ],
);

deno_core::extension!(
    orilla_platform,
    deps = [orilla_web],
    esm = [
        dir "../../js/platform",
        "database.js",
        "json.js",
        "kv.js",
        "node:@orilla/platform" = "platform.js",
        "node:@orilla/platform/events" = "events.js",
    ],
);
