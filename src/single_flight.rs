//! One call, many waiters.
//!
//! The call runs in a task of its own, so that a caller who goes away neither kills
//! nor loses it: a rotated refresh token would be lost with it. What comes of the
//! call, success or failure, goes to all who waited.

use std::{
    fmt,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Handle, sync::watch};

/// Where calls of one kind meet.
pub(crate) struct SingleFlight<T> {
    latest: Mutex<Option<watch::Receiver<Option<T>>>>,
}

/// What a caller finds who looks again with the door closed.
pub(crate) enum Decision<T, F> {
    /// The answer is there already: somebody was faster.
    Answer(T),
    /// A call has to be made.
    Call(F),
}

/// What a caller gets from [`SingleFlight::join`].
pub(crate) enum Joined<T> {
    Answer(T),
    Waiter(Waiter<T>),
}

/// A place in the queue for the outcome of a call.
pub(crate) struct Waiter<T>(watch::Receiver<Option<T>>);

/// The call's task ended without an outcome: its runtime went away, or it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// There is no tokio runtime to run the call in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRuntime;

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    pub(crate) fn new() -> Self {
        Self {
            latest: Mutex::new(None),
        }
    }

    /// Joins the call under way; without one, asks `decide` and starts what it says.
    ///
    /// `decide` runs under the lock and after the outcome of every earlier call took
    /// effect, so whoever comes late sees that outcome instead of calling again.
    pub(crate) fn join<F>(
        &self,
        runtime: Option<&Handle>,
        decide: impl FnOnce() -> Decision<T, F>,
    ) -> Result<Joined<T>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut latest = self.lock();
        if let Some(under_way) = latest.as_ref().filter(|call| is_under_way(call)) {
            return Ok(Joined::Waiter(Waiter(under_way.clone())));
        }
        let call = match decide() {
            Decision::Answer(answer) => return Ok(Joined::Answer(answer)),
            Decision::Call(call) => call,
        };
        let runtime = match runtime {
            Some(given) => given.clone(),
            None => Handle::try_current().map_err(|_| NoRuntime)?,
        };
        let (outcome, waiter) = watch::channel(None);
        *latest = Some(waiter.clone());
        drop(latest);
        runtime.spawn(async move {
            let value = call.await;
            outcome.send_replace(Some(value));
        });
        Ok(Joined::Waiter(Waiter(waiter)))
    }

    /// The call under way, if there is one.
    pub(crate) fn under_way(&self) -> Option<Waiter<T>> {
        let latest = self.lock();
        let call = latest.as_ref().filter(|call| is_under_way(call));
        call.cloned().map(Waiter)
    }

    fn lock(&self) -> MutexGuard<'_, Option<watch::Receiver<Option<T>>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Waiter<T> {
    pub(crate) async fn outcome(mut self) -> Result<T, Lost> {
        let outcome = self.0.wait_for(Option::is_some).await.map_err(|_| Lost)?;
        outcome.clone().ok_or(Lost)
    }
}

/// No outcome yet, and a task that can still bring one.
fn is_under_way<T>(call: &watch::Receiver<Option<T>>) -> bool {
    call.has_changed().is_ok() && call.borrow().is_none()
}

impl<T> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Ready, ready},
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use tokio::{runtime, sync::oneshot};

    use super::*;

    fn join<F>(flight: &SingleFlight<u32>, call: F) -> Waiter<u32>
    where
        F: Future<Output = u32> + Send + 'static,
    {
        match flight.join(None, || Decision::Call(call)) {
            Ok(Joined::Waiter(waiter)) => waiter,
            _ => panic!("a call was to be joined"),
        }
    }

    #[tokio::test]
    async fn callers_of_one_moment_share_one_call() {
        let flight = SingleFlight::new();
        let calls = Arc::new(AtomicU32::new(0));
        let waiters: Vec<_> = (0..100)
            .map(|_| {
                let calls = calls.clone();
                join(
                    &flight,
                    async move { calls.fetch_add(1, Ordering::SeqCst) + 1 },
                )
            })
            .collect();
        for waiter in waiters {
            assert_eq!(waiter.outcome().await, Ok(1));
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn the_call_goes_on_when_every_caller_is_gone() {
        let flight = SingleFlight::new();
        let (done, seen) = oneshot::channel();
        drop(join(&flight, async move {
            tokio::task::yield_now().await;
            let _ = done.send(());
            7
        }));
        assert!(seen.await.is_ok());
    }

    #[tokio::test]
    async fn who_comes_after_the_outcome_decides_anew() {
        let flight = SingleFlight::new();
        assert_eq!(join(&flight, async { 1 }).outcome().await, Ok(1));
        let joined = flight.join(None, || Decision::<u32, Ready<u32>>::Answer(2));
        assert!(matches!(joined, Ok(Joined::Answer(2))));
        assert_eq!(join(&flight, async { 3 }).outcome().await, Ok(3));
    }

    #[tokio::test]
    async fn a_call_that_panics_is_lost_and_the_next_starts_fresh() {
        let flight = SingleFlight::new();
        let waiter = join(&flight, async { panic!("planted") });
        assert_eq!(waiter.outcome().await, Err(Lost));
        assert_eq!(join(&flight, async { 1 }).outcome().await, Ok(1));
    }

    #[test]
    fn without_a_runtime_it_is_an_error_and_not_a_panic() {
        let flight = SingleFlight::<u32>::new();
        let joined = flight.join(None, || Decision::Call(ready(1)));
        assert!(matches!(joined, Err(NoRuntime)));
    }

    #[test]
    fn a_runtime_that_dies_loses_its_call_and_the_next_runtime_starts_fresh() {
        let flight = SingleFlight::new();
        let first = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let waiter = first.block_on(async { join(&flight, std::future::pending()) });
        drop(first);
        let second = runtime::Builder::new_current_thread().build().unwrap();
        second.block_on(async {
            assert_eq!(waiter.outcome().await, Err(Lost));
            assert_eq!(join(&flight, async { 1 }).outcome().await, Ok(1));
        });
    }
}
