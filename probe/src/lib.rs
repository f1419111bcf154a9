//! Shows that tower-bearer leaves `jsonwebtoken`'s process-wide provider alone.

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde::{Deserialize, Serialize};
    use tower_bearer::{Algorithm, KeySet, Validator};

    const SECRET: &[u8] = b"a shared secret of at least 32 bytes";

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Claims {
        iss: String,
        aud: String,
        sub: String,
        exp: u64,
    }

    fn claims(now: SystemTime) -> Claims {
        let end = now + Duration::from_secs(300);
        Claims {
            iss: "https://id.example".into(),
            aud: "orders".into(),
            sub: "somebody".into(),
            exp: end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        }
    }

    #[test]
    fn jsonwebtoken_signs_and_decodes_and_tower_bearer_validates_the_same_token() {
        let now = SystemTime::now();
        let claims = claims(now);
        let token = jsonwebtoken::encode(
            &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256),
            &claims,
            &jsonwebtoken::EncodingKey::from_secret(SECRET),
        )
        .unwrap();

        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.set_audience(&["orders"]);
        let key = jsonwebtoken::DecodingKey::from_secret(SECRET);
        let decoded = jsonwebtoken::decode::<Claims>(&token, &key, &validation).unwrap();
        assert_eq!(decoded.claims, claims);

        let keys = KeySet::from_secret(Algorithm::HS256, SECRET).unwrap();
        let validator = Validator::new("https://id.example", "orders");
        let verified = validator.validate::<Claims>(&token, &keys, now).unwrap();
        assert_eq!(*verified.claims(), claims);
    }
}
