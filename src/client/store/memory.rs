use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ExchangeError, Renewal, TokenStore};
use crate::{BoxError, BoxFuture, token::Tokens};

/// Remembers tokens as long as the process lives: the default.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tokens: Mutex<Option<Tokens>>,
    exclusive: tokio::sync::Mutex<()>,
}

impl MemoryStore {
    /// A store that holds these tokens already, as after a log-in by other means.
    #[must_use]
    pub fn holding(tokens: Tokens) -> Self {
        Self {
            tokens: Mutex::new(Some(tokens)),
            ..Self::default()
        }
    }

    fn tokens(&self) -> MutexGuard<'_, Option<Tokens>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        Box::pin(std::future::ready(Ok(self.tokens().clone())))
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(async move {
            let _exclusive = self.exclusive.lock().await;
            let stored = self.tokens().clone();
            if let Some(tokens) = stored.as_ref().filter(|tokens| !renewal.is_needed(tokens)) {
                return Ok(tokens.clone());
            }
            let renewed = renewal.run(stored).await?;
            *self.tokens() = Some(renewed.clone());
            Ok(renewed)
        })
    }
}
