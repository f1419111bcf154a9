//! Where a token stands in a request: looking for it and taking it out, without deciding
//! anything.

mod cookie;
mod found;
mod header;
mod held;
mod place;
mod place_error;
mod places;
mod query;
mod websocket;

pub use found::Found;
pub(super) use held::Held;
pub use place::Place;
pub use place_error::PlaceError;
pub use places::Places;
pub(super) use places::{OtherSchemes, Removal};
