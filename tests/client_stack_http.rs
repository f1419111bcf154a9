//! `AuthLayer` and `EnvelopeLayer` among the middleware of `tower-http`: in which order, and
//! what comes of the other one. The orders to choose are in `docs/stack.md`.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod stack_support;
mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_bearer::{
    BoxError,
    client::{ErrorKind, Refusal, envelope::EnvelopeLayer},
    token::TokenHeader,
};
use tower_http::{
    decompression::DecompressionLayer,
    follow_redirect::FollowRedirectLayer,
    request_id::{MakeRequestId, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetRequestHeaderLayer,
};

use stack_support::{API, Body, EVIL, Tokens, World, answer, api, kind, redirect};
use support::{Log, traced};

// FollowRedirect

/// The API sends everybody on to this place, which serves whoever comes.
fn moved_to(place: &'static str) -> World {
    World::new(move |sent, _| match sent.uri.ends_with("/orders") {
        true => redirect(place),
        false => answer(200),
    })
}

fn seen_elsewhere(world: &World) -> Vec<stack_support::Sent> {
    let mut sent = world.sent();
    sent.retain(|sent| sent.uri.starts_with(EVIL));
    sent
}

#[tokio::test]
async fn redirects_followed_outside_pass_the_rule_about_origins_at_each_hop() {
    let (tokens, world) = (Tokens::new(), moved_to("https://evil.example/"));
    let client = FollowRedirectLayer::new().layer(tokens.layer().layer(world.clone()));
    let error = client.oneshot(api()).await.unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::ForeignOrigin));
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 1));
    assert!(seen_elsewhere(&world).is_empty());

    let (tokens, world) = (Tokens::new(), moved_to("/orders/"));
    let client = FollowRedirectLayer::new().layer(tokens.layer().layer(world.clone()));
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 200);
    assert_eq!(world.tokens(), ["Bearer token-1"; 2]);
    assert_eq!(tokens.exchanges(), 1);
}

#[tokio::test]
async fn credentials_of_the_requests_own_follow_no_redirect_either() {
    let (tokens, world) = (Tokens::new(), moved_to("https://evil.example/"));
    let client = FollowRedirectLayer::new().layer(tokens.layer().layer(world.clone()));
    let mut request = api();
    let preset = HeaderValue::from_static("Basic YTpi");
    request.headers_mut().insert(header::AUTHORIZATION, preset);
    let error = client.oneshot(request).await.unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::ForeignOrigin));
    assert!(seen_elsewhere(&world).is_empty());
}

/// What hides the token in this order is another crate's list of headers, and a token in a
/// header of another name is not on it.
#[tokio::test]
async fn the_wrong_order_redirects_followed_inside_go_where_no_token_may_go() {
    let (tokens, world) = (Tokens::new(), moved_to("https://evil.example/"));
    let client = tokens
        .layer()
        .layer(FollowRedirectLayer::new().layer(world.clone()));
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 200);
    let elsewhere = seen_elsewhere(&world);
    assert_eq!(elsewhere.len(), 1, "the hop is below us");
    assert_eq!(elsewhere[0].token(), None, "tower-http takes it out");

    let world = moved_to("https://evil.example/");
    let named = TokenHeader::named(HeaderName::from_static("x-api-key")).unwrap();
    let client = tokens.layer().token_in(named);
    let client = client.layer(FollowRedirectLayer::new().layer(world.clone()));
    client.oneshot(api()).await.unwrap();
    let elsewhere = seen_elsewhere(&world);
    assert_eq!(elsewhere[0].header("x-api-key"), Some("token-1"), "a leak");
}

#[tokio::test]
async fn the_wrong_order_a_stranger_that_a_redirect_leads_to_can_have_tokens_renewed() {
    let tokens = Tokens::new();
    let world = World::new(|sent, _| match sent.uri.starts_with(API) {
        true => redirect("https://evil.example/"),
        false => answer(401),
    });
    let client = tokens
        .layer()
        .layer(FollowRedirectLayer::new().layer(world.clone()));
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 401);
    assert_eq!(tokens.exchanges(), 2);
}

// Trace

