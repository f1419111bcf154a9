//! Where an issuer publishes its metadata, and what may be believed of it: RFC 8414 and
//! OpenID Connect Discovery 1.0.

use http::Uri;
use serde_json::Value;

use super::{
    ServerMetadata,
    address::{self, Allowed},
    remote::FetchErrorKind,
};
use crate::{address::absolute, excerpt::excerpt, keys::AddressError};

/// An issuer, and where its metadata may be.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    pub(super) name: Box<str>,
    /// To be tried in this order.
    pub(super) metadata: Vec<Uri>,
    /// What the metadata may name.
    allowed: Allowed,
}

impl Issuer {
    /// RFC 8414 §2: an issuer has no query and no fragment.
    pub(super) fn new(name: &str, allowed: Allowed) -> Result<Self, AddressError> {
        let uri = address::parse(name, allowed)?;
        let (_, origin) = absolute(name).map_err(|why| AddressError::Malformed { why })?;
        if uri.query().is_some() {
            let why = "an issuer has no query";
            return Err(AddressError::Malformed { why });
        }
        let metadata = well_known(&uri).ok_or(AddressError::Malformed {
            why: "its path is none",
        })?;
        Ok(Self {
            name: name.into(),
            metadata,
            allowed: allowed.to(&origin),
        })
    }

    /// The same, its metadata at this address and nowhere else.
    pub(super) fn metadata_at(mut self, address: &str) -> Result<Self, AddressError> {
        self.metadata = vec![address::parse(address, self.allowed)?];
        Ok(self)
    }

    /// What a document says, and its `jwks_uri`, if it is this issuer's.
    pub(super) fn read(&self, document: &[u8]) -> Result<(ServerMetadata, Uri), FetchErrorKind> {
        let refused = |what: String| FetchErrorKind::Metadata(what);
        let document = serde_json::from_slice(document);
        let document = document.map_err(|_| refused("it is not JSON".to_owned()))?;
        let members = match document {
            Value::Object(members) => members,
            _ => Default::default(),
        };
        let text = |name| members.get(name).and_then(Value::as_str);
        let (Some(issuer), Some(jwks_uri)) = (text("issuer"), text("jwks_uri")) else {
            return Err(refused("it has no `issuer` or no `jwks_uri`".to_owned()));
        };
        // RFC 8414 §3.3: identical, or the document must not be used.
        if *issuer != *self.name {
            return Err(refused(format!(
                "its issuer is `{}`, and `{}` was asked for",
                excerpt(issuer),
                self.name
            )));
        }
        let jwks_uri = address::parse(jwks_uri, self.allowed).map_err(FetchErrorKind::Address)?;
        let metadata = ServerMetadata::new(&self.name, members, self.allowed);
        Ok((metadata, jwks_uri))
    }
}

