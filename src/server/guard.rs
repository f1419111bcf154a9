//! What the guards have in common: their settings, and what they do with a decision.

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use http::{Request, Response};
use serde::de::DeserializeOwned;
use tower_layer::Layer;

use super::{
    authentication::Authentication,
    authenticator::{Authenticator, Decision, KeysNeeded, Refusal},
    credentials::{Held, OtherSchemes, Places},
    log,
    presence::Presence,
    privacy::Privacy,
    rejection::{Protocol, Rejection, RejectionReason},
    rejection_response::{EmptyBody, RejectionResponse, refuse},
    service::JwtGuardService,
};
use crate::{
    challenge::Challenge,
    clock::{Clock, SystemClock},
    jwt::{Validator, Verified},
    keys::{KeySet, KeySource},
    scope::ScopeSet,
};

/// The layer behind [`RequireJwt`](super::RequireJwt) and
/// [`OptionalJwt`](super::OptionalJwt): write those, not this.
///
/// `C` is the type of the claims, `P` whether a token has to be there, `R` makes
/// responses of refusals.
///
/// # Defaults
///
/// | matter | default | step |
/// | --- | --- | --- |
/// | issuers | one | [`also_trust`](Self::also_trust) |
/// | where the token stands | `Authorization: Bearer` | [`credentials_in`](Self::credentials_in) |
/// | challenge | `realm` is the first audience | [`challenge`](Self::challenge) |
/// | scopes | the claims `scope` and `scp` | [`scopes_from`](Self::scopes_from) |
/// | other schemes, such as `Basic` | refused | [`ignore_other_schemes`](Self::ignore_other_schemes) |
/// | token behind the guard | stays where it is, its header marked sensitive | [`remove_credentials`](Self::remove_credentials) |
/// | refusals | an empty body | [`rejection_response`](Self::rejection_response) |
/// | clock | the system's | [`clock`](Self::clock) |
/// | keys not at hand | a request waits for at most 10 s, then 503 | the [`KeySource`] may be faster |
pub struct JwtGuard<C, P, R = EmptyBody> {
    settings: Arc<Settings<C>>,
    pub(super) presence: P,
    responder: Arc<R>,
}

struct Settings<C> {
    places: Places,
    other_schemes: OtherSchemes,
    authenticator: Authenticator<C>,
    challenge: Arc<Challenge>,
    credentials_removed: bool,
    clock: Arc<dyn Clock>,
}

/// What stands in a challenge where there is no audience to name: RFC 6750 §3 asks for at
/// least one parameter.
const NAMELESS_REALM: &str = "protected";

const NOWHERE: &str =
    "the guard looks for tokens nowhere: give `credentials_in` at least one place";

impl<C, P> JwtGuard<C, P> {
    pub(super) fn with_presence(validator: Validator, keys: impl KeySource, presence: P) -> Self {
        let audience = validator.first_audience().unwrap_or(NAMELESS_REALM);
        let challenge = Challenge::bearer();
        let challenge = challenge
            .clone()
            .realm(audience)
            // An audience may hold what a realm can't.
            .unwrap_or_else(|_| challenge.replaced("realm".into(), NAMELESS_REALM.to_owned()));
        Self {
            settings: Arc::new(Settings {
                places: Places::default(),
                other_schemes: OtherSchemes::Refused,
                authenticator: Authenticator::new(validator, Arc::new(keys)),
                challenge: Arc::new(challenge),
                credentials_removed: false,
                clock: SystemClock::shared(),
            }),
            presence,
            responder: Arc::new(EmptyBody),
        }
    }
}

