//! Refusals and failures that stand in a body: which bodies are looked into, what is read
//! there, what becomes of it, and that each byte reaches the caller all the same.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod envelope_support;
mod support;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, executor::block_on, future::poll_immediate};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use proptest::prelude::*;
use tower::{Layer, ServiceExt};
use tower_bearer::{
    BoxError,
    client::{
        RefusedInBody,
        envelope::{ApiFailure, EnvelopeBody, EnvelopeLayer},
    },
    json_scalar::Scalar,
};

use envelope_support::{declared, envelope, json, mark, typed, with_failures};
use support::Stopwatch;

const REFUSED: &str = r#"{"code":401,"msg":"token expired","requestId":"7d5e"}"#;
const SERVED: &str = r#"{"code":0,"data":["order"]}"#;

// Bodies

/// A body that does what it is told, and counts how often it was polled.
#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    hint: SizeHint,
    polled: Arc<AtomicUsize>,
}

#[derive(Clone, Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Breaks,
    /// Nothing more comes, ever.
    Hangs,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            ..Self::default()
        }
    }

    fn of(parts: &[&'static str]) -> Self {
        Self::new(parts.iter().map(|part| data(part)))
    }
}

fn data(part: &'static str) -> Step {
    Step::Data(Bytes::from(part))
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(
        HeaderName::from_static("x-sum"),
        HeaderValue::from_static("6"),
    )])
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.polled.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Breaks) => Some(Err("broken")),
            Some(Step::Hangs) => {
                self.steps.push_front(Step::Hangs);
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

/// What a reader of a body sees: its bytes, its trailers, and how it ends.
#[derive(Debug, PartialEq)]
struct Seen {
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
    end: Result<(), String>,
}

async fn read<B>(body: B) -> Seen
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = std::pin::pin!(body);
    let mut seen = Seen {
        bytes: Vec::new(),
        trailers: None,
        end: Ok(()),
    };
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => seen.bytes.extend_from_slice(&data),
            Ok(Err(frame)) => seen.trailers = frame.into_trailers().ok(),
            Err(error) => {
                seen.end = Err(error.to_string());
                break;
            }
        }
    }
    seen
}

// Calls

fn get_request() -> Request<Empty<Bytes>> {
    request(Method::GET)
}

fn request(method: Method) -> Request<Empty<Bytes>> {
    let request = Request::builder().method(method);
    request
        .uri("https://api.example/")
        .body(Empty::new())
        .unwrap()
}

/// What comes of one request that is answered so.
async fn answered<B: Body>(
    layer: EnvelopeLayer,
    request: Request<Empty<Bytes>>,
    response: Response<B>,
) -> Result<Response<EnvelopeBody<B>>, BoxError> {
    let mut response = Some(response);
    let service = tower::service_fn(move |_| {
        std::future::ready(Ok::<_, BoxError>(response.take().expect("one request")))
    });
    layer.layer(service).oneshot(request).await
}

fn failure(error: &BoxError) -> &ApiFailure {
    error.downcast_ref().expect("a failure of the API")
}

// Which bodies are looked into

