//! The client's side: tokens are fetched, kept fresh, added, and renewed when refused.
//!
//! - [`AuthLayer`] makes [`Auth`], the middleware around any Tower HTTP client;
//! - [`TokenSource`] answers which token a request carries: [`Refreshing`], which renews its
//!   tokens, an [`AccessToken`] that is fixed, a file, a closure, or one of several of these
//!   ([`source`] lists them);
//! - [`store`] is where [`Refreshing`] remembers them;
//! - [`replay`] decides which bodies can be sent a second time;
//! - [`envelope`] is for APIs that refuse tokens, or fail, in a body under status 200.
//!
//! # Events
//!
//! By `tracing`; none shows a token, a secret, or the query of an address.
//!
//! | level | event | fields |
//! | --- | --- | --- |
//! | **[`Refreshing`]** | | |
//! | `DEBUG` | access token at hand | `source`, `trigger`, `elapsed_ms`, `remaining_ms` |
//! | `DEBUG` | another source took its place | `source`, `trigger`, `elapsed_ms` |
//! | `INFO` | the server refused the access token; it will be renewed | `source` |
//! | `WARN` | no access token | `source`, `trigger`, `elapsed_ms`, `retry_after_ms`, `error` |
//! | `WARN` | the server refuses every new access token; renewal is held back | `source`, `retry_after_ms` |
//! | `ERROR` | tokens could not be written down; a refresh token is lost | `source`, `error` |
//! | **[`Auth`]** | | |
//! | `DEBUG` | request sent again with another access token | |
//! | `DEBUG` | request not sent again | `reason`: the [`Refusal`] |
//! | `WARN` | request not sent | `error` |
//! | **[`envelope`]** | | |
//! | `DEBUG` | a body passes unjudged | `reason` |
//! | **[`source::from_file`]** | | |
//! | `TRACE` | looked at the token file | `source` |
//! | `DEBUG` | read another access token | `source` |
//! | `WARN` | no access token read; the last good one stays in use, if any | `source`, `error` |
//!
//! Everywhere in this crate, `source` is where tokens or keys come from (an address without
//! its query, a path, the name of a type), `trigger` is what they were asked for because of
//! (`Start`, `Schedule`, `Expired`, `Refused`), `reason` is why something was not done,
//! `retry_after_ms` is how long it is not tried again, and `error` comes with its causes.
//! Times that end with `_ms` are whole milliseconds.
//!
//! The events of a request are inside the span of a `TraceLayer` that stands outside
//! [`Auth`]; an exchange runs in a task of its own and serves many, so its events are in no
//! request's span.
//!
//! [`AccessToken`]: crate::AccessToken

mod attempt;
mod authorize;
pub mod envelope;
mod error;
mod future;
mod layer;
mod origins;
mod refreshing;
mod refusal;
pub mod replay;
mod service;
pub mod source;
pub mod store;
mod waiting;

pub use authorize::{PresetCredentials, WithoutToken};
pub use error::{Error, ErrorKind};
pub use future::AuthFuture;
pub use layer::AuthLayer;
pub use refreshing::{EndedSession, Refreshing, RefreshingBuilder, State, Timing};
pub use refusal::{Refusal, RefusedInBody, ResponseHead};
pub use service::Auth;
pub use source::{AfterRefusal, RequestContext, TokenSource};
pub use store::TokenStore;
