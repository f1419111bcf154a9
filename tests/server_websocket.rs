//! A token among the subprotocols of a WebSocket: where it is found, and what is left.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod places_support;
mod server_support;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Request};
use places_support::{
    Line,
    Outcome::{Anonymous, Invalid, Known, Missing, Several, Unreadable},
    outcome, request, send,
};
use proptest::prelude::*;
use server_support::{challenge, good, optional, require, require_token, static_token};
use tower_bearer::{
    RequireToken, StaticTokens,
    server::Place,
    token::{Scheme, TokenHeader},
};

const K8S: &str = "base64url.bearer.authorization.k8s.io.";

fn pair() -> Place {
    Place::websocket_protocol("bearer").unwrap()
}

fn prefix() -> Place {
    Place::websocket_protocol_prefix("bearer.").unwrap()
}

fn encoded() -> Place {
    Place::websocket_protocol_base64url(K8S).unwrap()
}

/// These lines, with `TOKEN` and `ENCODED` replaced.
fn offer(lines: &[&str]) -> Request<()> {
    let lines: Vec<Line> = lines.iter().map(|line| protocol(line)).collect();
    request("/", &lines)
}

fn protocol(line: &str) -> Line {
    let encoded = URL_SAFE_NO_PAD.encode(good());
    let line = line.replace("TOKEN", &good()).replace("ENCODED", &encoded);
    ("sec-websocket-protocol", line.into_bytes())
}

