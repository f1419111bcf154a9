//! Keys that live elsewhere, rotate there, and can't always be had.
//!
//! [`RemoteKeySet`] is the set and its handle, [`Timing`] has each number by which it
//! acts, [`State`] is what a health check asks for.
//!
//! What is decided is apart from what is carried out. `machine` holds the state and decides
//! with `verdict` (what a token is told), `budget` (what unknown keys may cost),
//! `withdrawal` (which keys are trusted after a reading), `lifetime` and `schedule` (when
//! the set is read again): functions of plain values. `worker` is the one task that carries
//! this out, `shared` is where it and the handles meet.

mod answers;
mod budget;
mod builder;
mod discovered;
mod error;
mod files;
mod handle;
mod held;
mod jwks;
mod key_use;
mod lifetime;
mod machine;
mod origin;
mod schedule;
mod shared;
mod state;
mod timing;
mod verdict;
mod withdrawal;
mod worker;

pub(super) use answers::FirstKeys;
pub use builder::{InFiles, OverNetwork, RemoteKeySetBuilder};
pub use error::{FetchError, FetchErrorKind};
pub use handle::RemoteKeySet;
pub use state::{Counters, State};
pub use timing::Timing;
