//! What the examples of the four systems have in common: everything but the system.
//!
//! `flags` and `call` are the command line, `http` is the transport, `log` tells which token
//! was used and how it was got, `calls` makes the calls, `program` ends well or badly.
#![allow(dead_code, unreachable_pub)] // each example uses its own part

mod call;
pub mod calls;
mod flags;
mod http;
mod log;
mod program;

pub use call::Call;
pub use calls::make_calls;
pub use flags::{Plan, base};
pub use http::Http;
pub use log::Log;
pub use program::program;
