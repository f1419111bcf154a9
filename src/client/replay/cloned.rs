use super::ReplayPolicy;

/// Sends a clone of the body. The clone has to be cheap, and has to be the same body.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClonedBodies;

impl<B: Clone> ReplayPolicy<B> for ClonedBodies {
    type Body = B;
    type Kept = B;

    fn split(&self, body: B) -> (B, Option<B>) {
        let kept = body.clone();
        (body, Some(kept))
    }

    fn pass(&self, body: B) -> B {
        body
    }

    fn again(&self, kept: B) -> Option<B> {
        Some(kept)
    }
}
