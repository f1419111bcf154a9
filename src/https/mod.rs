//! A ready HTTPS client, for those who bring none.
//!
//! [`HttpsClient`] is an ordinary Tower service. It serves at both places where the client's
//! side needs one: as the way to the token endpoint, and below the layer that adds the tokens.
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # async fn run() -> Result<(), tower_bearer::BoxError> {
//! use http_body_util::Full;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//! use tower_bearer::{
//!     AuthLayer, ClientAuth, ClientCredentials, HttpsClient, Refreshing, TokenEndpoint,
//! };
//!
//! let https = HttpsClient::new()?;
//! let tokens = TokenEndpoint::new("https://id.example/oauth2/token")?
//!     .client_auth(ClientAuth::basic("orders-job", "hunter2"))
//!     .grant(ClientCredentials::new())
//!     .over(https.clone());
//! let layer = AuthLayer::new(Refreshing::new(tokens)).origin("https://api.example")?;
//! let mut client = ServiceBuilder::new().layer(layer).service(https);
//!
//! let request = http::Request::get("https://api.example/orders").body(Full::default())?;
//! let response = client.ready().await?.call(request).await?;
//! # let _ = response;
//! # Ok(()) }
//! ```
//!
//! It is hyper and rustls, put together so that nothing else in the dependency tree can make
//! it panic: the TLS provider (AWS-LC) is named, whichever others there are. What it does not
//! do: follow redirects, go through proxies, keep cookies, unpack compressed answers.
//!
//! Not on Android, where the system's certificates are reached through Java: there any other
//! Tower HTTP client does.

mod builder;
mod client;
mod connector;
mod error;
mod response_body;
mod response_future;
mod tls;

pub use builder::HttpsBuilder;
pub use client::HttpsClient;
pub use error::{HttpsError, HttpsErrorKind};
pub use response_body::ResponseBody;
pub use response_future::ResponseFuture;
