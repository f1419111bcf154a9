use http::{Request, Response};
use tower::{BoxError, Layer, Service, util::BoxService};
use tower_bearer::RequireJwt;

pub(crate) fn guarded(
    guard: RequireJwt<()>,
    service: BoxService<Request<()>, Response<()>, BoxError>,
) -> impl Service<Request<()>> {
    guard.layer(service)
}
