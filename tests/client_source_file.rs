//! A token in a file that others replace, break and take away.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::{join_all, poll_immediate};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    AccessToken, AuthLayer, BoxError,
    client::{
        AfterRefusal, Error, ErrorKind, Refusal, RequestContext, TokenSource,
        source::{self, FromFile, ReadError, ReadErrorKind},
    },
    test_util::ManualClock,
    token::Scheme,
};

use support::{Log, SECOND, settle};

/// A file of its own for each test.
fn place(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("token_file_{test}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder.join("token")
}

fn source(path: &Path) -> (FromFile, ManualClock) {
    let clock = ManualClock::new();
    (source::from_file(path).clock(clock.clone()), clock)
}

fn current(source: &FromFile) -> Option<String> {
    let (method, uri, extensions) = (Method::GET, Uri::default(), http::Extensions::new());
    let token = source.current(&RequestContext::new(&method, &uri, &extensions));
    token.map(|token| token.expose().to_owned())
}

async fn obtain(source: &FromFile) -> Result<AccessToken, BoxError> {
    let (method, uri, extensions) = (Method::GET, Uri::default(), http::Extensions::new());
    let request = RequestContext::new(&method, &uri, &extensions);
    source.obtain(request).await
}

async fn obtained(source: &FromFile) -> String {
    obtain(source).await.unwrap().expose().to_owned()
}

/// A runtime with one thread that may block: what it is given is done in order.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build();
    runtime.unwrap().block_on(test);
}

/// Lets a look that was started come to its end, on that thread and back.
async fn looked() {
    settle().await;
    tokio::task::spawn_blocking(|| ()).await.unwrap();
    settle().await;
}

/// What the next look finds.
async fn next_look(source: &FromFile, clock: &ManualClock) -> Option<String> {
    clock.advance(10 * SECOND);
    current(source);
    looked().await;
    current(source)
}

fn looks(log: &Log) -> usize {
    log.text().matches("looked at the token file").count()
}

// How it is read

#[test]
fn the_file_is_read_when_a_token_is_wanted_and_not_before() {
    run(async {
        let path = place("first_read");
        let (source, _) = source(&path);
        fs::write(&path, "token-1\n").unwrap();
        assert_eq!(current(&source), None);
        assert_eq!(obtained(&source).await, "token-1");
        assert_eq!(current(&source).as_deref(), Some("token-1"));
    });
}

#[test]
fn another_token_is_found_at_the_next_look_and_the_next_look_is_ten_seconds_later() {
    run(async {
        let path = place("next_look");
        let (source, clock) = source(&path);
        fs::write(&path, "token-1").unwrap();
        obtained(&source).await;
        fs::write(&path, "token-2").unwrap();
        clock.advance(10 * SECOND - Duration::from_millis(1));
        assert_eq!(current(&source).as_deref(), Some("token-1"));
        looked().await;
        assert_eq!(current(&source).as_deref(), Some("token-1"));
        clock.advance(Duration::from_millis(1));
        assert_eq!(
            current(&source).as_deref(),
            Some("token-1"),
            "nobody waits for the look"
        );
        looked().await;
        assert_eq!(current(&source).as_deref(), Some("token-2"));
    });
}

#[test]
fn the_pause_between_looks_can_be_set() {
    run(async {
        let path = place("look_every");
        let (source, clock) = source(&path);
        let source = source.look_every(60 * SECOND);
        fs::write(&path, "token-1").unwrap();
        obtained(&source).await;
        fs::write(&path, "token-2").unwrap();
        clock.advance(50 * SECOND);
        assert_eq!(
            next_look(&source, &ManualClock::new()).await.as_deref(),
            Some("token-1")
        );
        clock.advance(10 * SECOND);
        current(&source);
        looked().await;
        assert_eq!(current(&source).as_deref(), Some("token-2"));
    });
}

#[test]
fn callers_of_one_moment_share_one_look_and_an_idle_process_makes_none() {
    run(async {
        let path = place("single_flight");
        fs::write(&path, "token-1").unwrap();
        let (source, clock) = source(&path);
        let log = Log::default();
        let _logging = log.start();
        let tokens = join_all((0..100).map(|_| obtained(&source))).await;
        assert_eq!(tokens, vec!["token-1"; 100]);
        assert_eq!(looks(&log), 1);
        clock.advance(3600 * SECOND);
        looked().await;
        assert_eq!(looks(&log), 1);
        for _ in 0..100 {
            current(&source);
        }
        looked().await;
        assert_eq!(looks(&log), 2);
    });
}

