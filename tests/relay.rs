//! An API that calls another for its caller: whose token goes where, and whose never.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod stack_support;
mod support;

use std::{convert::Infallible, error::Error as _, sync::Arc, time::SystemTime};

use futures::future::join_all;
use http::{Request, header::AUTHORIZATION};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::{
    AccessToken, AuthLayer, BoxError, Expected, RequireJwt, TokenEndpoint, Validator, Verified,
    client::{ErrorKind, PresetCredentials, Refusal, TokenSource, source},
    clock::Clock,
    oauth::{ClientAuth, ObtainErrorKind, TokenExchange, grant::TokenType},
    relay::{self, Caller, Exchanged, RelayError, RelayErrorKind, SameToken},
    test_util::{AuthorizationServer, Endpoint, Fault},
};

use stack_support::{API, Body, Tokens, World, api, get, kind};
use support::{HOUR, Log, SECOND};

fn server() -> AuthorizationServer {
    AuthorizationServer::builder()
        .audience("orders")
        .build()
        .unwrap()
}

fn caller(server: &AuthorizationServer, claims: Value) -> Verified<Value> {
    server.verified(claims).unwrap()
}

/// A caller whose token is good for both APIs.
fn alice(server: &AuthorizationServer) -> Verified<Value> {
    caller(
        server,
        json!({ "sub": "alice", "aud": ["orders", "stock"] }),
    )
}

fn same_token(server: &AuthorizationServer, audience: impl Into<Expected>) -> SameToken {
    relay::same_token(audience).clock(server.clock().clone())
}

fn on_behalf_of(token: &Verified<Value>) -> Request<Body> {
    let mut request = api();
    relay::on_behalf_of(&mut request, token);
    request
}

/// Sends a request to `world`, with a token of `source`.
async fn send(
    source: impl TokenSource,
    world: &World,
    request: Request<Body>,
) -> Result<http::Response<Body>, BoxError> {
    let layer = AuthLayer::new(source).origin(API).unwrap();
    layer.layer(world.clone()).oneshot(request).await
}

fn relay_kind(error: &BoxError) -> Option<RelayErrorKind> {
    error.downcast_ref::<RelayError>().map(RelayError::kind)
}

fn bearer(token: &Verified<Value>) -> String {
    format!("Bearer {}", token.expose_token())
}

// The same token

#[tokio::test]
async fn the_callers_token_goes_on_to_an_api_that_it_was_issued_for_and_to_no_other() {
    use RelayErrorKind::{AudienceUnseen, OtherAudience};
    let server = server();
    let both = json!({ "sub": "alice", "aud": ["orders", "stock"] });
    let one = json!({ "sub": "alice", "aud": "orders", "tid": "orders" });
    let pattern = |text| Expected::pattern(text).unwrap();
    let in_claim = |value: Expected| Expected::in_claim("tid", value);
    let none = Expected::any_of(Vec::<String>::new());
    let for_stock = Expected::matching(|audience| audience == "stock");
    #[rustfmt::skip]
    let rows: [(&str, &Value, Expected, Option<RelayErrorKind>); 14] = [
        ("one of its audiences", &both, "stock".into(), None),
        ("by another name of it", &both, ["warehouse", "stock"].into(), None),
        ("by a function", &both, for_stock.clone(), None),
        ("by a pattern", &both, pattern("*"), None),
        ("unchecked, which is said", &one, Expected::unchecked(), None),
        ("for another API alone", &one, "stock".into(), Some(OtherAudience)),
        ("almost the name", &both, "stoc".into(), Some(OtherAudience)),
        ("capitals count", &both, "Stock".into(), Some(OtherAudience)),
        ("not by that function", &one, for_stock, Some(OtherAudience)),
        ("not by that pattern", &one, pattern("stock/*"), Some(OtherAudience)),
        ("nothing would do", &both, none, Some(OtherAudience)),
        ("in a claim that is not looked at", &one, in_claim("orders".into()), Some(AudienceUnseen)),
        ("nor there unchecked", &one, in_claim(Expected::unchecked()), Some(AudienceUnseen)),
        ("a pattern that needs another claim", &one, pattern("{tid}"), Some(AudienceUnseen)),
    ];
    for (rule, claims, expected, refused) in rows {
        let (world, token) = (World::open(), caller(&server, claims.clone()));
        let sent = send(same_token(&server, expected), &world, on_behalf_of(&token)).await;
        assert_eq!(sent.err().as_ref().and_then(relay_kind), refused, "{rule}");
        let expected = if refused.is_none() {
            vec![bearer(&token)]
        } else {
            vec![]
        };
        assert_eq!(world.tokens(), expected, "{rule}");
    }
}

