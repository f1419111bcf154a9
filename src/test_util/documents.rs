//! Which path is what, and the documents that are published (RFC 8414, RFC 7517).

use http::{Uri, request::Parts};
use serde_json::{Value, json};

use crate::jwt::Algorithm;

pub(super) const TOKEN: &str = "/oauth2/token";
pub(super) const JWKS: &str = "/oauth2/jwks";
const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID_METADATA: &str = "/.well-known/openid-configuration";

/// What the server answers at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoint (RFC 6749 §3.2).
    Token,
    /// The JWKS (RFC 7517 §5).
    Jwks,
    /// The metadata, at the paths of RFC 8414 §3.1 and of OpenID Connect Discovery §4.1.
    Metadata,
}

/// `path` below the issuer.
pub(super) fn below(issuer: &str, path: &str) -> String {
    format!("{}{path}", issuer.trim_end_matches('/'))
}

/// What a request asks for. Token endpoint and JWKS are found with the issuer's path
/// before them or without.
pub(super) fn endpoint(issuer: &str, path: &str) -> Option<Endpoint> {
    let tenant = issuer.parse::<Uri>().unwrap_or_default();
    let tenant = tenant.path().trim_end_matches('/');
    // RFC 8414 §3.1 puts the issuer's path behind the well-known part, OpenID before it.
    if path == format!("{OAUTH_METADATA}{tenant}") || path == format!("{tenant}{OPENID_METADATA}") {
        return Some(Endpoint::Metadata);
    }
    match path.strip_prefix(tenant).unwrap_or(path) {
        TOKEN => Some(Endpoint::Token),
        JWKS => Some(Endpoint::Jwks),
        _ => None,
    }
}

/// RFC 8414 §2, with what OpenID Connect Discovery §3 requires besides. The endpoints are
/// where this request came to, so that they can be reached.
pub(super) fn metadata(issuer: &str, request: &Parts, algorithm: Algorithm) -> Value {
    let base = base(request).unwrap_or_else(|| issuer.to_owned());
    json!({
        "issuer": issuer,
        "token_endpoint": below(&base, TOKEN),
        "jwks_uri": below(&base, JWKS),
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm.name()],
    })
}

fn base(request: &Parts) -> Option<String> {
    if let (Some(scheme), Some(authority)) = (request.uri.scheme(), request.uri.authority()) {
        return Some(format!("{scheme}://{authority}"));
    }
    let host = request.headers.get(http::header::HOST)?.to_str().ok()?;
    Some(format!("http://{host}"))
}