impl<C, P, R> JwtGuard<C, P, R> {
    /// What the guard's challenges have in common: the scheme, `realm`,
    /// `resource_metadata` (RFC 9728 §5.1), `scope`, `error_uri` and others. Without a
    /// `realm` it keeps the one it had.
    ///
    /// `error` and `error_description` are the refusal's own; where there is no error,
    /// `error_uri` is left out (RFC 6750 §3.1).
    #[must_use]
    pub fn challenge(self, challenge: Challenge) -> Self {
        self.change(|settings| {
            let realm = settings.challenge.parameter("realm").unwrap_or_default();
            let challenge = match challenge.parameter("realm") {
                Some(_) => challenge,
                None => challenge.replaced("realm".into(), realm.to_owned()),
            };
            settings.challenge = Arc::new(challenge.without("error").without("error_description"));
        })
    }

    /// Accepts tokens of another issuer too, by rules and keys of its own. Whose they are is
    /// decided by the token's `iss`: the first validator that names it, or else the first
    /// that leaves the issuer unchecked. No issuer's keys verify tokens of another.
    ///
    /// The challenge stays that of the first audience.
    ///
    /// ```
    /// use tower_bearer::{Algorithm, KeySet, RequireJwt, Validator};
    ///
    /// # struct MyClaims;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let staff_keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
    /// # let partner_keys = KeySet::from_secret(Algorithm::HS256, [8; 32])?;
    /// let staff = Validator::new("https://id.example", "orders");
    /// let partners = Validator::new("https://partner.example", "https://orders.example");
    /// let guard = RequireJwt::<MyClaims>::new(staff, staff_keys).also_trust(partners, partner_keys);
    /// # let _ = guard;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn also_trust(self, validator: Validator, keys: impl KeySource) -> Self {
        self.change(|settings| settings.authenticator.also_trust(validator, Arc::new(keys)))
    }

    /// Looks for the token there instead: in one [`Place`](super::Place), or in several of
    /// an array or vector. [`Places`] says what is done where several hold something.
    ///
    /// The challenge asks for the first word that is looked for in `Authorization`, or for
    /// `Bearer`.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_bearer::{server::Place, token::{Scheme, TokenHeader}};
    /// # use tower_bearer::{Algorithm, KeySet, RequireJwt, Validator};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
    /// # let validator = Validator::new("https://id.example", "orders");
    /// # let guard = RequireJwt::<serde_json::Value>::new(validator, keys);
    /// let guard = guard.credentials_in(Scheme::bare()); // Authorization: TOKEN
    /// let guard = guard.credentials_in([
    ///     Place::header(Scheme::bearer()),
    ///     Place::header(TokenHeader::named("x-api-key")?),
    ///     Place::cookie("__Host-session")?,
    /// ]);
    /// # let _ = guard;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn credentials_in(self, places: impl Into<Places>) -> Self {
        let places = places.into();
        self.change(|settings| {
            let challenge = Challenge::clone(&settings.challenge);
            settings.challenge = Arc::new(challenge.with_scheme(places.challenge_scheme()));
            settings.places = places;
        })
    }

    /// Counts credentials of other schemes, such as `Basic`, as none. They stay in the
    /// request. A header of this guard's own scheme without a token is still refused.
    #[must_use]
    pub fn ignore_other_schemes(self) -> Self {
        self.change(|settings| settings.other_schemes = OtherSchemes::Ignored)
    }

    /// Reads the scopes from the claims with a function, for providers that keep them
    /// elsewhere than in `scope` and `scp`.
    #[must_use]
    pub fn scopes_from(self, scopes: impl Fn(&C) -> ScopeSet + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.authenticator.scopes = Some(Arc::new(scopes)))
    }

    /// Takes an accepted token out of the request before the inner service sees it: out of
    /// all places of the guard, and nothing else. [`Verified::expose_token`] still has it.
    #[must_use]
    pub fn remove_credentials(self) -> Self {
        self.change(|settings| settings.credentials_removed = true)
    }

    /// Asks another clock what time it is.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.change(|settings| settings.clock = Arc::new(clock))
    }

    /// Makes the application's own responses of refusals.
    #[must_use]
    pub fn rejection_response<R2>(self, responder: R2) -> JwtGuard<C, P, R2> {
        JwtGuard {
            settings: self.settings,
            presence: self.presence,
            responder: Arc::new(responder),
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Settings<C>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static, P: Presence, R> JwtGuard<C, P, R> {
    pub(super) fn now(&self) -> SystemTime {
        self.settings.clock.wall()
    }

    pub(super) fn decide<B>(
        &self,
        request: &Request<B>,
        now: SystemTime,
    ) -> Result<Decision<C>, Box<KeysNeeded>> {
        match self.token(request) {
            Ok(token) => self.settings.authenticator.decide(&token, now),
            Err(decision) => Ok(decision),
        }
    }

    pub(super) fn resume<B>(&self, request: &Request<B>, keys: &KeySet) -> Decision<C> {
        let authenticator = &self.settings.authenticator;
        match self.token(request) {
            Ok(token) => authenticator.resume(&token, keys, self.now()),
            Err(decision) => decision,
        }
    }

    /// The one credential of the request, or what is to be done without.
    fn token<'r, B>(&self, request: &'r Request<B>) -> Result<Cow<'r, str>, Decision<C>> {
        let Settings {
            places,
            other_schemes,
            ..
        } = &*self.settings;
        let reason = match places.find(request.headers(), request.uri(), *other_schemes) {
            Some(Held::Token(token)) => return Ok(token),
            Some(Held::Several) => RejectionReason::SeveralCredentials,
            Some(Held::Unreadable(why)) => RejectionReason::UnreadableCredentials(why),
            Some(Held::OtherScheme) => RejectionReason::OtherScheme,
            None if places.is_empty() => RejectionReason::Misconfigured(NOWHERE),
            None if P::ADMITS_ANONYMOUS => return Err(Decision::Anonymous),
            None => RejectionReason::CredentialsMissing,
        };
        Err(reason.into())
    }

    /// Prepares a request for the inner service.
    pub(super) fn admit<B>(
        &self,
        request: &mut Request<B>,
        verified: Option<Verified<C>>,
    ) -> Privacy {
        let settings = &*self.settings;
        let privacy =
            Privacy::of(verified.is_some() && settings.places.are_in_query(request.uri()));
        if verified.is_some() && settings.credentials_removed {
            settings.places.remove_from(request);
        }
        settings.places.mark_sensitive(request.headers_mut());
        Authentication::record(request.extensions_mut(), verified, &settings.challenge);
        privacy
    }

    pub(super) fn refuse<B, ResBody>(
        &self,
        refusal: Refusal,
        request: &Request<B>,
        started: SystemTime,
    ) -> Response<ResBody>
    where
        R: RejectionResponse<ResBody>,
    {
        let protocol = Protocol::of(request.method(), request.headers());
        let rejection = Rejection::new(refusal.reason, &self.settings.challenge, protocol);
        let elapsed = self.now().duration_since(started).unwrap_or_default();
        log::refusal(&rejection, &refusal.claimed, Some(elapsed));
        refuse(&*self.responder, rejection)
    }
}

impl<S, C, P: Clone, R> Layer<S> for JwtGuard<C, P, R> {
    type Service = JwtGuardService<S, C, P, R>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtGuardService::new(inner, self.clone())
    }
}

// By hand: `derive` would ask `C: Clone` and `R: Clone`.
impl<C, P: Clone, R> Clone for JwtGuard<C, P, R> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            presence: self.presence.clone(),
            responder: Arc::clone(&self.responder),
        }
    }
}

impl<C> Clone for Settings<C> {
    fn clone(&self) -> Self {
        Self {
            places: self.places.clone(),
            other_schemes: self.other_schemes,
            authenticator: self.authenticator.clone(),
            challenge: Arc::clone(&self.challenge),
            credentials_removed: self.credentials_removed,
            clock: Arc::clone(&self.clock),
        }
    }
}

impl<C, P: fmt::Debug, R> fmt::Debug for JwtGuard<C, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtGuard")
            .field("presence", &self.presence)
            .field("places", &self.settings.places)
            .field("challenge", &self.settings.challenge)
            .finish_non_exhaustive()
    }
}
