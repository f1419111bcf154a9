use http::{Request, Response};
use hyper::body::Incoming;
use tower::{BoxError, Layer, Service};
use tower_bearer::AuthLayer;

pub(crate) fn gateway<S>(layer: AuthLayer, upstream: S) -> impl Service<Request<Incoming>>
where
    S: Service<Request<Incoming>, Response = Response<()>, Error = BoxError> + Clone,
{
    layer.layer(upstream)
}
