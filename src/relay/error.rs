//! Why no token goes on.

use std::{error::Error, fmt};

use http::Uri;

use crate::jwt::Expected;

/// Why a request was not sent on behalf of a caller. A middleware's error is a
/// [`BoxError`](crate::BoxError): downcast to this type.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayError {
    kind: RelayErrorKind,
    detail: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayErrorKind {
    /// The request names no caller: the program has to be mended.
    NoCaller,
    /// The caller's token was not issued for the other API: exchange it.
    OtherAudience,
    /// What the other API is called can't be looked for in `aud` alone: the program has to be
    /// mended.
    AudienceUnseen,
    /// The caller's token has ended since it came.
    Ended,
}

impl RelayError {
    pub(super) fn of(kind: RelayErrorKind) -> Self {
        Self {
            kind,
            detail: String::new(),
        }
    }

    pub(super) fn no_caller(uri: &Uri) -> Self {
        Self {
            kind: RelayErrorKind::NoCaller,
            detail: format!("the request to {:?}", uri.host().unwrap_or("this host")),
        }
    }

    pub(super) fn other_audience<'a>(
        received: impl Iterator<Item = &'a str>,
        expected: &Expected,
    ) -> Self {
        let (received, expected): (Vec<_>, Vec<_>) =
            (received.collect(), expected.values().collect());
        let received = match received.is_empty() {
            true => "of an unknown audience".to_owned(),
            false => format!("for {received:?}"),
        };
        Self {
            kind: RelayErrorKind::OtherAudience,
            detail: format!("{received}, and not for {expected:?}"),
        }
    }

    /// What to do about it depends on this.
    #[must_use]
    pub fn kind(&self) -> RelayErrorKind {
        self.kind
    }
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.detail;
        match self.kind {
            RelayErrorKind::NoCaller => write!(
                f,
                "{detail} names no caller: say `relay::on_behalf_of` where it is made, or give the layer a source of the service's own"
            ),
            RelayErrorKind::OtherAudience => write!(
                f,
                "the caller's token is {detail}: buy another one with it (`relay::exchanged`), or have it issued for both"
            ),
            RelayErrorKind::AudienceUnseen => f.write_str(
                "no token goes on by a rule that needs other claims than `aud`: give `relay::same_token` names, a pattern with `*` alone, or `Expected::unchecked()`",
            ),
            RelayErrorKind::Ended => f.write_str("the caller's token has ended since it came"),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayError({self})")
    }
}

impl Error for RelayError {}
