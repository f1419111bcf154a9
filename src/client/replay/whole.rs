use std::any::Any;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{Either, Empty, Full};

use super::ReplayPolicy;

/// Repeats bodies that have ended already (every GET), and those that are known to be
/// whole: `Full` and `Either<Full, Empty>` of [`Bytes`] or `&'static` data, [`String`].
///
/// A stream is sent once; choose [`BufferedBodies`](super::BufferedBodies) to repeat it.
#[derive(Clone, Copy, Debug, Default)]
pub struct WholeBodies;

#[diagnostic::do_not_recommend] // or the fix would not be shown
impl<B: Body + Default + 'static> ReplayPolicy<B> for WholeBodies {
    type Body = B;
    type Kept = B;

    fn split(&self, body: B) -> (B, Option<B>) {
        let kept = if body.is_end_stream() {
            Some(B::default())
        } else {
            clone_of::<B, Full<Bytes>>(&body)
                .or_else(|| clone_of::<B, Either<Full<Bytes>, Empty<Bytes>>>(&body))
                .or_else(|| clone_of::<B, Full<&'static [u8]>>(&body))
                .or_else(|| clone_of::<B, String>(&body))
        };
        (body, kept)
    }

    fn pass(&self, body: B) -> B {
        body
    }

    fn again(&self, kept: B) -> Option<B> {
        Some(kept)
    }
}

/// A clone of `body`, if `B` is the type `Whole`.
fn clone_of<B: 'static, Whole: Clone + 'static>(body: &B) -> Option<B> {
    let whole = (body as &dyn Any).downcast_ref::<Whole>()?;
    let mut clone = Some(whole.clone());
    (&mut clone as &mut dyn Any)
        .downcast_mut::<Option<B>>()?
        .take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Stream;

    impl Body for Stream {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn whole_and_ended_bodies_are_repeated_and_streams_are_not() {
        assert!(WholeBodies.split(Full::new(Bytes::from("a"))).1.is_some());
        assert!(
            WholeBodies
                .split(Full::<&'static [u8]>::new(b"a"))
                .1
                .is_some()
        );
        assert!(WholeBodies.split(String::from("a")).1.is_some());
        assert!(WholeBodies.split(Empty::<Bytes>::new()).1.is_some());
        assert!(WholeBodies.split(Stream).1.is_none());
    }
}
