//! What a token endpoint answers (RFC 6749 §5), read into tokens or a typed error.

mod answer;
mod end;
mod tokens;
mod verdict;

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

use self::{answer::Answer, verdict::Verdict};
use crate::{
    clock::Clock,
    oauth::{AnswerFormat, ObtainError, ObtainErrorKind},
    retry_after::retry_after,
    secret::Secret,
    token::{Moment, Tokens},
};

/// Reads an answer. `secrets` are what the request held: a server that repeats one in
/// its error message does not get it into ours.
pub(super) fn read(
    response: &Response<Bytes>,
    format: &AnswerFormat,
    secrets: &[Secret],
    asked: Moment,
    clock: &dyn Clock,
) -> Result<Tokens, ObtainError> {
    let answer = Answer::new(response, format, secrets);
    let outcome = match verdict::judge(&answer) {
        Verdict::Granted => tokens::read(&answer, asked),
        Verdict::Failing { status, words } => {
            let wait = retry_after(response.headers(), clock);
            Err(failing(status, words, wait))
        }
        Verdict::Refused { error, description } => Err(ObtainError::refused(error, description)),
        Verdict::Unusable(what) => Err(unusable(what)),
    };
    outcome.map_err(|error| match answer.words(format.request_id.as_ref()) {
        Some(id) => error.with_request_id(id),
        None => error,
    })
}

fn failing(status: StatusCode, words: Option<String>, wait: Option<Duration>) -> ObtainError {
    let mut failing = ObtainError::new(ObtainErrorKind::Failing(status));
    if let Some(words) = words {
        failing = failing.with_source(words);
    }
    match wait {
        Some(wait) => failing.with_retry_after(wait),
        None => failing,
    }
}

fn unusable(what: String) -> ObtainError {
    ObtainError::new(ObtainErrorKind::BadAnswer(what))
}
