//! Keys that verify tokens, and where they come from.
//!
//! A [`KeySet`] is fixed: from a shared secret, PEM, DER, a JWK or a JWKS. A
//! [`KeySource`] is asked for each token: a `KeySet` is one, and so is a closure that was
//! given to [`from_fn`] or [`from_async_fn`].

mod jwk;
mod key_set;
mod source;

pub use crate::jwt::{
    key::KeySet,
    key_error::{KeyError, KeyErrorKind},
};
pub use source::{
    FromAsyncFn, FromFn, KeyQuery, KeySource, KeysUnavailable, from_async_fn, from_fn,
};
