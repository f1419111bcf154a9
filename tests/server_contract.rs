//! The service contract of every middleware of the server's end.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::time::Duration;

use http::{Request, Response};
use serde_json::json;
use server_support::*;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{
    Layer, ServiceBuilder,
    limit::{ConcurrencyLimit, ConcurrencyLimitLayer},
};
use tower_bearer::{RequireScope, server::Rejection};
use tower_test::mock::{self, Handle, Spawn};

type Peer = Handle<Request<()>, Response<()>>;

fn answer(peer: &mut Peer) {
    let (_, reply) = assert_ready!(task::spawn(peer.next_request()).poll()).unwrap();
    reply.send_response(Response::new(()));
}

/// The rules that hold for each of them, whatever it checks.
macro_rules! keeps_the_contract {
    ($name:ident, $layer:expr, admitted: $admitted:expr, refused: $refused:expr) => {
        mod $name {
            use super::*;

            #[tokio::test]
            async fn it_is_ready_when_the_inner_service_is() {
                let (mut service, mut peer) =
                    mock::spawn_layer::<Request<()>, Response<()>, _>($layer);
                peer.allow(0);
                assert_pending!(service.poll_ready());
                peer.allow(1);
                assert_ready_ok!(service.poll_ready());
                // The mock panics where another instance than the readied one is called.
                let mut call = task::spawn(service.call($admitted));
                assert_pending!(call.poll());
                answer(&mut peer);
                assert_eq!(assert_ready_ok!(call.poll()).status(), 200);
            }

            #[tokio::test]
            async fn errors_of_the_inner_service_pass_through() {
                let (mut service, mut peer) =
                    mock::spawn_layer::<Request<()>, Response<()>, _>($layer);
                peer.send_error("not ready");
                let error = assert_ready_err!(service.poll_ready());
                assert_eq!(error.to_string(), "not ready");

                assert_ready_ok!(service.poll_ready());
                let mut call = task::spawn(service.call($admitted));
                assert_pending!(call.poll());
                let (_, reply) = peer.next_request().await.unwrap();
                reply.send_error("no answer");
                assert_eq!(assert_ready_err!(call.poll()).to_string(), "no answer");
            }

            #[tokio::test]
            async fn a_clone_gets_ready_and_works_by_itself() {
                let (inner, mut peer) = mock::pair::<Request<()>, Response<()>>();
                let mut service = Spawn::new($layer.layer(ConcurrencyLimit::new(inner, 2)));
                assert_ready_ok!(service.poll_ready());
                let mut clone = Spawn::new(service.get_ref().clone());
                let mut third = Spawn::new(service.get_ref().clone());
                assert_ready_ok!(clone.poll_ready());
                assert_pending!(third.poll_ready(), "each clone has a permit of its own");
                drop(third);
                for service in [&mut service, &mut clone] {
                    let mut call = task::spawn(service.call($admitted));
                    assert_pending!(call.poll());
                    answer(&mut peer);
                    assert_ready_ok!(call.poll());
                }
            }

            #[tokio::test]
            async fn a_pending_call_can_be_dropped() {
                let (mut service, mut peer) =
                    mock::spawn_layer::<Request<()>, Response<()>, _>($layer);
                assert_ready_ok!(service.poll_ready());
                let mut call = task::spawn(service.call($admitted));
                assert_pending!(call.poll());
                drop(call);
                let (_, reply) = peer.next_request().await.unwrap();
                reply.send_response(Response::new(()));

                assert_ready_ok!(service.poll_ready());
                let mut call = task::spawn(service.call($admitted));
                assert_pending!(call.poll());
                answer(&mut peer);
                assert_ready_ok!(call.poll());
            }

            #[tokio::test]
            async fn a_refusal_gives_back_the_permit_before_it_is_polled() {
                let (inner, _peer) = mock::pair::<Request<()>, Response<()>>();
                let limited = ConcurrencyLimit::new(inner, 1);
                let mut service = Spawn::new($layer.layer(limited));
                assert_ready_ok!(service.poll_ready());
                let mut clone = Spawn::new(service.get_ref().clone());
                assert_pending!(clone.poll_ready(), "the limit is 1");

                let refused = service.call($refused);
                assert_ready_ok!(clone.poll_ready());
                let response = assert_ready_ok!(task::spawn(refused).poll());
                assert!(response.extensions().get::<Rejection>().is_some());
            }

            #[tokio::test]
            async fn a_limit_outside_counts_its_calls() {
                let (inner, mut peer) = mock::pair::<Request<()>, Response<()>>();
                let limited = ServiceBuilder::new()
                    .layer(ConcurrencyLimitLayer::new(1))
                    .layer($layer)
                    .service(inner);
                let mut service = Spawn::new(limited);
                assert_ready_ok!(service.poll_ready());
                let mut call = task::spawn(service.call($admitted));
                assert_pending!(service.poll_ready());
                assert_pending!(call.poll());
                answer(&mut peer);
                assert_ready_ok!(call.poll());
                drop(call);
                assert!(service.is_woken());
                assert_ready_ok!(service.poll_ready());
            }
        }
    };
}

