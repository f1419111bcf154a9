//! Whether a request has to bring a token.

/// What a guard does with a request that brings no credentials at all.
///
/// Sealed: [`Required`] and [`Optional`].
pub trait Presence: sealed::Sealed + Copy + Send + Sync + 'static {
    #[doc(hidden)]
    const ADMITS_ANONYMOUS: bool;
}

/// A request without a token is refused.
#[derive(Clone, Copy, Debug)]
pub struct Required;

/// A request without a token is anonymous.
#[derive(Clone, Copy, Debug)]
pub struct Optional;

impl Presence for Required {
    const ADMITS_ANONYMOUS: bool = false;
}

impl Presence for Optional {
    const ADMITS_ANONYMOUS: bool = true;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Required {}
    impl Sealed for super::Optional {}
}
