//! Whatever a peer writes to the socket gets the right answer.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::net::SocketAddr;

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use server_support::{MyClaims, NOW, good, mint, require, token};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_bearer::Verified;

async fn serve() -> SocketAddr {
    async fn name(token: Verified<MyClaims>) -> String {
        token.claims().sub.clone()
    }
    let app: Router = Router::new().route("/", get(name)).layer(require());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Status line and headers of the answer to a request with these header lines.
async fn ask(address: SocketAddr, lines: &[Vec<u8>]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".to_vec();
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    socket.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

fn authorization(value: impl AsRef<[u8]>) -> Vec<u8> {
    [b"Authorization: ", value.as_ref()].concat()
}

fn bearer(token: impl AsRef<str>) -> Vec<u8> {
    authorization(format!("Bearer {}", token.as_ref()))
}

/// A token of these texts with a signature of nothing.
fn segments(header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", encode(header), encode(claims))
}

#[tokio::test]
async fn bad_input_is_400_or_401_and_never_more() {
    let good = good();
    let trailing_bits = format!("{}B", good.get(..good.len() - 1).unwrap());
    let deep = format!("{}1{}", "[".repeat(4_000), "]".repeat(4_000));
    let claims = |extra: &str| {
        format!(
            r#"{{"iss":"https://id.example","aud":"orders","exp":{}{extra}}}"#,
            NOW + 60
        )
    };
    let rows: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        ("a good token", vec![bearer(&good)], "200"),
        ("no header", vec![], "401"),
        ("an empty header", vec![authorization("")], "401"),
        (
            "bytes that are not UTF-8",
            vec![authorization(b"Bearer \xff\xfe\x80")],
            "401",
        ),
        (
            "a scheme of such bytes",
            vec![authorization(b"\xff \xff")],
            "401",
        ),
        (
            "a tab",
            vec![authorization(format!("Bearer\t{good}"))],
            "200",
        ),
        ("two headers", vec![bearer(&good), bearer(&good)], "400"),
        (
            "two headers, one of them empty",
            vec![bearer(&good), authorization("")],
            "400",
        ),
        (
            "three headers of other schemes",
            vec![authorization("a"), authorization("b"), authorization("c")],
            "400",
        ),
        ("one segment", vec![bearer("abc")], "401"),
        ("two segments", vec![bearer("abc.def")], "401"),
        ("five segments (JWE)", vec![bearer("a.b.c.d.e")], "401"),
        ("dots only", vec![bearer("..")], "401"),
        ("no base64url", vec![bearer("+/=.+/=.+/=")], "401"),
        ("trailing bits", vec![bearer(trailing_bits)], "401"),
        ("padding", vec![bearer(format!("{good}="))], "401"),
        ("17 KiB", vec![bearer("a".repeat(17 * 1024))], "401"),
        (
            "alg: none",
            vec![bearer(segments(r#"{"alg":"none"}"#, &claims("")))],
            "401",
        ),
        (
            "alg: none without a signature",
            vec![bearer(
                segments(r#"{"alg":"none"}"#, &claims("")).trim_end_matches("c2ln"),
            )],
            "401",
        ),
        (
            "another alg",
            vec![bearer(segments(r#"{"alg":"RS256"}"#, &claims("")))],
            "401",
        ),
        (
            "alg twice",
            vec![bearer(segments(
                r#"{"alg":"none","alg":"HS256"}"#,
                &claims(""),
            ))],
            "401",
        ),
        (
            "a key in the header",
            vec![bearer(segments(
                r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
                &claims(""),
            ))],
            "401",
        ),
        (
            "an odd kid",
            vec![bearer(segments(
                r#"{"alg":"HS256","kid":"../../etc/passwd\u0000"}"#,
                &claims(""),
            ))],
            "401",
        ),
        (
            "a kid that is no string",
            vec![bearer(segments(r#"{"alg":"HS256","kid":{}}"#, &claims("")))],
            "401",
        ),
        (
            "nested JSON",
            vec![bearer(segments(r#"{"alg":"HS256"}"#, &deep))],
            "401",
        ),
        (
            "claims that are no object",
            vec![bearer(segments(r#"{"alg":"HS256"}"#, "7"))],
            "401",
        ),
        (
            "a number beyond i64",
            vec![bearer(segments(
                r#"{"alg":"HS256"}"#,
                &claims(r#","iat":99999999999999999999"#),
            ))],
            "401",
        ),
        (
            "the same, signed",
            vec![bearer(token(json!({"iat": 1e300})))],
            "401",
        ),
        (
            "a negative exp, signed",
            vec![bearer(token(json!({"exp": -1})))],
            "401",
        ),
        (
            "an exp that is text, signed",
            vec![bearer(token(json!({"exp": "2100"})))],
            "401",
        ),
        (
            "an aud that is a number, signed",
            vec![bearer(token(json!({"aud": 7})))],
            "401",
        ),
        (
            "a sub of another type, signed",
            vec![bearer(token(json!({"sub": ["alice"]})))],
            "401",
        ),
        (
            "another secret",
            vec![bearer(mint([9; 32], json!({})))],
            "401",
        ),
        ("Basic", vec![authorization("Basic YTpi")], "401"),
    ];

    let address = serve().await;
    for (rule, lines, status) in &rows {
        let answer = ask(address, lines).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{rule}: {answer}"
        );
        let challenged = answer.contains("www-authenticate: bearer realm=\"orders\"");
        assert_eq!(challenged, *status != "200", "{rule}: {answer}");
    }
    let still = ask(address, &[bearer(&good)]).await;
    assert!(still.ends_with("alice"), "the server is alive: {still}");
}
