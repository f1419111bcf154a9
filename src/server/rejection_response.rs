//! The seam at which a refusal becomes the application's own response.

use http::Response;

use super::rejection::Rejection;

/// Turns a [`Rejection`] into a response.
///
/// Any `Fn(&Rejection) -> Response<B>` is one. Start from
/// [`Rejection::response_with`], which sets the status and the headers that RFC 6750 asks
/// for.
///
/// # Defaults
///
/// [`EmptyBody`].
///
/// # Example
///
/// ```
/// use tower_bearer::server::{Rejection, RequireScope};
///
/// let layer = RequireScope::all(["orders:read"])
///     .rejection_response(|rejection: &Rejection| {
///         rejection.response_with(format!("no: {}", rejection.status()))
///     });
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not turn a `Rejection` into a response with the body `{B}`",
    note = "give a closure `|rejection: &Rejection| rejection.response_with(body)`; the default, `EmptyBody`, needs `{B}: Default`",
    note = "if `{B}` is the body of a layer inside, put `tower_http::map_response_body::MapResponseBodyLayer` between, or in axum give each layer its own `.layer`"
)]
pub trait RejectionResponse<B> {
    /// The response. The guard puts the rejection itself into its extensions.
    fn response(&self, rejection: &Rejection) -> Response<B>;
}

/// Answers with status and headers, and an empty body.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBody;

#[diagnostic::do_not_recommend] // or the fix would not be shown
impl<B: Default> RejectionResponse<B> for EmptyBody {
    fn response(&self, rejection: &Rejection) -> Response<B> {
        rejection.response_with(B::default())
    }
}

impl<F, B> RejectionResponse<B> for F
where
    F: Fn(&Rejection) -> Response<B>,
{
    fn response(&self, rejection: &Rejection) -> Response<B> {
        self(rejection)
    }
}

pub(super) fn refuse<B>(
    responder: &impl RejectionResponse<B>,
    rejection: Rejection,
) -> Response<B> {
    let mut response = responder.response(&rejection);
    response.extensions_mut().insert(rejection);
    response
}
