//! Whose page has sent a request that is known by its cookie alone.

use http::{HeaderMap, Method};

use super::navigation::{Value, is_upgrade, one};
use crate::login::public_address::PublicAddress;

/// Whether a request may be served to whom its cookie names.
///
/// A browser adds cookies to requests that other sites make it send. What changes something
/// has to come from a page of this site, which a browser tells by `Sec-Fetch-Site` or, where
/// it doesn't, by `Origin`. Neither can be set by a script.
pub(in crate::login) fn may_act(
    method: &Method,
    headers: &HeaderMap,
    site: &PublicAddress,
) -> bool {
    let changes_nothing = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    (changes_nothing && !is_upgrade(headers)) || is_same_origin(headers, site)
}

/// Whether a page of this site has sent it, or nobody's page, as with an address that was
/// typed.
pub(in crate::login) fn is_same_origin(headers: &HeaderMap, site: &PublicAddress) -> bool {
    match one(headers, "sec-fetch-site") {
        Value::One(site) => matches!(site, "same-origin" | "none"),
        Value::Unclear => false,
        Value::Absent => match one(headers, "origin") {
            Value::One(origin) => site.is_origin(origin),
            Value::Absent | Value::Unclear => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (&str, &str) = ("origin", "https://orders.example");

    #[test]
    fn a_browser_says_where_a_request_comes_from_and_silence_is_a_no() {
        let there = ("origin", "https://evil.example");
        let site = |value| ("sec-fetch-site", value);
        let rows: [(&[(&str, &str)], bool); 18] = [
            (&[], false),
            (&[site("same-origin")], true),
            (&[site("none")], true),
            (&[site("same-site")], false),
            (&[site("cross-site")], false),
            (&[site("Same-Origin")], false),
            (&[site("")], false),
            (&[site("same-origin"), there], true),
            (&[site("cross-site"), HERE], false),
            (&[site("same-origin"), site("cross-site")], false),
            (&[HERE], true),
            (&[("origin", "https://orders.example:443")], true),
            (&[("origin", "http://orders.example")], false),
            (&[("origin", "https://orders.example:8443")], false),
            (&[("origin", "https://www.orders.example")], false),
            (&[("origin", "null")], false),
            (&[there], false),
            (&[HERE, HERE], false),
        ];
        let here = PublicAddress::parse("https://orders.example/app").unwrap();
        for (lines, expected) in rows {
            assert_eq!(
                is_same_origin(&headers(lines), &here),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn what_changes_nothing_is_free_unless_it_becomes_another_connection() {
        let here = PublicAddress::parse("https://orders.example").unwrap();
        for (method, expected) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("POST", false),
            ("PUT", false),
            ("PATCH", false),
            ("DELETE", false),
            ("CONNECT", false),
            ("TRACE", false),
            ("PROPFIND", false),
            ("get", false),
        ] {
            let method = method.parse().unwrap();
            let alone = may_act(&method, &headers(&[]), &here);
            assert_eq!(alone, expected, "{method}");
            assert!(may_act(&method, &headers(&[HERE]), &here), "{method}");
            let upgrade = ("upgrade", "websocket");
            assert!(!may_act(&method, &headers(&[upgrade]), &here), "{method}");
            assert!(
                may_act(&method, &headers(&[upgrade, HERE]), &here),
                "{method}"
            );
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }
}
