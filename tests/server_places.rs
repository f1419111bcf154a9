//! Where a token stands: the rules of each place, and of several together.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod places_support;
mod server_support;

use std::convert::Infallible;

use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use places_support::{
    Line,
    Outcome::{
        self, Anonymous, Invalid, Known, Misconfigured, Missing, OtherScheme, Several, Unreadable,
    },
    outcome, request, send,
};
use proptest::prelude::*;
use server_support::{MyClaims, NOW, challenge, good, optional, rejection, require, token};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::{
    OptionalJwt, RequireJwt,
    server::{Place, Places},
    token::{Scheme, TokenHeader},
};

fn bearer() -> Line {
    ("authorization", format!("Bearer {}", good()).into_bytes())
}

fn basic() -> Line {
    ("authorization", b"Basic YTpi".to_vec())
}

fn key() -> Line {
    ("x-api-key", good().into_bytes())
}

fn cookie(value: impl AsRef<[u8]>) -> Line {
    ("cookie", value.as_ref().to_vec())
}

fn session() -> Line {
    cookie(format!("session={}", good()))
}

fn in_query() -> String {
    format!("/?access_token={}", good())
}

fn named() -> TokenHeader {
    TokenHeader::named("x-api-key").unwrap()
}

fn everywhere() -> [Place; 4] {
    [
        Scheme::bearer().into(),
        named().into(),
        Place::dangerous_query("access_token"),
        Place::cookie("session").unwrap(),
    ]
}

