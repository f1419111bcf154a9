//! Keys that verify tokens, and where they come from.

mod key_set;
mod source;

pub use key_set::{KeySet, KeySetError};
pub use source::{KeyQuery, KeySource, KeysUnavailable, from_async_fn, from_fn};
