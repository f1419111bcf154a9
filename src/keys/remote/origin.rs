//! Where a set comes from: the one question that a `RemoteKeySet` asks of the world.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Uri};

use super::FetchError;
use crate::{
    BoxFuture,
    jwt::{Algorithm, key::Key},
    keys::ServerMetadata,
};

/// A place where keys are published. One attempt: no state that matters, no retry.
pub(crate) trait Origin: Send + Sync + 'static {
    /// Reads the set, unless it is still the one of these validators.
    fn read(&self, before: Validators) -> BoxFuture<'_, Result<Read, FetchError>>;

    /// How a log and a health check name it.
    fn name(&self) -> &str;

    /// Whether it could hold a key of this algorithm at all.
    fn may_hold(&self, algorithm: Algorithm) -> bool;

    /// What the issuer says of itself, where there is one and it was read.
    fn metadata(&self) -> Option<Arc<ServerMetadata>> {
        None
    }
}

/// What was read.
pub(crate) struct Read {
    /// The keys; `None` if the set is as it was.
    pub(crate) keys: Option<Vec<Key>>,
    pub(crate) lifetime: Duration,
    pub(crate) validators: Validators,
}

/// What makes a request conditional (RFC 9110 §13), and of which resource it is.
#[derive(Clone, Default)]
pub(crate) struct Validators {
    pub(crate) of: Uri,
    pub(crate) entity_tag: Option<HeaderValue>,
    pub(crate) last_modified: Option<HeaderValue>,
}
