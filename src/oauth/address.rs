//! Where token requests may go: every address is judged here.

use std::{error::Error, fmt};

use http::Uri;

use crate::{address, origin::Origin};

/// An address to which no secret would be readable on the way.
pub(super) fn protected(address: &str) -> Result<Uri, EndpointError> {
    match absolute(address)? {
        (uri, origin) if is_protected(&origin) => Ok(uri),
        (_, origin) => Err(EndpointError::PlainHttp(origin)),
    }
}

/// A second address of the same server: as well protected as the first.
pub(super) fn beside(first: &Uri, address: &str) -> Result<Uri, EndpointError> {
    let first = Origin::of(first);
    match first.is_ok_and(|first| is_protected(&first)) {
        true => protected(address),
        false => any(address),
    }
}

/// RFC 6749 §3.2: an absolute URI without a fragment.
pub(super) fn any(address: &str) -> Result<Uri, EndpointError> {
    Ok(absolute(address)?.0)
}

fn absolute(address: &str) -> Result<(Uri, Origin), EndpointError> {
    address::absolute(address).map_err(|why| EndpointError::Malformed { why })
}

fn is_protected(origin: &Origin) -> bool {
    origin.is_https() || origin.is_loopback()
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
                "not the address of an endpoint: {why}; write it as `https://id.example/oauth2/token`"
            ),
            Self::PlainHttp(origin) => write!(
                f,
                "client secrets don't go over plain http to `{origin}`; use https or a loopback address, or for token requests `TokenEndpoint::dangerous_plain_http`"
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
