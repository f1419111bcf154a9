use axum::{Router, routing::get};
use tower_bearer::{RequireScope, server::Rejection};

pub(crate) fn app() -> Router {
    let scope = RequireScope::all(["orders:read"]);
    let scope = scope.rejection_response(|rejection: &Rejection| {
        rejection.response_with("ask your administrator".to_owned())
    });
    Router::new().route("/", get(|| async { "hello" }).layer(scope))
}
