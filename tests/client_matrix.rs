//! Each client that an `AuthLayer` stands around, over TCP, in each situation: how often the
//! authorization server is asked, which token each call carries, and that a server that was
//! not named hears nothing.
#![cfg(all(feature = "axum", feature = "https", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

mod grpc_support;
mod matrix_support;
#[path = "../examples/reqwest_client.rs"]
#[allow(dead_code)]
mod reqwest_client;
#[path = "../examples/tonic_client.rs"]
#[allow(dead_code)]
mod tonic_client;

use tower_bearer::client::{
    ErrorKind,
    PresetCredentials::{self, Keep, Refuse, Replace},
};

use matrix_support::{
    Outcome::{self, Failed, NoToken, Redirected, Refused, Served, Unavailable},
    Stack, World,
};

/// What happens, one after the other.
#[derive(Debug)]
enum Step {
    /// A call of the API, and what becomes of it.
    Call(Outcome),
    /// The same with an `Authorization` of its own, of which the layer makes this.
    CallWithInbound(PresetCredentials, Outcome),
    /// A call of a server that was not named.
    CallForeign,
    /// A call whose caller goes away while it waits for its token.
    Drop,
    /// So many minutes go by.
    Minutes(u64),
    /// A renewal that was begun in the background comes to its end.
    Renewal,
    /// All tokens so far are good no longer.
    Revoke,
    /// From now on the token endpoint answers 503.
    EndpointFails,
    /// From now on the token endpoint answers 307, to a foreign server.
    EndpointMoves,
    /// So does the JWKS from which the API has its keys.
    KeysMove,
    /// So does the API.
    ApiMoves,
}

use Step::{
    ApiMoves, Call, CallForeign, CallWithInbound, Drop, EndpointFails, EndpointMoves, KeysMove,
    Minutes, Renewal, Revoke,
};

const PRESET: ErrorKind = ErrorKind::PresetCredentials;

/// The situation; what happens; how many exchanges that makes; and what the calls that reach
/// the API carry: our first token, our second, or what came in.
type Row = (&'static str, &'static [Step], u64, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("cold", &[Call(Served)], 1, &["1"]),
    ("warm", &[Call(Served), Call(Served)], 1, &["1", "1"]),
    ("due", &[Call(Served), Minutes(59), Call(Served), Renewal, Call(Served)], 2, &["1", "1", "2"]),
    ("expired", &[Call(Served), Minutes(60), Call(Served)], 2, &["1", "2"]),
    ("revoked", &[Call(Served), Revoke, Call(Served)], 2, &["1", "1", "2"]),
    ("dead endpoint, cold", &[EndpointFails, Call(NoToken), Call(NoToken)], 1, &[]),
    ("dead endpoint, due", &[Call(Served), EndpointFails, Minutes(59), Call(Served), Renewal, Call(Served)], 2, &["1", "1", "1"]),
    ("dead endpoint, revoked", &[Call(Served), EndpointFails, Revoke, Call(NoToken)], 2, &["1", "1"]),
    ("endpoint moves, cold", &[EndpointMoves, Call(NoToken), Call(NoToken)], 1, &[]),
    ("endpoint moves, revoked", &[Call(Served), EndpointMoves, Revoke, Call(NoToken)], 2, &["1", "1"]),
    ("JWKS moves", &[KeysMove, Call(Unavailable), Call(Unavailable)], 1, &["1", "1"]),
    ("API moves", &[ApiMoves, Call(Redirected), Call(Redirected)], 1, &["1", "1"]),
    ("foreign origin", &[CallForeign, Call(Served), CallForeign], 1, &["1"]),
    ("inbound, kept", &[CallWithInbound(Keep, Refused)], 0, &["inbound"]),
    ("inbound, kept, API moves", &[ApiMoves, CallWithInbound(Keep, Redirected)], 0, &["inbound"]),
    ("inbound, replaced", &[CallWithInbound(Replace, Served)], 1, &["1"]),
    ("inbound, refused", &[CallWithInbound(Refuse, Failed(PRESET))], 0, &[]),
    ("dropped, cold", &[Drop, Call(Served)], 1, &["1"]),
    ("dropped, expired", &[Call(Served), Minutes(60), Drop, Call(Served)], 2, &["1", "2"]),
];

async fn happens(world: &World, step: &Step, at: &str) {
    const FOREIGN: &Outcome = &Failed(ErrorKind::ForeignOrigin);
    let (outcome, expected) = match step {
        Call(expected) => (world.call().await, expected),
        CallWithInbound(preset, expected) => (world.call_with_inbound(*preset).await, expected),
        CallForeign => (world.call_foreign().await, FOREIGN),
        Drop => return world.drop_call().await,
        Minutes(minutes) => return world.minutes(*minutes),
        Renewal => return world.renewal().await,
        Revoke => return world.revoke(),
        EndpointFails => return world.endpoint_fails(),
        EndpointMoves => return world.endpoint_moves(),
        KeysMove => return world.keys_move(),
        ApiMoves => return world.api_moves(),
    };
    assert_eq!(&outcome, expected, "{at}, {step:?}");
}

async fn each_situation(stack: Stack) {
    for (situation, steps, exchanges, sent) in ROWS {
        let at = format!("{stack:?}, {situation}");
        let world = World::new(stack).await;
        for step in *steps {
            happens(&world, step, &at).await;
        }
        assert_eq!(world.exchanges(), *exchanges, "{at}");
        assert_eq!(world.sent(), *sent, "{at}");
        assert_eq!(world.foreign.heard(), [""; 0], "{at}");
    }
}

#[tokio::test]
async fn hyper_over_http_1() {
    each_situation(Stack::HyperHttp1).await;
}

#[tokio::test]
async fn hyper_over_http_2() {
    each_situation(Stack::HyperHttp2).await;
}

#[tokio::test]
async fn reqwest() {
    each_situation(Stack::Reqwest).await;
}

#[tokio::test]
async fn tonic_unary() {
    each_situation(Stack::TonicUnary).await;
}

#[tokio::test]
async fn tonic_server_streaming() {
    each_situation(Stack::TonicServerStreaming).await;
}

#[tokio::test]
async fn tonic_client_streaming() {
    each_situation(Stack::TonicClientStreaming).await;
}

#[tokio::test]
async fn tonic_streaming() {
    each_situation(Stack::TonicStreaming).await;
}

/// So that hearing nothing says something.
#[tokio::test]
async fn the_foreign_server_hears_whoever_comes() {
    for stack in Stack::ALL {
        let world = World::new(stack).await;
        let outcome = world.call_foreign_as_named().await;
        assert!(
            matches!(outcome, Outcome::Other(_)),
            "{stack:?}: {outcome:?}"
        );
        let heard = world.foreign.heard().join("\n");
        assert!(heard.contains("Bearer ey"), "{stack:?}: {heard}");
    }
}

/// What the example's adapter is for.
#[tokio::test]
async fn a_reqwest_client_that_follows_redirects_would_carry_the_secret_along() {
    let world = World::new(Stack::Reqwest).await;
    world.endpoint_moves();
    assert!(world.ask_by_a_following_client().await.is_ok());
    let heard = world.foreign.heard().join("\n");
    assert!(heard.contains("client_secret=secret"), "{heard}");
}
