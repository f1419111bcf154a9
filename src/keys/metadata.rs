//! What an authorization server says of itself (RFC 8414 §2, OpenID Connect Discovery §3).

use std::{error::Error, fmt};

use http::Uri;
use serde_json::{Map, Value};

use super::{
    AddressError,
    address::{self, Allowed},
};

/// The metadata of an issuer, as [`RemoteKeySet::metadata`](super::RemoteKeySet::metadata)
/// has it. It is this issuer's: a document that names another one is discarded (RFC 8414
/// §3.3).
///
/// # Example
///
/// ```no_run
/// # use tower_bearer::keys::{MetadataError, ServerMetadata};
/// # fn f(metadata: &ServerMetadata) -> Result<(), MetadataError> {
/// let address = metadata.endpoint("introspection_endpoint")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ServerMetadata {
    issuer: Box<str>,
    members: Map<String, Value>,
    allowed: Allowed,
}

impl ServerMetadata {
    pub(super) fn new(issuer: &str, members: Map<String, Value>, allowed: Allowed) -> Self {
        Self {
            issuer: issuer.into(),
            members,
            allowed,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address in the member of that name, such as `token_endpoint`.
    ///
    /// # Errors
    ///
    /// When there is none, or one that must not be asked: plain `http` to another machine,
    /// or this machine where the issuer is not on it.
    pub fn endpoint(&self, member: &'static str) -> Result<Uri, MetadataError> {
        let refused = |address| MetadataError { member, address };
        let text = self.members.get(member).and_then(Value::as_str);
        let text = text.ok_or_else(|| refused(None))?;
        address::parse(text, self.allowed).map_err(|error| refused(Some(error)))
    }

    /// Whether the member of that name is `true`, such as
    /// `authorization_response_iss_parameter_supported`.
    #[must_use]
    pub fn supports(&self, member: &str) -> bool {
        self.members.get(member) == Some(&Value::Bool(true))
    }

    /// The member of that name, whatever it is.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

/// Metadata that lack an address.
#[derive(Clone, PartialEq, Eq)]
pub struct MetadataError {
    member: &'static str,
    address: Option<AddressError>,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.member;
        match self.address {
            None => write!(f, "the issuer's metadata has no `{member}`"),
            Some(_) => write!(
                f,
                "the `{member}` of the issuer's metadata must not be used"
            ),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says, and why.
impl fmt::Debug for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("MetadataError");
        shown.field(&self.to_string());
        if let Some(address) = &self.address {
            shown.field(address);
        }
        shown.finish()
    }
}

impl Error for MetadataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.address.as_ref().map(|address| address as _)
    }
}
