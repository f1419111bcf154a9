//! The server's end: layers that check the tokens of incoming requests.
//!
//! [`RequireJwt`] refuses requests without a valid token, [`OptionalJwt`] lets anonymous
//! ones through, and [`RequireScope`] stands inside either and asks what the token
//! allows. A guard leaves an [`Authentication`] in the request's extensions, of which
//! [`Verified::of`](crate::Verified::of) makes the claims. Refusals are responses, never errors;
//! [`RejectionResponse`] makes them the application's own.
//!
//! [`RequireToken`] and [`OptionalToken`] are the same for opaque tokens, which the
//! application keeps in [`StaticTokens`]; of what they leave, [`Identity::of`] makes
//! the application's own type.
//!
//! With the feature `cache`, [`VerifiedCache`] remembers JWTs that were accepted: one that
//! comes again costs a comparison, and whatever may have changed is asked all the same.
//!
//! ```
//! use serde::Deserialize;
//! use tower::ServiceBuilder;
//! use tower_bearer::{Algorithm, KeySet, RequireJwt, RequireScope, Validator};
//!
//! #[derive(Deserialize)]
//! struct MyClaims {
//!     sub: String,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
//! let validator = Validator::new("https://id.example", "orders");
//! let layers = ServiceBuilder::new()
//!     .layer(RequireJwt::<MyClaims>::new(validator, keys))
//!     .layer(RequireScope::all(["orders:read"]));
//! # let _ = layers;
//! # Ok(()) }
//! ```
//!
//! # Events
//!
//! By `tracing`; none shows a token, and what a caller wrote is escaped and cut.
//!
//! | level | event | fields |
//! | --- | --- | --- |
//! | `DEBUG` | request refused | `reason`: it brought no token, as every client begins |
//! | `INFO` | request refused | `reason`, `issuer`, `key_id`, `waited_us`: what it brought was not good |
//! | `WARN` | request refused | `reason`, `cause`, `issuer`, `key_id`, `waited_us`: the keys can't be had |
//! | `ERROR` | request refused | `reason`: layers and handlers don't fit together, and how they do |
//! | `ERROR` | request refused | `reason`, `taken`: the same of an extractor, and of which type |
//! | `ERROR` | no token can have this scope: give each scope as a name of its own, without spaces (RFC 6749 §3.3) | `scope`: a [`RequireScope`] was made that refuses everybody |
//!
//! `reason` is the [`Rejection`]. `issuer` and `key_id` are what the token says, which nobody
//! has verified. `waited_us` is how long the request waited for keys, in microseconds; it is
//! absent where none were waited for.
//!
//! They are inside the span of a `tower_http::trace::TraceLayer` that stands outside the
//! guard, so that the reason stands beside method and path. This crate has no spans of its
//! own. A token that stands in a query is seen by every layer outside the guard that logs the
//! URI, and one in a header by those that log headers: see `docs/stack.md`.

mod authenticate;
mod authentication;
mod credentials;
mod future;
mod guard;
mod identity;
mod jwt_authenticator;
mod jwt_guard;
mod key_wait;
mod log;
mod optional;
mod optional_token;
mod preflight;
mod presence;
mod privacy;
mod problem;
mod rejection;
mod rejection_response;
mod require;
mod require_scope;
mod require_token;
mod resource_metadata;
mod service;
mod static_tokens;
mod trusted;
mod verdict;
#[cfg(feature = "cache")]
mod verified_cache;

pub use authenticate::Authenticate;
pub use authentication::Authentication;
#[cfg(feature = "axum")]
pub(crate) use authentication::Proof;
pub use credentials::{Found, Place, PlaceError, Places};
pub use future::GuardFuture;
pub use guard::Guard;
pub use identity::Identity;
pub use jwt_authenticator::JwtAuthenticator;
pub use optional::{OptionalJwt, OptionalJwtFuture, OptionalJwtService};
pub use optional_token::{OptionalToken, OptionalTokenFuture, OptionalTokenService};
pub use presence::{Optional, Presence, Required};
pub use problem::ProblemDetails;
pub use rejection::{Rejection, RejectionReason};
pub use rejection_response::{EmptyBody, RejectionResponse};
pub use require::{RequireJwt, RequireJwtFuture, RequireJwtService};
pub use require_scope::{RequireScope, RequireScopeFuture, RequireScopeService};
pub use require_token::{RequireToken, RequireTokenFuture, RequireTokenService};
pub use resource_metadata::{ResourceError, ResourceMetadata};
pub use service::GuardService;
pub use static_tokens::{StaticToken, StaticTokens};
#[cfg(feature = "cache")]
pub use verified_cache::VerifiedCache;

#[cfg(feature = "axum")]
pub(crate) use rejection::Protocol;
