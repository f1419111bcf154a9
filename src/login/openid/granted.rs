//! A token and the keys that verify it, where they may have to be waited for.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    AccessToken, Algorithm, KeySet, KeySource, Validator, Verified,
    jwt::{ValidationError, ValidationErrorKind},
    keys::{KeyQuery, KeysUnavailable},
};

/// The members of a token's header that say which key is wanted (RFC 7515 §4.1).
#[derive(Debug)]
pub(in crate::login) struct JoseHeader {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl JoseHeader {
    /// None for what is no token, which the validator says better.
    pub(in crate::login) fn read(token: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Members {
            alg: String,
            kid: Option<String>,
        }
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
        let members: Members = serde_json::from_slice(&header).ok()?;
        Some(Self {
            algorithm: Algorithm::from_name(&members.alg)?,
            key_id: members.kid,
        })
    }

    pub(in crate::login) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn query<'a>(&'a self, token: &'a str) -> KeyQuery<'a> {
        KeyQuery::new(self.algorithm)
            .with_key_id(self.key_id.as_deref())
            .with_signature(token.rsplit('.').next())
    }
}

/// What is to be verified, and by what.
#[derive(Clone, Copy)]
pub(in crate::login) struct Granted<'a> {
    pub(in crate::login) validator: &'a Validator,
    /// The token whose claims count.
    pub(in crate::login) token: &'a str,
    pub(in crate::login) access_token: &'a AccessToken,
    /// As of when.
    pub(in crate::login) at: SystemTime,
}

/// Why there is nobody.
#[derive(Debug)]
pub(in crate::login) enum NotVerified {
    /// What should be a token has no header of one.
    NoToken,
    Refused(ValidationError),
    /// It is good, and speaks of somebody else than the session.
    AnotherPerson,
    KeysUnavailable(KeysUnavailable),
}

impl Granted<'_> {
    /// With the keys that are at hand; None where others have to be asked for.
    pub(in crate::login) fn verify_now<C: DeserializeOwned>(
        &self,
        keys: &impl KeySource,
    ) -> Option<Result<Verified<C>, NotVerified>> {
        let Some(header) = JoseHeader::read(self.token) else {
            return Some(Err(NotVerified::NoToken));
        };
        let at_hand = keys.current(&header.query(self.token))?;
        let verified = self.verify_with(&at_hand);
        match &verified {
            Err(NotVerified::Refused(error)) if header.may_want_another_key(error) => None,
            _ => Some(verified),
        }
    }

    /// With the keys that can be had.
    pub(in crate::login) async fn verify<C: DeserializeOwned>(
        &self,
        keys: &impl KeySource,
    ) -> Result<Verified<C>, NotVerified> {
        if let Some(verified) = self.verify_now(keys) {
            return verified;
        }
        let header = JoseHeader::read(self.token).ok_or(NotVerified::NoToken)?;
        let query = header.query(self.token);
        let tried = keys.current(&query);
        let obtained = keys.obtain(&query.with_tried(tried.as_ref())).await;
        self.verify_with(&obtained.map_err(NotVerified::KeysUnavailable)?)
    }

    fn verify_with<C: DeserializeOwned>(&self, keys: &KeySet) -> Result<Verified<C>, NotVerified> {
        let Self {
            validator,
            token,
            access_token,
            at,
        } = *self;
        validator
            .validate_granted(token, access_token, keys, at)
            .map_err(NotVerified::Refused)
    }
}

impl JoseHeader {
    /// Whether it names no key, so that one that is not known yet may have signed it.
    fn may_want_another_key(&self, error: &ValidationError) -> bool {
        self.key_id.is_none() && matches!(error.kind(), ValidationErrorKind::Signature)
    }
}
