//! What the guards have in common: their settings, and what they do with a decision.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Request, Response};
use tower_layer::Layer;

use super::{
    authenticate::{Authenticate, Decision, Refusal},
    authentication::Authentication,
    credentials::{Found, Held, OtherSchemes, Places, Removal},
    log,
    preflight::Preflights,
    presence::Presence,
    privacy::Privacy,
    rejection::{Protocol, Rejection, RejectionReason},
    rejection_response::{EmptyBody, RejectionResponse, refuse},
    service::GuardService,
};
use crate::{
    BoxFuture,
    challenge::Challenge,
    clock::{Clock, SystemClock},
};

/// The layer behind [`RequireJwt`](super::RequireJwt),
/// [`OptionalJwt`](super::OptionalJwt) and their like: write those, not this.
///
/// `A` is what a token is checked with, `P` whether a token has to be there, `R` makes
/// responses of refusals.
///
/// # Defaults
///
/// | matter | default | step |
/// | --- | --- | --- |
/// | where the token stands | `Authorization: Bearer` | [`credentials_in`](Self::credentials_in) |
/// | CORS preflights | refused, as they bring no token | [`let_preflight_through`](Self::let_preflight_through) |
/// | other schemes, such as `Basic` | refused | [`ignore_other_schemes`](Self::ignore_other_schemes) |
/// | challenge | `realm` is the first audience | [`challenge`](Self::challenge) |
/// | token behind the guard | stays where it is, its header marked sensitive | [`remove_credentials`](Self::remove_credentials) |
/// | refusals | an empty body | [`rejection_response`](Self::rejection_response) |
/// | clock | the system's | [`clock`](Self::clock) |
/// | issuers of JWTs | one | [`also_trust`](Self::also_trust) |
/// | verified JWTs | verified once more for each request | [`cache`](Self::cache), with the feature `cache` |
/// | scopes of JWTs | the claims `scope` and `scp` | [`scopes_from`](Self::scopes_from) |
/// | keys of JWTs not at hand | a request waits for at most 10 s, then 503 | the [`KeySource`](crate::KeySource) may be faster |
///
/// # Switched off
///
/// Where configuration decides whether there is authentication at all, the guard stands in
/// `tower::util::option_layer`, or in `ServiceBuilder::option_layer`:
///
/// ```
/// use tower_bearer::{RequireToken, StaticTokens};
/// use axum::{Router, routing::get};
/// use tower::util::option_layer;
///
/// fn app(guard: Option<RequireToken<String>>) -> Router {
///     let routes = Router::new().route("/api/env/page", get(|| async { "one page" }));
///     routes.layer(option_layer(guard))
/// }
/// # let _ = (app(None), app(Some(RequireToken::new(StaticTokens::new()))));
/// ```
///
/// No guard is not the same as an anonymous caller: what stands inside and asks who the
/// caller is, [`RequireScope`](super::RequireScope) or a handler that takes
/// [`Verified<C>`](crate::Verified) or [`Identity<I>`](super::Identity), optional or not,
/// answers 500 then. Handlers of such an API ask
/// [`Identity::of`](super::Identity::of), or [`Authentication::identity`] of axum's
/// `Option<Extension<Authentication>>`; scopes belong behind the same switch.
pub struct Guard<A, P, R = EmptyBody> {
    settings: Arc<Settings<A>>,
    presence: P,
    responder: Arc<R>,
}

#[derive(Clone)]
struct Settings<A> {
    places: Places,
    other_schemes: OtherSchemes,
    preflights: Preflights,
    authenticator: A,
    challenge: Arc<Challenge>,
    removal: Removal,
    clock: Arc<dyn Clock>,
}

/// What stands in a challenge where there is no audience to name: RFC 6750 §3 asks for at
/// least one parameter.
const NAMELESS_REALM: &str = "protected";

const NOWHERE: &str =
    "the guard looks for tokens nowhere: give `credentials_in` at least one place";

