//! How long an answer may be used (RFC 9111 §4.2 and §5.2).

use std::time::Duration;

use http::{HeaderMap, header};

use super::Timing;

/// `max-age` minus `Age`, within the bounds.
pub(super) fn lifetime(headers: &HeaderMap, timing: &Timing) -> Duration {
    match stated(headers) {
        // Nonsense in the settings panics nowhere: `clamp` would.
        Some(stated) => stated.max(timing.lifetime_min).min(timing.lifetime_max),
        None => timing.lifetime_unstated,
    }
}

fn stated(headers: &HeaderMap) -> Option<Duration> {
    let mut shortest = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in directives(value.to_str().ok()?) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return None,
                "max-age" => {
                    let age = seconds(value)?;
                    shortest = Some(shortest.map_or(age, |shortest: Duration| shortest.min(age)));
                }
                _ => {}
            }
        }
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
    let age = age.and_then(seconds).unwrap_or_default();
    shortest.map(|max_age| max_age.saturating_sub(age))
}

/// What stands between commas; one in a quoted string separates nothing.
fn directives(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |character| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    })
}

/// RFC 9111 §1.2.2: digits only; a number that is too large is a very large one. Quotes
/// are not to be sent, and to be understood (§5.2).
fn seconds(text: &str) -> Option<Duration> {
    let digits = text.trim().trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_lifetime_is_max_age_minus_age_within_its_bounds() {
        const MINUTES_10: u64 = 600;
        let rows: &[(&str, &[&str], &str, u64)] = &[
            ("as it says", &["max-age=900"], "", 900),
            ("minus the age", &["max-age=900"], "300", 600),
            ("an age beyond it: the least", &["max-age=900"], "1000", 30),
            ("at least 30 s", &["max-age=0"], "", 30),
            ("at most an hour", &["max-age=86400"], "", 3600),
            (
                "more than a number holds",
                &["max-age=99999999999999999999"],
                "",
                3600,
            ),
            ("nothing said", &[], "", MINUTES_10),
            (
                "nothing of it",
                &["public, must-revalidate"],
                "",
                MINUTES_10,
            ),
            ("no-cache", &["max-age=900, no-cache"], "", MINUTES_10),
            ("no-store", &["no-store, max-age=900"], "", MINUTES_10),
            (
                "no-store in a second line",
                &["max-age=900", "no-store"],
                "",
                MINUTES_10,
            ),
            ("whatever the case", &["Public, MAX-AGE=900"], "", 900),
            (
                "no white space, much white space",
                &["public,  max-age=900 ,x"],
                "",
                900,
            ),
            ("quoted", &["max-age=\"900\""], "", 900),
            (
                "a comma in quotes",
                &["ext=\"a, max-age=1, no-store\", max-age=900"],
                "",
                900,
            ),
            ("twice: the shorter", &["max-age=900, max-age=300"], "", 300),
            ("not a number", &["max-age=soon"], "", MINUTES_10),
            ("a negative number", &["max-age=-1"], "", MINUTES_10),
            ("a fraction", &["max-age=1.5"], "", MINUTES_10),
            ("no value", &["max-age"], "", MINUTES_10),
            ("an age that is none", &["max-age=900"], "old", 900),
            (
                "another directive that ends alike",
                &["x-max-age=900"],
                "",
                MINUTES_10,
            ),
            (
                "s-maxage is for shared caches",
                &["s-maxage=900"],
                "",
                MINUTES_10,
            ),
        ];
        for (row, lines, age, expected) in rows {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
            }
            if !age.is_empty() {
                headers.insert(header::AGE, HeaderValue::from_static(age));
            }
            let lifetime = lifetime(&headers, &Timing::default());
            assert_eq!(lifetime, Duration::from_secs(*expected), "{row}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_say_nothing() {
        let mut headers = HeaderMap::new();
        let odd = HeaderValue::from_bytes(b"max-age=900, \xff").unwrap();
        headers.insert(header::CACHE_CONTROL, odd);
        let timing = Timing::default();
        assert_eq!(lifetime(&headers, &timing), timing.lifetime_unstated);
    }
}