#[tokio::test]
async fn all_explicit_places_are_looked_at_and_a_cookie_only_where_nothing_else_is() {
    let bad = || ("x-api-key", b"x.y.z".to_vec());
    let empty = || ("x-api-key", Vec::new());
    let rows: Vec<(&str, String, Vec<Line>, Outcome)> = vec![
        ("nothing", "/".into(), vec![], Missing),
        ("the header", "/".into(), vec![bearer()], Known),
        ("the named header", "/".into(), vec![key()], Known),
        ("the query", in_query(), vec![], Known),
        ("the cookie", "/".into(), vec![session()], Known),
        ("two headers", "/".into(), vec![bearer(), key()], Several),
        ("a header and the query", in_query(), vec![key()], Several),
        ("all of them", in_query(), vec![bearer(), key()], Several),
        (
            "two lines of the named header",
            "/".into(),
            vec![key(), key()],
            Several,
        ),
        (
            "a second one counts whatever it holds",
            in_query(),
            vec![empty()],
            Several,
        ),
        (
            "another scheme is a credential",
            in_query(),
            vec![basic()],
            Several,
        ),
        (
            "alone it is none of ours",
            "/".into(),
            vec![basic()],
            OtherScheme,
        ),
        (
            "a cookie does not count",
            "/".into(),
            vec![bearer(), session()],
            Known,
        ),
        (
            "however many there are",
            "/".into(),
            vec![bearer(), session(), session()],
            Known,
        ),
        (
            "a bad token is not made good by a cookie",
            "/".into(),
            vec![bad(), session()],
            Invalid,
        ),
        (
            "nor is an empty one",
            "/".into(),
            vec![empty(), session()],
            Unreadable,
        ),
        (
            "nor is another scheme",
            "/".into(),
            vec![basic(), session()],
            OtherScheme,
        ),
        (
            "two cookies of one name",
            "/".into(),
            vec![session(), session()],
            Several,
        ),
    ];
    for (rule, uri, lines, expected) in rows {
        let required = require().credentials_in(everywhere());
        let optional = optional().credentials_in(Vec::from(everywhere()));
        let answer = send(&required, request(&uri, &lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
        let expected = match expected {
            Missing => Anonymous,
            other => other,
        };
        let answer = send(&optional, request(&uri, &lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}, optional");
    }
}

#[tokio::test]
async fn other_schemes_that_are_ignored_count_nowhere() {
    let rows: Vec<(&str, String, Vec<Line>, Outcome)> = vec![
        ("alone", "/".into(), vec![basic()], Anonymous),
        ("beside a token", in_query(), vec![basic()], Known),
        (
            "beside a cookie",
            "/".into(),
            vec![basic(), session()],
            Known,
        ),
        (
            "two lines are still too many",
            "/".into(),
            vec![basic(), basic()],
            Several,
        ),
        (
            "our own scheme without a token is still refused",
            "/".into(),
            vec![("authorization", b"Bearer".to_vec())],
            Unreadable,
        ),
    ];
    for (rule, uri, lines, expected) in rows {
        let optional = optional()
            .ignore_other_schemes()
            .credentials_in(everywhere())
            .remove_credentials();
        let answer = send(&optional, request(&uri, &lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
        if let Some(seen) = answer.body() {
            let kept = seen.headers().get(header::AUTHORIZATION).unwrap();
            assert_eq!(kept, "Basic YTpi", "{rule}: not ours to take out");
        }
        if expected == Anonymous {
            let required = require().ignore_other_schemes();
            let answer = send(&required, request(&uri, &lines)).await;
            assert_eq!(outcome(&answer), Missing, "{rule}, required");
        }
    }
}

#[tokio::test]
async fn a_place_that_is_not_named_is_not_looked_at() {
    let only = |place: Place| require().credentials_in(place);
    let rows = [
        (
            "the header alone",
            only(Scheme::bearer().into()),
            "/",
            Known,
        ),
        ("the named header", only(named().into()), "/", Missing),
        (
            "the cookie",
            only(Place::cookie("session").unwrap()),
            "/",
            Missing,
        ),
        (
            "the query",
            only(Place::dangerous_query("token")),
            "/",
            Missing,
        ),
        (
            "nothing else is a second credential",
            only(Scheme::bearer().into()),
            "/?access_token=x",
            Known,
        ),
    ];
    for (rule, guard, uri, expected) in rows {
        let answer = send(&guard, request(uri, &[bearer(), cookie("other=1")])).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
    for guard in [
        require().credentials_in([]),
        require().credentials_in(vec![]),
    ] {
        let answer = send(&guard, request("/", &[])).await;
        assert_eq!(outcome(&answer), Misconfigured);
        let said = rejection(&answer).to_string();
        assert!(said.contains("credentials_in"), "{said}");
    }
    let nobody = optional().credentials_in([]);
    let answer = send(&nobody, request("/", &[bearer()])).await;
    assert_eq!(outcome(&answer), Misconfigured, "not anonymous");
}

#[tokio::test]
async fn one_header_is_one_place_however_many_words_it_may_hold() {
    let word = || Scheme::word("Token").unwrap();
    let authorization =
        |scheme: &str| ("authorization", format!("{scheme}{}", good()).into_bytes());
    let words = [Place::header(Scheme::bearer()), Place::header(word())];
    let any = [
        Place::header(Scheme::bare()),
        Place::header(Scheme::bearer()),
    ];
    let twice = [
        Place::header(Scheme::bearer()),
        Place::header(Scheme::bearer()),
    ];
    let rows: Vec<(&str, &[Place], Line, Outcome)> = vec![
        ("the first word", &words, authorization("Bearer "), Known),
        ("the second", &words, authorization("TOKEN "), Known),
        ("a third", &words, authorization("Basic "), OtherScheme),
        ("no word", &words, authorization(""), OtherScheme),
        ("alone", &any, authorization(""), Known),
        ("or behind the word", &any, authorization("Bearer "), Known),
        ("behind no other", &any, authorization("Token "), Invalid),
        ("a word said twice", &twice, authorization("Bearer "), Known),
    ];
    for (rule, places, line, expected) in rows {
        let guard = require().credentials_in(places.to_vec());
        let answer = send(&guard, request("/", &[line])).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
    let twice = [
        Place::dangerous_query("access_token"),
        Place::dangerous_query("access_token"),
    ];
    let answer = send(&require().credentials_in(twice), request(&in_query(), &[])).await;
    assert_eq!(outcome(&answer), Known, "a parameter said twice");
}

#[tokio::test]
async fn cookies_are_read_as_rfc_6265_writes_them() {
    let token = good();
    let many = |count: usize| -> String {
        let others = (0..count).map(|number| format!("c{number}=value-{number}; "));
        others.collect()
    };
    let rows: Vec<(&str, Vec<Line>, Outcome)> = vec![
        ("alone", vec![cookie(format!("session={token}"))], Known),
        (
            "among others",
            vec![cookie(format!("a=1; session={token}; b=2"))],
            Known,
        ),
        (
            "without the space",
            vec![cookie(format!("a=1;session={token};b=2"))],
            Known,
        ),
        (
            "with more of it",
            vec![cookie(format!(" a=1 ;\t session = {token} ; b"))],
            Known,
        ),
        (
            "in quotes",
            vec![cookie(format!("session=\"{token}\""))],
            Known,
        ),
        (
            "in half of the quotes",
            vec![cookie(format!("session=\"{token}"))],
            Invalid,
        ),
        (
            "in quotes twice",
            vec![cookie(format!("session=\"\"{token}\"\""))],
            Invalid,
        ),
        (
            "behind 300 others",
            vec![cookie(format!("{}session={token}", many(300)))],
            Known,
        ),
        ("300 others", vec![cookie(many(300))], Missing),
        (
            "300 of that name",
            vec![cookie(format!("session={token}; ").repeat(300))],
            Several,
        ),
        (
            "in one of several lines, as HTTP/2 may write them",
            vec![
                cookie("a=1"),
                cookie(format!("session={token}")),
                cookie("b=2"),
            ],
            Known,
        ),
        (
            "in two lines",
            vec![cookie("session=x"), cookie(format!("session={token}"))],
            Several,
        ),
        ("empty", vec![cookie("session=")], Unreadable),
        ("empty in quotes", vec![cookie("session=\"\"")], Unreadable),
        ("spaces", vec![cookie("session=  ")], Unreadable),
        ("a name without a value", vec![cookie("session")], Missing),
        (
            "another case is another name",
            vec![cookie(format!("Session={token}"))],
            Missing,
        ),
        (
            "a longer name",
            vec![cookie(format!("session2={token}; my-session={token}"))],
            Missing,
        ),
        (
            "in the value of another",
            vec![cookie(format!("a=session={token}"))],
            Missing,
        ),
        ("not UTF-8", vec![cookie(b"session=\xff\xfe")], Unreadable),
        (
            "beside one that is not UTF-8",
            vec![cookie([b"a=\xff; session=", token.as_bytes()].concat())],
            Known,
        ),
        ("no JWT", vec![cookie("session=abc")], Invalid),
        (
            "over 16 KiB",
            vec![cookie(format!("session={}", "a".repeat(17 * 1024)))],
            Invalid,
        ),
        ("semicolons", vec![cookie(";;;; ;")], Missing),
        ("an empty line", vec![cookie("")], Missing),
        ("no name", vec![cookie(format!("={token}"))], Missing),
    ];
    let guard = require().credentials_in(Place::cookie("session").unwrap());
    for (rule, lines, expected) in rows {
        let answer = send(&guard, request("/", &lines)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
}

#[tokio::test]
async fn of_two_cookies_the_one_named_first_is_read() {
    let guard = require().credentials_in(vec![
        Place::cookie("new").unwrap(),
        Place::cookie("old").unwrap(),
    ]);
    let token = good();
    let rows = [
        ("both", format!("old=x; new={token}"), Known),
        ("the second", format!("old={token}"), Known),
        ("the first is bad", format!("new=x; old={token}"), Invalid),
        (
            "the first is empty",
            format!("new=; old={token}"),
            Unreadable,
        ),
    ];
    for (rule, line, expected) in rows {
        let answer = send(&guard, request("/", &[cookie(line)])).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
}

#[tokio::test]
async fn the_query_is_decoded_strictly() {
    let token = good();
    let encoded = token.replace('.', "%2E").replace('e', "%65");
    let rows: Vec<(&str, String, Outcome)> = vec![
        ("alone", format!("?access_token={token}"), Known),
        (
            "among others",
            format!("?a=1&access_token={token}&b=2"),
            Known,
        ),
        ("encoded", format!("?access_token={encoded}"), Known),
        (
            "in small letters",
            format!("?access_token={}", token.replace('.', "%2e")),
            Known,
        ),
        (
            "its name encoded",
            format!("?acces%73%5Ftoken={token}"),
            Known,
        ),
        (
            "twice",
            format!("?access_token={token}&access_token={token}"),
            Several,
        ),
        (
            "twice, once with its name encoded",
            format!("?access_token={token}&%61ccess_token=x"),
            Several,
        ),
        (
            "twice, once empty",
            format!("?access_token={token}&access_token"),
            Several,
        ),
        ("empty", "?access_token=".into(), Unreadable),
        ("without a value", "?access_token".into(), Unreadable),
        ("half an encoding", "?access_token=a%2".into(), Unreadable),
        ("no digits", "?access_token=%zz".into(), Unreadable),
        ("a sign", "?access_token=%+1".into(), Unreadable),
        (
            "percent of percent",
            "?access_token=%%41".into(),
            Unreadable,
        ),
        ("a bare percent", "?access_token=%".into(), Unreadable),
        ("not UTF-8", "?access_token=%ff%fe".into(), Unreadable),
        (
            "encoded twice",
            format!("?access_token={}", token.replace('.', "%252E")),
            Invalid,
        ),
        ("a line break", format!("?access_token={token}%0A"), Invalid),
        (
            "a plus is no space",
            format!("?access_token=+{token}"),
            Invalid,
        ),
        (
            "behind a word",
            format!("?access_token=Bearer%20{token}"),
            Invalid,
        ),
        ("an equals sign in it", "?access_token=a=b".into(), Invalid),
        (
            "another case is another name",
            format!("?Access_Token={token}"),
            Missing,
        ),
        (
            "a longer name",
            format!("?my_access_token={token}"),
            Missing,
        ),
        (
            "in the value of another",
            format!("?a=access_token={token}"),
            Missing,
        ),
        ("no query", String::new(), Missing),
        ("an empty query", "?".into(), Missing),
        ("ampersands", "?&&&".into(), Missing),
        (
            "over 16 KiB",
            format!("?access_token={}", "a".repeat(17 * 1024)),
            Invalid,
        ),
    ];
    let guard = require().credentials_in(Place::dangerous_query("access_token"));
    for (rule, query, expected) in rows {
        let answer = send(&guard, request(&format!("/orders{query}"), &[])).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
    }
}

#[tokio::test]
async fn a_removed_token_leaves_the_rest_as_it_was_written() {
    let token = good();
    let t = |text: &str| text.replace("TOKEN", &token);
    let uris = [
        ("/a?access_token=TOKEN", "/a"),
        ("/a?access_token=TOKEN&b=%2f+%zz", "/a?b=%2f+%zz"),
        ("/%61/?b=1&access_token=TOKEN", "/%61/?b=1"),
        ("/a?b=1&acces%73_token=TOKEN&&c", "/a?b=1&&c"),
        ("/a?&access_token=TOKEN", "/a?"),
        (
            "https://api.example/a?access_token=TOKEN&b",
            "https://api.example/a?b",
        ),
        (
            "https://api.example?access_token=TOKEN",
            "https://api.example/",
        ),
    ];
    let guard = require().credentials_in(everywhere()).remove_credentials();
    for (uri, expected) in uris {
        let answer = send(&guard, request(&t(uri), &[cookie("a=1")])).await;
        let seen = answer.into_body().unwrap();
        assert_eq!(seen.uri(), &expected.parse::<Uri>().unwrap(), "{uri}");
        assert_eq!(seen.headers()["cookie"], "a=1", "{uri}");
    }

    let cookies: [(&[&str], &[&str]); 8] = [
        (&["session=TOKEN"], &[]),
        (&["a=1; session=TOKEN; b=2"], &["a=1; b=2"]),
        (&["session=TOKEN; a=\"x y\""], &["a=\"x y\""]),
        (&["a=1;session=TOKEN"], &["a=1"]),
        (&["a=1", "session=TOKEN", "b=2;;"], &["a=1", "b=2;;"]),
        (&["a; =b; session = \"TOKEN\"; c"], &["a; =b; c"]),
        (&["a=session=x; session=TOKEN"], &["a=session=x"]),
        (&["a=1;  b=2 ; session=TOKEN"], &["a=1;  b=2"]),
    ];
    for (lines, expected) in cookies {
        let lines: Vec<_> = lines.iter().map(|line| cookie(t(line))).collect();
        let answer = send(&guard, request("/a?b", &lines)).await;
        let seen = answer.into_body().unwrap();
        let left: Vec<_> = seen.headers().get_all("cookie").iter().collect();
        assert_eq!(left, expected, "{lines:?}");
        assert_eq!(seen.uri(), "/a?b");
    }

    let beside = [bearer(), cookie(format!("session={token}; a=1"))];
    let answer = send(&guard, request("/", &beside)).await;
    let seen = answer.into_body().unwrap();
    assert_eq!(seen.headers().get("authorization"), None);
    assert_eq!(
        seen.headers()["cookie"],
        "a=1",
        "a token that was not read goes too"
    );

    let answer = send(&guard, request("/", &[key(), ("x-other", b"1".to_vec())])).await;
    let seen = answer.into_body().unwrap();
    assert_eq!(seen.headers().len(), 1);
}

#[tokio::test]
async fn what_stays_in_the_request_is_marked_sensitive() {
    let guard = require().credentials_in(everywhere());
    let lines = [key(), cookie("a=1"), session(), ("accept", b"*/*".to_vec())];
    let answer = send(&guard, request("/", &lines)).await;
    let seen = answer.into_body().unwrap();
    assert!(seen.headers()["x-api-key"].is_sensitive());
    let cookies: Vec<_> = seen.headers().get_all("cookie").iter().collect();
    assert_eq!(cookies.len(), 2);
    assert!(cookies.iter().all(|line| line.is_sensitive()));
    assert!(!seen.headers()["accept"].is_sensitive());
}

#[tokio::test]
async fn a_token_in_the_uri_makes_a_success_private() {
    let answering = |status: u16, cache: Option<&'static str>| {
        service_fn(move |_: Request<()>| async move {
            let mut response = Response::new(());
            *response.status_mut() = status.try_into().unwrap();
            if let Some(cache) = cache {
                let cache = HeaderValue::from_static(cache);
                response.headers_mut().insert(header::CACHE_CONTROL, cache);
            }
            Ok::<_, Infallible>(response)
        })
    };
    /// Rule, URI, lines, the service's status and `Cache-Control`, and what is told.
    type Row<'a> = (
        &'a str,
        String,
        &'a [Line],
        u16,
        Option<&'static str>,
        &'a [&'a str],
    );
    let rows: [Row<'_>; 7] = [
        ("in the query", in_query(), &[], 200, None, &["private"]),
        ("any success", in_query(), &[], 204, None, &["private"]),
        (
            "beside what the service says",
            in_query(),
            &[],
            200,
            Some("public, max-age=60"),
            &["public, max-age=60", "private"],
        ),
        ("not of a failure", in_query(), &[], 404, None, &[]),
        ("in the header", "/".into(), &[bearer()], 200, None, &[]),
        (
            "in the cookie",
            "/?a=1".into(),
            &[session()],
            200,
            None,
            &[],
        ),
        (
            "the service's own",
            "/".into(),
            &[bearer()],
            200,
            Some("max-age=60"),
            &["max-age=60"],
        ),
    ];
    for (rule, uri, lines, status, cache, expected) in rows {
        for guard in [
            require().credentials_in(everywhere()),
            require().credentials_in(everywhere()).remove_credentials(),
        ] {
            let service = guard.layer(answering(status, cache));
            let response = service.oneshot(request(&uri, lines)).await.unwrap();
            let told: Vec<_> = response.headers().get_all("cache-control").iter().collect();
            assert_eq!(told, expected, "{rule}");
        }
    }
    let refused = format!(
        "/?access_token={}",
        token(serde_json::json!({"exp": NOW - 61}))
    );
    let guard = require().credentials_in(everywhere());
    let answer = send(&guard, request(&refused, &[])).await;
    assert_eq!(outcome(&answer), Invalid);
    assert_eq!(answer.headers().get("cache-control"), None);
}

#[tokio::test]
async fn the_challenge_asks_for_the_first_word_of_the_authorization_header() {
    let word = || Scheme::word("Token").unwrap();
    let rows: Vec<(&str, Places, &str)> = vec![
        ("the default", Places::default(), "Bearer"),
        ("another word", word().into(), "Token"),
        ("no word", Scheme::bare().into(), "Bearer"),
        (
            "no word, then one",
            [Place::header(Scheme::bare()), word().into()].into(),
            "Token",
        ),
        (
            "the first of two",
            [Place::header(word()), Scheme::bearer().into()].into(),
            "Token",
        ),
        (
            "not that of another header",
            [
                Place::header(named().with_scheme(Scheme::word("Key").unwrap())),
                word().into(),
            ]
            .into(),
            "Token",
        ),
        ("no such header", named().into(), "Bearer"),
        (
            "a cookie",
            Place::cookie("session").unwrap().into(),
            "Bearer",
        ),
        ("the query", Place::dangerous_query("t").into(), "Bearer"),
    ];
    for (rule, places, expected) in rows {
        let guard = require().credentials_in(places);
        let answer = send(&guard, request("/", &[])).await;
        let expected = format!("{expected} realm=\"orders\"");
        assert_eq!(challenge(&answer), Some(&*expected), "{rule}");
    }
}

#[test]
fn a_name_that_no_cookie_can_have_is_refused_when_it_is_given() {
    for name in [
        "",
        "a b",
        "a=b",
        "a;b",
        "a,b",
        "größe",
        "a\n",
        "\"a\"",
        "session[id]",
    ] {
        let error = Place::cookie(name).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("RFC 6265") && !said.contains('\n'), "{said}");
        assert!(format!("{error:?}").contains(&said));
    }
    for name in [
        "session",
        "__Host-session",
        "__Secure-x.y",
        "a!#$%&'*+-.^_`|~",
    ] {
        assert!(Place::cookie(name).is_ok(), "{name}");
    }
}

#[test]
fn several_places_can_be_written_down() {
    let _: RequireJwt<MyClaims> = require().credentials_in(TokenHeader::default());
    let _: OptionalJwt<MyClaims> = optional().credentials_in(Scheme::bare());
    let printed = format!("{:?}", require().credentials_in(everywhere()));
    assert!(printed.contains("session"), "{printed}");
}

/// A line as it may come: cookies of few names, with whatever between them.
fn cookie_line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"session=".to_vec()),
        Just(b"session".to_vec()),
        Just(b"; ".to_vec()),
        Just(b";".to_vec()),
        Just(b"=".to_vec()),
        Just(b"\"".to_vec()),
        prop::collection::vec(0x20_u8..0x7f, 0..6),
        prop::collection::vec(0x80_u8..0xff, 0..3),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn query() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("access_token=".to_owned()),
        Just("acces%73_token=".to_owned()),
        Just("&".to_owned()),
        Just("=".to_owned()),
        Just("%".to_owned()),
        "[a-z0-9%+=&;/?._-]{0,6}",
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Whether the inner service would still find the token.
fn is_left(headers: &HeaderMap, uri: &Uri) -> bool {
    let cookies = headers.get_all("cookie").iter();
    let in_cookie = cookies
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .any(|pair| pair.trim_ascii().starts_with(b"session="));
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let is_ours = |pair: &str| {
        let name = pair.split('=').next().unwrap();
        percent_encoding::percent_decode_str(name).eq("access_token".bytes())
    };
    in_cookie || pairs.any(is_ours)
}

proptest! {
    #[test]
    fn whatever_stands_in_a_place_nothing_panics_and_nothing_is_left(
        lines in prop::collection::vec(cookie_line(), 0..3),
        query in query(),
    ) {
        let mut lines: Vec<_> = lines.into_iter().map(cookie).collect();
        let request = |lines: &[Line]| request(&format!("/a?{query}"), lines);
        let guard = require().credentials_in(everywhere()).remove_credentials();
        let answer = futures::executor::block_on(send(&guard, request(&lines)));
        outcome(&answer);

        // With a token in the header, everything else is taken out unread.
        lines.push(bearer());
        let answer = futures::executor::block_on(send(&guard, request(&lines)));
        if let Some(seen) = answer.body() {
            prop_assert!(!is_left(seen.headers(), seen.uri()), "{seen:?}");
        }
    }
}
