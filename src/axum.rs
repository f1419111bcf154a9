//! `Verified<C>` and `Identity<I>` as axum extractors.

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    jwt::Verified,
    server::{Authentication, EmptyBody, Identity, Proof, Protocol, Rejection, RejectionResponse},
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
        required(parts, &VERIFIED)
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
        optional(parts, &VERIFIED)
    }
}

/// The identity of the caller.
///
/// An anonymous caller, let through by [`OptionalToken`](crate::OptionalToken), is refused
/// with 401. Where no guard stands before the handler, or one with another type of identity,
/// the answer is 500 and the log names the fix.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_bearer::{Identity, RequireToken, StaticToken, StaticTokens};
///
/// struct Employee {
///     name: &'static str,
/// }
///
/// async fn greet(caller: Identity<Employee>) -> String {
///     format!("hello, {}", caller.name)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let alice = StaticToken::new("9f2c5e7d1a04b863", Employee { name: "Alice" })?;
/// let app: Router = Router::new()
///     .route("/", get(greet))
///     .layer(RequireToken::new(StaticTokens::from_iter([alice])));
/// # let _ = app;
/// # Ok(()) }
/// ```
impl<I, S> FromRequestParts<S> for Identity<I>
where
    I: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        required(parts, &IDENTITY)
    }
}

/// The identity of the caller, or `None` for one that a guard has recorded as anonymous.
///
/// Never `None` because a layer is missing or `I` is another type: that is 500.
impl<I, S> OptionalFromRequestParts<S> for Identity<I>
where
    I: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        optional(parts, &IDENTITY)
    }
}

/// What the operator is told where handler and guard don't fit together.
struct Fixes {
    no_guard: &'static str,
    other_guard: &'static str,
}

const VERIFIED: Fixes = Fixes {
    no_guard: "no guard stands before a handler that takes `Verified<C>`: add `RequireJwt` or `OptionalJwt` with `.layer`",
    other_guard: "the handler's `Verified<C>` is not what the nearest guard gives: write the same `C` in both, or take `Identity<I>` behind `RequireToken`",
};

const IDENTITY: Fixes = Fixes {
    no_guard: "no guard stands before a handler that takes `Identity<I>`: add `RequireToken` or `OptionalToken` with `.layer`",
    other_guard: "the handler's `Identity<I>` is not what the nearest guard gives: write the same `I` in both, or take `Verified<C>` behind `RequireJwt`",
};

fn required<T: Proof>(parts: &Parts, fixes: &Fixes) -> Result<T, Rejection> {
    match caller(parts, fixes)? {
        Caller::Known(known) => Ok(known),
        Caller::Anonymous(authentication) => {
            Err(authentication.token_needed(Protocol::of(&parts.method, &parts.headers)))
        }
    }
}

fn optional<T: Proof>(parts: &Parts, fixes: &Fixes) -> Result<Option<T>, Rejection> {
    Ok(match caller(parts, fixes)? {
        Caller::Known(known) => Some(known),
        Caller::Anonymous(_) => None,
    })
}

enum Caller<'p, T> {
    Known(T),
    Anonymous(&'p Authentication),
}

fn caller<'p, T: Proof>(parts: &'p Parts, fixes: &Fixes) -> Result<Caller<'p, T>, Rejection> {
    let fix = match parts.extensions.get::<Authentication>() {
        Some(authentication) if authentication.is_anonymous() => {
            return Ok(Caller::Anonymous(authentication));
        }
        Some(authentication) => match authentication.proof() {
            Some(known) => return Ok(Caller::Known(known)),
            None => fixes.other_guard,
        },
        None => fixes.no_guard,
    };
    let taken = std::any::type_name::<T>();
    tracing::error!(reason = fix, taken, "request refused");
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
