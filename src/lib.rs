//! Bearer tokens for Tower, at both ends of an HTTP call.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(all(feature = "server", not(feature = "aws-lc-rs")))]
compile_error!(
    "feature `server` verifies signatures and needs a backend: enable `aws-lc-rs` (it is in the default features)"
);

#[cfg(feature = "axum")]
mod axum;
pub mod challenge;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
#[cfg(feature = "server")]
mod grpc;
#[cfg(feature = "server")]
pub mod jwt;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "client")]
pub mod oauth;
pub mod origin;
pub mod scope;
pub mod secret;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "client")]
mod single_flight;
#[cfg(feature = "test-util")]
pub mod test_util;
pub mod token;
#[cfg(feature = "client")]
pub mod transport;

#[cfg(feature = "client")]
pub use client::{Auth, AuthLayer, Refreshing};
#[cfg(feature = "server")]
pub use jwt::{Algorithm, Expected, Validator, Verified};
#[cfg(feature = "server")]
pub use keys::{KeySet, KeySource};
#[cfg(feature = "client")]
pub use oauth::{ClientAuth, ClientCredentials, TokenEndpoint};
pub use origin::Origin;
pub use scope::ScopeSet;
#[cfg(feature = "server")]
pub use server::{OptionalJwt, RequireJwt, RequireScope};
pub use token::AccessToken;

/// Any error, as Tower services pass it on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A boxed future, as the traits that are held as `dyn` return it.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;
