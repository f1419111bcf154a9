//! The authorization server of users' tests: login page, codes, ID tokens and logout, as
//! strict as their standards.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use std::{collections::BTreeMap, time::Duration};

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_bearer::{
    ClientAuth, TokenEndpoint, Validator, Verified,
    clock::Clock,
    oauth::{AuthorizationCode, ObtainError, ObtainErrorKind, ObtainToken},
    test_util::{
        AuthorizationServer, AuthorizationServerBuilder, Body, RefreshTokens, RegisteredClient,
    },
    token::Tokens,
};

const BACK: &str = "https://app.example/back?to=1";
const OUT: &str = "https://app.example/out";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn builder() -> AuthorizationServerBuilder {
    let client = RegisteredClient::new("client", "secret")
        .scopes(["openid", "orders:read"])
        .redirect_uri(BACK)
        .post_logout_redirect_uri(OUT);
    AuthorizationServer::builder()
        .user("alice", "correct horse")
        .client(client)
        .client(RegisteredClient::new("other", "secret").redirect_uri(BACK))
}

fn server() -> AuthorizationServer {
    builder().logged_in_as("alice").build().unwrap()
}

/// A good authorization request, with some parameters changed; empty ones are left out.
fn request(changes: &[(&str, &str)]) -> String {
    let mut parameters = BTreeMap::from([
        ("client_id", "client"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid orders:read"),
        ("state", "s &=%"),
        ("nonce", "n-0S6"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    parameters.extend(changes.iter().copied());
    parameters.retain(|_, value| !value.is_empty());
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

async fn send(server: &AuthorizationServer, url: &str, form: Option<&str>) -> Response<Body> {
    let request = match form {
        None => Request::get(url).body(Body::default()),
        Some(form) => Request::post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned())),
    };
    server.clone().oneshot(request.unwrap()).await.unwrap()
}

async fn authorize(server: &AuthorizationServer, query: &str) -> Response<Body> {
    send(
        server,
        &format!("{}?{query}", server.authorization_url()),
        None,
    )
    .await
}

/// Where a browser is sent, with what.
fn sent_to(response: &Response<Body>) -> (String, BTreeMap<String, String>) {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    let (to, query) = location.split_once('?').unwrap_or((location, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned();
    (to.to_owned(), query.collect())
}

async fn text(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn code(server: &AuthorizationServer) -> String {
    let (_, mut query) = sent_to(&authorize(server, &request(&[])).await);
    query.remove("code").unwrap()
}

async fn exchange(
    server: &AuthorizationServer,
    client: &str,
    (code, back, verifier): (&str, &str, &str),
) -> Result<Tokens, ObtainError> {
    TokenEndpoint::new(&server.token_url())
        .unwrap()
        .client_auth(ClientAuth::basic(client, "secret"))
        .grant(AuthorizationCode::new(code, back).code_verifier(verifier))
        .clock(server.clock().clone())
        .over(server.clone())
        .obtain()
        .await
}

fn outcome(answer: &Result<Tokens, ObtainError>) -> String {
    match answer.as_ref().map_err(ObtainError::kind) {
        Ok(_) => "granted".to_owned(),
        Err(ObtainErrorKind::Refused { error, .. }) => error.clone(),
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn who_is_logged_in_is_sent_back_with_a_code() {
    let server = server();
    let (to, query) = sent_to(&authorize(&server, &request(&[])).await);
    assert_eq!(to, "https://app.example/back");
    let names: Vec<_> = query.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "iss", "state", "to"]);
    assert_eq!(
        (&*query["state"], &*query["iss"]),
        ("s &=%", server.issuer())
    );
    assert_eq!(query["to"], "1", "the address's own query stays");
    assert_eq!(server.requests().authorization, 1);
}

#[tokio::test]
async fn what_is_not_known_is_sent_nowhere_and_what_is_wrong_comes_back_by_name() {
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let rows: [Row<'_>; 12] = [
        ("no client", &[("client_id", "")], "nowhere"),
        ("an unknown client", &[("client_id", "x")], "nowhere"),
        ("no address", &[("redirect_uri", "")], "nowhere"),
        (
            "nearly the address",
            &[("redirect_uri", "https://app.example/back")],
            "nowhere",
        ),
        (
            "a longer one",
            &[("redirect_uri", "https://app.example/back?to=1&x")],
            "nowhere",
        ),
        (
            "a token at once",
            &[("response_type", "token")],
            "unsupported_response_type",
        ),
        (
            "a form",
            &[("response_mode", "form_post")],
            "invalid_request",
        ),
        ("the query, said so", &[("response_mode", "query")], "code"),
        ("no challenge", &[("code_challenge", "")], "invalid_request"),
        (
            "a plain challenge",
            &[("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (
            "a scope too many",
            &[("scope", "openid admin")],
            "invalid_scope",
        ),
        ("no state", &[("state", "")], "code"),
    ];
    let server = server();
    for (row, changes, expected) in rows {
        let response = authorize(&server, &request(changes)).await;
        if expected == "nowhere" {
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{row}");
            continue;
        }
        let (_, query) = sent_to(&response);
        let found = query.get("error").map_or("code", String::as_str);
        assert_eq!(found, expected, "{row}");
        assert_eq!(query["iss"], server.issuer(), "{row}");
    }
    let twice = format!("{}&client_id=client", request(&[]));
    let response = authorize(&server, &twice).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn others_get_the_login_page_and_come_back_once_the_password_is_right() {
    let server = builder().build().unwrap();
    let url = format!("{}?{}", server.authorization_url(), request(&[]));
    let page = text(send(&server, &url, None).await).await;
    assert!(page.contains("<form method=\"post\">"), "{page}");
    assert!(!page.contains("Unknown user"), "{page}");

    let wrong = send(
        &server,
        &url,
        Some("username=alice&password=x&answer=allow"),
    )
    .await;
    assert_eq!(wrong.status(), StatusCode::OK);
    assert!(text(wrong).await.contains("Unknown user"));

    let denied = send(&server, &url, Some("username=&password=&answer=deny")).await;
    let (_, query) = sent_to(&denied);
    assert_eq!(
        (&*query["error"], &*query["state"]),
        ("access_denied", "s &=%")
    );

    let form = "username=alice&password=correct+horse&answer=allow";
    let (_, query) = sent_to(&send(&server, &url, Some(form)).await);
    assert!(query.contains_key("code"), "{query:?}");
}

#[tokio::test]
async fn a_code_buys_tokens_once_for_its_client_its_address_and_its_verifier() {
    let server = server();
    let rows = [
        ("as it should be", "client", BACK, VERIFIER, "granted"),
        ("another client", "other", BACK, VERIFIER, "invalid_grant"),
        ("another address", "client", OUT, VERIFIER, "invalid_grant"),
        (
            "another verifier",
            "client",
            BACK,
            CHALLENGE,
            "invalid_grant",
        ),
        ("no verifier", "client", BACK, "", "invalid_request"),
    ];
    for (row, client, back, verifier, expected) in rows {
        let code = code(&server).await;
        let answer = exchange(&server, client, (&code, back, verifier)).await;
        assert_eq!(outcome(&answer), expected, "{row}");
        if let Ok(tokens) = answer {
            let again = exchange(&server, client, (&code, back, verifier)).await;
            assert_eq!(outcome(&again), "invalid_grant", "used");
            let token = tokens.access_token();
            assert!(
                server.is_revoked(token.expose()),
                "with what it was used for"
            );
        }
    }
    let late = code(&server).await;
    server.clock().advance(Duration::from_secs(60));
    let answer = exchange(&server, "client", (&late, BACK, VERIFIER)).await;
    assert_eq!(outcome(&answer), "invalid_grant", "expired");
    let unknown = exchange(&server, "client", ("code-x", BACK, VERIFIER)).await;
    assert_eq!(outcome(&unknown), "invalid_grant", "unknown");
    let counts = server.requests();
    assert_eq!((counts.authorization_code, counts.code_reused), (8, 1));
}

fn id_token(server: &AuthorizationServer, tokens: &Tokens) -> Verified<Value> {
    let token = tokens.id_token().unwrap().expose();
    let now = server.clock().wall();
    Validator::new(server.issuer(), "client")
        .token_types(["JWT"])
        .validate(token, &server.keys(), now)
        .unwrap()
}

#[tokio::test]
async fn an_id_token_tells_the_client_who_it_was_and_comes_with_each_refresh() {
    let server = builder()
        .logged_in_as("alice")
        .refresh_tokens(RefreshTokens::Rotated)
        .claim("tenant", "acme")
        .build()
        .unwrap();
    let code = code(&server).await;
    let tokens = exchange(&server, "client", (&code, BACK, VERIFIER))
        .await
        .unwrap();
    let first = id_token(&server, &tokens);
    assert_eq!(first.registered().subject(), Some("alice"));
    assert_eq!(
        (&first.claims()["nonce"], &first.claims()["tenant"]),
        (&"n-0S6".into(), &"acme".into())
    );
    let claims = first.claims();
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 300);
    assert_eq!(
        first.claims()["at_hash"].as_str().unwrap().len(),
        22,
        "128 bits"
    );

    let refreshed = TokenEndpoint::new(&server.token_url())
        .unwrap()
        .client_auth(ClientAuth::basic("client", "secret"))
        .over(server.clone());
    let refreshed = refreshed.refresh(tokens.refresh_token().unwrap()).await;
    let again = id_token(&server, &refreshed.unwrap());
    assert_eq!(again.registered().subject(), Some("alice"));
    assert!(again.claims().get("nonce").is_none(), "Core §12.2");
    assert_ne!(again.claims()["at_hash"], first.claims()["at_hash"]);
}

#[tokio::test]
async fn without_the_scope_openid_there_is_no_id_token() {
    let server = server();
    let query = request(&[("scope", "orders:read")]);
    let (_, sent) = sent_to(&authorize(&server, &query).await);
    let tokens = exchange(&server, "client", (&sent["code"], BACK, VERIFIER)).await;
    assert!(tokens.unwrap().id_token().is_none());
}

#[tokio::test]
async fn who_logs_out_is_sent_back_to_where_the_client_said_before() {
    let server = server();
    let back = |query: &str| format!("{}?{query}", server.end_session_url());
    let query = |client, to| {
        let pairs = [
            ("client_id", client),
            ("post_logout_redirect_uri", to),
            ("state", "s"),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(_, value)| !str::is_empty(value)));
        query.finish()
    };
    let (to, sent) = sent_to(&send(&server, &back(&query("client", OUT)), None).await);
    assert_eq!((to.as_str(), sent["state"].as_str()), (OUT, "s"));
    let stays = send(&server, &back(&query("client", "")), None).await;
    assert_eq!(stays.status(), StatusCode::OK);
    for (client, to) in [("client", BACK), ("other", OUT), ("", OUT)] {
        let response = send(&server, &back(&query(client, to)), None).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{client} {to}");
    }
    assert_eq!(server.requests().end_session, 5);
}
