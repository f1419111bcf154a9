//! Bearer tokens for Tower, at both ends of an HTTP call.
//!
//! # A resource server
//!
//! [`RequireJwt`] lets through only requests with a valid token, and the handler gets the
//! claims in the application's own type (with the feature `axum`, as an extractor).
//! Issuer and audience both have to be decided. [`RequireScope`] stands inside.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app() -> Result<axum::Router, Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use tower_bearer::{Algorithm, KeySet, RequireJwt, RequireScope, Validator, Verified};
//!
//! #[derive(serde::Deserialize)]
//! struct MyClaims {
//!     sub: String,
//! }
//!
//! async fn list(token: Verified<MyClaims>) -> String {
//!     token.claims().sub.clone()
//! }
//!
//! let secret = [7; 32]; // a real one is random
//! let keys = KeySet::from_secret(Algorithm::HS256, secret)?;
//! let validator = Validator::new("https://id.example", "orders");
//! let app = Router::new()
//!     .route("/orders", get(list))
//!     .route_layer(RequireScope::all(["orders:read"]))
//!     .layer(RequireJwt::<MyClaims>::new(validator, keys));
//! # Ok(app) }
//! # #[cfg(feature = "axum")]
//! # app().unwrap();
//! ```
//!
//! # A client
//!
//! [`AuthLayer`] wraps any Tower HTTP client. Tokens are obtained, kept fresh, added, and
//! renewed when the server refuses them. They go to the origins that were named and
//! nowhere else.
//!
//! ```
//! # #[cfg(feature = "client")]
//! # fn client() -> Result<(), Box<dyn std::error::Error>> {
//! # use bytes::Bytes; use http_body_util::Full;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! use tower::ServiceBuilder;
//! use tower_bearer::{AuthLayer, ClientAuth, ClientCredentials, Refreshing, TokenEndpoint};
//!
//! let tokens = TokenEndpoint::new("https://id.example/oauth2/token")?
//!     .client_auth(ClientAuth::basic("orders-job", "hunter2"))
//!     .grant(ClientCredentials::new().scope("orders:read"))
//!     .over(transport.clone());
//! let layer = AuthLayer::new(Refreshing::new(tokens)).origin("https://api.example")?;
//! let client = ServiceBuilder::new().layer(layer).service(transport);
//! # let _ = client;
//! # Ok(()) }
//! # #[cfg(feature = "client")]
//! # client().unwrap();
//! ```
//!
//! # Where to look
//!
//! | for | look at |
//! | --- | --- |
//! | guards, refusals, scopes | [`server`] |
//! | rules for tokens, claims, minting | [`jwt`] |
//! | keys and where they come from | [`keys`] |
//! | token sources, renewal, replay, stores | [`client`] |
//! | grants, client authentication, the token endpoint | [`oauth`] |
//! | an API that calls another for its caller | [`relay`] |
//! | a ready HTTPS client | [`https`] |
//! | people who log in by a login page | [`login`] |
//! | your own tests | [`test_util`] |
//!
//! # Events
//!
//! What happens is told by `tracing`, with targets that begin with `tower_bearer`: by
//! [`client`](client#events), [`server`](server#events), [`RemoteKeySet`](RemoteKeySet#events),
//! [`keys::issuers`](keys::issuers#events) and [`login`](login#events). No event shows a secret,
//! at any level. There are no spans: an event about a request is in whatever span the request is
//! in.
//!
//! # Features
//!
//! | feature | default | gives |
//! | --- | --- | --- |
//! | `client` | yes | [`AuthLayer`] and what it needs |
//! | `server` | yes | [`RequireJwt`], [`RequireToken`], their optional siblings, [`RequireScope`] and what they need |
//! | `jwt` | with `server` | [`Validator`], [`KeySet`] and [`jwt::Minter`], without any middleware; with `client`, assertions that the client signs |
//! | `aws-lc-rs` | yes | the default backend for signatures; `jwt` needs one |
//! | `rust-crypto` | no | the backend in pure Rust, instead of it or beside it |
//! | `axum` | no | [`Verified`] and [`Identity`] as extractors |
//! | `cache` | no | `server::VerifiedCache`: a token that was verified before costs a comparison |
//! | `file-store` | no | `client::store::FileStore`: tokens in a file, shared by processes |
//! | `https` | no | [`HttpsClient`]: a ready transport, for those who bring none |
//! | `login` | no | [`login::RequireLogin`]: login by the login screen (OpenID Connect) |
//! | `test-util` | no | [`test_util`] |
// The programs of the README are compiled as doc tests.
#![cfg_attr(all(doctest, feature = "axum", feature = "client", feature = "https", feature = "login"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(all(
    feature = "jwt",
    not(any(feature = "aws-lc-rs", feature = "rust-crypto"))
))]
compile_error!(
    "the features `jwt` and `server` verify signatures and need a backend: enable `aws-lc-rs` (it is in the default features) or `rust-crypto`"
);

