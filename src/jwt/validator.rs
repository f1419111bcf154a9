//! Policy and token in, `Verified<C>` out, and from nowhere else.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;

use super::{
    algorithm::Algorithm,
    claims::Claims,
    claims_type,
    error::{ValidationError, ValidationErrorKind, message},
    expected::{Expected, boxed},
    header::{CLAIMS, Unverified, claims_text},
    json::Members,
    key::{Key, KeySet},
    known_headers::KnownHeaders,
    policy::{ExactClaim, Policy, check_issuer_of_key},
    registered::RegisteredClaims,
    signature::MAX_SIGNATURE_SIZE,
    token_types::TokenTypes,
    verified::{Contents, Verified},
};
use crate::{excerpt::excerpt, token::AccessToken};

/// The rules that a token has to keep. A clone is a reference count.
///
/// # Defaults
///
/// | rule | default | changed by |
/// | --- | --- | --- |
/// | issuer and audience | none: both have to be decided | [`new`](Self::new) |
/// | algorithms | those of the keys | [`algorithms`](Self::algorithms) |
/// | `typ` | absent, `JWT`, `at+jwt`, `application/at+jwt` | [`token_types`](Self::token_types) |
/// | `exp` | required; not passed | - |
/// | `nbf`, `iat` | not in the future | - |
/// | leeway of these three | 60 s | [`leeway`](Self::leeway) |
/// | `cnf` (sender-constrained token) | refused | [`confirmation_checked_upstream`](Self::confirmation_checked_upstream) |
/// | size | 16 KiB | [`max_token_size`](Self::max_token_size) |
/// | other claims | not looked at | [`require_claim`](Self::require_claim), [`exact_claim`](Self::exact_claim), [`predicate`](Self::predicate) |
///
/// Not to be changed: the header has no `crit` and at most 64 members; no member occurs twice
/// at the top level of header or claims; a registered claim of the wrong JSON type is a
/// refusal, also where its value is not looked at; a token never brings its own key (`jwk`,
/// `jku`, `x5u`); a key that says whose tokens it signs (`issuer` of a JWK) signs no others.
///
/// # Example
///
/// A site whose refresh tokens differ from its access tokens by one claim only, and that
/// names neither issuer nor audience:
///
/// ```
/// use tower_bearer::{Expected, Validator};
///
/// let validator = Validator::new(Expected::unchecked(), Expected::unchecked())
///     .require_claim("sub")
///     .exact_claim("token_type", ["access"]);
/// # drop(validator);
/// ```
#[derive(Clone)]
pub struct Validator(Arc<Policy>);

impl Validator {
    /// How far the clocks of issuer and API may be apart.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

    /// The longest token that is looked at, in bytes.
    pub const DEFAULT_MAX_TOKEN_SIZE: usize = 16 * 1024;

    /// A token of `issuer` for `audience`.
    ///
    /// Both have to be decided: one value, several aliases, another claim, or
    /// [`Expected::unchecked`].
    #[must_use]
    pub fn new(issuer: impl Into<Expected>, audience: impl Into<Expected>) -> Self {
        let mut policy = Policy {
            issuer: issuer.into(),
            audience: audience.into(),
            algorithms: Algorithm::ALL.to_vec(),
            leeway: Self::DEFAULT_LEEWAY,
            token_types: TokenTypes::AccessToken,
            required: Vec::new(),
            exact: Vec::new(),
            predicates: Vec::new(),
            confirmation_checked_upstream: false,
            max_token_size: Self::DEFAULT_MAX_TOKEN_SIZE,
            watched: Vec::new(),
            known_headers: KnownHeaders::default(),
        };
        for expected in [policy.issuer.clone(), policy.audience.clone()] {
            let claims = expected
                .claim()
                .into_iter()
                .chain(expected.pattern_claims());
            claims.for_each(|claim| policy.watch(claim));
        }
        Self(Arc::new(policy))
    }

    /// All that RFC 9068 asks of an access token: `typ` is `at+jwt` (§4), and `iss`,
    /// `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are there (§2.2).
    ///
    /// # Example
    ///
    /// ```
    /// use tower_bearer::Validator;
    ///
    /// let validator = Validator::rfc9068("https://id.example", "https://api.example");
    /// # drop(validator);
    /// ```
    #[must_use]
    pub fn rfc9068(issuer: impl Into<Expected>, audience: impl Into<Expected>) -> Self {
        let required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
        required.into_iter().fold(
            Self::new(issuer, audience).token_types(["at+jwt"]),
            Self::require_claim,
        )
    }

