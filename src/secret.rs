//! Values that must not be seen: wiped when dropped, never printed.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, header::InvalidHeaderValue};
use zeroize::{Zeroize, Zeroizing};

/// A secret: a client secret, a refresh token, a signing key.
///
/// The memory is wiped when the last clone is dropped, `Debug` prints
/// `Secret(redacted)`, there is no `Display`, and the value is reached only
/// through [`expose`](Self::expose).
///
/// # Example
///
/// ```
/// use tower_bearer::secret::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Box<str>>>);

impl Secret {
    /// The value itself. Search for this word to find every place that sees a secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A header value behind `prefix`, marked sensitive, in memory that is wiped when the last
/// clone is dropped; clones never allocate.
pub(crate) fn header_value(prefix: &str, secret: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(prefix.len() + secret.len()));
    buffer.extend_from_slice(prefix.as_bytes());
    buffer.extend_from_slice(secret.as_bytes());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(buffer))?;
    value.set_sensitive(true);
    Ok(value)
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(Arc::new(Zeroizing::new(Box::from(value))))
    }
}

impl From<String> for Secret {
    fn from(mut value: String) -> Self {
        // Copied, then wiped: shrinking a `String` may leave its old memory behind.
        let secret = Self::from(value.as_str());
        value.zeroize();
        secret
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(value: Zeroizing<String>) -> Self {
        Self::from(value.as_str())
    }
}

/// Equality of two secrets held by this process; not for values that a peer chose.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
