//! Whether a person has opened a page, and may be sent to the login page instead.

use http::{HeaderMap, Method, header};

/// Whether a browser is about to show the answer as a page of its own.
///
/// Browsers say so in `Sec-Fetch-Mode` and `Sec-Fetch-Dest` (Fetch Metadata). For those that
/// don't, it is an `Accept` that prefers HTML. A redirect would be of no use to anything else:
/// a script, an image, a frame, or a page that is fetched in advance.
pub(in crate::login) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is_safe = *method == Method::GET || *method == Method::HEAD;
    if !is_safe || is_upgrade(headers) || is_prefetch(headers) {
        return false;
    }
    match (one(headers, FETCH_MODE), one(headers, FETCH_DEST)) {
        (Value::Absent, Value::Absent) => prefers_html(headers) && !is_script(headers),
        (Value::One("navigate"), Value::One("document")) => true,
        _ => false,
    }
}

/// RFC 9110 §7.8: the connection becomes another, such as a WebSocket.
pub(in crate::login) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

const FETCH_MODE: &str = "sec-fetch-mode";
const FETCH_DEST: &str = "sec-fetch-dest";
/// What browsers have called it: Fetch Metadata, and before.
const PURPOSES: [&str; 3] = ["sec-purpose", "purpose", "x-moz"];

fn is_prefetch(headers: &HeaderMap) -> bool {
    let mut purposes = PURPOSES.iter().filter_map(|name| headers.get(*name));
    purposes.any(|purpose| purpose.as_bytes().starts_with(b"prefetch"))
}

/// What old libraries for scripts say of themselves.
fn is_script(headers: &HeaderMap) -> bool {
    headers.contains_key("x-requested-with")
}

/// The value of a header that has to stand there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Value<'r> {
    Absent,
    One(&'r str),
    /// Several, or no text: nobody can tell which counts.
    Unclear,
}

pub(in crate::login) fn one<'r>(headers: &'r HeaderMap, name: &'static str) -> Value<'r> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Value::Absent,
        (Some(value), None) => value.to_str().map_or(Value::Unclear, Value::One),
        (Some(_), Some(_)) => Value::Unclear,
    }
}

/// RFC 9110 §12.5.1: whether the first among the most wanted types is HTML.
fn prefers_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let ranges = lines.flat_map(|line| line.split(',')).filter_map(range);
    let first = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
    first.is_some_and(|(media_type, quality)| quality > 0 && is_html(media_type))
}

fn is_html(media_type: &str) -> bool {
    let html = ["text/html", "application/xhtml+xml"];
    html.iter()
        .any(|html| media_type.eq_ignore_ascii_case(html))
}

/// A media type and how much it is wanted, in thousandths.
fn range(text: &str) -> Option<(&str, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().filter(|media_type| !media_type.is_empty())?;
    let is_weight = |part: &str| {
        part.get(..2)
            .is_some_and(|name| name.eq_ignore_ascii_case("q="))
    };
    let weight = parts
        .find(|part| is_weight(part))
        .and_then(|part| part.get(2..));
    Some((media_type, weight.map_or(1000, thousandths)))
}

/// RFC 9110 §12.4.2. What is no weight wants nothing.
fn thousandths(weight: &str) -> u32 {
    let weight: f32 = weight.trim().parse().unwrap_or(0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_preferred_if_it_is_the_first_of_what_is_wanted_most() {
        let rows = [
            ("text/html", true),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
                true,
            ),
            ("TEXT/HTML", true),
            ("application/xhtml+xml", true),
            ("application/json;q=0.5, text/html", true),
            ("text/html;q=0.9, application/json;q=0.1", true),
            ("text/html; charset=utf-8", true),
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("application/json, text/plain, */*", false),
            ("text/html;q=0.5, application/json", false),
            ("text/html;q=0", false),
            ("text/html;q=x", false),
            ("text/html;Q=0.1, application/json;q=0.2", false),
            (",;q=1", false),
        ];
        for (accept, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_html(&headers), expected, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn several_lines_of_accept_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, "application/json;q=0.2".parse().unwrap());
        headers.append(header::ACCEPT, "text/html".parse().unwrap());
        assert!(prefers_html(&headers));
    }
}