#[tokio::test]
async fn an_audience_that_does_not_fit_is_an_error_that_names_the_fix() {
    let server = server();
    let token = caller(&server, json!({ "sub": "alice" }));
    let pattern = Expected::pattern("{tid}").unwrap();
    let rows: [(Expected, &[&str]); 2] = [
        ("stock".into(), &["orders", "stock", "relay::exchanged"]),
        (pattern, &["`aud`", "Expected::unchecked"]),
    ];
    for (expected, words) in rows {
        let source = same_token(&server, expected);
        let sent = send(source, &World::open(), on_behalf_of(&token)).await;
        let error = sent.unwrap_err();
        for said in [error.to_string(), format!("{error:?}")] {
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}

/// What is verified of it is the ID token. The access token is meant for some API, and nobody
/// here can tell for which.
#[tokio::test]
async fn of_a_session_with_an_id_token_the_access_token_goes_on_if_that_is_said() {
    let server = server();
    let id_token = server
        .mint(json!({ "sub": "alice", "aud": "stock" }))
        .unwrap();
    let access_token = AccessToken::new("opaque-access-token").unwrap();
    let client = Validator::new(server.issuer(), "stock");
    let now = server.clock().wall();
    let keys = server.keys();
    let session: Verified<Value> = client
        .validate_granted(id_token.expose(), &access_token, &keys, now)
        .unwrap();
    assert!(session.exposes_another_token() && !alice(&server).exposes_another_token());

    let world = World::open();
    let sent = send(same_token(&server, "stock"), &world, on_behalf_of(&session)).await;
    let error = sent.unwrap_err();
    assert_eq!(relay_kind(&error), Some(RelayErrorKind::OtherAudience));
    assert!(error.to_string().contains("an unknown audience"), "{error}");
    let unchecked = same_token(&server, Expected::unchecked());
    send(unchecked.clone(), &world, on_behalf_of(&session))
        .await
        .unwrap();
    // The end of the ID token is none of the access token's.
    server.clock().advance(2 * HOUR);
    send(unchecked, &world, on_behalf_of(&session))
        .await
        .unwrap();
    assert_eq!(world.tokens(), ["Bearer opaque-access-token"; 2]);

    // An access token beside itself is one that was verified.
    let verified = server.mint(json!({ "sub": "alice" })).unwrap();
    let validator = server.validator();
    let now = server.clock().wall();
    let same = validator.validate_granted::<Value>(verified.expose(), &verified, &keys, now);
    assert!(!same.unwrap().exposes_another_token());
}

#[tokio::test]
async fn a_request_that_names_no_caller_is_sent_in_nobodys_name() {
    let server = server();
    let sources: [Arc<dyn TokenSource>; 2] = [
        Arc::new(same_token(&server, "stock")),
        Arc::new(exchanged(&server)),
    ];
    for source in sources {
        let (own, world) = (Tokens::new(), World::open());
        let error = send(source.clone(), &world, api()).await.unwrap_err();
        assert_eq!(relay_kind(&error), Some(RelayErrorKind::NoCaller));
        assert!(error.to_string().contains("relay::on_behalf_of"), "{error}");

        // Nor in the service's own: `first_of` passes over a source that has no token for a
        // request, and this is none.
        let either = source::first_of(source).or(own.tokens.clone());
        let error = send(either, &world, api()).await.unwrap_err();
        assert_eq!(relay_kind(&error), Some(RelayErrorKind::NoCaller));
        assert_eq!((own.exchanges(), world.sent().len()), (0, 0));
    }
    assert_eq!(server.requests().token, 0);
}

#[tokio::test]
async fn the_services_own_source_looks_at_no_caller() {
    let (server, own, world) = (server(), Tokens::new(), World::open());
    send(own.tokens.clone(), &world, on_behalf_of(&alice(&server)))
        .await
        .unwrap();
    assert_eq!(world.tokens(), ["Bearer token-1"]);
}

#[tokio::test]
async fn one_client_relays_to_one_api_and_calls_another_in_the_services_own_name() {
    let (server, own, world) = (server(), Tokens::new(), World::open());
    let tokens = source::per_origin()
        .origin(API, same_token(&server, "stock"))
        .unwrap()
        .origin("https://billing.example", own.tokens.clone())
        .unwrap();
    let layer = AuthLayer::new(tokens).origin(API).unwrap();
    let client = layer
        .origin("https://billing.example")
        .unwrap()
        .layer(world.clone());
    let token = alice(&server);
    client.clone().oneshot(on_behalf_of(&token)).await.unwrap();
    let mut request = get("https://billing.example/invoices");
    relay::on_behalf_of(&mut request, &token);
    client.oneshot(request).await.unwrap();
    assert_eq!(
        world.tokens(),
        [bearer(&token), "Bearer token-1".to_owned()]
    );
}

#[tokio::test]
async fn a_callers_token_goes_to_no_origin_that_was_not_named() {
    let (server, world) = (server(), World::open());
    let mut request = get("https://evil.example/");
    relay::on_behalf_of(&mut request, &alice(&server));
    let error = send(same_token(&server, "stock"), &world, request)
        .await
        .unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::ForeignOrigin));
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn a_callers_token_is_not_sent_past_its_end_and_a_refusal_of_it_is_the_callers() {
    let (server, world) = (server(), World::closed());
    let token = alice(&server);
    let refused = send(same_token(&server, "stock"), &world, on_behalf_of(&token)).await;
    let refusal = refused.unwrap();
    assert_eq!(refusal.extensions().get(), Some(&Refusal::NoOtherToken));
    assert_eq!(world.sent().len(), 1);

    server.clock().advance(HOUR);
    let error = send(same_token(&server, "stock"), &world, on_behalf_of(&token)).await;
    assert_eq!(relay_kind(&error.unwrap_err()), Some(RelayErrorKind::Ended));
    assert_eq!(world.sent().len(), 1);
}

// What came in

/// What is sent by a handler that sends on the very request that came in with `token`.
async fn forwarded(
    token: &Verified<Value>,
    guard: RequireJwt<Value>,
    client: AuthLayer,
    names_the_caller: bool,
) -> Vec<String> {
    let world = World::open();
    let client = client.origin(API).unwrap().layer(world.clone());
    let handler = service_fn(move |mut request: Request<Body>| {
        let client = client.clone();
        async move {
            if names_the_caller {
                let token = Verified::<Value>::of(request.extensions());
                relay::on_behalf_of(&mut request, &token.unwrap());
            }
            let answer = client.oneshot(request).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|_| stack_support::answer(502)))
        }
    });
    let mut request = api();
    let value = bearer(token).parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    let response = guard.layer(handler).oneshot(request).await.unwrap();
    let sent = world.tokens();
    assert_eq!(response.status().is_success(), !sent.is_empty());
    sent
}

