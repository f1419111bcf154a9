//! `AuthLayer` around a tonic `Channel`, over TCP: each kind of call, and what becomes of it
//! when the server refuses the token.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used)]

mod grpc_support;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Code, Status,
    body::Body,
    transport::{Channel, Endpoint, Server},
};
use tower::{Layer, ServiceBuilder, util::MapRequestLayer};
use tower_bearer::{
    Auth, AuthLayer, Refreshing, RequireJwt, TokenEndpoint,
    client::replay::{BufferedBodies, BufferedBody},
    oauth::{ClientAuth, ClientCredentials},
    test_util::AuthorizationServer,
};
use tower_http::map_request_body::{MapRequestBody, MapRequestBodyLayer};

use grpc_support::{Echo, EchoClient, all, messages};

/// What an application writes down. tonic's body can't be cloned, so that what is to be sent
/// again has to be kept while it is sent, and the channel wants its own body back.
type Replaying = Auth<MapRequestBody<Channel, fn(BufferedBody<Body>) -> Body>, BufferedBodies>;

/// An authorization server, a guarded gRPC server, and the tokens of a client.
struct World {
    server: AuthorizationServer,
    tokens: Refreshing,
    echo: Echo,
    /// How many calls came, good or bad.
    calls: Arc<AtomicU64>,
    address: SocketAddr,
}

