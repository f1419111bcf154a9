//! What all have in common: a port of this machine, the count of what comes, the date.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, header};
use tokio::{net::TcpListener, task::JoinHandle};
use tower_bearer::{BoxError, clock::Clock, server::Rejection};

use super::seen::{Record, Seen};

/// A system that listens until it is dropped.
pub struct Server {
    url: String,
    desk: Desk,
    task: JoinHandle<()>,
}

/// Where requests are written down, and answered if a test has said how.
#[derive(Clone)]
struct Desk {
    record: Record,
    clock: Arc<dyn Clock>,
    plans: Arc<Mutex<HashMap<String, VecDeque<Plan>>>>,
}

/// What becomes of a request, if a test has said so.
enum Plan {
    Answer(Response),
    CutOff,
}

impl Server {
    pub async fn start(
        app: Router,
        record: Record,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BoxError> {
        let desk = Desk {
            record,
            clock,
            plans: Arc::default(),
        };
        let app = app.layer(middleware::from_fn_with_state(desk.clone(), attend));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, desk, task })
    }

    /// Without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn seen(&self) -> Seen {
        self.desk.record.seen().clone()
    }

    /// Answers the next such request, `POST /auth/jwt/login` for instance, in this way.
    pub fn answer_next(&self, request: &str, answer: Response) {
        self.desk.plan(request, Plan::Answer(answer));
    }

    /// Does what the next such request asks for, and breaks its answer off.
    pub fn cut_off_next(&self, request: &str) {
        self.desk.plan(request, Plan::CutOff);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Desk {
    fn plan(&self, request: &str, plan: Plan) {
        let mut plans = self.plans();
        plans.entry(request.to_owned()).or_default().push_back(plan);
    }

    fn planned(&self, request: &str) -> Option<Plan> {
        self.plans().get_mut(request)?.pop_front()
    }

    fn plans(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Plan>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn attend(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let name = format!("{} {}", request.method(), request.uri().path());
    *desk.record.seen().requests.entry(name.clone()).or_default() += 1;
    let mut response = match desk.planned(&name) {
        Some(Plan::Answer(answer)) => answer,
        Some(Plan::CutOff) => cut_off(next.run(request).await),
        None => next.run(request).await,
    };
    if response.extensions().get::<Rejection>().is_some() {
        desk.record.seen().refusals += 1;
    }
    // By the system's own clock, by which absolute ends are to be read.
    let date = httpdate::fmt_http_date(desk.clock.wall());
    if let Ok(date) = HeaderValue::try_from(date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The head goes out, and half of what it says that the body is.
fn cut_off(response: Response) -> Response {
    response.map(|body| {
        let half = body
            .into_data_stream()
            .map_ok(|data| data.slice(..data.len() / 2));
        let end = stream::once(async {
            tokio::task::yield_now().await;
            Err(axum::Error::new("cut off"))
        });
        Body::from_stream(half.chain(end))
    })
}
