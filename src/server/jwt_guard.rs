//! What guards of JWTs have besides.

use std::sync::Arc;

use super::{guard::Guard, jwt_authenticator::JwtAuthenticator};
use crate::{jwt::Validator, keys::KeySource, scope::ScopeSet};

impl<C, P> Guard<JwtAuthenticator<C>, P> {
    pub(super) fn of_jwts(validator: Validator, keys: impl KeySource, presence: P) -> Self {
        let authenticator = JwtAuthenticator::new(validator.clone(), Arc::new(keys));
        Self::new_with(authenticator, validator.first_audience(), presence)
    }
}

impl<C, P, R> Guard<JwtAuthenticator<C>, P, R> {
    /// Accepts tokens of another issuer too, by rules and keys of its own. Whose they are is
    /// decided by the token's `iss`: the first validator that names it, or else the first
    /// that leaves the issuer unchecked. No issuer's keys verify tokens of another.
    ///
    /// The challenge stays that of the first audience.
    ///
    /// ```
    /// use tower_bearer::{Algorithm, KeySet, RequireJwt, Validator};
    ///
    /// # struct MyClaims;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let staff_keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
    /// # let partner_keys = KeySet::from_secret(Algorithm::HS256, [8; 32])?;
    /// let staff = Validator::new("https://id.example", "orders");
    /// let partners = Validator::new("https://partner.example", "https://orders.example");
    /// let guard = RequireJwt::<MyClaims>::new(staff, staff_keys).also_trust(partners, partner_keys);
    /// # let _ = guard;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn also_trust(self, validator: Validator, keys: impl KeySource) -> Self {
        self.with_authenticator(|jwts| jwts.also_trust(validator, Arc::new(keys)))
    }

    /// Reads the scopes from the claims with a function, for providers that keep them
    /// elsewhere than in `scope` and `scp`.
    #[must_use]
    pub fn scopes_from(self, scopes: impl Fn(&C) -> ScopeSet + Send + Sync + 'static) -> Self {
        self.with_authenticator(|jwts| jwts.scopes_from(Arc::new(scopes)))
    }
}
