//! Who has logged in: where that is kept, how it is kept going, and how it ends.

mod data;
mod denied;
mod identity;
mod known;
mod life;
mod log_out;
mod memory;
mod renewal;
mod store;
mod upkeep;

pub(super) use data::{Session, SessionTokens};
pub(super) use denied::Denied;
pub(super) use known::{Presented, not_sealed};
pub(super) use life::Life;
pub use memory::MemorySessionStore;
pub(super) use renewal::{RenewalError, Renewals};
pub use store::{SessionChange, SessionKey, SessionRecord, SessionStore};
