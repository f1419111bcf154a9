//! Where a token stands in a request: looking for it and taking it out, without deciding
//! anything.

mod cookie;
mod header;
mod held;
mod place;
mod places;
mod query;

pub use cookie::CookieNameError;
pub(super) use held::Held;
pub use place::Place;
pub(super) use places::OtherSchemes;
pub use places::Places;
