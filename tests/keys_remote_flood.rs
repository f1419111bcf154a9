//! Made-up keys cost the provider next to nothing, and keep no real one out.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use remote_support::{Publisher, SECOND, key, status, token};
use tokio::time::sleep;

/// A token that names this key, and that nobody signed.
fn made_up(key_id: &str, like: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{key_id}"}}"#);
    let claims = like.split('.').nth(1).unwrap();
    let signature = URL_SAFE_NO_PAD.encode([0; 64]);
    format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header))
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_made_up_keys_cost_one_request_in_thirty_seconds() {
    const EACH: usize = 100;
    const ROUNDS: usize = 1000; // 0.3 s apart: five minutes
    const ROTATION: usize = 400;
    let (old, next) = (key("2026-01"), key("2026-02"));
    let (old_token, next_token) = (token(&old), token(&next));
    // The attacker guesses the next name, in good time and again and again.
    let guess = made_up("2026-02", &old_token);
    let publisher = Publisher::of([&old]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &old_token).await, 200);
    let mut picked_up_after = None;
    for round in 0..ROUNDS {
        if round == ROTATION {
            publisher.publish([&old, &next]);
        }
        let flood: Vec<_> = (0..EACH)
            .map(|number| made_up(&format!("{round}-{number}"), &old_token))
            .collect();
        let flood = flood.iter().chain([&guess]);
        let refused = join_all(flood.map(|token| status(&keys, token))).await;
        assert!(refused.iter().all(|status| *status == 401));
        assert_eq!(status(&keys, &old_token).await, 200, "round {round}");
        if round >= ROTATION && picked_up_after.is_none() && status(&keys, &next_token).await == 200
        {
            picked_up_after = Some(round - ROTATION);
        }
        sleep(SECOND * 3 / 10).await;
    }
    assert!(picked_up_after.unwrap() <= 100, "{picked_up_after:?}: 30 s");
    // One at the start, and one for each half minute that began since.
    assert_eq!(publisher.asked(), 1 + 10);
    let moments: Vec<_> = publisher.requests().iter().map(|asked| asked.at).collect();
    for pair in moments[1..].windows(2) {
        assert!(pair[1] - pair[0] >= 30 * SECOND, "{moments:?}");
    }
    assert_eq!(keys.state().counters.for_unknown_keys, 10);
}

#[tokio::test(start_paused = true)]
async fn a_name_guessed_in_advance_keeps_the_real_key_out_for_thirty_seconds_at_most() {
    let (old, next) = (key("1"), key("2"));
    let (old_token, next_token) = (token(&old), token(&next));
    let publisher = Publisher::of([&old]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &old_token).await, 200);
    assert_eq!(status(&keys, &made_up("2", &old_token)).await, 401);
    assert_eq!(publisher.asked(), 2, "the guess was looked for");
    publisher.publish([&old, &next]);
    assert_eq!(
        status(&keys, &next_token).await,
        401,
        "anyone could ask that often"
    );
    sleep(30 * SECOND).await;
    assert_eq!(status(&keys, &next_token).await, 200);
}