/// As the kubelet does it: `token` → `..data/token`, `..data` → a folder, and the link
/// `..data` is renamed over the old one.
#[cfg(unix)]
#[test]
fn a_swap_of_symbolic_links_is_followed() {
    run(async {
        use std::os::unix::fs::symlink;

        let path = place("kubernetes");
        let volume = path.parent().unwrap();
        let project = |generation: &str, token: &str| {
            let folder = volume.join(generation);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("token"), token).unwrap();
            symlink(generation, volume.join("..data_tmp")).unwrap();
            fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
        };
        project("..2026_01", "token-1");
        symlink("..data/token", &path).unwrap();
        let (source, clock) = source(&path);
        assert_eq!(obtained(&source).await, "token-1");
        project("..2026_02", "token-2");
        fs::remove_dir_all(volume.join("..2026_01")).unwrap();
        assert_eq!(next_look(&source, &clock).await.as_deref(), Some("token-2"));
    });
}

#[test]
fn without_a_runtime_it_is_an_error_and_not_a_panic() {
    let path = place("no_runtime");
    fs::write(&path, "token-1").unwrap();
    let (source, clock) = source(&path);
    let error = futures::executor::block_on(obtain(&source)).unwrap_err();
    assert_eq!(kind(&error), ErrorKind::NoRuntime);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(obtained(&source));
    clock.advance(10 * SECOND);
    assert_eq!(
        current(&source).as_deref(),
        Some("token-1"),
        "no look, and no harm"
    );
    let given = source.runtime(runtime.handle().clone());
    fs::write(&path, "token-2").unwrap();
    clock.advance(10 * SECOND);
    current(&given);
    while current(&given).as_deref() != Some("token-2") {
        std::thread::yield_now();
    }
}

// What can be wrong with it

fn kind(error: &BoxError) -> ErrorKind {
    error.downcast_ref::<Error>().unwrap().kind()
}

fn read_error(error: &BoxError) -> ReadErrorKind {
    let source = std::error::Error::source(error.as_ref()).unwrap();
    source.downcast_ref::<ReadError>().unwrap().kind()
}

type Spoil = fn(&Path);

/// What happens to the file, and what is said of it.
const BAD_FILES: [(&str, Spoil, &str); 9] = [
    ("missing", |_| {}, "can't be read: entity not found"),
    (
        "empty, as between truncating and writing",
        |path| fs::write(path, "").unwrap(),
        "is empty",
    ),
    (
        "a newline",
        |path| fs::write(path, "\n").unwrap(),
        "is empty",
    ),
    (
        "white space inside",
        |path| fs::write(path, "hunter2 hunter2").unwrap(),
        "holds no token that can be sent",
    ),
    (
        "several lines",
        |path| fs::write(path, "hunter2\nhunter2\n").unwrap(),
        "more than one line",
    ),
    (
        "a JSON document",
        |path| fs::write(path, "{\"token\": \"hunter2\"}").unwrap(),
        "holds no token that can be sent",
    ),
    (
        "not UTF-8",
        |path| fs::write(path, b"hunter2\xff").unwrap(),
        "not UTF-8",
    ),
    (
        "5 MiB",
        |path| fs::write(path, "hunter2".repeat(750_000)).unwrap(),
        "holds more than 65536 bytes",
    ),
    (
        "a folder",
        |path| fs::create_dir(path).unwrap(),
        "not a regular file",
    ),
];

#[test]
fn without_a_last_good_token_a_bad_file_is_a_typed_error_that_shows_nothing_of_it() {
    run(async {
        for (row, spoil, expected) in BAD_FILES {
            let path = place("bad");
            spoil(&path);
            let (source, _) = source(&path);
            let log = Log::default();
            let logging = log.start();
            let error = obtain(&source).await.unwrap_err();
            drop(logging);
            assert_eq!(kind(&error), ErrorKind::Unreadable, "{row}");
            let is_there = read_error(&error) == ReadErrorKind::NotAToken;
            assert_eq!(is_there, row != "missing", "{row}");
            let shown = format!("{error} {error:?} {source:?} {}", log.text());
            assert!(
                shown.contains("token_file_bad") && shown.contains(expected),
                "{row}: {shown}"
            );
            assert!(!shown.contains("hunter2"), "{row}: {shown}");
        }
    });
}

