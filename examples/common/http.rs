//! The transport: HTTPS, and plain HTTP where the library lets a token go over it, which is
//! loopback. It follows no redirects.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::Service;
use tower_bearer::{BoxError, BoxFuture, HttpsClient, https::ResponseBody};

use super::Log;

/// `HttpsClient`, and a note of the token that each request carries.
#[derive(Clone, Debug)]
pub struct Http {
    client: HttpsClient,
    log: Log,
}

impl Http {
    pub fn new(log: Log) -> Result<Self, BoxError> {
        let client = HttpsClient::new()?;
        Ok(Self { client, log })
    }

    pub fn log(&self) -> &Log {
        &self.log
    }
}

impl Service<Request<Full<Bytes>>> for Http {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Request<Full<Bytes>>>::poll_ready(&mut self.client, cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        self.log.sent(request.headers());
        let response = self.client.call(request);
        Box::pin(async { Ok(response.await?) })
    }
}
