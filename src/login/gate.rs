//! What becomes of a request: at once where nothing has to be waited for.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use super::{
    PageKind, Site,
    cookie::{SetCookie, take_out},
    log,
    openid::{self, NotVerified},
    pages::Problem,
    request::{Caller, Decision, decide},
    session::{Life, Presented, Session},
    site::Settings,
    timing::seconds,
};
use crate::{Validator, Verified, server::Found};

/// Who decides about requests, in all services of one layer.
pub(super) struct Gate {
    pub(super) site: Site,
    /// What bearer tokens have to keep.
    pub(super) access_tokens: Validator,
    pub(super) id_tokens: Validator,
}

/// What is to be done with a request.
pub(super) enum Verdict<C> {
    /// The guard answers it.
    Guard,
    /// The inner service answers it, for this caller.
    Serve(Box<Served<C>>),
    /// We do.
    Show(Response<Bytes>),
}

/// A request of a session.
pub(super) struct Served<C> {
    pub(super) verified: Verified<C>,
    pub(super) kept: Kept,
}

/// A session on its way through a request.
pub(super) struct Kept {
    /// What the browser is to have instead of what it has.
    pub(super) newer: Option<Box<Session>>,
    /// When the request came, by the monotonic clock.
    pub(super) since: Duration,
}

/// A verdict, or what has to be waited for to get one.
pub(super) enum Step<C> {
    Done(Verdict<C>),
    Waits(Errand),
}

pub(super) enum Errand {
    LogIn,
    Callback,
    LogOut,
    Session(Presented),
}

