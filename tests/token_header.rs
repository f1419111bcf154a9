//! The header that a token travels in: what can be one, and how it is written.
#![allow(clippy::unwrap_used)]

use http::{HeaderName, header};
use tower_bearer::token::{Scheme, TokenHeader};

#[test]
fn a_header_that_means_something_else_to_http_carries_no_token() {
    let rows = [
        ("Authorization", None),
        ("x-api-key", None),
        ("X-API-Key", None),
        ("Proxy-Authorization", None),
        ("refresh-token", None),
        ("Host", Some("means something else")),
        ("content-length", Some("means something else")),
        ("CONTENT-TYPE", Some("means something else")),
        ("content-encoding", Some("means something else")),
        ("Transfer-Encoding", Some("means something else")),
        ("Connection", Some("means something else")),
        ("keep-alive", Some("means something else")),
        ("Proxy-Connection", Some("means something else")),
        ("upgrade", Some("means something else")),
        ("te", Some("means something else")),
        ("trailer", Some("means something else")),
        ("expect", Some("means something else")),
        ("Cookie", Some("means something else")),
        ("", Some("is not the name of a header")),
        ("two words", Some("is not the name of a header")),
        ("x:y", Some("is not the name of a header")),
        (
            "x\r\ny: z",
            Some("`x\\r\\ny: z` is not the name of a header"),
        ),
        ("größe", Some("is not the name of a header")),
        (":authority", Some("is not the name of a header")),
    ];
    for (name, expected) in rows {
        let refused = TokenHeader::named(name)
            .err()
            .map(|error| error.to_string());
        match (&refused, expected) {
            (None, None) => {}
            (Some(text), Some(part)) if text.contains(part) => {}
            _ => panic!("{name:?}: {refused:?}"),
        }
    }
    let long = TokenHeader::named("ü".repeat(10_000)).unwrap_err();
    assert!(long.to_string().len() < 500, "{long}");
    assert!(format!("{long:?}").contains(&long.to_string()));
}

#[test]
fn it_is_written_without_a_token() {
    let named = TokenHeader::named(HeaderName::from_static("x-auth")).unwrap();
    let word = Scheme::word("Token").unwrap();
    let rows = [
        (TokenHeader::default(), "authorization: Bearer"),
        (Scheme::bare().into(), "authorization"),
        (named.clone(), "x-auth"),
        (named.clone().with_scheme(word), "x-auth: Token"),
    ];
    for (header, expected) in rows {
        assert_eq!(header.to_string(), expected);
    }
    assert_eq!(TokenHeader::default().name(), header::AUTHORIZATION);
    assert_eq!(TokenHeader::default().scheme(), &Scheme::bearer());
    assert_eq!(named.scheme(), &Scheme::bare());
}
