//! Shows that tower-bearer's HTTPS client asks rustls for no provider that has to be guessed.

use http_body_util::Full;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_bearer::{HttpsClient, https::HttpsErrorKind};

/// Where two providers are in the tree and none is installed, what guesses panics.
#[tokio::test]
async fn with_two_providers_and_none_installed_a_handshake_begins() {
    let guess = std::panic::catch_unwind(rustls::ClientConfig::builder);
    assert!(
        guess.is_err(),
        "there is one provider only: this shows nothing"
    );
    handshake_begins().await;

    let ring = rustls::crypto::ring::default_provider();
    ring.install_default().unwrap();
    handshake_begins().await;
}

/// The server answers no TLS, which is found out in the handshake and not before.
async fn handshake_begins() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.writable().await.unwrap();
        tcp.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        tcp.readable().await.unwrap();
    });
    // Any certificate that is one: the machine may have none of its own.
    let https = HttpsClient::builder()
        .root_certificates(include_str!("../../tests/keys_support/certificate.pem"))
        .unwrap()
        .build()
        .unwrap();
    let request = http::Request::get(url).body(Full::default()).unwrap();
    let error = https.oneshot(request).await.unwrap_err();
    assert_eq!(error.kind(), HttpsErrorKind::Tls, "{error:?}");
}
