//! What goes to the server and comes back, as a value.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::BoxError;

/// A body of [`AuthorizationServer`](super::AuthorizationServer), requests and answers
/// alike.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Option<Bytes>,
    cut_off: bool,
}

impl Body {
    /// The first half of this body, and then an error: a connection that breaks in the
    /// middle of an answer.
    pub(super) fn cut_off(mut self) -> Self {
        if let Some(bytes) = &mut self.bytes {
            bytes.truncate(bytes.len() / 2);
        }
        self.cut_off = true;
        self
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self {
            bytes: Some(bytes.into()).filter(|bytes| !bytes.is_empty()),
            cut_off: false,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = &mut *self;
        if let Some(bytes) = body.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let cut_off = std::mem::take(&mut body.cut_off);
        Poll::Ready(cut_off.then(|| Err("the connection was cut off, as the test asked".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.cut_off
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len) as u64;
        if self.cut_off {
            let mut hint = SizeHint::new();
            hint.set_lower(length);
            hint
        } else {
            SizeHint::with_exact(length)
        }
    }
}
