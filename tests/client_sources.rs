//! Sources made of sources, and the environment.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{
    executor::block_on,
    future::{join_all, poll_immediate},
};
use http::{Extensions, Method, Uri};
use tower_bearer::{
    AccessToken, BoxError, BoxFuture, Refreshing,
    client::{
        AfterRefusal, Error, ErrorKind, RequestContext, TokenSource,
        source::{self, PerTenant, ReadError, ReadErrorKind},
    },
    test_util::ManualClock,
};

use support::{HOUR, Issuer, outage, settle};

fn fixed(value: &str) -> AccessToken {
    AccessToken::new(value).unwrap()
}

/// The parts of a request; its tenant is in the extensions.
struct Parts(Uri, Extensions);

fn to(uri: &str) -> Parts {
    Parts(uri.parse().unwrap(), Extensions::new())
}

fn of(tenant: u32) -> Parts {
    let mut parts = to("https://api.example/");
    parts.1.insert(tenant);
    parts
}

impl Parts {
    fn context(&self) -> RequestContext<'_> {
        RequestContext::new(&Method::GET, &self.0, &self.1)
    }

    fn current(&self, source: &impl TokenSource) -> Option<String> {
        let token = source.current(&self.context());
        token.map(|token| token.expose().to_owned())
    }

    async fn obtain(&self, source: &impl TokenSource) -> Result<AccessToken, BoxError> {
        source.obtain(self.context()).await
    }

    async fn obtained(&self, source: &impl TokenSource) -> Result<String, Option<ErrorKind>> {
        let token = self.obtain(source).await;
        token
            .map(|token| token.expose().to_owned())
            .map_err(|error| error.downcast_ref().map(Error::kind))
    }
}

const NONE: Result<String, Option<ErrorKind>> = Err(Some(ErrorKind::NoTokenForRequest));

fn ok(value: &str) -> Result<String, Option<ErrorKind>> {
    Ok(value.to_owned())
}

fn nothing() -> impl TokenSource {
    source::from_fn(|_| None)
}

/// Says that it has none only when it is asked.
fn nothing_after_asking() -> impl TokenSource {
    source::from_async_fn(|request| {
        let none = Error::no_token_for(&request);
        async { Err::<AccessToken, _>(none) }
    })
}

fn failing() -> impl TokenSource {
    source::from_async_fn(|_| async { Err::<AccessToken, _>("on fire") })
}

fn issuing(clock: &ManualClock) -> (Refreshing, Issuer) {
    let issuer = Issuer::new(clock, HOUR);
    let builder = Refreshing::builder(issuer.clone()).clock(clock.clone());
    (builder.build(), issuer)
}

// The first that has a token

#[tokio::test]
async fn the_first_source_that_is_there_for_a_request_serves_it() {
    let first = |source| source::first_of(source).or(fixed("second"));
    let cold = issuing(&ManualClock::new()).0;
    let dead = Refreshing::new(Issuer::answering(|_| async { Err(outage()) }));
    let unavailable = Err(Some(ErrorKind::Unavailable { retry_after: None }));
    let (now, later) = (Some("second".to_owned()), None);
    let unset = source::from_env("TOWER_BEARER_TEST_UNSET");
    let rows = [
        (
            "the first has one",
            first(Arc::new(fixed("first")) as Arc<dyn TokenSource>),
            Some("first".to_owned()),
            ok("first"),
        ),
        (
            "the first has none for such requests",
            first(Arc::new(nothing())),
            now.clone(),
            ok("second"),
        ),
        (
            "the first says so only when it is asked",
            first(Arc::new(nothing_after_asking())),
            later.clone(),
            ok("second"),
        ),
        (
            "the first has to get one",
            first(Arc::new(cold)),
            later.clone(),
            ok("token-1"),
        ),
        (
            "the first fails",
            first(Arc::new(failing())),
            later.clone(),
            Err(None),
        ),
        (
            "the first has an outage",
            first(Arc::new(dead)),
            later.clone(),
            unavailable,
        ),
        (
            "a variable that is not set",
            first(Arc::new(unset)),
            now,
            ok("second"),
        ),
        (
            "a variable that is set to what is no token",
            first(Arc::new(source::from_env("CARGO_PKG_DESCRIPTION"))),
            later.clone(),
            Err(Some(ErrorKind::Unreadable)),
        ),
        (
            "a file that is missing",
            first(Arc::new(source::from_file("/nowhere/token"))),
            later,
            Err(Some(ErrorKind::Unreadable)),
        ),
    ];
    for (rule, source, current, obtained) in rows {
        let request = to("https://api.example/");
        assert_eq!(request.current(&source), current, "{rule}");
        assert_eq!(request.obtained(&source).await, obtained, "{rule}");
    }
}

