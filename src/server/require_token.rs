//! An opaque token has to be there.

use super::{
    future::GuardFuture, guard::Guard, presence::Required, rejection_response::EmptyBody,
    service::GuardService, static_tokens::StaticTokens,
};

/// A layer that lets through only requests with a token of [`StaticTokens`].
///
/// `I` is the application's own type for who brings a token: handlers find it by
/// [`Identity::<I>::of`](super::Identity::of) the request's extensions, and with the feature
/// `axum` [`Identity<I>`](super::Identity) is an extractor.
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
/// use tower_bearer::{RequireToken, server::{Identity, StaticToken, StaticTokens}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = StaticTokens::from_iter([StaticToken::new("9f2c5e7d1a04b863", "Alice")?]);
/// let guard = RequireToken::new(tokens.clone()); // the handle goes on adding and removing
///
/// let mut service = ServiceBuilder::new().layer(guard).service(service_fn(
///     |request: Request<()>| async move {
///         let caller = Identity::<&str>::of(request.extensions());
///         let name = caller.map(|caller| caller.to_string());
///         Ok::<_, std::convert::Infallible>(Response::new(name.unwrap_or_default()))
///     },
/// ));
/// let request = Request::get("/").header("authorization", "Bearer 9f2c5e7d1a04b863");
/// let response = service.ready().await?.call(request.body(())?).await?;
/// assert_eq!(response.into_body(), "Alice");
///
/// tokens.remove("9f2c5e7d1a04b863");
/// let request = Request::get("/").header("authorization", "Bearer 9f2c5e7d1a04b863");
/// let response = service.ready().await?.call(request.body(())?).await?;
/// assert_eq!(response.status(), 401);
/// # Ok(()) }
/// ```
///
/// Customised: the token stands alone in `Authorization`, and one switch decides whether it
/// is asked for at all ([`Guard`] says what that means for what stands inside).
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{RequireToken, server::StaticTokens, token::Scheme};
///
/// # let tokens = StaticTokens::<String>::new();
/// # let is_switched_on = false;
/// let guard = RequireToken::new(tokens).credentials_in(Scheme::bare());
/// let layers = ServiceBuilder::new().option_layer(is_switched_on.then_some(guard));
/// # let _ = layers;
/// ```
///
/// In a struct field:
///
/// ```
/// # struct Employee;
/// struct Guards {
///     metrics: tower_bearer::RequireToken<Employee>,
/// }
/// ```
pub type RequireToken<I, R = EmptyBody> = Guard<StaticTokens<I>, Required, R>;

/// The service that [`RequireToken`] makes of another.
pub type RequireTokenService<S, I, R = EmptyBody> = GuardService<S, StaticTokens<I>, Required, R>;

/// The future of [`RequireTokenService`]. `B` is the body of the request.
pub type RequireTokenFuture<S, B, I, R = EmptyBody> =
    GuardFuture<S, B, StaticTokens<I>, Required, R>;

impl<I> RequireToken<I> {
    /// Lets through only requests with one of `tokens`.
    pub fn new(tokens: StaticTokens<I>) -> Self {
        Self::new_with(tokens, None, Required)
    }
}