keeps_the_contract!(require_jwt, require(), admitted: authorized(), refused: Request::new(()));
keeps_the_contract!(
    optional_jwt,
    optional(),
    admitted: Request::new(()),
    refused: request(&[b"Bearer x"])
);
keeps_the_contract!(require_token, require_token(), admitted: opaque(), refused: Request::new(()));
keeps_the_contract!(
    optional_token,
    optional_token(),
    admitted: Request::new(()),
    refused: request(&[b"Bearer x"])
);
keeps_the_contract!(
    require_scope_in_require_token,
    ServiceBuilder::new()
        .layer(require_token())
        .layer(RequireScope::all(["orders:read"]))
        .into_inner(),
    admitted: opaque(),
    refused: request(&[&bearer(BOB)])
);
keeps_the_contract!(
    require_scope,
    ServiceBuilder::new()
        .layer(require())
        .layer(RequireScope::all(["orders:read"]))
        .into_inner(),
    admitted: authorized(),
    refused: request(&[&bearer(&token(json!({"scope": ""})))])
);
keeps_the_contract!(
    require_jwt_whose_keys_come_late,
    require_with(LateKeys(keys())),
    admitted: authorized(),
    refused: Request::new(())
);

/// Never at hand, always there when asked for.
struct LateKeys(tower_bearer::KeySet);

impl tower_bearer::KeySource for LateKeys {
    fn current(&self, _: &tower_bearer::keys::KeyQuery<'_>) -> Option<tower_bearer::KeySet> {
        None
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a tower_bearer::keys::KeyQuery<'a>,
    ) -> tower_bearer::BoxFuture<
        'a,
        Result<tower_bearer::KeySet, tower_bearer::keys::KeysUnavailable>,
    > {
        self.0.obtain(wanted)
    }
}

#[tokio::test]
async fn waiting_for_keys_holds_no_permit_and_completes_beside_a_living_client() {
    let source = ManualKeys::new();
    let (inner, mut peer) = mock::pair::<Request<()>, Response<()>>();
    let limited = ConcurrencyLimit::new(inner, 1);
    let mut service = Spawn::new(require_with(source.clone()).layer(limited));

    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    // The permit is back: another instance gets it while the call waits.
    let mut other = Spawn::new(service.get_ref().clone());
    assert_ready_ok!(other.poll_ready());

    source.arrive(keys());
    assert!(call.is_woken());
    assert_pending!(call.poll(), "the permit is the other's now");
    let mut others_call = task::spawn(other.call(authorized()));
    answer(&mut peer);
    assert_ready_ok!(others_call.poll());
    drop(others_call);

    assert!(call.is_woken());
    assert_pending!(call.poll());
    answer(&mut peer);
    assert_eq!(assert_ready_ok!(call.poll()).status(), 200);
    drop(service); // alive until here
}

