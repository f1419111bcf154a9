//! `WWW-Authenticate`, written and read.
#![allow(clippy::unwrap_used)]

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use proptest::prelude::*;
use tower_bearer::{ScopeSet, challenge::Challenge};

fn parsed(lines: &[&[u8]]) -> Vec<String> {
    challenges(lines).iter().map(Challenge::to_string).collect()
}

fn challenges(lines: &[&[u8]]) -> Vec<Challenge> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(line).unwrap());
    }
    Challenge::parse_all(&headers)
}

/// Rule, header lines, challenges.
type Row = (
    &'static str,
    &'static [&'static [u8]],
    &'static [&'static str],
);

#[test]
fn challenges_are_read_by_rfc_9110_and_garbage_is_left_out() {
    let rows: &[Row] = &[
        ("no header, no challenge", &[], &[]),
        ("an empty line", &[b""], &[]),
        ("a scheme alone", &[b"Bearer"], &["Bearer"]),
        (
            "parameters",
            &[br#"Bearer realm="example", error="invalid_token""#],
            &[r#"Bearer realm="example", error="invalid_token""#],
        ),
        (
            "values without quotes",
            &[b"Bearer error=invalid_token"],
            &[r#"Bearer error="invalid_token""#],
        ),
        (
            "a URI without quotes",
            &[b"Bearer error_uri=https://a.example/b?c, realm=d"],
            &[r#"Bearer error_uri="https://a.example/b?c", realm="d""#],
        ),
        (
            "spaces around the equals sign (BWS)",
            &[b"Bearer realm =\t \"a\" , error= b"],
            &[r#"Bearer realm="a", error="b""#],
        ),
        (
            "a comma in a quoted string divides nothing",
            &[br#"Basic realm="a, Bearer error=x", Bearer realm="b""#],
            &[r#"Basic realm="a, Bearer error=x""#, r#"Bearer realm="b""#],
        ),
        (
            "an escaped quote does not end a string",
            &[br#"Bearer realm="a\"b\\", error="c""#],
            &[r#"Bearer realm="a\"b\\", error="c""#],
        ),
        (
            "several challenges on one line",
            &[br#"Negotiate, Basic realm="x", Bearer"#],
            &["Negotiate", r#"Basic realm="x""#, "Bearer"],
        ),
        (
            "several lines",
            &[br#"Basic realm="x""#, br#"Bearer error="y""#],
            &[r#"Basic realm="x""#, r#"Bearer error="y""#],
        ),
        (
            "lines are one list (RFC 9110 §5.3)",
            &[br#"Bearer realm="x""#, br#"error="y""#],
            &[r#"Bearer realm="x", error="y""#],
        ),
        ("a token68", &[b"Negotiate YII+/=="], &["Negotiate YII+/=="]),
        (
            "a token68 among others",
            &[b"NTLM abc=, Bearer realm=x"],
            &["NTLM abc=", r#"Bearer realm="x""#],
        ),
        (
            "what looks like a token68 but has a parameter after it is none",
            &[br#"Bearer realm=, error="invalid_token""#],
            &[r#"Bearer error="invalid_token""#],
        ),
        (
            "empty list elements",
            &[br#",, Bearer ,realm="x",,error="y", ,"#],
            &[r#"Bearer realm="x", error="y""#],
        ),
        (
            "missing commas are forgiven",
            &[br#"Bearer realm="x" error="y""#],
            &[r#"Bearer realm="x", error="y""#],
        ),
        (
            "a parameter without a scheme",
            &[br#"error="y", Bearer"#],
            &["Bearer"],
        ),
        (
            "a string that never ends takes nothing with it but itself",
            &[br#"Bearer error="y", realm="oops"#],
            &[r#"Bearer error="y""#],
        ),
        (
            "characters that belong nowhere",
            &[br#"@@ {"a": 1} ) Bearer error="y""#],
            &["1", r#"Bearer error="y""#],
        ),
        (
            "bytes that are not UTF-8",
            &[b"Bearer realm=\"\xff\xfe\", error=\"y\""],
            &["Bearer realm=\"\u{fffd}\u{fffd}\", error=\"y\""],
        ),
    ];
    for (rule, lines, expected) in rows {
        assert_eq!(&parsed(lines), expected, "{rule}");
    }
}

#[test]
fn scheme_and_parameter_names_are_read_in_any_case() {
    let all = challenges(&[br#"bEARER eRROR="invalid_token""#]);
    assert!(all[0].is_bearer());
    assert_eq!(all[0].scheme(), "bEARER");
    assert_eq!(all[0].parameter("Error"), Some("invalid_token"));
    assert_eq!(all[0].parameter("realm"), None);
    assert!(!challenges(&[b"BearerX"])[0].is_bearer());
}

#[test]
fn the_first_of_repeated_parameters_counts() {
    let all = challenges(&[br#"Bearer error="a", ERROR="b""#]);
    assert_eq!(all[0].parameter("error"), Some("a"));
}

#[test]
fn what_is_read_is_bounded() {
    let many = "Bearer, ".repeat(1_000);
    assert_eq!(challenges(&[many.as_bytes()]).len(), 16);

    let long = format!("Bearer {}", "a=b, ".repeat(1_000));
    assert_eq!(challenges(&[long.as_bytes()])[0].parameters().count(), 32);

    let huge = format!("Bearer realm=\"{}\"", "x".repeat(16 * 1024));
    assert!(challenges(&[huge.as_bytes()]).is_empty());
}

#[test]
fn values_that_rfc_6750_forbids_fail_when_built() {
    let new = Challenge::bearer;
    let rows = [
        ("realm with a line break", new().realm("a\r\nX: y").err()),
        ("realm outside ASCII", new().realm("größe").err()),
        ("error with a quote", new().error("a\"b").err()),
        ("error with a backslash", new().error("a\\b").err()),
        ("an empty error", new().error("").err()),
        (
            "error_description outside ASCII",
            new().error_description("ü").err(),
        ),
        ("error_uri without a scheme", new().error_uri("/help").err()),
        (
            "error_uri with a space",
            new().error_uri("https://a.example/b c").err(),
        ),
        (
            "error_uri with a quote",
            new().error_uri("https://a.example/\"").err(),
        ),
        (
            "resource_metadata that is no URL",
            new().resource_metadata("metadata").err(),
        ),
        ("scope with a quote", new().with("scope", "a\"b").err()),
        ("scope with two spaces", new().with("Scope", "a  b").err()),
        ("a parameter of two words", new().with("a b", "c").err()),
        ("a parameter without a name", new().with("", "c").err()),
        (
            "a value with a line break",
            new().with("max_age", "1\n").err(),
        ),
        ("a scheme of two words", Challenge::new("a b").err()),
        ("no scheme", Challenge::new("").err()),
    ];
    for (rule, error) in rows {
        let error = error.unwrap_or_else(|| panic!("{rule}: accepted"));
        assert!(
            error.to_string().contains("has to be"),
            "{rule}: {error} names no fix"
        );
    }
}

#[test]
fn a_step_replaces_what_an_earlier_one_set() {
    let challenge = Challenge::bearer()
        .realm("a")
        .unwrap()
        .with("Realm", "b")
        .unwrap();
    assert_eq!(challenge.to_string(), r#"Bearer Realm="b""#);
}

#[test]
fn an_empty_set_of_scopes_is_left_out() {
    let challenge = Challenge::bearer().scope(&ScopeSet::default());
    assert_eq!(challenge.to_string(), "Bearer");
}

/// RFC 9110 §5.6.4.
#[test]
fn a_quote_and_a_backslash_are_written_with_a_backslash_before_them() {
    let rows = [
        ("", r#"Bearer realm="""#),
        ("the API", r#"Bearer realm="the API""#),
        (r#"""#, r#"Bearer realm="\"""#),
        (r"\", r#"Bearer realm="\\""#),
        (r#"a "b" \c"#, r#"Bearer realm="a \"b\" \\c""#),
    ];
    for (realm, expected) in rows {
        let challenge = Challenge::bearer().realm(realm).unwrap();
        assert_eq!(challenge.to_string(), expected);
    }
}

proptest! {
    #[test]
    fn what_the_writer_writes_the_parser_reads(
        scheme in "[A-Za-z][A-Za-z0-9-]{0,12}",
        realm in "[ -~]{0,40}",
        description in "[ !#-\\[\\]-~]{1,40}",
        scopes in prop::collection::vec("[!#-\\[\\]-~]{1,10}", 0..4),
        other in "[ -~]{0,20}",
    ) {
        let written = Challenge::new(scheme).unwrap()
            .realm(realm).unwrap()
            .error("invalid_token").unwrap()
            .error_description(description).unwrap()
            .error_uri("https://api.example/errors?a=b,c").unwrap()
            .resource_metadata("https://api.example/.well-known/oauth-protected-resource").unwrap()
            .scope(&ScopeSet::from_iter(scopes))
            .with("max_age", other).unwrap();
        let line = written.to_header_value();
        let text = line.as_bytes().to_vec();

        prop_assert_eq!(challenges(&[&text]), vec![written.clone()]);
        let twice = [text.as_slice(), b", ", text.as_slice()].concat();
        prop_assert_eq!(challenges(&[&twice]), vec![written.clone(), written]);
    }

    #[test]
    fn whatever_a_peer_sends_is_read_without_a_panic_and_can_be_written_again(
        line in prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'='), Just(b'\\'), Just(b' '), b' '..=0xff], 0..60)
    ) {
        prop_assume!(HeaderValue::from_bytes(&line).is_ok());
        for challenge in challenges(&[&line]) {
            let again = challenge.to_header_value();
            let text = challenge.to_string();
            prop_assert_eq!(again.as_bytes(), text.as_bytes());
        }
    }
}

#[test]
fn an_error_that_main_returns_names_the_parameter() {
    let error = Challenge::bearer().realm("a\nb").unwrap_err();
    assert_eq!(error.parameter(), "realm");
    let shown = format!("{error:?}");
    assert!(
        shown.starts_with("ChallengeError(\"challenge: realm"),
        "{shown}"
    );
}
