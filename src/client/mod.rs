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
