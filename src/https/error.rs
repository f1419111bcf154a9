//! Why a client could not be built, or a request got no answer.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use hyper_util::client::legacy;

use crate::BoxError;

/// Why a client could not be built, or a request got no answer. Clones share their cause.
#[derive(Clone)]
pub struct HttpsError {
    kind: HttpsErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpsErrorKind {
    /// The root certificates that were given can't be used.
    RootCertificates,
    /// The client certificate that was given, or its key, can't be used.
    ClientCertificate,
    /// Nobody is trusted: there are no root certificates.
    NoRoots,
    /// There is no connection: the name is unknown, or nobody answers there.
    Connect,
    /// There is no connection after this time.
    ConnectTimeout(Duration),
    /// The server's certificate is not one to trust: of an unknown authority, for another
    /// name, or expired.
    ServerCertificate,
    /// Both sides could not agree on TLS.
    Tls,
    /// The connection broke, or what came over it is no HTTP.
    Exchange,
    /// There is no tokio runtime, or it has no I/O or no timer.
    NoRuntime,
}

impl HttpsError {
    pub(super) fn new(kind: HttpsErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// What the connector says is a cause of hyper's error; it is told as it was.
    pub(super) fn of(error: legacy::Error) -> Self {
        let source = error.source();
        match source.and_then(|source| source.downcast_ref::<Self>()) {
            Some(connector) => connector.clone(),
            None => Self::new(HttpsErrorKind::Exchange).because(error),
        }
    }

    pub(super) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What to do about it depends on this.
    #[must_use]
    pub fn kind(&self) -> HttpsErrorKind {
        self.kind
    }
}

impl fmt::Display for HttpsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            HttpsErrorKind::RootCertificates => "the root certificates can't be used",
            HttpsErrorKind::ClientCertificate => "the client certificate can't be used",
            HttpsErrorKind::NoRoots => {
                "there are no root certificates: install those of the system, often a package called `ca-certificates`, or give some with `HttpsBuilder::root_certificates`"
            }
            HttpsErrorKind::Connect => "no connection to the server",
            HttpsErrorKind::ConnectTimeout(limit) => {
                return write!(f, "no connection to the server within {limit:?}");
            }
            HttpsErrorKind::ServerCertificate => {
                "the server's certificate is not trusted: if it is of an authority of your own, give that one's with `HttpsBuilder::root_certificates`"
            }
            HttpsErrorKind::Tls => "no TLS with the server",
            HttpsErrorKind::Exchange => "the exchange with the server broke off",
            HttpsErrorKind::NoRuntime => {
                "no tokio runtime with I/O and a timer: call from one that was built with `enable_all`"
            }
        })
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says, and why.
impl fmt::Debug for HttpsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpsError({self}")?;
        match &self.source {
            Some(source) => write!(f, "; because: {source:?})"),
            None => f.write_str(")"),
        }
    }
}

impl Error for HttpsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
