//! Keys that verify tokens, and where they come from.
//!
//! | the keys are | take |
//! | --- | --- |
//! | at hand: a shared secret, PEM, DER, a JWK, a JWKS, files of them | [`KeySet`] |
//! | published by an issuer, or at the address of a JWKS | [`RemoteKeySet::discover`], [`RemoteKeySet::new`] |
//! | in files that change, such as mounted secrets | [`RemoteKeySet::file`], [`RemoteKeySet::directory`] |
//! | those of a handful of issuers, each with rules of its own | one of these for each, and [`also_trust`](crate::server::Guard::also_trust) |
//! | those of many tenants, each with an issuer of its own | [`issuers::RemoteIssuers`] |
//! | those of many tenants, all in one set | a [`RemoteKeySet`], and [`Expected::pattern`](crate::Expected::pattern) |
//! | anywhere else | [`from_fn`], [`from_async_fn`], or a [`KeySource`] of your own |
//!
//! A guard takes any of them; [`Validator::validate`](crate::Validator::validate), which waits
//! for nothing, takes a `KeySet`. Which key verifies a token is decided by the token's `kid`
//! and by the algorithm that each key is bound to. All but `KeySet` and closures need the
//! feature `server`.
//!
//! The repository's `docs/providers.md` has a tested configuration for each of the well-known
//! providers.

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
