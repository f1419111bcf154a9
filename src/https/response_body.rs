//! What a server sends.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{HttpsError, HttpsErrorKind};

/// The body of a response, as it comes in. It has no limit of its own:
/// `http_body_util::Limited` is one.
pub struct ResponseBody(Incoming);

impl ResponseBody {
    pub(super) fn new(body: Incoming) -> Self {
        Self(body)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpsError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpsError>>> {
        let broken = |error| HttpsError::new(HttpsErrorKind::Exchange).because(error);
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        frame.map(|frame| Some(frame?.map_err(broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
