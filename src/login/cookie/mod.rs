//! Cookies (RFC 6265): what they are called, read, and written.

mod jar;
mod names;
mod parts;
mod set_cookie;

pub(super) use jar::{Jar, take_out};
pub(super) use names::CookieNames;
pub(super) use parts::{Parts, gone, join, split};
pub(super) use set_cookie::{Lasting, SetCookie};
