//! An API over TCP, guarded as its argument says; prints its port.

use std::{env, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header::AUTHORIZATION};
use peers::guards::{ByHand, ours};
use tower_bearer::{Algorithm, server::VerifiedCache};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = env::args().skip(1);
    let (guard, algorithm) = (arguments.next().unwrap(), arguments.next().unwrap());
    let algorithm = match &*algorithm {
        "RS256" => Algorithm::RS256,
        _ => Algorithm::HS256,
    };
    let app = Router::new().route("/orders", get(async || "the orders"));
    let app = match &*guard {
        "none" => app,
        "static" => app.layer(from_fn(compare)),
        "jsonwebtoken" => {
            let guard = Arc::new(ByHand::new(algorithm));
            app.layer(from_fn_with_state(guard, decode))
        }
        "tower-bearer" => app.layer(ours(algorithm)),
        "tower-bearer, cache hit" => app.layer(ours(algorithm).cache(VerifiedCache::new())),
        other => panic!("no guard is called {other}"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, app).await.unwrap();
}

/// With a token that never changes; as safe as `==` is.
async fn compare(request: Request, next: Next) -> Response {
    let expected = HeaderValue::from_static("Bearer static");
    match request.headers().get(AUTHORIZATION) == Some(&expected) {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn decode(State(guard): State<Arc<ByHand>>, mut request: Request, next: Next) -> Response {
    match guard.check(&mut request) {
        Some(()) => next.run(request).await,
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
