//! A client of each kind: one driver each.

use std::error::Error as _;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tonic::{Code, Status, transport::Endpoint};
use tower::{Layer, ServiceExt, util::MapRequestLayer};
use tower_bearer::{
    AuthLayer, BoxError,
    client::{Error, ErrorKind},
    transport::Transport,
};

use crate::{
    grpc_support::{EchoClient, all},
    reqwest_client::{self, Reqwest},
    tonic_client,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    HyperHttp1,
    HyperHttp2,
    Reqwest,
    TonicUnary,
    TonicServerStreaming,
    TonicClientStreaming,
    TonicStreaming,
}

/// What became of a call, whatever it was made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The API said what it was told.
    Served,
    /// The API did not take the token: 401, `UNAUTHENTICATED`.
    Refused,
    /// The API could not judge it: 503, `UNAVAILABLE`.
    Unavailable,
    /// The API sent the caller elsewhere, and the caller hears of it.
    Redirected,
    /// It was not sent, since no token could be had.
    NoToken,
    /// It was not sent for this reason.
    Failed(ErrorKind),
    /// Nothing that should become of a call.
    Other(String),
}

/// A call, before it is known who makes it.
pub struct Call {
    pub layer: AuthLayer,
    pub origin: String,
    /// An `Authorization` that it has already.
    pub inbound: Option<HeaderValue>,
}

const SAID: &str = "an order";

impl Stack {
    pub const ALL: [Self; 7] = [
        Self::HyperHttp1,
        Self::HyperHttp2,
        Self::Reqwest,
        Self::TonicUnary,
        Self::TonicServerStreaming,
        Self::TonicClientStreaming,
        Self::TonicStreaming,
    ];

    /// The way to the authorization server, which speaks HTTP/1.1.
    pub fn transport(self) -> Transport {
        match self {
            Self::Reqwest => Transport::new(reqwest()),
            _ => Transport::new(hyper(false)),
        }
    }

    pub async fn call(self, call: Call) -> Outcome {
        match self {
            Self::HyperHttp1 | Self::HyperHttp2 => {
                let client = call.layer.layer(hyper(self == Self::HyperHttp2));
                let request = call.request(Full::from(SAID));
                of_http(client.oneshot(request).await).await
            }
            Self::Reqwest => {
                let request = call.request(reqwest::Body::from(SAID));
                let client = reqwest_client::with_tokens(reqwest(), call.layer);
                of_http(client.oneshot(request).await).await
            }
            _ => match self.grpc(call).await {
                Ok(said) => of_answer(&said),
                Err(status) => of_status(&status),
            },
        }
    }

    async fn grpc(self, call: Call) -> Result<String, Status> {
        let channel = Endpoint::from_shared(call.origin.clone()).unwrap();
        let channel = tonic_client::with_tokens(channel.connect_lazy(), call.layer);
        // Outside of the layer, where an interceptor would stand.
        let inbound = MapRequestLayer::new(move |mut request: Request<_>| {
            let headers = request.headers_mut();
            headers.extend(
                call.inbound
                    .clone()
                    .map(|value| (header::AUTHORIZATION, value)),
            );
            request
        });
        let origin = call.origin.parse().unwrap();
        let mut client = EchoClient::with_origin(inbound.layer(channel), origin);
        let messages = stream::iter(SAID.split(' ').map(str::to_owned));
        match self {
            Self::TonicServerStreaming => {
                let replies = client.server_streaming(SAID).await?;
                Ok(all(replies).await?.pop().unwrap_or_default())
            }
            Self::TonicClientStreaming => client.client_streaming(messages).await,
            Self::TonicStreaming => {
                let replies = client.streaming(messages).await?;
                Ok(all(replies).await?.join(" "))
            }
            _ => client.unary(SAID).await,
        }
    }
}

impl Call {
    fn request<B>(&self, body: B) -> Request<B> {
        let mut request = Request::post(format!("{}/orders", self.origin));
        if let Some(inbound) = &self.inbound {
            request = request.header(header::AUTHORIZATION, inbound);
        }
        request.body(body).unwrap()
    }
}

fn hyper(only_http2: bool) -> Client<HttpConnector, Full<Bytes>> {
    let mut client = Client::builder(TokioExecutor::new());
    client.http2_only(only_http2).build_http()
}

fn reqwest() -> Reqwest {
    Reqwest::new(reqwest::ClientBuilder::new().no_proxy()).unwrap()
}

async fn of_http<B>(response: Result<http::Response<B>, BoxError>) -> Outcome
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let response = match response {
        Ok(response) => response,
        Err(error) => return of_error(&*error),
    };
    match response.status() {
        StatusCode::OK => {
            let body = response.into_body().collect().await.unwrap();
            of_answer(&String::from_utf8_lossy(&body.to_bytes()))
        }
        StatusCode::UNAUTHORIZED => Outcome::Refused,
        StatusCode::SERVICE_UNAVAILABLE => Outcome::Unavailable,
        StatusCode::TEMPORARY_REDIRECT => Outcome::Redirected,
        status => Outcome::Other(status.to_string()),
    }
}

fn of_status(status: &Status) -> Outcome {
    match (status.source(), status.code()) {
        (Some(error), _) => of_error(error),
        (None, Code::Unauthenticated) => Outcome::Refused,
        (None, Code::Unavailable) => Outcome::Unavailable,
        (None, Code::Unknown) if status.message().contains("307") => Outcome::Redirected,
        (None, _) => Outcome::Other(status.to_string()),
    }
}

fn of_answer(said: &str) -> Outcome {
    match said {
        SAID => Outcome::Served,
        other => Outcome::Other(other.to_owned()),
    }
}

fn of_error(error: &(dyn std::error::Error + 'static)) -> Outcome {
    match error.downcast_ref().map(Error::kind) {
        Some(ErrorKind::Unavailable { .. }) => Outcome::NoToken,
        Some(kind) => Outcome::Failed(kind),
        None => Outcome::Other(error.to_string()),
    }
}
