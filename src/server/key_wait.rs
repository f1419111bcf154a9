//! Waiting for keys, and not for ever.

use std::time::Duration;

use super::{authenticate::Claimed, jwt_authenticator::KeysNeeded};
use crate::{
    BoxFuture,
    deadline::within,
    keys::{KeySet, KeysUnavailable},
};

/// A source of keys may have a shorter deadline of its own; this one bounds them all.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What became of the wait, and of which token it was.
#[derive(Debug)]
pub struct KeysAwaited {
    pub(super) keys: Result<KeySet, KeysUnavailable>,
    pub(super) claimed: Claimed,
}

impl KeysNeeded {
    pub(super) fn obtain(self) -> BoxFuture<'static, KeysAwaited> {
        Box::pin(async move {
            let keys = within(LONGEST_WAIT, self.keys.obtain(&self.query())).await;
            let keys = keys.unwrap_or_else(|elapsed| {
                Err(KeysUnavailable::new(RETRY_AFTER).with_source(elapsed))
            });
            let claimed = self.claimed;
            KeysAwaited { keys, claimed }
        })
    }
}
