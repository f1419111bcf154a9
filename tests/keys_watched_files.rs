//! Keys in files that others change, with the handle of a remote set.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use remote_support::{MINUTE, SECOND, jwks, key, status, token};
use tokio::time::sleep;
use tower_bearer::{
    Algorithm, RemoteKeySet,
    jwt::SigningKey,
    keys::remote::{FetchErrorKind, Timing},
};

/// Removed at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("tower-bearer-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Put in place whole, as Kubernetes and careful people do it.
fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).unwrap();
    fs::rename(beside, path).unwrap();
}

fn set<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> String {
    jwks(keys).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_while_its_keys_are_in_use() {
    let directory = Directory::new("in-use");
    let path = directory.file("jwks.json");
    let (a, b) = (key("a"), key("b"));
    replace(&path, set([&a]));
    let keys = RemoteKeySet::file(&path).watch();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(keys.state().source, path.display().to_string());

    replace(&path, set([&b]));
    for _ in 0..10 {
        sleep(SECOND).await;
        let _ = status(&keys, &token(&b)).await;
    }
    assert_eq!(
        status(&keys, &token(&a)).await,
        401,
        "withdrawn without a second look"
    );
    assert_eq!(keys.state().key_ids, ["b"]);
    let attempts = keys.state().counters.attempts;
    sleep(60 * MINUTE).await;
    assert!(
        keys.state().counters.attempts <= attempts + 1,
        "nobody wanted keys"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let directory = Directory::new("new-key");
    let path = directory.file("jwks.json");
    let (a, b) = (key("a"), key("b"));
    replace(&path, set([&a]));
    let keys = RemoteKeySet::file(&path).watch();
    let token_b = token(&b);
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(status(&keys, &token_b).await, 401);
    replace(&path, set([&a, &b]));
    sleep(SECOND).await;
    assert_eq!(status(&keys, &token_b).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_leaves_the_last_good_keys_for_an_hour() {
    let a = key("a");
    let directory = Directory::new("bad");
    let path = directory.file("jwks.json");
    let whole = set([&a]);
    let bad: [(&str, Option<&str>, &str); 4] = [
        ("half written", whole.get(..whole.len() / 2), "not a JWK"),
        ("empty", Some(""), "empty"),
        ("of something else", Some("hello"), "none of PEM"),
        ("gone", None, "can't be read"),
    ];
    for (row, content, says) in bad {
        replace(&path, &whole);
        let keys = RemoteKeySet::file(&path).watch();
        let token = token(&a);
        assert_eq!(status(&keys, &token).await, 200, "{row}");
        match content {
            Some(content) => replace(&path, content),
            None => fs::remove_file(&path).unwrap(),
        }
        for _ in 0..59 {
            sleep(MINUTE).await;
            assert_eq!(status(&keys, &token).await, 200, "{row}");
        }
        let error = keys.state().last_error.unwrap();
        assert!(
            matches!(error.kind(), FetchErrorKind::Keys(_)),
            "{row}: {error}"
        );
        let said = format!("{error:?}");
        assert!(said.contains(says), "{row}: {said}");
        sleep(2 * MINUTE).await;
        assert_eq!(status(&keys, &token).await, 503, "{row}");
        replace(&path, &whole);
        sleep(MINUTE).await;
        assert_eq!(status(&keys, &token).await, 200, "{row}: mended");
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_is_read_again_with_what_was_added_and_removed() {
    let directory = Directory::new("directory");
    let (a, b) = (key("a"), key("b"));
    replace(&directory.file("a.json"), a.public_jwk().unwrap());
    let keys = RemoteKeySet::directory(&directory.0).watch();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    replace(&directory.file("b.json"), b.public_jwk().unwrap());
    fs::remove_file(directory.file("a.json")).unwrap();
    sleep(SECOND).await;
    assert_eq!(status(&keys, &token(&b)).await, 200);
    assert_eq!(status(&keys, &token(&a)).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_file_of_ours_may_hold_shared_secrets_and_be_told_apart_by_its_settings() {
    let directory = Directory::new("secret");
    let path = directory.file("jwk.json");
    let secret = r#"{"kty":"oct","alg":"HS256","k":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#;
    replace(&path, secret);
    let signing = SigningKey::from_secret(Algorithm::HS256, [7; 32]).unwrap();
    let keys = RemoteKeySet::file(&path).watch();
    assert_eq!(status(&keys, &token(&signing)).await, 200);

    let pem = include_str!("keys_support/rsa_public.pem");
    let signing =
        SigningKey::from_pem(Algorithm::PS256, include_str!("keys_support/rsa.pem")).unwrap();
    replace(&path, pem);
    let keys = RemoteKeySet::file(&path).rsa_algorithm(Algorithm::PS256);
    let mut timing = Timing::of_files();
    timing.lifetime_unstated = 2 * MINUTE;
    let keys = keys.timing(timing).watch();
    assert_eq!(status(&keys, &token(&signing)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_missing_file_is_told_to_who_waits_and_only_a_regular_file_is_read() {
    let directory = Directory::new("missing");
    let keys = RemoteKeySet::file(directory.file("none.pem")).watch();
    let error = keys.ready(SECOND).await.unwrap_err();
    let shown = format!("{error:?}");
    assert!(
        shown.contains("none.pem") && shown.contains("not found"),
        "{shown}"
    );
    // To open a pipe would block.
    let device = cfg!(unix).then(|| PathBuf::from("/dev/null"));
    for other in device.into_iter().chain([directory.0.clone()]) {
        let error = RemoteKeySet::file(&other).watch().ready(SECOND).await;
        let shown = format!("{:?}", error.unwrap_err());
        assert!(shown.contains("invalid input"), "{shown}");
    }
}
