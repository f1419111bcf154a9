//! Refresh token: the last answer's other half buys the next (RFC 6749 §6).

use crate::{oauth::TokenRequest, token::RefreshToken};

pub(in crate::oauth) fn add_to(token: &RefreshToken, request: &mut TokenRequest) {
    request.parameter("grant_type", "refresh_token");
    request.secret_parameter("refresh_token", token.secret().clone());
}
