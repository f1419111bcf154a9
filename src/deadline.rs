//! Waiting, and not for ever.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Handle, time::Sleep};

/// Why [`within`] has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elapsed {
    /// The time is over.
    Deadline,
    /// The runtime can't measure time.
    NoTimer,
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "it took too long",
            Self::NoTimer => {
                "this tokio runtime has no timer: build it with `enable_time` or `enable_all`"
            }
        })
    }
}

impl Error for Elapsed {}

/// Waits for `future` no longer than `deadline`.
pub(crate) async fn within<F: Future>(deadline: Duration, future: F) -> Result<F::Output, Elapsed> {
    within_on(None, deadline, future).await
}

/// The same by the timer of a runtime that was given, for callers who have none.
pub(crate) async fn within_on<F: Future>(
    runtime: Option<&Handle>,
    deadline: Duration,
    future: F,
) -> Result<F::Output, Elapsed> {
    let timed = start(|| {
        let _entered = runtime.map(Handle::enter);
        tokio::time::timeout(deadline, future)
    })?;
    timed.await.map_err(|_| Elapsed::Deadline)
}

/// tokio panics where the runtime has no timer and offers no way to ask before. Its panic
/// hook prints that; with `panic = "abort"` the process ends.
fn start<T>(timed: impl FnOnce() -> T) -> Result<T, Elapsed> {
    catch_unwind(AssertUnwindSafe(timed)).map_err(|_| Elapsed::NoTimer)
}

/// Measures a time from when it is first waited for, for those who poll by hand.
#[derive(Debug)]
pub(crate) enum Timer {
    Stopped(Duration),
    Running(Pin<Box<Sleep>>),
    /// There is no timer to run by, so that it never ends.
    Never,
}

impl Timer {
    pub(crate) fn new(duration: Duration) -> Self {
        Self::Stopped(duration)
    }

    /// Ready when the time is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Stopped(duration) = *self {
            // Outside tokio there is nothing to panic about.
            let sleep = Handle::try_current()
                .ok()
                .and_then(|_| start(|| tokio::time::sleep(duration)).ok());
            *self = sleep.map_or(Self::Never, |sleep| Self::Running(Box::pin(sleep)));
        }
        match self {
            Self::Running(sleep) => sleep.as_mut().poll(cx),
            Self::Stopped(_) | Self::Never => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::future::poll_immediate;

    use super::*;

    #[test]
    fn a_runtime_without_a_timer_is_an_error_and_not_a_panic() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let outcome = runtime.block_on(within(Duration::from_secs(1), async { 1 }));
        assert_eq!(outcome, Err(Elapsed::NoTimer));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_runs_from_when_it_is_first_waited_for() {
        const SECOND: Duration = Duration::from_secs(1);
        let mut timer = Timer::new(SECOND);
        tokio::time::advance(SECOND).await;
        assert!(poll_immediate(poll_fn(|cx| timer.poll(cx))).await.is_none());
        tokio::time::advance(SECOND).await;
        assert!(poll_immediate(poll_fn(|cx| timer.poll(cx))).await.is_some());
    }

    #[test]
    fn without_a_timer_it_never_ends_and_does_not_panic() {
        let mut timer = Timer::new(Duration::ZERO);
        let outcome = futures::executor::block_on(poll_immediate(poll_fn(|cx| timer.poll(cx))));
        assert!(outcome.is_none(), "no runtime");

        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut timer = Timer::new(Duration::ZERO);
        let outcome = runtime.block_on(poll_immediate(poll_fn(|cx| timer.poll(cx))));
        assert!(outcome.is_none(), "a runtime without a timer");
    }
}
