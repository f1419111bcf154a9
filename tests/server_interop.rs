//! Clients that are not ours, nor in Rust: Python's `grpcio` calls a guarded tonic server, and
//! `curl` guarded axum and hyper servers. They see what `tests/server_matrix.rs` says.
//!
//! Skipped, and said so, where they aren't installed; `tests/jwt_interop.rs` says how to.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

mod grpc_support;
mod interop_support;
mod server_stacks;
mod server_support;

use std::{collections::BTreeMap, net::SocketAddr, process::Command};

use interop_support::{Other, missing};
use serde_json::{Value, json};
use server_stacks::{
    Axum, CHALLENGE, HyperHttp1, HyperHttp2, Refusal, Tonic, no_keys, refusals, unavailable,
};
use server_support::{good, keys};

// grpcio

/// Each kind of call, and what comes of two messages, or of the first alone.
const KINDS: [(&str, &str, &[&str]); 4] = [
    ("unary_unary", "/demo.Echo/Unary", &["one"]),
    (
        "unary_stream",
        "/demo.Echo/ServerStreaming",
        &["one", "one", "one"],
    ),
    ("stream_unary", "/demo.Echo/ClientStreaming", &["one two"]),
    ("stream_stream", "/demo.Echo/Streaming", &["one", "two"]),
];

/// How a call of each kind ends. `None` where grpcio isn't installed.
async fn call(address: SocketAddr, tokens: &[String]) -> Option<Vec<Value>> {
    let calls = KINDS.map(|(kind, method, _)| {
        json!({"kind": kind, "method": method, "messages": ["one", "two"], "tokens": tokens})
    });
    let question = json!({"address": address.to_string(), "calls": calls});
    let answer = tokio::task::spawn_blocking(move || {
        let grpcio = Other::find(".venv/bin/python", "grpc_client.py", ".venv/bin/python")?;
        Some(grpcio.ask(&question))
    });
    let answer = answer.await.unwrap()?;
    if answer.is_null() {
        missing("grpcio", "in tests/interop; see tests/jwt_interop.rs");
    }
    answer.as_array().cloned()
}

fn refused(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message, "replies": []})
}

/// What Python calls a status.
fn code(number: &str) -> &'static str {
    match number {
        "3" => "INVALID_ARGUMENT",
        "7" => "PERMISSION_DENIED",
        "14" => "UNAVAILABLE",
        "16" => "UNAUTHENTICATED",
        _ => "another one",
    }
}

#[tokio::test]
async fn grpcio_sees_code_and_message_of_each_refusal_in_each_kind_of_call() {
    let (address, without_keys) = (Tonic.serve(keys()).await, Tonic.serve(no_keys()).await);
    let rows = refusals().map(|refusal| (address, refusal)).into_iter();
    for (address, refusal) in rows.chain([(without_keys, unavailable())]) {
        let Some(ends) = call(address, &refusal.tokens).await else {
            return;
        };
        let expected = refused(code(refusal.grpc_status), refusal.grpc_message);
        for (end, (kind, ..)) in ends.iter().zip(KINDS) {
            assert_eq!(*end, expected, "{}, {kind}", refusal.rule);
        }
        assert_eq!(ends.len(), KINDS.len());
    }
}

#[tokio::test]
async fn grpcio_is_served_with_a_good_token() {
    let address = Tonic.serve(keys()).await;
    for (end, (kind, _, replies)) in call(address, &[good()]).await.iter().flatten().zip(KINDS) {
        let expected = json!({"code": "OK", "message": "", "replies": replies});
        assert_eq!(*end, expected, "{kind}");
    }
}

// curl

/// What came back, without what servers add: date and length.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    version: String,
    status: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let mut words = lines.next().unwrap().split(' ').map(str::to_owned);
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.filter(|(name, _)| !["date", "content-length"].contains(name));
        Self {
            version: words.next().unwrap(),
            status: words.next().unwrap(),
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: body.to_owned(),
        }
    }
}

/// `None` where there is no curl that speaks HTTP/2.
async fn curl(version: &'static str, address: SocketAddr, tokens: &[String]) -> Option<Answer> {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--include",
        "--noproxy",
        "*",
        version,
    ]);
    for token in tokens {
        curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    curl.arg(format!("http://{address}/"));
    let output = tokio::task::spawn_blocking(move || curl.output())
        .await
        .unwrap();
    let known = output.ok().filter(|output| output.status.code() != Some(2)); // an unknown option
    let Some(output) = known else {
        missing("curl with HTTP/2", "on this machine");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(Answer::read(&String::from_utf8(output.stdout).unwrap()))
}

const HTTP_1: (&str, &str) = ("--http1.1", "HTTP/1.1");
const HTTP_2: (&str, &str) = ("--http2-prior-knowledge", "HTTP/2");

#[tokio::test]
async fn curl_sees_status_and_headers_of_each_refusal() {
    for (stack, (option, version)) in [
        (Axum, HTTP_1),
        (Axum, HTTP_2),
        (HyperHttp1, HTTP_1),
        (HyperHttp2, HTTP_2),
    ] {
        let (address, without_keys) = (stack.serve(keys()).await, stack.serve(no_keys()).await);
        let rows = refusals().map(|refusal| (address, refusal)).into_iter();
        for (address, refusal) in rows.chain([(without_keys, unavailable())]) {
            if (stack, version, refusal.rule) == (Axum, "HTTP/2", "too large") {
                continue; // it never comes to us: see tests/server_matrix.rs
            }
            let Some(answer) = curl(option, address, &refusal.tokens).await else {
                return;
            };
            let row = format!("{stack:?}, {version}, {}", refusal.rule);
            assert_eq!(answer, expected(version, &refusal), "{row}");
        }
        let Some(answer) = curl(option, address, &[good()]).await else {
            return;
        };
        let seen = (&*answer.version, &*answer.status, &*answer.body);
        assert_eq!(seen, (version, "200", "alice"), "{stack:?}");
        assert_eq!(answer.headers.get(CHALLENGE), None);
    }
}

fn expected(version: &str, refusal: &Refusal) -> Answer {
    let told = refusal.headers.iter();
    Answer {
        version: version.to_owned(),
        status: refusal.status.to_string(),
        headers: told
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        body: String::new(),
    }
}
