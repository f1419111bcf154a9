//! A token among the subprotocols that a WebSocket is opened with (RFC 6455 §11.3.4).

use std::{borrow::Cow, iter};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};

use super::{Held, place_error::PlaceError};
use crate::challenge::Challenge;

/// One way to write a token into `Sec-WebSocket-Protocol`, in however many lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebSocketPlace {
    name: Box<str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `NAME, TOKEN`
    Next,
    /// `NAMETOKEN`
    Rest,
    /// `NAMEBASE64URL`
    EncodedRest,
}

/// One element of the list.
enum Element<'r> {
    Token(&'r [u8]),
    Other(&'r [u8]),
}

impl WebSocketPlace {
    pub(super) fn new(name: &str, form: Form) -> Result<Self, PlaceError> {
        // RFC 6455 §4.1: a token of RFC 9110, as an authentication scheme is.
        match Challenge::is_scheme(name) {
            true => Ok(Self {
                name: name.into(),
                form,
            }),
            false => Err(PlaceError::subprotocol(name)),
        }
    }

    pub(super) fn find<'r>(&self, headers: &'r HeaderMap) -> Option<Held<'r>> {
        let mut tokens = self.elements(headers).filter_map(|element| match element {
            Element::Token(value) => Some(value),
            Element::Other(_) => None,
        });
        let token = tokens.next()?;
        Some(match tokens.next() {
            None => self.read(token),
            Some(_) => Held::Several,
        })
    }

    fn read<'r>(&self, value: &'r [u8]) -> Held<'r> {
        if self.form != Form::EncodedRest || value.is_empty() {
            return Held::token(value);
        }
        match URL_SAFE_NO_PAD.decode(value) {
            Ok(token) => Held::Token(Cow::Owned(token)),
            Err(_) => Held::Unreadable("the base64url is broken (RFC 4648 §5)"),
        }
    }

    /// Leaves the other subprotocols, in one line, which means the same (RFC 9110 §5.3).
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        if self.find(headers).is_none() {
            return;
        }
        let others = self.elements(headers).filter_map(|element| match element {
            Element::Other(value) => Some(value),
            Element::Token(_) => None,
        });
        let others = others.collect::<Vec<_>>().join(&b", "[..]);
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
        // Parts of valid lines are one.
        if let (false, Ok(others)) = (others.is_empty(), HeaderValue::from_bytes(&others)) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, others);
        }
    }

    fn elements<'r>(&self, headers: &'r HeaderMap) -> impl Iterator<Item = Element<'r>> {
        let mut is_next = false;
        // One more, so that behind a name at the end stands a token that is empty.
        let values = values(headers).chain(iter::once(&b""[..]));
        let elements = values.map(move |value| {
            let is_token = std::mem::take(&mut is_next);
            match self.form {
                Form::Next if is_token => return Element::Token(value),
                Form::Next => is_next = value == self.name.as_bytes(),
                Form::Rest | Form::EncodedRest => {
                    if let Some(rest) = value.strip_prefix(self.name.as_bytes()) {
                        return Element::Token(rest);
                    }
                }
            }
            Element::Other(value)
        });
        elements.filter(|element| !matches!(element, Element::Other(b"")))
    }
}

/// RFC 9110 §5.6.1: elements of a list may be empty, and count for nothing.
fn values(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let values = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let values = values.map(<[u8]>::trim_ascii);
    values.filter(|value| !value.is_empty())
}
