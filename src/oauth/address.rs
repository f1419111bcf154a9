//! Where token requests may go: every address is judged here.

use std::{error::Error, fmt};

use http::Uri;

use crate::origin::Origin;

/// An address to which no secret would be readable on the way.
pub(super) fn protected(address: &str) -> Result<Uri, EndpointError> {
    let uri = any(address)?;
    match is_protected(&origin(&uri)?) {
        true => Ok(uri),
        false => Err(EndpointError::PlainHttp(origin(&uri)?)),
    }
}

/// A second address of the same server: as well protected as the first.
pub(super) fn beside(first: &Uri, address: &str) -> Result<Uri, EndpointError> {
    match is_protected(&origin(first)?) {
        true => protected(address),
        false => any(address),
    }
}

/// RFC 6749 §3.2: an absolute URI without a fragment.
pub(super) fn any(address: &str) -> Result<Uri, EndpointError> {
    let malformed = |why| EndpointError::Malformed { why };
    if address.contains('#') {
        return Err(malformed("it holds a fragment"));
    }
    let uri: Uri = address.parse().map_err(|_| malformed("it is not a URI"))?;
    let authority = uri.authority().map(|authority| authority.as_str());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(malformed("it holds user information"));
    }
    origin(&uri)?;
    Ok(uri)
}

fn origin(uri: &Uri) -> Result<Origin, EndpointError> {
    let why = "it has no host, or is neither https nor http";
    Origin::of(uri).map_err(|_| EndpointError::Malformed { why })
}

fn is_protected(origin: &Origin) -> bool {
    origin.is_https() || origin.is_loopback()
}

/// An address without its query: some hold a key there.
pub(super) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}{}", uri.path())
}

/// A token endpoint that was described wrongly.
#[derive(Clone)]
#[non_exhaustive]
pub enum EndpointError {
    /// No address of a server. It is not shown, since it may hold a password.
    Malformed {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Plain `http` to another machine.
    PlainHttp(Origin),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { why } => write!(
                f,
                "not the address of a token endpoint: {why}; write it as `https://id.example/oauth2/token`"
            ),
            Self::PlainHttp(origin) => write!(
                f,
                "client secrets don't go over plain http to `{origin}`; use https, a loopback address, or `TokenEndpoint::dangerous_plain_http`"
            ),
        }
    }
}

impl fmt::Debug for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointError({self})")
    }
}

impl Error for EndpointError {}
