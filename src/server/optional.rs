//! A token may be there, and then has to be good.

use super::{
    future::GuardFuture, guard::Guard, jwt_authenticator::JwtAuthenticator, presence::Optional,
    rejection_response::EmptyBody, service::GuardService,
};
use crate::{jwt::Validator, keys::KeySource};

/// A layer that lets through requests with a valid token, and requests with none.
///
/// A token that is there and not valid is refused: who meant to be known must not be
/// answered as a stranger. So are credentials of another scheme, unless
/// [`ignore_other_schemes`](Guard::ignore_other_schemes), and a header without a token.
///
/// # Defaults
///
/// See [`Guard`], which has the steps that change them.
///
/// # Example
///
/// ```
/// use http::{Request, Response};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_bearer::{Algorithm, KeySet, OptionalJwt, Validator, server::Authentication};
/// # struct MyClaims;
/// # impl<'de> serde::Deserialize<'de> for MyClaims {
/// #     fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> { Ok(Self) }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// let validator = Validator::new("https://id.example", "orders");
/// let guard = OptionalJwt::<MyClaims>::new(validator, keys);
///
/// let mut service = ServiceBuilder::new().layer(guard).service(service_fn(
///     |request: Request<()>| async move {
///         let caller = request.extensions().get::<Authentication>();
///         let anonymous = caller.is_some_and(Authentication::is_anonymous);
///         Ok::<_, std::convert::Infallible>(Response::new(if anonymous { 1 } else { 0 }))
///     },
/// ));
/// let response = service.ready().await?.call(Request::new(())).await?;
/// assert_eq!(response.into_body(), 1);
/// # Ok(()) }
/// ```
///
/// Customised: `Basic` is checked by somebody else.
///
/// ```
/// # use tower_bearer::{Algorithm, KeySet, OptionalJwt, Validator};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// # let validator = Validator::new("https://id.example", "orders");
/// let guard = OptionalJwt::<serde_json::Value>::new(validator, keys).ignore_other_schemes();
/// # let _ = guard;
/// # Ok(()) }
/// ```
pub type OptionalJwt<C, R = EmptyBody> = Guard<JwtAuthenticator<C>, Optional, R>;

/// The service that [`OptionalJwt`] makes of another.
pub type OptionalJwtService<S, C, R = EmptyBody> =
    GuardService<S, JwtAuthenticator<C>, Optional, R>;

/// The future of [`OptionalJwtService`]. `B` is the body of the request.
pub type OptionalJwtFuture<S, B, C, R = EmptyBody> =
    GuardFuture<S, B, JwtAuthenticator<C>, Optional, R>;

impl<C> OptionalJwt<C> {
    /// Refuses requests with a token that does not keep the rules of `validator`, or was
    /// signed with none of `keys`.
    pub fn new(validator: Validator, keys: impl KeySource) -> Self {
        Self::of_jwts(validator, keys, Optional)
    }
}
