//! Waiting, and not for ever.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

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
    // tokio panics where the runtime has no timer and offers no way to ask before.
    let timed = catch_unwind(AssertUnwindSafe(|| tokio::time::timeout(deadline, future)));
    let timed = timed.map_err(|_| Elapsed::NoTimer)?;
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
