//! A page that the login shows.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::{PageKind, Problem};

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
    problem: Problem,
    link: String,
}

impl Page {
    pub(super) fn new(problem: Problem, link: String) -> Self {
        Self(Arc::new(Inner { problem, link }))
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> PageKind {
        self.0.problem.kind
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind().status()
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
