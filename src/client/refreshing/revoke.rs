//! The end of a session: tokens that nobody needs any more are revoked.

use super::{Refreshing, lock};
use crate::{
    deadline::within,
    oauth::{ObtainError, RevocationEndpoint, RevocationError},
    token::Tokens,
};

impl Refreshing {
    /// [Closes](Self::close), and then revokes the refresh token, or the access token where
    /// there is none ([`RevocationEndpoint::revoke`]). Whatever comes of that, no token is
    /// given out any more.
    ///
    /// Tokens in a store that others share are revoked for **all** of them: it is the log-in
    /// that ends, not this process's part in it. Another process that renews them at this very
    /// moment may keep its new ones. The store goes on holding what it held; who starts from
    /// it later has to log in again. Tokens of a source that was
    /// [replaced](Self::replace_source) are not shown to this endpoint.
    ///
    /// Takes no longer than [`close`](Self::close), [`Timing::wait`](super::Timing::wait) for
    /// the store to be read, and the endpoint's own deadline.
    ///
    /// # Errors
    ///
    /// When there are tokens, and it is not certain that they were revoked. It is not tried
    /// again: a process that ends can't wait for a server.
    pub async fn close_and_revoke(
        &self,
        endpoint: &RevocationEndpoint,
    ) -> Result<(), RevocationError> {
        self.close().await;
        let tokens = self.last_tokens().await;
        self.0.current.store(None);
        match tokens? {
            Some(tokens) => endpoint.revoke(&tokens).await,
            None => Ok(()),
        }
    }

    /// What the source gave last, wherever it is.
    async fn last_tokens(&self) -> Result<Option<Tokens>, ObtainError> {
        if let Some(unsaved) = lock(&self.0.unsaved).clone() {
            return Ok(Some(unsaved.tokens));
        }
        if !lock(&self.0.source).is_stored {
            return Ok(None);
        }
        let stored = within(self.0.timing.wait, self.0.store.load()).await;
        let stored = stored.map_err(ObtainError::other)?;
        let at_hand = self.0.current.load();
        let at_hand = at_hand.as_ref().map(|held| Tokens::new(held.token.clone()));
        Ok(stored.map_err(ObtainError::other)?.or(at_hand))
    }
}
