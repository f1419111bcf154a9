//! MoreLogin's two APIs: that of the desktop client, and that of the cloud.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::{ServiceExt, util::option_layer};
use tower_bearer::{
    BoxError, Expected, RequireJwt, RequireToken, Validator,
    clock::Clock,
    server::{Rejection, RejectionResponse, StaticToken, StaticTokens},
    token::Scheme,
};

use super::{
    Lifetimes,
    asked::{Asked, Complaint},
    issuing::Issuer,
    seen::Record,
    server::Server,
};

pub const TOKEN: &str = "9f2c5e7d1a04b8639f2c5e7d1a04b863";
pub const API_ID: &str = "1690000000000001";
pub const API_KEY: &str = "the key of that API id";

const SECRET: &str = "what the cloud signs its tokens with";

/// The envelope of both APIs.
#[derive(Clone, Default)]
struct Envelopes {
    requests: Arc<AtomicU32>,
}

impl Envelopes {
    fn success(&self, data: Value) -> Response {
        self.envelope(StatusCode::OK, 0, Value::Null, data)
    }

    /// A failure, under 200 like a success.
    fn failure(&self, code: u32, msg: &str) -> Response {
        self.envelope(StatusCode::OK, code, msg.into(), Value::Null)
    }

    fn envelope(&self, status: StatusCode, code: u32, msg: Value, data: Value) -> Response {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let request_id = format!("request-{number}");
        let body = json!({ "code": code, "msg": msg, "data": data, "requestId": request_id });
        (status, Json(body)).into_response()
    }
}

impl RejectionResponse<Body> for Envelopes {
    fn response(&self, rejection: &Rejection) -> Response {
        let status = rejection.status();
        let msg = rejection.public_message().into_owned();
        self.envelope(status, status.as_u16().into(), msg.into(), Value::Null)
    }
}

/// What both APIs ask of a call: one page of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Page {
    page_no: u32,
    page_size: u32,
}

#[derive(Clone)]
struct Lists {
    envelopes: Envelopes,
    record: Record,
}

async fn list(State(lists): State<Lists>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    match asked.and_then(|asked| asked.json::<Page>()) {
        Ok(Page { page_no, page_size }) => lists.envelopes.success(json!({
            "current": page_no,
            "pageSize": page_size,
            "dataList": [],
        })),
        Err(Complaint(what)) => {
            let answer = lists.envelopes.failure(40001, &what);
            lists.record.seen().complaints.push(what);
            answer
        }
    }
}

/// The API of the desktop client.
pub struct Local {
    server: Server,
    tokens: StaticTokens<()>,
    is_switched_on: Arc<AtomicBool>,
}

impl Local {
    /// As it is installed: without authentication.
    pub async fn start(clock: impl Clock) -> Result<Self, BoxError> {
        let lists = Lists {
            envelopes: Envelopes::default(),
            record: Record::default(),
        };
        let tokens = StaticTokens::from_iter([StaticToken::new(TOKEN, ())?]);
        let is_switched_on = Arc::new(AtomicBool::new(false));
        // The same API with one switch in two positions, of which the user may choose while
        // it runs.
        let (off, on) = (local(&lists, None), local(&lists, Some(&tokens)));
        let switch = is_switched_on.clone();
        let app = Router::new().fallback(move |request: Request| {
            let app = match switch.load(Ordering::Relaxed) {
                true => on.clone(),
                false => off.clone(),
            };
            app.oneshot(request)
        });
        let server = Server::start(app, lists.record, Arc::new(clock)).await?;
        Ok(Self {
            server,
            tokens,
            is_switched_on,
        })
    }

    /// From now on each request needs the token.
    pub fn switch_on(&self) {
        self.is_switched_on.store(true, Ordering::Relaxed);
    }

    pub fn switch_off(&self) {
        self.is_switched_on.store(false, Ordering::Relaxed);
    }

    /// Another token takes the place of the one before.
    pub fn regenerate(&self, token: &str) -> Result<(), BoxError> {
        self.tokens.replace_all([StaticToken::new(token, ())?]);
        Ok(())
    }
}

/// With tokens that let in, or without a guard.
fn local(lists: &Lists, tokens: Option<&StaticTokens<()>>) -> Router {
    let guard = tokens.map(|tokens| {
        RequireToken::new(tokens.clone())
            .credentials_in(Scheme::bare())
            .rejection_response(lists.envelopes.clone())
    });
    Router::new()
        .route("/api/env/page", post(list))
        .layer(option_layer(guard))
        .with_state(lists.clone())
}

impl Deref for Local {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// The API of the cloud.
pub struct Open {
    server: Server,
    cloud: Arc<Cloud>,
}

struct Cloud {
    issuer: Issuer,
    lists: Lists,
}

impl Open {
    pub async fn start(clock: impl Clock, lifetimes: Lifetimes) -> Result<Self, BoxError> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let cloud = Arc::new(Cloud {
            issuer: Issuer::new(SECRET, clock.clone(), lifetimes)?,
            lists: Lists {
                envelopes: Envelopes::default(),
                record: Record::default(),
            },
        });
        let calls = Router::new()
            .route("/cloudphone/app/page", post(list))
            .route_layer(cloud.guard())
            .with_state(cloud.lists.clone());
        let app = Router::new()
            .route("/oauth2/token", post(token))
            .with_state(cloud.clone())
            .merge(calls);
        let server = Server::start(app, cloud.lists.record.clone(), clock).await?;
        Ok(Self { server, cloud })
    }

    /// Refuses the tokens that are out.
    pub fn revoke(&self) {
        self.cloud.issuer.revoke();
    }

    /// A failure in the envelope, as an answer to whatever.
    pub fn failure(&self, code: u32, msg: &str) -> Response {
        self.cloud.lists.envelopes.failure(code, msg)
    }
}

impl Deref for Open {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Cloud {
    /// What tokens look like is the cloud's own business.
    fn guard(&self) -> RequireJwt<Value, Envelopes> {
        let validator = Validator::new(Expected::unchecked(), Expected::unchecked());
        RequireJwt::new(self.issuer.strict(validator), self.issuer.keys())
            .clock(self.issuer.clock.clone())
            .rejection_response(self.lists.envelopes.clone())
    }

    fn token(&self, asked: &Asked) -> Result<Response, Complaint> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Credentials {
            client_id: String,
            client_secret: String,
            grant_type: String,
        }
        asked.has_no_credentials()?;
        let credentials: Credentials = asked.json()?;
        if credentials.grant_type != "client_credentials" {
            return Err(Complaint("another grant_type".to_owned()));
        }
        let (envelopes, record) = (&self.lists.envelopes, &self.lists.record);
        if credentials.client_id != API_ID || credentials.client_secret != API_KEY {
            record.seen().wrong_logins += 1;
            return Ok(envelopes.failure(14001, "client authentication failed"));
        }
        record.seen().logins += 1;
        let lifetime = self.issuer.lifetimes.access;
        let claims = json!({ "sub": API_ID, "exp": self.issuer.end(lifetime) });
        Ok(match self.issuer.mint(&claims) {
            Ok(token) => envelopes.success(json!({
                "scope": "cloudphone",
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": lifetime.as_secs(),
                "client_metadata": { "name": "a job" },
            })),
            Err(error) => envelopes.failure(50000, &error.to_string()),
        })
    }
}

async fn token(State(cloud): State<Arc<Cloud>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    let answer = asked.and_then(|asked| cloud.token(&asked));
    answer.unwrap_or_else(|Complaint(what)| {
        let answer = cloud.lists.envelopes.failure(40001, &what);
        cloud.lists.record.seen().complaints.push(what);
        answer
    })
}