#[tokio::test]
async fn where_no_source_has_a_token_the_error_is_that_of_the_last() {
    let request = to("https://api.example/");
    let unset = || source::from_env("TOWER_BEARER_TEST_UNSET");
    let source = source::first_of(nothing()).or(unset());
    assert!(!source.serves(&request.context()));
    let error = request.obtain(&source).await.unwrap_err();
    assert_eq!(
        error.downcast_ref().map(Error::kind),
        Some(ErrorKind::NoTokenForRequest)
    );
    assert!(
        format!("{error:?}").contains("TOWER_BEARER_TEST_UNSET"),
        "{error:?}"
    );
    assert_eq!(request.obtained(&source::first_of(nothing())).await, NONE);

    let nested = source::first_of(source).or(fixed("last"));
    assert_eq!(request.current(&nested).as_deref(), Some("last"));
}

// One for each origin

#[tokio::test]
async fn the_origin_chooses_the_source_and_no_other_sees_its_token() {
    let source = source::per_origin()
        .origin("https://a.example", fixed("replaced"))
        .unwrap()
        .origin("https://A.example:443", fixed("a"))
        .unwrap()
        .origin("https://b.example:8443", fixed("b"))
        .unwrap()
        .origin("https://none.example", nothing())
        .unwrap();
    let rows = [
        ("https://a.example/orders", ok("a")),
        ("https://A.EXAMPLE:443/", ok("a")),
        ("https://b.example:8443/", ok("b")),
        ("https://b.example/", NONE),
        ("http://a.example/", NONE),
        ("https://a.example.evil.example/", NONE),
        ("https://a.example@evil.example/", NONE),
        ("https://none.example/", NONE),
        ("/orders", NONE),
    ];
    for (uri, expected) in &rows {
        let request = to(uri);
        assert_eq!(request.obtained(&source).await, *expected, "{uri}");
        assert_eq!(request.current(&source), expected.clone().ok(), "{uri}");
        assert_eq!(source.serves(&request.context()), expected.is_ok(), "{uri}");
    }
    let source = source.otherwise(fixed("other"));
    for (uri, expected) in rows {
        let is_named = expected.is_ok() || uri.contains("none");
        let expected = if is_named { expected } else { ok("other") };
        assert_eq!(to(uri).obtained(&source).await, expected, "{uri}");
    }
    assert!(
        source::per_origin()
            .origin("https://a.example/v1", fixed("a"))
            .is_err()
    );
}

// One for each tenant

/// Makes a source for each tenant, and keeps its issuer.
#[derive(Clone)]
struct Tenants {
    clock: ManualClock,
    made: Arc<Mutex<HashMap<u32, Vec<Issuer>>>>,
}

impl Tenants {
    fn new() -> Self {
        Self {
            clock: ManualClock::new(),
            made: Arc::default(),
        }
    }

    fn source(&self) -> PerTenant<u32> {
        let tenants = self.clone();
        source::per_tenant(
            |request| request.extensions().get::<u32>().copied(),
            move |tenant| match tenant {
                0 => Err("no such tenant"),
                _ => Ok(tenants.make(*tenant)),
            },
        )
    }

    fn make(&self, tenant: u32) -> Refreshing {
        let (source, issuer) = issuing(&self.clock);
        let mut made = self.made.lock().unwrap();
        made.entry(tenant).or_default().push(issuer);
        source
    }

    fn made(&self, tenant: u32) -> usize {
        self.made.lock().unwrap().get(&tenant).map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn each_tenant_has_a_source_that_is_made_once() {
    let tenants = Tenants::new();
    let source = tenants.source();
    assert_eq!(of(1).current(&source), None);
    assert_eq!(
        tenants.made(1),
        0,
        "nothing is made before it is waited for"
    );
    let (one, two) = (of(1), of(2));
    let tokens = join_all((0..100).map(|n| if n % 2 == 0 { &one } else { &two }.obtained(&source)));
    assert!(tokens.await.iter().all(Result::is_ok));
    assert_eq!((tenants.made(1), tenants.made(2)), (1, 1));
    let issuers = tenants.made.lock().unwrap().clone();
    assert_eq!((issuers[&1][0].asked(), issuers[&2][0].asked()), (1, 1));
    assert_eq!(of(1).current(&source).as_deref(), Some("token-1"));
}

#[test]
fn threads_that_come_together_for_a_new_tenant_make_one_source() {
    let tenants = Tenants::new();
    let source = tenants.source();
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().build().unwrap();
                barrier.wait();
                for tenant in 1..=50 {
                    runtime.block_on(of(tenant).obtained(&source)).unwrap();
                }
            });
        }
    });
    assert!((1..=50).all(|tenant| tenants.made(tenant) == 1));
}

