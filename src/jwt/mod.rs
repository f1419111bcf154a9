//! JSON Web Tokens: token bytes, keys and a time go in, verified claims or the reason
//! why not come out. Nothing here waits, and nothing here asks what time it is.
//!
//! ```
//! use std::time::SystemTime;
//! use tower_bearer::{Algorithm, KeySet, Validator, jwt::{Minter, SigningKey}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
//! let secret = [7; 32];
//! let minter = Minter::new(SigningKey::from_secret(Algorithm::HS256, secret)?);
//! let claims = serde_json::json!({"iss": "https://id.example", "aud": "orders", "sub": "alice"});
//! let token = minter.mint_at(&claims, now)?; // good for 5 minutes
//!
//! let keys = KeySet::from_secret(Algorithm::HS256, secret)?;
//! let validator = Validator::new("https://id.example", "orders");
//! let verified = validator.validate::<serde_json::Value>(token.expose(), &keys, now)?;
//! assert_eq!(verified.claims()["sub"], "alice");
//! # Ok(()) }
//! ```

mod algorithm;
mod base64url;
mod claims;
mod claims_type;
pub(crate) mod der;
mod error;
mod expected;
mod header;
mod json;
pub(crate) mod jwk;
pub(crate) mod key;
mod key_check;
mod key_choice;
pub(crate) mod key_error;
pub(crate) mod key_material;
mod known_headers;
mod mint;
mod numeric_date;
mod pattern;
pub(crate) mod pem;
mod policy;
mod registered;
pub(crate) mod signature;
mod signing_key;
mod token_types;
mod validator;
mod verified;

pub use algorithm::Algorithm;
pub use error::{ValidationError, ValidationErrorKind};
pub use expected::Expected;
pub use mint::{MintError, Minter};
pub use pattern::PatternError;
pub use registered::RegisteredClaims;
pub use signing_key::SigningKey;
pub use validator::Validator;
pub use verified::Verified;

pub(crate) use header::{Unverified, peek_issuer};
pub(crate) use policy::unknown_issuer;
pub(crate) use verified::Contents;
