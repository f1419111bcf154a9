//! A service in the style of FastAPI-Users.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer::{
    BoxError, Expected, RequireJwt, Validator, Verified, clock::Clock, server::Rejection,
};

use super::{
    Lifetimes,
    asked::{Asked, Complaint},
    issuing::{Issuer, RefreshTokens},
    seen::Record,
    server::Server,
};

pub const USERNAME: &str = "alice@service.example";
pub const PASSWORD: &str = "correct horse battery staple";
pub const CLIENT_ID: &str = "account-7";
pub const CLIENT_SECRET: &str = "the secret of account 7";

/// What access tokens are signed with.
pub const SECRET: &str = "the service signs with a secret of its own";
pub const AUDIENCE: &str = "fastapi-users:auth";

pub struct Mimic {
    server: Server,
    service: Arc<Service>,
}

struct Service {
    issuer: Issuer,
    refresh_tokens: RefreshTokens,
    given: AtomicU64,
    record: Record,
}

/// What stands in an access token beside `aud` and `exp`, in place of `sub`. A token without it
/// is none of the service's.
#[derive(Deserialize)]
struct User {
    user_id: String,
}

impl Mimic {
    pub async fn start(clock: impl Clock, lifetimes: Lifetimes) -> Result<Self, BoxError> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let service = Arc::new(Service {
            issuer: Issuer::new(SECRET, clock.clone(), lifetimes)?,
            refresh_tokens: RefreshTokens::default(),
            given: AtomicU64::new(0),
            record: Record::default(),
        });
        let app = Router::new()
            .route("/users/me", get(me))
            .route_layer(service.guard())
            .route("/auth/jwt/login", post(log_in))
            .route("/auth/jwt/refresh", post(refresh))
            .route("/auth/jwt/postman-refresh", post(refresh))
            .with_state(service.clone());
        let server = Server::start(app, service.record.clone(), clock).await?;
        Ok(Self { server, service })
    }

    /// Refuses the access tokens that are out.
    pub fn revoke(&self) {
        self.service.issuer.revoke();
    }

    /// Refuses the refresh tokens that are out.
    pub fn end_sessions(&self) {
        self.service.refresh_tokens.forget();
    }

    pub fn mint(&self, claims: &Value) -> Result<String, BoxError> {
        self.service.issuer.mint(claims)
    }
}

impl Deref for Mimic {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

type Guard = RequireJwt<User, fn(&Rejection) -> Response>;

impl Service {
    /// There is no issuer to check, which has to be said. Tokens are looked for in
    /// `Authorization` and nowhere else: cookies are switched off.
    fn guard(&self) -> Guard {
        let validator = Validator::new(Expected::unchecked(), AUDIENCE);
        RequireJwt::new(self.issuer.strict(validator), self.issuer.keys())
            .clock(self.issuer.clock.clone())
            .rejection_response(refused)
    }

    fn log_in(&self, asked: &Asked) -> Result<Response, Complaint> {
        asked.has_no_credentials()?;
        asked.accepts_json()?;
        let fields = asked.form(
            &["grant_type", "username", "password"],
            &["scope", "client_id", "client_secret"],
        )?;
        let is = |name, expected| fields.get(name).is_some_and(|value| value == expected);
        let is_or_missing = |name, expected| is(name, expected) || !fields.contains_key(name);
        if !is("grant_type", "password") {
            return Err(Complaint("another grant_type than `password`".to_owned()));
        }
        let is_known = is("username", USERNAME)
            && is("password", PASSWORD)
            && is_or_missing("client_id", CLIENT_ID)
            && is_or_missing("client_secret", CLIENT_SECRET);
        if !is_known {
            self.record.seen().wrong_logins += 1;
            return Ok(detail(StatusCode::BAD_REQUEST, "LOGIN_BAD_CREDENTIALS"));
        }
        self.record.seen().logins += 1;
        Ok(self.pair())
    }

    fn refresh(&self, asked: &Asked) -> Result<Response, Complaint> {
        const REFRESH_TOKEN: HeaderName = HeaderName::from_static("refresh-token");
        asked.has_no_credentials()?;
        asked.has_no_body()?;
        let Some(token) = asked.header(&REFRESH_TOKEN)? else {
            return Err(Complaint("no header `refresh-token`".to_owned()));
        };
        let now = self.issuer.clock.wall();
        let seen = &mut self.record.seen();
        Ok(match self.refresh_tokens.spend(token, now, seen) {
            true => self.pair(),
            false => detail(StatusCode::UNAUTHORIZED, "Invalid refresh token"),
        })
    }

    fn pair(&self) -> Response {
        let Lifetimes { access, refresh } = self.issuer.lifetimes;
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let refresh_token = format!("secret-refresh-token-{number}");
        let end = self.issuer.clock.wall() + refresh;
        self.refresh_tokens.give(&refresh_token, end);
        let claims = json!({ "user_id": "u-1", "aud": AUDIENCE, "exp": self.issuer.end(access) });
        match self.issuer.mint(&claims) {
            Ok(access_token) => Json(json!({
                "access_token": access_token,
                "refresh_token": refresh_token,
                "token_type": "bearer",
                "expires_in": access.as_secs(),
            }))
            .into_response(),
            Err(error) => detail(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    fn answer(&self, answer: Result<Response, Complaint>) -> Response {
        answer.unwrap_or_else(|Complaint(what)| {
            let answer = detail(StatusCode::UNPROCESSABLE_ENTITY, &what);
            self.record.seen().complaints.push(what);
            answer
        })
    }
}

async fn me(user: Verified<User>) -> Json<Value> {
    Json(json!({ "id": user.claims().user_id, "email": USERNAME }))
}

async fn log_in(State(service): State<Arc<Service>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    service.answer(asked.and_then(|asked| service.log_in(&asked)))
}

async fn refresh(State(service): State<Arc<Service>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    service.answer(asked.and_then(|asked| service.refresh(&asked)))
}

/// A 401 with a `detail`, and without `WWW-Authenticate`. An outage stays one.
fn refused(rejection: &Rejection) -> Response {
    match rejection.status() {
        status if status.is_client_error() => detail(StatusCode::UNAUTHORIZED, "Unauthorized"),
        status => detail(status, "try again later"),
    }
}

fn detail(status: StatusCode, what: &str) -> Response {
    (status, Json(json!({ "detail": what }))).into_response()
}
