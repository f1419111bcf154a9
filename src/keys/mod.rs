//! Keys that verify tokens, and where they come from.
//!
//! A [`KeySet`] is fixed: from a shared secret, PEM, DER, a JWK, a JWKS, or files of
//! them. A
//! [`KeySource`] is asked for each token: a `KeySet` is one, and so is a closure that was
//! given to [`from_fn`] or [`from_async_fn`].

mod files;
mod key_set;
mod source;

pub use crate::jwt::{
    key::KeySet,
    key_error::{KeyError, KeyErrorKind},
    signature::Backend,
};
pub use source::{
    FromAsyncFn, FromFn, KeyQuery, KeySource, KeysUnavailable, from_async_fn, from_fn,
};
