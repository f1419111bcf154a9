//! What the operator is told. Never a token, a code or a cookie; what a peer wrote is escaped
//! and cut before it comes here.

use std::{error::Error, time::Duration};

use super::{Page, PageKind, session::RenewalError};

pub(super) fn page(page: &Page) {
    let error = page.source();
    match page.kind() {
        PageKind::LogOut => {}
        PageKind::LoggedOut => tracing::debug!("logged out"),
        PageKind::Denied | PageKind::UnknownLogin | PageKind::CrossSite | PageKind::Loop => {
            tracing::info!(reason = %page, error, "login not finished");
        }
        PageKind::Unavailable | PageKind::LoggedOutHere => {
            let retry_after_ms = page.retry_after().map(|wait| wait.as_millis());
            tracing::warn!(reason = %page, retry_after_ms, error, "login not finished");
        }
        PageKind::NotAccepted | PageKind::Misconfigured => {
            tracing::error!(reason = %page, error, "login not finished");
        }
    }
}

/// A cookie or a session that names nobody.
pub(super) fn no_session(reason: &str, error: Option<&(dyn Error + 'static)>) {
    tracing::info!(reason, error, "session not accepted");
}

/// Why a session goes on with the tokens that it has.
pub(super) fn not_renewed(error: &RenewalError, pause: Duration) {
    let retry_after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    let error = error as &dyn Error;
    tracing::warn!(retry_after_ms, error, "session not renewed");
}

/// Why the ID token that came with a renewal does not take the place of the login's.
pub(super) fn id_token_ignored(reason: &str) {
    tracing::warn!(reason, "ID token of a renewal not accepted");
}

/// That a session was used could not be written down.
pub(super) fn not_noted(error: &(dyn Error + 'static)) {
    tracing::warn!(error, "the use of a session could not be noted");
}

/// What a peer wrote: escaped, and cut to 64 characters.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
