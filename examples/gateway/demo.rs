//! The same gateway, with an authorization server and two APIs in this process.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, body::Body, response::IntoResponse};
use clap::Parser;
use http::{StatusCode, Uri, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt;
use tower_bearer::{
    BoxError, HttpsClient, RequireJwt, Validator, Verified,
    test_util::{AuthorizationServer, Listening},
};

use super::{Options, bind, gateway};

pub(crate) async fn demo() -> Result<(), BoxError> {
    let provider = AuthorizationServer::builder().audience("gateway");
    let provider = provider.listen().await?;
    let (stock, billing) = (
        api(&provider, "stock").await?,
        api(&provider, "billing").await?,
    );
    let flags = [
        "gateway",
        "--listen=127.0.0.1:0",
        "--audience=gateway",
        "--stock-audience=stock",
        "--billing-audience=billing",
        "--client-id=client",
        "--client-secret=secret",
    ];
    let addresses = [
        format!("--issuer={}", provider.url()),
        format!("--token-url={}", provider.token_url()),
        format!("--stock-url={stock}"),
        format!("--billing-url={billing}"),
    ];
    let flags = flags.map(str::to_owned).into_iter().chain(addresses);
    let options = Options::try_parse_from(flags)?;
    let (app, _tokens) = gateway(&options).await?;
    let listener = bind(options.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    make_calls(&provider, &url).await
}

async fn make_calls(provider: &Listening, url: &str) -> Result<(), BoxError> {
    let server = provider.server();
    let alice = server.mint(json!({ "sub": "alice", "aud": ["gateway", "stock"] }))?;
    let bob = server.mint(json!({ "sub": "bob", "scope": "billing" }))?;
    #[rustfmt::skip]
    let calls = [
        ("/stock/items", "no token", None, 401, "an access token is needed"),
        ("/stock/items", "alice", Some(&alice), 200, "stock: /items for alice"),
        ("/stock/items", "bob", Some(&bob), 403, "not a token for that API"),
        ("/billing/open", "alice", Some(&alice), 403, "lacks the scope"),
        ("/billing/open", "bob", Some(&bob), 200, "billing: /open for client"),
    ];
    for (path, who, token, expected, words) in calls {
        let token = token.map(|token| token.expose());
        let (status, seen) = call(&format!("{url}{path}"), token).await?;
        println!("GET {path:<14} {who:<9} {status}  {seen}");
        if status != expected || !seen.contains(words) {
            return Err(format!("expected {expected} and {words:?}").into());
        }
    }
    println!("each API had answered 503 before; no caller has seen it");
    Ok(())
}

/// An API that says whose token it sees, but not at once: its first answer is 503.
async fn api(provider: &Listening, name: &'static str) -> Result<String, BoxError> {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
    }
    let was_asked = Arc::new(AtomicBool::new(false));
    let serve = move |uri: Uri, token: Verified<Claims>| async move {
        match was_asked.swap(true, Ordering::SeqCst) {
            false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            true => format!("{name}: {uri} for {}", token.claims().sub).into_response(),
        }
    };
    let validator = Validator::new(provider.url(), name);
    let guard = RequireJwt::<Claims>::new(validator, provider.server().clone());
    let app: Router = Router::new().fallback(serve).layer(guard);
    let listener = bind(([127, 0, 0, 1], 0).into()).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

/// Status and text.
async fn call(url: &str, token: Option<&str>) -> Result<(StatusCode, String), BoxError> {
    let mut request = http::Request::get(url);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let client = HttpsClient::builder().build_for::<Body>()?;
    let response = client.oneshot(request.body(Body::empty())?).await?;
    let status = response.status();
    let text = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}
