//! `RefreshingBuilder::log_in_again` and credentials that lock an account: who is asked, how
//! often, and what brings it back.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    error::Error,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::{join_all, poll_immediate};
use http::StatusCode;
use tokio::{sync::Notify, time::sleep};
use tower_bearer::{
    AccessToken, BoxError, BoxFuture, ClientAuth, Refreshing, ScopeSet, TokenEndpoint,
    client::{
        AfterRefusal, EndedSession, ErrorKind, RefreshingBuilder, Timing, TokenSource, TokenStore,
        store::MemoryStore,
    },
    clock::Clock,
    oauth::{LogInAgain, ObtainError, ObtainErrorKind, ObtainToken},
    test_util::{AuthorizationServer, ManualClock},
    token::{Expiry, RefreshToken, Tokens},
};

use support::{HOUR, Issuer, SECOND, Stopwatch, outage, pair, settle, token};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn invalid_grant() -> ObtainError {
    ObtainError::refused("invalid_grant", None)
}

fn not_logged_in() -> ObtainError {
    ObtainError::new(ObtainErrorKind::LogInAgain(LogInAgain::NotLoggedIn))
}

/// A server without a grant, which refuses every refresh token but that of a log-in.
fn no_grant(clock: &ManualClock) -> Issuer {
    Issuer::with_clock(clock, |ask, clock| async move {
        match ask.refresh {
            Some(token) if token.starts_with("refresh-7") => {
                Ok(pair(70 + ask.number, &clock, HOUR))
            }
            Some(_) => Err(invalid_grant()),
            None => Err(not_logged_in()),
        }
    })
}

/// Stored earlier, and ended meanwhile.
fn ended(clock: &ManualClock) -> Tokens {
    let access = AccessToken::new("token-0").unwrap();
    let access = access.with_expiry(Expiry::after(Duration::ZERO, clock));
    Tokens::new(access.with_scope(ScopeSet::parse("a b")))
        .with_refresh_token(RefreshToken::new("refresh-0"))
}

/// Somebody who logs in, and what they were told.
#[derive(Clone)]
struct Person {
    told: Arc<Mutex<Vec<EndedSession>>>,
    answer: Arc<dyn Fn(u64) -> Result<Tokens, ObtainError> + Send + Sync>,
}

impl Person {
    fn answering(
        answer: impl Fn(u64) -> Result<Tokens, ObtainError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            told: Arc::default(),
            answer: Arc::new(answer),
        }
    }

    /// Logs in with `token-7` and `refresh-7`.
    fn knowing_the_password(clock: &ManualClock) -> Self {
        let clock = clock.clone();
        Self::answering(move |_| Ok(pair(7, &clock, HOUR)))
    }

    fn forgetful() -> Self {
        Self::answering(|n| Err(ObtainError::refused(format!("wrong-{n}"), None)))
    }

    fn asked(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    fn keeps(&self, tokens: RefreshingBuilder) -> RefreshingBuilder {
        let person = self.clone();
        tokens.log_in_again(move |session| {
            let mut told = person.told.lock().unwrap();
            told.push(session);
            let answer = (person.answer)(told.len().try_into().unwrap());
            async { answer }
        })
    }
}

fn session(person: &Person, clock: &ManualClock) -> Refreshing {
    let tokens = Refreshing::builder(no_grant(clock))
        .clock(clock.clone())
        .store(MemoryStore::holding(ended(clock)));
    person.keeps(tokens).build()
}

async fn value(tokens: &Refreshing) -> String {
    tokens.token().await.unwrap().expose().to_owned()
}

async fn kind(tokens: &Refreshing) -> ErrorKind {
    tokens.token().await.unwrap_err().kind()
}

const REFUSED: ErrorKind = ErrorKind::LogInAgain(LogInAgain::RefreshTokenRefused);

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(": {source}");
        next = source.source();
    }
    text
}

// Who is asked

#[tokio::test]
async fn one_log_in_serves_a_thousand_callers_and_its_tokens_are_stored() {
    let clock = ManualClock::new();
    let person = Person::knowing_the_password(&clock);
    let store = Arc::new(MemoryStore::holding(ended(&clock)));
    let tokens = Refreshing::builder(no_grant(&clock))
        .clock(clock.clone())
        .store(store.clone());
    let tokens = person.keeps(tokens).build();
    let values = join_all((0..1000).map(|_| value(&tokens))).await;
    assert!(values.iter().all(|value| value == "token-7"));
    assert_eq!(person.asked(), 1);
    let stored = store.load().await.unwrap().unwrap();
    assert_eq!(
        stored.refresh_token(),
        Some(&RefreshToken::new("refresh-7"))
    );

    clock.advance(HOUR);
    assert_eq!(value(&tokens).await, "token-73", "refreshed from then on");
    assert_eq!(person.asked(), 1);
}