#[tokio::test]
async fn only_a_small_declared_plain_json_body_is_polled() {
    const LENGTH: u64 = 53;
    assert_eq!(REFUSED.len() as u64, LENGTH);
    let exactly = |length| SizeHint::with_exact(length);
    let unknown = SizeHint::new;
    let at_least = |lower| {
        let mut hint = SizeHint::new();
        hint.set_lower(lower);
        hint
    };
    let looks = envelope;
    let plain: fn() -> Vec<(&'static str, &'static str)> =
        || vec![("content-type", "application/json")];
    let plus = |name, value| [plain(), vec![(name, value)]].concat();
    let of_type = |media_type| vec![("content-type", media_type)];
    let sized = |length| plus("content-length", length);
    let all = || looks().statuses(|_| true);
    let small = || looks().max_bytes(52);
    let exact_bound = || looks().max_bytes(53);
    let none = EnvelopeLayer::new;

    type Row = (
        &'static str,
        EnvelopeLayer,
        Method,
        u16,
        Vec<(&'static str, &'static str)>,
        SizeHint,
        bool,
    );
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        ("JSON of an exact size", looks(), Method::GET, 200, plain(), exactly(LENGTH), true),
        ("JSON with Content-Length", looks(), Method::GET, 200, sized("53"), unknown(), true),
        ("both", looks(), Method::POST, 200, sized("53"), exactly(LENGTH), true),
        ("another status of success", looks(), Method::GET, 201, plain(), exactly(LENGTH), true),
        ("a parameter", looks(), Method::GET, 200, of_type("Application/JSON; charset=utf-8"), exactly(LENGTH), true),
        ("a type of its own", looks(), Method::GET, 200, of_type("application/vnd.api+json"), exactly(LENGTH), true),
        ("a failure's own type", looks(), Method::GET, 200, of_type("application/Problem+JSON"), exactly(LENGTH), true),
        ("as large as may be", exact_bound(), Method::GET, 200, plain(), exactly(LENGTH), true),
        ("another status by choice", all(), Method::GET, 403, plain(), exactly(LENGTH), true),

        ("no rule", none(), Method::GET, 200, plain(), exactly(LENGTH), false),
        ("no type", looks(), Method::GET, 200, vec![], exactly(LENGTH), false),
        ("HTML", looks(), Method::GET, 200, of_type("text/html"), exactly(LENGTH), false),
        ("lines of JSON", looks(), Method::GET, 200, of_type("application/x-ndjson"), exactly(LENGTH), false),
        ("a sequence of JSON", looks(), Method::GET, 200, of_type("application/json-seq"), exactly(LENGTH), false),
        ("gRPC", looks(), Method::POST, 200, of_type("application/grpc"), exactly(LENGTH), false),
        ("two types", looks(), Method::GET, 200, plus("content-type", "application/json"), exactly(LENGTH), false),
        ("compressed", looks(), Method::GET, 200, plus("content-encoding", "gzip"), exactly(LENGTH), false),
        ("streamed", looks(), Method::GET, 200, plain(), unknown(), false),
        ("streamed, of some size at least", looks(), Method::GET, 200, plain(), at_least(LENGTH), false),
        ("large", small(), Method::GET, 200, plain(), exactly(LENGTH), false),
        ("large by default", looks(), Method::GET, 200, plain(), exactly(64 * 1024 + 1), false),
        ("large by its header", looks(), Method::GET, 200, sized("65537"), unknown(), false),
        ("larger than its header", looks(), Method::GET, 200, sized("53"), at_least(54), false),
        ("a length that is none", looks(), Method::GET, 200, sized("-1"), unknown(), false),
        ("a length that fits no integer", looks(), Method::GET, 200, sized("99999999999999999999"), unknown(), false),
        ("two lengths", looks(), Method::GET, 200, [sized("53"), sized("54")[1..].to_vec()].concat(), unknown(), false),
        ("nothing", looks(), Method::GET, 200, plain(), exactly(0), false),
        ("another status", looks(), Method::GET, 403, plain(), exactly(LENGTH), false),
        ("401 is told by its head", looks(), Method::GET, 401, plain(), exactly(LENGTH), false),
        ("HEAD", looks(), Method::HEAD, 200, sized("53"), unknown(), false),
        ("CONNECT", looks(), Method::CONNECT, 200, sized("53"), unknown(), false),
        ("CONNECT, refused", all(), Method::CONNECT, 403, sized("53"), unknown(), true),
        ("101", all(), Method::GET, 101, sized("53"), unknown(), false),
        ("204", all(), Method::GET, 204, sized("53"), unknown(), false),
        ("205", all(), Method::GET, 205, sized("53"), unknown(), false),
        ("304", all(), Method::GET, 304, sized("53"), unknown(), false),
    ];
    for (rule, layer, method, status, headers, hint, looked_into) in rows {
        let mut body = Script::of(&[REFUSED]);
        body.hint = hint;
        let polled = body.polled.clone();
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            response.headers_mut().append(name, value);
        }
        let response = answered(layer, request(method), response).await.unwrap();
        let polls = polled.load(Ordering::SeqCst);
        assert_eq!(polls > 0, looked_into, "{rule}: {polls} polls");
        assert_eq!(mark(&response).is_some(), looked_into, "{rule}");
        assert_eq!(response.status(), status, "{rule}");
        assert_eq!(
            read(response.into_body()).await.bytes,
            REFUSED.as_bytes(),
            "{rule}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_not_looked_into_keeps_its_size_and_its_end() {
    let response = answered(EnvelopeLayer::new(), get_request(), json(SERVED));
    let body = response.await.unwrap().into_body();
    assert_eq!(body.size_hint().exact(), Some(SERVED.len() as u64));
    assert!(!body.is_end_stream());
    let empty = answered(envelope(), get_request(), typed(Empty::<Bytes>::new()));
    assert!(empty.await.unwrap().into_body().is_end_stream());
}

