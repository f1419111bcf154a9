//! What is logged: each event stands in a table of the documentation, and what both ends tell
//! of a request is found in its span.
#![cfg(all(feature = "axum", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod sources;
mod support;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};
use http_body_util::Empty;
use proc_macro2::{TokenStream, TokenTree};
use serde_json::json;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::{
    AuthLayer, BoxError, Refreshing, RequireJwt, oauth::obtain_with,
    test_util::AuthorizationServer, token::Tokens,
};

const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

/// Level, words and the names of the fields.
type Event = (String, String, BTreeSet<String>);

#[test]
fn each_event_of_the_source_has_its_row_and_each_row_its_event() {
    let mut told = BTreeSet::new();
    let mut documented = BTreeSet::new();
    for (_, source) in sources::all() {
        events(source.parse().unwrap(), &mut told);
        documented.extend(source.lines().filter_map(row));
    }
    assert!(told.len() > 20, "the sources were not found");
    let missing: Vec<_> = told.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&told).collect();
    assert!(missing.is_empty(), "in no table: {missing:#?}");
    assert!(stale.is_empty(), "only in a table: {stale:#?}");
}

/// The calls of `tracing`'s macros, whatever they stand in.
fn events(tokens: TokenStream, found: &mut BTreeSet<Event>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for token in &tokens {
        if let TokenTree::Group(group) = token {
            events(group.stream(), found);
        }
    }
    for three in tokens.windows(3) {
        if let [
            TokenTree::Ident(name),
            TokenTree::Punct(mark),
            TokenTree::Group(call),
        ] = three
        {
            let level = name.to_string().to_uppercase();
            if LEVELS.contains(&&*level) && mark.as_char() == '!' {
                found.insert(event(level, &call.stream().to_string()));
            }
        }
    }
}

/// `field, ?field, field = …, "words"`.
fn event(level: String, call: &str) -> Event {
    let words = call.trim_end_matches([',', ' ', '\n']).strip_suffix('"');
    let Some((fields, words)) = words.and_then(|call| call.rsplit_once('"')) else {
        panic!("`{call}` does not end with its words");
    };
    let fields = fields.split(',').filter_map(|field| {
        let name = field.split('=').next()?.trim_matches(['?', '%', ' ', '\n']);
        (!name.is_empty()).then(|| name.to_owned())
    });
    (level, words.to_owned(), fields.collect())
}

/// ``| `LEVEL` | words | `field`, `field`: what they mean |``
fn row(line: &str) -> Option<Event> {
    let line = line
        .trim()
        .trim_start_matches("//")
        .trim_start_matches(['/', '!']);
    let mut cells = line.trim().strip_prefix('|')?.split(" | ");
    let level = cells.next()?.trim().trim_matches('`');
    let (words, fields) = (cells.next()?, cells.next()?);
    let fields = fields.split([':', ';']).next()?;
    let fields = fields.split('`').skip(1).step_by(2).map(str::to_owned);
    let is_level = LEVELS.contains(&level);
    is_level.then(|| (level.to_owned(), words.to_owned(), fields.collect()))
}

#[derive(serde::Deserialize)]
struct Claims {}

/// The first token that it gives is for another API.
fn tokens(issuer: &AuthorizationServer) -> Refreshing {
    let (issuer, given) = (issuer.clone(), AtomicUsize::new(0));
    Refreshing::new(obtain_with(move || {
        let audience = match given.fetch_add(1, Ordering::SeqCst) {
            0 => "billing",
            _ => "orders",
        };
        let token = issuer.mint(json!({ "sub": "alice", "aud": audience }));
        async move { Ok::<_, BoxError>(Tokens::new(token?)) }
    }))
}

#[tokio::test]
async fn both_ends_tell_of_a_request_in_its_span_and_show_no_token() {
    let issuer = AuthorizationServer::builder()
        .audience("orders")
        .build()
        .unwrap();
    let guard = RequireJwt::<Claims>::new(issuer.validator(), issuer.keys());
    let guard = guard.clock(issuer.clock().clone());
    let server = ServiceBuilder::new()
        .layer(support::traced())
        .layer(guard)
        .service(service_fn(|_: Request<Empty<&[u8]>>| async {
            Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
        }));
    let client = AuthLayer::new(tokens(&issuer))
        .origin("https://api.example")
        .unwrap();
    let client = support::traced().layer(client.layer(server));

    let log = support::Log::default();
    let guard = log.start();
    let request = Request::get("https://api.example/orders").body(Empty::new());
    let response = client.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(guard);

    let text = log.text();
    let line = |event: &str| {
        let found = text.lines().find(|line| line.contains(event));
        found.unwrap_or_else(|| panic!("no {event:?} in\n{text}"))
    };
    let spans = |event| line(event).matches("request{method=GET").count();
    assert!(line("request refused").contains("`billing`"), "the reason");
    assert_eq!(
        spans("request refused"),
        2,
        "in that of the server, in that of the client"
    );
    assert_eq!(spans("it will be renewed"), 1);
    assert_eq!(spans("request sent again with another access token"), 1);
    // It is for all who wait for it.
    assert_eq!(spans("trigger=Refused"), 0);
    assert!(!text.contains("eyJ"), "{text}");
}
