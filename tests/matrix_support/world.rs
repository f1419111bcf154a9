//! The servers, and what is done to them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};
use tonic::service::Routes;
use tower::{ServiceBuilder, service_fn};
use tower_bearer::{
    AuthLayer, BoxError, BoxFuture, ClientAuth, ClientCredentials, Refreshing, RemoteKeySet,
    RequireJwt, TokenEndpoint,
    client::PresetCredentials,
    clock::Clock,
    oauth::{NoTransport, ObtainToken},
    test_util::{AuthorizationServer, Endpoint, Fault, Listening},
};

use super::{Outcome, Stack, foreign::Foreign, stack::Call};
use crate::grpc_support::Echo;

pub struct World {
    stack: Stack,
    provider: Listening,
    pub foreign: Foreign,
    api: Api,
    tokens: Refreshing,
    gate: Gate,
}

const INBOUND: &str = "Bearer inbound";

impl World {
    pub async fn new(stack: Stack) -> Self {
        let provider = AuthorizationServer::builder().listen().await.unwrap();
        let foreign = Foreign::listen().await;
        let api = Api::listen(stack, &provider, &foreign).await;
        let gate = Gate::new();
        let transport = ServiceBuilder::new()
            .map_future(gate.clone().hold())
            .service(stack.transport());
        let clock = provider.server().clock().clone();
        let endpoint = endpoint(&provider).clock(clock.clone()).over(transport);
        let tokens = Refreshing::builder(endpoint).clock(clock).build();
        Self {
            stack,
            provider,
            foreign,
            api,
            tokens,
            gate,
        }
    }

    fn server(&self) -> &AuthorizationServer {
        self.provider.server()
    }

    // What is done

    pub async fn call(&self) -> Outcome {
        self.stack.call(self.to(&self.api.origin)).await
    }

    pub async fn call_with_inbound(&self, preset: PresetCredentials) -> Outcome {
        let mut call = self.to(&self.api.origin);
        call.layer = call.layer.preset_credentials(preset);
        call.inbound = Some(HeaderValue::from_static(INBOUND));
        self.stack.call(call).await
    }

    pub async fn call_foreign(&self) -> Outcome {
        self.stack.call(self.to(&self.foreign.origin)).await
    }

    /// As if the foreign server had been named.
    pub async fn call_foreign_as_named(&self) -> Outcome {
        let mut call = self.to(&self.foreign.origin);
        call.layer = call.layer.origin(&self.foreign.origin).unwrap();
        self.stack.call(call).await
    }

    fn to(&self, origin: &str) -> Call {
        let layer = AuthLayer::new(self.tokens.clone());
        Call {
            layer: layer.origin(&self.api.origin).unwrap(),
            origin: origin.to_owned(),
            inbound: None,
        }
    }

    /// The caller goes away when the exchange was made, and its answer is on the way.
    pub async fn drop_call(&self) {
        self.gate.close();
        tokio::select! {
            outcome = self.call() => panic!("{outcome:?} without a token"),
            () = until(|| self.gate.is_waited_at()) => {}
        }
        self.gate.open();
    }

    /// Asks for a token over a client that was not made by the example's adapter.
    pub async fn ask_by_a_following_client(&self) -> Result<(), BoxError> {
        let client = reqwest::Client::new();
        let following = service_fn(move |request: http::Request<reqwest::Body>| {
            let client = client.clone();
            async move {
                let response = client.execute(request.try_into()?).await?;
                Ok::<http::Response<reqwest::Body>, reqwest::Error>(response.into())
            }
        });
        endpoint(&self.provider).over(following).obtain().await?;
        Ok(())
    }

    pub fn minutes(&self, minutes: u64) {
        self.server()
            .clock()
            .advance(Duration::from_secs(60 * minutes));
    }

    pub async fn renewal(&self) {
        until(|| {
            let state = self.tokens.state();
            let is_renewed = state.remaining > Some(Duration::from_secs(600));
            is_renewed || state.last_error.is_some()
        })
        .await;
    }

    /// Those that are asked for from now on are good.
    pub fn revoke(&self) {
        let clock = self.server().clock();
        *self.api.good_since.lock().unwrap() = clock.wall() + Duration::from_secs(1);
        clock.advance(Duration::from_secs(2));
    }

    pub fn endpoint_fails(&self) {
        let fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        self.server().fail_always(Endpoint::Token, fault);
    }

    pub fn endpoint_moves(&self) {
        self.moves(Endpoint::Token);
    }

