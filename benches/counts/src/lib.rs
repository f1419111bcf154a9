//! What is counted. The two programs share it: one counts allocations and judges, the
//! other runs under callgrind, where a counting allocator would be counted too.

mod client;
mod refusals;
mod server;

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use tower_service::Service;

/// What the allocator has to do depends on what it did before: the least of so many counts.
pub const RUNS: usize = 7;

/// One piece of work, and the pieces that it contains and that are not ours.
pub struct Scenario {
    pub name: String,
    /// The names of those whose counts are taken off.
    pub without: Vec<String>,
    run: Box<dyn FnMut(Counter<'_>)>,
}

type Counter<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

impl Scenario {
    fn new<T>(
        name: impl Into<String>,
        mut prepare: impl FnMut() -> T + 'static,
        mut work: impl FnMut(T) + 'static,
    ) -> Self {
        let run = Box::new(move |count: Counter<'_>| {
            let mut input = Some(prepare());
            count(&mut || {
                if let Some(input) = input.take() {
                    work(input);
                }
            });
        });
        let (name, without) = (name.into(), Vec::new());
        Self { name, without, run }
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.without
            .extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Runs it until all is built that is built once, and then for `count`.
    pub fn count(&mut self, count: Counter<'_>) {
        for _ in 0..3 {
            (self.run)(&mut |work| work());
        }
        for _ in 0..RUNS {
            (self.run)(count);
        }
    }
}

/// In an order that never changes: callgrind's results have no names.
pub fn scenarios() -> Vec<Scenario> {
    [
        server::scenarios(),
        refusals::scenarios(),
        client::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What must not cost more than so many times another, of whatever both are: the whole of
/// it, with nothing taken off.
pub struct Limit {
    pub name: String,
    pub times: f64,
    pub other: String,
}

pub fn limits() -> Vec<Limit> {
    [refusals::limits(), client::limits()]
        .into_iter()
        .flatten()
        .collect()
}

fn limit(name: impl Into<String>, times: f64, other: impl Into<String>) -> Limit {
    Limit {
        name: name.into(),
        times,
        other: other.into(),
    }
}

/// One request through `service`, which answers at once, as expected.
fn sent<S, B: 'static>(
    name: impl Into<String>,
    mut service: S,
    expected: u16,
    request: impl FnMut() -> Request<B> + 'static,
) -> Scenario
where
    S: Service<Request<B>, Response = Response<()>> + 'static,
{
    Scenario::new(name, request, move |request| {
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(
            service.poll_ready(&mut context),
            Poll::Ready(Ok(()))
        ));
        let response = pin!(service.call(request)).poll(&mut context);
        assert!(matches!(response, Poll::Ready(Ok(response)) if response.status() == expected));
    })
}

/// Lets go of the request, and so of what a layer put into it: that too is paid for.
#[derive(Clone)]
struct Nothing;

impl<B> Service<Request<B>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(())))
    }
}
