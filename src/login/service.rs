//! The service that the layer makes of another.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    RequireLogin,
    future::RequireLoginFuture,
    gate::{Step, Verdict},
};
use crate::server::{EmptyBody, RejectionResponse, RequireJwtService};

/// The service that [`RequireLogin`] makes of another. It never fails by itself: errors are
/// those of the inner service.
pub struct RequireLoginService<S, C, R = EmptyBody> {
    guarded: RequireJwtService<S, C, R>,
    layer: RequireLogin<C, R>,
}

impl<S, C, R> RequireLoginService<S, C, R> {
    pub(super) fn new(inner: S, layer: RequireLogin<C, R>) -> Self {
        let guarded = layer.guard.layer(inner);
        Self { guarded, layer }
    }

    /// The service behind the login.
    pub fn get_ref(&self) -> &S {
        self.guarded.get_ref()
    }

    /// The service behind the login.
    pub fn get_mut(&mut self) -> &mut S {
        self.guarded.get_mut()
    }

    /// The service behind the login, without it.
    pub fn into_inner(self) -> S {
        self.guarded.into_inner()
    }
}

impl<S, C, R, B, ResBody> Service<Request<B>> for RequireLoginService<S, C, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    R: RejectionResponse<ResBody>,
    ResBody: From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RequireLoginFuture<S, B, C, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.guarded.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let RequireLogin { gate, guard } = &self.layer;
        let step = gate.at_once(&request, guard.finds_credentials(&request));
        let errand = match step {
            Step::Done(Verdict::Guard) => {
                gate.take_out_cookies(request.headers_mut());
                return RequireLoginFuture::guarded(self.guarded.call(request));
            }
            Step::Done(Verdict::Serve(served)) => {
                gate.take_out_cookies(request.headers_mut());
                guard.record(&mut request, served.verified);
                let future = self.guarded.get_mut().call(request);
                return RequireLoginFuture::inner(future, Arc::clone(gate), served.kept);
            }
            Step::Done(Verdict::Show(response)) => {
                self.guarded = self.guarded.clone();
                return RequireLoginFuture::shown(response.map(ResBody::from));
            }
            Step::Waits(errand) => errand,
        };
        let verdict = Arc::clone(gate).run(errand, head(&request));
        // What was readied goes back: it is not called before that is over.
        self.guarded = self.guarded.clone();
        let (guarded, layer) = (self.guarded.clone(), self.layer.clone());
        RequireLoginFuture::waiting(Box::pin(verdict), guarded, layer, request)
    }
}

/// What a decision needs of a request.
fn head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    head
}

impl<S: Clone, C, R> Clone for RequireLoginService<S, C, R> {
    fn clone(&self) -> Self {
        Self {
            guarded: self.guarded.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for RequireLoginService<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLoginService")
            .field("inner", self.get_ref())
            .field("layer", &self.layer)
            .finish()
    }
}
