use axum::{Router, routing::get};
use tower_bearer::{KeySet, RequireJwt, Validator};

struct MyClaims;

pub(crate) fn app(validator: Validator, keys: KeySet) -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .layer(RequireJwt::<MyClaims>::new(validator, keys))
}
