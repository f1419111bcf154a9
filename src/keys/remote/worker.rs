//! The one task of a set: it reads, sleeps, and ends when nobody wants keys.

use std::sync::Arc;

use super::{
    machine::{Failure, Trigger},
    origin::Validators,
    shared::{Shared, Step},
    withdrawal::Change,
};
use crate::{
    clock::milliseconds,
    deadline::{Elapsed, within},
};

/// Ended from outside when the last handle is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut end = End {
        shared: &shared,
        is_reached: false,
    };
    loop {
        match shared.next() {
            Step::Fetch(trigger, validators) => fetch(&shared, trigger, validators).await,
            Step::Sleep(pause) => {
                // Without a timer it is requests that notice what is due.
                if within(pause, shared.wake.notified()).await == Err(Elapsed::NoTimer) {
                    shared.retire();
                    break;
                }
            }
            Step::Stop => break,
        }
    }
    end.is_reached = true;
}

async fn fetch(shared: &Shared, trigger: Trigger, validators: Validators) {
    let start = shared.now();
    let outcome = shared.origin.read(validators).await;
    let outcome = shared.end(outcome);
    let elapsed_ms = milliseconds(shared.now().saturating_sub(start));
    let source = shared.origin.name();
    match outcome {
        Ok(change) => {
            let key_ids = shared.core().machine.key_ids();
            let keys = key_ids.len();
            tracing::debug!(source, ?trigger, elapsed_ms, keys, ?key_ids, "keys read");
            log_change(source, &change);
        }
        Err(Failure { error, pause }) => {
            let error = &error as &dyn std::error::Error;
            let retry_after_ms = milliseconds(pause);
            tracing::warn!(
                source,
                ?trigger,
                elapsed_ms,
                retry_after_ms,
                error,
                "keys could not be read"
            );
        }
    }
}

fn log_change(source: &str, change: &Change) {
    let Change {
        added,
        withdrawn,
        doubtful,
    } = change;
    if change.is_one() {
        tracing::info!(source, ?added, ?withdrawn, "the trusted keys changed");
    }
    if !doubtful.is_empty() {
        tracing::info!(
            source,
            ?doubtful,
            "new keys are absent; the set is read again"
        );
    }
}

/// A worker that goes away before its end was with a runtime that died, or panicked.
struct End<'a> {
    shared: &'a Shared,
    is_reached: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if !self.is_reached {
            self.shared.lost(std::thread::panicking());
        }
    }
}
