//! Sites with habits of their own can be guarded, and what they leave out has to be said.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::time::Duration;

use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use server_support::{NOW, SECRET, Standing, challenge, header, keys, rejection};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::{
    Algorithm, Expected, OptionalJwt, RequireJwt, Validator, Verified,
    clock::Clock as _,
    jwt::{Minter, SigningKey},
    server::{Authentication, Rejection},
};

fn minter() -> Minter {
    Minter::new(SigningKey::from_secret(Algorithm::HS256, SECRET).unwrap()).not_before_now()
}

fn mint(claims: Value) -> String {
    let token = minter().mint_at(&claims, Standing.wall()).unwrap();
    token.expose().to_owned()
}

fn request(token: Option<&str>) -> Request<()> {
    let mut request = Request::get("/");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(()).unwrap()
}

/// A site whose tokens name neither issuer nor subject.
#[derive(Deserialize)]
struct UserId {
    user_id: u64,
}

#[tokio::test]
async fn an_audience_without_an_issuer_and_a_user_without_a_subject() {
    let users = Validator::new(Expected::unchecked(), "site:auth").require_claim("user_id");
    let guard = RequireJwt::<UserId>::new(users, keys()).clock(Standing);
    let rows = [
        (
            "as the site makes them",
            json!({"user_id": 7, "aud": "site:auth"}),
            200,
        ),
        (
            "an issuer does no harm",
            json!({"user_id": 7, "aud": "site:auth", "iss": "https://anybody.example"}),
            200,
        ),
        ("no audience", json!({"user_id": 7}), 401),
        (
            "another audience",
            json!({"user_id": 7, "aud": "site:reset"}),
            401,
        ),
        ("no user", json!({"sub": "7", "aud": "site:auth"}), 401),
        (
            "a user of another type",
            json!({"user_id": "7", "aud": "site:auth"}),
            401,
        ),
        (
            "no end",
            json!({"user_id": 7, "aud": "site:auth", "exp": null}),
            401,
        ),
        (
            "at its end",
            json!({"user_id": 7, "aud": "site:auth", "exp": NOW - 60}),
            401,
        ),
    ];
    for (rule, claims, status) in rows {
        let service = guard.layer(service_fn(async |request: Request<()>| {
            let token = Verified::<UserId>::of(request.extensions()).unwrap();
            Ok::<_, std::convert::Infallible>(Response::new(token.claims().user_id))
        }));
        let response = service.oneshot(request(Some(&mint(claims)))).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{rule}");
        assert_eq!(
            *response.body(),
            if status == 200 { 7 } else { 0 },
            "{rule}"
        );
    }
}

/// A site whose refresh tokens differ from its access tokens by one claim only.
fn site() -> Validator {
    Validator::new(Expected::unchecked(), Expected::unchecked())
        .require_claim("sub")
        .exact_claim("token_type", ["access"])
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token_and_the_type_alone_tells() {
    let refresh = json!({"token_type": "refresh", "sub": "lpua", "state_hash": "x"});
    let mut access = refresh.clone();
    *access.get_mut("token_type").unwrap() = json!("access");
    let mut early = access.clone();
    early
        .as_object_mut()
        .unwrap()
        .insert("nbf".into(), json!(NOW + 61));
    let rows: [(&str, Option<String>, u16, u16); 6] = [
        ("an access token", Some(mint(access.clone())), 200, 200),
        ("a refresh token", Some(mint(refresh)), 401, 401),
        ("before its beginning", Some(mint(early)), 401, 401),
        ("no type", Some(mint(json!({"sub": "lpua"}))), 401, 401),
        ("no JWT", Some("x".into()), 401, 401),
        ("no token", None, 401, 200),
    ];
    for (rule, token, required, optional) in rows {
        let who = service_fn(async |request: Request<()>| {
            let caller: &Authentication = request.extensions().get().unwrap();
            let who = caller.subject().unwrap_or("anonymous").to_owned();
            Ok::<_, std::convert::Infallible>(Response::new(who))
        });
        let guard = RequireJwt::<Value>::new(site(), keys()).clock(Standing);
        let response = guard.layer(who).oneshot(request(token.as_deref())).await;
        let response = response.unwrap();
        assert_eq!(response.status().as_u16(), required, "{rule}");

        let guard = OptionalJwt::<Value>::new(site(), keys()).clock(Standing);
        let response = guard.layer(who).oneshot(request(token.as_deref())).await;
        let response = response.unwrap();
        assert_eq!(response.status().as_u16(), optional, "{rule}, optional");
        if optional == 200 {
            let expected = token.map_or("anonymous", |_| "lpua");
            assert_eq!(response.body(), expected, "{rule}");
        }
    }
    let unpinned = Validator::new(Expected::unchecked(), Expected::unchecked());
    let guard = RequireJwt::<Value>::new(unpinned, keys()).clock(Standing);
    let empty =
        service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    let token = mint(json!({"token_type": "refresh", "sub": "lpua"}));
    let response = guard.layer(empty).oneshot(request(Some(&token))).await;
    assert_eq!(
        response.unwrap().status(),
        200,
        "without the pin it would pass"
    );
}

#[tokio::test]
async fn refusals_come_in_the_sites_own_envelope() {
    let envelope = |rejection: &Rejection| {
        let code = rejection.status().as_u16();
        let mut response = rejection.response_with(format!(r#"{{"code":{code},"msg":"log in"}}"#));
        *response.status_mut() = StatusCode::OK;
        response
    };
    let guard = RequireJwt::<Value>::new(site(), keys())
        .clock(Standing)
        .rejection_response(envelope);
    let inner = service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let service = ServiceBuilder::new().layer(guard).service(inner);
    let response = service.oneshot(request(Some("x"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.body(), r#"{"code":401,"msg":"log in"}"#);
    assert!(challenge(&response).is_some());
    assert_eq!(header(&response, "retry-after"), None);
    assert_eq!(rejection(&response).status(), 401);
}

#[test]
fn a_token_lives_as_long_as_the_site_says() {
    let hour = minter().lifetime(Duration::from_secs(3600));
    let claims = json!({"token_type": "access", "sub": "lpua"});
    let token = hour.mint_at(&claims, Standing.wall()).unwrap();
    let verdict = |seconds: u64| {
        let now = Standing.wall() + Duration::from_secs(seconds);
        site()
            .validate::<Value>(token.expose(), &keys(), now)
            .is_ok()
    };
    assert!(verdict(0) && verdict(3600 + 59));
    assert!(!verdict(3600 + 60));
}
