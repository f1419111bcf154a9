//! The server as a Tower service.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Limited};
use tower_service::Service;

use super::{
    AuthorizationServer, Body, Endpoint, Fault, authorization, documents, end_session,
    fault::{empty, json},
    refusal::Refusal,
    revocation,
    state::State,
    token_endpoint,
    token_request::Asked,
};
use crate::{BoxError, BoxFuture};

const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// Takes a [`Body`], so that nothing has to be said about types where the server is
/// handed to something that sends requests.
impl Service<Request<Body>> for AuthorizationServer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(serve(&server, request).await) })
    }
}

pub(super) async fn serve<B>(server: &AuthorizationServer, request: Request<B>) -> Response<Body>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let body = std::pin::pin!(body);
    let Ok(body) = Limited::new(body, MAX_REQUEST_BYTES).collect().await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let (response, fault) = decide(server, &parts, &body.to_bytes());
    match fault {
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            response
        }
        Some(Fault::CutOff) => response.map(Body::cut_off),
        _ => response,
    }
}

/// The answer, and what is still to go wrong with it. At once and under one lock: what was
/// asked is done, whoever waits for the answer.
fn decide(
    server: &AuthorizationServer,
    parts: &Parts,
    body: &Bytes,
) -> (Response<Body>, Option<Fault>) {
    let mut state = server.state();
    let Some(endpoint) = documents::endpoint(server.issuer(), parts.uri.path()) else {
        state.requests.elsewhere += 1;
        return (empty(StatusCode::NOT_FOUND), None);
    };
    let asked = count(&mut state, endpoint, parts, body);
    let fault = state.faults.take(endpoint);
    if let Some(fault) = fault.as_ref().filter(|fault| !fault.is_answered()) {
        return (fault.answer(), None);
    }
    let response = match asked {
        Some(asked) => asked
            .and_then(|asked| match endpoint {
                Endpoint::Revocation => revocation::answer(server, &mut state, &asked),
                _ => token_endpoint::answer(server, &mut state, &asked),
            })
            .unwrap_or_else(Refusal::into_response),
        None => page_or_document(server, &mut state, endpoint, parts, body),
    };
    (response, fault)
}

/// Notes what was asked; reads what is sent as a form.
fn count(
    state: &mut State,
    endpoint: Endpoint,
    parts: &Parts,
    body: &Bytes,
) -> Option<Result<Asked, Refusal>> {
    let requests = &mut state.requests;
    match endpoint {
        Endpoint::Authorization => requests.authorization += 1,
        Endpoint::EndSession => requests.end_session += 1,
        Endpoint::Jwks => requests.jwks += 1,
        Endpoint::Metadata => requests.metadata += 1,
        Endpoint::Revocation => {
            requests.revocation += 1;
            return Some(Asked::read(parts, body));
        }
        Endpoint::Token => {
            requests.token += 1;
            let asked = Asked::read(parts, body);
            if let Ok(asked) = &asked {
                requests.count_grant(asked.grant_type());
                state.last_token_request = Some(asked.record());
            }
            return Some(asked);
        }
    }
    None
}

fn page_or_document(
    server: &AuthorizationServer,
    state: &mut State,
    endpoint: Endpoint,
    parts: &Parts,
    body: &[u8],
) -> Response<Body> {
    let document = match endpoint {
        Endpoint::Authorization => return authorization::answer(server, state, parts, body),
        Endpoint::EndSession => return end_session::answer(server, parts, body),
        Endpoint::Metadata => {
            let algorithm = server.settings().algorithm;
            documents::metadata(server.issuer(), parts, algorithm)
        }
        _ => state.jwks(),
    };
    json(StatusCode::OK, document.to_string())
}
