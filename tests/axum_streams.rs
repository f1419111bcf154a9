//! Bodies that have no end yet pass a guard as they come, in axum over TCP.
#![cfg(all(feature = "axum", feature = "test-util"))]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Extension, Router,
    body::Body,
    response::sse::{Event, Sse},
    routing::{get, post},
};
use futures::{SinkExt, StreamExt, channel::mpsc};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use server_support::{MyClaims, NOW, good, require};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_bearer::{Verified, test_util::ManualClock};

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn send(
    request: http::request::Builder,
    body: Body,
) -> http::Response<hyper::body::Incoming> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = request.header("authorization", format!("Bearer {}", good()));
    client.request(request.body(body).unwrap()).await.unwrap()
}

async fn next(body: &mut hyper::body::Incoming) -> String {
    let frame = body.frame().await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

type Events = mpsc::UnboundedReceiver<&'static str>;

async fn events(
    token: Verified<MyClaims>,
    Extension(events): Extension<Arc<Mutex<Option<Events>>>>,
) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>>> {
    let events = events.lock().unwrap().take().unwrap();
    let name = token.claims().sub.clone();
    Sse::new(events.map(move |event| Ok(Event::default().data(format!("{event} {name}")))))
}

#[tokio::test]
async fn each_event_arrives_when_it_is_sent_also_after_the_token_has_expired() {
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(NOW));
    let (teller, told) = mpsc::unbounded();
    let app = Router::new()
        .route("/", get(events))
        .layer(Extension(Arc::new(Mutex::new(Some(told)))))
        .layer(require().clock(clock.clone()));
    let address = serve(app).await;

    let response = send(Request::get(format!("http://{address}/")), Body::empty()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    teller.unbounded_send("hello").unwrap();
    assert_eq!(next(&mut body).await, "data: hello alice\n\n");

    clock.advance(Duration::from_secs(3600));
    teller.unbounded_send("still here,").unwrap();
    assert_eq!(next(&mut body).await, "data: still here, alice\n\n");
    let late = send(Request::get(format!("http://{address}/")), Body::empty()).await;
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_is_read_and_answered_while_it_is_still_being_sent() {
    async fn echo(body: Body) -> Body {
        body
    }
    let app = Router::new().route("/", post(echo)).layer(require());
    let address = serve(app).await;
    let (mut writer, written) = mpsc::channel::<Result<&'static str, Infallible>>(0);
    let body = Body::from_stream(written);
    let request = Request::post(format!("http://{address}/"));
    let response = send(request, body).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut answer = response.into_body();
    for part in ["one", "two", "three"] {
        writer.send(Ok(part)).await.unwrap();
        assert_eq!(next(&mut answer).await, part);
    }
    drop(writer);
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn a_refused_upload_is_not_asked_for() {
    let app = Router::new()
        .route("/", post(|body: String| async { body }))
        .layer(require());
    let address = serve(app).await;
    let ask = async |authorization: &str| {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n{authorization}\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; 12];
        socket.read_exact(&mut line).await.unwrap();
        String::from_utf8(line.to_vec()).unwrap()
    };
    assert_eq!(ask("").await, "HTTP/1.1 401");
    let good = format!("authorization: Bearer {}\r\n", good());
    assert_eq!(ask(&good).await, "HTTP/1.1 100");
}
