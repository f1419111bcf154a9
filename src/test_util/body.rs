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
    end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum End {
    #[default]
    Whole,
    /// Waits once, so that what was written before goes out.
    AboutToBreak,
    Breaks,
}

impl Body {
    /// The first half of this body, and then an error: a connection that breaks in the
    /// middle of an answer.
    pub(super) fn cut_off(mut self) -> Self {
        if let Some(bytes) = &mut self.bytes {
            bytes.truncate(bytes.len() / 2);
        }
        self.end = End::AboutToBreak;
        self
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self {
            bytes: Some(bytes.into()).filter(|bytes| !bytes.is_empty()),
            end: End::Whole,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::AboutToBreak => {
                self.end = End::Breaks;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            End::Breaks => {
                self.end = End::Whole;
                let error = "the connection was cut off, as the test asked";
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len) as u64;
        let mut hint = SizeHint::with_exact(length);
        if self.end != End::Whole {
            hint = SizeHint::new();
            hint.set_lower(length);
        }
        hint
    }
}
