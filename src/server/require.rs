//! A token has to be there.

use super::{
    future::GuardFuture, guard::Guard, jwt_authenticator::JwtAuthenticator, presence::Required,
    rejection_response::EmptyBody, service::GuardService,
};
use crate::{jwt::Validator, keys::KeySource};

/// A layer that lets through only requests with a valid token.
///
/// `C` is the application's own type of claims: handlers find them by
/// [`Verified::<C>::of`](crate::Verified::of) the request's extensions, and with the feature
/// `axum` [`Verified<C>`](crate::Verified) is an extractor.
///
/// # Defaults
///
/// See [`Guard`], which has the steps that change them.
///
/// # Example
///
/// ```
/// use serde::Deserialize;
/// use tower::ServiceBuilder;
/// use tower_bearer::{Algorithm, KeySet, RequireJwt, Validator};
/// # use http::{Request, Response};
/// # use tower::{Service, ServiceExt, service_fn};
///
/// #[derive(Deserialize)]
/// struct MyClaims {
///     sub: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// let validator = Validator::new("https://id.example", "orders");
/// let guard = RequireJwt::<MyClaims>::new(validator, keys);
///
/// let mut service = ServiceBuilder::new().layer(guard).service(service_fn(
///     |_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(())) },
/// ));
/// let response = service.ready().await?.call(Request::new(())).await?;
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="orders""#);
/// # Ok(()) }
/// ```
///
/// Customised:
///
/// ```
/// use tower_bearer::{
///     Algorithm, KeySet, RequireJwt, ScopeSet, Validator,
///     challenge::Challenge,
///     server::{Place, Rejection},
///     token::Scheme,
/// };
///
/// #[derive(serde::Deserialize)]
/// struct MyClaims {
///     permissions: Vec<String>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// # let validator = Validator::new("https://id.example", "orders");
/// let guard = RequireJwt::<MyClaims>::new(validator, keys)
///     .credentials_in(Place::header(Scheme::word("Token")?))
///     .challenge(Challenge::bearer().resource_metadata(
///         "https://api.example/.well-known/oauth-protected-resource",
///     )?)
///     .scopes_from(|claims| ScopeSet::from_iter(&claims.permissions))
///     .remove_credentials()
///     .rejection_response(|rejection: &Rejection| {
///         rejection.response_with(format!("refused: {}", rejection.status()))
///     });
/// # let _ = guard;
/// # Ok(()) }
/// ```
///
/// In a struct field:
///
/// ```
/// # struct MyClaims;
/// struct Guards {
///     orders: tower_bearer::RequireJwt<MyClaims>,
/// }
/// ```
pub type RequireJwt<C, R = EmptyBody> = Guard<JwtAuthenticator<C>, Required, R>;

/// The service that [`RequireJwt`] makes of another.
pub type RequireJwtService<S, C, R = EmptyBody> = GuardService<S, JwtAuthenticator<C>, Required, R>;

/// The future of [`RequireJwtService`]. `B` is the body of the request.
pub type RequireJwtFuture<S, B, C, R = EmptyBody> =
    GuardFuture<S, B, JwtAuthenticator<C>, Required, R>;

impl<C> RequireJwt<C> {
    /// Lets through only requests with a token that keeps the rules of `validator` and
    /// was signed with one of `keys`.
    pub fn new(validator: Validator, keys: impl KeySource) -> Self {
        Self::of_jwts(validator, keys, Required)
    }
}