#[tokio::test]
async fn who_logs_in_is_told_what_is_known_of_the_session() {
    let clock = ManualClock::new();
    let end = clock.wall() + SECOND;
    let with_end =
        ended(&clock).with_refresh_token(RefreshToken::new("refresh-0").with_expiry(end));
    let rows = [
        (
            "refused",
            Some(ended(&clock)),
            LogInAgain::RefreshTokenRefused,
            None,
        ),
        (
            "ended",
            Some(with_end),
            LogInAgain::RefreshTokenExpired,
            Some(end),
        ),
        ("none", None, LogInAgain::NotLoggedIn, None),
    ];
    clock.advance(SECOND);
    for (rule, stored, cause, end) in rows {
        let person = Person::knowing_the_password(&clock);
        let scope = stored.as_ref().map(|_| ScopeSet::parse("a b"));
        let tokens = Refreshing::builder(no_grant(&clock)).clock(clock.clone());
        let tokens = match stored {
            Some(stored) => tokens.store(MemoryStore::holding(stored)),
            None => tokens,
        };
        assert_eq!(value(&person.keeps(tokens).build()).await, "token-7");
        let told = person.told.lock().unwrap().pop().unwrap();
        assert_eq!(told.cause(), cause, "{rule}");
        assert_eq!(told.scope(), scope.as_ref(), "{rule}");
        assert_eq!(told.refresh_token_expiry(), end, "{rule}");
    }
}

#[tokio::test]
async fn nobody_is_asked_while_the_source_can_do_it_by_itself_or_merely_fails() {
    type Source = fn(&ManualClock) -> Issuer;
    let rows: [(&str, Source, Option<ErrorKind>); 4] = [
        ("a refresh", |clock| Issuer::new(clock, HOUR), None),
        (
            "a grant",
            |clock| {
                Issuer::with_clock(clock, |ask, clock| async move {
                    match ask.refresh {
                        Some(_) => Err(invalid_grant()),
                        None => Ok(token(ask.number, &clock, HOUR)),
                    }
                })
            },
            None,
        ),
        (
            "an outage",
            |_| Issuer::answering(|_| async { Err(outage()) }),
            Some(ErrorKind::Unavailable { retry_after: None }),
        ),
        (
            "a refusal that no log-in mends",
            |_| Issuer::answering(|_| async { Err(ObtainError::refused("invalid_client", None)) }),
            Some(ErrorKind::Refused),
        ),
    ];
    for (rule, source, expected) in rows {
        let clock = ManualClock::new();
        let person = Person::knowing_the_password(&clock);
        let tokens = Refreshing::builder(source(&clock))
            .clock(clock.clone())
            .store(MemoryStore::holding(ended(&clock)));
        let tokens = person.keeps(tokens).build();
        let outcome = tokens.token().await.map_err(|error| error.kind());
        assert_eq!(outcome.err(), expected, "{rule}");
        assert_eq!(person.asked(), 0, "{rule}");
    }
}

#[tokio::test]
async fn of_those_who_share_a_store_one_logs_in() {
    let clock = ManualClock::new();
    let person = Person::knowing_the_password(&clock);
    let store = Arc::new(MemoryStore::holding(ended(&clock)));
    let processes: Vec<_> = (0..8)
        .map(|_| {
            let tokens = Refreshing::builder(no_grant(&clock)).clock(clock.clone());
            person.keeps(tokens.store(store.clone())).build()
        })
        .collect();
    let values = join_all(processes.iter().map(value)).await;
    assert_eq!(values, ["token-7"; 8]);
    assert_eq!(person.asked(), 1);
}

// How often

#[tokio::test]
async fn a_log_in_is_tried_three_times_in_all_and_each_caller_gets_the_outcome() {
    let clock = ManualClock::new();
    let person = Person::forgetful();
    let tokens = session(&person, &clock);
    #[rustfmt::skip]
    let rows = [
        (Duration::ZERO, 1), (59 * SECOND, 1), (SECOND, 2), (119 * SECOND, 2), (SECOND, 3),
        (HOUR, 3), (DAY, 3), (365 * DAY, 3),
    ];
    for (pause, asked) in rows {
        clock.advance(pause);
        for _ in 0..10 {
            let error = tokens.token().await.unwrap_err();
            assert_eq!(error.kind(), REFUSED);
            let told = format!("refused with `wrong-{asked}`");
            assert!(chain(&error).contains(&told), "{}", chain(&error));
        }
        assert_eq!(person.asked(), asked, "after {pause:?} more");
    }
}

