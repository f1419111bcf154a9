//! What the answers of a token endpoint look like, where they are not as RFC 6749 §5 says.

use http::StatusCode;

use crate::{
    json_pointer::{JsonPointer, JsonPointerError},
    json_scalar::Scalar,
};

/// Where in an answer each thing stands, and what says that there are no tokens in it.
///
/// Pointers (RFC 6901) count from the top of the answer. Members that no pointer names are
/// ignored.
///
/// # Defaults
///
/// Answers as RFC 6749 §5 has them:
///
/// | matter | default |
/// | --- | --- |
/// | tokens, type, scope | `/access_token`, `/refresh_token`, `/id_token`, `/token_type`, `/scope` |
/// | end of the access token | `/expires_in`, in seconds |
/// | end of the refresh token | not looked for |
/// | failure | a member `error`, with `error_description`; no status of 2xx |
///
/// # Example
///
/// `{"code":0,"msg":"","data":{"access_token":"…","access_expires":"2030-04-26T16:19:38.8+08:00"}}`,
/// whose `code` is another number where something went wrong, also under status 200:
///
/// ```
/// use tower_bearer::oauth::{AnswerFormat, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new("https://drive.example/api/session")?.answer(
///     AnswerFormat::under("/data")?
///         .expiry_at("/data/access_expires")?
///         .failed_unless("/code", [0])?
///         .invalid_grant_when("/code", [40020, 40026])?
///         .message_at("/msg")?,
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AnswerFormat {
    pub(super) access_token: JsonPointer,
    pub(super) refresh_token: JsonPointer,
    pub(super) id_token: JsonPointer,
    pub(super) token_type: JsonPointer,
    pub(super) issued_token_type: JsonPointer,
    pub(super) scope: JsonPointer,
    pub(super) end: End,
    pub(super) refresh_end: Option<End>,
    pub(super) error: JsonPointer,
    pub(super) error_description: JsonPointer,
    pub(super) message: Option<JsonPointer>,
    pub(super) request_id: Option<JsonPointer>,
    pub(super) success: Vec<Rule>,
    pub(super) meanings: Vec<(Rule, Meaning)>,
    pub(super) invalid_grant: Vec<StatusCode>,
    pub(super) failure_is_invalid_grant: bool,
}

/// How the end of a token is told.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// In seconds from the answer on.
    After(JsonPointer),
    /// As a time of day.
    At(JsonPointer),
}

/// A member, and values that mean something there.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) pointer: JsonPointer,
    pub(super) values: Vec<Scalar>,
}

/// An error of RFC 6749 that a server says in its own way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// §5.2
    InvalidGrant,
    /// §4.1.2.1
    TemporarilyUnavailable,
}

impl AnswerFormat {
    /// Answers as RFC 6749 §5 has them.
    pub fn new() -> Self {
        Self::below(&JsonPointer::whole())
    }

    /// Answers that have the members of RFC 6749 §5.1 in an object at this pointer.
    ///
    /// # Errors
    ///
    /// When the text is no JSON pointer, as for each method that takes one.
    pub fn under(pointer: &str) -> Result<Self, JsonPointerError> {
        Ok(Self::below(&pointer.parse()?))
    }

    fn below(object: &JsonPointer) -> Self {
        let top = JsonPointer::whole();
        Self {
            access_token: object.member("access_token"),
            refresh_token: object.member("refresh_token"),
            id_token: object.member("id_token"),
            token_type: object.member("token_type"),
            issued_token_type: object.member("issued_token_type"),
            scope: object.member("scope"),
            end: End::After(object.member("expires_in")),
            refresh_end: None,
            error: top.member("error"),
            error_description: top.member("error_description"),
            message: None,
            request_id: None,
            success: Vec::new(),
            meanings: Vec::new(),
            invalid_grant: Vec::new(),
            failure_is_invalid_grant: false,
        }
    }

