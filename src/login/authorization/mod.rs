//! The authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636): from the page that was
//! wanted to the login page, and back.

mod begin;
mod callback;
pub(super) mod request;
mod response;
mod transaction;

pub(super) use transaction::Transaction;