#[tokio::test]
async fn the_number_of_attempts_can_be_chosen() {
    let clock = ManualClock::new();
    let person = Person::forgetful();
    let mut timing = Timing::default();
    timing.log_in_attempts = NonZeroU32::MIN;
    let tokens = Refreshing::builder(no_grant(&clock)).clock(clock.clone());
    let tokens = person.keeps(tokens.timing(timing)).build();
    for _ in 0..5 {
        kind(&tokens).await;
        clock.advance(HOUR);
    }
    assert_eq!(person.asked(), 1);
}

#[tokio::test]
async fn an_outage_is_no_attempt_and_everything_else_is() {
    let new = ObtainError::new;
    let bad_answer = || ObtainErrorKind::BadAnswer("HTML".to_owned());
    #[rustfmt::skip]
    let rows = [
        (outage(), false),
        (new(ObtainErrorKind::CutOff), false),
        (new(ObtainErrorKind::Deadline), false),
        (new(ObtainErrorKind::Failing(StatusCode::BAD_GATEWAY)), false),
        (new(bad_answer()), false),
        (ObtainError::refused("invalid_grant", None), true),
        (not_logged_in(), true),
        (ObtainError::from(BoxError::from("cancelled")), true),
    ];
    for (failure, counts) in rows {
        let clock = ManualClock::new();
        let person = Person::answering({
            let failure = failure.clone();
            move |_| Err(failure.clone())
        });
        let tokens = session(&person, &clock);
        for _ in 0..10 {
            let expected = match counts {
                true => matches!(kind(&tokens).await, REFUSED),
                false => matches!(kind(&tokens).await, ErrorKind::Unavailable { .. }),
            };
            assert!(expected, "{failure}");
            clock.advance(HOUR);
        }
        assert_eq!(person.asked(), if counts { 3 } else { 10 }, "{failure}");
    }
}

