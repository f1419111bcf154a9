//! Ending a session.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::{
    SessionKey, SessionStore,
    known::{Presented, store_failed},
};
use crate::login::{
    PageKind,
    cookie::{SetCookie, gone},
    gate::Gate,
    pages::Problem,
    request::is_same_origin,
    site::{Keeping, LogOutAt},
};

impl Gate {
    /// By POST of a page of this site; by GET there is the page that sends it.
    pub(in crate::login) async fn log_out(&self, request: &Request<()>) -> Response<Bytes> {
        match *request.method() {
            Method::GET | Method::HEAD => self.ask_to_log_out(request),
            Method::POST if is_same_origin(request.headers(), &self.settings().address) => {
                match self.end(self.presented(request.headers())).await {
                    Ok(()) => self.logged_out().await,
                    Err(problem) => self.show(problem, self.log_out_link()),
                }
            }
            Method::POST => {
                let reason = "another site's page, or none that says which, has sent a logout";
                self.show(Problem::new(PageKind::CrossSite, reason), self.start())
            }
            _ => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                let allowed = HeaderValue::from_static("GET, HEAD, POST");
                response.headers_mut().insert(header::ALLOW, allowed);
                response
            }
        }
    }

    fn ask_to_log_out(&self, request: &Request<()>) -> Response<Bytes> {
        match self.presented(request.headers()) {
            Presented::Nothing => self.show(logged_out(PageKind::LoggedOut), self.start()),
            _ => {
                let ask = Problem::new(PageKind::LogOut, "somebody may want to log out");
                self.show(ask, self.log_out_link())
            }
        }
    }

    fn log_out_link(&self) -> String {
        let settings = self.settings();
        format!("{}{}", settings.address.prefix(), settings.log_out)
    }

    /// From here on nobody is let in by this session.
    async fn end(&self, presented: Presented) -> Result<(), Problem> {
        match (presented, &self.settings().keeping) {
            (Presented::Session(session), _) => {
                let absolute = self.settings().timing.absolute.as_secs();
                let until = session.began_at.saturating_add(absolute);
                self.site.state.denied.add(session.key(), until, self.now());
                Ok(())
            }
            (Presented::Id(id), Keeping::InStore(store)) => {
                let key = SessionKey::of(&id);
                store.remove(&key).await.map_err(store_failed)
            }
            (Presented::Id(_) | Presented::Nothing, _) => Ok(()),
        }
    }

    async fn logged_out(&self) -> Response<Bytes> {
        let mut response = match self.settings().log_out_at {
            LogOutAt::Here => self.show(logged_out(PageKind::LoggedOut), self.start()),
            LogOutAt::ProviderToo => self.log_out_at_provider().await,
        };
        let cookies = &self.settings().cookies;
        self.set_cookies(response.headers_mut(), &gone(cookies));
        let logins = SetCookie::gone(cookies.logins());
        self.set_cookies(response.headers_mut(), &[logins]);
        response
    }

    async fn log_out_at_provider(&self) -> Response<Bytes> {
        let settings = self.settings();
        let metadata = settings.provider.metadata(settings.timing.provider).await;
        let problem = match metadata {
            Ok(metadata) => {
                let back = settings.address.url(&settings.log_out);
                match settings.provider.logout_address(&metadata, &back) {
                    Ok(address) => return self.redirect(&address),
                    Err(problem) => problem,
                }
            }
            Err(problem) => problem,
        };
        self.show(problem.about(PageKind::LoggedOutHere), self.start())
    }
}

fn logged_out(kind: PageKind) -> Problem {
    Problem::new(kind, "somebody has logged out")
}
