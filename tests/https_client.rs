//! The ready HTTPS client, over TLS on loopback.
#![cfg(all(feature = "https", feature = "client"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod https_support;

use std::{error::Error, time::Duration};

use axum::{
    Router,
    http::HeaderMap,
    response::Redirect,
    routing::{get, post},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};
use tower_bearer::{
    AuthLayer, ClientAuth, ClientCredentials, HttpsClient, Refreshing, TokenEndpoint,
    clock::{Clock, SystemClock},
    https::{HttpsBuilder, HttpsError, HttpsErrorKind, ResponseBody},
};

use https_support::{Authority, Issued, Server};

fn app() -> Router {
    const TOKEN: &str =
        r#"{"access_token":"mF_9.B5f-4.1JqM","token_type":"Bearer","expires_in":3600}"#;
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/large", get(|| async { vec![0; 1 << 20] }))
        .route("/echo", post(|body: String| async { body }))
        .route("/away", get(|| async { Redirect::temporary("/") }))
        .route("/token", post(|| async { TOKEN }))
        .route(
            "/orders",
            get(|headers: HeaderMap| async move {
                headers["authorization"].to_str().unwrap().to_owned()
            }),
        )
}

/// Trusts this authority and no other, so that it does not matter what the machine trusts.
fn trusting(authority: &Authority) -> HttpsBuilder {
    HttpsClient::builder()
        .without_system_roots()
        .root_certificates(authority.pem())
        .unwrap()
}

async fn get_from(
    https: HttpsClient,
    port: u16,
    path: &str,
) -> Result<Response<ResponseBody>, HttpsError> {
    let request = Request::get(format!("https://localhost:{port}{path}"));
    https.oneshot(request.body(Full::default()).unwrap()).await
}

