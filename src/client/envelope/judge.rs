//! What an envelope says: a pure decision by its text.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::value::RawValue;

use super::{
    ApiFailure,
    failure::Told,
    layer::{Member, Settings},
};
use crate::{client::RefusedInBody, json_pointer::JsonPointer, json_scalar::Scalar};

/// What an envelope says.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing that was asked for.
    Passes,
    /// The token is refused.
    Refused(RefusedInBody, ApiFailure),
    /// The request failed, and the status does not say so.
    Failed(ApiFailure),
    /// The status says so, and may refuse the token: only the words are new.
    Explained(ApiFailure),
}

/// What is known of the request when its answer comes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Not to be shown, whatever the server repeats.
    credentials: Option<HeaderValue>,
}

impl Asked {
    pub(super) fn new(method: &Method, headers: &HeaderMap) -> Self {
        // Our token is marked, whatever header it travels in.
        let marked = headers.values().find(|value| value.is_sensitive());
        let credentials = marked.or_else(|| headers.get(header::AUTHORIZATION));
        Self {
            method: method.clone(),
            credentials: credentials.cloned(),
        }
    }
}

pub(super) fn judge(
    settings: &Settings,
    asked: &Asked,
    status: StatusCode,
    json: &[u8],
) -> Verdict {
    let told = |code| ApiFailure::new(tell(settings, asked, status, code, json));
    let mut failed = None;
    for member in &settings.members {
        let Some(raw) = member.pointer.find(json) else {
            continue;
        };
        let value = Scalar::read(raw);
        if member.refuses(value.as_ref()) {
            return Verdict::Refused(repeatable(settings, &asked.method, status), told(raw));
        }
        if failed.is_none() && member.fails(value.as_ref()) {
            failed = Some(raw);
        }
    }
    match failed {
        Some(code) if status.is_success() => Verdict::Failed(told(code)),
        Some(code) => Verdict::Explained(told(code)),
        None => Verdict::Passes,
    }
}

/// A refusal under a status of success may come after the work was done; a method that is
/// idempotent may be repeated all the same (RFC 9110 §9.2.2).
fn repeatable(settings: &Settings, method: &Method, status: StatusCode) -> RefusedInBody {
    let is_harmless = method.is_idempotent() || !status.is_success();
    match is_harmless || settings.replays_every_method {
        true => RefusedInBody::Repeatable,
        false => RefusedInBody::NotRepeatable,
    }
}

impl Member {
    fn refuses(&self, value: Option<&Scalar>) -> bool {
        value.is_some_and(|value| self.refusing.contains(value))
    }

    /// A value that is no scalar is none of those that mean success.
    fn fails(&self, value: Option<&Scalar>) -> bool {
        let is_success = |values: &Vec<Scalar>| value.is_some_and(|value| values.contains(value));
        self.succeeding
            .as_ref()
            .is_some_and(|values| !is_success(values))
    }
}

fn tell(
    settings: &Settings,
    asked: &Asked,
    status: StatusCode,
    code: &RawValue,
    json: &[u8],
) -> Told {
    let member = |pointer: &Option<JsonPointer>| {
        let raw = pointer.as_ref()?.find(json)?;
        Some(text(raw, asked)).filter(|text| !text.is_empty() && raw.get() != "null")
    };
    Told {
        status,
        code: text(code, asked),
        message: member(&settings.message),
        request_id: member(&settings.request_id),
    }
}

/// A string as it reads, anything else as it is written.
fn text(raw: &RawValue, asked: &Asked) -> String {
    let text = match Scalar::read(raw) {
        Some(Scalar::Text(text)) => text,
        _ => raw.get().to_owned(),
    };
    match asked.repeats_credentials(&text) {
        true => "(it repeats the token)".to_owned(),
        false => text,
    }
}

impl Asked {
    fn repeats_credentials(&self, text: &str) -> bool {
        let credentials = self
            .credentials
            .as_ref()
            .and_then(|value| value.to_str().ok());
        // Behind the scheme, if there is one (RFC 9110 §11.4).
        let token = credentials.and_then(|credentials| credentials.rsplit(' ').next());
        token.is_some_and(|token| !token.is_empty() && text.contains(token))
    }
}