// What is read there

#[tokio::test]
async fn a_member_with_exactly_the_value_refuses_and_any_other_but_success_fails() {
    let refuses = |layer: EnvelopeLayer, text: &'static str| async move {
        match answered(layer, get_request(), json(text)).await {
            Ok(response) if mark(&response).is_some() => "refused",
            Ok(_) => "passes",
            Err(error) => {
                failure(&error);
                "failed"
            }
        }
    };
    let rows = [
        // What it is, without failures, and with.
        ("refused", REFUSED, "refused", "refused"),
        ("served", SERVED, "passes", "passes"),
        ("white space", " { \"code\" :\n401 } ", "refused", "refused"),
        ("another number", r#"{"code":4010}"#, "passes", "failed"),
        ("a string", r#"{"code":"401"}"#, "passes", "failed"),
        ("a fraction", r#"{"code":401.0}"#, "passes", "failed"),
        ("an exponent", r#"{"code":4.01e2}"#, "passes", "failed"),
        ("null", r#"{"code":null}"#, "passes", "failed"),
        ("an object", r#"{"code":{"code":401}}"#, "passes", "failed"),
        ("success as a string", r#"{"code":"0"}"#, "passes", "failed"),
        ("a name in capitals", r#"{"Code":401}"#, "passes", "passes"),
        (
            "no such member",
            r#"{"data":{"code":401}}"#,
            "passes",
            "passes",
        ),
        ("no object", r#"[{"code":401}]"#, "passes", "passes"),
        ("twice", r#"{"code":0,"code":401}"#, "passes", "passes"),
        ("no JSON", "code: 401", "passes", "passes"),
        ("cut off", r#"{"code":401,"#, "passes", "passes"),
        (
            "two texts",
            r#"{"code":401}{"code":401}"#,
            "passes",
            "passes",
        ),
    ];
    for (rule, text, alone, failures) in rows {
        assert_eq!(refuses(envelope(), text).await, alone, "{rule}");
        assert_eq!(
            refuses(with_failures(), text).await,
            failures,
            "{rule}, with failures"
        );
    }
}

#[tokio::test]
async fn several_values_and_several_members_may_refuse() {
    let layer = EnvelopeLayer::new()
        .refused_when("/code", [401, 40101])
        .unwrap()
        .refused_when("/error/code", ["TOKEN_EXPIRED"])
        .unwrap()
        .refused_when("/authenticated", [false])
        .unwrap()
        .refused_when("/user", [()])
        .unwrap()
        .refused_when("/mixed", [Scalar::from(1), Scalar::from("one")])
        .unwrap();
    let rows = [
        (r#"{"code":401}"#, true),
        (r#"{"code":40101}"#, true),
        (r#"{"code":40102}"#, false),
        (r#"{"code":0,"error":{"code":"TOKEN_EXPIRED"}}"#, true),
        (r#"{"error":{"code":"TOKEN\u005fEXPIRED"}}"#, true),
        (r#"{"error":{"code":"token_expired"}}"#, false),
        (r#"{"authenticated":false}"#, true),
        (r#"{"authenticated":"false"}"#, false),
        (r#"{"user":null}"#, true),
        (r#"{}"#, false),
        (r#"{"mixed":1}"#, true),
        (r#"{"mixed":"one"}"#, true),
        (r#"{"mixed":true}"#, false),
    ];
    for (text, refused) in rows {
        let response = answered(layer.clone(), get_request(), json(text));
        assert_eq!(mark(&response.await.unwrap()).is_some(), refused, "{text}");
    }
}

#[test]
fn a_pointer_that_is_none_is_an_error_when_the_layer_is_built() {
    let errors = [
        envelope().refused_when("code", [401]).unwrap_err(),
        envelope().failed_unless("code", [0]).unwrap_err(),
        envelope().message_at("code").unwrap_err(),
        envelope().request_id_at("code").unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("`code`"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_request_may_be_sent_again_unless_it_may_have_been_done() {
    let default = || envelope().statuses(|_| true);
    let every = || default().replay_every_method();
    let custom = || Method::from_bytes(b"APPROVE").unwrap();
    use RefusedInBody::{NotRepeatable, Repeatable};
    let rows = [
        (default(), Method::GET, 200, Repeatable),
        (default(), Method::OPTIONS, 200, Repeatable),
        (default(), Method::PUT, 200, Repeatable),
        (default(), Method::DELETE, 200, Repeatable),
        (default(), Method::POST, 200, NotRepeatable),
        (default(), Method::PATCH, 201, NotRepeatable),
        (default(), custom(), 200, NotRepeatable),
        (default(), Method::POST, 403, Repeatable),
        (default(), Method::POST, 500, Repeatable),
        (every(), Method::POST, 200, Repeatable),
        (every(), custom(), 200, Repeatable),
    ];
    for (layer, method, status, expected) in rows {
        let mut response = json(REFUSED);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let response = answered(layer, request(method.clone()), response).await;
        assert_eq!(
            mark(&response.unwrap()),
            Some(expected),
            "{method} under {status}"
        );
    }
}

// Failures

#[tokio::test]
async fn a_failure_is_an_error_with_the_servers_words() {
    let text = r#"{"code":40032,"msg":"name is taken","requestId":"7d5e"}"#;
    let response = answered(with_failures(), get_request(), json(text));
    let error = response.await.unwrap_err();
    let failure = failure(&error);
    assert_eq!(failure.code(), "40032");
    assert_eq!(failure.message(), Some("name is taken"));
    assert_eq!(failure.request_id(), Some("7d5e"));
    assert_eq!(failure.status(), StatusCode::OK);
    assert_eq!(
        failure.to_string(),
        "the API answered 200 OK with code `40032`: name is taken (request id `7d5e`)"
    );
    assert_eq!(format!("{failure:?}"), format!("ApiFailure({failure})"));
    assert!(std::error::Error::source(failure).is_none());
}

#[tokio::test]
async fn a_failure_says_what_there_is_to_say() {
    let long = format!(r#"{{"code":1,"msg":"{}"}}"#, "x".repeat(1000));
    let rows = [
        ("a code alone", r#"{"code":1}"#, "200 OK with code `1`"),
        (
            "null in place of words",
            r#"{"code":1,"msg":null,"requestId":""}"#,
            "200 OK with code `1`",
        ),
        (
            "a code in words",
            r#"{"code":"TAKEN"}"#,
            "200 OK with code `TAKEN`",
        ),
        (
            "an id that is a number",
            r#"{"code":1,"requestId":7}"#,
            "200 OK with code `1` (request id `7`)",
        ),
        (
            "a line break forges no line",
            r#"{"code":"a\nb","msg":"c\u001b[31md"}"#,
            "200 OK with code `a\\nb`: c\\u{1b}[31md",
        ),
        (
            "words that stand there twice",
            r#"{"code":1,"msg":"a","msg":"b"}"#,
            "200 OK with code `1`",
        ),
        ("many words", &long, "xxx…"),
    ];
    for (rule, text, expected) in rows {
        let body = json(text.to_owned());
        let error = answered(with_failures(), get_request(), body).await;
        let shown = error.unwrap_err().to_string();
        assert!(shown.ends_with(expected), "{rule}: {shown}");
        assert!(shown.len() < 300, "{rule}: {shown}");
    }
}

#[tokio::test]
async fn of_several_members_a_refusing_one_decides_and_then_the_first_that_fails() {
    let layer = EnvelopeLayer::new()
        .failed_unless("/ok", [true])
        .unwrap()
        .failed_unless("/code", [0])
        .unwrap()
        .failed_unless("/code", [200])
        .unwrap()
        .refused_when("/code", [401])
        .unwrap();
    let rows = [
        (r#"{"code":1,"ok":false}"#, Err("false")),
        (r#"{"code":1,"ok":true}"#, Err("1")),
        (r#"{"code":401,"ok":false}"#, Ok(true)),
        (r#"{"code":200,"ok":true}"#, Ok(false)),
        (r#"{"code":0}"#, Ok(false)),
    ];
    for (text, expected) in rows {
        let outcome = answered(layer.clone(), get_request(), json(text)).await;
        let outcome = outcome.map(|response| mark(&response).is_some());
        let outcome = outcome.as_ref().map_err(|error| failure(error).code());
        assert_eq!(outcome.copied(), expected, "{text}");
    }
}

#[tokio::test]
async fn a_failure_repeats_no_credentials() {
    let bearer = |sensitive: bool| {
        let mut value = HeaderValue::from_static("Bearer mF_9.B5f-4.1JqM");
        value.set_sensitive(sensitive);
        value
    };
    let bare = || {
        let mut value = HeaderValue::from_static("mF_9.B5f-4.1JqM");
        value.set_sensitive(true);
        value
    };
    let text = r#"{"code":"no mF_9.B5f-4.1JqM","msg":"bad token 'mF_9.B5f-4.1JqM'","requestId":"mF_9.B5f-4.1JqM"}"#;
    for (name, value) in [
        ("authorization", bearer(true)),
        ("authorization", bearer(false)),
        ("x-token", bare()),
    ] {
        let mut request = get_request();
        let basic = HeaderValue::from_static("Basic YTpi");
        request.headers_mut().insert("authorization", basic);
        request.headers_mut().insert(name, value);
        let error = answered(with_failures(), request, json(text)).await;
        let error = error.unwrap_err();
        let failure = failure(&error);
        let shown = format!(
            "{failure} {failure:?} {} {:?} {:?}",
            failure.code(),
            failure.message(),
            failure.request_id()
        );
        assert!(!shown.contains("mF_9"), "{name}: {shown}");
        assert!(shown.contains("repeats the token"), "{name}: {shown}");
    }
}

#[tokio::test]
async fn a_status_that_speaks_for_itself_stays_a_response_which_the_envelope_explains() {
    let layer = with_failures().statuses(|_| true);
    let rows = [
        (401, 1, false, Some("1")),
        (500, 1, false, Some("1")),
        (403, 401, true, Some("401")),
        (404, 0, false, None),
    ];
    for (status, code, refused, told) in rows {
        let mut response = json(format!(r#"{{"code":{code}}}"#));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let response = answered(layer.clone(), get_request(), response)
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(mark(&response).is_some(), refused, "{status}");
        let failure: Option<&ApiFailure> = response.extensions().get();
        assert_eq!(failure.map(ApiFailure::code), told, "{status}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_response_that_says_what_the_server_said() {
    let response = answered(with_failures(), get_request(), json(REFUSED));
    let response = response.await.unwrap();
    let told: &ApiFailure = response.extensions().get().unwrap();
    assert_eq!(
        (told.code(), told.message(), told.request_id()),
        ("401", Some("token expired"), Some("7d5e"))
    );
    assert_eq!(read(response.into_body()).await.bytes, REFUSED.as_bytes());
}

// Byte for byte

#[tokio::test]
async fn what_is_read_is_given_back_whatever_becomes_of_the_reading() {
    let whole = |steps: Vec<Step>| (REFUSED.len(), steps);
    let half = REFUSED.split_at(20);
    #[rustfmt::skip]
    let rows = [
        ("in one piece", whole(vec![data(REFUSED)]), true),
        ("in two pieces", whole(vec![data(half.0), data(half.1)]), true),
        ("with nothing between", whole(vec![data(""), data(half.0), data(""), data(half.1), data("")]), true),
        ("with trailers", whole(vec![data(REFUSED), Step::Trailers(trailers())]), true),
        ("with data behind the trailers", whole(vec![data(REFUSED), Step::Trailers(trailers()), data("more")]), true),
        ("cut off", whole(vec![data(half.0)]), false),
        ("cut off by trailers", whole(vec![data(half.0), Step::Trailers(trailers())]), false),
        ("broken", whole(vec![data(half.0), Step::Breaks]), false),
        ("broken at the start", whole(vec![Step::Breaks]), false),
        ("broken at the end", whole(vec![data(REFUSED), Step::Breaks]), false),
        ("nothing at all", whole(vec![]), false),
        ("longer than declared", (20, vec![data(REFUSED)]), false),
        ("a whole text, and more", (12, vec![data(r#"{"code":401}"#), data(" ")]), false),
        ("a whole text, and declared longer", (13, vec![data(r#"{"code":401}"#)]), false),
        ("much longer than declared", (2, vec![data("{}"), data(REFUSED), data(REFUSED), Step::Breaks]), false),
    ];
    for (rule, (length, steps), judged) in rows {
        let expected = read(Script::new(steps.clone())).await;
        let response = declared(length, Script::new(steps));
        let response = answered(envelope(), get_request(), response).await.unwrap();
        assert_eq!(mark(&response).is_some(), judged, "{rule}");
        assert_eq!(read(response.into_body()).await, expected, "{rule}");
    }
}

#[tokio::test]
async fn a_body_that_is_longer_than_declared_is_not_read_to_its_end() {
    let body = Script::new([data(REFUSED), data(REFUSED), Step::Hangs]);
    let response = answered(envelope(), get_request(), declared(2, body)).now_or_never();
    let mut response = response.expect("it waits for the end").unwrap();
    for _ in 0..2 {
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), REFUSED);
    }
}

#[tokio::test]
async fn a_body_that_was_read_tells_its_size_and_its_end() {
    let (length, bytes) = (REFUSED.len(), REFUSED.len() as u64);
    let looked_into = |steps: Vec<Step>| async move {
        let response = declared(length, Script::new(steps));
        let response = answered(envelope(), get_request(), response).await.unwrap();
        response.into_body()
    };
    let mut whole = looked_into(vec![data(REFUSED)]).await;
    assert_eq!(whole.size_hint().exact(), Some(bytes));
    assert!(!whole.is_end_stream());
    whole.frame().await.unwrap().unwrap();
    assert_eq!(whole.size_hint().exact(), Some(0));
    assert!(whole.is_end_stream());
    assert!(whole.frame().await.is_none());

    let mut trailed = looked_into(vec![data(REFUSED), Step::Trailers(trailers())]).await;
    trailed.frame().await.unwrap().unwrap();
    assert!(!trailed.is_end_stream(), "trailers are still to come");

    let mut broken = looked_into(vec![data("{"), Step::Breaks]).await;
    assert_eq!(
        (broken.size_hint().lower(), broken.size_hint().upper()),
        (1, None)
    );
    broken.frame().await.unwrap().unwrap();
    assert!(!broken.is_end_stream(), "an error is still to come");
}

/// Panics when it is polled after its end, as bodies may.
struct Unfused(Option<Bytes>, bool);

impl Body for Unfused {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(bytes) = self.0.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        assert!(
            !std::mem::replace(&mut self.1, true),
            "polled after its end"
        );
        Poll::Ready(None)
    }
}

#[tokio::test]
async fn a_body_is_not_polled_after_its_end() {
    let body = Unfused(Some(Bytes::from(SERVED)), false);
    let response = answered(envelope(), get_request(), declared(SERVED.len(), body));
    assert_eq!(
        read(response.await.unwrap().into_body()).await.bytes,
        SERVED.as_bytes()
    );
}

/// A body whose data are in two pieces that do not lie together.
struct Apart(Option<(&'static [u8], &'static [u8])>);

impl Body for Apart {
    type Data = bytes::buf::Chain<&'static [u8], &'static [u8]>;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let pieces = self.0.take();
        Poll::Ready(pieces.map(|(a, b)| Ok(Frame::data(bytes::Buf::chain(a, b)))))
    }
}

#[tokio::test]
async fn data_of_any_kind_become_bytes() {
    let body = || Apart(Some(REFUSED.as_bytes().split_at(7)));
    for (length, refused) in [(REFUSED.len(), true), (1_000_000, false)] {
        let response = declared(length, body());
        let response = answered(envelope(), get_request(), response).await.unwrap();
        assert_eq!(mark(&response).is_some(), refused);
        assert_eq!(read(response.into_body()).await.bytes, REFUSED.as_bytes());
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let piece = prop_oneof![
        "[{}\":,a-z0-9]{0,8}".prop_map(|text| Step::Data(Bytes::from(text))),
        Just(data(r#"{"code":401}"#)),
    ];
    let end = prop_oneof![
        Just(vec![]),
        Just(vec![Step::Breaks]),
        Just(vec![Step::Trailers(trailers())]),
    ];
    (prop::collection::vec(piece, 0..6), end).prop_map(|(pieces, end)| [pieces, end].concat())
}

proptest! {
    #[test]
    fn a_caller_sees_what_he_would_have_seen_without_the_layer(
        steps in steps(),
        off_by in -3_i64..=3,
        by_hint in any::<bool>(),
    ) {
        let sum: usize = steps.iter().map(|step| match step {
            Step::Data(data) => data.len(),
            _ => 0,
        }).sum();
        let length = usize::try_from(i64::try_from(sum).unwrap() + off_by).unwrap_or(0);
        let mut body = Script::new(steps.clone());
        if by_hint {
            body.hint = SizeHint::with_exact(length as u64);
        }
        block_on(async {
            let expected = read(Script::new(steps)).await;
            let response = answered(envelope(), get_request(), declared(length, body)).await;
            let response = response.unwrap();
            if off_by != 0 {
                prop_assert_eq!(mark(&response), None);
            }
            prop_assert_eq!(read(response.into_body()).await, expected);
            Ok(())
        })?;
    }
}

// Time

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_passes_with_what_was_read() {
    let default = Duration::from_secs(5);
    for (layer, deadline) in [
        (envelope(), default),
        (
            envelope().deadline(Duration::from_secs(1)),
            Duration::from_secs(1),
        ),
    ] {
        let body = Script::new([data("{"), Step::Hangs]);
        let watch = Stopwatch::start();
        let response = answered(layer, get_request(), declared(REFUSED.len(), body)).await;
        let mut response = response.unwrap();
        assert_eq!(watch.elapsed(), deadline);
        assert_eq!(mark(&response), None);
        let first = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "{");
        assert!(poll_immediate(response.body_mut().frame()).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_endless_empty_frames_passes_at_the_deadline() {
    struct Endless;
    impl Body for Endless {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }
    let layer = envelope();
    let mut response = Box::pin(answered(layer, get_request(), declared(2, Endless)));
    assert!(poll_immediate(&mut response).await.is_none());
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(poll_immediate(&mut response).await.is_some());
}

#[test]
fn without_a_runtime_it_works_and_has_no_deadline() {
    let response = answered(envelope(), get_request(), json(REFUSED));
    assert!(mark(&block_on(response).unwrap()).is_some());
    let hanging = declared(2, Script::new([Step::Hangs]));
    assert!(
        answered(envelope(), get_request(), hanging)
            .now_or_never()
            .is_none()
    );
}
