//! The way to a response.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use hyper_util::client::legacy;
use tokio::runtime::Handle;

use super::{HttpsError, HttpsErrorKind, ResponseBody};

/// The future of [`HttpsClient`](super::HttpsClient).
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(legacy::ResponseFuture);

impl ResponseFuture {
    pub(super) fn new(response: legacy::ResponseFuture) -> Self {
        Self(response)
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, HttpsError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // hyper starts tasks of its own, which panics outside of a runtime.
        if Handle::try_current().is_err() {
            return Poll::Ready(Err(HttpsError::new(HttpsErrorKind::NoRuntime)));
        }
        let response = Pin::new(&mut self.0).poll(cx);
        response.map(|response| match response {
            Ok(response) => Ok(response.map(ResponseBody::new)),
            Err(error) => Err(HttpsError::of(error)),
        })
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
