//! The site that people log in to.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Response;

use super::{
    Page, Provider, SealingKey, SessionStore, SiteError, Timing,
    cookie::CookieNames,
    public_address::PublicAddress,
    request::is_page_of_this_site,
    sealing::SealingKeys,
    session::{Denied, Renewals},
};

/// A site that people log in to: where it is, who logs them in, and where their sessions are
/// kept. A clone is a reference count, and all clones share what they know of sessions.
///
/// # Defaults
///
/// | matter | default | step |
/// | --- | --- | --- |
/// | whose claims | the ID token's | [`claims_from`](Self::claims_from) |
/// | sessions | sealed, in one or two cookies, without refresh token | [`sessions_in`](Self::sessions_in), [`renew_in_cookie`](Self::renew_in_cookie) |
/// | cookies | `__Host-login…`; on loopback over plain http `login-loopback…` | [`cookie_name`](Self::cookie_name) |
/// | how long things last | [`Timing`] | [`timing`](Self::timing) |
/// | keys that still open | none but the one that seals | [`older_key`](Self::older_key) |
/// | callback | `/login/callback` | [`callback_path`](Self::callback_path) |
/// | logout | `/logout`, and here alone | [`log_out_path`](Self::log_out_path), [`log_out_at_provider`](Self::log_out_at_provider) |
/// | pages | plain ones in English | [`pages`](Self::pages) |
///
/// # Example
///
/// ```
/// # use tower_bearer::login::Provider;
/// use tower_bearer::login::{SealingKey, Site};
///
/// # fn site(provider: Provider) -> Result<Site, tower_bearer::BoxError> {
/// let key = SealingKey::from_base64("mqzBkXQ8pWzxNS/EZc0NCtVVJvhNsDShg6zSdQ0VHkQ=")?;
/// let site = Site::new(provider, "https://orders.example", key)?
///     .log_out_at_provider()
///     .log_out_path("/bye")?;
/// # Ok(site) }
/// ```
#[derive(Clone)]
pub struct Site {
    pub(super) settings: Arc<Settings>,
    pub(super) state: Arc<State>,
}

/// What is decided when the site is built.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) provider: Provider,
    pub(super) address: PublicAddress,
    pub(super) cookies: CookieNames,
    pub(super) keys: SealingKeys,
    pub(super) claims_from: ClaimsFrom,
    pub(super) keeping: Keeping,
    pub(super) timing: Timing,
    pub(super) callback: String,
    pub(super) log_out: String,
    pub(super) log_out_at: LogOutAt,
    pub(super) pages: Arc<Pages>,
}

/// What changes while it runs.
#[derive(Default)]
pub(super) struct State {
    pub(super) denied: Denied,
    pub(super) renewals: Renewals,
}

type Pages = dyn Fn(&Page) -> Response<Bytes> + Send + Sync;

/// Whose claims a handler finds in its [`Verified<C>`](crate::Verified). There is no falling
/// back from one to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimsFrom {
    /// Those of the ID token, which say who has logged in. They are as old as the login, or
    /// as the last renewal that brought an ID token.
    #[default]
    IdToken,
    /// Those of the access token, which has to be a JWT that keeps the rules for bearer
    /// tokens at any time: when it has ended and can't be renewed, so has the session.
    AccessToken,
}