/// OpenID Connect puts the well-known path after the issuer's own (Discovery §4), RFC 8414
/// before it (§3.1). A slash at the end of the issuer counts in neither.
fn well_known(issuer: &Uri) -> Option<Vec<Uri>> {
    let path = issuer.path().trim_end_matches('/');
    let paths = [
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{path}"),
    ];
    let at = |path: String| {
        let mut parts = issuer.clone().into_parts();
        parts.path_and_query = Some(path.parse().ok()?);
        Uri::from_parts(parts).ok()
    };
    paths.into_iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issuer(name: &str) -> Issuer {
        Issuer::new(name, Allowed::Loopback).unwrap()
    }

    #[test]
    fn the_metadata_is_looked_for_where_each_standard_puts_it() {
        let rows = [
            (
                "https://id.example",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example/",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example:8443/realms/orders",
                "https://id.example:8443/realms/orders/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/orders",
            ),
            (
                "http://127.0.0.1:9000/a/",
                "http://127.0.0.1:9000/a/.well-known/openid-configuration",
                "http://127.0.0.1:9000/.well-known/oauth-authorization-server/a",
            ),
        ];
        for (name, openid, rfc8414) in rows {
            let found: Vec<_> = issuer(name).metadata.iter().map(Uri::to_string).collect();
            assert_eq!(found, [openid, rfc8414], "{name}");
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused() {
        for name in [
            "",
            "id.example",
            "https://id.example?tenant=1",
            "https://id.example#top",
            "https://user:word@id.example",
            "http://id.example",
        ] {
            assert!(Issuer::new(name, Allowed::Loopback).is_err(), "{name}");
        }
    }

    #[test]
    fn the_metadata_may_be_elsewhere_and_keeps_the_rules() {
        let at = |name, address| issuer(name).metadata_at(address).is_ok();
        assert!(at("https://id.example", "https://10.0.0.1:6443/openid"));
        assert!(!at("https://id.example", "http://10.0.0.1:6443/openid"));
        assert!(!at("https://id.example", "http://127.0.0.1/openid"));
        assert!(at("http://127.0.0.1:9000", "http://127.0.0.1/openid"));
    }

    #[test]
    fn a_document_is_believed_only_of_its_own_issuer_and_only_safe_addresses() {
        let public = "https://id.example";
        let local = "http://127.0.0.1:9000";
        let rows = [
            (
                "as it should be",
                public,
                public,
                "https://keys.example/1",
                true,
            ),
            (
                "another issuer",
                public,
                "https://evil.example",
                "https://id.example/1",
                false,
            ),
            (
                "a slash too much",
                public,
                "https://id.example/",
                "https://id.example/1",
                false,
            ),
            ("plain http", public, public, "http://id.example/1", false),
            ("this machine", public, public, "http://127.0.0.1/1", false),
            (
                "this machine over https",
                public,
                public,
                "https://localhost/1",
                false,
            ),
            (
                "this machine in disguise",
                public,
                public,
                "https://[::ffff:127.0.0.1]/1",
                false,
            ),
            (
                "a password",
                public,
                public,
                "https://a:b@id.example/1",
                false,
            ),
            ("a path", public, public, "/1", false),
            (
                "an issuer on this machine",
                local,
                local,
                "http://127.0.0.1:9000/1",
                true,
            ),
            (
                "the same, over http elsewhere",
                local,
                local,
                "http://id.example/1",
                false,
            ),
        ];
        for (row, name, says, jwks_uri, expected) in rows {
            let document = json!({ "issuer": says, "jwks_uri": jwks_uri }).to_string();
            let found = issuer(name).read(document.as_bytes());
            assert_eq!(found.is_ok(), expected, "{row}: {found:?}");
        }
        let mesh = Issuer::new("http://id.mesh", Allowed::Anything).unwrap();
        for (jwks_uri, expected) in [("http://id.mesh/1", true), ("http://127.0.0.1/1", false)] {
            let document = json!({ "issuer": "http://id.mesh", "jwks_uri": jwks_uri });
            let found = mesh.read(document.to_string().as_bytes());
            assert_eq!(found.is_ok(), expected, "{jwks_uri}");
        }
    }

    #[test]
    fn what_is_no_metadata_says_so() {
        let rows = [
            ("", "not JSON"),
            ("<!doctype html>", "not JSON"),
            ("{}", "no `issuer`"),
            ("[]", "no `issuer`"),
            (r#"{"issuer":"https://id.example"}"#, "no `jwks_uri`"),
            (r#"{"issuer":1,"jwks_uri":2}"#, "no `issuer`"),
            (
                r#"{"issuer":"x\u0007","jwks_uri":"y"}"#,
                r"its issuer is `x\u{7}`",
            ),
        ];
        for (document, expected) in rows {
            let error = issuer("https://id.example").read(document.as_bytes());
            let shown = format!("{:?}", error.unwrap_err());
            assert!(
                shown.replace("\\\\", "\\").contains(expected),
                "{document}: {shown}"
            );
        }
    }
}
