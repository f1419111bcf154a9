//! The world of `client_matrix`: an authorization server, an API over HTTP and gRPC, a foreign
//! server, and a client of each kind.
#![allow(unreachable_pub)]

mod foreign;
mod stack;
mod world;

pub use stack::{Outcome, Stack};
pub use world::World;