    /// Accepts these algorithms only. The keys decide as well: each is bound to one.
    #[must_use]
    pub fn algorithms(mut self, allowed: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy().algorithms = allowed.into_iter().collect();
        self
    }

    /// How far the clocks of issuer and API may be apart: `exp`, `nbf` and `iat` are
    /// judged with that much leeway.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy().leeway = leeway;
        self
    }

    /// Accepts these values of the header's `typ` only; a token without one is then
    /// refused. Case doesn't count, and `application/` may be left out (RFC 7515 §4.1.9).
    #[must_use]
    pub fn token_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.policy().token_types = TokenTypes::Only(boxed(types));
        self
    }

    /// Requires a claim to be there and not to be `null`.
    #[must_use]
    pub fn require_claim(mut self, name: impl Into<String>) -> Self {
        let (name, policy) = (name.into(), self.policy());
        policy.watch(&name);
        policy.required.push(name.into());
        self
    }

    /// Requires a claim to be one of these strings, compared exactly.
    #[must_use]
    pub fn exact_claim<V: Into<String>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let (name, policy) = (name.into(), self.policy());
        policy.watch(&name);
        policy.exact.push(ExactClaim {
            name: name.into(),
            values: boxed(values),
        });
        self
    }

    /// Requires `test` to hold of the claims, after all other rules; `what` names the rule
    /// in the log.
    ///
    /// ```
    /// use tower_bearer::Validator;
    ///
    /// let validator = Validator::new("https://id.example", "orders")
    ///     .predicate("not revoked", |claims| claims.token_id() != Some("stolen"));
    /// # drop(validator);
    /// ```
    #[must_use]
    pub fn predicate(
        mut self,
        what: &'static str,
        test: impl Fn(&RegisteredClaims) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.policy().predicates.push((what, Arc::new(test)));
        self
    }

    /// Accepts tokens that are bound to their sender (`cnf`: DPoP, mutual TLS), because
    /// something in front of this API has checked that the sender holds the key. Without
    /// that, a stolen token would do.
    #[must_use]
    pub fn confirmation_checked_upstream(mut self) -> Self {
        self.policy().confirmation_checked_upstream = true;
        self
    }

    /// Refuses longer tokens, in bytes.
    #[must_use]
    pub fn max_token_size(mut self, bytes: usize) -> Self {
        self.policy().max_token_size = bytes;
        self
    }

    /// To change it. What the former rules have accepted counts no more.
    fn policy(&mut self) -> &mut Policy {
        let policy = Arc::make_mut(&mut self.0);
        policy.known_headers = KnownHeaders::default();
        policy
    }

    /// The first audience: what a challenge calls its realm unless told otherwise.
    pub(crate) fn first_audience(&self) -> Option<&str> {
        self.0.audience.first_value()
    }

    pub(crate) fn issuer(&self) -> &Expected {
        &self.0.issuer
    }

    pub(crate) fn is_too_large(&self, token: &str) -> bool {
        self.0.check_size(token).is_err()
    }

    /// Checks a token, and reads its claims into `C`.
    ///
    /// For tokens that don't come in a request: a message of a WebSocket, an entry of a
    /// queue, and the application's own unit tests. It neither waits nor looks at a clock.
    ///
    /// # Errors
    ///
    /// The first rule that the token broke, cheap ones first: form and header, key,
    /// signature, claims, and last whether the claims fit `C`.
    pub fn validate<C: DeserializeOwned>(
        &self,
        token: &str,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        self.verify(&self.read(token)?, keys, now)
    }

    /// Checks a token that came in one answer with an access token: an ID token (OpenID
    /// Connect Core §3.1.3.7), or the access token itself.
    ///
    /// The claims are those of `token`. What is allowed is what `access_token` was granted, if
    /// [it knows](AccessToken::scope), and what [`expose_token`](Verified::expose_token) gives
    /// for a call on behalf of its owner is the access token: an ID token is meant for the
    /// client alone, and there is no way from here to send it anywhere.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate), of `token`. Nothing is asked of the access token.
    pub fn validate_granted<C: DeserializeOwned>(
        &self,
        token: &str,
        access_token: &AccessToken,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        let token = self.read(token)?;
        self.verify_exposing(Some(access_token.expose()), &token, keys, now)
            .map(|verified| match access_token.scope() {
                Some(scopes) => verified.with_scopes(|_| scopes.clone()),
                None => verified,
            })
    }

    /// What can be judged without a key: size, form, header.
    pub(crate) fn read<'t>(&self, token: &'t str) -> Result<Unverified<'t>, ValidationError> {
        self.0.check_size(token)?;
        let check =
            |algorithm, token_type: Option<&str>| self.0.check_header(algorithm, token_type);
        Unverified::read(token, &self.0.known_headers, check)
    }

    /// Whether asking the network for the token's keys is worth it: of the claims, which
    /// nobody has verified yet, only `iss` and `exp` are looked at.
    pub(crate) fn check_before_keys(
        &self,
        token: &Unverified<'_>,
        now: SystemTime,
    ) -> Result<(), ValidationError> {
        let (mut stack, mut heap, mut members) = ([0; CLAIMS], Vec::new(), Members::new());
        let text = claims_text(token.claims_bytes(&mut stack, &mut heap))?;
        let mut claims = Claims::new(&self.0.watched);
        claims.read(text, &mut members)?;
        self.0.check_before_keys(&claims, now)
    }

    /// The rest: signature, claims, and the application's type, in this order.
    pub(crate) fn verify<C: DeserializeOwned>(
        &self,
        token: &Unverified<'_>,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        self.verify_exposing(None, token, keys, now)
    }

    /// Checks once more what may have changed since these rules accepted a token: its dates
    /// against the time, and what the predicates say. All other rules are about the token and
    /// its keys alone. The error is the one that [`verify`](Self::verify) would give.
    pub(crate) fn check_again<C>(
        &self,
        verified: &Verified<C>,
        now: SystemTime,
    ) -> Result<(), ValidationError> {
        self.0.check_again(verified.registered(), now)
    }

    /// What is exposed is the token itself, or one that was granted with it.
    fn verify_exposing<C: DeserializeOwned>(
        &self,
        granted: Option<&str>,
        token: &Unverified<'_>,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        let candidates = candidates(token, keys)?;
        let mut signature = [0; MAX_SIGNATURE_SIZE + 8];
        let signature = token.signature(&mut signature)?;
        // Ahead of the check, and read after it: a reader waits for what was just written.
        let (mut stack, mut heap) = ([0; CLAIMS], Vec::new());
        let decoded = token.claims_bytes(&mut stack, &mut heap);
        let key = signed_by(candidates, token.signing_input(), signature)?;
        token.remember_header(&self.0.known_headers);
        let (text, mut members) = (claims_text(decoded)?, Members::new());
        let mut claims = Claims::new(&self.0.watched);
        claims.read(text, &mut members)?;
        let exposed = granted.unwrap_or(token.token());
        let registered = RegisteredClaims::read(exposed, key.key_id(), &claims)?;
        let scopes = claims.scopes()?;
        if let Some(issuer) = key.issuer() {
            check_issuer_of_key(issuer, &claims)?;
        }
        self.0.check_claims(&claims, &registered, now)?;
        let typed = claims_type::read(text, &members)
            .map_err(|error| ValidationErrorKind::ClaimsType(message(&error)))?;
        Ok(Verified::new(Contents {
            claims: typed,
            registered,
            scopes,
            exposes_another: granted.is_some_and(|granted| granted != token.token()),
        }))
    }
}

/// The keys that may have signed the token: one or more.
fn candidates<'k>(token: &Unverified<'_>, keys: &'k KeySet) -> Result<&'k [Key], ValidationError> {
    let candidates = keys.candidates(token.algorithm(), token.key_id());
    if candidates.is_empty() {
        return Err(ValidationErrorKind::UnknownKey {
            key_id: token.key_id().map(excerpt),
            algorithm: token.algorithm(),
        }
        .into());
    }
    Ok(candidates)
}

/// The key that signed it.
fn signed_by<'k>(
    candidates: &'k [Key],
    signing_input: &[u8],
    signature: &[u8],
) -> Result<&'k Key, ValidationError> {
    candidates
        .iter()
        .find(|key| key.verify(signing_input, signature))
        .ok_or_else(|| ValidationErrorKind::Signature.into())
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator")
            .field("issuer", &self.0.issuer)
            .field("audience", &self.0.audience)
            .field("leeway", &self.0.leeway)
            .finish_non_exhaustive()
    }
}
