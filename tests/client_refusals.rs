//! What happens when a server refuses our token: renewal, replay, brake.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    collections::HashSet,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response, StatusCode, Version, header};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, Full};
use tokio::sync::Barrier;
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    AccessToken, AuthLayer, BoxError, Refreshing, ScopeSet,
    client::{
        Error, ErrorKind, Refusal,
        replay::{BufferedBodies, ClonedBodies, NoReplay, ReplayPolicy},
    },
    oauth::ObtainError,
    test_util::ManualClock,
};

use support::{HOUR, Issuer, outage, settle, token};

type Body = Full<Bytes>;

/// An API that knows which tokens were revoked, and counts what it saw.
#[derive(Clone, Default)]
struct Api {
    revoked: Arc<Mutex<HashSet<String>>>,
    refuses_all: bool,
    calls: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Api {
    fn revoke(&self, token: &str) {
        self.revoked
            .lock()
            .unwrap()
            .insert(format!("Bearer {token}"));
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + 'static
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let api = self.clone();
        tower::service_fn(move |request: Request<B>| api.clone().answer(request))
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let value = request.headers()[header::AUTHORIZATION]
            .to_str()?
            .to_owned();
        tokio::task::yield_now().await;
        let body = request
            .into_body()
            .collect()
            .await
            .map_err(Into::into)?
            .to_bytes();
        self.bodies.lock().unwrap().push(body);
        let refused = self.refuses_all || self.revoked.lock().unwrap().contains(&value);
        let status = if refused { 401 } else { 200 };
        Ok(Response::builder().status(status).body(Body::from(value))?)
    }
}

fn request() -> Request<Body> {
    Request::get("https://api.example/")
        .body(Body::default())
        .unwrap()
}

fn post<B>(body: B) -> Request<B> {
    Request::post("https://api.example/").body(body).unwrap()
}

fn refreshing(issuer: &Issuer, clock: &ManualClock) -> Refreshing {
    Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .build()
}

fn layer(tokens: &Refreshing) -> AuthLayer {
    AuthLayer::new(tokens.clone())
        .origin("https://api.example")
        .unwrap()
}

fn refusal<B>(response: &Response<B>) -> Option<&Refusal> {
    response.extensions().get()
}

#[tokio::test]
async fn a_revoked_token_is_renewed_and_the_request_sent_once_more() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = Api::default();
    api.revoke("token-1");
    let client = layer(&refreshing(&issuer, &clock)).layer(api.service());
    let response = client.oneshot(post(Body::from("order"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(refusal(&response), None);
    assert_eq!((issuer.asked(), api.calls()), (2, 2));
    assert_eq!(
        *api.bodies.lock().unwrap(),
        ["order", "order"],
        "the body was repeated whole"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_refused_with_one_token_make_one_exchange_and_all_succeed() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    // Answers no request with the first token before all thousand of them have arrived.
    let all_arrived = Arc::new(Barrier::new(1000));
    let api = tower::service_fn(move |request: Request<Body>| {
        let all_arrived = all_arrived.clone();
        async move {
            let revoked = request.headers()[header::AUTHORIZATION] == "Bearer token-1";
            if revoked {
                all_arrived.wait().await;
            }
            let status = if revoked { 401 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(Body::default())?)
        }
    });
    let client = layer(&refreshing(&issuer, &clock)).layer(api);
    let calls = (0..1000).map(|_| tokio::spawn(client.clone().oneshot(request())));
    for outcome in join_all(calls).await {
        assert_eq!(outcome.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(
        issuer.asked(),
        2,
        "the first token, and one for the revoked"
    );
}

#[tokio::test]
async fn an_api_that_refuses_everything_costs_a_handful_of_exchanges() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = Api {
        refuses_all: true,
        ..Api::default()
    };
    let mut client = layer(&refreshing(&issuer, &clock)).layer(api.service());
    let mut held_back = 0;
    for _ in 0..10_000 {
        let response = client.ready().await.unwrap().call(request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        held_back += usize::from(matches!(refusal(&response), Some(Refusal::HeldBack { .. })));
        clock.advance(Duration::from_millis(60));
    }
    assert!(issuer.asked() <= 8, "{} exchanges", issuer.asked());
    assert!(
        issuer.asked() >= 5,
        "it is tried again now and then: {}",
        issuer.asked()
    );
    assert!(held_back > 9_900, "the caller sees why: {held_back}");
}

#[tokio::test]
async fn the_brake_is_let_go_by_the_first_acceptance() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = Api::default();
    let mut client = layer(&refreshing(&issuer, &clock)).layer(api.service());
    for generation in 1..20 {
        let response = client.ready().await.unwrap().call(request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(issuer.asked(), generation);
        api.revoke(&format!("token-{generation}"));
        clock.advance(Duration::from_secs(12));
    }
}

#[tokio::test]
async fn a_route_that_refuses_beside_one_that_accepts_costs_a_handful_too() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = tower::service_fn(|request: Request<Body>| async move {
        let status = if request.uri().path() == "/refusing" {
            401
        } else {
            200
        };
        Ok::<_, BoxError>(Response::builder().status(status).body(Body::default())?)
    });
    let mut client = layer(&refreshing(&issuer, &clock)).layer(api);
    for _ in 0..100 {
        for path in ["accepting", "refusing"] {
            let uri = format!("https://api.example/{path}");
            let request = Request::get(uri).body(Body::default()).unwrap();
            client.ready().await.unwrap().call(request).await.unwrap();
        }
    }
    assert!(issuer.asked() <= 8, "{} exchanges", issuer.asked());
}

#[tokio::test]
async fn a_late_refusal_of_an_old_token_never_costs_the_newer_one() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = refreshing(&issuer, &clock);
    let old = tokens.token().await.unwrap();
    tokens.invalidate(&old);
    tokens.token().await.unwrap();
    use tower_bearer::client::{AfterRefusal, TokenSource};
    assert_eq!(tokens.refused(&old), AfterRefusal::Obtain);
    assert_eq!(tokens.token().await.unwrap().expose(), "token-2");
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_renewal_that_fails_is_the_callers_error() {
    let clock = ManualClock::new();
    let issuer = Issuer::with_clock(&clock, |ask, clock| async move {
        match ask.number {
            1 => Ok(token(1, &clock, HOUR)),
            _ => Err(outage()),
        }
    });
    let api = Api::default();
    api.revoke("token-1");
    let client = layer(&refreshing(&issuer, &clock)).layer(api.service());
    let error = client.oneshot(request()).await.unwrap_err();
    let kind = error.downcast_ref::<Error>().unwrap().kind();
    assert!(matches!(kind, ErrorKind::Unavailable { .. }), "{kind:?}");
    assert_eq!(api.calls(), 1);
}

#[tokio::test]
async fn each_end_of_a_refusal_is_told_in_the_response() {
    let clock = ManualClock::new();
    let api = Api {
        refuses_all: true,
        ..Api::default()
    };

    let fixed = AuthLayer::new(AccessToken::new("fixed").unwrap());
    let fixed = fixed.origin("https://api.example").unwrap();
    let response = fixed.layer(api.service()).oneshot(request()).await.unwrap();
    assert_eq!(refusal(&response), Some(&Refusal::NoOtherToken));

    let same = Issuer::answering(|_| async {
        let token = AccessToken::new("same").unwrap();
        Ok::<_, ObtainError>(tower_bearer::token::Tokens::new(token))
    });
    let client = layer(&refreshing(&same, &clock)).layer(api.service());
    let before = api.calls();
    let response = client.oneshot(request()).await.unwrap();
    assert_eq!(refusal(&response), Some(&Refusal::SameToken));
    assert_eq!(api.calls(), before + 1, "the same token is not sent twice");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Bearer same", "the caller gets the refusal whole");

    let issuer = Issuer::new(&clock, HOUR);
    let client = layer(&refreshing(&issuer, &clock)).replay(NoReplay);
    let response = client
        .layer(api.service())
        .oneshot(request())
        .await
        .unwrap();
    assert_eq!(refusal(&response), Some(&Refusal::NotRepeatable));

    let issuer = Issuer::new(&clock, HOUR);
    let client = layer(&refreshing(&issuer, &clock)).layer(api.service());
    let response = client.oneshot(request()).await.unwrap();
    assert!(matches!(refusal(&response), Some(Refusal::HeldBack { .. })));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn what_cannot_be_replayed_gives_the_next_request_a_new_token() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = Api::default();
    api.revoke("token-1");
    let tokens = refreshing(&issuer, &clock);
    let client = layer(&tokens).replay(NoReplay).layer(api.service());
    let first = client.clone().oneshot(request()).await.unwrap();
    assert_eq!(first.status(), StatusCode::UNAUTHORIZED);
    let second = client.oneshot(request()).await.unwrap();
    assert_eq!(second.status(), StatusCode::OK);
    assert_eq!((issuer.asked(), api.calls()), (2, 2));
}

async fn answered(answer: fn() -> Response<Body>) -> (Response<Body>, u64) {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = tower::service_fn(move |_: Request<Body>| async move { Ok::<_, BoxError>(answer()) });
    let client = layer(&refreshing(&issuer, &clock)).layer(api);
    let response = client.oneshot(request()).await.unwrap();
    (response, issuer.asked())
}

#[tokio::test]
async fn a_missing_scope_is_told_as_a_typed_cause_and_renews_nothing() {
    let (response, asked) = answered(|| {
        Response::builder()
            .status(403)
            .header(
                "www-authenticate",
                "Bearer error=\"insufficient_scope\", scope=\"orders:write\"",
            )
            .body(Body::default())
            .unwrap()
    })
    .await;
    let missing = ScopeSet::parse("orders:write");
    assert_eq!(
        refusal(&response),
        Some(&Refusal::InsufficientScope { missing })
    );
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn grpc_unauthenticated_in_the_trailers_only_answer_renews() {
    let (_, asked) = answered(|| {
        let mut response = Response::builder()
            .header("grpc-status", "16")
            .body(Body::default())
            .unwrap();
        *response.version_mut() = Version::HTTP_2;
        response
    })
    .await;
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn what_counts_as_a_refusal_can_be_replaced() {
    let status = |layer: AuthLayer| layer.refused_when(|response| response.status() == 419);
    let redirect =
        |layer: AuthLayer| layer.refused_when(|response| response.redirects_to("/login"));
    let page = |layer: AuthLayer| layer.refused_when(|r| r.has_media_type("text/html"));
    type Row = (
        fn(AuthLayer) -> AuthLayer,
        u16,
        (&'static str, &'static str),
    );
    let rows: [Row; 3] = [
        (status, 419, ("x-why", "expired")),
        (redirect, 302, ("location", "/login?next=%2Forders")),
        (page, 200, ("content-type", "text/html; charset=utf-8")),
    ];
    // What the API refuses, and what the caller gets: the second answer, whatever it is.
    for (layers, refusing_status, (name, value)) in rows {
        for (refuses_all, status) in [(false, 204), (true, refusing_status)] {
            let clock = ManualClock::new();
            let issuer = Issuer::new(&clock, HOUR);
            let calls = Arc::new(AtomicUsize::new(0));
            let api = tower::service_fn({
                let calls = calls.clone();
                move |request: Request<Body>| {
                    calls.fetch_add(1, Ordering::SeqCst);
                    let first = request.headers()[header::AUTHORIZATION] == "Bearer token-1";
                    let response = match first || refuses_all {
                        true => Response::builder()
                            .status(refusing_status)
                            .header(name, value),
                        false => Response::builder().status(204),
                    };
                    async move { Ok::<_, BoxError>(response.body(Body::default())?) }
                }
            });
            let client = layers(layer(&refreshing(&issuer, &clock))).layer(api);
            let response = client.oneshot(request()).await.unwrap();
            assert_eq!(response.status(), status, "{name}");
            assert_eq!(response.headers().contains_key(name), refuses_all, "{name}");
            assert_eq!(refusal(&response).is_some(), refuses_all, "{name}");
            assert_eq!(calls.load(Ordering::SeqCst), 2, "{name}");
        }
    }
}

#[tokio::test]
async fn a_preset_header_is_sent_once_whatever_comes_of_it() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let api = Api {
        refuses_all: true,
        ..Api::default()
    };
    let client = layer(&refreshing(&issuer, &clock)).layer(api.service());
    let mut preset = request();
    preset
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer mine".parse().unwrap());
    let response = client.oneshot(preset).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((issuer.asked(), api.calls()), (0, 1));
}

// Bodies

/// A body in several frames, with no clone and no end that is known before.
#[derive(Default)]
struct Frames(Vec<Result<Frame<Bytes>, &'static str>>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = &'static str;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready((!self.0.is_empty()).then(|| self.0.remove(0)))
    }
}

fn frames(parts: &[&'static str]) -> Frames {
    Frames(
        parts
            .iter()
            .map(|part| Ok(Frame::data(Bytes::from(*part))))
            .collect(),
    )
}

async fn statuses<P, B>(policy: P, body: B, api: &Api) -> StatusCode
where
    P: ReplayPolicy<B> + Send + Sync + 'static,
    P::Body: HttpBody<Data = Bytes> + Send + 'static,
    P::Kept: Send,
    <P::Body as HttpBody>::Error: Into<BoxError>,
    B: Send + 'static,
{
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    api.revoke("token-1");
    let client = layer(&refreshing(&issuer, &clock)).replay(policy);
    client
        .layer(api.service())
        .oneshot(post(body))
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn the_policy_decides_which_bodies_are_repeated() {
    let whole = || Body::from("abcdef");
    let stream = || frames(&["abc", "def"]);
    let rows = [
        (
            "cloned",
            statuses(ClonedBodies, whole(), &Api::default()).await,
            200,
        ),
        (
            "never",
            statuses(NoReplay, whole(), &Api::default()).await,
            401,
        ),
        (
            "buffered",
            statuses(BufferedBodies::up_to(6), stream(), &Api::default()).await,
            200,
        ),
        (
            "buffered, too large",
            statuses(BufferedBodies::up_to(5), stream(), &Api::default()).await,
            401,
        ),
        (
            "buffered, declared too large",
            statuses(BufferedBodies::up_to(5), whole(), &Api::default()).await,
            401,
        ),
    ];
    for (rule, status, expected) in rows {
        assert_eq!(status.as_u16(), expected, "{rule}");
    }
    let clock = ManualClock::new();
    let api = Api::default();
    api.revoke("token-1");
    let client = layer(&refreshing(&Issuer::new(&clock, HOUR), &clock)).layer(api.service());
    let response = client.oneshot(post(stream())).await.unwrap();
    assert_eq!(
        refusal(&response),
        Some(&Refusal::NotRepeatable),
        "a stream, by default"
    );
}

#[tokio::test]
async fn a_buffered_body_is_repeated_byte_for_byte_trailers_included() {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", "6".parse().unwrap());
    let mut body = frames(&["abc", "", "def"]);
    body.0.push(Ok(Frame::trailers(trailers.clone())));
    let policy = BufferedBodies::default();
    let (sent, kept) = policy.split(body);
    let first = sent.collect().await.unwrap();
    let second = policy
        .again(kept.unwrap())
        .unwrap()
        .collect()
        .await
        .unwrap();
    for sending in [first, second] {
        assert_eq!(sending.trailers(), Some(&trailers));
        assert_eq!(sending.to_bytes(), "abcdef");
    }
}

#[tokio::test]
async fn a_body_that_the_server_did_not_read_to_its_end_is_repeated_whole() {
    let clock = ManualClock::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let api = tower::service_fn({
        let seen = seen.clone();
        move |request: Request<_>| {
            let seen = seen.clone();
            async move {
                let first = request.headers()[header::AUTHORIZATION] == "Bearer token-1";
                let mut body: tower_bearer::client::replay::BufferedBody<Frames> =
                    request.into_body();
                if first {
                    body.frame().await;
                    return Ok::<_, BoxError>(
                        Response::builder().status(401).body(Body::default())?,
                    );
                }
                let whole = body.collect().await?.to_bytes();
                seen.lock().unwrap().push(whole);
                Ok(Response::new(Body::default()))
            }
        }
    });
    let tokens = refreshing(&Issuer::new(&clock, HOUR), &clock);
    let client = layer(&tokens).replay(BufferedBodies::default()).layer(api);
    let response = client.oneshot(post(frames(&["abc", "def"]))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*seen.lock().unwrap(), ["abcdef"]);
}

#[tokio::test]
async fn frames_without_content_are_not_kept() {
    let policy = BufferedBodies::up_to(16);
    let (sent, kept) = policy.split(frames(&[""; 1000]));
    sent.collect().await.unwrap();
    let mut again = policy.again(kept.unwrap()).unwrap();
    assert!(again.frame().await.is_none());
}

#[tokio::test]
async fn a_body_that_broke_is_not_repeated() {
    let policy = BufferedBodies::default();
    let mut body = frames(&["abc"]);
    body.0.push(Err("broken"));
    let (mut sent, kept) = policy.split(body);
    assert!(sent.frame().await.unwrap().is_ok());
    assert!(sent.frame().await.unwrap().is_err());
    drop(sent);
    assert!(policy.again(kept.unwrap()).is_none());
}

#[tokio::test]
async fn a_body_that_is_still_being_sent_is_not_repeated() {
    let policy = BufferedBodies::default();
    let (mut sent, kept) = policy.split(frames(&["abc", "def"]));
    sent.frame().await.unwrap().unwrap();
    assert!(policy.again(kept.unwrap()).is_none());
    drop(sent);
}

#[tokio::test]
async fn the_refusal_is_let_go_before_the_second_sending() {
    /// Counts the bodies that are alive.
    struct Alive(Arc<AtomicU64>);
    impl HttpBody for Alive {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }
    }
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    let clock = ManualClock::new();
    let alive = Arc::new(AtomicU64::new(0));
    let api = tower::service_fn({
        let alive = alive.clone();
        move |request: Request<Body>| {
            assert_eq!(
                alive.fetch_add(1, Ordering::SeqCst),
                0,
                "the refusal's body still lives"
            );
            let body = Alive(alive.clone());
            let first = request.headers()[header::AUTHORIZATION] == "Bearer token-1";
            let status = if first { 401 } else { 200 };
            async move { Ok::<_, BoxError>(Response::builder().status(status).body(body)?) }
        }
    });
    let client = layer(&refreshing(&Issuer::new(&clock, HOUR), &clock)).layer(api);
    assert_eq!(
        client.oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
    settle().await;
}