#[tokio::test]
async fn a_limit_outside_does_not_deadlock_while_waiting_for_keys() {
    let source = ManualKeys::new();
    let (inner, mut peer) = mock::pair::<Request<()>, Response<()>>();
    let guarded = require_with(source.clone()).layer(inner);
    let mut service = Spawn::new(ConcurrencyLimit::new(guarded, 1));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    source.arrive(keys());
    assert_pending!(call.poll());
    answer(&mut peer);
    assert_ready_ok!(call.poll());
}

#[tokio::test]
async fn the_inner_service_is_readied_again_after_the_wait() {
    let source = ManualKeys::new();
    let (mut service, mut peer) =
        mock::spawn_layer::<Request<()>, Response<()>, _>(require_with(source.clone()));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    peer.allow(0);
    source.arrive(keys());
    assert_pending!(call.poll());
    peer.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    answer(&mut peer);
    assert_ready_ok!(call.poll());
}

#[tokio::test]
async fn an_error_of_readiness_after_the_wait_passes_through() {
    let source = ManualKeys::new();
    let (mut service, mut peer) =
        mock::spawn_layer::<Request<()>, Response<()>, _>(require_with(source.clone()));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    peer.send_error("gone");
    source.arrive(keys());
    assert_eq!(assert_ready_err!(call.poll()).to_string(), "gone");
}

#[tokio::test]
async fn a_token_that_the_keys_refuse_is_refused_after_the_wait() {
    let source = ManualKeys::new();
    let (mut service, mut peer) =
        mock::spawn_layer::<Request<()>, Response<()>, _>(require_with(source.clone()));
    assert_ready_ok!(service.poll_ready());
    let forged = mint([8; 32], json!({}));
    let mut call = task::spawn(service.call(request(&[&bearer(&forged)])));
    assert_pending!(call.poll());
    source.arrive(keys());
    let response: Response<()> = assert_ready_ok!(call.poll());
    assert_eq!(response.status(), 401);
    assert_pending!(task::spawn(peer.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_after_ten_seconds() {
    let source = ManualKeys::new();
    let (mut service, _peer) =
        mock::spawn_layer::<Request<()>, Response<()>, _>(require_with(source.clone()));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(9_990)).await;
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(20)).await;
    let response: Response<()> = assert_ready_ok!(call.poll());
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), Some("5"));
}

#[tokio::test]
async fn a_source_that_failed_serves_when_it_recovers() {
    let source = ManualKeys::new();
    source.fail(Duration::from_secs(3));
    let guard = require_with(source.clone());
    assert_eq!(send(guard.clone(), authorized()).await.status(), 503);
    source.arrive(keys());
    assert_eq!(send(guard.clone(), authorized()).await.status(), 200);
    assert_eq!(source.asked(), 1, "keys that are at hand are not asked for");
}

#[tokio::test]
async fn a_call_can_be_dropped_while_it_waits() {
    let source = ManualKeys::new();
    let (mut service, mut peer) =
        mock::spawn_layer::<Request<()>, Response<()>, _>(require_with(source.clone()));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    drop(call);
    source.arrive(keys());
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(authorized()));
    assert_pending!(call.poll());
    answer(&mut peer);
    assert_ready_ok!(call.poll());
}

#[test]
fn a_runtime_without_a_timer_is_an_outage_and_not_a_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let response = runtime.block_on(send(require_with(LateKeys(keys())), authorized()));
    assert_eq!(response.status(), 503);
    let response = futures::executor::block_on(send(require_with(LateKeys(keys())), authorized()));
    assert_eq!(response.status(), 503);
    let response = futures::executor::block_on(send(require(), authorized()));
    assert_eq!(
        response.status(),
        200,
        "keys at hand need no runtime at all"
    );
}
