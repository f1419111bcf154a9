//! What an issuer says of itself, as the handle of its keys has it.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use std::{error::Error, sync::Arc};

use remote_support::{Answer, ISSUER, JWKS, MINUTE, Publisher, SECOND, jwks, key};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower_bearer::{RemoteKeySet, keys::ServerMetadata};

const LOCAL: &str = "http://127.0.0.1:9000";

/// Publishes the metadata, and one key wherever else it is asked.
fn publish(publisher: &Publisher, metadata: Value) {
    let keys = jwks([&key("a")]);
    publisher.answer(
        move |asked| match asked.uri.path().contains("/.well-known/") {
            true => Answer::json(&metadata),
            false => Answer::json(&keys),
        },
    );
}

fn publisher(metadata: Value) -> Publisher {
    let publisher = Publisher::new(|_| Answer::Never);
    publish(&publisher, metadata);
    publisher
}

async fn metadata(issuer: &str, members: Value) -> Arc<ServerMetadata> {
    let mut document = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
    let all = document.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    let keys = RemoteKeySet::discover(issuer).unwrap();
    let keys = keys.over(publisher(document));
    assert!(keys.metadata().is_none(), "nothing was read yet");
    keys.ready(SECOND).await.unwrap();
    keys.metadata().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_address_is_given_if_it_may_be_asked() {
    let rows = [
        (ISSUER, json!("https://id.example/token?v=1"), "ok"),
        (ISSUER, json!("https://elsewhere.example/token"), "ok"),
        (LOCAL, json!("http://127.0.0.1:9000/token"), "ok"),
        (ISSUER, Value::Null, "has no"),
        (ISSUER, json!(["https://id.example/token"]), "has no"),
        (ISSUER, json!("/token"), "must not"),
        (ISSUER, json!("https://id.example/token#top"), "must not"),
        (
            ISSUER,
            json!("https://user:hunter2@id.example/"),
            "must not",
        ),
        (ISSUER, json!("http://id.example/token"), "must not"),
        (ISSUER, json!("http://127.0.0.1:9000/token"), "must not"),
        (ISSUER, json!("javascript:alert(1)"), "must not"),
    ];
    for (issuer, address, expected) in rows {
        let metadata = metadata(issuer, json!({ "token_endpoint": address })).await;
        let said = match metadata.endpoint("token_endpoint") {
            Ok(uri) => {
                assert_eq!(uri.to_string(), address.as_str().unwrap());
                "ok".to_owned()
            }
            Err(error) => {
                let shown = format!("{error} {error:?} {:?}", error.source());
                assert!(!shown.contains("hunter2"), "{shown}");
                error.to_string()
            }
        };
        assert!(said.contains(expected), "{address}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_else_it_says_can_be_read() {
    let members = json!({ "yes": true, "no": false, "text": "true", "codes": ["S256"] });
    let metadata = metadata(ISSUER, members).await;
    assert_eq!(metadata.issuer(), ISSUER);
    let supported = ["yes", "no", "text", "absent"].map(|member| metadata.supports(member));
    assert_eq!(supported, [true, false, false, false]);
    assert_eq!(metadata.member("codes"), Some(&json!(["S256"])));
    assert_eq!(metadata.member("absent"), None);
}

#[tokio::test(start_paused = true)]
async fn it_is_what_was_read_last_and_outlives_a_failure() {
    let document = |version| json!({ "issuer": ISSUER, "jwks_uri": JWKS, "version": version });
    let publisher = publisher(document(1));
    let keys = RemoteKeySet::discover(ISSUER)
        .unwrap()
        .over(publisher.clone());
    keys.ready(SECOND).await.unwrap();
    let version = || keys.metadata().unwrap().member("version").cloned();
    assert_eq!(version(), Some(json!(1)));

    publisher.always(Answer::status(500));
    assert!(keys.refresh().await.is_err());
    assert_eq!(version(), Some(json!(1)));

    publish(&publisher, document(2));
    sleep(61 * MINUTE).await;
    keys.refresh().await.unwrap();
    assert_eq!(version(), Some(json!(2)));
}

#[tokio::test(start_paused = true)]
async fn keys_that_no_issuer_was_asked_for_have_none() {
    let keys = publisher(json!({})).keys();
    keys.ready(SECOND).await.unwrap();
    assert!(keys.metadata().is_none());
}
