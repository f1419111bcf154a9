//! A gRPC service with a call of each kind, as `tonic-build` would generate it: written by
//! hand, so that no protocol compiler is needed. Messages are text.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::{Buf, BufMut};
use futures::{Stream, StreamExt, future::BoxFuture, stream};
use http::uri::PathAndQuery;
use http_body::Body as HttpBody;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    client::GrpcService,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::NamedService,
};
use tower::{Service, service_fn};
use tower_bearer::BoxError;

/// Messages as text.
#[derive(Clone, Copy, Default)]
pub struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, message: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(message.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(String::from_utf8(bytes.to_vec()).unwrap()))
    }
}

/// Says what it was told, and remembers it.
#[derive(Clone, Default)]
pub struct Echo(Arc<Mutex<Vec<String>>>);

impl Echo {
    /// Each message that came, in the order in which they came.
    pub fn received(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn receive(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }

    async fn unary(self, request: Request<String>) -> Result<Response<String>, Status> {
        let message = request.into_inner();
        self.receive(&message);
        match &*message {
            "refuse" => Err(Status::unauthenticated("by the handler")),
            _ => Ok(Response::new(message)),
        }
    }

    /// Says it three times; of `"refuse late"` only once, and then refuses.
    async fn server_streaming(self, request: Request<String>) -> Result<Response<Replies>, Status> {
        let message = request.into_inner();
        self.receive(&message);
        let late = Err(Status::unauthenticated("in the middle of the stream"));
        let replies: Vec<_> = match &*message {
            "refuse late" => vec![Ok(message), late],
            _ => vec![Ok(message.clone()), Ok(message.clone()), Ok(message)],
        };
        Ok(Response::new(stream::iter(replies).boxed()))
    }

    async fn client_streaming(
        self,
        request: Request<Streaming<String>>,
    ) -> Result<Response<String>, Status> {
        let mut messages = request.into_inner();
        let mut all = Vec::new();
        while let Some(message) = messages.message().await? {
            self.receive(&message);
            all.push(message);
        }
        Ok(Response::new(all.join(" ")))
    }

    async fn streaming(
        self,
        request: Request<Streaming<String>>,
    ) -> Result<Response<Replies>, Status> {
        let replies = request.into_inner().inspect(move |message| {
            if let Ok(message) = message {
                self.receive(message);
            }
        });
        Ok(Response::new(replies.boxed()))
    }
}

type Replies = stream::BoxStream<'static, Result<String, Status>>;

impl NamedService for Echo {
    const NAME: &'static str = "demo.Echo";
}

impl<B> Service<http::Request<B>> for Echo
where
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError> + Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Text);
            Ok(match request.uri().path() {
                UNARY => {
                    let method = service_fn(|request| echo.clone().unary(request));
                    grpc.unary(method, request).await
                }
                SERVER_STREAMING => {
                    let method = service_fn(|request| echo.clone().server_streaming(request));
                    grpc.server_streaming(method, request).await
                }
                CLIENT_STREAMING => {
                    let method = service_fn(|request| echo.clone().client_streaming(request));
                    grpc.client_streaming(method, request).await
                }
                STREAMING => {
                    let method = service_fn(|request| echo.clone().streaming(request));
                    grpc.streaming(method, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

const UNARY: &str = "/demo.Echo/Unary";
const SERVER_STREAMING: &str = "/demo.Echo/ServerStreaming";
const CLIENT_STREAMING: &str = "/demo.Echo/ClientStreaming";
const STREAMING: &str = "/demo.Echo/Streaming";

/// The client that would be generated beside it.
#[derive(Clone)]
pub struct EchoClient<T>(tonic::client::Grpc<T>);

impl<T> EchoClient<T>
where
    T: GrpcService<Body>,
    T::ResponseBody: HttpBody + Send + 'static,
    <T::ResponseBody as HttpBody>::Error: Into<BoxError> + Send,
{
    pub fn new(inner: T) -> Self {
        Self(tonic::client::Grpc::new(inner))
    }

    pub fn with_origin(inner: T, origin: http::Uri) -> Self {
        Self(tonic::client::Grpc::with_origin(inner, origin))
    }

    pub async fn unary(&mut self, message: &str) -> Result<String, Status> {
        self.ready().await?;
        let request = Request::new(message.to_owned());
        let reply = self.0.unary(request, path(UNARY), Text).await?;
        Ok(reply.into_inner())
    }

    pub async fn server_streaming(&mut self, message: &str) -> Result<Streaming<String>, Status> {
        self.ready().await?;
        let request = Request::new(message.to_owned());
        let path = path(SERVER_STREAMING);
        let replies = self.0.server_streaming(request, path, Text).await?;
        Ok(replies.into_inner())
    }

    pub async fn client_streaming(&mut self, messages: impl Messages) -> Result<String, Status> {
        self.ready().await?;
        let path = path(CLIENT_STREAMING);
        let reply = self.0.client_streaming(Request::new(messages), path, Text);
        Ok(reply.await?.into_inner())
    }

    pub async fn streaming(
        &mut self,
        messages: impl Messages,
    ) -> Result<Streaming<String>, Status> {
        self.ready().await?;
        let replies = self
            .0
            .streaming(Request::new(messages), path(STREAMING), Text);
        Ok(replies.await?.into_inner())
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0
            .ready()
            .await
            .map_err(|error| Status::from_error(error.into()))
    }
}

fn path(path: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(path)
}

pub trait Messages: Stream<Item = String> + Send + 'static {}

impl<S: Stream<Item = String> + Send + 'static> Messages for S {}

/// These messages, and then the end.
pub fn messages(list: &'static [&'static str]) -> impl Messages {
    stream::iter(list.iter().map(ToString::to_string))
}

/// All that comes of a stream, or how it ended.
pub async fn all(mut replies: Streaming<String>) -> Result<Vec<String>, Status> {
    let mut all = Vec::new();
    while let Some(reply) = replies.message().await? {
        all.push(reply);
    }
    Ok(all)
}
