//! Which path is what, and the documents that are published (RFC 8414, RFC 7517).

use http::{Uri, request::Parts};
use serde_json::{Value, json};

use super::grants;
use crate::jwt::Algorithm;

pub(super) const AUTHORIZATION: &str = "/oauth2/authorize";
pub(super) const END_SESSION: &str = "/oauth2/logout";
pub(super) const TOKEN: &str = "/oauth2/token";
pub(super) const REVOCATION: &str = "/oauth2/revoke";
pub(super) const JWKS: &str = "/oauth2/jwks";
const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID_METADATA: &str = "/.well-known/openid-configuration";

/// What the server answers at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The authorization endpoint, which has the login page (RFC 6749 §3.1).
    Authorization,
    /// The logout endpoint (OpenID Connect RP-Initiated Logout §2).
    EndSession,
    /// The token endpoint (RFC 6749 §3.2).
    Token,
    /// The revocation endpoint (RFC 7009 §2).
    Revocation,
    /// The JWKS (RFC 7517 §5).
    Jwks,
    /// The metadata, at the paths of RFC 8414 §3.1 and of OpenID Connect Discovery §4.1.
    Metadata,
}

/// `path` below the issuer.
pub(super) fn below(issuer: &str, path: &str) -> String {
    format!("{}{path}", issuer.trim_end_matches('/'))
}

/// What a request asks for. All but the metadata is found with the issuer's path before it
/// or without.
pub(super) fn endpoint(issuer: &str, path: &str) -> Option<Endpoint> {
    let tenant = issuer.parse::<Uri>().unwrap_or_default();
    let tenant = tenant.path().trim_end_matches('/');
    // RFC 8414 §3.1 puts the issuer's path behind the well-known part, OpenID before it.
    if path == format!("{OAUTH_METADATA}{tenant}") || path == format!("{tenant}{OPENID_METADATA}") {
        return Some(Endpoint::Metadata);
    }
    match path.strip_prefix(tenant).unwrap_or(path) {
        AUTHORIZATION => Some(Endpoint::Authorization),
        END_SESSION => Some(Endpoint::EndSession),
        TOKEN => Some(Endpoint::Token),
        REVOCATION => Some(Endpoint::Revocation),
        JWKS => Some(Endpoint::Jwks),
        _ => None,
    }
}

const AUTH_METHODS: [&str; 5] = [
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
];

/// RFC 8414 §2, with what OpenID Connect Discovery §3 requires besides. The endpoints are
/// where this request came to, so that they can be reached.
pub(super) fn metadata(issuer: &str, request: &Parts, algorithm: Algorithm) -> Value {
    let base = base(request).unwrap_or_else(|| issuer.to_owned());
    let algorithms: Vec<_> = Algorithm::ALL.iter().map(|it| it.name()).collect();
    json!({
        "issuer": issuer,
        "authorization_endpoint": below(&base, AUTHORIZATION),
        "end_session_endpoint": below(&base, END_SESSION),
        "token_endpoint": below(&base, TOKEN),
        "revocation_endpoint": below(&base, REVOCATION),
        "jwks_uri": below(&base, JWKS),
        "grant_types_supported": [
            grants::AUTHORIZATION_CODE,
            grants::CLIENT_CREDENTIALS,
            grants::REFRESH_TOKEN,
            grants::PASSWORD,
            grants::JWT_BEARER,
            grants::TOKEN_EXCHANGE,
        ],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "authorization_response_iss_parameter_supported": true,
        "code_challenge_methods_supported": ["S256"],
        "response_modes_supported": ["query"],
        "response_types_supported": ["code"],
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
