//! The layer: what is configured.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;
use tower_layer::Layer;

use super::Envelope;
use crate::{
    json_pointer::{JsonPointer, JsonPointerError},
    json_scalar::Scalar,
};

/// Looks into JSON answers for refusals and failures that no status tells.
///
/// It stands inside [`AuthLayer`](crate::AuthLayer), around the transport. Until a rule is
/// given it looks at nothing. The [module](super) says which bodies are looked into and what
/// becomes of them.
///
/// # Defaults
///
/// | matter | default |
/// | --- | --- |
/// | rules | none: no body is looked into |
/// | statuses that are looked at | 2xx |
/// | longest body that is looked into | 64 KiB |
/// | time for reading it | 5 s, then it passes as it is |
/// | a refused method that is not idempotent, under 2xx | not sent again |
///
/// # Examples
///
/// A token that is refused by `"code": 401` under status 200:
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// use tower::ServiceBuilder;
/// use tower_bearer::{AccessToken, AuthLayer, client::envelope::EnvelopeLayer};
///
/// let auth = AuthLayer::new(AccessToken::new("mF_9.B5f-4.1JqM")?).origin("https://api.example")?;
/// let client = ServiceBuilder::new()
///     .layer(auth)
///     .layer(EnvelopeLayer::new().refused_when("/code", [401])?)
///     .service(transport);
/// # let _ = client;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An API whose failures are errors, and which does nothing for a token that it refuses:
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::client::envelope::EnvelopeLayer;
///
/// let layer = EnvelopeLayer::new()
///     .refused_when("/error/code", ["TOKEN_EXPIRED", "TOKEN_REVOKED"])?
///     .failed_unless("/success", [true])?
///     .message_at("/error/message")?
///     .request_id_at("/error/request_id")?
///     .replay_every_method()
///     .max_bytes(16 * 1024)
///     .deadline(Duration::from_secs(1));
/// # Ok::<(), tower_bearer::json_pointer::JsonPointerError>(())
/// ```
#[derive(Clone)]
pub struct EnvelopeLayer {
    settings: Arc<Settings>,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) members: Vec<Member>,
    pub(super) message: Option<JsonPointer>,
    pub(super) request_id: Option<JsonPointer>,
    pub(super) statuses: Arc<dyn Fn(StatusCode) -> bool + Send + Sync>,
    pub(super) max_bytes: usize,
    pub(super) deadline: Duration,
    pub(super) replays_every_method: bool,
}

/// A member that decides, and by which values.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) pointer: JsonPointer,
    pub(super) refusing: Vec<Scalar>,
    /// Whatever else it is, is a failure.
    pub(super) succeeding: Option<Vec<Scalar>>,
}

impl EnvelopeLayer {
    /// A layer that looks at nothing, until a rule is given.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings {
                members: Vec::new(),
                message: None,
                request_id: None,
                statuses: Arc::new(|status| status.is_success()),
                max_bytes: 64 * 1024,
                deadline: Duration::from_secs(5),
                replays_every_method: false,
            }),
        }
    }

    /// The token is refused when the member at this pointer (RFC 6901) is one of these
    /// values. May be called for several values and members.
    ///
    /// # Errors
    ///
    /// When the text is no JSON pointer.
    pub fn refused_when(
        self,
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
    ) -> Result<Self, JsonPointerError> {
        let (pointer, values) = (pointer.parse()?, values.into_iter().map(Into::into));
        Ok(self.with(|settings| settings.member(pointer, |member| member.refusing.extend(values))))
    }

    /// A response of status 2xx is an [`ApiFailure`](super::ApiFailure) when the member at
    /// this pointer (RFC 6901) is there and none of these values. May be called for several
    /// members.
    ///
    /// A refusal of the token is no failure, and neither is an answer without the member. A
    /// response of another status speaks for itself: it passes, and where such
    /// [statuses](Self::statuses) are looked at, the failure is in its extensions.
    ///
    /// # Errors
    ///
    /// When the text is no JSON pointer.
    pub fn failed_unless(
        self,
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
    ) -> Result<Self, JsonPointerError> {
        let (pointer, values) = (pointer.parse()?, values.into_iter().map(Into::into));
        Ok(self.with(|settings| {
            settings.member(pointer, |member| {
                member.succeeding.get_or_insert_default().extend(values);
            });
        }))
    }

    /// Where the server's words for an [`ApiFailure`](super::ApiFailure) stand.
    ///
    /// # Errors
    ///
    /// When the text is no JSON pointer.
    pub fn message_at(self, pointer: &str) -> Result<Self, JsonPointerError> {
        let pointer = pointer.parse()?;
        Ok(self.with(|settings| settings.message = Some(pointer)))
    }

    /// Where the id stands that the server's operators know the request by.
    ///
    /// # Errors
    ///
    /// When the text is no JSON pointer.
    pub fn request_id_at(self, pointer: &str) -> Result<Self, JsonPointerError> {
        let pointer = pointer.parse()?;
        Ok(self.with(|settings| settings.request_id = Some(pointer)))
    }

    /// Has every method sent again when its token was refused, `POST` and `PATCH` too.
    ///
    /// Without it, under a status of 2xx only idempotent methods are (RFC 9110 §9.2.2): the
    /// status says that the request was carried out, and carrying it out twice may do harm.
    /// Choose it for a server that looks at the token before it does anything.
    #[must_use]
    pub fn replay_every_method(self) -> Self {
        self.with(|settings| settings.replays_every_method = true)
    }

    /// Under which statuses bodies are looked into.
    #[must_use]
    pub fn statuses(self, test: impl Fn(StatusCode) -> bool + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.statuses = Arc::new(test))
    }

    /// The longest body that is looked into, in bytes. As much may be held for each response.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_bytes = bytes)
    }

    /// How long the reading of a body may take, from when it has to be waited for. Then the
    /// response passes unjudged, with what was read and the rest. Measured by the timer of
    /// the tokio runtime; without one there is no deadline.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        self.with(|settings| settings.deadline = deadline)
    }

    fn with(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Arc::unwrap_or_clone(self.settings);
        set(&mut settings);
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl Settings {
    /// A member that decides two things is looked for once.
    fn member(&mut self, pointer: JsonPointer, set: impl FnOnce(&mut Member)) {
        let mut members = self.members.iter_mut();
        if let Some(known) = members.find(|member| member.pointer == pointer) {
            return set(known);
        }
        let mut member = Member {
            pointer,
            refusing: Vec::new(),
            succeeding: None,
        };
        set(&mut member);
        self.members.push(member);
    }
}

impl Default for EnvelopeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for EnvelopeLayer {
    type Service = Envelope<S>;

    fn layer(&self, inner: S) -> Envelope<S> {
        Envelope::new(inner, self.settings.clone())
    }
}

impl fmt::Debug for EnvelopeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeLayer")
            .field("members", &self.settings.members)
            .finish_non_exhaustive()
    }
}
