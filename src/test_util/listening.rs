//! The server on a loopback port.

use std::{convert::Infallible, io, net::SocketAddr};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{AuthorizationServer, documents, service::serve};

/// An [`AuthorizationServer`] that listens on a loopback port, until this is dropped:
/// then its connections are cut and the port is closed.
///
/// # Example
///
/// ```
/// use tower_bearer::test_util::AuthorizationServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_bearer::BoxError> {
/// let listening = AuthorizationServer::builder().listen().await?;
/// assert!(listening.token_url().starts_with("http://127.0.0.1:"));
/// assert_eq!(listening.server().issuer(), listening.url());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Listening {
    server: AuthorizationServer,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    pub(super) fn new(server: AuthorizationServer, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(server.clone(), listener));
        Ok(Self {
            server,
            address,
            task,
        })
    }

    /// The server that listens.
    #[must_use]
    pub fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        documents::below(&self.url(), documents::TOKEN)
    }

    /// Its revocation endpoint.
    #[must_use]
    pub fn revocation_url(&self) -> String {
        documents::below(&self.url(), documents::REVOCATION)
    }

    /// Its JWKS.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        documents::below(&self.url(), documents::JWKS)
    }

    /// Cuts all connections and closes the port; returns when that is done.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The connections live in this task: when it is aborted, so are they.
async fn accept(server: AuthorizationServer, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(server.clone(), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(server: AuthorizationServer, stream: TcpStream) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(serve(&server, request).await) }
    });
    // A connection that breaks is the peer's business, or what the test ordered.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
