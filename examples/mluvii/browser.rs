//! As much of a browser as a log-in needs: it keeps cookies, follows redirects, sends forms, and
//! says of each request what it is for (Fetch Metadata).
#![allow(dead_code, unreachable_pub)] // a test uses its own part

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, request::Builder};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_bearer::{BoxError, HttpsClient};

pub struct Browser {
    client: HttpsClient,
    /// They don't know about ports, so one jar is enough for one machine.
    cookies: BTreeMap<String, String>,
}

/// Where it has arrived.
#[derive(Debug)]
pub struct Page {
    pub address: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// What browsers allow.
const MOST_REDIRECTS: usize = 20;

impl Browser {
    pub fn new() -> Result<Self, BoxError> {
        Ok(Self {
            client: HttpsClient::new()?,
            cookies: BTreeMap::new(),
        })
    }

    /// Opens a page by its address, and follows to wherever it leads.
    pub async fn open(&mut self, address: &str) -> Result<Page, BoxError> {
        let request = navigation(Method::GET, address, "none");
        self.navigate(address, request, "").await
    }

    /// Sends the form of a page to where the page is.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Result<Page, BoxError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = navigation(Method::POST, &page.address, "same-origin");
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.navigate(&page.address, request, &form).await
    }

    /// Presses a button that sends an empty form, on a page of the same site.
    pub async fn post(&mut self, address: &str) -> Result<Page, BoxError> {
        let request = navigation(Method::POST, address, "same-origin");
        self.navigate(address, request, "").await
    }

    /// What a script of the same site does.
    pub async fn fetch(&mut self, method: &str, address: &str) -> Result<Page, BoxError> {
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
            .header(header::ACCEPT, "application/json");
        self.send(address, request, "").await
    }

    async fn navigate(
        &mut self,
        address: &str,
        request: Builder,
        body: &str,
    ) -> Result<Page, BoxError> {
        let mut page = self.send(address, request, body).await?;
        for _ in 0..MOST_REDIRECTS {
            let Some(to) = page.leads_to() else {
                return Ok(page);
            };
            let request = navigation(Method::GET, &to, "cross-site");
            page = self.send(&to, request, "").await?;
        }
        Err("redirects without end".into())
    }

    async fn send(
        &mut self,
        address: &str,
        request: Builder,
        body: &str,
    ) -> Result<Page, BoxError> {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request.header(header::COOKIE, pairs.join("; "));
        let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
        let (head, body) = self.client.clone().oneshot(request).await?.into_parts();
        self.keep(&head.headers);
        let text = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        Ok(Page {
            address: address.to_owned(),
            status: head.status,
            headers: head.headers,
            text,
        })
    }

    fn keep(&mut self, headers: &HeaderMap) {
        let lines = headers.get_all(header::SET_COOKIE).iter();
        for line in lines.filter_map(|line| line.to_str().ok()) {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match attributes.contains("Max-Age=0") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
    }
}

impl Page {
    /// The status, and the title or what a script gets.
    pub fn said(&self) -> String {
        let (_, rest) = self.text.split_once("<title>").unwrap_or(("", &self.text));
        let shown = rest.split("</title>").next().unwrap_or_default();
        format!("{} {shown}", self.status.as_u16())
            .trim()
            .to_owned()
    }

    /// The address without its query, which may hold a code.
    pub fn place(&self) -> &str {
        self.address.split('?').next().unwrap_or_default()
    }

    fn leads_to(&self) -> Option<String> {
        if !self.status.is_redirection() {
            return None;
        }
        let to = self.headers.get(header::LOCATION)?.to_str().ok()?;
        let origin: Vec<_> = self.address.splitn(4, '/').take(3).collect();
        Some(match to.starts_with('/') {
            true => format!("{}{to}", origin.join("/")),
            false => to.to_owned(),
        })
    }
}

fn navigation(method: Method, address: &str, from: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(address)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", from)
        .header(
            header::ACCEPT,
            "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        )
}
