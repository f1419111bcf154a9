//! Waiting for keys, and not for ever.

use std::time::Duration;

use super::authenticator::KeysNeeded;
use crate::{
    BoxFuture,
    deadline::within,
    keys::{KeySet, KeysUnavailable},
};

/// A source of keys may have a shorter deadline of its own; this one bounds them all.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl KeysNeeded {
    pub(super) fn obtain(self) -> BoxFuture<'static, Result<KeySet, KeysUnavailable>> {
        Box::pin(async move {
            let query = self.query();
            within(LONGEST_WAIT, self.keys.obtain(&query))
                .await
                .unwrap_or_else(|elapsed| {
                    Err(KeysUnavailable::new(RETRY_AFTER).with_source(elapsed))
                })
        })
    }
}