#[tokio::test]
async fn a_token_stands_behind_its_name() {
    let rows: Vec<(&str, &[&str], _)> = vec![
        ("alone", &["bearer, TOKEN"], Known),
        ("among others", &["v1, bearer, TOKEN, v2"], Known),
        ("without spaces", &["v1,bearer,TOKEN"], Known),
        ("with more of them", &["  bearer\t ,  TOKEN "], Known),
        ("in two lines", &["v1, bearer", "TOKEN, v2"], Known),
        (
            "behind empty elements (RFC 9110 §5.6.1)",
            &[",bearer,, ,TOKEN,"],
            Known,
        ),
        ("twice", &["bearer, TOKEN, bearer, TOKEN"], Several),
        ("twice, once empty", &["bearer, TOKEN, bearer"], Several),
        (
            "in two lines, twice",
            &["bearer, TOKEN", "bearer, x"],
            Several,
        ),
        ("a name without a token", &["v1, bearer"], Unreadable),
        ("the name as a token", &["bearer, bearer"], Invalid),
        ("something else", &["bearer, v1"], Invalid),
        ("a token without the name", &["v1, TOKEN"], Missing),
        ("before the name", &["TOKEN, bearer"], Unreadable),
        ("another case is another name", &["Bearer, TOKEN"], Missing),
        ("a longer name", &["bearer2, TOKEN"], Missing),
        ("another form", &["bearer.TOKEN"], Missing),
        ("others alone", &["v1, v2"], Missing),
        ("an empty line", &[""], Missing),
        ("none", &[], Missing),
    ];
    let required = require().credentials_in(pair());
    let optional = optional().credentials_in(pair());
    for (rule, lines, expected) in rows {
        let answer = send(&required, offer(lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
        let anonymous = if expected == Missing {
            Anonymous
        } else {
            expected
        };
        let answer = send(&optional, offer(lines)).await;
        assert_eq!(outcome(&answer), anonymous, "{rule}, optional");
    }
    let no_text = request("/", &[("sec-websocket-protocol", b"bearer, \xff".to_vec())]);
    assert_eq!(outcome(&send(&required, no_text).await), Unreadable);
}

#[tokio::test]
async fn a_token_stands_behind_a_prefix() {
    let rows: Vec<(&str, Place, &[&str], _)> = vec![
        ("alone", prefix(), &["bearer.TOKEN"], Known),
        ("among others", prefix(), &["v1,bearer.TOKEN, v2"], Known),
        ("in its own line", prefix(), &["v1", "bearer.TOKEN"], Known),
        ("twice", prefix(), &["bearer.TOKEN, bearer.x"], Several),
        ("empty", prefix(), &["bearer., v1"], Unreadable),
        ("in another case", prefix(), &["Bearer.TOKEN"], Missing),
        ("another form", prefix(), &["bearer, TOKEN"], Missing),
        ("no base64url here", prefix(), &["bearer.ENCODED"], Invalid),
    ];
    let k8s = |rest: &str| format!("{K8S}{rest}, base64.binary.k8s.io");
    let encoded_rows = [
        ("encoded", k8s("ENCODED"), Known),
        ("not encoded", k8s("TOKEN"), Unreadable),
        ("with padding", k8s("ENCODED="), Unreadable),
        ("not of its alphabet", k8s("+/"), Unreadable),
        (
            "not UTF-8",
            k8s(&URL_SAFE_NO_PAD.encode(b"\xff")),
            Unreadable,
        ),
        ("empty", k8s(""), Unreadable),
        (
            "something else",
            k8s(&URL_SAFE_NO_PAD.encode("a.b.c")),
            Invalid,
        ),
    ];
    for (rule, place, lines, expected) in rows {
        let answer = send(&require().credentials_in(place), offer(lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
    for (rule, line, expected) in encoded_rows {
        let answer = send(&require().credentials_in(encoded()), offer(&[&line])).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
}

#[tokio::test]
async fn an_accepted_token_is_taken_out_whatever_becomes_of_other_places() {
    let rows: [(&str, Place, &[&str], &[&str]); 10] = [
        ("the name stays", pair(), &["bearer, TOKEN"], &["bearer"]),
        (
            "and the others",
            pair(),
            &["v1, bearer, TOKEN, v2"],
            &["v1, bearer, v2"],
        ),
        (
            "in one line",
            pair(),
            &["v1,bearer", "TOKEN", "v2"],
            &["v1, bearer, v2"],
        ),
        ("nothing is left", prefix(), &["bearer.TOKEN"], &[]),
        ("the other", prefix(), &["v1, bearer.TOKEN"], &["v1"]),
        (
            "the others",
            prefix(),
            &["v1", "bearer.TOKEN", "v2 , v3"],
            &["v1, v2, v3"],
        ),
        (
            "as Kubernetes has it",
            encoded(),
            &["base64url.bearer.authorization.k8s.io.ENCODED, base64.binary.k8s.io"],
            &["base64.binary.k8s.io"],
        ),
        (
            "a token elsewhere leaves them as they are",
            Place::header(TokenHeader::default()),
            &["v1,  v2"],
            &["v1,  v2"],
        ),
        (
            "in two lines",
            Place::header(TokenHeader::default()),
            &["v1", "v2"],
            &["v1", "v2"],
        ),
        (
            "whatever is not asked for",
            Place::header(TokenHeader::default()),
            &["bearer, x"],
            &["bearer, x"],
        ),
    ];
    for (rule, place, lines, expected) in rows {
        for guard in [
            require().credentials_in([place.clone(), prefix()]),
            require()
                .credentials_in([place.clone()])
                .remove_credentials(),
        ] {
            let mut request = offer(lines);
            if expected.len() == lines.len() && lines == expected {
                let value = format!("Bearer {}", good());
                let value = value.parse().unwrap();
                request.headers_mut().insert("authorization", value);
            }
            let answer = send(&guard, request).await;
            assert_eq!(outcome(&answer), Known, "{rule}");
            let seen = answer.into_body().unwrap();
            let left = seen.headers().get_all("sec-websocket-protocol");
            let left: Vec<_> = left.iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!(left, expected, "{rule}");
        }
    }
}

#[tokio::test]
async fn it_is_one_explicit_place_among_others() {
    let places = || {
        [
            Scheme::bearer().into(),
            pair(),
            pair(),
            prefix(),
            Place::cookie("session").unwrap(),
        ]
    };
    let header = || ("authorization", format!("Bearer {}", good()).into_bytes());
    let cookie = || ("cookie", format!("session={}", good()).into_bytes());
    let rows = [
        ("alone, said twice", vec![protocol("bearer, TOKEN")], Known),
        (
            "beside a header",
            vec![header(), protocol("bearer, TOKEN")],
            Several,
        ),
        (
            "in two forms",
            vec![protocol("bearer, TOKEN, bearer.TOKEN")],
            Several,
        ),
        (
            "beside a cookie",
            vec![cookie(), protocol("bearer, TOKEN")],
            Known,
        ),
        (
            "a bad one is not made good by a cookie",
            vec![cookie(), protocol("bearer, x")],
            Invalid,
        ),
        (
            "other protocols beside a header",
            vec![header(), protocol("v1, v2")],
            Known,
        ),
    ];
    for (rule, lines, expected) in rows {
        let guard = require().credentials_in(places());
        let answer = send(&guard, request("/", &lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
    let answer = send(&require().credentials_in(pair()), request("/", &[])).await;
    assert_eq!(challenge(&answer), Some("Bearer realm=\"orders\""));
}

#[tokio::test]
async fn a_token_of_any_characters_fits_in_base64url() {
    let token = "a/b+c==~";
    let tokens = StaticTokens::from_iter([static_token(token, "Carol", "")]);
    let guard = RequireToken::new(tokens).credentials_in(encoded());
    let line = format!("{K8S}{}", URL_SAFE_NO_PAD.encode(token));
    assert_eq!(outcome(&send(&guard, offer(&[&line])).await), Known);
    let unknown = require_token().credentials_in(encoded());
    assert_eq!(outcome(&send(&unknown, offer(&[&line])).await), Invalid);
}

#[test]
fn a_name_that_no_subprotocol_can_have_is_refused_when_it_is_given() {
    for name in ["", "a b", "a,b", "bearer=", "größe", "a\n", "\"a\"", "a/b"] {
        for made in [
            Place::websocket_protocol(name),
            Place::websocket_protocol_prefix(name),
            Place::websocket_protocol_base64url(name),
        ] {
            let error = made.unwrap_err();
            let said = error.to_string();
            assert!(said.contains("RFC 6455") && !said.contains('\n'), "{said}");
            assert!(format!("{error:?}").contains(&said));
        }
    }
}

/// A list as it may come: the names of all forms, with whatever between them.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"bearer".to_vec()),
        Just(b"bearer.".to_vec()),
        Just(K8S.as_bytes().to_vec()),
        Just(b", ".to_vec()),
        Just(b",".to_vec()),
        Just(good().into_bytes()),
        Just(URL_SAFE_NO_PAD.encode(good()).into_bytes()),
        prop::collection::vec(0x20_u8..0x7f, 0..6),
        prop::collection::vec(0x80_u8..0xff, 0..3),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn holds_a_token(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("sec-websocket-protocol").iter();
    let (plain, encoded) = (good(), URL_SAFE_NO_PAD.encode(good()));
    let mut lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.any(|line| line.contains(&plain) || line.contains(&encoded))
}

proptest! {
    #[test]
    fn whatever_is_offered_nothing_panics_and_no_accepted_token_is_left(
        lines in prop::collection::vec(line(), 0..3),
    ) {
        let lines: Vec<Line> = lines
            .into_iter()
            .map(|line| ("sec-websocket-protocol", line))
            .collect();
        for place in [pair(), prefix(), encoded()] {
            let guard = require().credentials_in(place);
            let answer = futures::executor::block_on(send(&guard, request("/", &lines)));
            outcome(&answer);
        }
    }

    #[test]
    fn of_a_list_with_one_token_nothing_of_it_is_left(
        before in prop::collection::vec("[a-z0-9.]{1,6}", 0..4),
        after in prop::collection::vec("[a-z0-9.]{1,6}", 0..4),
        gap in "[ \t]{0,2},[ ,\t]{0,3}",
    ) {
        let wanted = |part: &&String| !part.starts_with("bearer");
        let before: Vec<_> = before.iter().filter(wanted).cloned().collect();
        let after: Vec<_> = after.iter().filter(wanted).cloned().collect();
        for (place, written) in [
            (pair(), vec!["bearer".to_owned(), good()]),
            (prefix(), vec![format!("bearer.{}", good())]),
            (encoded(), vec![format!("{K8S}{}", URL_SAFE_NO_PAD.encode(good()))]),
        ] {
            let all = [before.clone(), written, after.clone()].concat().join(&gap);
            let guard = require().credentials_in(place);
            let answer = futures::executor::block_on(send(&guard, offer(&[&all])));
            prop_assert_eq!(outcome(&answer), Known, "{}", all);
            let seen = answer.into_body().unwrap();
            prop_assert!(!holds_a_token(seen.headers()), "{seen:?}");
        }
    }
}
