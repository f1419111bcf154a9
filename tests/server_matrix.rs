//! Each stack that a guard stands in, over TCP: what each kind of request gets, to the last
//! header.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used)] // a test may

mod grpc_support;
mod server_stacks;
mod server_support;

use std::{collections::BTreeMap, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use server_stacks::{
    Axum, CHALLENGE, HyperHttp1, HyperHttp2, Refusal, STACKS, Stack, Tonic, TonicWeb,
    TonicWebInside, no_keys, refusals, serve_axum, unavailable,
};
use server_support::{good, keys};
use tokio::net::TcpListener;

/// The message "hi", in gRPC's frame.
const HI: [u8; 7] = [0, 0, 0, 0, 2, b'h', b'i'];

fn request(stack: Stack, address: SocketAddr, tokens: &[String]) -> Request<Full<Bytes>> {
    let mut request = Request::get(format!("http://{address}/"));
    if stack.is_grpc() {
        request = Request::post(format!("http://{address}/demo.Echo/Unary"));
        request = request.header("content-type", stack.content_type());
        request = request.header("te", "trailers");
    }
    for token in tokens {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = Bytes::from_static(if stack.is_grpc() { &HI } else { &[] });
    request.body(Full::new(body)).unwrap()
}

/// All that came back, without the date.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Bytes,
    trailers: BTreeMap<String, String>,
}

async fn ask(stack: Stack, request: Request<Full<Bytes>>) -> Answer {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(stack.speaks_http2())
        .build_http();
    let response = client.request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer {
        status: head.status.as_u16(),
        headers: texts(&head.headers),
        body: body.to_bytes(),
        trailers: texts(&trailers),
    }
}

fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let lines = headers.iter().filter(|(name, _)| *name != "date");
    let texts = lines.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    texts.collect()
}

fn answered(refusal: &Refusal, stack: Stack) -> Answer {
    let mut headers: BTreeMap<&str, &str> = BTreeMap::new();
    if !stack.speaks_http2() {
        headers.insert("content-length", "0");
    }
    if stack.is_grpc() {
        headers.insert("grpc-status", refusal.grpc_status);
        headers.insert("grpc-message", refusal.grpc_message);
    } else {
        headers.extend(refusal.headers.iter().copied());
    }
    match stack {
        Tonic => drop(headers.insert("content-type", "application/grpc")),
        TonicWeb => drop(headers.insert("content-type", "application/grpc-web+proto")),
        TonicWebInside => drop(headers.insert("content-type", "application/grpc-web")),
        Axum | HyperHttp1 | HyperHttp2 => {}
    }
    let headers = headers.into_iter();
    Answer {
        status: if stack.is_grpc() { 200 } else { refusal.status },
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Bytes::new(),
        trailers: BTreeMap::new(),
    }
}

#[tokio::test]
async fn each_refusal_is_what_it_has_to_be_in_each_stack() {
    for stack in STACKS {
        let address = stack.serve(keys()).await;
        for refusal in refusals() {
            let answer = ask(stack, request(stack, address, &refusal.tokens)).await;
            assert_eq!(
                answer,
                answered(&refusal, stack),
                "{stack:?}, {}",
                refusal.rule
            );
        }
        let address = stack.serve(no_keys()).await;
        let refusal = unavailable();
        let answer = ask(stack, request(stack, address, &refusal.tokens)).await;
        assert_eq!(
            answer,
            answered(&refusal, stack),
            "{stack:?}, {}",
            refusal.rule
        );
    }
}

#[tokio::test]
async fn a_good_token_opens_each_stack() {
    for stack in STACKS {
        let address = stack.serve(keys()).await;
        let answer = ask(stack, request(stack, address, &[good()])).await;
        assert_eq!(answer.status, 200, "{stack:?}");
        assert_eq!(answer.headers.get(CHALLENGE), None, "{stack:?}");
        if !stack.is_grpc() {
            assert_eq!(&*answer.body, b"alice", "{stack:?}");
            continue;
        }
        assert_eq!(answer.headers.get("grpc-status"), None, "{stack:?}");
        assert!(answer.body.starts_with(&HI), "{stack:?}: {answer:?}");
        let ending = answer.body.slice(HI.len()..);
        match stack {
            Tonic => assert_eq!(answer.trailers["grpc-status"], "0"),
            _ => assert!(ending.ends_with(b"grpc-status:0\r\n"), "{ending:?}"),
        }
    }
}

#[tokio::test]
async fn over_http_2_hyper_by_itself_refuses_more_than_16_kib_of_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serve_axum(listener, keys());
    let large = request(HyperHttp2, address, &["a".repeat(17 * 1024)]);
    let answer = ask(HyperHttp2, large).await;
    assert_eq!(answer.status, 431);
    assert_eq!(answer.headers.get(CHALLENGE), None, "it never came to us");
}
