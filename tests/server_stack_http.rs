//! The guards among the middleware of `tower-http`: in which order, and what comes of the
//! other one. The orders to choose are in `docs/stack.md`.
#![cfg(all(feature = "axum", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod server_support;
mod support;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use futures::future::poll_immediate;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use server_support::{ManualKeys, MyClaims, challenge, good, header, require, require_with, token};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer},
    service_fn,
};
use tower_bearer::{
    RequireJwt, RequireScope,
    server::{Place, ProblemDetails},
};
use tower_http::{
    compression::CompressionLayer,
    cors::{AllowHeaders, Any, CorsLayer},
    decompression::RequestDecompressionLayer,
    map_response_body::MapResponseBodyLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::{SetRequestHeaderLayer, SetResponseHeaderLayer},
    timeout::TimeoutLayer,
};

use support::{Log, traced};

type Body = Full<Bytes>;

/// Long enough to be compressed.
const TEXT: &str = "one order, another order, a third order, and many orders more";

async fn orders<B>(_: Request<B>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from(TEXT)))
}

fn get_with(uri: &str, headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::default()).unwrap()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn known() -> Request<Body> {
    get_with("/orders", &[("authorization", &bearer(&good()))])
}

fn stranger() -> Request<Body> {
    get_with("/orders", &[])
}

async fn send<S, B>(service: S, request: Request<Body>) -> Response<B>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
{
    service.oneshot(request).await.unwrap()
}

// Trace, SetSensitiveRequestHeaders

/// What is logged while this is sent.
async fn logged<S, B>(service: S, request: Request<Body>) -> String
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
{
    let log = Log::default();
    let _guard = log.start();
    send(service, request).await;
    log.text()
}

fn line<'t>(text: &'t str, event: &str) -> &'t str {
    let line = text.lines().find(|line| line.contains(event));
    line.unwrap_or_else(|| panic!("no `{event}` in\n{text}"))
}

#[tokio::test]
async fn a_trace_outside_has_each_request_and_the_reason_of_its_refusal_in_one_span() {
    let service = traced().layer(require().layer(service_fn(orders)));
    let foreign = token(serde_json::json!({"aud": "billing"}));
    let request = get_with("/orders", &[("authorization", &bearer(&foreign))]);
    let text = logged(service, request).await;
    let reason = line(&text, "request refused");
    assert!(
        reason.contains("request{method=GET uri=/orders"),
        "{reason}"
    );
    assert!(reason.contains("INFO") && reason.contains("`billing`"));
    assert!(line(&text, "finished processing").contains("status=401"));
}

/// A layer that makes a body of its own gives the guard outside it none that it could leave
/// empty; this makes one of it that can be.
fn plain_body<B>() -> MapResponseBodyLayer<fn(B) -> axum::body::Body>
where
    B: http_body::Body<Data = Bytes, Error: Into<tower_bearer::BoxError>> + Send + 'static,
{
    MapResponseBodyLayer::new(axum::body::Body::new)
}

#[tokio::test]
async fn the_wrong_order_a_trace_inside_knows_of_no_refusal() {
    let service = ServiceBuilder::new()
        .layer(require())
        .layer(plain_body())
        .layer(traced())
        .service(service_fn(orders));
    let text = logged(service.clone(), stranger()).await;
    assert!(
        !text.contains("request{") && !text.contains("finished"),
        "{text}"
    );
    let text = logged(service, known()).await;
    assert!(line(&text, "finished processing").contains("status=200"));
}

#[tokio::test]
async fn the_wrong_order_a_trace_that_shows_headers_shows_the_token_if_nothing_hides_it() {
    let hidden = || SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]);
    let guarded = || require().layer(service_fn(orders));
    let token = good();

    let text = logged(traced().layer(guarded()), known()).await;
    assert!(text.contains(&token), "a leak");

    let text = logged(hidden().layer(traced().layer(guarded())), known()).await;
    assert!(!text.contains(&token), "{text}");
    assert!(text.contains(r#""authorization": Sensitive"#), "{text}");
    let text = logged(traced().layer(hidden().layer(guarded())), known()).await;
    assert!(text.contains(&token), "marked behind who prints it");

    // Behind the guard its token is marked without another layer.
    let inside = ServiceBuilder::new()
        .layer(require())
        .layer(plain_body())
        .layer(traced())
        .service(service_fn(orders));
    let text = logged(inside, known()).await;
    assert!(!text.contains(&token), "{text}");
}

#[tokio::test]
async fn a_token_in_the_query_is_seen_by_each_trace_outside() {
    let guard = || require().credentials_in(Place::dangerous_query("access_token"));
    let request = |token: &str| get_with(&format!("/orders?access_token={token}"), &[]);
    let token = good();
    let outside = traced().layer(guard().layer(service_fn(orders)));
    assert!(logged(outside, request(&token)).await.contains(&token));

    let inside = |guard: RequireJwt<MyClaims>| {
        ServiceBuilder::new()
            .layer(guard)
            .layer(plain_body())
            .layer(traced())
            .service(service_fn(orders))
    };
    let text = logged(inside(guard()), request(&token)).await;
    assert!(text.contains(&token));
    let text = logged(inside(guard().remove_credentials()), request(&token)).await;
    assert!(!text.contains(&token), "{text}");
}

// Cors

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static("https://app.example")])
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE])
}

