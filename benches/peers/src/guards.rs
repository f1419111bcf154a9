//! Guards of a server, with one policy: issuer, audience, `exp`, the algorithm, and a claims
//! type of four strings.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use aliri::{Jwks, jws, jwt};
use aliri_oauth2::{Authority, scope::BasicClaimsWithScope};
use aliri_tower::Oauth2Authorizer;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::executor::block_on;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::Empty;
use jsonwebtoken::{DecodingKey, TokenData, Validation, jwk::JwkSet};
use jwt_authorizer::{AuthError, IntoLayer as _, JwtAuthorizer};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::{Layer as _, Service, util::MapResponse};
use tower_bearer::{Algorithm, RequireJwt, server::VerifiedCache};
use tower_oauth2_resource_server::{
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

use crate::{
    BACKEND, Visit,
    bare_key::BareCheck,
    proof::Proven,
    service::Nothing,
    tokens::{
        ALGORITHMS, AUDIENCE, FourStrings, ISSUER, KEY_ID, SECRET, claims, mint, signing_key,
        validator,
    },
};

/// What each algorithm is measured with.
pub struct Scene {
    pub algorithm: Algorithm,
    pub token: String,
    pub bare_check: Box<dyn Fn() -> bool>,
}

pub fn scenes() -> Vec<Scene> {
    let scene = |algorithm| {
        let key = signing_key(algorithm);
        let token = mint(&key, &claims());
        let bare = BareCheck::new(&key, &token);
        let bare_check = Box::new(move || bare.is_signed());
        Scene {
            algorithm,
            token,
            bare_check,
        }
    };
    ALGORITHMS.map(scene).into()
}

/// Each guard that can do the algorithm with the backend that this program has.
pub fn guards(algorithm: Algorithm, visit: &mut impl Visit<()>) {
    visit.visit("no guard", Nothing);
    let mut visit = Proven { algorithm, visit };
    visit.visit("tower-bearer", ours(algorithm).layer(Nothing));
    let remembering = ours(algorithm).cache(VerifiedCache::new());
    visit.visit("tower-bearer, cache hit", remembering.layer(Nothing));
    visit.visit("jsonwebtoken", ByHand::new(algorithm));
    let guard = tower_oauth2_resource_server(algorithm);
    visit.visit("tower-oauth2-resource-server", guard);
    // These have one backend, whatever the others use.
    if BACKEND == "AWS-LC" {
        visit.visit("jwt-authorizer", jwt_authorizer(algorithm));
        if algorithm != Algorithm::EdDSA {
            visit.visit("aliri_tower", aliri_tower(algorithm));
        }
    }
}

/// With no cache.
pub fn ours(algorithm: Algorithm) -> RequireJwt<impl DeserializeOwned + Send + Sync + 'static> {
    let keys = signing_key(algorithm).verification_keys();
    RequireJwt::<FourStrings>::new(validator(), keys)
}

/// The public keys, in the form that all of them read.
fn jwks(algorithm: Algorithm) -> String {
    let jwk = match signing_key(algorithm).public_jwk() {
        Some(jwk) => serde_json::from_str::<Value>(&jwk).unwrap(),
        None => json!({
            "kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET), "alg": "HS256", "kid": KEY_ID,
        }),
    };
    json!({ "keys": [jwk] }).to_string()
}

fn named(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    algorithm.to_string().parse().unwrap()
}

/// `jsonwebtoken::decode` as its manual has it, in the smallest middleware there can be.
#[derive(Clone)]
pub struct ByHand {
    key: DecodingKey,
    validation: Validation,
}

impl ByHand {
    pub fn new(algorithm: Algorithm) -> Self {
        let keys: JwkSet = serde_json::from_str(&jwks(algorithm)).unwrap();
        let mut validation = Validation::new(named(algorithm));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        Self {
            key: DecodingKey::from_jwk(&keys.keys[0]).unwrap(),
            validation,
        }
    }

    /// Whether the request's token is good; the handler finds its claims.
    pub fn check<B>(&self, request: &mut Request<B>) -> Option<()> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let token = header.strip_prefix("Bearer ")?;
        let decoded: TokenData<FourStrings> =
            jsonwebtoken::decode(token, &self.key, &self.validation).ok()?;
        request.extensions_mut().insert(decoded.claims);
        Some(())
    }
}

impl Service<Request<()>> for ByHand {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        match self.check(&mut request) {
            Some(()) => Nothing.call(request),
            None => ready(Ok(unauthorized())),
        }
    }
}

fn unauthorized() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}

fn tower_oauth2_resource_server(
    algorithm: Algorithm,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    let policy = ClaimsValidationSpec::new().exp(true).iss(ISSUER);
    let tenant = TenantConfiguration::static_builder(jwks(algorithm))
        .claims_validation(policy.aud(&vec![AUDIENCE.to_owned()]))
        .allowed_algorithms(&[named(algorithm)])
        .build();
    let server = OAuth2ResourceServer::<FourStrings>::builder().add_tenant(tenant.unwrap());
    let server = block_on(server.build()).unwrap();
    server.into_layer::<()>().layer(Nothing)
}

fn jwt_authorizer(
    algorithm: Algorithm,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    let policy = jwt_authorizer::Validation::new()
        .iss(&[ISSUER])
        .aud(&[AUDIENCE]);
    let keys = jwks(algorithm);
    let authorizer = JwtAuthorizer::<FourStrings>::from_jwks_text(&keys).validation(policy);
    let layer = block_on(authorizer.build()).unwrap().into_layer();
    let guard = layer.layer(MapResponse::new(Nothing, Answer));
    MapResponse::new(guard, |Answer(response)| response)
}

/// What `jwt-authorizer` can turn its errors into.
struct Answer(Response<()>);

impl From<AuthError> for Answer {
    fn from(_: AuthError) -> Self {
        Self(unauthorized())
    }
}

/// With a claims type of its own.
fn aliri_tower(
    algorithm: Algorithm,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    let signed_by = match algorithm {
        Algorithm::HS256 => jws::Algorithm::HS256,
        Algorithm::RS256 => jws::Algorithm::RS256,
        _ => jws::Algorithm::ES256,
    };
    let policy = jwt::CoreValidator::default()
        .with_leeway_secs(60)
        .add_approved_algorithm(signed_by.into())
        .add_allowed_audience(jwt::Audience::new(AUDIENCE.to_owned()))
        .require_issuer(jwt::Issuer::new(ISSUER.to_owned()));
    let keys: Jwks = serde_json::from_str(&jwks(algorithm)).unwrap();
    let layer = Oauth2Authorizer::new()
        .with_claims::<BasicClaimsWithScope>()
        .with_terse_error_handler::<Empty<Bytes>>()
        .jwt_layer(Authority::new(keys, policy));
    let inner = MapResponse::new(Nothing, |response: Response<()>| {
        response.map(|()| Empty::new())
    });
    let guard = layer.layer(inner);
    MapResponse::new(guard, |response: Response<Empty<Bytes>>| response.map(drop))
}
