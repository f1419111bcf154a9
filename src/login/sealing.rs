//! The keys that seal what is handed to browsers and to stores.

use std::{error::Error, fmt, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use super::crypto::{self, Key};

/// A key that seals sessions: 256 random bits, the same in each process of the site.
///
/// Whoever has it can read and forge each session. It belongs where other secrets of the
/// application are, and `openssl rand -base64 32` makes one.
///
/// # Example
///
/// ```
/// use tower_bearer::login::SealingKey;
///
/// let key = SealingKey::from_base64("mqzBkXQ8pWzxNS/EZc0NCtVVJvhNsDShg6zSdQ0VHkQ=")?;
/// assert_eq!(format!("{key:?}"), "SealingKey(redacted)");
/// # Ok::<(), tower_bearer::login::SealingKeyError>(())
/// ```
#[derive(Clone)]
pub struct SealingKey(Arc<Zeroizing<Key>>);

impl SealingKey {
    /// A key of these bytes.
    #[must_use]
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(key)))
    }

    /// A key in base64, with or without line breaks around it.
    ///
    /// # Errors
    ///
    /// When it is not base64, or not of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, SealingKeyError> {
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| SealingKeyError::NotBase64)?;
        let length = bytes.len();
        let key = Key::try_from(&**bytes).map_err(|_| SealingKeyError::Length(length))?;
        Ok(Self::from_bytes(key))
    }

    /// A new key that nobody else has: sessions end with this process, and other processes
    /// don't know them. For tests, and to begin with.
    ///
    /// # Errors
    ///
    /// When the operating system has no random numbers.
    pub fn generate() -> Result<Self, SealingKeyError> {
        let key = crypto::random().ok_or(SealingKeyError::NoRandomNumbers)?;
        Ok(Self::from_bytes(key))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(redacted)")
    }
}

/// The newest key seals, and older ones still open.
#[derive(Clone, Debug)]
pub(super) struct SealingKeys {
    pub(super) newest: SealingKey,
    pub(super) older: Vec<SealingKey>,
}

impl SealingKeys {
    /// Text that tells nobody anything and that nobody can change. What was sealed in one
    /// context, such as a cookie of this name, is opened in no other.
    pub(super) fn seal(&self, context: &str, plaintext: &[u8]) -> Option<String> {
        let sealed = crypto::seal(&self.newest.0, &whole(context), plaintext)?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    pub(super) fn open(&self, context: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let context = whole(context);
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        keys.find_map(|key| crypto::open(&key.0, &context, &sealed))
    }
}

/// Apart from whatever else may be sealed with the same key, and from later forms of this.
fn whole(context: &str) -> Vec<u8> {
    format!("tower-bearer login 1\n{context}").into_bytes()
}

/// A text that is no key, or a key that can't be made.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// It is not base64.
    NotBase64,
    /// It has this many bytes.
    Length(usize),
    /// The operating system has no random numbers.
    NoRandomNumbers,
}

impl fmt::Display for SealingKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FIX: &str = "`openssl rand -base64 32` makes one";
        match self {
            Self::NotBase64 => write!(f, "the sealing key is not base64; {FIX}"),
            Self::Length(length) => {
                write!(
                    f,
                    "the sealing key has {length} bytes in place of 32; {FIX}"
                )
            }
            Self::NoRandomNumbers => f.write_str("the operating system has no random numbers"),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for SealingKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeyError({self})")
    }
}

impl Error for SealingKeyError {}
