//! A Cloudreve site.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use jiff::{
    Timestamp,
    tz::{self, Offset},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_bearer::{
    BoxError, Expected, OptionalJwt, RequireJwt, Validator, Verified,
    clock::Clock,
    server::{Rejection, RejectionResponse},
};

use super::{
    Lifetimes,
    asked::{Asked, Complaint},
    issuing::{Issuer, RefreshTokens},
    seen::Record,
    server::Server,
};

pub const EMAIL: &str = "alice@drive.example";
pub const PASSWORD: &str = "correct horse battery staple";
/// The user's id.
pub const USER: &str = "lpua";
/// Of the other way to log in, which is answered in the same way.
pub const SESSION_ID: &str = "session-1";
pub const OTP: &str = "602214";
pub const MASTER_KEY: &str = "the master key of the site: whoever has it is anybody";

pub struct Mimic {
    server: Server,
    site: Arc<Site>,
}

struct Site {
    issuer: Issuer,
    refresh_tokens: RefreshTokens,
    /// Changes with the user's password, and with it the hash in refresh tokens.
    user_state: AtomicU32,
    refusals: Refusals,
    record: Record,
}

/// What the site reads of an access token.
#[derive(Deserialize)]
struct User {
    sub: String,
}

impl Mimic {
    pub async fn start(clock: impl Clock, lifetimes: Lifetimes) -> Result<Self, BoxError> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let site = Arc::new(Site {
            issuer: Issuer::new(MASTER_KEY, clock.clone(), lifetimes)?,
            refresh_tokens: RefreshTokens::default(),
            user_state: AtomicU32::new(0),
            refusals: Refusals(Arc::new(AtomicU16::new(200))),
            record: Record::default(),
        });
        let required = Router::new()
            .route("/api/v4/user/setting", get(setting))
            .route("/api/v4/file", post(create_file))
            .route_layer(site.required());
        let optional = Router::new()
            .route("/api/v4/site/config", get(config))
            .route_layer(site.optional());
        let none = Router::new()
            .route("/api/v4/site/ping", get(|| async { success("4.0.0") }))
            .route("/api/v4/session/token", post(log_in))
            .route("/api/v4/session/token/2fa", post(second_factor))
            .route("/api/v4/session/token/refresh", post(refresh));
        let app = required
            .merge(optional)
            .merge(none)
            .with_state(site.clone());
        let server = Server::start(app, site.record.clone(), clock).await?;
        Ok(Self { server, site })
    }

    /// Refuses the access tokens that are out.
    pub fn revoke(&self) {
        self.site.issuer.revoke();
    }

    /// The user has another password now: refresh tokens that are out are of no use.
    pub fn end_sessions(&self) {
        self.site.user_state.fetch_add(1, Ordering::Relaxed);
    }

    /// Refuses calls with this HTTP status. 200 until it is said; the envelope's code is 401
    /// in any case.
    pub fn refuse_with(&self, status: StatusCode) {
        self.site
            .refusals
            .0
            .store(status.as_u16(), Ordering::Relaxed);
    }

    pub fn mint(&self, claims: &Value) -> Result<String, BoxError> {
        self.site.issuer.mint(claims)
    }
}

impl Deref for Mimic {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Site {
    /// Auth: JWT Required.
    fn required(&self) -> RequireJwt<User, Refusals> {
        RequireJwt::new(self.access_tokens(), self.issuer.keys())
            .clock(self.issuer.clock.clone())
            .rejection_response(self.refusals.clone())
    }

    /// Auth: JWT Optional.
    fn optional(&self) -> OptionalJwt<User, Refusals> {
        OptionalJwt::new(self.access_tokens(), self.issuer.keys())
            .clock(self.issuer.clock.clone())
            .rejection_response(self.refusals.clone())
    }

    /// Refresh tokens have the same key and subject: `token_type` is all that tells them apart.
    fn access_tokens(&self) -> Validator {
        let validator = Self::tokens("access");
        self.issuer.strict(validator)
    }

    fn tokens(token_type: &str) -> Validator {
        Validator::new(Expected::unchecked(), Expected::unchecked())
            .require_claim("sub")
            .require_claim("nbf")
            .exact_claim("token_type", [token_type])
    }

    fn log_in(&self, asked: &Asked) -> Result<Response, Complaint> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct LogIn {
            email: String,
            password: String,
        }
        asked.has_no_credentials()?;
        let LogIn { email, password } = asked.json()?;
        Ok(self.logged_in(email == EMAIL && password == PASSWORD))
    }

