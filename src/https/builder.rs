//! What a client is built from.

use std::{fmt, time::Duration};

use http_body::Body;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    HttpsClient, HttpsError,
    connector::Connector,
    tls::{self, Identity, Roots},
};
use crate::BoxError;

/// Builds an [`HttpsClient`] that differs from the defaults.
///
/// # Defaults
///
/// | matter | default |
/// | --- | --- |
/// | who is trusted | whom the operating system trusts |
/// | who we are | no client certificate |
/// | until a connection is there: name, TCP and TLS | 10 s |
/// | an unused connection is kept | 90 s |
/// | TLS versions | 1.3 and 1.2 |
///
/// # Example
///
/// Mutual TLS with an authority of one's own:
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::fs::read;
/// use tower_bearer::HttpsClient;
///
/// let https = HttpsClient::builder()
///     .root_certificates(read("ca.pem")?)?
///     .client_certificate(read("client.pem")?, read("client-key.pem")?)?
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HttpsBuilder {
    roots: Roots,
    identity: Option<Identity>,
    connect_timeout: Duration,
}

impl HttpsBuilder {
    /// Trusts these authorities too: certificates in PEM, one or several. May be called for
    /// several files.
    ///
    /// # Errors
    ///
    /// When there is no certificate in it, or one of them is broken.
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Result<Self, HttpsError> {
        self.roots.add(pem.as_ref())?;
        Ok(self)
    }

    /// Trusts the [root certificates](Self::root_certificates) that were given, and not whom
    /// the operating system trusts besides.
    #[must_use]
    pub fn without_system_roots(mut self) -> Self {
        self.roots.leave_out_the_systems();
        self
    }

    /// Shows this certificate to servers that ask for one (mutual TLS): the chain in PEM, our
    /// own certificate first, and its private key in PEM (PKCS#8, PKCS#1 or SEC 1, not
    /// encrypted). Both may stand in one file.
    ///
    /// # Errors
    ///
    /// When either is missing or broken, when the key is of a kind that TLS does not take, or
    /// when it is not the certificate's.
    pub fn client_certificate(
        mut self,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, HttpsError> {
        self.identity = Some(Identity::from_pem(chain.as_ref(), key.as_ref())?);
        Ok(self)
    }

    /// How long a request waits for a connection. What comes then has no deadline here:
    /// `tower::timeout` is one.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Builds it. Nothing is connected until there is a request.
    ///
    /// # Errors
    ///
    /// When nobody is trusted: the system has no root certificates and none were given.
    pub fn build(self) -> Result<HttpsClient, HttpsError> {
        self.build_for()
    }

    /// The same for request bodies of another type, such as streams.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_for<B>(self) -> Result<HttpsClient<B>, HttpsError>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let config = tls::config(&self.roots, self.identity)?;
        let connector = Connector::new(config, self.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(HttpsClient::over(client))
    }
}

impl Default for HttpsBuilder {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            identity: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for HttpsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsBuilder").finish_non_exhaustive()
    }
}
