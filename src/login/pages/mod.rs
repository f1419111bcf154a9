//! What a person is shown where there is nothing else to show.

mod kind;
mod page;
mod plain;
mod problem;

pub use kind::PageKind;
pub use page::Page;
pub(super) use problem::Problem;
