//! The form that a request brings (RFC 6749 §3.2).

use std::collections::BTreeMap;

use http::{Method, header, request::Parts};

use super::refusal::{Refusal, refusal};

/// Parameters that may occur several times (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

pub(super) struct Form(BTreeMap<String, Vec<String>>);

impl Form {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        if parts.method != Method::POST {
            return Err(refusal("invalid_request", "this endpoint takes POST"));
        }
        if !is_form(parts) {
            return Err(refusal(
                "invalid_request",
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        Self::parse(body)
    }

    /// The parameters of the query, and of the body where there is one: a login page that was
    /// filled in comes back to the address it came from.
    pub(super) fn read_page(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        let mut all = parts.uri.query().unwrap_or_default().as_bytes().to_vec();
        if parts.method == Method::POST && is_form(parts) {
            all.push(b'&');
            all.extend_from_slice(body);
        }
        Self::parse(&all)
    }

    fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            let values = parameters.entry(name.clone().into()).or_default();
            // RFC 6749 §3.2: parameters must not occur twice.
            if !values.is_empty() && !REPEATABLE.contains(&&*name) {
                return Err(refusal("invalid_request", "a parameter occurs twice"));
            }
            values.push(value.into());
        }
        Ok(Self(parameters))
    }

    /// RFC 6749 §3.2: a parameter without a value counts as left out.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.0.get(name).into_iter().flatten();
        values.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value, or the refusal of a request without it.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| refusal("invalid_request", format!("`{name}` is missing")))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        let parameters = self.0.iter();
        parameters.map(|(name, values)| (name.as_str(), values.join(" ")))
    }
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
