use std::convert::Infallible;

use super::ReplayPolicy;

/// Never sends a request twice, and takes any body. The token is renewed all the same:
/// the caller's next request carries the new one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReplay;

impl<B> ReplayPolicy<B> for NoReplay {
    type Body = B;
    type Kept = Infallible;

    fn split(&self, body: B) -> (B, Option<Infallible>) {
        (body, None)
    }

    fn again(&self, kept: Infallible) -> Option<B> {
        match kept {}
    }
}
