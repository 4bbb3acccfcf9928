//! Accepts connections: plain or TLS, HTTP/1.1 or HTTP/2, a bounded number of them, and drains them when told to stop.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::unconstrained;
use tokio_rustls::TlsAcceptor;

use super::coalesced::Coalesced;
use super::handle::{Host, Peer};
use super::patience::{Activity, Answer, Patience, Patient};
use super::places::{Orders, Place, Places};
use super::taken::Taken;
use crate::config::Server as ServerConfig;
use crate::isolate::phases::STOPPED_TIMEOUT;

/// Longest that a TLS handshake may take.
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// `TLS_CERTIFICATE`
    #[error("the certificate {0} cannot be used: {1}")]
    Certificate(String, String),
    /// `TLS_KEY`
    #[error("the key {0} cannot be used: {1}")]
    Key(String, String),
}

impl TlsError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate(..) => "TLS_CERTIFICATE",
            Self::Key(..) => "TLS_KEY",
        }
    }
}

/// The acceptor for a certificate and its key.
pub fn tls_acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let certificate_error =
        |error: &dyn std::fmt::Display| TlsError::Certificate(certificate.display().to_string(), error.to_string());
    let key_error = |error: &dyn std::fmt::Display| TlsError::Key(key.display().to_string(), error.to_string());
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|error| certificate_error(&error))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|error| certificate_error(&error))?;
    if chain.is_empty() {
        return Err(certificate_error(&"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| key_error(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| certificate_error(&error))?.with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).map_err(|error| key_error(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A listener and what it does with connections.
pub struct Server {
    /// Where connections come from.
    pub listener: TcpListener,
    /// Speaks TLS, if it does.
    pub tls: Option<TlsAcceptor>,
    /// Answers requests.
    pub host: Arc<Host>,
    /// Timeouts and bounds.
    pub config: ServerConfig,
    /// Connections open at the same time; further ones wait.
    pub max_connections: usize,
}

impl Server {
    /// Serves until `stop`; then requests in flight get the drain time to finish.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let mut places = Places::new(self.max_connections, self.host.metrics.clone());
        let http = Arc::new(self.http());
        let patience = Patience {
            idle: Duration::from_millis(self.config.keep_alive_timeout_ms),
            head: Duration::from_millis(self.config.header_read_timeout_ms),
            send: Duration::from_millis(self.config.send_timeout_ms),
        };
        tokio::pin!(stop);
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    failing = false;
                    let (place, orders) = tokio::select! {
                        () = &mut stop => break,
                        taken = places.take() => taken,
                    };
                    let connection = Connection {
                        host: self.host.clone(),
                        tls: self.tls.clone(),
                        http: http.clone(),
                        patience,
                        orders,
                    };
                    tokio::spawn(connection.run(stream, place, address));
                }
                // Out of file descriptors, most likely: closing connections will free some.
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(code = "ACCEPT_FAILED", %error, "connections cannot be accepted now");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(self.listener);
        let shares: Vec<_> = self.host.apps.all().iter().flat_map(|app| app.shares().to_vec()).collect();
        let farewells: Vec<_> = shares.iter().filter_map(|share| share.pool.stop()).collect();
        let patience = Duration::from_millis(self.config.drain_timeout_ms);
        if tokio::time::timeout(patience, places.drain()).await.is_err() {
            tracing::warn!(code = "DRAIN_TIMEOUT", "requests were still in flight when the drain time was over");
        }
        let farewells = async {
            for farewell in farewells {
                // A task of ours does not panic, and there is nothing to do about one that did.
                let _ = farewell.await;
            }
        };
        // Each keeps to this time itself, from when the requests have ended.
        let _ = tokio::time::timeout(STOPPED_TIMEOUT, farewells).await;
    }

    fn http(&self) -> auto::Builder<TokioExecutor> {
        let mut http = auto::Builder::new(TokioExecutor::new());
        let header_bytes = usize::try_from(self.config.max_header_bytes).unwrap_or(usize::MAX);
        http.http1()
            // hyper's one time for the head counts that without a request as well; there is a time for each in `patience`.
            .header_read_timeout(None)
            .max_buf_size(header_bytes);
        http.http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(256)
            .keep_alive_interval(Duration::from_millis(self.config.keep_alive_timeout_ms))
            .keep_alive_timeout(Duration::from_secs(20));
        http
    }
}

struct Connection {
    host: Arc<Host>,
    tls: Option<TlsAcceptor>,
    http: Arc<auto::Builder<TokioExecutor>>,
    patience: Patience,
    orders: Orders,
}

impl Connection {
    async fn run(self, stream: TcpStream, place: Place, address: SocketAddr) {
        // A socket that cannot be set so is slower, not broken.
        let _ = stream.set_nodelay(true);
        // Below TLS, which takes bytes before the client does.
        let stream = Taken::new(stream, place, self.patience.send);
        match self.tls.clone() {
            None => self.serve(stream, address).await,
            Some(tls) => match tokio::time::timeout(TLS_HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, address).await,
                Ok(Err(error)) => tracing::debug!(%error, %address, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
            },
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, address: SocketAddr) {
        let peer = Peer::new(address);
        let host = self.host;
        let activity = Activity::begin();
        let stream = Patient::new(Coalesced(stream), self.patience, activity.clone());
        let answers = activity.clone();
        let service = service_fn(move |request| {
            let (host, peer, answering) = (host.clone(), peer.clone(), answers.answer());
            async move {
                let response = host.handle(peer, request).await;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    answering.upgrade();
                }
                Ok::<_, Infallible>(response.map(|observed| {
                    let is_kept = !observed.body.is_file();
                    Answer::new(observed, is_kept, answering)
                }))
            }
        });
        let mut connection = std::pin::pin!(self.http.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let heard = self.orders.heard();
        let mut end = std::pin::pin!(unconstrained(self.orders.end(&activity, &heard)));
        let mut has_asked = false;
        let ended = poll_fn(|cx| {
            // First what has come: a request that is there is answered.
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            // A task's waker stays the same, so that this is asked for once and with each order, and not with each request.
            let asks = !has_asked || !heard.all();
            has_asked = true;
            if activity.is_told_to_end() || asks && end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        });
        let ended = match ended.await {
            Some(ended) => ended,
            None => {
                activity.tell_to_end();
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %address, "a connection broke off");
        }
    }
}
