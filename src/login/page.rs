//! The pages that the login shows, and what they look like unless told otherwise.

use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::BoxError;

/// A page for a person: what went wrong with a login, or a logout.
///
/// It stands in the extensions of the response that shows it. `Display` is for the operator's
/// log: it says what the person is not told.
///
/// # Example
///
/// An access log outside the layer:
///
/// ```
/// use tower_bearer::login::Page;
///
/// fn log<B>(response: &http::Response<B>) {
///     if let Some(page) = response.extensions().get::<Page>() {
///         eprintln!("{} because {page}", page.status());
///     }
/// }
/// # log(&http::Response::new(()));
/// ```
#[derive(Clone)]
pub struct Page(Arc<Inner>);

struct Inner {
    kind: PageKind,
    link: String,
    problem: Problem,
}

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageKind {
    /// The provider has let nobody in: the person has said no, or may not. 403
    Denied,
    /// A login that is not known here: it took too long, was finished before, or was begun in
    /// another browser. 400
    UnknownLogin,
    /// Logins follow each other and none lasts: mostly a browser that keeps no cookies. 400
    Loop,
    /// Another site's page has sent the request. 403
    CrossSite,
    /// The provider, or the store of sessions, can't be reached. 503
    Unavailable,
    /// What the provider has answered can't be accepted. 502
    NotAccepted,
    /// Site and provider don't fit together; the log says how. 500
    Misconfigured,
    /// Whether to log out: a form. 200
    LogOut,
    /// Logged out. 200
    LoggedOut,
    /// Logged out here; the provider could not be reached. 503
    LoggedOutHere,
}

/// Why a page is shown, for those who decide.
pub(super) struct Problem {
    pub(super) kind: PageKind,
    reason: Cow<'static, str>,
    error: Option<BoxError>,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(kind: PageKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            error: None,
            retry_after: None,
        }
    }

    pub(super) fn not_accepted(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(PageKind::NotAccepted, reason)
    }

    /// The same as a reason for another page.
    pub(super) fn about(mut self, kind: PageKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same for those who show no page.
    pub(super) fn into_error(self) -> BoxError {
        self.page(String::new()).into()
    }

    pub(super) fn because(mut self, error: impl Into<BoxError>) -> Self {
        self.error = Some(error.into());
        self
    }

    pub(super) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The page, with a way to go on.
    pub(super) fn page(self, link: String) -> Page {
        Page(Arc::new(Inner {
            kind: self.kind,
            link,
            problem: self,
        }))
    }
}

impl Page {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> PageKind {
        self.0.kind
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            PageKind::Denied | PageKind::CrossSite => StatusCode::FORBIDDEN,
            PageKind::UnknownLogin | PageKind::Loop => StatusCode::BAD_REQUEST,
            PageKind::Unavailable | PageKind::LoggedOutHere => StatusCode::SERVICE_UNAVAILABLE,
            PageKind::NotAccepted => StatusCode::BAD_GATEWAY,
            PageKind::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            PageKind::LogOut | PageKind::LoggedOut => StatusCode::OK,
        }
    }

    /// Where a person goes on: the page that was wanted, which begins the login again, or
    /// what the form of [`LogOut`](PageKind::LogOut) is sent to. A path of this site, to be
    /// escaped as any text in HTML.
    #[must_use]
    pub fn link(&self) -> &str {
        &self.0.link
    }

    /// When it is worth trying again, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.problem.retry_after
    }

    /// A page of one's own in HTML, with all headers that it has to have.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Response;
    /// use tower_bearer::login::{Page, PageKind};
    ///
    /// fn in_german(page: &Page) -> Response<Bytes> {
    ///     let text = match page.kind() {
    ///         PageKind::LoggedOut => "Sie sind abgemeldet.",
    ///         _ => "Das hat leider nicht geklappt.",
    ///     };
    ///     page.response_with(format!("<!doctype html><title>Anmeldung</title><p>{text}</p>"))
    /// }
    /// # let _ = in_german;
    /// ```
    pub fn response_with(&self, html: impl Into<Bytes>) -> Response<Bytes> {
        let mut response = Response::new(html.into());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        let fixed = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            // The address may hold a code.
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            let wait = self.retry_after().unwrap_or(Duration::from_secs(5));
            let seconds = wait.as_secs().max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// What it looks like unless the application has pages of its own: plain and readable.
    pub(super) fn plain(&self) -> Response<Bytes> {
        let (title, text) = self.words();
        let link = escaped(self.link());
        let way_on = match self.kind() {
            PageKind::LogOut => {
                format!("<form method=\"post\" action=\"{link}\"><button>Log out</button></form>")
            }
            PageKind::LoggedOut | PageKind::LoggedOutHere => {
                format!("<p><a href=\"{link}\">Log in again</a></p>")
            }
            _ => format!("<p><a href=\"{link}\">Begin again</a></p>"),
        };
        self.response_with(format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <main><h1>{title}</h1>\n<p>{text}</p>\n{way_on}</main>\n</html>\n"
        ))
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.kind() {
            PageKind::Denied => (
                "Not logged in",
                "The login was cancelled, or is not allowed.",
            ),
            PageKind::UnknownLogin => (
                "Not logged in",
                "This login took too long, was finished before, or was begun in another browser.",
            ),
            PageKind::Loop => (
                "The login does not last",
                "Does this browser keep cookies? Without them nobody stays logged in.",
            ),
            PageKind::CrossSite => ("Not allowed", "This came from a page of another site."),
            PageKind::Unavailable => (
                "Not available",
                "The login can't be reached at the moment. Please try again in a while.",
            ),
            PageKind::NotAccepted => (
                "Not logged in",
                "The answer of the login could not be accepted. Please try again.",
            ),
            PageKind::Misconfigured => (
                "Not logged in",
                "The login is not set up as it should be. Please tell whoever runs this site.",
            ),
            PageKind::LogOut => ("Log out", "You are logged in here."),
            PageKind::LoggedOut => ("Logged out", "You are logged out."),
            PageKind::LoggedOutHere => (
                "Logged out here",
                "The provider of the login could not be reached: you may still be logged in there.",
            ),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.problem.reason)
    }
}

/// What `Display` says, and why.
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Page");
        shown.field("kind", &self.kind());
        shown.field("reason", &self.0.problem.reason);
        if let Some(error) = &self.0.problem.error {
            shown.field("error", error);
        }
        shown.finish()
    }
}

impl Error for Page {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.problem.error.as_ref().map(|error| &**error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_no_attribute() {
        let page = Problem::new(PageKind::Denied, "x").page("/\"><script>'&".to_owned());
        let html = page.plain().into_body();
        let html = std::str::from_utf8(&html).unwrap();
        assert!(
            html.contains("href=\"/&quot;&gt;&lt;script&gt;&#39;&amp;\""),
            "{html}"
        );
    }
}