const FROM_PAGE: (&str, &str) = ("origin", "https://app.example");

fn preflight() -> Request<Body> {
    let wants = ("access-control-request-method", "GET");
    let asks = ("access-control-request-headers", "authorization");
    let mut request = get_with("/orders", &[FROM_PAGE, wants, asks]);
    *request.method_mut() = Method::OPTIONS;
    request
}

fn from_page() -> Request<Body> {
    get_with("/orders", &[FROM_PAGE])
}

/// Whether the page may see it.
fn allowed<B>(response: &Response<B>) -> Option<&str> {
    header(response, "access-control-allow-origin")
}

#[tokio::test]
async fn cors_outside_answers_preflights_and_shows_refusals_to_the_page() {
    let service = cors().layer(require().layer(service_fn(orders)));
    let answer = send(service.clone(), preflight()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(allowed(&answer), Some("https://app.example"));
    let headers = header(&answer, "access-control-allow-headers");
    assert_eq!(headers, Some("authorization"));

    let refused = send(service, from_page()).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(allowed(&refused), Some("https://app.example"));
    let exposed = header(&refused, "access-control-expose-headers");
    assert_eq!(exposed, Some("www-authenticate"));
}

#[tokio::test]
async fn the_wrong_order_behind_a_guard_cors_answers_nobody() {
    let service = require().layer(cors().layer(service_fn(orders)));
    for request in [preflight(), from_page()] {
        let refused = send(service.clone(), request).await;
        assert_eq!(refused.status(), 401);
        assert_eq!(allowed(&refused), None);
    }
}

#[tokio::test]
async fn preflights_let_through_to_cors_behind_the_guard_still_leave_refusals_unseen() {
    let guard = require().let_preflight_through();
    let service = guard.layer(cors().layer(service_fn(orders)));
    let answer = send(service.clone(), preflight()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(allowed(&answer), Some("https://app.example"));
    let refused = send(service, from_page()).await;
    assert_eq!((refused.status().as_u16(), allowed(&refused)), (401, None));
}

/// Fetch, "CORS non-wildcard request-header name".
#[tokio::test]
async fn any_header_is_a_star_which_for_browsers_does_not_mean_authorization() {
    for (allowed, told) in [
        (Any.into(), "*"),
        (AllowHeaders::mirror_request(), "authorization"),
    ] {
        let cors = cors().allow_headers(allowed);
        let answer = send(cors.layer(require().layer(service_fn(orders))), preflight()).await;
        let headers = header(&answer, "access-control-allow-headers");
        assert_eq!(headers, Some(told));
    }
}

// Compression, RequestDecompression

fn accepting_gzip(mut request: Request<Body>) -> Request<Body> {
    let gzip = HeaderValue::from_static("gzip");
    request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
    request
}

fn encoding<B>(response: &Response<B>) -> Option<&str> {
    header(response, "content-encoding")
}

#[tokio::test]
async fn compression_is_right_on_either_side_and_outside_it_compresses_refusals_too() {
    let outside = || CompressionLayer::new().layer(require().layer(service_fn(orders)));
    let inside = require().layer(CompressionLayer::new().layer(service_fn(orders)));
    let served = send(outside(), accepting_gzip(known())).await;
    assert_eq!(encoding(&served), Some("gzip"));
    let served = send(inside.clone(), accepting_gzip(known())).await;
    assert_eq!(encoding(&served), Some("gzip"));

    // There is nothing in an empty body.
    let refused = send(outside(), accepting_gzip(stranger())).await;
    assert_eq!(
        (encoding(&refused), challenge(&refused)),
        (None, Some(r#"Bearer realm="orders""#))
    );
    let refused = send(inside, accepting_gzip(stranger())).await;
    assert_eq!(encoding(&refused), None);

    let guard = require().rejection_response(ProblemDetails);
    let outside = CompressionLayer::new().layer(guard.layer(service_fn(orders)));
    let refused = send(outside, accepting_gzip(stranger())).await;
    assert_eq!(encoding(&refused), Some("gzip"));
}

#[tokio::test]
async fn a_grpc_refusal_is_not_compressed() {
    let mut request = accepting_gzip(stranger());
    *request.method_mut() = Method::POST;
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(header::CONTENT_TYPE, grpc);
    let service = CompressionLayer::new().layer(require().layer(service_fn(orders)));
    let refused = send(service, request).await;
    assert_eq!(header(&refused, "grpc-status"), Some("16"));
    assert_eq!(encoding(&refused), None);
}

#[tokio::test]
async fn request_decompression_inside_touches_no_body_of_a_stranger() {
    let in_brotli = |mut request: Request<Body>| {
        let brotli = HeaderValue::from_static("br"); // which it does not read
        request
            .headers_mut()
            .insert(header::CONTENT_ENCODING, brotli);
        request
    };
    let inside = ServiceBuilder::new()
        .layer(require())
        .layer(plain_body())
        .layer(RequestDecompressionLayer::new())
        .service(service_fn(orders));
    let refused = send(inside.clone(), in_brotli(stranger())).await;
    assert_eq!(refused.status(), 401);
    let told = send(inside, in_brotli(known())).await;
    assert_eq!(told.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let outside = RequestDecompressionLayer::new().layer(require().layer(service_fn(orders)));
    let told = send(outside, in_brotli(stranger())).await;
    assert_eq!(
        told.status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "before it is asked"
    );
}

// SetResponseHeader, SetRequestHeader

fn overriding(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

#[tokio::test]
async fn headers_of_responses_set_outside_are_on_refusals_too() {
    let no_sniffing = || overriding(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let of =
        |response: &Response<Body>| header(response, "x-content-type-options").map(str::to_owned);
    let outside = no_sniffing().layer(require().layer(service_fn(orders)));
    assert!(of(&send(outside, stranger()).await).is_some());
    let inside = require().layer(no_sniffing().layer(service_fn(orders)));
    assert!(of(&send(inside.clone(), stranger()).await).is_none());
    assert!(of(&send(inside, known()).await).is_some());
}

#[tokio::test]
async fn the_wrong_order_a_cache_control_set_outside_undoes_that_a_response_is_private() {
    let public = || overriding(header::CACHE_CONTROL, "public, max-age=60");
    let guard = || require().credentials_in(Place::dangerous_query("access_token"));
    let request = || get_with(&format!("/orders?access_token={}", good()), &[]);
    let told = |response: &Response<Body>| {
        let lines = response.headers().get_all(header::CACHE_CONTROL).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let inside = guard().layer(public().layer(service_fn(orders)));
    let served = send(inside, request()).await;
    assert_eq!(
        told(&served),
        ["public, max-age=60", "private"],
        "the stricter one counts"
    );

    let outside = public().layer(guard().layer(service_fn(orders)));
    let served = send(outside, request()).await;
    assert_eq!(told(&served), ["public, max-age=60"], "a leak");

    let if_absent = HeaderValue::from_static("public, max-age=60");
    let if_absent = SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, if_absent);
    let served = send(
        if_absent.layer(guard().layer(service_fn(orders))),
        request(),
    )
    .await;
    assert_eq!(told(&served), ["private"]);
}

#[tokio::test]
async fn the_wrong_order_an_authorization_set_outside_makes_one_caller_of_everybody() {
    let token = HeaderValue::try_from(bearer(&good())).unwrap();
    let set = SetRequestHeaderLayer::overriding(header::AUTHORIZATION, token);
    let service = set.layer(require().layer(service_fn(orders)));
    let served = send(service, stranger()).await;
    assert_eq!(served.status(), 200, "a stranger");
}

// RequestId

#[derive(Clone)]
struct One;

impl MakeRequestId for One {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        Some(RequestId::new(HeaderValue::from_static("1")))
    }
}

#[tokio::test]
async fn a_request_id_set_outside_is_on_refusals_too() {
    let ids = || {
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(One))
            .layer(PropagateRequestIdLayer::x_request_id())
    };
    let id = |response: &Response<Body>| header(response, "x-request-id").map(str::to_owned);
    let outside = ids().layer(require()).service(service_fn(orders));
    let refused = send(outside, stranger()).await;
    assert_eq!(id(&refused).as_deref(), Some("1"));

    let inside = require().layer(ids().service(service_fn(orders)));
    assert_eq!(id(&send(inside.clone(), stranger()).await), None);
    assert_eq!(id(&send(inside, known()).await).as_deref(), Some("1"));
}

// Timeout

/// That of `tower` is an error, which axum asks you to handle; this one is a response.
#[tokio::test(start_paused = true)]
async fn a_timeout_of_tower_http_answers_who_waits_for_keys() {
    let one_second = Duration::from_secs(1);
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, one_second);
    let guard = require_with(ManualKeys::new());
    let answer = send(timeout.layer(guard.layer(service_fn(orders))), known()).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
}

// axum

#[tokio::test]
async fn in_axum_the_last_layer_is_the_outermost_and_in_a_service_builder_the_first() {
    let routes = || Router::new().route("/orders", get(|| async { TEXT }));
    let each = routes().layer(require()).layer(cors());
    let together = routes().layer(ServiceBuilder::new().layer(cors()).layer(require()));
    let other = routes().layer(cors()).layer(require());
    let allowed = |response: Response<axum::body::Body>| allowed(&response).is_some();
    let from_page = || from_page().map(axum::body::Body::new);
    assert!(allowed(each.oneshot(from_page()).await.unwrap()));
    assert!(allowed(together.oneshot(from_page()).await.unwrap()));
    assert!(!allowed(other.oneshot(from_page()).await.unwrap()));
}

/// How many of two requests come to the handler at once.
async fn served_at_once(limited: impl FnOnce(Router) -> Router) -> usize {
    let served = Arc::new(AtomicUsize::new(0));
    let handler = get({
        let served = served.clone();
        move || {
            served.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<&str>()
        }
    });
    let app = limited(Router::new().route("/orders", handler));
    let request = || stranger().map(axum::body::Body::new);
    let mut first = Box::pin(app.clone().oneshot(request()));
    let mut second = Box::pin(app.oneshot(request()));
    assert!(poll_immediate(&mut first).await.is_none());
    assert!(poll_immediate(&mut second).await.is_none());
    served.load(Ordering::SeqCst)
}

/// axum makes services of layers anew for each connection.
#[tokio::test]
async fn in_axum_only_the_global_limit_counts_for_all_connections() {
    let each = ConcurrencyLimitLayer::new(1);
    assert_eq!(served_at_once(|app| app.layer(each)).await, 2);
    let global = GlobalConcurrencyLimitLayer::new(1);
    assert_eq!(served_at_once(|app| app.layer(global)).await, 1);
}

/// As `docs/stack.md` has it.
fn the_whole_stack(handler: axum::routing::MethodRouter) -> Router {
    use axum::error_handling::HandleErrorLayer;
    use tower_http::trace::TraceLayer;

    let timeout = Duration::from_secs(30);
    let overloaded = |_| async { StatusCode::SERVICE_UNAVAILABLE };
    Router::new().route("/orders", handler).layer(
        ServiceBuilder::new()
            .layer(SetSensitiveRequestHeadersLayer::new([
                header::AUTHORIZATION,
            ]))
            .layer(SetRequestIdLayer::x_request_id(One))
            .layer(TraceLayer::new_for_http())
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(CompressionLayer::new())
            .layer(cors())
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                timeout,
            ))
            .layer(require())
            .layer(RequireScope::all(["orders:read"]))
            .layer(HandleErrorLayer::new(overloaded))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::new(1)),
    )
}

#[tokio::test(start_paused = true)]
async fn the_whole_stack_serves_refuses_and_sheds() {
    let ask = |app: &Router, request: Request<Body>| {
        let request = accepting_gzip(request).map(axum::body::Body::new);
        app.clone().oneshot(request)
    };
    let app = the_whole_stack(get(|| async { TEXT }));
    let served = ask(&app, known()).await.unwrap();
    assert_eq!(
        (served.status().as_u16(), encoding(&served)),
        (200, Some("gzip"))
    );
    let refused = ask(&app, from_page()).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "x-request-id"), Some("1"));
    assert!(challenge(&refused).is_some() && allowed(&refused).is_some());
    assert_eq!(ask(&app, preflight()).await.unwrap().status(), 200);

    let app = the_whole_stack(get(std::future::pending::<&str>));
    let mut stuck = Box::pin(ask(&app, known()));
    assert!(poll_immediate(&mut stuck).await.is_none());
    assert_eq!(ask(&app, stranger()).await.unwrap().status(), 401);
    assert_eq!(ask(&app, known()).await.unwrap().status(), 503);
}
