//! An opaque token may be there, and then has to be known.

use super::{
    future::GuardFuture, guard::Guard, presence::Optional, rejection_response::EmptyBody,
    service::GuardService, static_tokens::StaticTokens,
};

/// A layer that lets through requests with a token of [`StaticTokens`], and requests with
/// none.
///
/// A token that is there and not known is refused: who meant to be known must not be
/// answered as a stranger. So are credentials of another scheme, unless
/// [`ignore_other_schemes`](Guard::ignore_other_schemes).
///
/// # Defaults
///
/// See [`Guard`], which has the steps that change them.
///
/// # Example
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{OptionalToken, server::StaticTokens};
///
/// struct Employee;
///
/// let tokens = StaticTokens::<Employee>::new();
/// let layers = ServiceBuilder::new().layer(OptionalToken::new(tokens));
/// # let _ = layers;
/// ```
///
/// Customised: `Basic` is checked by somebody else.
///
/// ```
/// use tower_bearer::{OptionalToken, server::StaticTokens};
///
/// let guard = OptionalToken::new(StaticTokens::<String>::new()).ignore_other_schemes();
/// # let _ = guard;
/// ```
pub type OptionalToken<I, R = EmptyBody> = Guard<StaticTokens<I>, Optional, R>;

/// The service that [`OptionalToken`] makes of another.
pub type OptionalTokenService<S, I, R = EmptyBody> = GuardService<S, StaticTokens<I>, Optional, R>;

/// The future of [`OptionalTokenService`]. `B` is the body of the request.
pub type OptionalTokenFuture<S, B, I, R = EmptyBody> =
    GuardFuture<S, B, StaticTokens<I>, Optional, R>;

impl<I> OptionalToken<I> {
    /// Refuses requests with a token that is none of `tokens`.
    pub fn new(tokens: StaticTokens<I>) -> Self {
        Self::new_with(tokens, None, Optional)
    }
}
