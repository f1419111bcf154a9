//! What the operator is told of a refusal. Never a token; what a peer wrote is escaped
//! and cut before it comes here.

use std::{error::Error, time::Duration};

use tracing::{debug, error, info, warn};

use super::{
    authenticate::Claimed,
    rejection::{Rejection, RejectionReason},
};

pub(super) fn refusal(rejection: &Rejection, claimed: &Claimed, waited: Option<Duration>) {
    let issuer = claimed.issuer.as_deref();
    let key_id = claimed.key_id.as_deref();
    let waited_us = waited.map(|waited| waited.as_micros());
    match rejection.reason() {
        // Every client starts like this.
        RejectionReason::CredentialsMissing => {
            debug!(reason = %rejection, "request refused");
        }
        RejectionReason::OtherScheme
        | RejectionReason::SeveralCredentials
        | RejectionReason::UnreadableCredentials(_)
        | RejectionReason::InvalidToken(_)
        | RejectionReason::UnknownToken
        | RejectionReason::InsufficientScope { .. } => {
            info!(reason = %rejection, issuer, key_id, waited_us, "request refused");
        }
        RejectionReason::KeysUnavailable(unavailable) => {
            let cause = unavailable.source().map(tracing::field::display);
            warn!(reason = %rejection, cause, issuer, key_id, waited_us, "request refused");
        }
        RejectionReason::Misconfigured(_) => error!(reason = %rejection, "request refused"),
    }
}
