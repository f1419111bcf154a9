//! The OpenID provider, and what its tokens have to keep.

mod granted;
mod id_token;
mod provider;
mod provider_builder;

pub(super) use granted::{Granted, NotVerified};
pub(super) use id_token::validator as id_token_validator;
pub use provider::Provider;
pub use provider_builder::ProviderBuilder;
