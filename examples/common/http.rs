//! The transport: HTTPS, and plain HTTP where the library lets a token go over it, which is
//! loopback. It follows no redirects.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::Service;
use tower_bearer::{BoxError, BoxFuture};

use super::Log;

#[derive(Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    log: Log,
}

impl Http {
    /// The TLS provider is named: the constructors that guess panic where two are in the
    /// dependency tree.
    pub fn new(log: Log) -> Result<Self, BoxError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, log })
    }

    pub fn log(&self) -> &Log {
        &self.log
    }
}

impl Service<Request<Full<Bytes>>> for Http {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Incoming>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(())) // as the client's own
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        self.log.sent(request.headers());
        let response = self.client.request(request);
        Box::pin(async { Ok(response.await?) })
    }
}
