//! The contenders, each as a Tower service before an empty one. Benchmarks measure them, and
//! `allocations` counts; both first see that each accepts and refuses what it should.
#![allow(dead_code)] // of what the benchmarks share, this takes its part

#[path = "../../support/bare_key.rs"]
mod bare_key;
pub mod guards;
pub mod headers;
#[path = "../../support/outgoing.rs"]
mod outgoing;
mod proof;
#[path = "../../support/service.rs"]
mod service;
#[path = "../../support/tokens.rs"]
mod tokens;

use std::fmt::Debug;

use http::{Request, Response};
use tower::Service;

/// The backend of this crate and of all peers that use jsonwebtoken 11.
#[cfg(feature = "aws-lc-rs")]
pub const BACKEND: &str = "AWS-LC";
#[cfg(not(feature = "aws-lc-rs"))]
pub const BACKEND: &str = "RustCrypto";

/// Shown each contender in turn; their types differ.
pub trait Visit<B> {
    fn visit<S>(&mut self, name: &'static str, service: S)
    where
        S: Service<Request<B>, Response = Response<()>, Error: Debug> + Clone;
}
