//! A response's body, as it came or with a part that was read ahead.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response of [`Envelope`](super::Envelope): byte for byte the body of the
    /// inner service, whether it was looked into or not.
    pub struct EnvelopeBody<B>
    where
        B: Body,
    {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<B>
    where
        B: Body,
    {
        /// It was not looked into.
        Untouched { #[pin] body: B },
        /// Its beginning was, or all of it.
        Read { body: Pin<Box<ReadAhead<B>>> },
    }
}

impl<B: Body> EnvelopeBody<B> {
    pub(super) fn untouched(body: B) -> Self {
        Self {
            state: State::Untouched { body },
        }
    }

    pub(super) fn read(body: Pin<Box<ReadAhead<B>>>) -> Self {
        Self {
            state: State::Read { body },
        }
    }
}

impl<B: Body> Body for EnvelopeBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().state.project() {
            StateProj::Untouched { body } => body.poll_frame(cx).map_ok(in_bytes),
            StateProj::Read { body } => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Untouched { body } => body.is_end_stream(),
            State::Read { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Untouched { body } => body.size_hint(),
            State::Read { body } => body.size_hint(),
        }
    }
}

fn in_bytes<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    // Where the data are `Bytes`, this takes them and copies nothing.
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

pin_project! {
    /// What was read of a body, and the rest of it: together, the body.
    pub(super) struct ReadAhead<B>
    where
        B: Body,
    {
        #[pin]
        rest: B,
        data: BytesMut,
        trailers: Option<HeaderMap>,
        error: Option<B::Error>,
        has_ended: bool,
    }
}

impl<B: Body> ReadAhead<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            rest: body,
            data: BytesMut::new(),
            trailers: None,
            error: None,
            has_ended: false,
        }
    }

    /// What was read so far and not yet given back.
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Reads to the end of a body that has this length, or until it turns out that it has
    /// not, and says so.
    pub(super) fn poll_whole(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        length: usize,
    ) -> Poll<Result<(), &'static str>> {
        let mut this = self.project();
        while !this.rest.is_end_stream() {
            let Some(frame) = ready!(this.rest.as_mut().poll_frame(cx)) else {
                break;
            };
            match frame.map(Frame::into_data) {
                Err(error) => {
                    *this.error = Some(error);
                    return Poll::Ready(Err("it broke off"));
                }
                Ok(Err(frame)) => {
                    // Nothing but the end comes after trailers.
                    *this.trailers = frame.into_trailers().ok();
                    return Poll::Ready(of_length(length, this.data));
                }
                Ok(Ok(data)) => {
                    let is_empty = !data.has_remaining();
                    this.data.put(data);
                    if this.data.len() > length {
                        return Poll::Ready(of_length(length, this.data));
                    }
                    if is_empty {
                        // There may be no end of these; others want to run, a timer among them.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
            }
        }
        *this.has_ended = true;
        Poll::Ready(of_length(length, this.data))
    }
}

fn of_length(length: usize, data: &[u8]) -> Result<(), &'static str> {
    match data.len() == length {
        true => Ok(()),
        false => Err("its length is not the declared one"),
    }
}

impl<B: Body> Body for ReadAhead<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if !this.data.is_empty() {
            let data = std::mem::take(this.data).freeze();
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(trailers) = this.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match this.has_ended {
            true => Poll::Ready(None),
            false => this.rest.poll_frame(cx).map_ok(in_bytes),
        }
    }

    fn is_end_stream(&self) -> bool {
        let is_given_back = self.data.is_empty() && self.trailers.is_none() && self.error.is_none();
        is_given_back && (self.has_ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let read = u64::try_from(self.data.len()).unwrap_or(u64::MAX);
        let mut hint = match self.has_ended {
            true => SizeHint::with_exact(0),
            false => self.rest.size_hint(),
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(hint.lower().saturating_add(read));
        hint
    }
}

impl<B: Body> fmt::Debug for EnvelopeBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeBody").finish_non_exhaustive()
    }
}
