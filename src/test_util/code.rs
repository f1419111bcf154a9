//! Authorization codes (RFC 6749 §4.1.2).

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    form::Form,
    refusal::{Refusal, refusal},
};
use crate::jwt::signature::sha256;

/// RFC 6749 §4.1.2 allows ten times that.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);

/// What a code stands for.
#[derive(Clone, Debug)]
pub(super) struct CodeGrant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) subject: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) expires_at: SystemTime,
    /// The authorization that it was used for.
    pub(super) used_for: Option<u64>,
}

impl CodeGrant {
    /// RFC 6749 §4.1.3, RFC 7636 §4.6.
    pub(super) fn check(&self, form: &Form, now: SystemTime) -> Result<(), Refusal> {
        let refused = |why| Err(refusal("invalid_grant", why));
        if now >= self.expires_at {
            return refused("this code has expired");
        }
        if form.get("redirect_uri") != Some(&self.redirect_uri) {
            return refused("another `redirect_uri` than before");
        }
        let verifier = form.required("code_verifier")?;
        if URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())) != self.code_challenge {
            return refused("a `code_verifier` that is none of this challenge");
        }
        Ok(())
    }
}
