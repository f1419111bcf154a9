//! Eight processes share one file and one log-in whose refresh tokens can be used once, while
//! they are killed, at random and aimed, and started anew.
//!
//! The parent is the authorization server, the API, and the one who kills, so it knows of
//! each pair of tokens what became of it. The children are this test binary once more. This
//! is the one test that takes real time: what it is about happens between processes.
#![cfg(all(target_os = "linux", feature = "file-store"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    io::Read,
    iter::Cycle,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    slice::Iter,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, routing};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_bearer::{
    AuthLayer, Refreshing, TokenEndpoint,
    client::{TokenStore, store::FileStore},
    clock::{Clock, SystemClock},
    oauth::{LogIn, ObtainToken},
};

const WORKERS: usize = 8;
const LIFETIME: Duration = Duration::from_secs(2);
/// How long they are killed.
const ORDEAL: Duration = Duration::from_secs(15);
/// How long the survivors may then take until each was served.
const CALM: Duration = Duration::from_secs(15);
const BETWEEN_RANDOM_KILLS: Duration = Duration::from_millis(350);

const SERVER: &str = "TOWER_BEARER_SERVER";
const FILE: &str = "TOWER_BEARER_FILE";
const WORKER: &str = "TOWER_BEARER_WORKER";
const WORKER_HEADER: &str = "x-worker";
/// The parameter of a log-in by the hook: why the session had ended.
const ENDED: &str = "ended";

// The child

#[tokio::test]
#[ignore = "a child of the other test"]
async fn a_worker_that_calls_and_calls() {
    let Ok(server) = env::var(SERVER) else {
        return;
    };
    let name = env::var(WORKER).unwrap().parse().unwrap();
    let http = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let http = ServiceBuilder::new()
        .map_request(move |mut request: Request<Full<Bytes>>| {
            let headers = request.headers_mut();
            headers.insert(WORKER_HEADER, HeaderValue::clone(&name));
            request
        })
        .service(http);
    let endpoint = TokenEndpoint::new(&format!("{server}/token")).unwrap();
    let tokens = Refreshing::builder(endpoint.clone().over(http.clone()))
        .store(FileStore::new(env::var_os(FILE).unwrap()))
        .log_in_again({
            let http = http.clone();
            move |session| {
                let log_in = LogIn::new().parameter(ENDED, format!("{:?}", session.cause()));
                let by_log_in = endpoint.clone().grant(log_in).over(http.clone());
                async move { by_log_in.obtain().await }
            }
        })
        .build();
    let layer = AuthLayer::new(tokens).origin(&server).unwrap();
    let mut client = ServiceBuilder::new().layer(layer).service(http);
    loop {
        let request = Request::get(format!("{server}/orders"));
        let request = request.body(Full::default()).unwrap();
        let response = client.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        sleep(Duration::from_millis(30)).await;
    }
}

// The server

/// What the server knows of the pairs that it gave out. They count from 1: `token-1` and
/// `refresh-1`, `token-2` and `refresh-2`, …
#[derive(Default)]
struct Books {
    given: HashMap<u64, Duration>,
    live: Option<Live>,
    /// Pairs that died with the worker who got them, and what was spent for them.
    lost: HashSet<u64>,
    spent_for_lost: HashSet<u64>,
    logins: usize,
    refreshes: usize,
    refused: usize,
    served: HashMap<u64, usize>,
    problems: Vec<String>,
}

/// The one refresh token that is good.
#[derive(Clone, Copy)]
struct Live {
    number: u64,
    spent: Option<u64>,
    worker: u64,
}

type Answer = (StatusCode, Json<Value>);

impl Books {
    fn token(&mut self, form: &HashMap<String, String>, worker: u64, file: &Path) -> Answer {
        let refresh_token = form.get("refresh_token").map(|token| number(token));
        match (form.get(ENDED), refresh_token) {
            (Some(cause), None) => self.log_in(cause, worker, file),
            (None, Some(spent)) if self.is_live(spent) => {
                self.refreshes += 1;
                self.give(Some(spent), worker)
            }
            (None, Some(spent)) => {
                if !self.spent_for_lost.contains(&spent) {
                    self.problem(format!("worker {worker} used refresh-{spent} once more"));
                }
                self.refused += 1;
                let error = json!({"error": "invalid_grant"});
                (StatusCode::BAD_REQUEST, Json(error))
            }
            _ => {
                self.problem(format!("no token request: {form:?}"));
                (StatusCode::BAD_REQUEST, Json(Value::Null))
            }
        }
    }

