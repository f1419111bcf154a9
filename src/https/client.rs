//! The service.

use std::{
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use tower_service::Service;

use super::{HttpsBuilder, HttpsError, ResponseBody, ResponseFuture, connector::Connector};
use crate::BoxError;

/// An HTTP client for `https`, and for `http` where the layers above allow it: HTTP/2 where
/// the server offers it, else HTTP/1.1. Clones share their connections.
///
/// `B` is the type of the bodies that are sent; [`HttpsBuilder::build_for`] chooses another. As the way to a token endpoint it has to be
/// made from [`Bytes`], as [`Full<Bytes>`](Full) is.
///
/// # Defaults
///
/// Those of [`HttpsBuilder`].
///
/// # Example
///
/// ```no_run
/// # async fn run() -> Result<(), tower_bearer::https::HttpsError> {
/// use http_body_util::Full;
/// use tower::ServiceExt;
/// use tower_bearer::HttpsClient;
///
/// let request = http::Request::get("https://api.example/").body(Full::default()).unwrap();
/// let response = HttpsClient::new()?.oneshot(request).await?;
/// # let _ = response;
/// # Ok(()) }
/// ```
pub struct HttpsClient<B = Full<Bytes>>(Client<Connector, B>);

impl HttpsClient {
    /// A client that trusts whom the operating system trusts.
    ///
    /// # Errors
    ///
    /// When the system has no root certificates, as in a container image without them.
    pub fn new() -> Result<Self, HttpsError> {
        Self::builder().build()
    }

    /// For everything that differs from the defaults.
    #[must_use]
    pub fn builder() -> HttpsBuilder {
        HttpsBuilder::default()
    }
}

impl<B> HttpsClient<B> {
    pub(super) fn over(client: Client<Connector, B>) -> Self {
        Self(client)
    }
}

impl<B> Service<Request<B>> for HttpsClient<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = HttpsError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpsError>> {
        Poll::Ready(Ok(())) // a connection is sought when there is a request for it
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture::new(self.0.request(request))
    }
}

impl<B> Clone for HttpsClient<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B> fmt::Debug for HttpsClient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsClient").finish_non_exhaustive()
    }
}
