//! From a name to a connection: in time, and without a panic.

use std::{
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{HttpsError, HttpsErrorKind};
use crate::{BoxError, BoxFuture};

#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(config: ClientConfig, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http() // the layers above decide where http may go
            .enable_all_versions()
            .wrap_connector(tcp);
        Self { https, limit }
    }
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = HttpsError;
    type Future = BoxFuture<'static, Result<Connection, HttpsError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HttpsError>> {
        self.https.poll_ready(cx).map_err(not_connected)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.https.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            let timed = async { tokio::time::timeout(limit, connecting).await };
            match without_panic(timed).await {
                Some(Ok(connected)) => connected.map_err(not_connected),
                Some(Err(_)) => Err(HttpsError::new(HttpsErrorKind::ConnectTimeout(limit))),
                None => Err(HttpsError::new(HttpsErrorKind::NoRuntime)),
            }
        })
    }
}

/// tokio panics where its runtime was built without I/O or a timer, and offers no way to ask
/// before.
async fn without_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

fn not_connected(error: BoxError) -> HttpsError {
    let kind = match tls_error(&error) {
        Some(rustls::Error::InvalidCertificate(_)) => HttpsErrorKind::ServerCertificate,
        Some(_) => HttpsErrorKind::Tls,
        None => HttpsErrorKind::Connect,
    };
    HttpsError::new(kind).because(error)
}

/// TLS errors come inside of I/O errors, which don't name them as their source.
fn tls_error(error: &BoxError) -> Option<&rustls::Error> {
    let mut error = error.downcast_ref::<io::Error>()?.get_ref()?;
    while let Some(inner) = error.downcast_ref::<io::Error>() {
        error = inner.get_ref()?;
    }
    error.downcast_ref()
}