#[tokio::test]
async fn a_trace_on_either_side_shows_headers_and_no_token() {
    let log = Log::default();
    let guard = log.start();
    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let client = ServiceBuilder::new()
        .layer(traced())
        .layer(tokens.layer())
        .layer(traced())
        .service(world.clone());
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 200);
    drop(guard);
    let text = log.text();
    assert!(!text.contains("token-"), "{text}");
    assert!(text.contains(r#""authorization": Sensitive"#), "{text}");

    // What is told of a request is in the span of the trace outside.
    let line = |event| text.lines().find(|line| line.contains(event)).unwrap();
    assert!(
        line("request sent again").contains("request{method=GET"),
        "{text}"
    );
    let requests = text.matches("started processing request").count();
    assert_eq!(
        requests, 3,
        "one outside, and each of the two sendings inside: {text}"
    );
}

// SetRequestHeader, SetSensitiveRequestHeaders

fn set(name: &'static str, value: &'static str) -> SetRequestHeaderLayer<HeaderValue> {
    let name = HeaderName::from_static(name);
    SetRequestHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

#[tokio::test]
async fn other_headers_may_be_set_on_either_side_and_are_on_both_sendings() {
    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let client = ServiceBuilder::new()
        .layer(set("x-outer", "1"))
        .layer(tokens.layer())
        .layer(set("x-inner", "2"))
        .service(world.clone());
    client.oneshot(api()).await.unwrap();
    let sent = world.sent();
    assert_eq!(sent.len(), 2);
    for sent in sent {
        assert_eq!(
            (sent.header("x-outer"), sent.header("x-inner")),
            (Some("1"), Some("2"))
        );
    }
}

#[tokio::test]
async fn an_authorization_set_outside_goes_as_it_is_and_no_token_is_asked_for() {
    let (tokens, world) = (Tokens::new(), World::closed());
    let client = set("authorization", "Basic YTpi").layer(tokens.layer().layer(world.clone()));
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 401);
    assert_eq!(world.tokens(), ["Basic YTpi"]);
    assert_eq!(tokens.exchanges(), 0);
}

#[tokio::test]
async fn the_wrong_order_an_authorization_set_inside_takes_the_place_of_every_token() {
    let (tokens, world) = (Tokens::new(), World::closed());
    let client = tokens
        .layer()
        .layer(set("authorization", "Basic YTpi").layer(world.clone()));
    for _ in 0..100 {
        let response = client.clone().oneshot(api()).await.unwrap();
        assert!(response.extensions().get::<Refusal>().is_some());
    }
    assert_eq!(tokens.exchanges(), 2, "the brake holds");
    assert!(world.tokens().iter().all(|token| token == "Basic YTpi"));
}

#[tokio::test]
async fn the_token_is_marked_sensitive_without_another_layer_and_stays_so_with_one() {
    let tokens = Tokens::new();
    let named = TokenHeader::named(HeaderName::from_static("x-api-key")).unwrap();
    for (layer, name) in [
        (tokens.layer(), "authorization"),
        (tokens.layer().token_in(named), "x-api-key"),
    ] {
        for marked in [vec![], vec![header::AUTHORIZATION]] {
            let world = World::open();
            let client = ServiceBuilder::new()
                .layer(SetSensitiveRequestHeadersLayer::new(marked.clone()))
                .layer(layer.clone())
                .layer(SetSensitiveRequestHeadersLayer::new(marked))
                .service(world.clone());
            client.oneshot(api()).await.unwrap();
            assert!(world.sent()[0].headers[name].is_sensitive(), "{name}");
        }
    }
}

// RequestId

#[derive(Clone, Default)]
struct Numbered(Arc<AtomicU64>);

impl MakeRequestId for Numbered {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Some(RequestId::new(HeaderValue::from(number)))
    }
}

#[tokio::test]
async fn a_request_id_set_outside_names_both_sendings_and_one_set_inside_each() {
    let ids = |world: &World| {
        let sent = world.sent().into_iter();
        sent.map(|sent| sent.header("x-request-id").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let numbered = || SetRequestIdLayer::x_request_id(Numbered::default());

    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let outside = numbered().layer(tokens.layer().layer(world.clone()));
    outside.oneshot(api()).await.unwrap();
    assert_eq!(ids(&world), ["0", "0"]);

    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let inside = tokens.layer().layer(numbered().layer(world.clone()));
    inside.oneshot(api()).await.unwrap();
    assert_eq!(ids(&world), ["0", "1"]);
}

// Decompression

const REFUSED: &str = r#"{"code":401}"#;

/// The same, compressed.
const REFUSED_GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\xce\x4f\x49\x55\xb2\x32\x31\x30\xac\x05\x00\xc9\x6d\xe6\xd6\x0c\x00\x00\x00";

/// Refuses the first token under status 200, and compresses that for whoever asks for it.
fn compressing() -> World {
    World::new(|sent, _| {
        let refused = sent.token() == Some("Bearer token-1");
        let accepts = sent.header("accept-encoding").unwrap_or_default();
        let is_compressed = refused && accepts.contains("gzip");
        let body = match (refused, is_compressed) {
            (true, true) => Bytes::from(REFUSED_GZIP),
            (true, false) => Bytes::from(REFUSED),
            (false, _) => Bytes::from(r#"{"code":0}"#),
        };
        let mut response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        if is_compressed {
            response = response.header(header::CONTENT_ENCODING, "gzip");
        }
        response.body(Body::new(body)).unwrap()
    })
}

/// What the caller reads.
async fn read<S, B>(client: S) -> (u16, String)
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let response = client.oneshot(api()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn decompression_is_no_matter_to_refusals_that_the_head_tells() {
    let decompression = DecompressionLayer::new;
    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let outside = decompression().layer(tokens.layer().layer(world));
    assert_eq!((read(outside).await.0, tokens.exchanges()), (200, 2));

    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let inside = tokens.layer().layer(decompression().layer(world));
    assert_eq!((read(inside).await.0, tokens.exchanges()), (200, 2));
}

/// Compressed, a body is not looked into; decompressed, it has no declared length.
#[tokio::test]
async fn the_wrong_order_beside_decompression_an_envelope_sees_nothing_on_either_side() {
    let envelope = || EnvelopeLayer::new().refused_when("/code", [401]).unwrap();
    let decompression = DecompressionLayer::new;

    let tokens = Tokens::new();
    let alone = tokens.layer().layer(envelope().layer(compressing()));
    assert_eq!(read(alone).await.1, r#"{"code":0}"#);
    assert_eq!(tokens.exchanges(), 2);

    let tokens = Tokens::new();
    let inside = envelope().layer(decompression().layer(compressing()));
    assert_eq!(read(tokens.layer().layer(inside)).await.1, REFUSED);
    assert_eq!(tokens.exchanges(), 1);

    let tokens = Tokens::new();
    let outside = tokens.layer().layer(envelope().layer(compressing()));
    assert_eq!(read(decompression().layer(outside)).await.1, REFUSED);
    assert_eq!(tokens.exchanges(), 1);
}
