use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::ReplayPolicy;

/// Keeps what passes through while a body is sent, up to a limit in bytes, so that a
/// stream can be repeated. A body that turns out to be larger is sent once.
///
/// The inner service sees [`BufferedBody<B>`] in place of `B`.
///
/// # Defaults
///
/// 64 KiB.
#[derive(Clone, Copy, Debug)]
pub struct BufferedBodies {
    limit: usize,
}

impl BufferedBodies {
    /// Keeps at most `limit` bytes of a body.
    #[must_use]
    pub fn up_to(limit: usize) -> Self {
        Self { limit }
    }
}

impl Default for BufferedBodies {
    fn default() -> Self {
        Self::up_to(64 * 1024)
    }
}

impl<B: Body> ReplayPolicy<B> for BufferedBodies {
    type Body = BufferedBody<B>;
    type Kept = Recording<B>;

    fn split(&self, body: B) -> (BufferedBody<B>, Option<Recording<B>>) {
        let lower = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if lower > self.limit {
            return (self.pass(body), None);
        }
        let record = Arc::new(Mutex::new(Record {
            data: BytesMut::new(),
            trailers: None,
            room: Some(self.limit),
            ended: false,
            rest: None,
        }));
        let recorded = BufferedBody {
            before: VecDeque::new(),
            rest: Some(Box::pin(body)),
            record: Some(record.clone()),
        };
        (recorded, Some(Recording(record)))
    }

    fn pass(&self, body: B) -> BufferedBody<B> {
        BufferedBody {
            before: VecDeque::new(),
            rest: Some(Box::pin(body)),
            record: None,
        }
    }

    fn again(&self, Recording(record): Recording<B>) -> Option<BufferedBody<B>> {
        let mut record = lock(&record);
        // Without room it grew too large or broke. Without an end or a rest the inner
        // service is still reading it.
        record.room?;
        if !record.ended && record.rest.is_none() {
            return None;
        }
        Some(BufferedBody {
            before: record.parts(),
            rest: record.rest.take(),
            record: None,
        })
    }
}

/// What passed of a body, kept to send it again.
pub struct Recording<B>(Arc<Mutex<Record<B>>>);

struct Record<B> {
    data: BytesMut,
    trailers: Option<HeaderMap>,
    /// Bytes that may still be kept; `None` once the body can't be repeated.
    room: Option<usize>,
    ended: bool,
    /// What the inner service left unread when it dropped the body.
    rest: Option<Pin<Box<B>>>,
}

impl<B> Record<B> {
    fn keep(&mut self, part: &Part) {
        self.room = self.room.and_then(|room| room.checked_sub(part.size()));
        if self.room.is_none() {
            self.data = BytesMut::new();
            return;
        }
        // In one buffer: frames of their own would cost more than what is in them.
        match part {
            Part::Data(data) => self.data.extend_from_slice(data),
            Part::Trailers(trailers) => self.trailers = Some(trailers.clone()),
        }
    }

    fn parts(&mut self) -> VecDeque<Part> {
        let data = std::mem::take(&mut self.data).freeze();
        let data = (!data.is_empty()).then_some(Part::Data(data));
        let trailers = self.trailers.take().map(Part::Trailers);
        data.into_iter().chain(trailers).collect()
    }
}

enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
}

fn lock<B>(record: &Mutex<Record<B>>) -> MutexGuard<'_, Record<B>> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that is recorded while it is sent, or one that is sent again.
pub struct BufferedBody<B> {
    before: VecDeque<Part>,
    rest: Option<Pin<Box<B>>>,
    record: Option<Arc<Mutex<Record<B>>>>,
}

impl<B> BufferedBody<B> {
    fn recorded(&self, note: impl FnOnce(&mut Record<B>)) {
        if let Some(record) = &self.record {
            note(&mut lock(record));
        }
    }
}

impl<B: Body> Body for BufferedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(part) = self.before.pop_front() {
            return Poll::Ready(Some(Ok(part.into_frame())));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(rest.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => Part::from_frame(frame).map(|part| {
                self.recorded(|record| record.keep(&part));
                Ok(part.into_frame())
            }),
            Some(Err(error)) => {
                self.recorded(|record| record.room = None);
                Some(Err(error))
            }
            None => {
                self.rest = None;
                self.recorded(|record| record.ended = true);
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.before.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self
            .rest
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), |rest| rest.size_hint());
        let before: u64 = self.before.iter().map(Part::len).sum();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(before));
        }
        hint.set_lower(hint.lower().saturating_add(before));
        hint
    }
}

impl Part {
    /// `None` for a kind of frame that this version of `http-body` does not know.
    fn from_frame<D: Buf>(frame: Frame<D>) -> Option<Self> {
        match frame.into_data() {
            Ok(mut data) => Some(Self::Data(data.copy_to_bytes(data.remaining()))),
            Err(frame) => frame.into_trailers().ok().map(Self::Trailers),
        }
    }

    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(trailers),
        }
    }

    /// In bytes.
    fn size(&self) -> usize {
        let sizes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        match self {
            Self::Data(data) => data.len(),
            Self::Trailers(trailers) => trailers.iter().map(sizes).sum(),
        }
    }

    /// As a body counts: trailers are no part of it.
    fn len(&self) -> u64 {
        match self {
            Self::Data(data) => u64::try_from(data.len()).unwrap_or(u64::MAX),
            Self::Trailers(_) => 0,
        }
    }
}

impl<B> Drop for BufferedBody<B> {
    fn drop(&mut self) {
        let rest = self.rest.take();
        self.recorded(|record| {
            // A body that declares its end need not be polled for it.
            record.rest = rest;
        });
    }
}

impl<B> fmt::Debug for BufferedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody").finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Recording<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}
