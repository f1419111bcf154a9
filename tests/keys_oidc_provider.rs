//! The keys of a real provider: npm's `oidc-provider`, over TCP, which is restarted with other
//! keys, and stopped.
//!
//! Skipped, and said so, where it isn't installed; `tests/jwt_interop.rs` says how to.
#![cfg(all(feature = "client", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod interop_support;

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use interop_support::Script;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_bearer::{
    Algorithm, ClientAuth, ClientCredentials, RemoteKeySet, RequireJwt, RequireScope,
    TokenEndpoint, Validator,
    clock::{Clock, SystemClock},
    jwt::{Minter, SigningKey},
    keys::remote::{FetchErrorKind, Timing},
    oauth::ObtainToken,
};

const ORDERS: &str = "https://api.example/orders";
const ID: &str = "orders-job";
const SECRET: &str = "a secret of some length";
const SECOND: Duration = Duration::from_secs(1);

/// The provider, in a process that ends with this.
struct Provider(Script);

impl Provider {
    /// With these keys, of which the first one signs.
    fn start(place: &Path, port: u16, keys: &[&Value]) -> Self {
        let client = json!({
            "client_id": ID, "client_secret": SECRET, "grant_types": ["client_credentials"],
        });
        let told = json!({
            "port": port,
            "keys": keys,
            "clients": [client],
            "users": {},
            "assertions": { "issuer": "nobody", "jwks": { "keys": [] } },
        });
        Self(Script::start(place, "oidc_provider.mjs", &told))
    }

    fn issuer(&self) -> &str {
        self.0.said["issuer"].as_str().unwrap()
    }

    /// Ends, and begins at the same address with other keys.
    fn restart(self, place: &Path, keys: &[&Value]) -> Self {
        let port = self.stop();
        Self::start(place, port, keys)
    }

    fn stop(self) -> u16 {
        let issuer: Uri = self.issuer().parse().unwrap();
        issuer.port_u16().unwrap()
    }
}

/// No connection is kept that a stop would break.
fn transport() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http()
}

fn keys_of(issuer: &str) -> RemoteKeySet {
    let mut timing = Timing::default();
    timing.young_key = Duration::ZERO; // all of this takes some seconds
    let keys = RemoteKeySet::discover(issuer).unwrap();
    keys.timing(timing).over(transport())
}

/// A token from the place that the issuer's metadata names.
async fn token(keys: &RemoteKeySet, grant: ClientCredentials) -> String {
    let endpoint = keys.metadata().unwrap().endpoint("token_endpoint").unwrap();
    let endpoint = TokenEndpoint::new(&endpoint.to_string())
        .unwrap()
        .client_auth(ClientAuth::basic(ID, SECRET))
        .grant(grant)
        .over(transport());
    let tokens = endpoint.obtain().await.unwrap();
    tokens.access_token().expose().to_owned()
}

fn for_api(api: &str) -> ClientCredentials {
    let grant = ClientCredentials::new().scope("orders:read");
    grant.resource(api).unwrap()
}

/// A token of a key that the provider does not have.
fn strangers_token(issuer: &str) -> String {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let now = SystemClock::new().wall();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": issuer, "aud": ORDERS, "sub": ID, "client_id": ID, "jti": "1",
        "iat": now, "exp": now + 600, "scope": "orders:read",
    });
    let minter = Minter::new(key.with_key_id("stranger")).token_type("at+jwt");
    minter.mint(&claims).unwrap().expose().to_owned()
}

/// The provider's access tokens are those of RFC 9068.
async fn answer(keys: &RemoteKeySet, token: &str) -> Response<()> {
    let validator = Validator::rfc9068(keys.state().source, ORDERS);
    let guard = ServiceBuilder::new()
        .layer(RequireJwt::<Value>::new(validator, keys.clone()))
        .layer(RequireScope::all(["orders:read"]));
    let inner = tower::service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(()))
    });
    let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.body(()).unwrap();
    guard.service(inner).oneshot(request).await.unwrap()
}

async fn status(keys: &RemoteKeySet, token: &str) -> u16 {
    answer(keys, token).await.status().as_u16()
}

#[tokio::test]
async fn keys_follow_a_provider_through_rotations_and_a_stop() {
    let Some(place) = interop_support::installed("node_modules/oidc-provider") else {
        return;
    };
    let key =
        |kid: &str, algorithm: &str, pem: &str| json!({ "kid": kid, "alg": algorithm, "pem": pem });
    let january = key("2026-01", "RS256", include_str!("keys_support/rsa.pem"));
    let february = key("2026-02", "ES256", include_str!("keys_support/p256.pem"));
    let march = key("2026-03", "EdDSA", include_str!("keys_support/ed25519.pem"));

    let provider = Provider::start(&place, 0, &[&january]);
    let issuer = provider.issuer().to_owned();
    let keys = keys_of(&issuer);
    keys.ready(10 * SECOND).await.unwrap();
    let old = token(&keys, for_api(ORDERS)).await;
    assert_eq!(status(&keys, &old).await, 200);
    let others = token(&keys, for_api("https://api.example/billing")).await;
    assert_eq!(status(&keys, &others).await, 401, "for another API");
    let opaque = token(&keys, ClientCredentials::new()).await;
    assert_eq!(status(&keys, &opaque).await, 401, "for no API");
    assert_eq!(keys.state().counters.attempts, 1);

    // A rotation, of which nobody tells us: the first token of the new key finds it.
    let provider = provider.restart(&place, &[&february, &january]);
    let new = token(&keys, for_api(ORDERS)).await;
    for _ in 0..10 {
        assert_eq!(status(&keys, &new).await, 200);
        assert_eq!(status(&keys, &old).await, 200, "both are published");
    }
    assert_eq!(keys.state().key_ids, ["2026-01", "2026-02"]);
    assert_eq!(keys.state().counters.for_unknown_keys, 1);

    // The old key is withdrawn.
    let provider = provider.restart(&place, &[&february]);
    keys.refresh().await.unwrap();
    assert_eq!(status(&keys, &old).await, 401);
    assert_eq!(status(&keys, &new).await, 200);

    // Nobody is there any more: what was good stays good, and the handle says why it is old.
    let port = provider.stop();
    let error = keys.refresh().await.unwrap_err();
    assert_eq!(*error.kind(), FetchErrorKind::Unreachable);
    assert_eq!(status(&keys, &new).await, 200);
    assert_eq!(status(&keys, &old).await, 401);
    assert_eq!(status(&keys, &strangers_token(&issuer)).await, 401);
    let state = keys.state();
    assert!(state.is_ready);
    let last = state.last_error.unwrap();
    assert_eq!(*last.kind(), FetchErrorKind::Unreachable);
    // Who has no keys yet can't tell good from bad.
    let cold = keys_of(&issuer);
    let refused = answer(&cold, &new).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    let error = cold.ready(Duration::ZERO).await.unwrap_err();
    let shown = format!("{error:?}");
    assert!(shown.contains("can't be reached"), "{shown}");

    // And back, with another key again.
    let _provider = Provider::start(&place, port, &[&march, &february]);
    cold.ready(20 * SECOND).await.unwrap();
    keys.refresh().await.unwrap();
    let newest = token(&keys, for_api(ORDERS)).await;
    for keys in [&keys, &cold] {
        assert_eq!(status(keys, &newest).await, 200);
        assert_eq!(status(keys, &new).await, 200);
        assert_eq!(status(keys, &old).await, 401);
        assert!(keys.state().last_error.is_none());
    }
}
