//! The roof is built of what users have too: its files, compiled outside of the crate.
#![cfg(all(feature = "client", feature = "https", feature = "login"))]
#![allow(dead_code, unused_imports, unreachable_pub)] // all that is tested is that it compiles

use tower_bearer::*;

#[path = "../src/https/mod.rs"]
mod https;
#[path = "../src/login/mod.rs"]
mod login;
#[path = "../src/relay/mod.rs"]
mod relay;

#[test]
fn the_roof_needs_nothing_but_the_public_api() {
    let _ = (relay::same_token("stock"), https::HttpsClient::new());
}
