//! Any Tower HTTP service as the way to an authorization server.
//!
//! What comes back is read with a limit on size and time, and a redirect is an
//! error: following one would carry a client secret, or the trust in a key, to wherever it
//! points.

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower_service::Service;

use crate::{
    BoxError, BoxFuture,
    deadline::{Elapsed, within},
};

/// The largest answer that is read: 1 MiB.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// A way to reach an authorization server, whatever service it is made of. A clone is a
/// reference count.
///
/// It is a service itself, so that one way can be given to all who want one. Its answers are
/// read whole, of no more than [`MAX_ANSWER_BYTES`].
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_bearer::transport::Transport;
///
/// let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let transport = Transport::new(client);
/// ```
#[derive(Clone)]
pub struct Transport(Arc<dyn Exchange>);

impl Transport {
    /// Takes any cloneable Tower HTTP service whose request body can be made from bytes.
    ///
    /// The service must not follow redirects by itself (reqwest does so by default):
    /// a redirect would carry the client's secret to another server.
    pub fn new<S, B, R>(service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: From<Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        Self(Arc::new(Over {
            service: Mutex::new(service),
            body: std::marker::PhantomData::<fn(B)>,
        }))
    }

    /// Sends a request and reads its answer whole, within `deadline`.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let response = within(deadline, self.0.exchange(request))
            .await
            .map_err(|elapsed| match elapsed {
                Elapsed::Deadline => TransportError::Deadline(deadline),
                Elapsed::NoTimer => TransportError::NoTimer,
            })??;
        match response.status() {
            StatusCode::NOT_MODIFIED => Ok(response), // points nowhere
            status if status.is_redirection() => Err(TransportError::Redirected(status)),
            _ => Ok(response),
        }
    }
}

impl Service<Request<Full<Bytes>>> for Transport {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let exchange = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let request = Request::from_parts(parts, body.to_bytes());
            let response = exchange.exchange(request).await?;
            Ok(response.map(Full::new))
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

/// Why no answer could be read.
#[derive(Debug)]
pub(crate) enum TransportError {
    /// The service failed: connection refused, name not found, connection cut.
    Service(BoxError),
    /// The connection broke in the middle of the answer.
    Body(BoxError),
    /// The answer is larger than [`MAX_ANSWER_BYTES`].
    TooLarge,
    /// The answer points elsewhere.
    Redirected(StatusCode),
    /// No answer within this time.
    Deadline(Duration),
    /// The runtime has no timer.
    NoTimer,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(_) => f.write_str("could not be reached"),
            Self::Body(_) => f.write_str("broke off in the middle of its answer"),
            Self::TooLarge => write!(f, "sent more than {MAX_ANSWER_BYTES} bytes"),
            Self::Redirected(status) => write!(
                f,
                "answered with the redirect {status}, which is never followed; configure the final address"
            ),
            Self::Deadline(limit) => write!(f, "did not answer within {limit:?}"),
            Self::NoTimer => write!(f, "was not asked: {}", Elapsed::NoTimer),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Service(source) | Self::Body(source) => Some(&**source),
            _ => None,
        }
    }
}

trait Exchange: Send + Sync {
    fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'static, Result<Response<Bytes>, TransportError>>;
}

/// The mutex makes a service that is only `Send` shareable; it is held for a clone.
struct Over<S, B> {
    service: Mutex<S>,
    body: std::marker::PhantomData<fn(B)>,
}

impl<S, B, R> Exchange for Over<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: From<Bytes> + Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'static, Result<Response<Bytes>, TransportError>> {
        let locked = self.service.lock();
        let mut service = locked.unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            // One transport over another fails as that one does.
            let failed = |error: S::Error| match error.into().downcast() {
                Ok(own) => *own,
                Err(other) => TransportError::Service(other),
            };
            std::future::poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(failed)?;
            let response = service.call(request.map(B::from)).await.map_err(failed)?;
            read(response).await
        })
    }
}

async fn read<R>(response: Response<R>) -> Result<Response<Bytes>, TransportError>
where
    R: Body,
    R::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let limit = u64::try_from(MAX_ANSWER_BYTES).unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit {
        return Err(TransportError::TooLarge);
    }
    let body = std::pin::pin!(body);
    let whole = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    let bytes = whole
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                TransportError::TooLarge
            } else {
                TransportError::Body(error)
            }
        })?
        .to_bytes();
    Ok(Response::from_parts(parts, bytes))
}