async fn outcome(builder: HttpsBuilder, port: u16) -> Result<Version, HttpsErrorKind> {
    let response = get_from(builder.build().unwrap(), port, "/").await;
    response
        .map(|response| response.version())
        .map_err(|error| error.kind())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn text(response: Response<ResponseBody>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

// Whom it trusts

#[tokio::test]
async fn only_a_certificate_of_a_trusted_authority_for_this_name_and_time_is_taken() {
    use HttpsErrorKind::ServerCertificate;
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let over = |issued: &mut rcgen::CertificateParams| {
        issued.not_before = rcgen::date_time_ymd(2020, 1, 1);
        issued.not_after = rcgen::date_time_ymd(2020, 1, 2);
    };
    let expected = Err(ServerCertificate);
    let rows = [
        (
            "the right authority",
            ours.issue("localhost"),
            Ok(Version::HTTP_2),
        ),
        ("another authority", other.issue("localhost"), expected),
        ("another name", ours.issue("other.example"), expected),
        ("expired", ours.issue_with("localhost", over), expected),
    ];
    for (row, certificate, expected) in rows {
        let port = Server::new(certificate).listen(app()).await;
        assert_eq!(outcome(trusting(&ours), port).await, expected, "{row}");
        let both = trusting(&other).root_certificates(ours.pem()).unwrap();
        let is_other = row == "another authority";
        let expected = if is_other {
            Ok(Version::HTTP_2)
        } else {
            expected
        };
        assert_eq!(outcome(both, port).await, expected, "{row}, both trusted");
    }
}

#[tokio::test]
async fn the_error_says_what_is_wrong_with_a_certificate_and_what_to_do() {
    let port = Server::new(Authority::new("other").issue("localhost"));
    let port = port.listen(app()).await;
    let https = trusting(&Authority::new("ours")).build().unwrap();
    let error = get_from(https, port, "/").await.unwrap_err();
    for shown in [chain(&error), format!("{error:?}")] {
        assert!(shown.contains("HttpsBuilder::root_certificates"), "{shown}");
        assert!(shown.contains("UnknownIssuer"), "{shown}");
    }
}

/// A machine may have none: then that is what is said.
#[tokio::test]
async fn the_systems_authorities_are_trusted_unless_they_are_left_out() {
    let ours = Authority::new("ours");
    let port = Server::new(ours.issue("localhost")).listen(app()).await;
    match HttpsClient::new() {
        Ok(https) => {
            let error = get_from(https, port, "/").await.unwrap_err();
            assert_eq!(error.kind(), HttpsErrorKind::ServerCertificate);
        }
        Err(error) => assert_eq!(error.kind(), HttpsErrorKind::NoRoots),
    }
    let added = HttpsClient::builder()
        .root_certificates(ours.pem())
        .unwrap();
    assert_eq!(outcome(added, port).await, Ok(Version::HTTP_2));

    let nobody = HttpsClient::builder().without_system_roots();
    let error = nobody.build().unwrap_err();
    assert_eq!(error.kind(), HttpsErrorKind::NoRoots);
}

// Who it is

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let (ours, clients, strangers) = (
        Authority::new("ours"),
        Authority::new("clients"),
        Authority::new("strangers"),
    );
    let server = Server {
        clients_of: Some(clients.pem()),
        ..Server::new(ours.issue("localhost"))
    };
    let port = server.listen(app()).await;
    let with = |Issued { chain, key }: Issued| trusting(&ours).client_certificate(chain, key);
    let shown = with(clients.issue("orders-job")).unwrap();
    assert_eq!(outcome(shown, port).await, Ok(Version::HTTP_2));
    let one_file = clients.issue("orders-job");
    let one_file = format!("{}{}", one_file.key, one_file.chain);
    let shown = trusting(&ours)
        .client_certificate(&one_file, &one_file)
        .unwrap();
    assert_eq!(outcome(shown, port).await, Ok(Version::HTTP_2));

    // With TLS 1.3 the server says so after the connection is there.
    assert!(outcome(trusting(&ours), port).await.is_err(), "none");
    let other = with(strangers.issue("orders-job")).unwrap();
    assert!(
        outcome(other, port).await.is_err(),
        "one of another authority"
    );
}

fn support(name: &str) -> String {
    let path = format!(
        "{}/tests/keys_support/{name}.pem",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn what_is_no_root_certificate_is_an_error_where_it_is_given() {
    let good = Authority::new("ours").pem();
    let broken = format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{good}");
    let rows = [
        ("nothing", String::new(), "no certificate"),
        ("a key", support("p256"), "no certificate"),
        ("text", "hunter2".to_owned(), "no certificate"),
        (
            "truncated",
            good[..good.len() - 40].to_owned(),
            "section end",
        ),
        ("not base64", good.replacen('M', "?", 1), "base64"),
        ("not a certificate", broken, "invalid peer certificate"),
    ];
    for (row, pem, expected) in rows {
        let error = HttpsClient::builder().root_certificates(pem).unwrap_err();
        assert_eq!(error.kind(), HttpsErrorKind::RootCertificates, "{row}");
        let shown = chain(&error).to_lowercase();
        assert!(shown.contains(expected), "{row}: {shown}");
        assert!(!shown.contains("hunter2"), "{row}: {shown}");
    }
}

#[test]
fn what_is_no_client_certificate_with_its_key_is_an_error_where_it_is_given() {
    let Issued { chain: good, key } = Authority::new("clients").issue("orders-job");
    let truncated = key[..key.len() - 40].to_owned();
    let unsupported = (support("secp256k1_certificate"), support("secp256k1_sec1"));
    let rows = [
        (
            "no certificate",
            String::new(),
            key.clone(),
            "no certificate",
        ),
        ("no key", good.clone(), String::new(), "no private key"),
        (
            "a public key",
            good.clone(),
            support("p256_public"),
            "no private key",
        ),
        (
            "an encrypted key",
            good.clone(),
            support("p256_encrypted"),
            "not encrypted",
        ),
        ("a truncated key", good.clone(), truncated, "section end"),
        (
            "another's key",
            good.clone(),
            support("p256"),
            "keymismatch",
        ),
        (
            "a truncated chain",
            good[..good.len() - 40].to_owned(),
            key,
            "section end",
        ),
        (
            "a kind of key that TLS has not",
            unsupported.0,
            unsupported.1,
            "failed to parse private key",
        ),
    ];
    for (row, chain_pem, key, expected) in rows {
        let builder = HttpsClient::builder().client_certificate(chain_pem, &key);
        let error = builder.unwrap_err();
        assert_eq!(error.kind(), HttpsErrorKind::ClientCertificate, "{row}");
        let shown = format!("{} {error:?}", chain(&error)).to_lowercase();
        assert!(shown.contains(expected), "{row}: {shown}");
        let secret = key.lines().nth(1).unwrap_or("nothing");
        assert!(!shown.contains(&secret.to_lowercase()), "{row}: {shown}");
    }
}

// What it does

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let ours = Authority::new("ours");
    let rows: [(&[&str], Version); 3] = [
        (&["h2", "http/1.1"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ];
    for (alpn, expected) in rows {
        let server = Server {
            alpn,
            ..Server::new(ours.issue("localhost"))
        };
        let port = server.listen(app()).await;
        assert_eq!(
            outcome(trusting(&ours), port).await,
            Ok(expected),
            "{alpn:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let ours = Authority::new("ours");
    let port = Server::new(ours.issue("localhost")).listen(app()).await;
    let https = trusting(&ours).build().unwrap();
    let response = get_from(https, port, "/away").await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn one_client_serves_the_token_endpoint_and_the_api() {
    let ours = Authority::new("ours");
    let port = Server::new(ours.issue("localhost")).listen(app()).await;
    let https = trusting(&ours).build().unwrap();
    let origin = format!("https://localhost:{port}");
    let endpoint = TokenEndpoint::new(&format!("{origin}/token"))
        .unwrap()
        .client_auth(ClientAuth::basic("orders-job", "hunter2"))
        .grant(ClientCredentials::new())
        .over(https.clone());
    let layer = AuthLayer::new(Refreshing::new(endpoint))
        .origin(&origin)
        .unwrap();
    let request = Request::get(format!("{origin}/orders")).body(Full::default());
    let response = layer.layer(https).oneshot(request.unwrap()).await.unwrap();
    assert_eq!(text(response).await, "Bearer mF_9.B5f-4.1JqM");
}

#[tokio::test]
async fn bodies_may_be_of_any_type() {
    type Body = BoxBody<Bytes, std::io::Error>;
    let ours = Authority::new("ours");
    let port = Server::new(ours.issue("localhost")).listen(app()).await;
    let https = trusting(&ours).build_for::<Body>().unwrap();
    let frames = ["a", "b", "c"].map(|part| Ok(http_body::Frame::data(Bytes::from(part))));
    let body = BoxBody::new(StreamBody::new(futures::stream::iter(frames)));
    let request = Request::post(format!("https://localhost:{port}/echo")).body(body);
    let response = https.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(text(response).await, "abc");
}

#[tokio::test]
async fn plain_http_is_spoken_too_where_the_layers_above_let_it_through() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app()).await });
    let https = trusting(&Authority::new("ours")).build().unwrap();
    let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Full::default());
    let response = https.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(text(response).await, "hello");
}

// What can go wrong on the way

#[tokio::test]
async fn who_does_not_answer_is_told_from_who_speaks_something_else() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let trusting = || trusting(&Authority::new("ours"));
    assert_eq!(
        outcome(trusting(), port).await,
        Err(HttpsErrorKind::Connect)
    );

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(plain, app()).await });
    assert_eq!(outcome(trusting(), port).await, Err(HttpsErrorKind::Tls));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_the_handshake_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let rows = [
        (trusting(&Authority::new("ours")), Duration::from_secs(10)),
        (
            trusting(&Authority::new("ours")).connect_timeout(Duration::from_secs(3)),
            Duration::from_secs(3),
        ),
    ];
    for (builder, limit) in rows {
        let expected = Err(HttpsErrorKind::ConnectTimeout(limit));
        let clock = SystemClock::new();
        let start = clock.monotonic();
        assert_eq!(outcome(builder, port).await, expected);
        let took = clock.monotonic() - start;
        assert!(
            took >= limit && took < limit + Duration::from_secs(1),
            "{took:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_of_its_body() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.read_buf(&mut Vec::new()).await.unwrap();
        tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            .await
    });
    let https = trusting(&Authority::new("ours")).build().unwrap();
    let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Full::default());
    let response = https.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(9));
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.kind(), HttpsErrorKind::Exchange);
}