#[tokio::test]
async fn a_log_in_that_gives_a_token_that_has_ended_is_a_failed_one() {
    let clock = ManualClock::new();
    let person = Person::answering({
        let clock = clock.clone();
        move |_| Ok(ended(&clock))
    });
    let tokens = session(&person, &clock);
    for _ in 0..10 {
        assert_eq!(kind(&tokens).await, REFUSED);
        clock.advance(HOUR);
    }
    assert_eq!(person.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_log_in_may_take_longer_than_callers_wait_but_not_for_ever() {
    let clock = ManualClock::new();
    let slow = |duration| {
        let clock = clock.clone();
        let tokens = pair(7, &clock, HOUR);
        Refreshing::builder(no_grant(&clock))
            .clock(clock)
            .log_in_again(move |_| {
                let tokens = tokens.clone();
                async move {
                    sleep(duration).await;
                    Ok::<_, ObtainError>(tokens)
                }
            })
            .build()
    };
    let watch = Stopwatch::start();
    let tokens = slow(2 * MINUTE);
    assert_eq!(kind(&tokens).await, ErrorKind::Deadline);
    assert_eq!(watch.elapsed(), 10 * SECOND);
    tokens.close().await;
    assert_eq!(watch.elapsed(), 2 * MINUTE);
    assert_eq!(value(&tokens).await, "token-7");

    let watch = Stopwatch::start();
    let tokens = slow(DAY);
    assert_eq!(kind(&tokens).await, ErrorKind::Deadline);
    tokens.close().await;
    assert_eq!(watch.elapsed(), 3 * MINUTE);
    let error = tokens.state().last_error.unwrap();
    let cause = ErrorKind::LogInAgain(LogInAgain::NotLoggedIn);
    assert_eq!(error.kind(), cause, "{error:?}");
}

#[tokio::test]
async fn a_renewal_ahead_logs_in_too_and_nobody_waits() {
    let clock = ManualClock::new();
    let person = Person::knowing_the_password(&clock);
    let tokens = session(&person, &clock);
    let unrefreshable = pair(1, &clock, HOUR);
    tokens.replace_tokens(unrefreshable).await.unwrap();
    clock.advance(HOUR - MINUTE);
    let now = poll_immediate(Box::pin(tokens.token())).await;
    assert_eq!(now.unwrap().unwrap().expose(), "token-1");
    settle().await;
    assert_eq!(value(&tokens).await, "token-7");
    assert_eq!(person.asked(), 1);
}

#[tokio::test]
async fn a_log_in_whose_token_is_refused_at_once_is_braked() {
    let clock = ManualClock::new();
    let person = Person::answering({
        let clock = clock.clone();
        move |n| Ok(pair(1000 + n, &clock, HOUR)) // and no refresh token is taken
    });
    let tokens = session(&person, &clock);
    for _ in 0..600 {
        let token = tokens.token().await.unwrap();
        match tokens.refused(&token) {
            AfterRefusal::Obtain => assert!(!token.same_value(&tokens.token().await.unwrap())),
            AfterRefusal::HeldBack { .. } => {}
            other => panic!("{other:?}"),
        }
        clock.advance(SECOND);
    }
    // At 0, 30, 90, 210 and 450 s, and the first one.
    assert_eq!(person.asked(), 6);
}

// What brings it back

/// A session whose log-ins were all refused.
async fn exhausted(person: &Person, store: &Arc<MemoryStore>, clock: &ManualClock) -> Refreshing {
    let tokens = Refreshing::builder(no_grant(clock))
        .clock(clock.clone())
        .store(store.clone());
    let tokens = person.keeps(tokens).build();
    for _ in 0..4 {
        assert_eq!(kind(&tokens).await, REFUSED);
        clock.advance(HOUR);
    }
    assert_eq!(person.asked(), 3);
    tokens
}

#[tokio::test]
async fn tokens_that_are_put_in_revive_it() {
    let clock = ManualClock::new();
    let store = Arc::new(MemoryStore::holding(ended(&clock)));
    let person = Person::forgetful();
    let tokens = exhausted(&person, &store, &clock).await;
    tokens.replace_tokens(pair(7, &clock, HOUR)).await.unwrap();
    assert_eq!(value(&tokens).await, "token-7");
    // And with them the right to three more.
    tokens.replace_tokens(ended(&clock)).await.unwrap();
    for _ in 0..5 {
        kind(&tokens).await;
        clock.advance(HOUR);
    }
    assert_eq!(person.asked(), 6);
}

#[tokio::test]
async fn another_source_revives_it() {
    let clock = ManualClock::new();
    let store = Arc::new(MemoryStore::holding(ended(&clock)));
    let person = Person::forgetful();
    let tokens = exhausted(&person, &store, &clock).await;
    tokens.replace_source(no_grant(&clock));
    let cause = ErrorKind::LogInAgain(LogInAgain::NotLoggedIn);
    assert_eq!(kind(&tokens).await, cause);
    assert_eq!(person.asked(), 4);
    tokens.replace_source(Issuer::new(&clock, HOUR));
    assert_eq!(value(&tokens).await, "token-1");
}

#[tokio::test]
async fn tokens_that_another_process_stored_revive_it() {
    let clock = ManualClock::new();
    let store = Arc::new(MemoryStore::holding(ended(&clock)));
    let tokens = exhausted(&Person::forgetful(), &store, &clock).await;
    let other = Refreshing::builder(no_grant(&clock))
        .clock(clock.clone())
        .store(store)
        .build();
    other.replace_tokens(pair(7, &clock, HOUR)).await.unwrap();
    assert_eq!(value(&tokens).await, "token-7");
}

#[tokio::test]
async fn a_success_starts_the_count_anew() {
    let clock = ManualClock::new();
    let person = Person::answering({
        let clock = clock.clone();
        move |n| match n {
            3 => Ok(pair(1000, &clock, HOUR)),
            n => Err(ObtainError::refused(format!("wrong-{n}"), None)),
        }
    });
    let tokens = session(&person, &clock);
    for _ in 0..10 {
        let _ = tokens.token().await;
        clock.advance(HOUR);
    }
    assert_eq!(person.asked(), 6);
}

#[tokio::test]
async fn a_log_in_for_a_source_that_was_replaced_meanwhile_counts_for_nothing() {
    let clock = ManualClock::new();
    let gate = Arc::new(Notify::new());
    let person = Person::forgetful();
    let mut timing = Timing::default();
    timing.log_in_attempts = NonZeroU32::MIN;
    let tokens = Refreshing::builder(no_grant(&clock))
        .clock(clock.clone())
        .timing(timing)
        .log_in_again({
            let (gate, person) = (gate.clone(), person.clone());
            move |session| {
                person.told.lock().unwrap().push(session);
                let (gate, failure) = (gate.clone(), (person.answer)(1));
                async move {
                    gate.notified().await;
                    failure
                }
            }
        })
        .build();
    let mut waiting = Box::pin(tokens.token());
    assert!(poll_immediate(&mut waiting).await.is_none());
    settle().await;
    tokens.replace_source(no_grant(&clock));
    gate.notify_one();
    assert!(poll_immediate(&mut waiting).await.is_none());
    settle().await;
    assert!(poll_immediate(&mut waiting).await.is_none());
    gate.notify_one();
    waiting.await.unwrap_err();
    assert_eq!(person.asked(), 2);
}

// Without a hook

#[tokio::test]
async fn without_a_hook_each_caller_gets_the_error_until_there_are_new_credentials() {
    let clock = ManualClock::new();
    let issuer = no_grant(&clock);
    let store = Arc::new(MemoryStore::holding(ended(&clock)));
    let tokens = Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .store(store)
        .build();
    for _ in 0..10 {
        for _ in 0..10 {
            assert_eq!(kind(&tokens).await, REFUSED);
        }
        clock.advance(DAY);
    }
    // The grant, which this source does not have, is asked for each day's first caller.
    assert_eq!(issuer.asked(), 1 + 10, "the refresh token was sent once");
    // The same one put in by somebody is new credentials.
    tokens.replace_tokens(ended(&clock)).await.unwrap();
    assert_eq!(kind(&tokens).await, REFUSED);
    assert_eq!(issuer.asked(), 13);
    tokens.replace_tokens(pair(7, &clock, HOUR)).await.unwrap();
    assert_eq!(value(&tokens).await, "token-7");
}

// Grants that lock an account

/// A password, as grants with credentials of a person are.
struct Password(Issuer);

impl ObtainToken for Password {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        self.0.obtain()
    }

    fn refresh<'a>(
        &'a self,
        token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        self.0.refresh(token)
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(3)
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_in_all() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|_| async { Err(invalid_grant()) });
    let tokens = Refreshing::builder(Password(issuer.clone()))
        .clock(clock.clone())
        .build();
    for (pause, asked) in [(0, 1), (60, 2), (120, 3), (240, 3), (86_400, 3)] {
        clock.advance(Duration::from_secs(pause));
        assert_eq!(kind(&tokens).await, ErrorKind::Refused);
        assert_eq!(issuer.asked(), asked, "after {pause} s more");
    }
    tokens.replace_source(Password(Issuer::new(&clock, HOUR)));
    assert_eq!(value(&tokens).await, "token-1");
}

