//! Keys over the ready HTTPS client, from a place that is for those only who are known: as in
//! a Kubernetes cluster, which has an authority of its own as well.
#![cfg(all(feature = "https", feature = "client", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod https_support;
mod remote_support;

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use https_support::{Authority, Server};
use remote_support::{SECOND, jwks, key};
use serde_json::Value;
use tower::ServiceBuilder;
use tower_bearer::{
    AccessToken, AuthLayer, HttpsClient, RemoteKeySet, client::source, keys::remote::FetchErrorKind,
};

/// Publishes the document for whoever sends the token.
fn published(document: Value) -> axum::routing::MethodRouter {
    get(
        async move |headers: HeaderMap| match headers.get("authorization") {
            Some(token) if token == "Bearer own-token" => Ok(Json(document)),
            _ => Err(StatusCode::UNAUTHORIZED),
        },
    )
}

#[tokio::test]
async fn keys_are_read_with_a_token_and_an_authority_of_ones_own() {
    let ours = Authority::new("ours");
    let app = Router::new().route("/openid/v1/jwks", published(jwks([&key("a")])));
    let port = Server::new(ours.issue("localhost")).listen(app).await;
    let origin = format!("https://localhost:{port}");
    let address = format!("{origin}/openid/v1/jwks");

    let https = HttpsClient::builder()
        .without_system_roots()
        .root_certificates(ours.pem())
        .unwrap()
        .build()
        .unwrap();
    let own_token = source::from_fn(|_| AccessToken::new("own-token").ok());
    let layer = AuthLayer::new(own_token).origin(&origin).unwrap();
    let known = ServiceBuilder::new().layer(layer).service(https.clone());

    let keys = RemoteKeySet::new(&address).unwrap().over(known);
    keys.ready(10 * SECOND).await.unwrap();
    assert_eq!(keys.state().key_ids, ["a"]);

    let unknown = RemoteKeySet::new(&address).unwrap().over(https);
    let error = unknown.refresh().await.unwrap_err();
    let unauthorized = FetchErrorKind::Status(StatusCode::UNAUTHORIZED);
    assert_eq!(*error.kind(), unauthorized);

    // Without the authority, nobody there is believed.
    let https = HttpsClient::new().unwrap();
    let stranger = RemoteKeySet::new(&address).unwrap().over(https);
    let error = stranger.refresh().await.unwrap_err();
    assert_eq!(*error.kind(), FetchErrorKind::Unreachable);
    assert!(format!("{error:?}").contains("certificate"), "{error:?}");
}