#[tokio::test]
async fn a_request_of_no_tenant_has_no_token_and_a_tenant_without_a_source_is_an_error() {
    let tenants = Tenants::new();
    let source = source::first_of(tenants.source()).or(fixed("nobodys"));
    let nobody = to("https://api.example/");
    assert_eq!(nobody.current(&source).as_deref(), Some("nobodys"));
    assert_eq!(nobody.obtained(&tenants.source()).await, NONE);
    for _ in 0..2 {
        let error = of(0).obtain(&source).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no such tenant",
            "it is sent as nobody else"
        );
        assert_eq!(of(0).current(&source), None);
    }
}

#[tokio::test]
async fn the_tenant_leaves_that_was_used_least_recently() {
    let tenants = Tenants::new();
    let source = tenants.source().at_most(3);
    for tenant in [1, 2, 3] {
        of(tenant).obtained(&source).await.unwrap();
    }
    of(1).current(&source).unwrap();
    of(4).obtained(&source).await.unwrap(); // 2 leaves
    of(3).current(&source).unwrap();
    of(1).current(&source).unwrap();
    of(5).obtained(&source).await.unwrap(); // 4 leaves
    let at_hand: Vec<_> = (1..=5)
        .filter(|tenant| of(*tenant).current(&source).is_some())
        .collect();
    assert_eq!(at_hand, [1, 3, 5]);
    of(2).obtained(&source).await.unwrap();
    assert_eq!(tenants.made(2), 2, "it comes back as a newcomer");
}

#[tokio::test]
async fn however_many_tenants_come_a_thousand_have_a_source() {
    let tenants = Tenants::new();
    let source = tenants.source();
    for tenant in 1..=1010 {
        of(tenant).obtained(&source).await.unwrap();
    }
    let at_hand = (1..=1010).filter(|tenant| of(*tenant).current(&source).is_some());
    assert!(at_hand.eq(11..=1010));
    let smallest = tenants.source().at_most(0);
    of(1).obtained(&smallest).await.unwrap();
    assert!(of(1).current(&smallest).is_some(), "at least one");
}

#[tokio::test]
async fn a_tenant_that_leaves_while_it_waits_gets_its_token_and_its_refusals() {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let gated = Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .build();
    let source = source::per_tenant(
        |request| request.extensions().get::<u32>().copied(),
        move |tenant| match tenant {
            1 => Ok::<_, BoxError>(Arc::new(gated.clone()) as Arc<dyn TokenSource>),
            _ => Ok(Arc::new(fixed("newcomer"))),
        },
    )
    .at_most(1);
    let request = of(1);
    let mut waiting = Box::pin(request.obtain(&source));
    assert!(poll_immediate(&mut waiting).await.is_none());
    of(2).obtained(&source).await.unwrap();
    settle().await;
    gate.notify_one();
    let token = waiting.await.unwrap();
    assert_eq!(token.expose(), "token-1");
    assert!(source.is_usable(&token));
    assert_eq!(source.refused(&token), AfterRefusal::Obtain);
    gate.notify_one();
    let again = request.obtained(&source).await;
    assert_eq!(again, ok("token-2"), "the source knew of the refusal");
    assert_eq!(issuer.asked(), 2);
}

// Refusals find their source

/// Answers by its settings, and counts the refusals that it is told.
#[derive(Clone)]
struct Told {
    token: AccessToken,
    is_usable: bool,
    after: AfterRefusal,
    refusals: Arc<AtomicUsize>,
}

impl Told {
    fn new(value: &str, is_usable: bool, after: AfterRefusal) -> Self {
        Self {
            token: fixed(value),
            is_usable,
            after,
            refusals: Arc::default(),
        }
    }

    fn refusals(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }
}

impl TokenSource for Told {
    fn current(&self, _: &RequestContext<'_>) -> Option<AccessToken> {
        Some(self.token.clone())
    }

    fn obtain<'a>(&'a self, _: RequestContext<'a>) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(std::future::ready(Ok(self.token.clone())))
    }

    fn is_usable(&self, _: &AccessToken) -> bool {
        self.is_usable
    }

    fn refused(&self, _: &AccessToken) -> AfterRefusal {
        self.refusals.fetch_add(1, Ordering::SeqCst);
        self.after.clone()
    }
}