#[test]
fn a_bad_file_leaves_the_last_good_token_in_use_and_is_warned_of_once() {
    run(async {
        for (row, spoil, _) in BAD_FILES {
            let path = place("last_good");
            let (source, clock) = source(&path);
            fs::write(&path, "token-1").unwrap();
            obtained(&source).await;
            fs::remove_file(&path).unwrap();
            spoil(&path);
            let log = Log::default();
            let logging = log.start();
            for _ in 0..3 {
                assert_eq!(
                    next_look(&source, &clock).await.as_deref(),
                    Some("token-1"),
                    "{row}"
                );
            }
            drop(logging);
            assert_eq!(log.text().matches("WARN").count(), 1, "{row}");
            assert!(!log.text().contains("hunter2"), "{row}");

            let _ = fs::remove_dir(&path);
            fs::write(&path, "token-2").unwrap();
            assert_eq!(
                next_look(&source, &clock).await.as_deref(),
                Some("token-2"),
                "{row}"
            );
        }
    });
}

#[test]
fn a_file_that_comes_late_is_found_by_the_next_request() {
    run(async {
        let path = place("late");
        let (source, _) = source(&path);
        assert!(obtain(&source).await.is_err());
        fs::write(&path, "token-1").unwrap();
        assert_eq!(obtained(&source).await, "token-1");
    });
}

// Refusals

/// An API that takes one token, bare, and keeps what it saw.
#[derive(Clone)]
struct Api {
    good: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn taking(good: &str) -> Self {
        Self {
            good: Arc::new(Mutex::new(good.to_owned())),
            seen: Arc::default(),
        }
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn call(&self, source: &FromFile) -> Response<()> {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let api = api.clone();
            async move {
                let value = request.headers()[header::AUTHORIZATION].to_str().unwrap();
                api.seen.lock().unwrap().push(value.to_owned());
                tokio::task::yield_now().await;
                let is_good = *api.good.lock().unwrap() == value;
                let status = if is_good { 200 } else { 401 };
                Response::builder()
                    .status(status)
                    .body(())
                    .map_err(BoxError::from)
            }
        });
        let layer = AuthLayer::new(source.clone())
            .origin("http://127.0.0.1:40000")
            .unwrap()
            .token_in(Scheme::bare());
        let request = Request::post("http://127.0.0.1:40000/api/env/page");
        let request = request.body(Full::from("{}")).unwrap();
        let mut client = layer.layer(service);
        let client = ServiceExt::<Request<Full<Bytes>>>::ready(&mut client);
        client.await.unwrap().call(request).await.unwrap()
    }
}

#[test]
fn a_refused_token_that_was_replaced_is_read_at_once_and_the_request_sent_once_more() {
    run(async {
        let path = place("replaced");
        let (source, _) = source(&path);
        fs::write(&path, "token-1").unwrap();
        obtained(&source).await;
        fs::write(&path, "token-2").unwrap();
        let api = Api::taking("token-2");
        let response = api.call(&source).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(api.seen(), ["token-1", "token-2"]);
    });
}

#[test]
fn a_refused_token_that_stands_there_still_is_the_callers_to_see() {
    run(async {
        let path = place("revoked");
        let (source, clock) = source(&path);
        fs::write(&path, "token-1").unwrap();
        let api = Api::taking("token-2");
        let log = Log::default();
        let _logging = log.start();
        let response = api.call(&source).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.extensions().get(), Some(&Refusal::SameToken));
        assert_eq!(looks(&log), 2);

        // It goes on being sent, and the file is not read for each refusal.
        for _ in 0..10 {
            let response = api.call(&source).await;
            assert_eq!(response.extensions().get(), Some(&Refusal::NoOtherToken));
        }
        assert_eq!(api.seen(), vec!["token-1"; 11]);
        assert_eq!(looks(&log), 2);

        // After the next look a refusal is worth another.
        assert_eq!(next_look(&source, &clock).await.as_deref(), Some("token-1"));
        assert_eq!(looks(&log), 3);
        let response = api.call(&source).await;
        assert_eq!(response.extensions().get(), Some(&Refusal::SameToken));
        assert_eq!(looks(&log), 4);
        fs::write(&path, "token-2").unwrap();
        assert_eq!(next_look(&source, &clock).await.as_deref(), Some("token-2"));
        assert_eq!(api.call(&source).await.status(), StatusCode::OK);
    });
}

