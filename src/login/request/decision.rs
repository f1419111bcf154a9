//! Redirect, 401 or serve: what becomes of a request, by what it looks like and who it is.

use http::{HeaderMap, Method};

use super::{navigation::is_navigation, same_origin::may_act};
use crate::login::public_address::PublicAddress;

/// By what the caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Caller {
    /// By credentials that the guard looks for, good or bad: a bearer token in a header.
    Credentials,
    /// By the same in a cookie, where the guard looks in one.
    CookieOfGuard,
    /// By a session, and so by a cookie alone.
    Session,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Decision {
    /// The guard answers: it lets a good token through, and all else gets its challenge.
    Guard,
    /// The browser is sent to the login page.
    LogIn,
    /// The inner service answers, for the one whose session it is.
    Serve,
    /// Another site's page has sent it.
    CrossSite,
}

pub(in crate::login) fn decide(
    method: &Method,
    headers: &HeaderMap,
    caller: Caller,
    site: &PublicAddress,
) -> Decision {
    let may_act = || may_act(method, headers, site);
    match caller {
        Caller::Credentials => Decision::Guard,
        Caller::CookieOfGuard if may_act() => Decision::Guard,
        Caller::Session if may_act() => Decision::Serve,
        Caller::CookieOfGuard | Caller::Session => Decision::CrossSite,
        Caller::Nobody if is_navigation(method, headers) => Decision::LogIn,
        Caller::Nobody => Decision::Guard,
    }
}
