//! For users' own tests: an authorization server as a value, and a clock that moves
//! when told.
//!
//! [`AuthorizationServer`] is a Tower service, so that a test needs neither ports nor
//! real time; [`listen`](AuthorizationServer::listen) puts the same server on a loopback
//! port. It can be made to rotate its keys, revoke tokens and misbehave in all the ways
//! in which real ones do ([`Fault`]), and it counts what it was asked.
//!
//! # A unit test that needs a verified token
//!
//! ```
//! use serde::Deserialize;
//! use serde_json::json;
//! use tower_bearer::{Verified, test_util::AuthorizationServer};
//!
//! #[derive(Deserialize)]
//! struct MyClaims { sub: String }
//!
//! fn greeting(token: &Verified<MyClaims>) -> String {
//!     format!("Hello {}", token.claims().sub)
//! }
//!
//! # fn main() -> Result<(), tower_bearer::BoxError> {
//! let server = AuthorizationServer::new()?;
//! let token = server.verified(json!({ "sub": "alice", "scope": "orders:read" }))?;
//! assert_eq!(greeting(&token), "Hello alice");
//! # Ok(()) }
//! ```

mod assertion;
mod authorization;
mod authorization_server;
mod body;
mod builder;
mod client;
mod client_authentication;
mod clock;
mod code;
mod documents;
mod end_session;
mod fault;
mod form;
mod grants;
mod id_token;
mod listening;
mod page;
mod received;
mod refusal;
mod revocation;
mod service;
mod state;
mod token_endpoint;
mod token_request;

pub use authorization_server::{AuthorizationServer, AuthorizationServerError};
pub use body::Body;
pub use builder::{AuthorizationServerBuilder, ExpiresIn, RefreshTokens};
pub use client::RegisteredClient;
pub use clock::ManualClock;
pub use documents::Endpoint;
pub use fault::Fault;
pub use listening::Listening;
pub use received::{PresentedBy, ReceivedTokenRequest, Requests};
