//! An answer, and what may be repeated of it.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Value, value::RawValue};

use crate::{excerpt::excerpt_of, json_pointer::JsonPointer, oauth::AnswerFormat, secret::Secret};

/// The longest part of a server's words that an error repeats, in characters.
const MAX_QUOTED: usize = 200;

pub(super) struct Answer<'a> {
    pub(super) response: &'a Response<Bytes>,
    pub(super) format: &'a AnswerFormat,
    /// What no error may repeat: of the request, and the tokens of the answer.
    hidden: Vec<Secret>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        response: &'a Response<Bytes>,
        format: &'a AnswerFormat,
        secrets: &[Secret],
    ) -> Self {
        let mut answer = Self {
            response,
            format,
            hidden: secrets.to_vec(),
        };
        let tokens = [
            &format.access_token,
            &format.refresh_token,
            &format.id_token,
        ];
        let tokens: Vec<_> = tokens.iter().flat_map(|at| answer.text(at)).collect();
        answer.hidden.extend(tokens);
        answer
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// RFC 6749 §5.1: the answer is a JSON object.
    pub(super) fn is_object(&self) -> bool {
        let whole = JsonPointer::whole().find(self.response.body());
        whole.is_some_and(|json| json.get().starts_with('{'))
    }

    pub(super) fn find(&self, pointer: &JsonPointer) -> Option<&'a RawValue> {
        pointer.find(self.response.body())
    }

    /// What stands there, if it is not `null`.
    pub(super) fn member(&self, pointer: &JsonPointer) -> Option<&'a RawValue> {
        self.find(pointer).filter(|raw| raw.get() != "null")
    }

    /// What stands there, if it is a string.
    pub(super) fn text(&self, pointer: &JsonPointer) -> Option<Secret> {
        let raw = self.find(pointer)?;
        serde_json::from_str::<String>(raw.get())
            .ok()
            .map(Secret::from)
    }

    /// When the server answered, by its own clock.
    pub(super) fn date(&self) -> Option<SystemTime> {
        let date = self.response.headers().get(header::DATE)?;
        httpdate::parse_http_date(date.to_str().ok()?).ok()
    }

    /// What the server says there, fit to be shown.
    pub(super) fn words(&self, pointer: Option<&JsonPointer>) -> Option<String> {
        let words = self.shown(self.member(pointer?)?);
        Some(words).filter(|words| !words.is_empty())
    }

    /// A string as it reads, anything else as JSON.
    pub(super) fn shown(&self, raw: &RawValue) -> String {
        match serde_json::from_str(raw.get()) {
            Ok(Value::String(text)) => self.quoted(&text),
            // Written anew, so that no escape of the server's hides a secret from us.
            Ok(value) => self.quoted(&value.to_string()),
            Err(_) => String::new(),
        }
    }

    /// A server's words: escaped, cut, and without anything secret.
    pub(super) fn quoted(&self, text: &str) -> String {
        let repeats = |secret: &Secret| !secret.is_empty() && text.contains(secret.expose());
        match self.hidden.iter().any(repeats) {
            true => "(it repeats a secret)".to_owned(),
            false => excerpt_of(text, MAX_QUOTED),
        }
    }
}
