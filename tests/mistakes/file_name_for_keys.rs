use tower_bearer::{RequireJwt, Validator};

pub(crate) fn guard(validator: Validator) -> RequireJwt<()> {
    RequireJwt::new(validator, "issuer.pem")
}
