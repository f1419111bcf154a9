//! WebSockets behind a guard in axum, over HTTP/1.1 and HTTP/2.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod server_support;

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use server_support::{MyClaims, good, require};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, client::IntoClientRequest, protocol::Role},
};
use tower_bearer::{Verified, server::Place, token::Scheme};

/// Says whose socket it is and which protocols were left to choose from, then echoes.
async fn greet(
    token: Verified<MyClaims>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let offered = headers.get("sec-websocket-protocol");
    let offered = offered.map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
    let greeting = format!("hello {}, of {offered}", token.claims().sub);
    let upgrade = upgrade.protocols(["orders.v1", "bearer"]);
    upgrade.on_upgrade(|socket| echo(socket, greeting))
}

async fn echo(mut socket: WebSocket, greeting: String) {
    let _ = socket.send(Message::text(greeting)).await;
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(_) = message {
            let _ = socket.send(message).await;
        }
    }
}

async fn serve() -> SocketAddr {
    let guard = require().credentials_in([
        Place::header(Scheme::bearer()),
        Place::websocket_protocol("bearer").unwrap(),
    ]);
    let app = Router::new().route("/", any(greet)).layer(guard);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

type Header = (&'static str, String);

fn in_header() -> Header {
    ("authorization", format!("Bearer {}", good()))
}

fn protocols(list: &str) -> Header {
    ("sec-websocket-protocol", list.replace("TOKEN", &good()))
}

/// What a client sends, and what it gets: the chosen protocol and the greeting, or the
/// status of the refusal.
type Row = (
    &'static str,
    Vec<Header>,
    Result<(Option<&'static str>, &'static str), u16>,
);

fn rows() -> Vec<Row> {
    vec![
        (
            "the token in the header",
            vec![in_header()],
            Ok((None, "hello alice, of ")),
        ),
        (
            "and protocols beside it",
            vec![in_header(), protocols("orders.v2, orders.v1")],
            Ok((Some("orders.v1"), "hello alice, of orders.v2, orders.v1")),
        ),
        (
            "as a browser can",
            vec![protocols("bearer, TOKEN")],
            Ok((Some("bearer"), "hello alice, of bearer")),
        ),
        (
            "with a protocol of the application",
            vec![protocols("bearer, TOKEN, orders.v1")],
            Ok((Some("orders.v1"), "hello alice, of bearer, orders.v1")),
        ),
        ("no token", vec![protocols("orders.v1")], Err(401)),
        ("a bad one", vec![protocols("bearer, x.y.z")], Err(401)),
        ("two", vec![in_header(), protocols("bearer, x")], Err(400)),
    ]
}

fn assert_hides_the_token(rule: &str, headers: &HeaderMap) {
    let printed = format!("{headers:?}");
    assert!(!printed.contains(&good()), "{rule}: {printed}");
}

async fn converse<S>(rule: &str, mut socket: WebSocketStream<S>, greeting: &str)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let first = socket.next().await.unwrap().unwrap();
    assert_eq!(first.to_text().unwrap(), greeting, "{rule}");
    socket.send("ping".into()).await.unwrap();
    let echoed = socket.next().await.unwrap().unwrap();
    assert_eq!(echoed.to_text().unwrap(), "ping", "{rule}");
}

#[tokio::test]
async fn over_http_1_a_token_comes_in_the_header_or_among_the_subprotocols() {
    let address = serve().await;
    for (rule, headers, expected) in rows() {
        let mut request = format!("ws://{address}/").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match (client_async(request, stream).await, expected) {
            (Ok((socket, response)), Ok((protocol, greeting))) => {
                assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
                assert_chosen(rule, response.headers(), protocol);
                converse(rule, socket, greeting).await;
            }
            (Err(tungstenite::Error::Http(response)), Err(status)) => {
                assert_refused(rule, response.status(), response.headers(), status);
            }
            (other, _) => panic!("{rule}: {:?}", other.map(|(_, response)| response)),
        }
    }
}

#[tokio::test]
async fn over_http_2_it_is_the_same() {
    let address = serve().await;
    for (rule, headers, expected) in rows() {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut client, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(format!("http://{address}/"))
            .extension(hyper::ext::Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = client.send_request(request).await.unwrap();
        let (status, answered) = (response.status(), response.headers().clone());
        match expected {
            Ok((protocol, greeting)) => {
                assert_eq!(status, StatusCode::OK, "{rule}");
                assert_chosen(rule, &answered, protocol);
                let upgraded = hyper::upgrade::on(response).await.unwrap();
                let stream = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
                converse(rule, socket, greeting).await;
            }
            Err(expected) => assert_refused(rule, status, &answered, expected),
        }
    }
}

fn assert_chosen(rule: &str, headers: &HeaderMap, protocol: Option<&str>) {
    let chosen = headers.get("sec-websocket-protocol");
    let chosen = chosen.map(|value| value.to_str().unwrap());
    assert_eq!(chosen, protocol, "{rule}");
    assert_hides_the_token(rule, headers);
}

fn assert_refused(rule: &str, status: StatusCode, headers: &HeaderMap, expected: u16) {
    assert_eq!(status.as_u16(), expected, "{rule}");
    let challenge = headers.get("www-authenticate").unwrap().to_str().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"orders\""), "{rule}");
    assert_eq!(headers.get("sec-websocket-protocol"), None, "{rule}");
    assert_hides_the_token(rule, headers);
}
