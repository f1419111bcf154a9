//! What a guard turns a token into.

use std::time::SystemTime;

use super::{authentication::Proof, rejection::RejectionReason};
use crate::BoxFuture;

/// Turns the token of a request into what handlers find: it is what the guards of one kind
/// don't share with those of another.
///
/// Sealed: [`JwtAuthenticator`](super::JwtAuthenticator) and
/// [`StaticTokens`](super::StaticTokens).
///
/// It is synchronous. Where something has to be waited for, such as keys, it says so, and
/// decides from the start once that has come.
pub trait Authenticate: Clone + Send + Sync + 'static {
    /// What a handler finds.
    type Caller: Proof;

    /// What a decision may have to wait for.
    type Awaited: Send + 'static;

    /// Decides with what is at hand.
    #[doc(hidden)]
    fn decide(
        &self,
        token: &[u8],
        now: SystemTime,
    ) -> Result<Decision<Self::Caller>, BoxFuture<'static, Self::Awaited>>;

    /// Decides with what [`decide`](Self::decide) has asked for.
    #[doc(hidden)]
    fn resume(
        &self,
        token: &[u8],
        awaited: Self::Awaited,
        now: SystemTime,
    ) -> Decision<Self::Caller>;
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Decision<T> {
    Authenticated(T),
    Anonymous,
    Refused(Refusal),
}

/// Why not, and what the token claims to be: unverified, for the log alone.
#[derive(Debug)]
pub struct Refusal {
    pub(super) reason: RejectionReason,
    pub(super) claimed: Claimed,
}

#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub(super) issuer: Option<String>,
    pub(super) key_id: Option<String>,
}

impl<T> From<RejectionReason> for Decision<T> {
    fn from(reason: RejectionReason) -> Self {
        Self::Refused(Refusal {
            reason,
            claimed: Claimed::default(),
        })
    }
}

/// A token is text, whoever made it.
pub(super) fn text<T>(token: &[u8]) -> Result<&str, Decision<T>> {
    std::str::from_utf8(token)
        .map_err(|_| RejectionReason::UnreadableCredentials("not UTF-8").into())
}