impl<A, P> Guard<A, P> {
    pub(super) fn new_with(authenticator: A, realm: Option<&str>, presence: P) -> Self {
        let challenge = Challenge::bearer();
        let challenge = challenge
            .clone()
            .realm(realm.unwrap_or(NAMELESS_REALM))
            // An audience may hold what a realm can't.
            .unwrap_or_else(|_| challenge.replaced("realm".into(), NAMELESS_REALM));
        Self {
            settings: Arc::new(Settings {
                places: Places::default(),
                other_schemes: OtherSchemes::Refused,
                preflights: Preflights::Guarded,
                authenticator,
                challenge: Arc::new(challenge),
                removal: Removal::OfEchoes,
                clock: SystemClock::shared(),
            }),
            presence,
            responder: Arc::new(EmptyBody),
        }
    }
}

impl<A: Clone, P, R> Guard<A, P, R> {
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
    /// request. A header of this guard's own scheme without a token is still refused, and
    /// where a token may stand alone, nothing is of another scheme.
    #[must_use]
    pub fn ignore_other_schemes(self) -> Self {
        self.change(|settings| settings.other_schemes = OtherSchemes::Ignored)
    }

    /// Lets CORS preflights through without a token, for services that answer them
    /// themselves: a browser never puts one on a preflight (Fetch, "CORS-preflight fetch").
    ///
    /// **Rather put the layer that answers CORS outside the guard**, such as
    /// `tower_http::cors::CorsLayer`. Then a preflight never comes here, and refusals get the
    /// headers too without which the page's script can't see them. This step is for a guard
    /// before a service that you can't change, as in a gateway.
    ///
    /// A preflight is a request with the method `OPTIONS` and the headers `Origin` and
    /// `Access-Control-Request-Method`. Anybody can send that: what stands inside must do
    /// nothing for it but answer CORS. It is anonymous there, and
    /// [`RequireScope`](super::RequireScope) lets it through as well. One that brings
    /// credentials is judged by them, like any request.
    #[must_use]
    pub fn let_preflight_through(self) -> Self {
        self.change(|settings| settings.preflights = Preflights::LetThrough)
    }

    /// Takes an accepted token out of the request before the inner service sees it: out of
    /// all places of the guard, and nothing else. Of a JWT,
    /// [`Verified::expose_token`](crate::Verified::expose_token) still has it.
    #[must_use]
    pub fn remove_credentials(self) -> Self {
        self.change(|settings| settings.removal = Removal::OfAll)
    }