#[test]
fn many_that_are_refused_together_lead_to_one_look() {
    run(async {
        for replaced in [true, false] {
            let path = place("together");
            let (source, _) = source(&path);
            fs::write(&path, "token-1").unwrap();
            obtained(&source).await;
            if replaced {
                fs::write(&path, "token-2").unwrap();
            }
            let api = Api::taking("token-2");
            let log = Log::default();
            let _logging = log.start();
            let responses = join_all((0..100).map(|_| api.call(&source))).await;
            let expected = if replaced { 200 } else { 401 };
            assert!(
                responses
                    .iter()
                    .all(|response| response.status() == expected)
            );
            assert_eq!(looks(&log), 1, "replaced: {replaced}");
        }
    });
}

#[test]
fn a_late_refusal_of_an_old_token_costs_no_look_and_no_newer_token() {
    run(async {
        let path = place("late_refusal");
        let (source, clock) = source(&path);
        fs::write(&path, "token-1").unwrap();
        let old = obtain(&source).await.unwrap();
        fs::write(&path, "token-2").unwrap();
        next_look(&source, &clock).await;
        assert_eq!(source.refused(&old), AfterRefusal::Obtain);
        assert_eq!(current(&source).as_deref(), Some("token-2"));
    });
}

#[test]
fn a_token_that_was_read_half_written_is_refused_and_then_read_whole() {
    run(async {
        let path = place("torn");
        let (source, clock) = source(&path);
        fs::write(&path, "token-1").unwrap();
        obtained(&source).await;
        fs::write(&path, "tok").unwrap();
        assert_eq!(next_look(&source, &clock).await.as_deref(), Some("tok"));
        fs::write(&path, "token-2").unwrap();
        let api = Api::taking("token-2");
        assert_eq!(api.call(&source).await.status(), StatusCode::OK);
        assert_eq!(api.seen(), ["tok", "token-2"]);
    });
}

#[test]
fn a_refusal_with_the_file_gone_is_the_callers_to_see() {
    run(async {
        let path = place("gone");
        let (source, _) = source(&path);
        fs::write(&path, "token-1").unwrap();
        obtained(&source).await;
        fs::remove_file(&path).unwrap();
        let api = Api::taking("token-2");
        let response = api.call(&source).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.extensions().get(), Some(&Refusal::SameToken));
    });
}

/// The look may have read the file before it was replaced: it proves nothing.
#[test]
fn a_refusal_while_a_look_is_under_way_is_looked_into_by_one_other() {
    for replaced in [false, true] {
        let path = place("meanwhile");
        fs::write(&path, "token-1").unwrap();
        let (source, clock) = source(&path);
        let log = Log::default();
        let _logging = log.start();
        run(async {
            let token = obtain(&source).await.unwrap();
            let finish = hold_the_thread();
            clock.advance(10 * SECOND);
            current(&source);
            settle().await; // the look has begun, and waits for the one thread
            assert_eq!(source.refused(&token), AfterRefusal::Obtain);
            assert_eq!(current(&source), None, "it is not sent while in doubt");
            if replaced {
                fs::write(&path, "token-2").unwrap();
            }
            finish.send(()).unwrap();
            let (expected, others) = if replaced {
                ("token-2", 0)
            } else {
                ("token-1", 1)
            };
            assert_eq!(obtained(&source).await, expected);
            assert_eq!(looks(&log), 2 + others);
        });
    }
}

#[test]
fn refusals_while_one_is_looked_into_lead_to_no_other_look() {
    let path = place("several");
    fs::write(&path, "token-1").unwrap();
    let (source, _) = source(&path);
    let log = Log::default();
    let _logging = log.start();
    run(async {
        let token = obtain(&source).await.unwrap();
        let finish = hold_the_thread();
        source.refused(&token);
        let mut waiting = Box::pin(obtained(&source));
        assert!(poll_immediate(&mut waiting).await.is_none());
        settle().await;
        assert_eq!(source.refused(&token), AfterRefusal::Obtain);
        finish.send(()).unwrap();
        assert_eq!(waiting.await, "token-1");
        assert_eq!(source.refused(&token), AfterRefusal::Final);
        assert_eq!(looks(&log), 2);
    });
}

#[test]
fn a_token_that_came_because_of_a_refusal_may_be_refused_too() {
    run(async {
        let path = place("again");
        let (source, _) = source(&path);
        for number in 1..5 {
            fs::write(&path, format!("token-{number}")).unwrap();
            let token = obtain(&source).await.unwrap();
            assert_eq!(token.expose(), format!("token-{number}"));
            assert_eq!(source.refused(&token), AfterRefusal::Obtain);
        }
    });
}

/// Keeps the one thread that may block busy.
fn hold_the_thread() -> std::sync::mpsc::Sender<()> {
    let (finish, gate) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || gate.recv());
    finish
}