/// Where sessions are kept.
#[derive(Clone)]
pub(super) enum Keeping {
    InCookie { renewing: bool },
    InStore(Arc<dyn SessionStore>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogOutAt {
    Here,
    ProviderToo,
}

const COOKIE_NAME: &str = "login";

impl Site {
    /// A site at this public address, as browsers see it, whatever stands in between: scheme,
    /// host, port, and the path that a proxy takes off, if it does. `key` seals its sessions.
    ///
    /// # Errors
    ///
    /// When the address is none, or plain `http` to another machine than this: cookies would
    /// be readable on the way.
    pub fn new(
        provider: Provider,
        public_address: &str,
        key: SealingKey,
    ) -> Result<Self, SiteError> {
        let address = PublicAddress::parse(public_address)?;
        let cookies = cookie_names(COOKIE_NAME, &address)?;
        let settings = Settings {
            provider,
            address,
            cookies,
            keys: SealingKeys {
                newest: key,
                older: Vec::new(),
            },
            claims_from: ClaimsFrom::default(),
            keeping: Keeping::InCookie { renewing: false },
            timing: Timing::default(),
            callback: "/login/callback".to_owned(),
            log_out: "/logout".to_owned(),
            log_out_at: LogOutAt::Here,
            pages: Arc::new(Page::plain),
        };
        Ok(Self {
            settings: Arc::new(settings),
            state: Arc::default(),
        })
    }

    /// Whose claims handlers find.
    #[must_use]
    pub fn claims_from(self, token: ClaimsFrom) -> Self {
        self.change(|settings| settings.claims_from = token)
    }

    /// Keeps sessions in a store, and in the cookie no more than their id: for sites of
    /// several processes, for sessions that are too large for two cookies, for access tokens
    /// that are renewed, and for logouts that hold everywhere at once.
    #[must_use]
    pub fn sessions_in(self, store: impl SessionStore) -> Self {
        self.change(|settings| settings.keeping = Keeping::InStore(Arc::new(store)))
    }

    /// Keeps the refresh token in the cookie too, sealed as all of it, and renews the access
    /// token with it. **For sites of one process**, or of several among which a browser always
    /// meets the same one: two processes would spend one refresh token twice, and many
    /// providers end the login for that.
    #[must_use]
    pub fn renew_in_cookie(self) -> Self {
        self.change(|settings| settings.keeping = Keeping::InCookie { renewing: true })
    }

    /// How long things last.
    #[must_use]
    pub fn timing(self, timing: Timing) -> Self {
        self.change(|settings| settings.timing = timing)
    }

    /// One more key that opens what it sealed, and seals nothing any more. To replace a key:
    /// give the new one to [`new`](Self::new) and the old one here, in each process, and take
    /// it away when the longest session is over.
    #[must_use]
    pub fn older_key(self, key: SealingKey) -> Self {
        self.change(|settings| settings.keys.older.push(key))
    }

    /// Calls the cookies otherwise. Applications on one host need different names, and those
    /// on one machine in development too: cookies don't know about ports.
    ///
    /// # Errors
    ///
    /// When no cookie can have that name, or it begins with `__`, which is ours to write.
    pub fn cookie_name(self, name: &str) -> Result<Self, SiteError> {
        let cookies = cookie_names(name, &self.settings.address)?;
        Ok(self.change(|settings| settings.cookies = cookies))
    }

    /// Where the provider sends browsers back to, as a path of this site. With the public
    /// address before it, it is registered at the provider.
    ///
    /// # Errors
    ///
    /// When it is no path.
    pub fn callback_path(self, path: &str) -> Result<Self, SiteError> {
        let path = checked_path(path)?;
        Ok(self.change(|settings| settings.callback = path))
    }

    /// Where people log out, as a path of this site: a `POST` of a page of this site logs out,
    /// and a `GET` shows a form that does.
    ///
    /// # Errors
    ///
    /// When it is no path.
    pub fn log_out_path(self, path: &str) -> Result<Self, SiteError> {
        let path = checked_path(path)?;
        Ok(self.change(|settings| settings.log_out = path))
    }

    /// Who logs out here logs out at the provider too (OpenID Connect RP-Initiated Logout
    /// 1.0): the browser is sent there, and comes back to the logout path, which has to be
    /// registered at the provider with the public address before it.
    #[must_use]
    pub fn log_out_at_provider(self) -> Self {
        self.change(|settings| settings.log_out_at = LogOutAt::ProviderToo)
    }

    /// Shows the application's own pages. Begin with [`Page::response_with`].
    #[must_use]
    pub fn pages(self, pages: impl Fn(&Page) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.pages = Arc::new(pages))
    }

    /// Who logs people in here.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.settings.provider
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

fn cookie_names(name: &str, address: &PublicAddress) -> Result<CookieNames, SiteError> {
    let names = CookieNames::new(name, address.is_https());
    names.ok_or_else(|| SiteError::CookieName(super::log::excerpt(name)))
}

fn checked_path(path: &str) -> Result<String, SiteError> {
    let is_path = is_page_of_this_site(path) && !path.contains(['?', '#']);
    match is_path {
        true => Ok(path.to_owned()),
        false => Err(SiteError::Path(super::log::excerpt(path))),
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("address", &self.settings.address.url(""))
            .field("provider", &self.settings.provider)
            .finish_non_exhaustive()
    }
}
