//! The authorization server of users' tests behaves like a real one, and misbehaves like
//! one when told.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::{
    Algorithm, Validator,
    clock::{Clock, SystemClock},
    test_util::{
        AuthorizationServer, Body, Endpoint, ExpiresIn, Fault, PresentedBy, RefreshTokens,
        RegisteredClient,
    },
};

const FORM: &str = "application/x-www-form-urlencoded";
const CLIENT_CREDENTIALS: &str = "grant_type=client_credentials";

fn server() -> AuthorizationServer {
    AuthorizationServer::new().unwrap()
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

fn token_request(server: &AuthorizationServer, body: &str) -> Request<Body> {
    Request::post(server.token_url())
        .header(header::CONTENT_TYPE, FORM)
        .header(header::AUTHORIZATION, basic("client", "secret"))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn send(server: &AuthorizationServer, request: Request<Body>) -> Response<Body> {
    server.clone().oneshot(request).await.unwrap()
}

async fn read(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

async fn ask(server: &AuthorizationServer, body: &str) -> (StatusCode, Value) {
    let response = send(server, token_request(server, body)).await;
    (response.status(), read(response).await)
}

async fn get(server: &AuthorizationServer, url: &str) -> (StatusCode, Value) {
    let request = Request::get(url).body(Body::default()).unwrap();
    let response = send(server, request).await;
    let status = response.status();
    match status {
        StatusCode::OK => (status, read(response).await),
        _ => (status, Value::Null),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

mod token_endpoint {
    use super::*;

    #[tokio::test]
    async fn client_credentials_earn_a_token_that_validates() {
        let server = server();
        let response = send(
            &server,
            token_request(&server, "grant_type=client_credentials&scope=orders:read"),
        )
        .await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = read(response).await;
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert_eq!(body.get("refresh_token"), None);

        let now = server.clock().wall();
        let strict = Validator::rfc9068("https://id.example", "api");
        let token = strict
            .validate::<Value>(text(&body["access_token"]), &server.keys(), now)
            .unwrap();
        assert!(token.scopes().contains("orders:read"));
        assert_eq!(token.registered().subject(), Some("client"));
    }

    #[tokio::test]
    async fn each_proof_of_the_client_is_taken_and_each_wrong_one_refused() {
        let server = AuthorizationServer::builder()
            .client(RegisteredClient::new("a job", "p+s %&="))
            .client(RegisteredClient::public("app"))
            .build()
            .unwrap();
        let post = "&client_id=a+job&client_secret=p%2Bs+%25%26%3D";
        let encoded = basic("a+job", "p%2Bs+%25%26%3D");
        let rows = [
            ("basic, form-encoded", Some(encoded.clone()), "", "granted"),
            (
                "basic, as it is",
                Some(basic("a job", "p+s %&=")),
                "",
                "granted",
            ),
            ("post", None, post, "granted"),
            (
                "wrong secret",
                Some(basic("a job", "x")),
                "",
                "invalid_client",
            ),
            (
                "empty secret",
                Some(basic("a job", "")),
                "",
                "invalid_client",
            ),
            (
                "unknown client",
                Some(basic("b", "p+s %&=")),
                "",
                "invalid_client",
            ),
            ("no proof", None, "&client_id=a+job", "invalid_client"),
            ("nobody", None, "", "invalid_client"),
            ("not base64", Some("Basic ?".into()), "", "invalid_client"),
            (
                "not Basic",
                Some("Bearer YTpi".into()),
                "",
                "invalid_client",
            ),
            ("two proofs", Some(encoded), post, "invalid_request"),
            (
                "public client",
                None,
                "&client_id=app",
                "unauthorized_client",
            ),
            (
                "public with secret",
                Some(basic("app", "")),
                "",
                "invalid_client",
            ),
        ];
        for (row, authorization, more, expected) in rows {
            let mut request = token_request(&server, &format!("{CLIENT_CREDENTIALS}{more}"));
            request.headers_mut().remove(header::AUTHORIZATION);
            if let Some(value) = authorization {
                request
                    .headers_mut()
                    .insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            let response = send(&server, request).await;
            let challenged = response.headers().contains_key(header::WWW_AUTHENTICATE);
            let status = response.status();
            let body = read(response).await;
            let outcome = body["error"].as_str().unwrap_or("granted");
            assert_eq!(outcome, expected, "{row}");
            let unauthorized = expected == "invalid_client";
            assert_eq!(status == StatusCode::UNAUTHORIZED, unauthorized, "{row}");
            assert_eq!(challenged, unauthorized, "{row}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_not_one_is_refused_by_name() {
        let server = server();
        let rows = [
            ("", "invalid_request"),
            ("grant_type=", "invalid_request"),
            ("grant_type=voucher", "unsupported_grant_type"),
            (
                "grant_type=client_credentials&grant_type=x",
                "invalid_request",
            ),
            ("grant_type=refresh_token", "invalid_request"),
            ("grant_type=refresh_token&refresh_token=x", "invalid_grant"),
        ];
        for (body, expected) in rows {
            let (status, answer) = ask(&server, body).await;
            assert_eq!(
                (status, text(&answer["error"])),
                (StatusCode::BAD_REQUEST, expected)
            );
        }
        let mut get = token_request(&server, CLIENT_CREDENTIALS);
        *get.method_mut() = Method::GET;
        let mut json = token_request(&server, CLIENT_CREDENTIALS);
        json.headers_mut()
            .insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        for request in [get, json] {
            assert_eq!(
                read(send(&server, request).await).await["error"],
                "invalid_request"
            );
        }
        assert_eq!(server.requests().granted, 0);
    }

    #[tokio::test]
    async fn a_client_gets_its_own_scopes_and_no_others() {
        let client = RegisteredClient::new("client", "secret").scopes(["a", "b"]);
        let server = AuthorizationServer::builder()
            .client(client)
            .build()
            .unwrap();
        for (asked, granted) in [
            ("", Some("a b")),
            ("&scope=b", Some("b")),
            ("&scope=b+c", None),
        ] {
            let (_, body) = ask(&server, &format!("{CLIENT_CREDENTIALS}{asked}")).await;
            assert_eq!(body["scope"].as_str(), granted, "{asked}");
            assert_eq!(
                body["error"] == "invalid_scope",
                granted.is_none(),
                "{asked}"
            );
        }
    }

    #[tokio::test]
    async fn a_rotated_refresh_token_is_good_once() {
        let server = AuthorizationServer::builder()
            .refresh_tokens(RefreshTokens::Rotated)
            .build()
            .unwrap();
        let (_, first) = ask(&server, "grant_type=client_credentials&scope=a+b").await;
        let spend = format!(
            "grant_type=refresh_token&scope=a&refresh_token={}",
            text(&first["refresh_token"])
        );
        let (_, second) = ask(&server, &spend).await;
        assert_eq!(second["scope"], "a");
        assert_ne!(first["refresh_token"], second["refresh_token"]);

        let (status, again) = ask(&server, &spend).await;
        assert_eq!(
            (status, text(&again["error"])),
            (StatusCode::BAD_REQUEST, "invalid_grant")
        );
        assert_eq!(server.requests().refresh_token_reused, 1);

        let next = text(&second["refresh_token"]);
        let (_, third) = ask(
            &server,
            &format!("grant_type=refresh_token&refresh_token={next}"),
        )
        .await;
        assert_eq!(
            third["scope"], "a b",
            "a narrowed refresh narrows no later one"
        );
    }

    #[tokio::test]
    async fn a_kept_refresh_token_stays_good_until_it_is_revoked() {
        let server = AuthorizationServer::builder()
            .refresh_tokens(RefreshTokens::Kept)
            .build()
            .unwrap();
        let token = server.refresh_token("client", "alice", "a");
        let body = format!(
            "grant_type=refresh_token&refresh_token={}",
            token.secret().expose()
        );
        for _ in 0..2 {
            let (_, answer) = ask(&server, &body).await;
            assert_eq!(answer.get("refresh_token"), None);
            let token = text(&answer["access_token"]);
            let now = server.clock().wall();
            let verified = server
                .validator()
                .validate::<Value>(token, &server.keys(), now);
            assert_eq!(verified.unwrap().registered().subject(), Some("alice"));
        }
        let (_, more) = ask(&server, &format!("{body}&scope=b")).await;
        assert_eq!(more["error"], "invalid_scope");
        server.revoke_refresh_tokens();
        assert_eq!(ask(&server, &body).await.1["error"], "invalid_grant");
    }

    #[tokio::test]
    async fn a_refresh_token_of_another_client_is_refused() {
        let server = AuthorizationServer::builder()
            .client(RegisteredClient::new("client", "secret"))
            .client(RegisteredClient::public("app"))
            .refresh_tokens(RefreshTokens::Kept)
            .build()
            .unwrap();
        let token = server.refresh_token("app", "alice", "a");
        let body = format!(
            "grant_type=refresh_token&refresh_token={}",
            token.secret().expose()
        );
        assert_eq!(ask(&server, &body).await.1["error"], "invalid_grant");
    }

    #[tokio::test]
    async fn expires_in_has_the_form_that_was_asked_for() {
        let rows = [
            (ExpiresIn::Number, Some(json!(90))),
            (ExpiresIn::Text, Some(json!("90"))),
            (ExpiresIn::Float, Some(json!(90.0))),
            (ExpiresIn::Missing, None),
            (ExpiresIn::Value(json!(-1)), Some(json!(-1))),
        ];
        for (form, expected) in rows {
            let server = AuthorizationServer::builder()
                .token_lifetime(Duration::from_secs(90))
                .expires_in(form)
                .build()
                .unwrap();
            let (_, body) = ask(&server, CLIENT_CREDENTIALS).await;
            assert_eq!(body.get("expires_in"), expected.as_ref());
        }
    }

    #[tokio::test]
    async fn what_was_asked_is_recorded_without_its_secrets() {
        let server = server();
        let body = "grant_type=refresh_token&refresh_token=hunter2&scope=a&client_id=client\
                    &client_secret=hunter3";
        let mut request = token_request(&server, body);
        request.headers_mut().remove(header::AUTHORIZATION);
        send(&server, request).await;
        let last = server.last_token_request().unwrap();
        assert_eq!(last.client_id(), Some("client"));
        assert_eq!(last.presented_by(), PresentedBy::Post);
        assert_eq!(last.parameter("grant_type"), Some("refresh_token"));
        assert_eq!(last.parameter("refresh_token"), Some("(redacted)"));
        let shown = format!("{last:?}{server:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

mod keys_and_metadata {
    use super::*;

    #[tokio::test]
    async fn the_jwks_follows_the_rotation() {
        let server = server();
        let before = server.mint(json!({})).unwrap();
        server.rotate_keys().unwrap();
        let after = server.mint(json!({})).unwrap();
        let key_ids = async || {
            let (_, jwks) = get(&server, &server.jwks_url()).await;
            let keys = jwks["keys"].as_array().unwrap().clone();
            keys.iter()
                .map(|key| text(&key["kid"]).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(key_ids().await, ["key-2", "key-1"]);
        server.withdraw_old_keys();
        assert_eq!(key_ids().await, ["key-2"]);

        let validate = |token: &str| {
            let now = server.clock().wall();
            server
                .validator()
                .validate::<Value>(token, &server.keys(), now)
        };
        assert!(validate(before.expose()).is_err());
        assert!(validate(after.expose()).is_ok());
    }

    #[tokio::test]
    async fn the_published_keys_verify_its_tokens_for_each_algorithm() {
        for algorithm in Algorithm::ALL.iter().copied() {
            let server = AuthorizationServer::builder()
                .algorithm(algorithm)
                .build()
                .unwrap();
            let (_, jwks) = get(&server, &server.jwks_url()).await;
            let token = server.mint(json!({ "sub": "alice" })).unwrap();
            if algorithm.name().starts_with("HS") {
                assert_eq!(jwks["keys"], json!([]), "a shared secret is not published");
                continue;
            }
            let keys = tower_bearer::KeySet::from_jwks(jwks.to_string()).unwrap();
            let now = server.clock().wall();
            let verified = server
                .validator()
                .validate::<Value>(token.expose(), &keys, now);
            assert!(verified.is_ok(), "{algorithm}: {verified:?}");
        }
    }

    #[tokio::test]
    async fn metadata_stands_where_the_standards_look_for_it() {
        let rows = [
            (
                "https://id.example",
                "/.well-known/oauth-authorization-server",
                true,
            ),
            (
                "https://id.example",
                "/.well-known/openid-configuration",
                true,
            ),
            (
                "https://id.example/one",
                "/.well-known/oauth-authorization-server/one",
                true,
            ),
            (
                "https://id.example/one",
                "/one/.well-known/openid-configuration",
                true,
            ),
            (
                "https://id.example/one",
                "/.well-known/oauth-authorization-server",
                false,
            ),
            (
                "https://id.example/one",
                "/one/.well-known/oauth-authorization-server",
                false,
            ),
            ("https://id.example", "/", false),
        ];
        for (issuer, path, found) in rows {
            let server = AuthorizationServer::builder()
                .issuer(issuer)
                .build()
                .unwrap();
            let (status, body) = get(&server, &format!("https://id.example{path}")).await;
            assert_eq!(status == StatusCode::OK, found, "{issuer} {path}");
            if found {
                assert_eq!(body["issuer"], issuer);
                let (status, _) = get(&server, text(&body["jwks_uri"])).await;
                assert_eq!(status, StatusCode::OK, "{issuer}");
            }
        }
    }

    #[tokio::test]
    async fn requests_are_counted_by_what_they_asked_for() {
        let server = server();
        ask(&server, CLIENT_CREDENTIALS).await;
        ask(&server, "grant_type=refresh_token&refresh_token=x").await;
        get(&server, &server.jwks_url()).await;
        get(
            &server,
            "https://id.example/.well-known/openid-configuration",
        )
        .await;
        get(&server, "https://id.example/elsewhere").await;
        let counts = server.requests();
        assert_eq!(
            (
                counts.token,
                counts.client_credentials,
                counts.refresh_token
            ),
            (2, 1, 1)
        );
        assert_eq!((counts.granted, counts.refresh_token_reused), (1, 0));
        assert_eq!((counts.jwks, counts.metadata, counts.elsewhere), (1, 1, 1));
    }
}

mod tokens {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct MyClaims {
        sub: String,
        tenant: String,
    }

    #[test]
    fn verified_gives_typed_claims_by_minting_and_validating() {
        let server = AuthorizationServer::builder()
            .claim("tenant", "acme")
            .build()
            .unwrap();
        let token = server
            .verified::<MyClaims>(json!({ "sub": "alice", "scope": "a b" }))
            .unwrap();
        assert_eq!(
            (&*token.claims().sub, &*token.claims().tenant),
            ("alice", "acme")
        );
        assert!(token.scopes().contains("b"));
    }

    #[test]
    fn a_claim_of_null_is_left_out() {
        let token = server()
            .verified::<Value>(json!({ "jti": null, "sub": "alice" }))
            .unwrap();
        assert_eq!(token.claims().get("jti"), None);
    }

    #[test]
    fn verified_makes_nothing_that_a_guard_would_refuse() {
        let server = server();
        let rows = [
            (
                "claims that don't fit",
                json!({ "sub": 1, "tenant": "acme" }),
            ),
            ("expired", json!({ "exp": 1, "sub": "a", "tenant": "acme" })),
            (
                "another issuer",
                json!({ "iss": "x", "sub": "a", "tenant": "acme" }),
            ),
            (
                "no audience",
                json!({ "aud": null, "sub": "a", "tenant": "acme" }),
            ),
            ("not an object", json!("alice")),
        ];
        for (row, claims) in rows {
            assert!(server.verified::<MyClaims>(claims).is_err(), "{row}");
        }
    }

    #[test]
    fn a_token_ends_by_the_servers_clock() {
        let server = server();
        server.set_token_lifetime(Duration::from_secs(30));
        let token = server.mint(BTreeMap::<String, Value>::new()).unwrap();
        let validator = server.validator().leeway(Duration::ZERO);
        let validate = || {
            let now = server.clock().wall();
            validator.validate::<Value>(token.expose(), &server.keys(), now)
        };
        assert!(validate().is_ok());
        server.clock().advance(Duration::from_secs(31));
        assert!(validate().unwrap_err().is_expired());
    }

    #[test]
    fn revocation_concerns_tokens_that_were_given_out_before() {
        let server = server();
        let first = server.mint(json!({})).unwrap();
        server.revoke_all();
        let second = server.mint(json!({})).unwrap();
        assert!(server.is_revoked(first.expose()));
        assert!(!server.is_revoked(second.expose()));
        server.revoke(second.expose());
        assert!(server.is_revoked(second.expose()));
    }
}

mod faults {
    use super::*;

    #[tokio::test]
    async fn each_fault_looks_as_it_does_in_life() {
        let ok = StatusCode::OK;
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let rows = [
            (
                Fault::Refuse(StatusCode::UNAUTHORIZED, "invalid_client"),
                StatusCode::UNAUTHORIZED,
                "invalid_client",
            ),
            (Fault::Status(unavailable), unavailable, ""),
            (Fault::RetryAfter(unavailable, "30"), unavailable, ""),
            (
                Fault::Malformed("{\"access_token\":"),
                ok,
                "{\"access_token\":",
            ),
            (Fault::Html, ok, "<!doctype html>"),
            (
                Fault::Redirect("https://evil.example/"),
                StatusCode::TEMPORARY_REDIRECT,
                "",
            ),
        ];
        for (fault, status, contains) in rows {
            let server = server();
            server.fail_next(Endpoint::Token, fault.clone());
            let response = send(&server, token_request(&server, CLIENT_CREDENTIALS)).await;
            assert_eq!(response.status(), status, "{fault:?}");
            let headers = response.headers().clone();
            assert_eq!(
                headers.contains_key(header::RETRY_AFTER),
                matches!(fault, Fault::RetryAfter(..))
            );
            assert_eq!(
                headers.contains_key(header::LOCATION),
                matches!(fault, Fault::Redirect(..))
            );
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(
                String::from_utf8_lossy(&body).contains(contains),
                "{fault:?}"
            );
            assert_eq!((server.requests().token, server.requests().granted), (1, 0));
        }
    }

    #[tokio::test]
    async fn a_huge_body_has_the_size_that_was_ordered() {
        let server = server();
        server.fail_next(Endpoint::Token, Fault::HugeBody(5 * 1024 * 1024));
        let response = send(&server, token_request(&server, CLIENT_CREDENTIALS)).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 5 * 1024 * 1024);
    }

    #[tokio::test]
    async fn a_cut_off_answer_was_carried_out_all_the_same() {
        let server = server();
        server.fail_next(Endpoint::Token, Fault::CutOff);
        let response = send(&server, token_request(&server, CLIENT_CREDENTIALS)).await;
        assert!(response.into_body().collect().await.is_err());
        assert_eq!(server.requests().granted, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_answer_was_carried_out_at_once() {
        let server = server();
        server.fail_next(Endpoint::Token, Fault::Delay(Duration::from_secs(3600)));
        let clock = SystemClock::new();
        let start = clock.monotonic();
        let mut answer = std::pin::pin!(ask(&server, CLIENT_CREDENTIALS));
        assert!(futures::poll!(answer.as_mut()).is_pending());
        assert_eq!(server.requests().granted, 1);
        assert_eq!(answer.await.0, StatusCode::OK);
        assert_eq!((clock.monotonic() - start).as_secs(), 3600);
    }

    #[tokio::test]
    async fn faults_come_in_the_order_in_which_they_were_ordered_and_then_stop() {
        let server = server();
        server.fail_next(Endpoint::Token, Fault::Status(StatusCode::BAD_GATEWAY));
        server.fail_next(Endpoint::Jwks, Fault::Status(StatusCode::NOT_FOUND));
        server.fail_next(Endpoint::Token, Fault::Status(StatusCode::GATEWAY_TIMEOUT));
        let mut seen = Vec::new();
        for _ in 0..3 {
            let response = send(&server, token_request(&server, CLIENT_CREDENTIALS)).await;
            seen.push(response.status().as_u16());
        }
        assert_eq!(seen, [502, 504, 200]);
        assert_eq!(
            get(&server, &server.jwks_url()).await.0,
            StatusCode::NOT_FOUND
        );
        assert_eq!(get(&server, &server.jwks_url()).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_lasting_fault_lasts_until_recovery() {
        let server = server();
        server.fail_always(
            Endpoint::Token,
            Fault::Refuse(StatusCode::BAD_REQUEST, "invalid_grant"),
        );
        for _ in 0..3 {
            assert_eq!(
                ask(&server, CLIENT_CREDENTIALS).await.1["error"],
                "invalid_grant"
            );
        }
        server.recover();
        assert_eq!(ask(&server, CLIENT_CREDENTIALS).await.0, StatusCode::OK);
    }
}

mod over_tcp {
    use http_body_util::Full;
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};

    use super::*;

    async fn status(url: &str) -> Result<StatusCode, hyper_util::client::legacy::Error> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
        let response = client.get(url.parse().unwrap()).await?;
        let status = response.status();
        let body = response.into_body().collect().await;
        Ok(body.map_or(StatusCode::IM_A_TEAPOT, |_| status))
    }

    #[tokio::test]
    async fn the_same_server_listens_until_it_is_dropped() {
        let listening = AuthorizationServer::builder().listen().await.unwrap();
        let url = listening.jwks_url();
        assert_eq!(status(&url).await.unwrap(), StatusCode::OK);
        assert_eq!(listening.server().requests().jwks, 1);
        listening.stop().await;
        assert!(status(&url).await.is_err());
    }

    #[tokio::test]
    async fn a_value_that_listens_later_keeps_its_issuer() {
        let server = server();
        let listening = server.listen().await.unwrap();
        assert_eq!(listening.server().issuer(), "https://id.example");
        assert!(listening.address().ip().is_loopback());
        let url = format!("{}/.well-known/openid-configuration", listening.url());
        assert_eq!(status(&url).await.unwrap(), StatusCode::OK);
        drop(listening);
    }

    #[tokio::test]
    async fn a_cut_off_answer_breaks_the_connection() {
        let listening = AuthorizationServer::builder().listen().await.unwrap();
        listening.server().fail_next(Endpoint::Jwks, Fault::CutOff);
        assert_eq!(
            status(&listening.jwks_url()).await.unwrap(),
            StatusCode::IM_A_TEAPOT
        );
    }
}
