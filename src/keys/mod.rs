//! Keys that verify tokens, and where they come from.
//!
//! A [`KeySet`] is fixed: from a shared secret, PEM, DER, a JWK, a JWKS, or files of
//! them. Keys that rotate are a `RemoteKeySet`, behind an address, an issuer, or in files
//! that change; those of many tenants are `RemoteIssuers` (both with the feature `server`).
//!
//! A [`KeySource`] is asked for each token: all of these are one, and so is a closure that
//! was given to [`from_fn`] or [`from_async_fn`].

#[cfg(feature = "server")]
mod address;
#[cfg(feature = "server")]
mod discovery;
mod files;
#[cfg(feature = "server")]
pub mod issuers;
mod key_set;
#[cfg(feature = "server")]
mod metadata;
#[cfg(feature = "server")]
pub mod remote;
mod source;

#[cfg(feature = "server")]
pub use address::AddressError;
#[cfg(feature = "server")]
pub use metadata::{MetadataError, ServerMetadata};
#[cfg(feature = "server")]
pub use remote::RemoteKeySet;

pub use crate::jwt::{
    key::KeySet,
    key_error::{KeyError, KeyErrorKind},
    signature::Backend,
};
pub use source::{
    FromAsyncFn, FromFn, KeyQuery, KeySource, KeysUnavailable, from_async_fn, from_fn,
};