    /// A successor knows from the file what became of the refresh token.
    fn log_in(&mut self, cause: &str, worker: u64, file: &Path) -> Answer {
        if let Some(live) = self.live {
            self.problem(format!("a log-in beside the live refresh-{}", live.number));
        }
        let known = match stored(file) {
            None => "NotLoggedIn",
            Some(_) => "MayHaveBeenUsed",
        };
        if cause != known {
            self.problem(format!("logged in because of {cause} and not of {known}"));
        }
        self.logins += 1;
        self.give(None, worker)
    }

    fn is_live(&self, number: u64) -> bool {
        self.live.is_some_and(|live| live.number == number)
    }

    fn give(&mut self, spent: Option<u64>, worker: u64) -> Answer {
        let number = self.given.len() as u64 + 1;
        self.given.insert(number, now());
        self.live = Some(Live {
            number,
            spent,
            worker,
        });
        let answer = json!({
            "access_token": format!("token-{number}"),
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
            "refresh_token": format!("refresh-{number}"),
        });
        (StatusCode::OK, Json(answer))
    }

    fn call(&mut self, headers: &HeaderMap, worker: u64) -> StatusCode {
        let authorization = headers.get("authorization").unwrap().to_str().unwrap();
        let number = number(authorization);
        let given = self
            .given
            .get(&number)
            .filter(|_| !self.lost.contains(&number));
        let Some(given) = given else {
            self.problem(format!("token-{number} was used, and never written down"));
            return StatusCode::UNAUTHORIZED;
        };
        // A busy machine may take its time between the look at the clock and this one.
        if now() - *given > 2 * LIFETIME {
            return StatusCode::UNAUTHORIZED;
        }
        *self.served.entry(worker).or_default() += 1;
        StatusCode::OK
    }

    /// A worker is dead. What it got and did not write is lost.
    fn died(&mut self, worker: u64, file: &Path) {
        let Some(live) = self.live.filter(|live| live.worker == worker) else {
            return;
        };
        if stored(file) != Some(live.number) {
            self.lost.insert(live.number);
            self.spent_for_lost.extend(live.spent);
            self.live = None;
        }
    }

    fn problem(&mut self, what: String) {
        self.problems.push(what);
    }
}

fn now() -> Duration {
    SystemClock::new().monotonic()
}

fn number(token: &str) -> u64 {
    token.rsplit_once('-').unwrap().1.parse().unwrap()
}

/// The number of the pair in the file.
fn stored(file: &Path) -> Option<u64> {
    let document: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let token = document.pointer("/content/refresh_token/value")?;
    Some(number(token.as_str()?))
}

// Who kills

/// At which moment of a token request its worker dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    Spare,
    BeforeTheRequestCounts,
    BeforeTheAnswer,
    AfterTheAnswer(Duration),
}

/// Each `Spare` lets a generation live, so that the next one has something to lose.
const AIMS: [Aim; 10] = [
    Aim::Spare,
    Aim::BeforeTheAnswer,
    Aim::Spare,
    Aim::Spare,
    Aim::BeforeTheRequestCounts,
    Aim::AfterTheAnswer(Duration::from_millis(1)),
    Aim::Spare,
    Aim::AfterTheAnswer(Duration::ZERO),
    Aim::Spare,
    Aim::AfterTheAnswer(Duration::from_millis(4)),
];

struct World {
    books: Books,
    workers: HashMap<u64, Child>,
    started: u64,
    killed: usize,
    aims: Option<Cycle<Iter<'static, Aim>>>,
    server: String,
    file: PathBuf,
}

impl World {
    fn start_workers(&mut self) {
        while self.workers.len() < WORKERS {
            self.started += 1;
            let worker = Command::new(env::current_exe().unwrap())
                .args(["--exact", "a_worker_that_calls_and_calls"])
                .args(["--ignored", "--nocapture"])
                .env(SERVER, &self.server)
                .env(FILE, &self.file)
                .env(WORKER, self.started.to_string())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn();
            self.workers.insert(self.started, worker.unwrap());
        }
    }

