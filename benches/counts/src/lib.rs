//! What is counted. The two programs share it: one counts allocations and judges, the
//! other runs under callgrind, where a counting allocator would be counted too.

#[path = "../../support/attacks.rs"]
mod attacks;
#[path = "../../support/bare_key.rs"]
mod bare_key;
mod client;
#[path = "../../support/outgoing.rs"]
mod outgoing;
mod refusals;
mod server;
#[path = "../../support/service.rs"]
mod service;
#[path = "../../support/tokens.rs"]
mod tokens;

use std::fmt::Debug;

use http::{Request, Response};
use service::send;
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
    refusals::limits()
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
    S: Service<Request<B>, Response = Response<()>, Error: Debug> + 'static,
{
    Scenario::new(name, request, move |request| {
        assert_eq!(send(&mut service, request), expected);
    })
}