    /// Where the access token stands.
    pub fn access_token_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.access_token = pointer.parse()?;
        Ok(self)
    }

    /// Where the refresh token stands, if there is one.
    pub fn refresh_token_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.refresh_token = pointer.parse()?;
        Ok(self)
    }

    /// Where the type stands, which has to be `Bearer` if it is there.
    pub fn token_type_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.token_type = pointer.parse()?;
        Ok(self)
    }

    /// Where the scopes stand, as a space-delimited list.
    pub fn scope_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.scope = pointer.parse()?;
        Ok(self)
    }

    /// Where the access token's lifetime stands: seconds, as a number or as a string.
    pub fn lifetime_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.end = End::After(pointer.parse()?);
        Ok(self)
    }

    /// Where the access token's end stands: a date and time of RFC 3339, with whatever offset
    /// from UTC. It is measured against the answer's `Date` if there is one, so that the
    /// clocks of both machines may differ.
    pub fn expiry_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.end = End::At(pointer.parse()?);
        Ok(self)
    }

    /// Where the refresh token's lifetime stands, in seconds. A lifetime of 0 is none that is
    /// known. A refresh token that has ended is not sent.
    pub fn refresh_lifetime_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.refresh_end = Some(End::After(pointer.parse()?));
        Ok(self)
    }

    /// Where the refresh token's end stands, as in [`expiry_at`](Self::expiry_at). A refresh
    /// token that has ended is not sent.
    pub fn refresh_expiry_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.refresh_end = Some(End::At(pointer.parse()?));
        Ok(self)
    }

    /// The answer is a refusal, whatever its status, unless the member at this pointer is one
    /// of these values, exactly: `0` is not `"0"`. May be called for several members.
    ///
    /// The refusal's code is what stands there. An answer without the member can't be used.
    pub fn failed_unless(
        mut self,
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
    ) -> Result<Self, JsonPointerError> {
        self.success.push(Rule::new(pointer, values)?);
        Ok(self)
    }

    /// The answer means `invalid_grant` (RFC 6749 §5.2) when the member at this pointer is one
    /// of these values: wrong credentials, or a refresh token that is of no use any more, so
    /// that somebody has to log in again. May be called for several members.
    pub fn invalid_grant_when(
        self,
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
    ) -> Result<Self, JsonPointerError> {
        self.meaning(pointer, values, Meaning::InvalidGrant)
    }

    /// The same for each answer of this status that names no `error` of RFC 6749 §5.2. May be
    /// called for several.
    pub fn invalid_grant_when_status(mut self, status: StatusCode) -> Self {
        self.invalid_grant.push(status);
        self
    }

    /// The same for each answer that [failed](Self::failed_unless) and is not told to be
    /// [an outage](Self::temporarily_unavailable_when): for servers that name no code for a
    /// refresh token that is of no use any more.
    pub fn invalid_grant_when_failed(mut self) -> Self {
        self.failure_is_invalid_grant = true;
        self
    }

    /// The answer means `temporarily_unavailable` when the member at this pointer is one of
    /// these values: nothing was refused, and waiting helps. May be called for several
    /// members.
    pub fn temporarily_unavailable_when(
        self,
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
    ) -> Result<Self, JsonPointerError> {
        self.meaning(pointer, values, Meaning::TemporarilyUnavailable)
    }

    fn meaning(
        mut self,
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
        meaning: Meaning,
    ) -> Result<Self, JsonPointerError> {
        self.meanings.push((Rule::new(pointer, values)?, meaning));
        Ok(self)
    }

    /// Where the server's words for a failure stand. The error repeats them, escaped, cut, and
    /// without anything secret.
    pub fn message_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.message = Some(pointer.parse()?);
        Ok(self)
    }

    /// Where the id stands that the server's operators know the request by. The error
    /// [has it](super::ObtainError::request_id).
    pub fn request_id_at(mut self, pointer: &str) -> Result<Self, JsonPointerError> {
        self.request_id = Some(pointer.parse()?);
        Ok(self)
    }
}

impl Default for AnswerFormat {
    fn default() -> Self {
        Self::new()
    }
}

impl Rule {
    fn new(
        pointer: &str,
        values: impl IntoIterator<Item = impl Into<Scalar>>,
    ) -> Result<Self, JsonPointerError> {
        Ok(Self {
            pointer: pointer.parse()?,
            values: values.into_iter().map(Into::into).collect(),
        })
    }
}
