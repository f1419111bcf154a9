//! As much of a browser as a login needs: cookies, redirects, and what it says of requests.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;
use tower_bearer::{
    login::{Page, PageKind},
    test_util::AuthorizationServer,
};

use super::{App, PROVIDER, SITE, send, send_to_provider};

/// An answer, read.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    /// The page that it shows, if it is one of the login's.
    pub page: Option<PageKind>,
    /// Where the browser is now.
    pub address: String,
}

impl Answer {
    pub async fn read<B>(response: Response<B>) -> Self
    where
        B: http_body::Body,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
            page: parts.extensions.get::<Page>().map(Page::kind),
            address: String::new(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// What the application says of who called.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }

    /// One parameter of the address that the browser is sent to.
    pub fn sent_with(&self, name: &str) -> Option<String> {
        let (_, query) = self.location().split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// A browser with the site and the provider within its reach.
#[derive(Clone)]
pub struct Browser {
    pub app: App,
    pub server: AuthorizationServer,
    /// The cookies that the site has set.
    pub cookies: BTreeMap<String, String>,
    /// Each answer since the last page was opened.
    pub seen: Vec<Answer>,
}

impl Browser {
    pub fn new(app: App, server: &AuthorizationServer) -> Self {
        Self {
            app,
            server: server.clone(),
            cookies: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// Opens a page by its address, and follows to wherever it leads.
    pub async fn open(&mut self, path: &str) -> Answer {
        let first = self.step(&format!("{SITE}{path}"), "none").await;
        self.seen = Vec::new();
        self.follow(first).await
    }

    /// Opens a page and stays where it leads first.
    pub async fn open_once(&mut self, path: &str) -> Answer {
        self.step(&format!("{SITE}{path}"), "none").await
    }

    pub async fn follow(&mut self, first: Answer) -> Answer {
        let mut answer = first;
        for _ in 0..20 {
            self.seen.push(answer.clone());
            if !answer.status.is_redirection() {
                return answer;
            }
            let to = match answer.location() {
                path if path.starts_with('/') => {
                    let origin = answer.address.splitn(4, '/').take(3).collect::<Vec<_>>();
                    format!("{}{path}", origin.join("/"))
                }
                address => address.to_owned(),
            };
            answer = self.step(&to, "cross-site").await;
        }
        panic!("redirects without end: {:?}", self.seen);
    }

    /// One navigation, without following.
    pub async fn step(&mut self, address: &str, fetch_site: &str) -> Answer {
        let mut answer = if let Some(path) = address.strip_prefix(SITE) {
            let request = Request::get(if path.is_empty() { "/" } else { path })
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "document")
                .header("sec-fetch-site", fetch_site)
                .body(Full::default());
            self.request(request.unwrap()).await
        } else {
            assert!(address.starts_with(PROVIDER), "{address}");
            let request = Request::get(address).body("".into()).unwrap();
            send_to_provider(&self.server, request).await
        };
        address.clone_into(&mut answer.address);
        answer
    }

    /// What a script of the site's page does.
    pub async fn fetch(&mut self, method: &str, path: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
            .header("accept", "*/*");
        self.request(request.body(Full::default()).unwrap()).await
    }

    /// Sends a request to the site with its cookies, and keeps what it sets.
    pub async fn request(&mut self, mut request: Request<Full<Bytes>>) -> Answer {
        if let Some(cookies) = self.cookie_header() {
            request
                .headers_mut()
                .insert(header::COOKIE, cookies.parse().unwrap());
        }
        let answer = send(&self.app, request).await;
        self.keep(&answer);
        answer
    }

    /// Starts a request without waiting, as one of many.
    pub fn requesting(&self, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        let mut request = Request::get(path).body(Full::default()).unwrap();
        if let Some(cookies) = self.cookie_header() {
            request
                .headers_mut()
                .insert(header::COOKIE, cookies.parse().unwrap());
        }
        let app = self.app.clone();
        async move { Answer::read(app.oneshot(request).await.unwrap()).await }
    }

    pub fn cookie_header(&self) -> Option<String> {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let all = pairs.collect::<Vec<_>>().join("; ");
        Some(all).filter(|all| !all.is_empty())
    }

    /// RFC 6265 §5.3, and §4.1.3 of its successor.
    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(pair.len() <= 4096, "browsers drop it: {} bytes", pair.len());
            let has = |attribute: &str| attributes.split("; ").any(|found| found == attribute);
            if name.starts_with("__Host-") {
                assert!(has("Secure") && has("Path=/") && !attributes.contains("Domain"));
            }
            assert!(has("HttpOnly") && has("SameSite=Lax"), "{line}");
            let no_store = answer.header("cache-control");
            assert_eq!(no_store, Some("no-store"), "{answer:?}");
            if has("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The names of the cookies that begin so.
    pub fn names(&self, beginning: &str) -> Vec<&str> {
        let names = self.cookies.keys().map(String::as_str);
        names.filter(|name| name.starts_with(beginning)).collect()
    }

    /// The session's cookies alone.
    pub fn session(&self) -> BTreeMap<String, String> {
        let all = self.cookies.iter();
        all.filter(|(name, _)| ["__Host-login", "__Host-login-2"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// A POST of a page of the site.
    pub async fn log_out(&mut self) -> Answer {
        self.fetch(Method::POST.as_str(), "/logout").await
    }
}
