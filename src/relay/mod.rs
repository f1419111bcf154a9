//! An API that calls another API, for its caller or in its own name.
//!
//! The handler has the caller's [`Verified`](crate::Verified) token, and says of each request
//! that it makes for that caller: [`on_behalf_of`]. Which token the request then carries is the
//! matter of the layer's source:
//!
//! | source | the other API sees | the token is good there if |
//! | --- | --- | --- |
//! | [`same_token`] | the caller, by the token that came | it was issued for that API too |
//! | [`exchanged`] | the caller, by a token that was bought with it (RFC 8693) | the authorization server says so |
//! | [`Refreshing`](crate::Refreshing) | this service, whoever called | this service may |
//!
//! It is one of them, and none by accident:
//!
//! - A request for which nobody said `on_behalf_of` fails at the first two. It is not sent in
//!   the service's own name: a handler that forgot a line would then lend its callers what the
//!   service may do. [`first_of`](crate::client::source::first_of) doesn't pass over them.
//! - The service's own source looks at no caller.
//! - Only a verified access token can be sent on. An ID token is the client's alone
//!   (OpenID Connect Core §2); of a session that began with one it is the access token that
//!   came with it.
//! - What came in does not go on. Three lines see to it, and any of them will do: the guard
//!   takes the token out (`remove_credentials`), `on_behalf_of` takes an `Authorization` out
//!   that was copied, and the client refuses one that is left
//!   ([`PresetCredentials::Refuse`](crate::client::PresetCredentials::Refuse)). With none of
//!   them, a handler that sends the request on that it was given sends the caller's token on.
//!
//! Where tokens may go is the layer's matter, as everywhere: its
//! [origins](crate::AuthLayer::origin).
//!
//! # Example
//!
//! ```
//! use tower_bearer::{AuthLayer, KeySet, RequireJwt, Validator, Verified};
//! use tower_bearer::{client::PresetCredentials, relay};
//!
//! # #[derive(serde::Deserialize)]
//! struct MyClaims {}
//!
//! # fn layers(validator: Validator, keys: KeySet) -> Result<(), tower_bearer::BoxError> {
//! // once
//! let guard = RequireJwt::<MyClaims>::new(validator, keys).remove_credentials();
//! let client = AuthLayer::new(relay::same_token("stock"))
//!     .origin("https://stock.example")?
//!     .preset_credentials(PresetCredentials::Refuse);
//! # let _ = (guard, client);
//! # Ok(()) }
//!
//! // in a handler
//! fn stock_of(token: &Verified<MyClaims>) -> Result<http::Request<String>, http::Error> {
//!     let mut request = http::Request::get("https://stock.example/items").body(String::new())?;
//!     relay::on_behalf_of(&mut request, token);
//!     Ok(request) // for a client with that layer
//! }
//! # let _ = (layers, stock_of);
//! ```
//!
//! The example `gateway` is a whole program.

mod caller;
mod error;
mod exchanged;
mod same_token;

pub use caller::{Caller, on_behalf_of};
pub use error::{RelayError, RelayErrorKind};
pub use exchanged::{Exchanged, exchanged};
pub use same_token::{SameToken, same_token};
