//! Waiting for keys, and not for ever.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::authenticator::KeysNeeded;
use crate::{
    BoxFuture,
    keys::{KeySet, KeysUnavailable},
};

/// A source of keys may have a shorter deadline of its own; this one bounds them all.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl KeysNeeded {
    pub(super) fn obtain(self) -> BoxFuture<'static, Result<KeySet, KeysUnavailable>> {
        Box::pin(async move {
            let query = self.query();
            let obtaining = self.keys.obtain(&query);
            // tokio panics where the runtime has no timer, and can't be asked before.
            let timed = catch_unwind(AssertUnwindSafe(|| {
                tokio::time::timeout(LONGEST_WAIT, obtaining)
            }));
            let Ok(timed) = timed else {
                return Err(unavailable(
                    "waiting for keys needs a tokio runtime with a timer: build it with `enable_time` or `enable_all`",
                ));
            };
            timed
                .await
                .unwrap_or_else(|_| Err(unavailable("the key source gave no answer within 10 s")))
        })
    }
}

fn unavailable(cause: &'static str) -> KeysUnavailable {
    KeysUnavailable::new(RETRY_AFTER).with_source(cause)
}
