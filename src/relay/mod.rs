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
//! - `on_behalf_of` takes an `Authorization` out that was copied from the request that came
//!   in. So that none is sent on where nobody says it, let the guard take the credentials out
//!   (`RequireJwt::remove_credentials`), and the layer refuse what is left
//!   ([`PresetCredentials::Refuse`](crate::client::PresetCredentials::Refuse)).
//!
//! Where tokens may go is the layer's matter, as everywhere: its
//! [origins](crate::AuthLayer::origin).
//!
//! # Example
//!
//! ```
//! use tower_bearer::{AuthLayer, Verified, relay};
//!
//! struct MyClaims;
//!
//! // once
//! let layer = AuthLayer::new(relay::same_token("stock")).origin("https://stock.example")?;
//!
//! // in a handler
//! fn stock_of(token: &Verified<MyClaims>) -> Result<http::Request<String>, http::Error> {
//!     let mut request = http::Request::get("https://stock.example/items").body(String::new())?;
//!     relay::on_behalf_of(&mut request, token);
//!     Ok(request) // for a client with that layer
//! }
//! # let _ = (layer, stock_of);
//! # Ok::<(), tower_bearer::origin::OriginError>(())
//! ```

mod caller;
mod error;
mod exchanged;
mod same_token;

pub use caller::{Caller, on_behalf_of};
pub use error::{RelayError, RelayErrorKind};
pub use exchanged::{Exchanged, exchanged};
pub use same_token::{SameToken, same_token};