#[test]
fn what_is_said_of_a_token_reaches_the_source_that_gave_it_and_no_other() {
    // Both give the same value: that does not tell them apart.
    let obtains = Told::new("same", true, AfterRefusal::Obtain);
    let has_no_other = Told::new("same", false, AfterRefusal::Final);
    let (a, b) = (obtains.clone(), has_no_other.clone());
    let per_tenant = source::per_tenant(
        |request| request.extensions().get::<u32>().copied(),
        move |tenant| Ok::<_, BoxError>(if *tenant == 1 { a.clone() } else { b.clone() }),
    );
    let per_origin = source::per_origin()
        .origin("https://one.example", obtains.clone())
        .unwrap()
        .otherwise(has_no_other.clone());
    let source = source::first_of(per_tenant).or(source::first_of(per_origin));
    let rows = [
        ("a tenant", of(1), &obtains),
        ("another tenant", of(2), &has_no_other),
        ("an origin", to("https://one.example/"), &obtains),
        ("another origin", to("https://two.example/"), &has_no_other),
    ];
    for (row, request, giver) in rows {
        let obtained = block_on(request.obtain(&source)).unwrap();
        let current = source.current(&request.context()).unwrap();
        for token in [obtained, current.with_scope(Default::default())] {
            let before = giver.refusals();
            assert_eq!(source.is_usable(&token), giver.is_usable, "{row}");
            assert_eq!(source.refused(&token), giver.after, "{row}");
            assert_eq!(giver.refusals(), before + 1, "{row}");
        }
    }
    assert_eq!((obtains.refusals(), has_no_other.refusals()), (4, 4));
}

#[test]
fn a_token_that_came_from_elsewhere_is_usable_and_has_no_other() {
    let source = source::first_of(Told::new("mine", false, AfterRefusal::Obtain));
    assert!(source.is_usable(&fixed("mine")));
    assert_eq!(source.refused(&fixed("mine")), AfterRefusal::Final);
}

// The environment

#[test]
fn a_variable_gives_its_token_or_a_typed_error_that_shows_nothing_of_it() {
    let unset = Err((ErrorKind::NoTokenForRequest, ReadErrorKind::Unset));
    let no_token = Err((ErrorKind::Unreadable, ReadErrorKind::NotAToken));
    // Set by cargo for each test.
    let rows = [
        ("TOWER_BEARER_TEST_UNSET", unset.clone()),
        ("a=b", unset),
        ("CARGO_PKG_HOMEPAGE", no_token.clone()), // empty
        ("CARGO_PKG_DESCRIPTION", no_token),      // a sentence
        ("CARGO_PKG_NAME", Ok("tower-bearer".to_owned())),
    ];
    for (name, expected) in rows {
        let source = source::from_env(name);
        let request = to("https://api.example/");
        assert_eq!(request.current(&source), expected.clone().ok(), "{name}");
        let obtained = block_on(request.obtain(&source));
        let obtained = obtained.map(|token| token.expose().to_owned());
        let kinds = obtained.map_err(|error| {
            let error: &Error = error.downcast_ref().unwrap();
            let shown = format!("{error:?}");
            assert!(
                shown.contains(name) && !shown.contains("Bearer tokens"),
                "{shown}"
            );
            let read: &ReadError = std::error::Error::source(error)
                .unwrap()
                .downcast_ref()
                .unwrap();
            (error.kind(), read.kind())
        });
        assert_eq!(kinds, expected, "{name}");
    }
}

#[test]
fn a_variable_is_read_once_and_again_when_its_token_was_refused() {
    const NAME: &str = "TOWER_BEARER_TEST_TOKEN";
    let request = to("https://api.example/");
    let source = source::from_env(NAME);
    let with = |value: &str, test: &dyn Fn()| temp_env::with_var(NAME, Some(value), test);
    with(" token-1\n", &|| {
        assert_eq!(request.current(&source).as_deref(), Some("token-1"));
        assert_eq!(source.refused(&fixed("token-1")), AfterRefusal::Final);
    });
    with("token-2", &|| {
        assert_eq!(request.current(&source).as_deref(), Some("token-1"));
        assert_eq!(source.refused(&fixed("token-1")), AfterRefusal::Obtain);
        assert_eq!(block_on(request.obtained(&source)), ok("token-2"));
    });
    assert_eq!(source.refused(&fixed("token-2")), AfterRefusal::Final);
    assert_eq!(
        block_on(request.obtained(&source)),
        NONE,
        "it is not set any more"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_an_error() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    const NAME: &str = "TOWER_BEARER_TEST_BYTES";
    temp_env::with_var(NAME, Some(OsStr::from_bytes(b"token\xff")), || {
        let obtained = block_on(to("/").obtain(&source::from_env(NAME)));
        let shown = format!("{:?}", obtained.unwrap_err());
        assert!(shown.contains("not UTF-8"), "{shown}");
    });
}