#[test]
fn without_a_fitting_runtime_it_is_an_error_and_not_a_panic() {
    let builder = || trusting(&Authority::new("ours"));
    let expected = Err(HttpsErrorKind::NoRuntime);
    assert_eq!(
        futures::executor::block_on(outcome(builder(), 1)),
        expected,
        "none"
    );
    let runtime = |set: fn(&mut tokio::runtime::Builder) -> &mut tokio::runtime::Builder| {
        set(&mut tokio::runtime::Builder::new_current_thread())
            .build()
            .unwrap()
    };
    let without_any = runtime(|builder| builder).block_on(outcome(builder(), 1));
    assert_eq!(without_any, expected, "without I/O and timer");
    let without_io = runtime(|builder| builder.enable_time()).block_on(outcome(builder(), 1));
    assert_eq!(without_io, expected, "without I/O");
    let without_timer = runtime(|builder| builder.enable_io()).block_on(outcome(builder(), 1));
    assert_eq!(without_timer, expected, "without timer");
}

/// hyper waits for the end of an answer in a task of its own.
#[test]
fn a_request_over_a_connection_at_hand_wants_a_runtime_too() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let ours = Authority::new("ours");
    let server = Server {
        alpn: &["http/1.1"],
        ..Server::new(ours.issue("localhost"))
    };
    let https = trusting(&ours).build().unwrap();
    let client = https.clone();
    let first = runtime.spawn(async move {
        let port = server.listen(app()).await;
        let response = get_from(client, port, "/").await.unwrap();
        assert_eq!(text(response).await, "hello");
        for _ in 0..100 {
            tokio::task::yield_now().await; // the connection goes back to the pool
        }
        port
    });
    let port = runtime.block_on(first).unwrap();
    let outside = futures::executor::block_on(get_from(https, port, "/large"));
    assert_eq!(outside.unwrap_err().kind(), HttpsErrorKind::NoRuntime);
}