#[tokio::test]
async fn what_a_handler_sends_on_carries_one_token_and_the_one_that_is_meant() {
    use PresetCredentials::{Keep, Refuse};
    let server = server();
    let token = alice(&server);
    let guard = RequireJwt::new(server.validator(), server.keys()).clock(server.clock().clone());
    let (came, own) = (Some(bearer(&token)), Some("Bearer token-1".to_owned()));
    // Whether the guard takes the token out, what the client does with one that is left, and
    // whether the handler says `on_behalf_of`; what is sent where the caller's token goes on,
    // and where the service's own does.
    #[rustfmt::skip]
    let rows = [
        ("as it is meant", true, Refuse, true, &came, &own),
        ("the guard leaves it, the handler takes it out", false, Refuse, true, &came, &own),
        ("a handler that forgot", true, Refuse, false, &None, &own),
        ("a handler that forgot, and a guard", false, Refuse, false, &None, &None),
        ("a handler that forgot, and a client", true, Keep, false, &None, &own),
        ("a client that forgot", true, Keep, true, &came, &own),
        ("all three forgot: it goes as it came", false, Keep, false, &came, &came),
    ];
    for (rule, removes, preset, names, relayed, in_own_name) in rows {
        let guard = match removes {
            true => guard.clone().remove_credentials(),
            false => guard.clone(),
        };
        let client = AuthLayer::new(same_token(&server, "stock")).preset_credentials(preset);
        let sent = forwarded(&token, guard.clone(), client, names).await;
        assert_eq!(sent, Vec::from_iter(relayed.clone()), "{rule}");

        let client = AuthLayer::new(Tokens::new().tokens).preset_credentials(preset);
        let sent = forwarded(&token, guard, client, names).await;
        assert_eq!(
            sent,
            Vec::from_iter(in_own_name.clone()),
            "{rule}, in its own name"
        );
    }
}