    pub fn keys_move(&self) {
        self.moves(Endpoint::Jwks);
    }

    fn moves(&self, endpoint: Endpoint) {
        let elsewhere = format!("{}/elsewhere", self.foreign.origin);
        self.server()
            .fail_always(endpoint, Fault::Redirect(elsewhere.leak()));
    }

    pub fn api_moves(&self) {
        self.api.has_moved.store(true, Ordering::SeqCst);
    }

    // What came of it

    pub fn exchanges(&self) -> u64 {
        self.server().requests().token
    }

    /// What each call carried that came to the API: the number of our token, or `inbound`.
    pub fn sent(&self) -> Vec<String> {
        let sent = self.api.sent.lock().unwrap();
        let mut ours: Vec<&str> = Vec::new();
        let names = sent.iter().map(|sent| match &**sent {
            INBOUND => "inbound".to_owned(),
            token => {
                let known = ours.iter().position(|known| *known == token);
                let number = known.unwrap_or(ours.len());
                if known.is_none() {
                    ours.push(token);
                }
                format!("{}", number + 1)
            }
        });
        names.collect()
    }
}

/// In the body, where a client that follows redirects would not take it out.
fn endpoint(provider: &Listening) -> TokenEndpoint<NoTransport> {
    TokenEndpoint::new(&provider.token_url())
        .unwrap()
        .client_auth(ClientAuth::post("client", "secret"))
        .grant(ClientCredentials::new())
}

/// Says what it is told, over HTTP and gRPC, and has its keys over the client's transport.
#[derive(Clone)]
struct Api {
    origin: String,
    elsewhere: String,
    sent: Arc<Mutex<Vec<String>>>,
    has_moved: Arc<AtomicBool>,
    good_since: Arc<Mutex<SystemTime>>,
}

impl Api {
    async fn listen(stack: Stack, provider: &Listening, foreign: &Foreign) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            elsewhere: format!("{}/elsewhere", foreign.origin),
            sent: Arc::default(),
            has_moved: Arc::default(),
            good_since: Arc::new(Mutex::new(SystemTime::UNIX_EPOCH)),
        };
        let app = Routes::new(Echo::default())
            .into_axum_router()
            .route("/orders", post(|said: String| async { said }))
            .layer(api.guard(stack, provider))
            .layer(middleware::from_fn_with_state(api.clone(), attend));
        tokio::spawn(async move { axum::serve(listener, app).await });
        api
    }

    fn guard(&self, stack: Stack, provider: &Listening) -> RequireJwt<Value> {
        let clock = provider.server().clock();
        let keys = RemoteKeySet::new(&provider.jwks_url())
            .unwrap()
            .clock(clock.clone())
            .over(stack.transport());
        let good_since = self.good_since.clone();
        let validator = provider.server().validator();
        let validator = validator.predicate("not revoked", move |claims| {
            claims.issued_at() >= Some(*good_since.lock().unwrap())
        });
        RequireJwt::new(validator, keys).clock(clock.clone())
    }
}

async fn attend(State(api): State<Api>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent.map_or("nothing", |value| value.to_str().unwrap());
    api.sent.lock().unwrap().push(sent.to_owned());
    match api.has_moved.load(Ordering::SeqCst) {
        true => Redirect::temporary(&api.elsewhere).into_response(),
        false => next.run(request).await,
    }
}

/// Where the answers of exchanges can be held up.
#[derive(Clone)]
struct Gate {
    is_open: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> Self {
        Self {
            is_open: watch::Sender::new(true),
            waiting: Arc::default(),
        }
    }

    fn close(&self) {
        self.is_open.send_replace(false);
    }

    fn open(&self) {
        self.is_open.send_replace(true);
    }

    fn is_waited_at(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Lets an answer through when the gate is open.
    fn hold<F>(self) -> impl Fn(F) -> BoxFuture<'static, F::Output> + Clone
    where
        F: Future<Output: Send> + Send + 'static,
    {
        move |exchange| {
            let gate = self.clone();
            Box::pin(async move {
                let answer = exchange.await;
                gate.waiting.fetch_add(1, Ordering::SeqCst);
                let _ = gate.is_open.subscribe().wait_for(|open| *open).await;
                gate.waiting.fetch_sub(1, Ordering::SeqCst);
                answer
            })
        }
    }
}

/// Waits for what another task is about to do.
async fn until(what: impl Fn() -> bool) {
    let done = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(20), done).await;
    done.expect("it never came about");
}
