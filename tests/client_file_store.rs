//! `FileStore`: what stands in the file, who renews it, and what a failing disk costs.
#![cfg(all(feature = "file-store", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    error::Error,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use futures::future::{join_all, poll_immediate};
use http::StatusCode;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::Notify;
use tower_bearer::{
    AccessToken, Refreshing, ScopeSet,
    client::{
        ErrorKind, TokenStore,
        store::{FileStore, FileStoreError, FileStoreErrorKind},
    },
    oauth::{LogInAgain, ObtainError, ObtainErrorKind},
    test_util::ManualClock,
    token::{Expiry, RefreshToken, Tokens},
};

use support::{HOUR, Issuer, SECOND, outage, pair, settle};

const MINUTE: Duration = Duration::from_secs(60);

/// A directory of its own, and a file in it.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("tokens.json")
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.file())
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn refreshing(&self, issuer: &Issuer, clock: &ManualClock) -> Refreshing {
        Refreshing::builder(issuer.clone())
            .clock(clock.clone())
            .store(self.store())
            .build()
    }

    /// Puts tokens in as a log-in would.
    async fn log_in(&self, tokens: &Tokens) -> Result<(), tower_bearer::client::Error> {
        let nobody = Issuer::answering(|_| async { Err(outage()) });
        let refreshing = Refreshing::builder(nobody).store(self.store()).build();
        refreshing.replace_tokens(tokens.clone()).await
    }
}

/// `token-N` and `refresh-N`, each good for an hour.
fn rotating(clock: &ManualClock) -> Issuer {
    Issuer::with_clock(clock, |ask, clock| async move {
        Ok(pair(ask.number, &clock, HOUR))
    })
}

async fn value(tokens: &Refreshing) -> String {
    tokens.token().await.unwrap().expose().to_owned()
}

async fn refresh_token(store: &FileStore) -> String {
    let tokens = store.load().await.unwrap().unwrap();
    tokens.refresh_token().unwrap().secret().expose().to_owned()
}