impl Gate {
    pub(super) fn new(site: Site, access_tokens: Validator) -> Self {
        let provider = &site.settings.provider;
        let id_tokens = openid::id_token_validator(provider.issuer(), provider.client_id());
        Self {
            site,
            access_tokens,
            id_tokens,
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.site.settings
    }

    pub(super) fn time(&self) -> SystemTime {
        self.settings().provider.clock().wall()
    }

    pub(super) fn now(&self) -> u64 {
        seconds(self.time())
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.settings().provider.clock().monotonic()
    }

    /// `found`: where the guard would find credentials.
    pub(super) fn at_once<C, B>(&self, request: &Request<B>, found: Found) -> Step<C>
    where
        C: DeserializeOwned,
    {
        let path = request.uri().path();
        if path == self.settings().callback {
            return Step::Waits(Errand::Callback);
        }
        if path == self.settings().log_out {
            return Step::Waits(Errand::LogOut);
        }
        let presented = match found {
            Found::Nowhere => self.presented(request.headers()),
            Found::Explicit | Found::Cookie => Presented::Nothing,
        };
        let caller = match (found, &presented) {
            (Found::Explicit, _) => Caller::Credentials,
            (Found::Cookie, _) => Caller::CookieOfGuard,
            (Found::Nowhere, Presented::Nothing) => Caller::Nobody,
            (Found::Nowhere, Presented::Session(_) | Presented::Id(_)) => Caller::Session,
        };
        match self.decide(request, caller) {
            Decision::Guard => Step::Done(Verdict::Guard),
            Decision::LogIn => Step::Waits(Errand::LogIn),
            Decision::CrossSite => Step::Done(Verdict::Show(self.cross_site())),
            Decision::Serve => self.serve_at_once(presented),
        }
    }

    /// A session that nothing is to be done to.
    fn serve_at_once<C: DeserializeOwned>(&self, presented: Presented) -> Step<C> {
        let Presented::Session(session) = &presented else {
            return Step::Waits(Errand::Session(presented));
        };
        let (now, state) = (self.now(), &self.site.state);
        let is_plain = session.life(now, &self.settings().timing) == Life::Alive
            && !session.tokens.is_due(now)
            && !state.renewals.has_followed(session)
            && !state.denied.contains(&session.key());
        match is_plain.then(|| self.verified_now(session)).flatten() {
            Some(Ok(verified)) => {
                let kept = Kept {
                    newer: None,
                    since: self.monotonic(),
                };
                Step::Done(Verdict::Serve(Box::new(Served { verified, kept })))
            }
            _ => Step::Waits(Errand::Session(presented)),
        }
    }

    /// Does what has to be waited for. `request` is the head alone.
    pub(super) async fn run<C>(self: Arc<Self>, errand: Errand, request: Request<()>) -> Verdict<C>
    where
        C: DeserializeOwned,
    {
        match errand {
            Errand::LogIn => Verdict::Show(self.begin(&request).await),
            Errand::Callback => Verdict::Show(self.callback::<C>(&request).await),
            Errand::LogOut => Verdict::Show(self.log_out(&request).await),
            Errand::Session(presented) => self.serve(presented, &request).await,
        }
    }

    async fn serve<C: DeserializeOwned>(
        self: &Arc<Self>,
        presented: Presented,
        request: &Request<()>,
    ) -> Verdict<C> {
        let since = self.monotonic();
        let known = match self.known(presented).await {
            Ok(Some(known)) => known,
            Ok(None) => return self.nobody(request).await,
            Err(problem) => return Verdict::Show(self.show_from(problem, request)),
        };
        let error = match self.verified(&known.session).await {
            Ok(verified) => {
                let newer = known.is_new.then(|| Box::new(known.session));
                let kept = Kept { newer, since };
                return Verdict::Serve(Box::new(Served { verified, kept }));
            }
            Err(error) => error,
        };
        match (error, known.outage) {
            (error @ NotVerified::KeysUnavailable(_), _) => {
                Verdict::Show(self.show_from(error.problem("the token"), request))
            }
            // It has ended, and nobody can tell whether it may go on.
            (_, Some(outage)) => {
                let problem = Problem::new(PageKind::Unavailable, "the session can't be renewed");
                Verdict::Show(self.show_from(problem.because(outage), request))
            }
            (error, None) => {
                error.log();
                self.nobody(request).await
            }
        }
    }

    /// There was a session, and it is none.
    async fn nobody<C>(&self, request: &Request<()>) -> Verdict<C> {
        match self.decide(request, Caller::Nobody) {
            Decision::LogIn => Verdict::Show(self.begin(request).await),
            _ => Verdict::Guard,
        }
    }

    fn decide<B>(&self, request: &Request<B>, caller: Caller) -> Decision {
        let address = &self.settings().address;
        decide(request.method(), request.headers(), caller, address)
    }

    fn cross_site(&self) -> Response<Bytes> {
        let reason = "another site's page has sent a request that is known by its cookie alone";
        self.show(Problem::new(PageKind::CrossSite, reason), self.start())
    }

    /// The first page of the site.
    pub(super) fn start(&self) -> String {
        format!("{}/", self.settings().address.prefix())
    }

    pub(super) fn show_from(&self, problem: Problem, request: &Request<()>) -> Response<Bytes> {
        self.show(problem, self.wanted(request))
    }

    /// Shows a page, with a way to go on.
    pub(super) fn show(&self, problem: Problem, link: String) -> Response<Bytes> {
        let page = problem.page(link);
        log::page(&page);
        let mut response = (self.settings().pages)(&page);
        no_store(response.headers_mut());
        response.extensions_mut().insert(page);
        response
    }

    /// Sends a browser elsewhere, by GET (RFC 9700 §4.12).
    pub(super) fn redirect(&self, to: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let Ok(location) = to.try_into() else {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        };
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, location);
        no_store(response.headers_mut());
        response
    }

    pub(super) fn set_cookies(&self, headers: &mut HeaderMap, cookies: &[SetCookie]) {
        let is_secure = self.settings().cookies.is_secure();
        let lines = cookies.iter().filter_map(|cookie| cookie.line(is_secure));
        for line in lines {
            headers.append(header::SET_COOKIE, line);
            no_store(headers);
        }
    }

    /// Nobody further in has any use for our cookies.
    pub(super) fn take_out_cookies(&self, headers: &mut HeaderMap) {
        let cookies = &self.settings().cookies;
        take_out(headers, |name| cookies.is_ours(name));
    }
}

/// What one browser is told is for nobody else, and for no other time.
fn no_store(headers: &mut HeaderMap) {
    let no_store = http::HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
}
