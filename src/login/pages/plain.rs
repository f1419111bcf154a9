//! What pages look like unless the application has its own: plain and readable.

use bytes::Bytes;
use http::Response;

use super::{Page, PageKind};

impl Page {
    /// What it looks like unless the application has pages of its own: plain and readable.
    pub(in crate::login) fn plain(&self) -> Response<Bytes> {
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

#[cfg(test)]
mod tests {
    use super::{super::Problem, *};

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
