//! The roof is built of what users have too: its files, compiled outside of the crate.
#![cfg(all(feature = "client", feature = "server"))]
#![allow(dead_code, unused_imports, unreachable_pub)] // only that it compiles is tested

use tower_bearer::*;

#[path = "../src/relay/mod.rs"]
mod relay;

#[test]
fn relay_needs_nothing_but_the_public_api() {
    let _ = relay::same_token("stock");
}
