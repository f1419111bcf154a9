//! A source among others: the tokens that it gives know it.

use std::sync::Arc;

use super::{AfterRefusal, RequestContext, TokenSource};
use crate::{BoxError, token::AccessToken};

/// A source that a composition has taken in.
///
/// Its tokens carry a reference to it, so that the composition finds it again when one is
/// refused: without a search, and also when it has let go of the source meanwhile.
pub(super) struct Member(Box<dyn TokenSource>);

impl Member {
    pub(super) fn new(source: impl TokenSource) -> Arc<Self> {
        Arc::new(Self(Box::new(source)))
    }

    pub(super) fn current(self: &Arc<Self>, request: &RequestContext<'_>) -> Option<AccessToken> {
        Some(self.0.current(request)?.given_by(self))
    }

    pub(super) async fn obtain(
        self: &Arc<Self>,
        request: RequestContext<'_>,
    ) -> Result<AccessToken, BoxError> {
        Ok(self.0.obtain(request).await?.given_by(self))
    }

    pub(super) fn serves(&self, request: &RequestContext<'_>) -> bool {
        self.0.serves(request)
    }
}

/// What [`TokenSource::is_usable`] is for every composition.
pub(super) fn is_usable(token: &AccessToken) -> bool {
    token
        .giver::<Member>()
        .is_none_or(|member| member.0.is_usable(token))
}

/// What [`TokenSource::refused`] is for every composition.
pub(super) fn refused(token: &AccessToken) -> AfterRefusal {
    match token.giver::<Member>() {
        Some(member) => member.0.refused(token),
        // Not of ours: whoever made it anew from its value is not known here.
        None => AfterRefusal::Final,
    }
}
