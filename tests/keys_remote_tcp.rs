//! Rotation under load, over TCP from end to end.
#![cfg(all(feature = "axum", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{Empty, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{RwLock, watch},
    task::JoinSet,
};
use tower_bearer::{
    Algorithm, RemoteKeySet, RequireJwt, keys::remote::Timing, test_util::AuthorizationServer,
};

const TASKS: usize = 64;
const REQUESTS: usize = 60_000;
const ROTATIONS: usize = 30;

/// What the tasks send, and what came of it.
struct Load {
    address: SocketAddr,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>,
    /// Tokens that have to be accepted for as long as this is locked.
    good: RwLock<Vec<String>>,
    /// Tokens of keys that were withdrawn: the set without them has been read.
    dead: RwLock<Vec<String>>,
    sent: AtomicUsize,
    progress: watch::Sender<usize>,
    good_refused: AtomicUsize,
    dead_accepted: AtomicUsize,
    dead_sent: AtomicUsize,
}

impl Load {
    async fn send(&self, token: &str) -> StatusCode {
        let request = Request::get(format!("http://{}/", self.address))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Empty::new())
            .unwrap();
        self.client.request(request).await.unwrap().status()
    }

    async fn run(self: Arc<Self>) {
        loop {
            let number = self.sent.fetch_add(1, Ordering::SeqCst);
            if number >= REQUESTS {
                return;
            }
            if number % 8 == 7 && !self.dead.read().await.is_empty() {
                let dead = self.dead.read().await;
                let token = dead[number % dead.len()].clone();
                drop(dead);
                let is_accepted = self.send(&token).await != StatusCode::UNAUTHORIZED;
                self.dead_accepted
                    .fetch_add(usize::from(is_accepted), Ordering::SeqCst);
                self.dead_sent.fetch_add(1, Ordering::SeqCst);
            } else {
                let good = self.good.read().await;
                let status = self.send(&good[number % good.len()]).await;
                let is_refused = status != StatusCode::OK;
                self.good_refused
                    .fetch_add(usize::from(is_refused), Ordering::SeqCst);
            }
            self.progress.send_modify(|done| *done += 1);
        }
    }

    async fn wait_for(&self, requests: usize) {
        let mut progress = self.progress.subscribe();
        progress.wait_for(|done| *done >= requests).await.unwrap();
    }
}

async fn api(guard: RequireJwt<Value>) -> SocketAddr {
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .layer(guard);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_rotations_under_load_refuse_nothing_good_and_accept_nothing_withdrawn() {
    rotate_under_load(|guard| guard).await;
}

#[cfg(feature = "cache")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_with_a_cache_of_verified_tokens() {
    let cache = tower_bearer::server::VerifiedCache::new();
    rotate_under_load(|guard| guard.cache(cache.clone())).await;
    // All but the tokens of withdrawn keys, and the first after each change of the set.
    let hits = usize::try_from(cache.hits()).unwrap();
    assert!(hits > REQUESTS / 2, "{cache:?}");
}

async fn rotate_under_load(with: impl FnOnce(RequireJwt<Value>) -> RequireJwt<Value>) {
    let listening = AuthorizationServer::builder()
        .algorithm(Algorithm::EdDSA)
        .listen()
        .await
        .unwrap();
    let server = listening.server().clone();
    // Thirty rotations in some seconds: each key is young, and each comes without notice.
    let mut timing = Timing::default();
    timing.young_key = Duration::ZERO;
    timing.unknown_key_pause = Duration::ZERO;
    let keys = RemoteKeySet::new(&listening.jwks_url())
        .unwrap()
        .timing(timing)
        .over(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let mint = || {
        server
            .mint(json!({ "sub": "alice" }))
            .unwrap()
            .expose()
            .to_owned()
    };

    let mut old = mint();
    let guard = RequireJwt::<Value>::new(server.validator(), keys.clone());
    let load = Arc::new(Load {
        address: api(with(guard)).await,
        client: Client::builder(TokioExecutor::new()).build_http(),
        good: RwLock::new(vec![old.clone()]),
        dead: RwLock::default(),
        sent: AtomicUsize::new(0),
        progress: watch::Sender::new(0),
        good_refused: AtomicUsize::new(0),
        dead_accepted: AtomicUsize::new(0),
        dead_sent: AtomicUsize::new(0),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(Arc::clone(&load).run());
    }
    for rotation in 0..ROTATIONS {
        let start = rotation * REQUESTS / ROTATIONS;
        load.wait_for(start + REQUESTS / ROTATIONS / 4).await;
        server.rotate_keys().unwrap();
        let new = mint();
        load.good.write().await.push(new.clone()); // both are good
        load.wait_for(start + REQUESTS / ROTATIONS / 2).await;
        *load.good.write().await = vec![new.clone()];
        server.withdraw_old_keys();
        keys.refresh().await.unwrap(); // from here on the old one is not
        load.dead
            .write()
            .await
            .push(std::mem::replace(&mut old, new));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(load.good_refused.load(Ordering::SeqCst), 0);
    assert_eq!(load.dead_accepted.load(Ordering::SeqCst), 0);
    let dead_sent = load.dead_sent.load(Ordering::SeqCst);
    assert!(dead_sent > REQUESTS / 10, "{dead_sent}");
    let counters = keys.state().counters;
    // The first key, and each that came and went.
    assert_eq!(counters.changes, 1 + 2 * ROTATIONS as u64);
    assert_eq!(counters.failures, 0);
}