fn store_error(error: &(dyn Error + 'static)) -> FileStoreErrorKind {
    let source = error.source().unwrap();
    source.downcast_ref::<FileStoreError>().unwrap().kind()
}

async fn load_error(store: &FileStore) -> (FileStoreErrorKind, String) {
    let error = store.load().await.unwrap_err();
    let kind = error.downcast_ref::<FileStoreError>().unwrap().kind();
    (kind, format!("{error:?}"))
}

// What stands in the file

fn any_tokens() -> impl Strategy<Value = Tokens> {
    let times = (0_u64..4_000_000_000_000, 0_u64..10_000_000_000);
    let access = ("[!-~]{1,60}", prop::option::of(times));
    let refresh = (any::<String>(), prop::option::of(0_u64..9_000_000_000_000));
    let scope = prop::option::of("[a-z:]{1,9}( [a-z:]{1,9}){0,3}");
    (access, prop::option::of(refresh), scope).prop_map(|((access, times), refresh, scope)| {
        let mut access = AccessToken::new(access).unwrap();
        if let Some((end, lifetime)) = times {
            let lifetime = Duration::from_millis(lifetime);
            access = access.with_expiry(Expiry::at(moment(end)).with_lifetime(lifetime));
        }
        if let Some(scope) = scope {
            access = access.with_scope(ScopeSet::parse(&scope));
        }
        match refresh {
            None => Tokens::new(access),
            Some((value, end)) => Tokens::new(access).with_refresh_token(match end {
                Some(end) => RefreshToken::new(value).with_expiry(moment(end)),
                None => RefreshToken::new(value),
            }),
        }
    })
}

fn moment(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

/// All that a file has to keep.
fn all_of(tokens: &Tokens) -> impl PartialEq + std::fmt::Debug + use<> {
    let access = tokens.access_token();
    let refresh = tokens.refresh_token();
    (
        access.expose().to_owned(),
        access.expiry().map(|end| (end.wall(), end.lifetime())),
        access.scope().cloned(),
        refresh.map(|it| (it.secret().expose().to_owned(), it.expiry())),
    )
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_what_is_read(tokens in any_tokens()) {
        let place = Place::new();
        let read = block_on(async {
            place.log_in(&tokens).await.unwrap();
            place.store().load().await.unwrap().unwrap()
        });
        prop_assert_eq!(all_of(&read), all_of(&tokens));
    }
}

#[test]
fn any_prefix_and_any_flipped_bit_is_an_error_or_the_same_tokens_and_is_never_overwritten() {
    let place = Place::new();
    let end = Expiry::at(moment(1_800_000_000_123)).with_lifetime(HOUR);
    let access = AccessToken::new("mF_9.B5f-4.1JqM").unwrap();
    let access = access.with_expiry(end).with_scope(ScopeSet::parse("a b"));
    let refresh = RefreshToken::new("tGzv3JOk").with_expiry(moment(1_900_000_000_000));
    let tokens = Tokens::new(access).with_refresh_token(refresh);
    block_on(async {
        place.log_in(&tokens).await.unwrap();
        let whole = fs::read(place.file()).unwrap();
        let prefixes = (0..whole.len()).map(|length| whole[..length].to_vec());
        let flips = (0..whole.len() * 8).map(|bit| {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        });
        let mut refused = 0;
        for damaged in prefixes.chain(flips) {
            fs::write(place.file(), &damaged).unwrap();
            match place.store().load().await {
                Ok(read) => assert_eq!(all_of(&read.unwrap()), all_of(&tokens)),
                Err(_) if refused % 50 == 0 => {
                    place.log_in(&tokens).await.unwrap_err();
                    assert_eq!(fs::read(place.file()).unwrap(), damaged);
                    refused += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert!(refused > whole.len() * 8, "{refused} of {}", whole.len());
    });
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_a_typed_error_and_stays_until_it_is_reset() {
    use FileStoreErrorKind::{Damaged, NewerVersion};
    let clock = ManualClock::new();
    let ours = Place::new();
    ours.log_in(&pair(1, &clock, HOUR)).await.unwrap();
    let ours = ours.text();
    let edited = |from: &str, to: &str| {
        assert!(ours.contains(from), "{from} in {ours}");
        ours.replacen(from, to, 1)
    };
    let rows = [
        ("nothing", String::new(), Damaged),
        ("text", "secret-1".into(), Damaged),
        (
            "other JSON",
            "{\"access_token\":\"secret-1\"}".into(),
            Damaged,
        ),
        ("torn", ours[..ours.len() - 10].into(), Damaged),
        ("two files in one", format!("{ours}{ours}"), Damaged),
        ("zeros", "\0".repeat(ours.len()), Damaged),
        ("another token", edited("token-1", "token-2"), Damaged),
        (
            "another refresh token",
            edited("refresh-1", "refresh-2"),
            Damaged,
        ),
        (
            "another generation",
            edited("\"generation\":1", "\"generation\":7"),
            Damaged,
        ),
        (
            "a member that we don't know",
            edited("{", "{\"by\":1,"),
            Damaged,
        ),
        (
            "another's format",
            edited("tower-bearer", "power-bearer"),
            Damaged,
        ),
        (
            "no version of ours",
            edited("\"version\":1", "\"version\":0"),
            Damaged,
        ),
        (
            "a newer version",
            edited("\"version\":1", "\"version\":2"),
            NewerVersion(2),
        ),
        (
            "a newer version that looks different",
            "{\"format\":\"tower-bearer tokens\",\"version\":9,\"vault\":\"secret-1\"}".into(),
            NewerVersion(9),
        ),
    ];
    for (row, text, expected) in rows {
        let place = Place::new();
        let store = place.store();
        let issuer = rotating(&clock);
        let tokens = place.refreshing(&issuer, &clock);
        write(&place, &text);
        let (kind, message) = load_error(&store).await;
        assert_eq!(kind, expected, "{row}");
        assert!(!message.contains("secret-1"), "{row}: {message}");
        let error = tokens.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{row}");
        assert_eq!(store_error(&error), expected, "{row}");
        place.log_in(&pair(7, &clock, HOUR)).await.unwrap_err();
        assert_eq!(issuer.asked(), 0, "{row}");
        assert_eq!(place.text(), text, "{row}: it stays as it is");

        store.reset().await.unwrap();
        assert!(store.load().await.unwrap().is_none(), "{row}");
        tokens.replace_tokens(pair(7, &clock, HOUR)).await.unwrap();
        assert_eq!(refresh_token(&store).await, "refresh-7", "{row}");
    }
}

/// Owner-only, as the store does.
fn write(place: &Place, text: &str) {
    let file = tempfile::NamedTempFile::new_in(place.directory.path()).unwrap();
    fs::write(file.path(), text).unwrap();
    file.persist(place.file()).unwrap();
}

#[tokio::test]
async fn what_is_no_file_is_a_typed_error() {
    let place = Place::new();
    fs::create_dir(place.file()).unwrap();
    assert_eq!(
        load_error(&place.store()).await.0,
        FileStoreErrorKind::Damaged
    );
    for path in ["", "/", "..", "/nowhere/at/all/tokens.json"] {
        let store = FileStore::new(path);
        let (kind, message) = load_error(&store).await;
        assert_eq!(store.reset().await.unwrap_err().kind(), kind, "{message}");
    }
}

#[tokio::test]
async fn a_reset_store_is_like_a_new_one() {
    let clock = ManualClock::new();
    let place = Place::new();
    let store = place.store();
    store.reset().await.unwrap();
    place.log_in(&pair(1, &clock, HOUR)).await.unwrap();
    store.reset().await.unwrap();
    assert!(store.load().await.unwrap().is_none());
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 1);
    let lock = place.directory.path().join("tokens.json.lock");
    assert!(lock.exists(), "the lock is never deleted");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_swept_and_nothing_else() {
    let clock = ManualClock::new();
    let place = Place::new();
    let in_it = |name: &str| place.directory.path().join(name);
    let left = in_it(".tokens.json.aB3dE6gH.tmp");
    let others = [
        in_it(".tokens.json.tmp"),
        in_it(".tokens.json.bak.aB3dE6gH.tmp"),
        in_it("tokens.json.aB3dE6gH.tmp"),
        in_it(".tokens.json.aB3dE6gH"),
    ];
    for path in others.iter().chain([&left]) {
        fs::write(path, "token-0").unwrap();
    }
    place.log_in(&pair(1, &clock, HOUR)).await.unwrap();
    assert!(!left.exists());
    for path in others {
        assert!(path.exists(), "{path:?}");
    }
}

#[test]
fn debug_shows_the_path_and_no_more() {
    let store = FileStore::new("/var/lib/orders/tokens.json");
    assert_eq!(
        format!("{store:?}"),
        "FileStore { path: \"/var/lib/orders/tokens.json\", .. }"
    );
}

// Taking turns

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_share_the_file_one_renews_each_generation() {
    let clock = ManualClock::new();
    let place = Place::new();
    let issuer = rotating(&clock);
    let sharing: Vec<_> = (0..8).map(|_| place.refreshing(&issuer, &clock)).collect();
    for generation in 1..4 {
        let values = join_all(sharing.iter().map(value)).await;
        let expected = format!("token-{generation}");
        assert!(values.iter().all(|value| *value == expected), "{values:?}");
        assert_eq!(issuer.asked(), generation);
        clock.advance(HOUR);
    }
}

/// The runtime of this test has one thread: whoever blocked it would wait for ever.
#[tokio::test]
async fn who_waits_for_the_lock_blocks_no_thread_and_then_picks_up_what_the_other_got() {
    let clock = ManualClock::new();
    let place = Place::new();
    let gate = Arc::new(Notify::new());
    let (first, second) = (gated(&clock, &gate), gated(&clock, &gate));
    let (one, other) = (
        place.refreshing(&first, &clock),
        place.refreshing(&second, &clock),
    );
    let (one, other, ()) = tokio::join!(value(&one), value(&other), async {
        while first.asked() + second.asked() == 0 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
    });
    assert_eq!((one.as_str(), other.as_str()), ("token-1", "token-1"));
    assert_eq!(first.asked() + second.asked(), 1);
}

fn gated(clock: &ManualClock, gate: &Arc<Notify>) -> Issuer {
    let gate = gate.clone();
    Issuer::with_clock(clock, move |ask, clock| {
        let gate = gate.clone();
        async move {
            gate.notified().await;
            Ok(pair(ask.number, &clock, HOUR))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_hangs_is_an_error_after_the_wait_and_reading_goes_on() {
    let clock = ManualClock::new();
    let place = Place::new();
    place.log_in(&pair(1, &clock, HOUR)).await.unwrap();
    clock.advance(HOUR);
    let hangs = gated(&clock, &Arc::new(Notify::new()));
    let hanging = place.refreshing(&hangs, &clock);
    let mut holder = Box::pin(hanging.token());
    assert!(poll_immediate(&mut holder).await.is_none());
    while hangs.asked() == 0 {
        tokio::task::yield_now().await;
    }

    assert_eq!(refresh_token(&place.store()).await, "refresh-1");
    let store = place.store().lock_wait(5 * SECOND);
    let waiting = Refreshing::builder(rotating(&clock))
        .clock(clock.clone())
        .store(store.clone())
        .build();
    let error = waiting.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert_eq!(store_error(&error), FileStoreErrorKind::Locked(5 * SECOND));
    let error = store.reset().await.unwrap_err();
    assert_eq!(error.kind(), FileStoreErrorKind::Locked(5 * SECOND));
    assert!(error.to_string().contains("tokens.json.lock"), "{error}");
}

#[test]
fn a_waiter_or_a_holder_that_goes_away_leaves_the_lock_free() {
    let clock = ManualClock::new();
    let place = Place::new();
    let hangs = gated(&clock, &Arc::new(Notify::new()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (holder, waiter) = (
        place.refreshing(&hangs, &clock),
        place.refreshing(&hangs, &clock),
    );
    runtime.block_on(async {
        let mut both = Box::pin(async { tokio::join!(holder.token(), waiter.token()) });
        assert!(poll_immediate(&mut both).await.is_none());
        while hangs.asked() == 0 {
            tokio::task::yield_now().await;
        }
    });
    drop(runtime); // and both exchanges with it
    block_on(async {
        let issuer = rotating(&clock);
        assert_eq!(value(&place.refreshing(&issuer, &clock)).await, "token-1");
    });
}

#[test]
fn without_a_runtime_it_is_a_typed_error() {
    let place = Place::new();
    let outcome = futures::executor::block_on(place.store().load());
    let error = outcome.unwrap_err();
    let error = error.downcast_ref::<FileStoreError>().unwrap();
    assert_eq!(error.kind(), FileStoreErrorKind::NoRuntime);
    let error = futures::executor::block_on(place.store().reset()).unwrap_err();
    assert_eq!(error.kind(), FileStoreErrorKind::NoRuntime);
}

// What a successor knows

/// Whether the file says that a refresh was begun.
fn refresh_begun(place: &Place) -> bool {
    let text = place.text();
    assert!(text.contains("\"refresh_begun\":"), "{text}");
    text.contains("\"refresh_begun\":true")
}

#[tokio::test]
async fn a_refresh_is_marked_before_it_is_asked_for_and_its_outcome_takes_the_mark_away() {
    let clock = ManualClock::new();
    let place = Arc::new(Place::new());
    let marks = Arc::new(Mutex::new(Vec::new()));
    let issuer = Issuer::with_clock(&clock, {
        let (place, marks) = (place.clone(), marks.clone());
        move |ask, clock| {
            marks
                .lock()
                .unwrap()
                .push((ask.refresh, refresh_begun(&place)));
            async move { Ok(pair(ask.number + 1, &clock, HOUR)) }
        }
    });
    place.log_in(&pair(1, &clock, HOUR)).await.unwrap();
    assert!(!refresh_begun(&place));
    clock.advance(HOUR);
    value(&place.refreshing(&issuer, &clock)).await;
    assert_eq!(*marks.lock().unwrap(), [(Some("refresh-1".into()), true)]);
    assert!(!refresh_begun(&place));
    assert!(
        place.text().contains("\"generation\":2"),
        "{}",
        place.text()
    );
}

/// What one process gets for `refresh-1`, `None` if it dies before the answer; and why the
/// next one, to which that token is refused, has to log in.
fn then_refused(first: Option<ObtainError>) -> ErrorKind {
    let clock = ManualClock::new();
    let place = Place::new();
    block_on(place.log_in(&pair(1, &clock, HOUR))).unwrap();
    clock.advance(HOUR);
    // Each runtime is a process: what runs in it ends with it.
    block_on(async {
        let dies = first.is_none();
        let issuer = Issuer::answering(move |ask| {
            let outcome = first.clone();
            async move {
                assert_eq!(ask.refresh.as_deref(), Some("refresh-1"));
                match outcome {
                    Some(error) => Err(error),
                    None => std::future::pending().await,
                }
            }
        });
        let tokens = place.refreshing(&issuer, &clock);
        let mut token = Box::pin(tokens.token());
        let _ = poll_immediate(&mut token).await;
        while issuer.asked() == 0 {
            tokio::task::yield_now().await;
        }
        if !dies {
            token.await.unwrap_err();
        }
    });
    block_on(async {
        let issuer = Issuer::answering(|ask| async move {
            Err(match ask.refresh {
                Some(_) => ObtainError::refused("invalid_grant", None),
                None => ObtainError::new(ObtainErrorKind::LogInAgain(LogInAgain::NotLoggedIn)),
            })
        });
        let tokens = place.refreshing(&issuer, &clock);
        let kind = tokens.token().await.unwrap_err().kind();
        assert_eq!(
            issuer.asked(),
            2,
            "it tries the refresh token once, then the grant"
        );
        kind
    })
}

#[test]
fn a_successor_knows_whether_the_refresh_token_may_have_been_used() {
    use LogInAgain::{MayHaveBeenUsed, RefreshTokenRefused};
    let failing = ObtainError::new(ObtainErrorKind::Failing(StatusCode::BAD_GATEWAY));
    let rows = [
        ("killed in the middle", None, MayHaveBeenUsed),
        ("no answer", Some(outage()), MayHaveBeenUsed),
        ("a gateway that failed", Some(failing), MayHaveBeenUsed),
        (
            "the client was refused",
            Some(ObtainError::refused("invalid_client", None)),
            RefreshTokenRefused,
        ),
    ];
    for (row, first, expected) in rows {
        let kind = then_refused(first);
        assert_eq!(kind, ErrorKind::LogInAgain(expected), "{row}");
    }
}

#[tokio::test]
async fn a_mark_that_was_there_before_a_refusal_stays() {
    let clock = ManualClock::new();
    let place = Place::new();
    place.log_in(&pair(1, &clock, HOUR)).await.unwrap();
    clock.advance(HOUR);
    let answers = [outage(), ObtainError::refused("invalid_client", None)];
    for error in answers {
        let issuer = Issuer::answering(move |_| {
            let error = error.clone();
            async move { Err(error) }
        });
        place.refreshing(&issuer, &clock).token().await.unwrap_err();
        assert!(refresh_begun(&place));
    }
}

// The next process

#[tokio::test]
async fn a_restarted_process_goes_on_with_what_it_finds_and_renews_it_ahead() {
    let clock = ManualClock::new();
    let place = Place::new();
    let issuer = rotating(&clock);
    value(&place.refreshing(&issuer, &clock)).await;
    clock.advance(50 * MINUTE);
    assert_eq!(value(&place.refreshing(&issuer, &clock)).await, "token-1");
    settle_files(|| issuer.asked() > 1).await;
    assert_eq!(issuer.asked(), 1, "50 of 60 minutes: not yet");

    clock.advance(8 * MINUTE);
    let tokens = place.refreshing(&issuer, &clock);
    assert_eq!(value(&tokens).await, "token-1");
    assert_eq!(value(&tokens).await, "token-1", "nobody waits");
    settle_files(|| issuer.asked() > 1).await;
    tokens.close().await;
    assert_eq!(value(&tokens).await, "token-2");
}

/// Lets file work come to an end, until `done` or for long enough.
async fn settle_files(done: impl Fn() -> bool) {
    for _ in 0..50 {
        if done() {
            return;
        }
        settle().await;
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
}

#[tokio::test]
async fn a_stored_token_ends_in_time_though_the_calendar_is_set_back() {
    let rows = [
        ("after it was read", Duration::ZERO, HOUR),
        ("before it was read", HOUR, Duration::ZERO),
    ];
    for (row, before, after) in rows {
        let clock = ManualClock::new();
        let place = Place::new();
        let issuer = rotating(&clock);
        value(&place.refreshing(&issuer, &clock)).await;
        clock.set_wall_back(before);
        let tokens = place.refreshing(&issuer, &clock);
        assert_eq!(value(&tokens).await, "token-1", "{row}");
        clock.set_wall_back(after);
        clock.advance(HOUR);
        assert_eq!(value(&tokens).await, "token-2", "{row}");
    }
}

// A disk that fails

/// Puts a file in the directory's place, and takes it away again.
struct Vanished {
    directory: PathBuf,
}

impl Vanished {
    fn of(place: &Place) -> Self {
        let directory = place.directory.path().to_owned();
        fs::rename(&directory, directory.with_extension("away")).unwrap();
        fs::write(&directory, "").unwrap();
        Self { directory }
    }
}

impl Drop for Vanished {
    fn drop(&mut self) {
        fs::remove_file(&self.directory).unwrap();
        fs::rename(self.directory.with_extension("away"), &self.directory).unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_vanished_costs_no_refresh_token() {
    let clock = ManualClock::new();
    let place = Place::new();
    let issuer = rotating(&clock);
    let tokens = place.refreshing(&issuer, &clock);
    value(&tokens).await;
    clock.advance(HOUR);
    let vanished = Vanished::of(&place);
    let error = tokens.token().await.unwrap_err();
    assert_eq!(store_error(&error), FileStoreErrorKind::Io, "{error:?}");
    assert_eq!(
        issuer.asked(),
        1,
        "nothing is spent that can't be followed up"
    );
    drop(vanished);
    clock.advance(SECOND);
    assert_eq!(value(&tokens).await, "token-2");
    assert_eq!(refresh_token(&place.store()).await, "refresh-2");
}

#[tokio::test]
async fn a_directory_that_vanishes_before_the_answer_is_written_costs_no_token() {
    let clock = ManualClock::new();
    let place = Arc::new(Place::new());
    let vanished = Arc::new(Mutex::new(None));
    let issuer = Issuer::with_clock(&clock, {
        let (place, vanished) = (place.clone(), vanished.clone());
        move |ask, clock| {
            *vanished.lock().unwrap() = Some(Vanished::of(&place));
            async move { Ok(pair(ask.number, &clock, HOUR)) }
        }
    });
    let tokens = place.refreshing(&issuer, &clock);
    for generation in 1..4 {
        let error = tokens.token().await.unwrap_err();
        assert_eq!(store_error(&error), FileStoreErrorKind::Io, "{error:?}");
        assert_eq!(issuer.asked(), generation);
        clock.advance(SECOND);
        tokens.token().await.unwrap_err();
        vanished.lock().unwrap().take();
        clock.advance(MINUTE);
        assert_eq!(value(&tokens).await, format!("token-{generation}"));
        let stored = refresh_token(&place.store()).await;
        assert_eq!(stored, format!("refresh-{generation}"));
        assert_eq!(issuer.asked(), generation, "nobody was asked again");
        clock.advance(HOUR);
    }
}
