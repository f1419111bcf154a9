//! Login by the login screen (OpenID Connect), as a layer.
//!
//! [`RequireLogin`] stands where [`RequireJwt`](crate::RequireJwt) stands, and lets in whoever
//! brings a bearer token or has logged in. A browser that opens a page without either is sent
//! to the provider's login page and comes back to that page. From then on it is known by a
//! cookie, and what its scripts call is served. Handlers find
//! [`Verified<C>`](crate::Verified) either way.
//!
//! - [`Provider`]: who logs people in;
//! - [`Site`]: where this site is, and how its sessions are kept;
//! - [`SealingKey`]: what seals them;
//! - [`SessionStore`]: where they may be kept instead of cookies;
//! - [`Page`]: what a person is shown where something went wrong.
//!
//! # Example
//!
//! A site with a page that says who is logged in:
//!
//! ```
//! # use bytes::Bytes; use http_body_util::Full;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use axum::{Router, routing::get};
//! use tower_bearer::{
//!     ClientAuth, Validator, Verified,
//!     login::{Provider, RequireLogin, SealingKey, Site},
//! };
//!
//! #[derive(serde::Deserialize)]
//! struct MyClaims {
//!     sub: String,
//! }
//!
//! # fn app() -> Result<Router, tower_bearer::BoxError> {
//! # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! let client = ClientAuth::basic("orders-web", "hunter2");
//! let provider = Provider::discover("https://id.example", client)?.over(transport);
//! let key = SealingKey::from_base64("mqzBkXQ8pWzxNS/EZc0NCtVVJvhNsDShg6zSdQ0VHkQ=")?;
//! let site = Site::new(provider, "https://orders.example", key)?;
//!
//! let bearer_tokens = Validator::new("https://id.example", "orders");
//! let app = Router::new()
//!     .route("/", get(|token: Verified<MyClaims>| async move { token.claims().sub.clone() }))
//!     .layer(RequireLogin::<MyClaims>::new(bearer_tokens, site));
//! # Ok(app) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async { app().unwrap() });
//! ```
//!
//! Sessions of several processes, with access tokens that are renewed:
//!
//! ```
//! # use bytes::Bytes; use http_body_util::Full;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! # use tower_bearer::{BoxError, ClientAuth};
//! use tower_bearer::login::{Provider, SealingKey, SessionStore, Site};
//!
//! fn site(sessions: impl SessionStore) -> Result<Site, BoxError> {
//! # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//!     let client = ClientAuth::basic("orders-web", "hunter2");
//!     let provider = Provider::discover("https://id.example", client)?
//!         .scope("orders:read offline_access")
//!         .over(transport);
//!     let key = SealingKey::from_base64("mqzBkXQ8pWzxNS/EZc0NCtVVJvhNsDShg6zSdQ0VHkQ=")?;
//!     let site = Site::new(provider, "https://orders.example", key)?;
//!     Ok(site.sessions_in(sessions))
//! }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! #     site(tower_bearer::login::MemorySessionStore::new()).unwrap();
//! # });
//! ```
//!
//! # Defaults
//!
//! [`RequireLogin`] says which request gets what, [`Site`] what can be changed, [`Timing`] how
//! long things last. What can't be changed:
//!
//! - the authorization code grant, with PKCE (S256), `state`, `nonce`, and `iss` where the
//!   provider announces it (RFC 6749, RFC 7636, RFC 9207, RFC 9700);
//! - a session has an id of its own, made anew at each login;
//! - nobody is sent to another site after the login;
//! - cookies are sealed (XChaCha20-Poly1305), `HttpOnly`, `SameSite=Lax` and for this host
//!   alone; over https `Secure` and `__Host-`;
//! - who is known by a cookie alone may change something, or upgrade a connection, only from a
//!   page of this site: so says `Sec-Fetch-Site`, or else `Origin`;
//! - the ID token leaves this crate for nobody: what a handler may send on is the access token.
//!
//! # Cookies or a store
//!
//! | | in cookies | [`SessionStore`] |
//! | --- | --- | --- |
//! | processes | any number | any number that share it |
//! | renews access tokens | one process ([`renew_in_cookie`](Site::renew_in_cookie)) | yes |
//! | size of all tokens | about 5 KB | any |
//! | after a logout | this process refuses the session; **a copy of the cookie is good elsewhere until the session ends** | refused everywhere |
//!
//! # Events
//!
//! By `tracing`; none shows a token, a code or a cookie. The fields are those of
//! [`client`](crate::client#events).
//!
//! | level | event | fields |
//! | --- | --- | --- |
//! | `DEBUG` | logged out | |
//! | `INFO` | login not finished | `reason`, `error` |
//! | `INFO` | session not accepted | `reason`, `error` |
//! | `WARN` | login not finished | `reason`, `retry_after_ms`, `error` |
//! | `WARN` | session not renewed | `retry_after_ms`, `error` |
//! | `WARN` | ID token of a renewal not accepted | `reason` |
//! | `WARN` | the use of a session could not be noted | `error` |
//! | `ERROR` | login not finished | `reason`, `error` |
//! | `ERROR` | a parameter of the login's own is not replaced | `name` |

mod authorization;
mod cookie;
mod crypto;
mod future;
mod gate;
mod layer;
mod log;
mod openid;
mod pages;
mod public_address;
mod request;
mod sealing;
mod service;
mod session;
mod site;
mod site_error;
mod timing;

pub use future::RequireLoginFuture;
pub use layer::RequireLogin;
pub use openid::{Provider, ProviderBuilder};
pub use pages::{Page, PageKind};
pub use sealing::{SealingKey, SealingKeyError};
pub use service::RequireLoginService;
pub use session::{MemorySessionStore, SessionChange, SessionKey, SessionRecord, SessionStore};
pub use site::{ClaimsFrom, Site};
pub use site_error::SiteError;
pub use timing::Timing;
