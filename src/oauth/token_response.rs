//! What a token endpoint answers (RFC 6749 §5), read into tokens or a typed error.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroize;

use crate::{
    clock::Clock,
    excerpt::excerpt_of,
    oauth::{ObtainError, ObtainErrorKind},
    retry_after::retry_after,
    scope::ScopeSet,
    secret::Secret,
    token::{AccessToken, Moment, RefreshToken, Tokens},
};

/// The longest part of a server's words that an error repeats, in characters.
const MAX_QUOTED: usize = 200;

/// RFC 6749 §5.1 and §5.2 in one: some servers send errors with status 200. Unknown
/// members are ignored, as §5.1 asks.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<Value>,
    token_type: Option<Value>,
    issued_token_type: Option<Value>,
    expires_in: Option<Value>,
    refresh_token: Option<Value>,
    scope: Option<Value>,
    error: Option<Value>,
    error_description: Option<Value>,
}

/// Reads an answer. `secrets` are what the request held: a server that repeats one in
/// its error message does not get it into ours.
pub(super) fn read(
    response: &Response<Bytes>,
    secrets: &[Secret],
    asked: Moment,
    clock: &dyn Clock,
) -> Result<Tokens, ObtainError> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Err(failing(status, response, clock));
    }
    let mut answer: Answer = serde_json::from_slice(response.body())
        .map_err(|_| unusable(format!("{} with {}", status, describe(response))))?;
    if let Some(error) = &answer.error {
        return Err(match error.as_str() {
            Some(code) if PASSING_ERRORS.contains(&code) => {
                failing(StatusCode::SERVICE_UNAVAILABLE, response, clock)
            }
            _ => refusal(error, answer.error_description.as_ref(), secrets),
        });
    }
    if !status.is_success() {
        return Err(unusable(format!("{status} without an `error` member")));
    }
    let refresh = answer.refresh_token();
    match access_token(&mut answer, asked) {
        Ok(access) => Ok(match refresh {
            Some(refresh) => Tokens::new(access).with_refresh_token(refresh),
            None => Tokens::new(access),
        }),
        Err(error) => Err(error.with_refresh_token(refresh)),
    }
}

fn failing(status: StatusCode, response: &Response<Bytes>, clock: &dyn Clock) -> ObtainError {
    let failing = ObtainError::new(ObtainErrorKind::Failing(status));
    match retry_after(response.headers(), clock) {
        Some(wait) => failing.with_retry_after(wait),
        None => failing,
    }
}

/// The codes that RFC 6749 §4.1.2.1 gives to servers in trouble; every other is a refusal.
const PASSING_ERRORS: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];

fn refusal(error: &Value, description: Option<&Value>, secrets: &[Secret]) -> ObtainError {
    let quote = |value: &Value| match value {
        Value::String(text) => quoted(text, secrets),
        _ => "(not a string)".to_owned(),
    };
    ObtainError::refused(quote(error), description.map(quote))
}

fn access_token(answer: &mut Answer, asked: Moment) -> Result<AccessToken, ObtainError> {
    can_be_sent(answer.issued_token_type.as_ref())?;
    match &answer.token_type {
        // Required by RFC 6749 §5.1, and left out by servers that know no other.
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
        // RFC 8693 §2.2.1
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("n_a") => {
            return Err(unusable(
                "token_type `N_A`: what was issued is no access token; ask for one by `requested_token_type`".to_owned(),
            ));
        }
        Some(Value::String(kind)) => {
            let kind = quoted(kind, &[]);
            return Err(unusable(format!(
                "token_type `{kind}`, and only `Bearer` can be sent"
            )));
        }
        Some(_) => return Err(unusable("a token_type that is not a string".to_owned())),
    }
    let value = match answer.access_token.take() {
        Some(Value::String(value)) => Secret::from(value),
        Some(_) => return Err(unusable("an access_token that is not a string".to_owned())),
        None => return Err(unusable("no access_token".to_owned())),
    };
    let mut access = AccessToken::new(value)?;
    let lifetime = answer.expires_in.as_ref().map(lifetime).transpose()?;
    if let Some(lifetime) = lifetime.flatten() {
        access = access.with_expiry(asked.plus(lifetime));
    }
    if let Some(Value::String(scope)) = &answer.scope {
        access = access.with_scope(ScopeSet::parse(scope));
    }
    Ok(access)
}

/// RFC 8693 §2.2.1: a token exchange may issue a token of any type under the name of
/// `access_token`. An API must never see a refresh token.
fn can_be_sent(issued: Option<&Value>) -> Result<(), ObtainError> {
    const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
    match issued {
        Some(Value::String(kind)) if kind == REFRESH_TOKEN => Err(unusable(format!(
            "issued_token_type `{REFRESH_TOKEN}`, and only an access token can be sent"
        ))),
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(_) => Err(unusable(
            "an issued_token_type that is not a string".to_owned(),
        )),
    }
}

impl Answer {
    fn refresh_token(&mut self) -> Option<RefreshToken> {
        match self.refresh_token.take() {
            Some(Value::String(value)) if !value.is_empty() => Some(RefreshToken::new(value)),
            _ => None,
        }
    }
}

/// Tokens of answers that were not read to the end are wiped too.
impl Drop for Answer {
    fn drop(&mut self) {
        for token in [&mut self.access_token, &mut self.refresh_token] {
            if let Some(Value::String(text)) = token {
                text.zeroize();
            }
        }
    }
}

/// `expires_in` in seconds: a number by RFC 6749 §5.1, a string or a float at some servers.
fn lifetime(value: &Value) -> Result<Option<Duration>, ObtainError> {
    let seconds = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds > 0.0 => Ok(Some(
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        )),
        Some(_) => Err(unusable(
            "an expires_in that is not greater than 0".to_owned(),
        )),
        None => Err(unusable(
            "an expires_in that is not a number of seconds".to_owned(),
        )),
    }
}

fn unusable(what: String) -> ObtainError {
    ObtainError::new(ObtainErrorKind::BadAnswer(what))
}

fn describe(response: &Response<Bytes>) -> String {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    match content_type {
        Some(name) => format!(
            "a body of type `{}` that is not a token answer; is this the token endpoint?",
            quoted(name, &[])
        ),
        None => "a body that is not a token answer; is this the token endpoint?".to_owned(),
    }
}

/// A server's words: escaped, cut, and without anything secret.
fn quoted(text: &str, secrets: &[Secret]) -> String {
    if secrets
        .iter()
        .any(|secret| !secret.is_empty() && text.contains(secret.expose()))
    {
        return "(it repeats a secret)".to_owned();
    }
    excerpt_of(text, MAX_QUOTED)
}
