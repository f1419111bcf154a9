use http::{Request, Response};
use hyper::body::Incoming;
use tower::{Layer, Service};
use tower_bearer::RequireJwt;

pub(crate) fn gateway<S>(guard: RequireJwt<()>, upstream: S) -> impl Service<Request<()>>
where
    S: Service<Request<()>, Response = Response<Incoming>> + Clone,
{
    guard.layer(upstream)
}
