//! APIs whose answers come in an envelope: refusals and failures under HTTP 200.
//!
//! ```text
//! HTTP/1.1 200 OK
//! Content-Type: application/json
//!
//! {"code": 401, "msg": "token expired", "requestId": "7d5e"}
//! ```
//!
//! No look at the head tells that this refuses the token. [`EnvelopeLayer`] stands inside
//! [`AuthLayer`](crate::AuthLayer), around the transport, and looks into the bodies that may
//! say so:
//!
//! - `Content-Type` is JSON (`application/json`, or a type that ends with `+json`);
//! - there is no `Content-Encoding`;
//! - the length is declared, by the body or by `Content-Length`, and within a bound;
//! - the status is one of those that are looked at, and there is a body (none answers
//!   `HEAD`, none comes with 204 or 304).
//!
//! Any other body passes unpolled, and whatever is read is given back byte for byte, trailers
//! included. A body that is longer or shorter than declared, breaks off, takes too long, is
//! no JSON, or holds the member in question twice, is not judged: the caller gets what the
//! server sent, as without the layer.
//!
//! What becomes of an answer that is judged:
//!
//! | it says | becomes of it |
//! | --- | --- |
//! | the token is refused ([`EnvelopeLayer::refused_when`]) | a response that is marked with [`RefusedInBody`]: `AuthLayer` renews the token and sends the request once more |
//! | it failed ([`EnvelopeLayer::failed_unless`]), under a status of 2xx | the error [`ApiFailure`] in place of a response |
//! | it failed, under another status that is [looked at](EnvelopeLayer::statuses) | it passes, with the [`ApiFailure`] in its extensions |
//! | anything else | it passes |
//!
//! A refusal is never an error of this layer. If `AuthLayer` can't mend it, it reaches the
//! caller as a 401 would: as a response, with a [`Refusal`](crate::client::Refusal) that says
//! why and an [`ApiFailure`] that says what the server did, both in its extensions.
//!
//! [`RefusedInBody`]: crate::client::RefusedInBody

mod body;
mod failure;
mod future;
mod judge;
mod layer;
mod look;
mod service;

pub use body::EnvelopeBody;
pub use failure::ApiFailure;
pub use future::EnvelopeFuture;
pub use layer::EnvelopeLayer;
pub use service::Envelope;