    /// Asks another clock what time it is.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.change(|settings| settings.clock = Arc::new(clock))
    }

    /// Makes the application's own responses of refusals.
    #[must_use]
    pub fn rejection_response<R2>(self, responder: R2) -> Guard<A, P, R2> {
        Guard {
            settings: self.settings,
            presence: self.presence,
            responder: Arc::new(responder),
        }
    }

    pub(super) fn with_authenticator(self, change: impl FnOnce(&mut A)) -> Self {
        self.change(|settings| change(&mut settings.authenticator))
    }

    fn change(mut self, change: impl FnOnce(&mut Settings<A>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<A: Authenticate, P, R> Guard<A, P, R> {
    /// Where a wait begins and ends.
    pub(super) fn monotonic(&self) -> Duration {
        self.settings.clock.monotonic()
    }

    /// Where the request holds anything in the places of this guard, good or bad. What is
    /// found is for this guard to answer; for a layer around it that knows callers by other
    /// means besides.
    pub fn finds_credentials<B>(&self, request: &Request<B>) -> Found {
        let Settings {
            places,
            other_schemes,
            ..
        } = &*self.settings;
        places.found(request.headers(), request.uri(), *other_schemes)
    }

    /// Puts into the request what this guard leaves for those further in, for a caller whom a
    /// layer around it knows by other means: the [`Authentication`] of `caller`, who is the
    /// proof, with this guard's challenge. The request then goes
    /// to the service behind the guard.
    pub fn record<B>(&self, request: &mut Request<B>, caller: A::Caller) {
        let (challenge, preflights) = (&self.settings.challenge, self.settings.preflights);
        Authentication::record(request, Some(caller), challenge, preflights);
    }
}

impl<A: Authenticate, P: Presence, R> Guard<A, P, R> {
    fn now(&self) -> SystemTime {
        self.settings.clock.glance().0
    }

    pub(super) fn decide<B>(
        &self,
        request: &Request<B>,
    ) -> Result<Decision<A::Caller>, BoxFuture<'static, A::Awaited>> {
        match self.token(request) {
            Ok(token) => self.settings.authenticator.decide(&token, self.now()),
            Err(decision) => Ok(decision),
        }
    }

    pub(super) fn resume<B>(
        &self,
        request: &Request<B>,
        awaited: A::Awaited,
    ) -> Decision<A::Caller> {
        let authenticator = &self.settings.authenticator;
        match self.token(request) {
            Ok(token) => authenticator.resume(&token, awaited, self.now()),
            Err(decision) => decision,
        }
    }

    /// The one credential of the request, or what is to be done without.
    fn token<'r, B>(&self, request: &'r Request<B>) -> Result<Cow<'r, [u8]>, Decision<A::Caller>> {
        let Settings {
            places,
            other_schemes,
            preflights,
            ..
        } = &*self.settings;
        let (method, headers) = (request.method(), request.headers());
        let reason = match places.find(headers, request.uri(), *other_schemes) {
            Some(Held::Token(token)) => return Ok(token),
            Some(Held::Several) => RejectionReason::SeveralCredentials,
            Some(Held::Unreadable(why)) => RejectionReason::UnreadableCredentials(why),
            Some(Held::OtherScheme) => RejectionReason::OtherScheme,
            None if places.is_empty() => RejectionReason::Misconfigured(NOWHERE),
            None if P::ADMITS_ANONYMOUS || preflights.lets_through(method, headers) => {
                return Err(Decision::Anonymous);
            }
            None => RejectionReason::CredentialsMissing,
        };
        Err(reason.into())
    }

    /// Prepares a request for the inner service.
    pub(super) fn admit<B>(&self, request: &mut Request<B>, caller: Option<A::Caller>) -> Privacy {
        let settings = &*self.settings;
        let privacy = Privacy::of(caller.is_some() && settings.places.are_in_query(request.uri()));
        if caller.is_some() {
            settings.places.remove_from(request, settings.removal);
        }
        settings.places.mark_sensitive(request.headers_mut());
        let (challenge, preflights) = (&settings.challenge, settings.preflights);
        Authentication::record(request, caller, challenge, preflights);
        privacy
    }

    pub(super) fn refuse<B, ResBody>(
        &self,
        refusal: Refusal,
        request: &Request<B>,
        waited: Option<Duration>,
    ) -> Response<ResBody>
    where
        R: RejectionResponse<ResBody>,
    {
        let protocol = Protocol::of(request.method(), request.headers());
        let rejection = Rejection::new(refusal.reason, &self.settings.challenge, protocol);
        log::refusal(&rejection, &refusal.claimed, waited);
        refuse(&*self.responder, rejection)
    }
}

impl<S, A, P: Clone, R> Layer<S> for Guard<A, P, R> {
    type Service = GuardService<S, A, P, R>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService::new(inner, self.clone())
    }
}

// By hand: `derive` would ask `A: Clone` and `R: Clone`.
impl<A, P: Clone, R> Clone for Guard<A, P, R> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            presence: self.presence.clone(),
            responder: Arc::clone(&self.responder),
        }
    }
}

impl<A, P: fmt::Debug, R> fmt::Debug for Guard<A, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("presence", &self.presence)
            .field("places", &self.settings.places)
            .field("challenge", &self.settings.challenge)
            .finish_non_exhaustive()
    }
}
