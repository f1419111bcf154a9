//! A request, held against what a system allows.

use std::collections::BTreeMap;

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
};
use http::{HeaderName, header, request::Parts};
use serde::de::DeserializeOwned;

/// Why a request is none that the system allows.
pub struct Complaint(pub String);

pub type Fields = BTreeMap<String, String>;

pub struct Asked {
    head: Parts,
    body: Bytes,
}

impl Asked {
    /// A request whose parameters stand in its body or in headers, and nowhere else.
    pub async fn read(request: Request) -> Result<Self, Complaint> {
        const LONGEST: usize = 64 * 1024;
        let (head, body) = request.into_parts();
        if let Some(query) = head.uri.query() {
            let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
            let names: Vec<_> = names.collect();
            return complain(format!("a query ({})", names.join(", ")));
        }
        match to_bytes(body, LONGEST).await {
            Ok(body) => Ok(Self { head, body }),
            Err(error) => complain(format!("a body that can't be read: {error}")),
        }
    }

    /// The one line of a header, if it is there.
    pub fn header(&self, name: &HeaderName) -> Result<Option<&str>, Complaint> {
        let mut lines = self.head.headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Ok(None),
            (Some(line), None) => match line.to_str() {
                Ok(text) => Ok(Some(text)),
                Err(_) => complain(format!("`{name}` is no text")),
            },
            _ => complain(format!("`{name}` twice")),
        }
    }

    /// A client that proves who it is does so in its parameters.
    pub fn has_no_credentials(&self) -> Result<(), Complaint> {
        match self.header(&header::AUTHORIZATION)? {
            None => Ok(()),
            Some(_) => complain("an `authorization`, where there must be none"),
        }
    }

    pub fn accepts_json(&self) -> Result<(), Complaint> {
        self.is(&header::ACCEPT, "application/json")
    }

    fn is(&self, name: &HeaderName, expected: &str) -> Result<(), Complaint> {
        match self.header(name)? {
            Some(value) if value == expected => Ok(()),
            Some(other) => complain(format!("`{name}: {other}` in place of `{expected}`")),
            None => complain(format!("no `{name}: {expected}`")),
        }
    }

    pub fn has_no_body(&self) -> Result<(), Complaint> {
        match self.header(&header::CONTENT_TYPE)? {
            None if self.body.is_empty() => Ok(()),
            _ => complain("a body, where there must be none"),
        }
    }

    /// A form with each of the fields that are needed, and no other than those that may be.
    pub fn form(&self, needed: &[&str], allowed: &[&str]) -> Result<Fields, Complaint> {
        self.is(&header::CONTENT_TYPE, "application/x-www-form-urlencoded")?;
        let mut fields = Fields::new();
        for (name, value) in form_urlencoded::parse(&self.body) {
            if ![needed, allowed].concat().contains(&&*name) {
                return complain(format!("a field `{name}`"));
            }
            if fields
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return complain(format!("`{name}` twice"));
            }
        }
        match needed.iter().find(|name| !fields.contains_key(**name)) {
            Some(missing) => complain(format!("no field `{missing}`")),
            None => Ok(fields),
        }
    }

    /// A JSON object of exactly the members that `T` has.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Complaint> {
        self.is(&header::CONTENT_TYPE, "application/json")?;
        serde_json::from_slice(&self.body).map_err(|error| Complaint(format!("JSON: {error}")))
    }
}

fn complain<T>(what: impl Into<String>) -> Result<T, Complaint> {
    Err(Complaint(what.into()))
}
