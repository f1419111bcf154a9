//! Waiting, and not for ever.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::runtime::Handle;

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
    let start = || {
        let _entered = runtime.map(Handle::enter);
        tokio::time::timeout(deadline, future)
    };
    // tokio panics where the runtime has no timer and offers no way to ask before. Its
    // panic hook prints that; with `panic = "abort"` the process ends.
    let timed = catch_unwind(AssertUnwindSafe(start)).map_err(|_| Elapsed::NoTimer)?;
    timed.await.map_err(|_| Elapsed::Deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_without_a_timer_is_an_error_and_not_a_panic() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let outcome = runtime.block_on(within(Duration::from_secs(1), async { 1 }));
        assert_eq!(outcome, Err(Elapsed::NoTimer));
    }
}
