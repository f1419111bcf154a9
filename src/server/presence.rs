//! Whether a request has to bring a token.

use super::credentials::Absence;

/// What a guard does with a request that brings no token of its scheme.
///
/// Sealed: [`Required`] and [`Optional`].
pub trait Presence: Send + Sync + 'static {
    #[doc(hidden)]
    fn admits(&self, absence: Absence) -> bool;
}

/// A request without a token is refused.
#[derive(Clone, Copy, Debug)]
pub struct Required;

/// A request without a token is anonymous.
#[derive(Clone, Copy, Debug, Default)]
pub struct Optional {
    pub(super) other_schemes: OtherSchemes,
}

/// What becomes of credentials of another scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OtherSchemes {
    /// Somebody wanted to be known: an anonymous answer would surprise them.
    #[default]
    Refused,
    Ignored,
}

impl Presence for Required {
    fn admits(&self, _: Absence) -> bool {
        false
    }
}

impl Presence for Optional {
    fn admits(&self, absence: Absence) -> bool {
        match absence {
            Absence::Nothing => true,
            Absence::OtherScheme => self.other_schemes == OtherSchemes::Ignored,
        }
    }
}
