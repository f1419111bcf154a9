//! Strict imitations of four real systems, for the tests and the examples' `--demo`.
//!
//! Each refuses all that its system does not allow, and counts what it saw. Its guard is made
//! with this crate. `asked` holds a request against what a system allows, `seen` is the count,
//! `server` is what they have in common besides.
#![allow(dead_code, unreachable_pub)] // each test and example uses its own part

mod asked;
pub mod cloudreve;
pub mod fastapi_users;
mod issuing;
pub mod mluvii;
pub mod morelogin;
pub mod seen;
mod server;

pub use issuing::Lifetimes;
