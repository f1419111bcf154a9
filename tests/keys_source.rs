//! Sources of keys: a set, and closures.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::executor::block_on;
use tower_bearer::{
    Algorithm, KeySet, KeySource,
    keys::{self, KeyQuery, KeysUnavailable},
};

fn keys() -> KeySet {
    KeySet::from_secret(Algorithm::HS256, [7; 32]).unwrap()
}

fn query() -> KeyQuery<'static> {
    KeyQuery::new(Algorithm::HS256)
        .with_key_id(Some("a"))
        .with_issuer(Some("https://id.example"))
}

fn down() -> KeysUnavailable {
    KeysUnavailable::new(Duration::from_secs(5)).with_source("connection refused")
}

#[test]
fn a_set_always_has_its_answer() {
    let source: Arc<dyn KeySource> = Arc::new(keys());
    assert_eq!(source.current(&query()).unwrap().len(), 1);
    assert_eq!(block_on(source.obtain(&query())).unwrap().len(), 1);
    let nested: Arc<dyn KeySource> = Arc::new(source);
    assert!(nested.current(&query()).is_some());
}

#[test]
fn a_closure_sees_what_is_wanted() {
    let source = keys::from_fn(|wanted| match (wanted.key_id(), wanted.issuer()) {
        (Some("a"), Some("https://id.example")) => Ok(keys()),
        _ => Err(down()),
    });
    assert!(source.current(&query()).is_some());
    assert!(source.current(&KeyQuery::new(Algorithm::HS256)).is_none());
    let error = block_on(source.obtain(&KeyQuery::new(Algorithm::HS256))).unwrap_err();
    assert_eq!(error.retry_after(), Duration::from_secs(5));
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "connection refused"
    );
}

#[test]
fn a_closure_is_not_asked_again_about_a_token_that_its_keys_did_not_verify() {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = keys::from_fn({
        let asked = asked.clone();
        move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Ok(keys())
        }
    });
    let answered = source.current(&query()).unwrap();
    let again = source.current(&query().with_tried(Some(&answered)));
    assert_eq!(again.unwrap().len(), 1);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_closure_that_waits_is_asked_only_by_obtain() {
    let source = keys::from_async_fn(|wanted| {
        let algorithm = wanted.algorithm();
        async move {
            assert_eq!(algorithm, Algorithm::HS256);
            Ok(keys())
        }
    });
    assert!(source.current(&query()).is_none());
    assert_eq!(block_on(source.obtain(&query())).unwrap().len(), 1);
}

#[test]
fn an_error_that_main_returns_names_its_cause() {
    let error = KeysUnavailable::new(Duration::from_secs(7)).with_source("the network is down");
    let shown = format!("{error:?}");
    assert!(shown.contains("next attempt in 7 s"), "{shown}");
    assert!(shown.contains("the network is down"), "{shown}");
}
