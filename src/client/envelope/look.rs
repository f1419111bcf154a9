//! Which bodies are looked into: a pure decision by the head and the declared length.

use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::{Body, SizeHint};

use super::{judge::Asked, layer::Settings};
use crate::client::ResponseHead;

/// The length of a body that is to be looked into; `None` for one that passes unpolled.
pub(super) fn length_to_read<B: Body>(
    settings: &Settings,
    asked: &Asked,
    response: &Response<B>,
) -> Option<usize> {
    let head = ResponseHead::of(response);
    let may_tell = !settings.members.is_empty()
        && has_body(&asked.method, head.status())
        && (settings.statuses)(head.status())
        && head.media_type().is_some_and(is_json)
        && !head.headers().contains_key(header::CONTENT_ENCODING);
    if !may_tell {
        return None;
    }
    let length = declared_length(head.headers(), &response.body().size_hint())?;
    (1..=settings.max_bytes).contains(&length).then_some(length)
}

/// What the body knows of itself or the header says; `None` if they disagree.
fn declared_length(headers: &HeaderMap, hint: &SizeHint) -> Option<usize> {
    let declared = hint.exact().or_else(|| content_length(headers))?;
    let possible = hint.lower()..=hint.upper().unwrap_or(u64::MAX);
    let declared = Some(declared).filter(|length| possible.contains(length))?;
    usize::try_from(declared).ok()
}

/// RFC 9110 §6.4.1. What such a response declares is the length of another's body.
fn has_body(method: &Method, status: StatusCode) -> bool {
    let never = status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::RESET_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    let is_tunnel = *method == Method::CONNECT && status.is_success();
    !never && !is_tunnel && *method != Method::HEAD
}

fn is_json(media_type: &str) -> bool {
    let suffix = |end: &[u8]| end.eq_ignore_ascii_case(b"+json");
    media_type.eq_ignore_ascii_case("application/json")
        || media_type
            .as_bytes()
            .last_chunk::<5>()
            .is_some_and(|end| suffix(end))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut declared = headers.get_all(header::CONTENT_LENGTH).iter();
    let one = declared.next().filter(|_| declared.next().is_none())?;
    one.to_str().ok()?.parse().ok()
}
