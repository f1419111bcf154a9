//! Who has logged in, and where that is kept.

mod data;
mod denied;
mod life;
mod memory;
mod store;

pub(super) use data::{Session, SessionTokens};
pub(super) use denied::Denied;
pub(super) use life::{Life, life};
pub use memory::MemorySessionStore;
pub use store::{SessionChange, SessionKey, SessionRecord, SessionStore};