#[cfg(any(feature = "client", feature = "server"))]
mod address;
#[cfg(feature = "axum")]
mod axum;
#[cfg(any(feature = "client", feature = "server"))]
mod backoff;
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub mod challenge;
#[cfg(feature = "client")]
pub mod client;
#[cfg_attr(not(any(feature = "client", feature = "server")), allow(dead_code))]
pub mod clock;
#[cfg(any(feature = "client", feature = "server"))]
#[cfg_attr(not(feature = "client"), allow(dead_code))]
mod deadline;
#[cfg_attr(not(feature = "client"), allow(dead_code))]
mod excerpt;
#[cfg(feature = "server")]
mod grpc;
#[cfg(all(feature = "https", not(target_os = "android")))]
pub mod https;
#[cfg(feature = "client")]
pub mod json_pointer;
#[cfg(feature = "client")]
pub mod json_scalar;
#[cfg(feature = "jwt")]
#[cfg_attr(
    not(all(feature = "client", feature = "server")),
    allow(dead_code, unused_imports)
)]
pub mod jwt;
#[cfg(feature = "jwt")]
pub mod keys;
#[cfg(feature = "login")]
pub mod login;
#[cfg(feature = "client")]
pub mod oauth;
pub mod origin;
#[cfg(all(feature = "client", feature = "jwt"))]
pub mod relay;
#[cfg(any(feature = "client", feature = "server"))]
mod retry_after;
pub mod scope;
pub mod secret;
#[cfg(feature = "client")]
mod secret_file;
#[cfg(feature = "server")]
pub mod server;
mod short_text;
#[cfg(feature = "client")]
mod single_flight;
#[cfg(feature = "test-util")]
pub mod test_util;
#[cfg_attr(not(feature = "client"), allow(dead_code))]
pub mod token;
#[cfg(any(feature = "client", feature = "server"))]
pub mod transport;

#[cfg(feature = "client")]
pub use client::{Auth, AuthLayer, Refreshing};
#[cfg(all(feature = "https", not(target_os = "android")))]
pub use https::HttpsClient;
#[cfg(feature = "jwt")]
pub use jwt::{Algorithm, Expected, Validator, Verified};
#[cfg(feature = "server")]
pub use keys::remote::RemoteKeySet;
#[cfg(feature = "jwt")]
pub use keys::{KeySet, KeySource};
#[cfg(feature = "client")]
pub use oauth::{ClientAuth, ClientCredentials, TokenEndpoint};
pub use origin::Origin;
pub use scope::ScopeSet;
#[cfg(feature = "server")]
pub use server::{
    Identity, OptionalJwt, OptionalToken, RequireJwt, RequireScope, RequireToken, StaticToken,
    StaticTokens,
};
pub use token::AccessToken;

/// Any error, as Tower services pass it on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A boxed future, as the traits that are held as `dyn` return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