#[tokio::test]
async fn the_caller_who_is_named_last_counts() {
    let (server, world) = (server(), World::open());
    let (alice, bob) = (
        alice(&server),
        caller(&server, json!({ "sub": "bob", "aud": ["orders", "stock"] })),
    );
    let mut request = on_behalf_of(&alice);
    relay::on_behalf_of(&mut request, &bob);
    send(same_token(&server, "stock"), &world, request)
        .await
        .unwrap();
    assert_eq!(world.tokens(), [bearer(&bob)]);
}

// Another token

fn exchanged(server: &AuthorizationServer) -> Exchanged {
    let endpoint = TokenEndpoint::new(&server.token_url())
        .unwrap()
        .client_auth(ClientAuth::basic("client", "secret"))
        .clock(server.clock().clone())
        .over(server.clone());
    let exchanged = relay::exchanged(move |caller| {
        let grant = TokenExchange::new(caller, TokenType::ACCESS_TOKEN).audience("stock");
        endpoint.clone().grant(grant)
    });
    exchanged.clock(server.clock().clone())
}

/// What an API would make of a token that was sent to it.
fn seen_by_stock(server: &AuthorizationServer, sent: &str) -> Verified<Value> {
    let token = sent.strip_prefix("Bearer ").unwrap();
    let validator = Validator::new(server.issuer(), "stock");
    validator
        .validate(token, &server.keys(), server.clock().wall())
        .unwrap()
}

#[tokio::test]
async fn the_callers_token_buys_one_for_the_other_api_once_for_all_requests_of_that_caller() {
    let (server, world) = (server(), World::open());
    let layer = AuthLayer::new(exchanged(&server)).origin(API).unwrap();
    let client = layer.layer(world.clone());
    let alice = caller(&server, json!({ "sub": "alice" }));
    let bob = caller(&server, json!({ "sub": "bob" }));
    for token in [&alice, &bob] {
        let together = (0..10).map(|_| client.clone().oneshot(on_behalf_of(token)));
        assert!(join_all(together).await.iter().all(Result::is_ok));
    }
    assert_eq!(server.requests().token_exchange, 2);
    let sent = world.tokens();
    for (token, name) in [(&sent[0], "alice"), (&sent[19], "bob")] {
        let seen = seen_by_stock(&server, token);
        assert_eq!(seen.registered().subject(), Some(name));
    }
    assert!(!sent.contains(&bearer(&alice)) && !sent.contains(&bearer(&bob)));
    let asked = server.last_token_request().unwrap();
    assert_eq!(asked.parameter("audience"), Some("stock"));
}

