//! mluvii, as clients with credentials of their own see it.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tower_bearer::{
    BoxError, RequireJwt, Validator,
    clock::Clock,
    server::{Rejection, RejectionReason, RejectionResponse},
};

use super::{
    Lifetimes,
    asked::{Asked, Complaint},
    issuing::Issuer,
    seen::Record,
    server::Server,
};

pub const CLIENT_ID: &str = "reporting";
pub const CLIENT_SECRET: &str = "the secret of the reporting job";

/// The description names neither; a server has some.
const ISSUER: &str = "https://app.mluvii.com/login";
const AUDIENCE: &str = "https://app.mluvii.com/api";
const SECRET: &str = "what this server signs its tokens with";

pub struct Mimic {
    server: Server,
    cloud: Arc<Cloud>,
}

struct Cloud {
    issuer: Issuer,
    refusals: Refusals,
    record: Record,
}

/// How a call with a bad token is answered. Without any token it is a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusing {
    Status,
    Redirect,
    /// With the log-in page and status 200, as whoever follows redirects gets to see it.
    Page,
}

impl Mimic {
    pub async fn start(clock: impl Clock, lifetimes: Lifetimes) -> Result<Self, BoxError> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let cloud = Arc::new(Cloud {
            issuer: Issuer::new(SECRET, clock.clone(), lifetimes)?,
            refusals: Refusals::default(),
            record: Record::default(),
        });
        let app = Router::new()
            .route("/api/v1/Sessions/{id}", get(session))
            .route_layer(cloud.guard())
            .route("/login", get(log_in_page))
            .route("/login/connect/token", post(token))
            .with_state(cloud.clone());
        let server = Server::start(app, cloud.record.clone(), clock).await?;
        Ok(Self { server, cloud })
    }

    /// Refuses the tokens that are out.
    pub fn revoke(&self) {
        self.cloud.issuer.revoke();
    }

    pub fn refuse(&self, how: Refusing) {
        self.cloud.refusals.0.store(how as u8, Ordering::Relaxed);
    }
}

impl Deref for Mimic {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Cloud {
    fn guard(&self) -> RequireJwt<Value, Refusals> {
        let validator = Validator::new(ISSUER, AUDIENCE);
        RequireJwt::new(self.issuer.strict(validator), self.issuer.keys())
            .clock(self.issuer.clock.clone())
            .rejection_response(self.refusals.clone())
    }

    fn token(&self, asked: &Asked) -> Result<Response, Complaint> {
        asked.has_no_credentials()?;
        let needed = ["response_type", "grant_type", "client_id", "client_secret"];
        let fields = asked.form(&needed, &[])?;
        let is = |name, expected| fields.get(name).is_some_and(|value| value == expected);
        if !is("response_type", "token") || !is("grant_type", "client_credentials") {
            return Err(Complaint("another response_type or grant_type".to_owned()));
        }
        if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) {
            self.record.seen().wrong_logins += 1;
            return Ok(refused("invalid_client", "unknown client, or wrong secret"));
        }
        self.record.seen().logins += 1;
        let lifetime = self.issuer.lifetimes.access;
        let token = self.issuer.mint(&json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "client_id": CLIENT_ID,
            "nbf": self.issuer.now(),
            "exp": self.issuer.end(lifetime),
        }));
        Ok(match token {
            Ok(token) => Json(json!({
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": lifetime.as_secs(),
            }))
            .into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        })
    }
}

#[derive(Clone, Default)]
struct Refusals(Arc<AtomicU8>);

impl RejectionResponse<Body> for Refusals {
    fn response(&self, rejection: &Rejection) -> Response {
        let how = self.0.load(Ordering::Relaxed);
        let is = |other: Refusing| how == other as u8;
        match rejection.reason() {
            RejectionReason::InvalidToken(_) if is(Refusing::Status) => {
                rejection.response_with(Body::empty())
            }
            RejectionReason::InvalidToken(_) if is(Refusing::Page) => page().into_response(),
            _ => Redirect::to("/login?returnUrl=%2Fapi").into_response(),
        }
    }
}

/// What asks for anything but JSON gets the page that browsers get.
async fn session(
    State(cloud): State<Arc<Cloud>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let accepts = request.headers().get(header::ACCEPT);
    if accepts.is_some_and(|accepts| accepts == "application/json") {
        return Json(json!({ "id": id, "channel": "CHAT" })).into_response();
    }
    let complaint = "a call without `accept: application/json`".to_owned();
    cloud.record.seen().complaints.push(complaint);
    StatusCode::NOT_ACCEPTABLE.into_response()
}

async fn log_in_page() -> Html<&'static str> {
    page()
}

fn page() -> Html<&'static str> {
    Html("<!doctype html><title>Log in</title>")
}

async fn token(State(cloud): State<Arc<Cloud>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    let answer = asked.and_then(|asked| cloud.token(&asked));
    answer.unwrap_or_else(|Complaint(what)| {
        let answer = refused("invalid_request", &what);
        cloud.record.seen().complaints.push(what);
        answer
    })
}

fn refused(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
