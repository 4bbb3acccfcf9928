//! `--inspect`: what address it means, and the listener there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::Failure;
use crate::config::Config;
use crate::inspect::server::Inspector;
use crate::inspect::targets::Targets;

/// Where debuggers connect to unless told otherwise; Node's port, which they look at by themselves.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:9229";
const DEFAULT_PORT: u16 = 9229;

/// An address, a port or both.
pub fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = || text.parse().ok().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    let address = || text.parse().ok().map(|address: IpAddr| (address, DEFAULT_PORT).into());
    text.parse().ok().or_else(port).or_else(address).ok_or("give an IP address, a port, or both as 127.0.0.1:9229")
}

/// Listens for debuggers, if they may come.
#[allow(clippy::print_stderr, reason = "this line is part of the command's contract, whatever the log's format")]
pub async fn listen(config: &Config, targets: Option<Arc<Targets>>) -> Result<Option<Inspector>, Failure> {
    let (Some(address), Some(targets)) = (config.inspect, targets) else { return Ok(None) };
    let cannot = |error| Failure::coded("LISTEN", format_args!("cannot listen on {address} for debuggers: {error}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            code = "INSPECT_EXPOSED",
            %address,
            "whoever reaches this address can run code in every app and read its data; use 127.0.0.1 and an SSH tunnel"
        );
    }
    eprintln!("inspector listening on http://{address}");
    Ok(Some(Inspector::start(listener, targets)))
}