    fn second_factor(&self, asked: &Asked) -> Result<Response, Complaint> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct SecondFactor {
            session_id: String,
            otp: String,
        }
        asked.has_no_credentials()?;
        let SecondFactor { session_id, otp } = asked.json()?;
        Ok(self.logged_in(session_id == SESSION_ID && otp == OTP))
    }

    fn logged_in(&self, is_known: bool) -> Response {
        if !is_known {
            self.record.seen().wrong_logins += 1;
            return failure(40020, "Incorrect email or password");
        }
        self.record.seen().logins += 1;
        self.pair().map_or_else(broken, |pair| {
            success(json!({ "user": { "id": USER, "email": EMAIL }, "token": pair }))
        })
    }

    fn refresh(&self, asked: &Asked) -> Result<Response, Complaint> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Refresh {
            refresh_token: String,
        }
        asked.has_no_credentials()?;
        let Refresh { refresh_token } = asked.json()?;
        match self.spend(&refresh_token) {
            true => Ok(self.pair().map_or_else(broken, success)),
            false => Ok(failure(40020, "Failed to refresh token")),
        }
    }

    /// Each is good once, which the description does not say: whoever keeps to the pair that
    /// came last does not notice.
    fn spend(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Claims {
            state_hash: String,
        }
        let now = self.issuer.clock.wall();
        let seen = &mut self.record.seen();
        let validator = Self::tokens("refresh").leeway(Duration::ZERO);
        let verified = validator.validate::<Claims>(token, &self.issuer.keys(), now);
        let is_good = verified.is_ok_and(|token| token.claims().state_hash == self.state_hash());
        if !is_good {
            seen.dead_refreshes += 1;
        }
        is_good && self.refresh_tokens.spend(token, now, seen)
    }

    fn pair(&self) -> Result<Value, BoxError> {
        let Lifetimes { access, refresh } = self.issuer.lifetimes;
        let (now, begin) = (self.issuer.clock.wall(), self.issuer.now());
        let access_token = self.issuer.mint(&json!({
            "token_type": "access",
            "sub": USER,
            "exp": self.issuer.end(access),
            "nbf": begin,
        }))?;
        let refresh_token = self.issuer.mint(&json!({
            "token_type": "refresh",
            "sub": USER,
            "exp": self.issuer.end(refresh),
            "nbf": begin,
            "state_hash": self.state_hash(),
        }))?;
        self.refresh_tokens.give(&refresh_token, now + refresh);
        Ok(json!({
            "access_token": access_token,
            "refresh_token": refresh_token,
            "access_expires": in_shanghai(now + access)?,
            "refresh_expires": in_shanghai(now + refresh)?,
        }))
    }

    fn state_hash(&self) -> String {
        format!("hash-of-state-{}", self.user_state.load(Ordering::Relaxed))
    }

    fn answer(&self, answer: Result<Response, Complaint>) -> Response {
        answer.unwrap_or_else(|Complaint(what)| {
            let answer = failure(40001, &what);
            self.record.seen().complaints.push(what);
            answer
        })
    }
}

/// `2025-04-26T16:19:38.833494+08:00`.
fn in_shanghai(time: SystemTime) -> Result<String, BoxError> {
    const OFFSET: Offset = tz::offset(8);
    let time = Timestamp::try_from(time)?;
    Ok(format!("{:.6}", time.display_with_offset(OFFSET)))
}

/// Refusals in the site's own envelope, under whatever HTTP status.
#[derive(Clone)]
struct Refusals(Arc<AtomicU16>);

impl RejectionResponse<axum::body::Body> for Refusals {
    fn response(&self, rejection: &Rejection) -> Response {
        let status = self.0.load(Ordering::Relaxed);
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let code = match rejection.status() {
            status if status.is_client_error() => 401,
            status => status.as_u16().into(),
        };
        let mut response = failure(code, &rejection.public_message());
        *response.status_mut() = status;
        response
    }
}

async fn setting(user: Verified<User>) -> Response {
    success(json!({ "id": user.claims().sub }))
}

async fn create_file(user: Verified<User>, Json(file): Json<Map<String, Value>>) -> Response {
    success(json!({ "owner": user.claims().sub, "file": file }))
}

async fn config(user: Option<Verified<User>>) -> Response {
    let user = user.as_ref().map_or("anonymous", |user| &user.claims().sub);
    success(json!({ "user": user }))
}

async fn log_in(State(site): State<Arc<Site>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    site.answer(asked.and_then(|asked| site.log_in(&asked)))
}

async fn second_factor(State(site): State<Arc<Site>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    site.answer(asked.and_then(|asked| site.second_factor(&asked)))
}

async fn refresh(State(site): State<Arc<Site>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    site.answer(asked.and_then(|asked| site.refresh(&asked)))
}

fn success(data: impl Into<Value>) -> Response {
    Json(json!({ "code": 0, "data": data.into(), "msg": "" })).into_response()
}

fn failure(code: i64, msg: &str) -> Response {
    Json(json!({ "code": code, "msg": msg })).into_response()
}

fn broken(error: BoxError) -> Response {
    failure(50005, &error.to_string())
}
