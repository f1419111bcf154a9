//! What the handles and the worker of a set share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::AbortHandle,
};

use super::{
    FetchError, FetchErrorKind, Timing,
    held::Held,
    machine::{Failure, Machine, Next, Trigger},
    origin::{Origin, Read, Validators},
    withdrawal::Change,
    worker,
};
use crate::{
    clock::{Clock, milliseconds},
    jwt::key::KeySet,
};

pub(super) struct Shared {
    pub(super) origin: Box<dyn Origin>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timing: Timing,
    pub(super) runtime: Option<Handle>,
    /// What an answer is that holds no key.
    pub(super) no_keys: KeySet,
    held: ArcSwapOption<Held>,
    core: Mutex<Core>,
    /// Whether somebody wanted keys since the last attempt.
    is_used: AtomicBool,
    /// Milliseconds of the monotonic clock from which on the worker has something to do,
    /// and may have to be woken or started for it.
    act_at: AtomicU64,
    pub(super) wake: Notify,
    progress: watch::Sender<Progress>,
}

/// All that is decided with the door closed.
pub(super) struct Core {
    pub(super) machine: Machine,
    worker: Option<AbortHandle>,
}

/// Moves with the end of each attempt.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    attempts: u64,
    pub(super) changes: u64,
}

/// The worker is at it, or waits for its own timer.
const NEVER: u64 = u64::MAX;

impl Shared {
    pub(super) fn new(
        origin: Box<dyn Origin>,
        clock: Arc<dyn Clock>,
        timing: Timing,
        runtime: Option<Handle>,
    ) -> Self {
        let machine = Machine::new(timing.clone());
        Self {
            origin,
            clock,
            timing,
            runtime,
            no_keys: KeySet::new(Vec::new()),
            held: ArcSwapOption::empty(),
            core: Mutex::new(Core {
                machine,
                worker: None,
            }),
            is_used: AtomicBool::new(false),
            act_at: AtomicU64::new(NEVER),
            wake: Notify::new(),
            progress: watch::Sender::default(),
        }
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question with the door closed, for somebody who waits for what the worker does.
    pub(super) fn ask<T>(
        self: &Arc<Self>,
        question: impl FnOnce(&mut Machine, Duration) -> T,
    ) -> Result<T, FetchError> {
        let mut core = self.core();
        let answer = question(&mut core.machine, self.now());
        self.set_to_work(&mut core)?;
        Ok(answer)
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The keys at hand, as they can be seen without waiting for anybody.
    pub(super) fn held(&self) -> arc_swap::Guard<Option<Arc<Held>>> {
        self.held.load()
    }

    /// Somebody uses the keys at this moment.
    pub(super) fn use_at(self: &Arc<Self>, now: Duration) {
        self.note_use();
        if milliseconds(now) >= self.act_at.load(Ordering::Relaxed) {
            self.poke(now);
        }
    }

    /// Written only when it changes: those who only read share the cache line.
    pub(super) fn note_use(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    /// It is time for something. Without a runtime at hand it stays to be done.
    fn poke(self: &Arc<Self>, now: Duration) {
        self.act_at.store(NEVER, Ordering::Relaxed);
        if self.set_to_work(&mut self.core()).is_err() {
            let later = now.saturating_add(self.timing.backoff_min);
            self.act_at.store(milliseconds(later), Ordering::Relaxed);
        }
    }

    /// Starts the worker, or wakes it.
    fn set_to_work(self: &Arc<Self>, core: &mut Core) -> Result<(), FetchError> {
        if core
            .worker
            .as_ref()
            .is_some_and(|worker| !worker.is_finished())
        {
            self.wake.notify_one();
            return Ok(());
        }
        let runtime = match &self.runtime {
            Some(given) => given.clone(),
            None => Handle::try_current()
                .map_err(|_| FetchError::new(FetchErrorKind::NoRuntime, self.origin.name()))?,
        };
        let worker = runtime.spawn(worker::run(Arc::clone(self)));
        core.worker = Some(worker.abort_handle());
        Ok(())
    }

    /// The last handle is gone.
    pub(super) fn stop(&self) {
        let worker = self.core().worker.take();
        if let Some(worker) = worker {
            worker.abort();
        }
    }

    /// What the worker is to do; where that is nothing, it is not the worker any more.
    pub(super) fn next(&self) -> Step {
        let mut core = self.core();
        let now = self.now();
        // Whoever waits for news wants keys.
        let is_in_use = self.is_used.load(Ordering::Relaxed) || self.progress.receiver_count() > 0;
        match core.machine.next(now, is_in_use) {
            Next::Fetch(trigger) => {
                self.is_used.store(false, Ordering::Relaxed);
                self.act_at.store(NEVER, Ordering::Relaxed);
                Step::Fetch(trigger, core.machine.begin(trigger))
            }
            Next::Sleep(until) => {
                self.act_at.store(milliseconds(until), Ordering::Relaxed);
                Step::Sleep(until.saturating_sub(now))
            }
            Next::Stop => {
                core.worker = None;
                self.act_at.store(milliseconds(now), Ordering::Relaxed);
                Step::Stop
            }
        }
    }

    /// An attempt ended.
    pub(super) fn end(&self, outcome: Result<Read, FetchError>) -> Result<Change, Failure> {
        let mut core = self.core();
        let result = core.machine.end(outcome, self.now(), fastrand::f64());
        self.held.store(core.machine.held().cloned());
        let changes = core.machine.counters().changes;
        drop(core);
        self.move_on(|progress| progress.changes = changes);
        result
    }

    /// The worker leaves what is due to those who notice it.
    pub(super) fn retire(&self) {
        self.core().worker = None;
    }

    /// The worker is no more, whatever it was at.
    pub(super) fn lost(&self, is_panic: bool) {
        let mut core = self.core();
        core.worker = None;
        if is_panic {
            let lost = FetchError::new(FetchErrorKind::Lost, self.origin.name());
            let _ = core.machine.end(Err(lost), self.now(), fastrand::f64());
        } else {
            core.machine.abandon();
        }
        self.act_at
            .store(milliseconds(self.now()), Ordering::Relaxed);
        drop(core);
        self.move_on(|_| {});
    }

    fn move_on(&self, with: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(|progress| {
            progress.attempts += 1;
            with(progress);
        });
    }
}

/// The end of an attempt, or of a worker.
pub(super) async fn moved(progress: &mut watch::Receiver<Progress>) {
    // The sender is shared with whoever waits.
    let _ = progress.changed().await;
}

pub(super) enum Step {
    Fetch(Trigger, Validators),
    Sleep(Duration),
    Stop,
}
