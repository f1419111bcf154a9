//! Which request bodies can be sent a second time.
//!
//! A request whose token was refused is sent once more with a new token, if its body
//! allows that. The policy decides, and says what the body looks like on the way:
//!
//! | policy | repeats | asks of the body |
//! | --- | --- | --- |
//! | [`WholeBodies`] (default) | bodies that have ended, or are known to be whole | `Default` |
//! | [`ClonedBodies`] | every body, by cloning it | `Clone` |
//! | [`BufferedBodies`] | what passed through, up to a limit | nothing |
//! | [`NoReplay`] | nothing | nothing |

mod buffered;
mod cloned;
mod none;
mod whole;

pub use buffered::{BufferedBodies, BufferedBody, Recording};
pub use cloned::ClonedBodies;
pub use none::NoReplay;
pub use whole::WholeBodies;

/// Decides whether a body can be sent again, and how.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't repeat bodies of type `{B}`",
    label = "this replay policy does not fit the request body",
    note = "`WholeBodies`, the default, asks for `B: http_body::Body + Default + 'static`",
    note = "choose `ClonedBodies`, `BufferedBodies` or `NoReplay` with `AuthLayer::replay`"
)]
pub trait ReplayPolicy<B> {
    /// The body that the inner service sees.
    type Body;

    /// What is kept to send the body again.
    type Kept;

    /// Splits a body into the one that is sent now and what is kept of it; nothing is
    /// kept of a body that can't be sent again.
    fn split(&self, body: B) -> (Self::Body, Option<Self::Kept>);

    /// The body for the first sending, where nothing is to be kept.
    fn pass(&self, body: B) -> Self::Body {
        self.split(body).0
    }

    /// The body for the second sending; `None` if it turns out that there is none.
    fn again(&self, kept: Self::Kept) -> Option<Self::Body>;
}
