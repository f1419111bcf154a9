//! What an answer means: a pure decision.

use http::{StatusCode, header};
use serde_json::{Value, value::RawValue};

use super::answer::Answer;
use crate::{
    json_scalar::Scalar,
    oauth::answer_format::{Meaning, Rule},
};

pub(super) enum Verdict {
    /// There are tokens in it.
    Granted,
    /// The server is in trouble.
    Failing {
        status: StatusCode,
        words: Option<String>,
    },
    /// The server said no (RFC 6749 §5.2).
    Refused {
        error: String,
        description: Option<String>,
    },
    /// It is no answer of a token endpoint.
    Unusable(String),
}

/// From what says most to what says least.
pub(super) fn judge(answer: &Answer<'_>) -> Verdict {
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Verdict::Failing {
            status,
            words: answer.words(answer.format.message.as_ref()),
        };
    }
    by_settings(answer)
        .or_else(|| by_envelope(answer))
        .or_else(|| by_error_member(answer))
        .or_else(|| invalid_grant_by_status(answer, None))
        .unwrap_or_else(|| by_shape(answer))
}

/// Values that were told to mean something.
fn by_settings(answer: &Answer<'_>) -> Option<Verdict> {
    let mut meanings = answer.format.meanings.iter();
    let (code, meaning) = meanings.find_map(|(rule, meaning)| {
        let code = answer.find(&rule.pointer)?;
        rule.contains(code).then_some((code, meaning))
    })?;
    Some(match meaning {
        Meaning::InvalidGrant => invalid_grant(answer, Some(code)),
        Meaning::TemporarilyUnavailable => Verdict::Failing {
            status: StatusCode::SERVICE_UNAVAILABLE,
            words: description(answer, Some(code)),
        },
    })
}

/// The member that says whether there was success; where there is none, no verdict.
fn by_envelope(answer: &Answer<'_>) -> Option<Verdict> {
    let rules = &answer.format.success;
    let codes = rules.iter().map(|rule| answer.find(&rule.pointer));
    let codes: Vec<_> = codes.collect::<Option<_>>()?;
    let mut told = rules.iter().zip(codes);
    let Some((rule, code)) = told.find(|(rule, code)| !rule.contains(code)) else {
        let is_granted = !rules.is_empty() && answer.status().is_success();
        return is_granted.then_some(Verdict::Granted);
    };
    if rule.values.iter().any(|value| reads_like(value, code)) {
        return Some(Verdict::Unusable(format!(
            "`{}` is `{}`, of another type than was told",
            rule.pointer,
            answer.quoted(code.get()),
        )));
    }
    if answer.format.failure_is_invalid_grant {
        return Some(invalid_grant(answer, Some(code)));
    }
    invalid_grant_by_status(answer, Some(code)).or_else(|| {
        Some(Verdict::Refused {
            error: answer.shown(code),
            description: description(answer, None),
        })
    })
}

/// RFC 6749 §5.2, under whichever status: some servers send errors with 200.
fn by_error_member(answer: &Answer<'_>) -> Option<Verdict> {
    /// The codes that §4.1.2.1 gives to servers in trouble; every other is a refusal.
    const PASSING: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];
    let error = answer.member(&answer.format.error)?;
    let description = answer
        .words(Some(&answer.format.error_description))
        .or_else(|| description(answer, None));
    Some(match serde_json::from_str(error.get()) {
        Ok(Value::String(code)) if PASSING.contains(&code.as_str()) => Verdict::Failing {
            status: StatusCode::SERVICE_UNAVAILABLE,
            words: description,
        },
        Ok(Value::String(code)) => Verdict::Refused {
            error: answer.quoted(&code),
            description,
        },
        _ => Verdict::Refused {
            error: "(not a string)".to_owned(),
            description,
        },
    })
}

fn invalid_grant_by_status(answer: &Answer<'_>, code: Option<&RawValue>) -> Option<Verdict> {
    let is_told = answer.format.invalid_grant.contains(&answer.status());
    is_told.then(|| invalid_grant(answer, code))
}

fn invalid_grant(answer: &Answer<'_>, code: Option<&RawValue>) -> Verdict {
    Verdict::Refused {
        error: "invalid_grant".to_owned(),
        description: description(answer, code),
    }
}

/// Nothing is said in words that were told: what is left is HTTP.
fn by_shape(answer: &Answer<'_>) -> Verdict {
    let status = answer.status();
    if REFUSALS.contains(&status) {
        return Verdict::Refused {
            error: status.to_string(),
            description: description(answer, None).or_else(|| no_object(answer)),
        };
    }
    if let Some(body) = no_object(answer) {
        return Verdict::Unusable(format!("{status} with {body}"));
    }
    let mut rules = answer.format.success.iter();
    let missing = rules.find(|rule| answer.find(&rule.pointer).is_none());
    let missing = match missing {
        Some(rule) => format!("`{}`", rule.pointer),
        None if status.is_success() => return Verdict::Granted,
        None => "an `error` member".to_owned(),
    };
    let words = description(answer, None).map(|words| format!(": {words}"));
    let words = words.unwrap_or_default();
    Verdict::Unusable(format!("{status} without {missing}{words}"))
}

/// What RFC 6749 §5.2 has refusals come with, and what else means no in HTTP. To take one for
/// an outage would try a wrong password until the account is locked.
const REFUSALS: [StatusCode; 3] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
];

/// What there is in place of a JSON object.
fn no_object(answer: &Answer<'_>) -> Option<String> {
    if answer.is_object() {
        return None;
    }
    let content_type = answer.response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let of_type = content_type.map(|name| format!(" of type `{}`", answer.quoted(name)));
    let of_type = of_type.unwrap_or_default();
    Some(format!(
        "a body{of_type} that is not a token answer; is this the token endpoint?"
    ))
}

/// The server's code, where the error has another, and its words.
fn description(answer: &Answer<'_>, code: Option<&RawValue>) -> Option<String> {
    let code = code.map(|code| answer.shown(code));
    let words = answer.words(answer.format.message.as_ref());
    match (code, words) {
        (Some(code), Some(words)) => Some(format!("{code}: {words}")),
        (code, words) => code.or(words),
    }
}

impl Rule {
    fn contains(&self, raw: &RawValue) -> bool {
        Scalar::read(raw).is_some_and(|value| self.values.contains(&value))
    }
}

/// `"0"` is not 0. Who sends it means it all the same, so it is not a refusal either.
fn reads_like(value: &Scalar, raw: &RawValue) -> bool {
    let written = |json: &str| json.trim_matches('"').to_owned();
    match value {
        Scalar::Text(text) => written(raw.get()) == *text,
        Scalar::Integer(number) => written(raw.get()) == number.to_string(),
        Scalar::Boolean(is_true) => written(raw.get()) == is_true.to_string(),
        Scalar::Null => written(raw.get()) == "null",
    }
}