impl World {
    async fn new() -> Self {
        let server = AuthorizationServer::new().unwrap();
        let endpoint = TokenEndpoint::new(&server.token_url())
            .unwrap()
            .client_auth(ClientAuth::basic("client", "secret"))
            .grant(ClientCredentials::new())
            .clock(server.clock().clone())
            .over(server.clone());
        let tokens = Refreshing::builder(endpoint).clock(server.clock().clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = Self {
            tokens: tokens.build(),
            echo: Echo::default(),
            calls: Arc::default(),
            address: listener.local_addr().unwrap(),
            server,
        };
        world.serve(listener);
        world
    }

    fn serve(&self, listener: TcpListener) {
        let keys = self.server.clone();
        let guard = RequireJwt::<serde_json::Value>::new(self.server.validator(), keys)
            .clock(self.server.clock().clone());
        let calls = self.calls.clone();
        let counted = MapRequestLayer::new(move |request| {
            calls.fetch_add(1, Ordering::SeqCst);
            request
        });
        let grpc = Server::builder()
            .layer(ServiceBuilder::new().layer(counted).layer(guard))
            .add_service(self.echo.clone())
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(grpc);
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    fn channel(&self) -> Channel {
        Endpoint::from_shared(self.origin()).unwrap().connect_lazy()
    }

    fn layer(&self) -> AuthLayer {
        AuthLayer::new(self.tokens.clone())
            .origin(&self.origin())
            .unwrap()
    }

    /// A client that never sends a message twice.
    fn client(&self) -> EchoClient<Auth<Channel>> {
        let origin = self.origin().parse().unwrap();
        EchoClient::with_origin(self.layer().layer(self.channel()), origin)
    }

    /// A client that sends up to 64 KiB again.
    fn replaying(&self) -> EchoClient<Replaying> {
        let channel = MapRequestBodyLayer::new(Body::new as fn(_) -> _).layer(self.channel());
        let auth = self.layer().replay(BufferedBodies::default());
        EchoClient::with_origin(auth.layer(channel), self.origin().parse().unwrap())
    }

    /// All tokens given out so far are good no longer.
    fn revoke(&self) {
        self.server.rotate_keys().unwrap();
        self.server.withdraw_old_keys();
    }

    /// Exchanges with the authorization server, and calls that came to the gRPC server.
    fn counts(&self) -> (u64, u64) {
        let exchanges = self.server.requests().token;
        (exchanges, self.calls.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn each_kind_of_call_carries_the_token() {
    let world = World::new().await;
    let mut client = world.client();
    assert_eq!(client.unary("a").await.unwrap(), "a");
    let replies = client.server_streaming("b").await.unwrap();
    assert_eq!(all(replies).await.unwrap(), ["b", "b", "b"]);
    let joined = client.client_streaming(messages(&["c", "d"])).await;
    assert_eq!(joined.unwrap(), "c d");
    let replies = client.streaming(messages(&["e", "f"])).await.unwrap();
    assert_eq!(all(replies).await.unwrap(), ["e", "f"]);
    assert_eq!(world.counts(), (1, 4), "one token for four calls");
}

#[tokio::test]
async fn a_client_without_an_origin_says_where_its_relative_uris_go() {
    let world = World::new().await;
    let auth = AuthLayer::new(world.tokens.clone());
    let auth = auth.relative_to(&world.origin()).unwrap();
    let mut client = EchoClient::new(auth.layer(world.channel()));
    assert_eq!(client.unary("a").await.unwrap(), "a");

    let mut client = EchoClient::new(world.layer().layer(world.channel()));
    let status = client.unary("a").await.unwrap_err();
    assert!(status.message().contains("relative_to"), "{status}");
    assert_eq!(world.counts(), (1, 1));
}

#[tokio::test]
async fn a_refused_call_is_sent_again_where_its_messages_were_kept() {
    let world = World::new().await;
    let mut client = world.replaying();
    client.unary("first").await.unwrap();

    world.revoke();
    assert_eq!(client.unary("unary").await.unwrap(), "unary");
    assert_eq!(world.counts(), (2, 3));

    world.revoke();
    let replies = client.server_streaming("one").await.unwrap();
    assert_eq!(all(replies).await.unwrap().len(), 3);
    assert_eq!(world.counts(), (3, 5));

    world.revoke();
    let joined = client.client_streaming(messages(&["two", "three"])).await;
    assert_eq!(joined.unwrap(), "two three");
    assert_eq!(world.counts(), (4, 7));

    world.revoke();
    let replies = client.streaming(messages(&["four", "five"])).await.unwrap();
    assert_eq!(all(replies).await.unwrap(), ["four", "five"]);
    assert_eq!(world.counts(), (5, 9));

    let each_once = ["first", "unary", "one", "two", "three", "four", "five"];
    assert_eq!(world.echo.received(), each_once);
}

#[tokio::test]
async fn without_kept_messages_the_refusal_reaches_the_caller_and_the_next_call_is_served() {
    let world = World::new().await;
    let mut client = world.client();
    client.unary("first").await.unwrap();

    world.revoke();
    let status = client.unary("second").await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(world.counts(), (1, 2));
    client.unary("third").await.unwrap();
    assert_eq!(world.counts(), (2, 3));
    assert_eq!(world.echo.received(), ["first", "third"]);
}

#[tokio::test]
async fn what_is_too_large_to_be_kept_is_sent_once() {
    let world = World::new().await;
    let mut client = world.replaying();
    client.unary("first").await.unwrap();
    world.revoke();
    let large = "x".repeat(65 * 1024);
    let status = client.unary(&large).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(world.counts(), (1, 2));
    assert_eq!(client.unary(&large).await.unwrap().len(), large.len());
    assert_eq!(world.counts(), (2, 3));
}

/// A stream whose end has not come is either still with the channel, and then the refusal
/// goes to the caller; or the channel has let go of it, and then it is sent again from its
/// beginning. Which of the two is a matter of who is polled first.
#[tokio::test]
async fn an_open_stream_that_is_refused_neither_hangs_nor_sends_a_message_twice() {
    for _ in 0..20 {
        let world = World::new().await;
        let mut client = world.replaying();
        client.unary("first").await.unwrap();
        world.revoke();

        let (sender, receiver) = mpsc::channel(4);
        sender.send("a".to_owned()).await.unwrap();
        let call = client.streaming(ReceiverStream::new(receiver));
        let outcome = timeout(Duration::from_secs(5), call).await;
        match outcome.expect("it hangs") {
            Ok(mut replies) => {
                sender.send("b".to_owned()).await.unwrap();
                let reply = async |replies: &mut tonic::Streaming<String>| {
                    replies.next().await.unwrap().unwrap()
                };
                assert_eq!(reply(&mut replies).await, "a");
                assert_eq!(reply(&mut replies).await, "b");
                drop(sender);
                assert!(replies.next().await.is_none());
                assert_eq!(world.counts(), (2, 3));
                assert_eq!(world.echo.received(), ["first", "a", "b"]);
            }
            Err(status) => {
                assert_eq!(status.code(), Code::Unauthenticated);
                assert_eq!(world.counts(), (1, 2));
                client.unary("next").await.unwrap();
                assert_eq!(world.echo.received(), ["first", "next"]);
            }
        }
    }
}

/// Behind its first message a refusal stands in the trailers: the call was carried out in
/// part, so that it is the caller's, who may give up the token.
#[tokio::test]
async fn a_refusal_in_the_middle_of_a_stream_reaches_the_caller_and_sends_nothing_again() {
    let world = World::new().await;
    let mut client = world.replaying();
    let replies = client.server_streaming("refuse late").await.unwrap();
    let status = timeout(Duration::from_secs(5), all(replies)).await;
    let status: Status = status.expect("it hangs").unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(world.counts(), (1, 1));
    assert_eq!(world.echo.received(), ["refuse late"]);

    client.unary("the same token").await.unwrap();
    assert_eq!(world.counts(), (1, 2));
    let token = world.tokens.token().await.unwrap();
    world.tokens.invalidate(&token);
    client.unary("another").await.unwrap();
    assert_eq!(world.counts(), (2, 3));
}

#[tokio::test]
async fn a_refusal_by_the_handler_counts_like_one_by_the_guard() {
    let world = World::new().await;
    let mut client = world.replaying();
    let status = client.unary("refuse").await.unwrap_err();
    assert_eq!(status.message(), "by the handler");
    assert_eq!(world.counts(), (2, 2), "once more, with another token");
}
