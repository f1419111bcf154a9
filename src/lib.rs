//! Bearer tokens for Tower, at both ends of an HTTP call.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod challenge;
pub mod clock;
pub mod origin;
pub mod scope;
pub mod secret;
pub mod token;

pub use origin::Origin;
pub use scope::ScopeSet;
pub use token::AccessToken;

/// Any error, as Tower services pass it on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A boxed future, as the traits that are held as `dyn` return it.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;