    /// Nobody ends who was not killed.
    fn look_after_workers(&mut self) {
        let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
        let ended: Vec<_> = self.workers.extract_if(|_, child| ended(child)).collect();
        for (worker, mut child) in ended {
            let mut said = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut said);
            self.books.problem(format!("worker {worker} ended: {said}"));
        }
        self.start_workers();
    }

    fn kill(&mut self, worker: u64) {
        if let Some(mut child) = self.workers.remove(&worker) {
            child.kill().unwrap();
            child.wait().unwrap();
            self.killed += 1;
            self.books.died(worker, &self.file);
        }
    }

    /// Whoever it may be, except one whose pair is on its way into the file: to lose that is
    /// left to those who aim.
    fn kill_at_random(&mut self) {
        let at = fastrand::usize(..self.workers.len());
        let worker = *self.workers.keys().nth(at).unwrap();
        let is_writing = self
            .books
            .live
            .is_some_and(|live| live.worker == worker && stored(&self.file) != Some(live.number));
        if !is_writing {
            self.kill(worker);
        }
    }

    fn next_aim(&mut self) -> Aim {
        let next = self.aims.as_mut().and_then(Iterator::next);
        next.copied().unwrap_or(Aim::Spare)
    }

    /// Whether the ordeal is over for everybody.
    fn is_calm(&self) -> bool {
        let is_served = |worker| self.books.served.contains_key(worker);
        self.workers.keys().all(is_served) && self.books.live.is_some()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in self.workers.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

type Shared = Arc<Mutex<World>>;

/// The worker who asks, unless it is dead: its last words don't count.
fn living(world: &World, headers: &HeaderMap) -> Option<u64> {
    let worker = headers.get(WORKER_HEADER)?.to_str().ok()?.parse().ok()?;
    world.workers.contains_key(&worker).then_some(worker)
}

const NOBODY_LISTENS: Answer = (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));

async fn token(State(shared): State<Shared>, headers: HeaderMap, form: Bytes) -> Answer {
    let form = form_urlencoded::parse(&form).into_owned().collect();
    let mut world = shared.lock().unwrap();
    let Some(worker) = living(&world, &headers) else {
        return NOBODY_LISTENS;
    };
    let aim = world.next_aim();
    if aim == Aim::BeforeTheRequestCounts {
        world.kill(worker);
        return NOBODY_LISTENS;
    }
    let World { books, file, .. } = &mut *world;
    let answer = books.token(&form, worker, file);
    match aim {
        Aim::BeforeTheAnswer => world.kill(worker),
        Aim::AfterTheAnswer(pause) => {
            let shared = shared.clone();
            tokio::spawn(async move {
                sleep(pause).await;
                shared.lock().unwrap().kill(worker);
            });
        }
        _ => {}
    }
    answer
}

async fn orders(State(shared): State<Shared>, headers: HeaderMap) -> StatusCode {
    let mut world = shared.lock().unwrap();
    match living(&world, &headers) {
        Some(worker) => world.books.call(&headers, worker),
        None => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_share_one_log_in_and_lose_no_more_than_what_died_with_its_owner() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shared: Shared = Arc::new(Mutex::new(World {
        books: Books::default(),
        workers: HashMap::new(),
        started: 0,
        killed: 0,
        aims: Some(AIMS.iter().cycle()),
        server: format!("http://{}", listener.local_addr().unwrap()),
        file: file.clone(),
    }));
    let router = Router::new()
        .route("/token", routing::post(token))
        .route("/orders", routing::get(orders))
        .with_state(shared.clone());
    tokio::spawn(async { axum::serve(listener, router).await });

    let store = FileStore::new(&file);
    let start = now();
    let mut next_kill = BETWEEN_RANDOM_KILLS;
    let mut calm_since = None;
    loop {
        sleep(Duration::from_millis(20)).await;
        store.load().await.expect("the file is whole at any time");
        let mut world = shared.lock().unwrap();
        world.look_after_workers();
        if !world.books.problems.is_empty() {
            break;
        }
        let elapsed = now() - start;
        match calm_since {
            None if elapsed >= ORDEAL => {
                calm_since = Some(elapsed);
                world.aims = None;
                world.books.served.clear();
            }
            None if elapsed >= next_kill => {
                next_kill += BETWEEN_RANDOM_KILLS;
                world.kill_at_random();
            }
            None => {}
            Some(_) if world.is_calm() => break,
            Some(since) if elapsed >= since + CALM => break,
            Some(_) => {}
        }
    }

    let world = shared.lock().unwrap();
    let books = &world.books;
    eprintln!(
        "{} killed, {} log-ins, {} refreshes, {} pairs lost, {} refusals of what was spent for them",
        world.killed,
        books.logins,
        books.refreshes,
        books.lost.len(),
        books.refused
    );
    assert_eq!(books.problems, [""; 0]);
    assert!(
        world.is_calm(),
        "each survivor is served: {:?}",
        books.served
    );
    assert_eq!(books.logins, 1 + books.lost.len());
    assert!(!books.lost.is_empty(), "the aimed kills did hit");
    // Each pair is refreshed once at most, and not before its time: none of the eight renews
    // for itself what another has renewed.
    assert!(books.refreshes < books.given.len());
    let seconds = usize::try_from((now() - start).as_secs()).unwrap();
    let in_time = books.logins + seconds;
    assert!(
        books.refreshes <= in_time,
        "{} in {seconds} s",
        books.refreshes
    );
}