#[tokio::test]
async fn the_password_grant_reaches_a_server_three_times_in_all() {
    let server = AuthorizationServer::builder();
    let server = server.user("alice", "right").build().unwrap();
    let endpoint = |password: &str| {
        TokenEndpoint::new(&server.token_url())
            .unwrap()
            .client_auth(ClientAuth::basic("client", "secret"))
            .grant(tower_bearer::oauth::Password::new("alice", password))
            .over(server.clone())
    };
    let builder = Refreshing::builder(endpoint("wrong"));
    let tokens = builder.clock(server.clock().clone()).build();
    for _ in 0..6 {
        assert_eq!(kind(&tokens).await, ErrorKind::Refused);
        server.clock().advance(HOUR);
    }
    assert_eq!(server.requests().password, 3);
    tokens.replace_source(endpoint("right").clock(server.clock().clone()));
    assert!(tokens.token().await.is_ok());
}

#[tokio::test]
async fn an_outage_is_no_wrong_password() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|_| async { Err(outage()) });
    let tokens = Refreshing::builder(Password(issuer.clone()))
        .clock(clock.clone())
        .build();
    for asked in 1..10 {
        assert!(matches!(kind(&tokens).await, ErrorKind::Unavailable { .. }));
        assert_eq!(issuer.asked(), asked);
        clock.advance(HOUR);
    }
}

#[tokio::test]
async fn a_dead_refresh_token_falls_back_to_the_password_three_times_in_all() {
    let clock = ManualClock::new();
    let asks = Arc::new(Mutex::new(Vec::new()));
    let issuer = Issuer::answering({
        let asks = asks.clone();
        move |ask| {
            asks.lock()
                .unwrap()
                .push(ask.refresh.unwrap_or("password".to_owned()));
            async { Err(invalid_grant()) }
        }
    });
    let tokens = Refreshing::builder(Password(issuer))
        .clock(clock.clone())
        .store(MemoryStore::holding(ended(&clock)))
        .build();
    for _ in 0..6 {
        assert_eq!(kind(&tokens).await, ErrorKind::Refused);
        clock.advance(HOUR);
    }
    assert_eq!(
        *asks.lock().unwrap(),
        ["refresh-0", "password", "password", "password"]
    );
}
