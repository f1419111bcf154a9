//! Which token does this request carry?
//!
//! | source | its tokens | after a refusal |
//! | --- | --- | --- |
//! | [`AccessToken`](crate::AccessToken) | one that never changes | nothing |
//! | [`Refreshing`](crate::client::Refreshing) | are obtained, kept and renewed | another is obtained |
//! | [`from_file`] | the file's | the file is read again |
//! | [`from_env`] | the environment variable's | it is read again |
//! | [`from_fn`] | what a closure has at hand for the request | nothing |
//! | [`from_async_fn`] | what a closure gets for **each** request | the closure is asked again |
//!
//! These are made of others, and choose one by the request:
//!
//! | source | asks |
//! | --- | --- |
//! | [`first_of`] | the first that has a token for the request |
//! | [`per_origin`] | the one for the place where the request goes |
//! | [`per_tenant`] | the one for whose request it is, made when it is needed |
//!
//! A token knows the source that gave it. What a server says of the token reaches that source
//! directly: not those on the way that are made of it, nor a wrapper between two of them.
//!
//! # A token that its owner may replace
//!
//! It is good until it is replaced, so a 401 means: read it again, once, and if it is the
//! same, tell the caller. That is [`from_file`], and, where another place is to be read,
//! [`from_async_fn`]. Not [`from_fn`]: its closure is asked for each request, but a refused
//! request is not sent again.

mod first_of;
mod from_async_fn;
mod from_env;
mod from_file;
mod from_fn;
mod member;
mod per_origin;
mod per_tenant;
mod read_error;
mod recent;
mod request_context;
mod token_source;

pub use first_of::{FirstOf, first_of};
pub use from_async_fn::{FromAsyncFn, from_async_fn};
pub use from_env::{FromEnv, from_env};
pub use from_file::{FromFile, from_file};
pub use from_fn::{FromFn, from_fn};
pub use per_origin::{PerOrigin, per_origin};
pub use per_tenant::{PerTenant, per_tenant};
pub use read_error::{ReadError, ReadErrorKind};
pub use request_context::RequestContext;
pub use token_source::{AfterRefusal, TokenSource};
