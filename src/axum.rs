//! `Verified<C>` as an axum extractor.

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    jwt::Verified,
    server::{Authentication, EmptyBody, Protocol, Rejection, RejectionResponse},
};

/// The token of the caller, with its claims.
///
/// An anonymous caller, let through by [`OptionalJwt`](crate::OptionalJwt), is refused
/// with 401. Where no guard stands before the handler, or one with another type of
/// claims, the answer is 500 and the log names the fix.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_bearer::{Algorithm, KeySet, RequireJwt, RequireScope, Validator, Verified};
///
/// #[derive(serde::Deserialize)]
/// struct MyClaims {
///     sub: String,
/// }
///
/// async fn list(token: Verified<MyClaims>) -> String {
///     token.claims().sub.clone()
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// let validator = Validator::new("https://id.example", "orders");
/// let app: Router = Router::new()
///     .route("/orders", get(list))
///     .route_layer(RequireScope::all(["orders:read"]))
///     .layer(RequireJwt::<MyClaims>::new(validator, keys));
/// # let _ = app;
/// # Ok(()) }
/// ```
impl<C, S> FromRequestParts<S> for Verified<C>
where
    C: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        match verified(parts)? {
            Caller::Known(verified) => Ok(verified),
            Caller::Anonymous(authentication) => {
                Err(authentication.token_needed(Protocol::of(&parts.method, &parts.headers)))
            }
        }
    }
}

/// The token of the caller, or `None` for one that a guard has recorded as anonymous.
///
/// Never `None` because a layer is missing or `C` is another type: that is 500.
///
/// # Example
///
/// ```
/// use tower_bearer::Verified;
///
/// async fn greet(token: Option<Verified<serde_json::Value>>) -> &'static str {
///     match token {
///         Some(_) => "welcome back",
///         None => "welcome",
///     }
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::get(greet);
/// ```
impl<C, S> OptionalFromRequestParts<S> for Verified<C>
where
    C: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        match verified(parts)? {
            Caller::Known(verified) => Ok(Some(verified)),
            Caller::Anonymous(_) => Ok(None),
        }
    }
}

enum Caller<'p, C> {
    Known(Verified<C>),
    Anonymous(&'p Authentication),
}

fn verified<C: Send + Sync + 'static>(parts: &Parts) -> Result<Caller<'_, C>, Rejection> {
    if let Some(verified) = parts.extensions.get::<Verified<C>>() {
        return Ok(Caller::Known(verified.clone()));
    }
    let fix = match parts.extensions.get::<Authentication>() {
        Some(authentication) if authentication.is_anonymous() => {
            return Ok(Caller::Anonymous(authentication));
        }
        Some(_) => {
            "the handler's `Verified<C>` has another claims type than the nearest guard: write the same `C` in both"
        }
        None => {
            "no guard stands before a handler that takes `Verified<C>`: add `RequireJwt` or `OptionalJwt` with `.layer`"
        }
    };
    let claims = std::any::type_name::<C>();
    tracing::error!(claims, "{fix}");
    Err(Rejection::misconfigured(
        fix,
        Protocol::of(&parts.method, &parts.headers),
    ))
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response: Response<Body> = EmptyBody.response(&self);
        response.extensions_mut().insert(self);
        response
    }
}