#[tokio::test]
async fn a_refusal_of_what_was_bought_buys_another_for_that_caller_alone() {
    let server = server();
    let world = {
        let server = server.clone();
        World::new(move |sent, _| {
            let token = sent.token().unwrap().strip_prefix("Bearer ").unwrap();
            stack_support::answer(if server.is_revoked(token) { 401 } else { 200 })
        })
    };
    let layer = AuthLayer::new(exchanged(&server)).origin(API).unwrap();
    let client = layer.layer(world.clone());
    let alice = caller(&server, json!({ "sub": "alice" }));
    let bob = caller(&server, json!({ "sub": "bob" }));
    for token in [&alice, &bob] {
        client.clone().oneshot(on_behalf_of(token)).await.unwrap();
    }
    server.revoke(world.tokens()[0].strip_prefix("Bearer ").unwrap());
    for token in [&alice, &bob] {
        let response = client.clone().oneshot(on_behalf_of(token)).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!(server.requests().token_exchange, 3);
    assert_eq!(world.sent().len(), 5);
}

#[tokio::test]
async fn what_was_bought_is_used_no_longer_than_the_callers_own_token_is_good() {
    let (server, world) = (server(), World::open());
    let source = exchanged(&server);
    let layer = AuthLayer::new(source).origin(API).unwrap();
    let client = layer.layer(world.clone());
    let now = server.clock().wall();
    let end = now + 60 * SECOND;
    let exp = end
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = caller(&server, json!({ "sub": "alice", "exp": exp }));
    client.clone().oneshot(on_behalf_of(&token)).await.unwrap();
    server.clock().advance(61 * SECOND);
    let error = client.oneshot(on_behalf_of(&token)).await.unwrap_err();
    assert_eq!(relay_kind(&error), Some(RelayErrorKind::Ended));
    assert_eq!(
        (server.requests().token_exchange, world.sent().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn callers_are_kept_up_to_a_bound_and_those_whose_token_has_ended_leave() {
    let server = server();
    let source = Arc::new(exchanged(&server).at_most(3));
    let layer = AuthLayer::new(source.clone()).origin(API).unwrap();
    let client = layer.layer(World::open());
    let kept = || {
        let text = format!("{source:?}");
        let count = text.split("tenants: ").nth(1).unwrap();
        count
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap()
            .to_owned()
    };
    for number in 0..5 {
        let token = caller(&server, json!({ "sub": format!("caller-{number}") }));
        client.clone().oneshot(on_behalf_of(&token)).await.unwrap();
    }
    assert_eq!((server.requests().token_exchange, &*kept()), (5, "3"));
    server.clock().advance(HOUR);
    let token = caller(&server, json!({ "sub": "late" }));
    client.oneshot(on_behalf_of(&token)).await.unwrap();
    assert_eq!(kept(), "1");
}

#[tokio::test]
async fn an_exchange_that_is_refused_is_the_callers_error_and_asked_for_once() {
    let (server, world) = (server(), World::open());
    let refused = Fault::Refuse(http::StatusCode::BAD_REQUEST, "invalid_target");
    server.fail_always(Endpoint::Token, refused);
    let layer = AuthLayer::new(exchanged(&server)).origin(API).unwrap();
    let client = layer.layer(world.clone());
    let token = caller(&server, json!({ "sub": "alice" }));
    for _ in 0..3 {
        let error = client
            .clone()
            .oneshot(on_behalf_of(&token))
            .await
            .unwrap_err();
        assert_eq!(kind(&error), Some(ErrorKind::Refused));
        let error: &tower_bearer::client::Error = error.downcast_ref().unwrap();
        let kind = error.obtain_error().unwrap().kind();
        assert!(
            matches!(kind, ObtainErrorKind::Refused { error, .. } if error == "invalid_target")
        );
        assert!(error.source().is_some());
    }
    assert_eq!(
        (server.requests().token_exchange, world.sent().len()),
        (1, 0)
    );
}

// Secrets

#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_callers_token() {
    let log = Log::default();
    let guard = log.start();
    let server = server();
    let token = alice(&server);
    let request = on_behalf_of(&token);
    let (same, other) = (same_token(&server, "billing"), exchanged(&server));
    let mut printed = format!("{:?} {request:?} {same:?}", Caller::of(&token));
    let refused = send(same, &World::open(), on_behalf_of(&token))
        .await
        .unwrap_err();
    let source = Arc::new(other);
    send(source.clone(), &World::closed(), request)
        .await
        .unwrap();
    drop(guard);
    printed += &format!("{refused} {refused:?} {source:?} {}", log.text());
    for part in token.expose_token().split('.') {
        assert!(!printed.contains(&part[..20]), "{part} shows in {printed}");
    }
}
