//! A publisher of keys that does what a test says, and what the tests of remote keys share.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/log.rs"]
pub mod log;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    Algorithm, BoxError, BoxFuture, RemoteKeySet, RequireJwt, Validator,
    clock::{Clock, SystemClock},
    jwt::{Minter, SigningKey},
    server::Rejection,
};

pub const ISSUER: &str = "https://id.example";
pub const JWKS: &str = "https://id.example/jwks";
pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);

/// A key of that name.
pub fn key(name: &str) -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .with_key_id(name)
}

/// The JWKS that publishes them.
pub fn jwks<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Value {
    let keys: Vec<Value> = keys
        .into_iter()
        .map(|key| serde_json::from_str(&key.public_jwk().unwrap()).unwrap())
        .collect();
    json!({ "keys": keys })
}

/// A good token.
pub fn token(key: &SigningKey) -> String {
    token_with(key, json!({}))
}

/// A good token with some claims changed.
pub fn token_with(key: &SigningKey, changes: Value) -> String {
    let now = SystemClock::new().wall();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": ISSUER, "aud": "orders", "sub": "alice", "exp": now + 86_400,
    });
    let all = claims.as_object_mut().unwrap();
    all.extend(changes.as_object().unwrap().clone());
    Minter::new(key.clone())
        .mint(&claims)
        .unwrap()
        .expose()
        .to_owned()
}

pub fn validator() -> Validator {
    Validator::new(ISSUER, "orders")
}

/// What a guard over these keys answers to a request with this token.
pub async fn status(keys: &RemoteKeySet, token: &str) -> u16 {
    answer(keys, token).await.status().as_u16()
}

pub async fn rejection(keys: &RemoteKeySet, token: &str) -> Rejection {
    let answer = answer(keys, token).await;
    answer.extensions().get::<Rejection>().unwrap().clone()
}

pub async fn answer(keys: &RemoteKeySet, token: &str) -> Response<()> {
    let guard = RequireJwt::<Value>::new(validator(), keys.clone());
    let inner = tower::service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(()))
    });
    guard.layer(inner).oneshot(request(token)).await.unwrap()
}

pub fn request(token: &str) -> Request<()> {
    let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap()
}

/// Publishes documents by path, as a Tower service; counts and remembers what it is asked.
#[derive(Clone)]
pub struct Publisher(Arc<Mutex<Inner>>);

struct Inner {
    asked: Vec<Asked>,
    answer: Answering,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub at: Duration,
}

type Answering = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16, HeaderMap, Bytes),
    /// The body, one byte a second.
    Slowly(Bytes),
    /// The first half of the body, and then an error.
    CutOff(Bytes),
    /// Nobody listens.
    Refused,
    /// Nobody answers.
    Never,
    /// The answer, this much later.
    Late(Duration, Box<Answer>),
}

impl Answer {
    pub fn json(document: &Value) -> Self {
        Self::Status(200, HeaderMap::new(), document.to_string().into())
    }

    pub fn status(status: u16) -> Self {
        Self::Status(status, HeaderMap::new(), Bytes::new())
    }

    pub fn body(body: impl Into<Bytes>) -> Self {
        Self::Status(200, HeaderMap::new(), body.into())
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Status(_, headers, _) = &mut self {
            headers.insert(name, value.parse().unwrap());
        }
        self
    }

    pub fn late(self, by: Duration) -> Self {
        Self::Late(by, Box::new(self))
    }
}

impl Publisher {
    /// Answers as told.
    pub fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            asked: Vec::new(),
            answer: Arc::new(answer),
        })))
    }

    /// Answers everything with these keys.
    pub fn of<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Self {
        let publisher = Self::new(|_| Answer::Never);
        publisher.publish(keys);
        publisher
    }

    pub fn publish<'k>(&self, keys: impl IntoIterator<Item = &'k SigningKey>) {
        let document = jwks(keys);
        self.answer(move |_| Answer::json(&document));
    }

    /// Answers as told from now on.
    pub fn answer(&self, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) {
        self.lock().answer = Arc::new(answer);
    }

    /// Answers everything alike from now on.
    pub fn always(&self, answer: Answer) {
        self.answer(move |_| answer.clone());
    }

    /// What it would answer.
    pub fn answer_to(&self, asked: &Asked) -> Answer {
        let answer = Arc::clone(&self.lock().answer);
        answer(asked)
    }

    pub fn asked(&self) -> usize {
        self.lock().asked.len()
    }

    pub fn requests(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// Keys at this publisher.
    pub fn keys(&self) -> RemoteKeySet {
        RemoteKeySet::new(JWKS).unwrap().over(self.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Request<Full<Bytes>>> for Publisher {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let asked = Asked {
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            at: SystemClock::new().monotonic(),
        };
        let mut inner = self.lock();
        inner.asked.push(asked.clone());
        let answer = Arc::clone(&inner.answer);
        drop(inner);
        Box::pin(respond(answer(&asked)))
    }
}

async fn respond(answer: Answer) -> Result<Response<Body>, BoxError> {
    let mut pending = answer;
    while let Answer::Late(by, then) = pending {
        tokio::time::sleep(by).await;
        pending = *then;
    }
    match pending {
        Answer::Status(status, headers, body) => {
            let mut response = Response::new(Body::whole(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            *response.headers_mut() = headers;
            Ok(response)
        }
        Answer::Slowly(bytes) => Ok(Response::new(Body::slow(bytes))),
        Answer::CutOff(bytes) => Ok(Response::new(Body::cut_off(bytes))),
        Answer::Refused => Err("connection refused".into()),
        Answer::Never | Answer::Late(..) => std::future::pending().await,
    }
}

/// A body that comes as the test wants it.
pub struct Body {
    rest: Bytes,
    step: usize,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    is_cut_off: bool,
}

impl Body {
    fn whole(rest: Bytes) -> Self {
        let step = rest.len();
        Self {
            rest,
            step,
            pause: None,
            is_cut_off: false,
        }
    }

    fn slow(rest: Bytes) -> Self {
        Self {
            step: 1,
            pause: Some(Box::pin(tokio::time::sleep(SECOND))),
            ..Self::whole(rest)
        }
    }

    fn cut_off(rest: Bytes) -> Self {
        let half = rest.slice(..rest.len() / 2);
        Self {
            is_cut_off: true,
            ..Self::whole(half)
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(pause) = &mut this.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            this.pause = Some(Box::pin(tokio::time::sleep(SECOND)));
        }
        if this.rest.is_empty() {
            let is_cut_off = std::mem::take(&mut this.is_cut_off);
            return Poll::Ready(is_cut_off.then(|| Err("connection reset".into())));
        }
        let frame = this.rest.split_to(this.step.min(this.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }
}
