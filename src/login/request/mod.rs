//! What a request looks like, and what becomes of it: pure functions.

mod decision;
mod navigation;
mod return_to;
mod same_origin;

pub(super) use decision::{Caller, Decision, decide};
pub(super) use return_to::{is_page_of_this_site, return_to};
pub(super) use same_origin::is_same_origin;
