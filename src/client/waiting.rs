//! Waiting for a token that one call gets for all.

use std::{future::Future, time::Duration};

use tokio::runtime::Handle;

use super::{Error, ErrorKind};
use crate::{
    deadline::{Elapsed, within_on},
    single_flight::{Decision, Joined, Lost, SingleFlight},
    token::AccessToken,
};

/// What came of a call.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Done(Result<AccessToken, Error>),
    /// It answers a question that nobody asks any more; whoever waited asks anew.
    Stale,
}

/// Joins the call under way, or starts what `decide` says, and waits for the token.
pub(super) async fn token<F>(
    flight: &SingleFlight<Outcome>,
    runtime: Option<&Handle>,
    deadline: Duration,
    decide: impl Fn() -> Decision<Outcome, F>,
) -> Result<AccessToken, Error>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    // A runtime that dies takes its call along; the waiters start afresh on their own. More
    // than twice in a row it is no accident.
    for _ in 0..3 {
        let waiter = match flight.join(runtime, &decide) {
            Ok(Joined::Answer(Outcome::Done(answer))) => return answer,
            Ok(Joined::Answer(Outcome::Stale)) => continue,
            Ok(Joined::Waiter(waiter)) => waiter,
            Err(_) => return Err(Error::of(ErrorKind::NoRuntime)),
        };
        match within_on(runtime, deadline, waiter.outcome()).await {
            Ok(Ok(Outcome::Done(outcome))) => return outcome,
            Ok(Ok(Outcome::Stale) | Err(Lost)) => {}
            Err(Elapsed::Deadline) => return Err(Error::of(ErrorKind::Deadline)),
            Err(Elapsed::NoTimer) => return Err(Error::of(ErrorKind::NoRuntime)),
        }
    }
    Err(Error::of(ErrorKind::Lost))
}
