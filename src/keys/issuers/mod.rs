//! Key sets of many issuers, each made when its first token comes.
//!
//! [`RemoteIssuers`] is for providers with a host or a path for each tenant. Which issuers
//! it looks for is decided by a pattern or a function, and how many and how fast by
//! [`Limits`]: whoever sends tokens can name as many issuers as he likes.
//!
//! A provider that shares *one* key set among its tenants needs none of this: a
//! [`RemoteKeySet`](super::RemoteKeySet), and a pattern for the validator. So does a handful
//! of issuers that are known: [`also_trust`](crate::server::Guard::also_trust).
//!
//! # Events
//!
//! Those of [each set](super::RemoteKeySet#events), and by `tracing`:
//!
//! | level | event | fields |
//! | --- | --- | --- |
//! | `DEBUG` | a new issuer is looked for | `issuer` |

mod admission;
mod builder;
mod handle;
mod limits;
mod tenants;

pub use builder::{IssuersError, RemoteIssuersBuilder};
pub use handle::RemoteIssuers;
pub use limits::Limits;
pub use tenants::State;
