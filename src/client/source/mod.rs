//! Which token does this request carry?

mod from_async_fn;
mod from_fn;
mod request_context;
mod token_source;

pub use from_async_fn::{FromAsyncFn, from_async_fn};
pub use from_fn::{FromFn, from_fn};
pub use request_context::RequestContext;
pub use token_source::{AfterRefusal, TokenSource};
