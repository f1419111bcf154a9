//! Bodies that are sent a second time: which are kept, up to where, and what they say of
//! themselves.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::convert::Infallible;

use bytes::Bytes;
use futures::{FutureExt, stream};
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use tower_bearer::client::replay::{BufferedBodies, ReplayPolicy, WholeBodies};

type Frames = stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>;

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(text.into())
}

fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("a", "bc".parse().unwrap());
    Frame::trailers(trailers)
}

/// A body of no declared size.
fn streamed(frames: Vec<Frame<Bytes>>) -> StreamBody<Frames> {
    let frames: Vec<_> = frames.into_iter().map(Ok).collect();
    StreamBody::new(stream::iter(frames))
}

/// One frame of a body that has it.
fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Frame<Bytes>>
where
    B::Error: std::fmt::Debug,
{
    body.frame().now_or_never().unwrap().transpose().unwrap()
}

/// What is sent again of a body of which `read` frames were sent.
fn again(limit: usize, frames: Vec<Frame<Bytes>>, read: usize) -> Option<impl Body<Data = Bytes>> {
    let policy = BufferedBodies::up_to(limit);
    let (mut body, kept) = policy.split(streamed(frames));
    for _ in 0..read {
        next(&mut body);
    }
    drop(body);
    ReplayPolicy::<StreamBody<Frames>>::again(&policy, kept.unwrap())
}

#[test]
fn a_body_that_declares_more_than_the_limit_is_not_kept() {
    let is_kept = |length: usize| {
        let body = Full::new(Bytes::from(vec![0; length]));
        BufferedBodies::up_to(8).split(body).1.is_some()
    };
    assert_eq!([7, 8, 9, 20].map(is_kept), [true, true, false, false]);
}

#[test]
fn what_is_kept_of_trailers_counts_with_their_names() {
    assert!(again(3, vec![trailers()], 2).is_some());
    assert!(again(2, vec![trailers()], 2).is_none());
    assert!(again(5, vec![data("abc"), trailers()], 3).is_none());
    assert!(again(6, vec![data("abc"), trailers()], 3).is_some());
}

#[test]
fn a_body_says_how_long_it_is_while_it_is_sent_and_when_it_is_sent_again() {
    let policy = BufferedBodies::default();
    let (mut first, kept) = policy.split(Full::new(Bytes::from("abc")));
    assert_eq!(
        (first.size_hint().exact(), first.is_end_stream()),
        (Some(3), false)
    );
    assert!(next(&mut first).is_some());
    assert_eq!(
        (first.size_hint().exact(), first.is_end_stream()),
        (Some(0), true)
    );
    drop(first);
    let mut second = ReplayPolicy::<Full<Bytes>>::again(&policy, kept.unwrap()).unwrap();
    assert_eq!(
        (second.size_hint().exact(), second.is_end_stream()),
        (Some(3), false)
    );
    assert!(next(&mut second).is_some());
    assert_eq!(
        (second.size_hint().exact(), second.is_end_stream()),
        (Some(0), true)
    );
    assert!(next(&mut second).is_none());
}

#[test]
fn what_was_not_read_the_first_time_follows_what_was() {
    let frames = || vec![data("ab"), data("cde"), trailers()];
    let half = again(64, frames(), 1).unwrap();
    assert_eq!(
        (half.size_hint().lower(), half.size_hint().upper()),
        (2, None)
    );
    assert!(!half.is_end_stream());
    for read in 0..=4 {
        let body = again(64, frames(), read).unwrap();
        let body = Box::pin(body).collect().now_or_never().unwrap();
        let body = body.unwrap_or_else(|_| panic!("after {read}"));
        assert_eq!(body.trailers().map(HeaderMap::len), Some(1), "after {read}");
        assert_eq!(body.to_bytes(), "abcde", "after {read}");
    }
    // Trailers are no part of a body's length.
    let only_trailers = again(64, vec![trailers()], 2).unwrap();
    assert_eq!(only_trailers.size_hint().exact(), Some(0));
    assert!(!only_trailers.is_end_stream());
}

#[test]
fn a_body_that_is_sent_once_is_whole() {
    let body = WholeBodies.pass(Full::new(Bytes::from("abc")));
    assert_eq!(body.size_hint().exact(), Some(3));
    let body = BufferedBodies::default().pass(Full::new(Bytes::from("abc")));
    assert_eq!(body.size_hint().exact(), Some(3));
}

#[test]
fn nothing_of_a_body_is_printed() {
    let (body, kept) = BufferedBodies::default().split(Full::new(Bytes::from("hunter2")));
    assert_eq!(format!("{body:?}"), "BufferedBody { .. }");
    assert_eq!(format!("{:?}", kept.unwrap()), "Recording { .. }");
}
