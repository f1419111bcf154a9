//! The OAuth 2.0 protocol as a client speaks it (RFC 6749), without any state.
//!
//! - [`TokenEndpoint`]: asks an authorization server for tokens;
//! - [`ClientAuth`] and the trait [`ClientAuthentication`]: how the client proves who it is;
//! - [`grant`]: by what right it asks; one file for each grant;
//! - [`assertion`]: where the assertions come from that some of these consist of;
//! - [`RefreshRequest`]: how a refresh token is spent where that is not as RFC 6749 §6 says;
//! - [`AnswerFormat`]: what answers look like where they are not as RFC 6749 §5 says;
//! - [`RevocationEndpoint`]: tells the server that tokens are not needed any more (RFC 7009);
//! - [`ObtainToken`]: the one question that all of this answers, open to sources of your own;
//! - [`ObtainError`]: why there is no token, and whose fault that is.

mod address;
mod answer_format;
pub mod assertion;
mod client_auth;
mod error;
pub mod grant;
mod obtain;
mod refresh_request;
mod revocation;
mod token_endpoint;
mod token_request;
mod token_response;

pub use address::EndpointError;
pub use answer_format::AnswerFormat;
pub use client_auth::{ClientAuth, ClientAuthentication};
pub use error::{LogInAgain, ObtainError, ObtainErrorKind};
pub use grant::{
    AuthorizationCode, ClientCredentials, Grant, JwtBearer, LogIn, Password, TokenExchange,
};
pub use obtain::{ObtainToken, ObtainWith, obtain_with};
pub use refresh_request::RefreshRequest;
pub use revocation::{RevocationEndpoint, RevocationError};
pub use token_endpoint::{NoTransport, TokenEndpoint};
pub use token_request::TokenRequest;
