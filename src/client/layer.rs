//! The layer: what is configured.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    Auth, PresetCredentials, ResponseHead, TokenSource, origins::Origins, replay::WholeBodies,
};
use crate::{
    origin::{Origin, OriginError},
    token::TokenHeader,
};

/// Adds access tokens to requests, and renews them when the server refuses them.
///
/// A token travels only to the origins that were named; without any, every request
/// fails with an error that names the fix.
///
/// # Defaults
///
/// | matter | default |
/// | --- | --- |
/// | origins | none |
/// | plain `http` | loopback only |
/// | relative URIs | refused |
/// | how the token travels | `Authorization: Bearer …` |
/// | the same header, set by the caller | [`PresetCredentials::Keep`] |
/// | what counts as a refusal | [`ResponseHead::refuses_token`] |
/// | refused requests | sent once more, if the body allows: [`WholeBodies`] |
///
/// # Examples
///
/// ```
/// use tower_bearer::{AccessToken, AuthLayer};
///
/// let layer = AuthLayer::new(AccessToken::new("mF_9.B5f-4.1JqM")?)
///     .origin("https://api.example")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A server with habits of its own:
///
/// ```
/// use tower_bearer::{AccessToken, AuthLayer, client::replay::BufferedBodies, token::Scheme};
///
/// let layer = AuthLayer::new(AccessToken::new("mF_9.B5f-4.1JqM")?)
///     .origin("http://127.0.0.1:40000")?
///     .token_in(Scheme::bare())
///     .refused_when(|response| response.refuses_token() || response.status() == 419)
///     .replay(BufferedBodies::up_to(16 * 1024));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What counts as a refusal
///
/// A 401, by default ([`ResponseHead::refuses_token`]). Servers with other habits take one
/// line of [`refused_when`](Self::refused_when):
///
/// ```
/// # use tower_bearer::{AccessToken, AuthLayer};
/// # let layer = || AuthLayer::new(AccessToken::new("mF_9.B5f-4.1JqM").unwrap());
/// // another status
/// layer().refused_when(|response| response.refuses_token() || response.status() == 419);
/// // a redirect to the login page
/// layer().refused_when(|response| response.refuses_token() || response.redirects_to("/login"));
/// // the login page itself, where JSON was asked for and a client below follows redirects
/// layer().refused_when(|response| response.refuses_token() || response.has_media_type("text/html"));
/// ```
///
/// A refusal that only the body tells needs a layer inside this one:
/// [`EnvelopeLayer`](crate::client::envelope::EnvelopeLayer) for JSON under status 200, or one
/// of your own that marks the response with [`RefusedInBody`](crate::client::RefusedInBody).
///
/// However it was told: the token is renewed and the request sent once more, and the second
/// response goes to the caller.
pub struct AuthLayer<P = WholeBodies> {
    pub(super) settings: Arc<Settings<P>>,
}

pub(super) struct Settings<P> {
    pub(super) source: Arc<dyn TokenSource>,
    pub(super) origins: Origins,
    pub(super) preset: PresetCredentials,
    pub(super) header: TokenHeader,
    pub(super) refuses: Option<RefusalTest>,
    pub(super) replay: P,
}

pub(super) type RefusalTest = Arc<dyn Fn(&ResponseHead<'_>) -> bool + Send + Sync>;

impl AuthLayer {
    /// A layer that adds the tokens of `source` to requests. It does so to no request
    /// until an [`origin`](Self::origin) is named.
    pub fn new(source: impl TokenSource) -> Self {
        Self {
            settings: Arc::new(Settings {
                source: Arc::new(source),
                origins: Origins::default(),
                preset: PresetCredentials::default(),
                header: TokenHeader::default(),
                refuses: None,
                replay: WholeBodies,
            }),
        }
    }
}

impl<P: Clone> AuthLayer<P> {
    /// Names an origin that may see the tokens. May be called for several.
    ///
    /// # Errors
    ///
    /// When the text is not `scheme://host[:port]`.
    pub fn origin(self, origin: &str) -> Result<Self, OriginError> {
        let origin: Origin = origin.parse()?;
        Ok(self.with(|settings| settings.origins.name(origin)))
    }

    /// Says where requests with a relative URI go, and names that origin: for clients
    /// that add the host below this layer.
    ///
    /// # Errors
    ///
    /// When the text is not `scheme://host[:port]`.
    pub fn relative_to(self, origin: &str) -> Result<Self, OriginError> {
        let origin: Origin = origin.parse()?;
        Ok(self.with(|settings| settings.origins.relative_to(origin)))
    }

    /// Sends tokens to whatever host a request names. Only for clients whose URIs no
    /// stranger can influence: a redirect or a link in an answer can.
    #[must_use]
    pub fn dangerous_any_origin(self) -> Self {
        self.with(|settings| settings.origins.allow_any())
    }

    /// Sends tokens over plain `http` to other machines too: for a mesh that encrypts
    /// below.
    #[must_use]
    pub fn dangerous_plain_http(self) -> Self {
        self.with(|settings| settings.origins.allow_plain_http())
    }

    /// What to do with requests that come with a header of their own where the token goes.
    #[must_use]
    pub fn preset_credentials(self, preset: PresetCredentials) -> Self {
        self.with(|settings| settings.preset = preset)
    }

    /// Sends the token in another header, or behind another word: a [`Scheme`] is that
    /// word in `Authorization`.
    ///
    /// [`Scheme`]: crate::token::Scheme
    #[must_use]
    pub fn token_in(self, header: impl Into<TokenHeader>) -> Self {
        let header = header.into();
        self.with(|settings| settings.header = header)
    }

    /// Decides by the head of a response whether it refuses the token that was sent.
    /// The default test can be called from yours: [`ResponseHead::refuses_token`].
    #[must_use]
    pub fn refused_when(
        self,
        test: impl Fn(&ResponseHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|settings| settings.refuses = Some(Arc::new(test)))
    }

    /// Decides which bodies can be sent a second time: see [`replay`](crate::client::replay).
    #[must_use]
    pub fn replay<Q>(self, policy: Q) -> AuthLayer<Q> {
        let settings = Arc::unwrap_or_clone(self.settings);
        AuthLayer {
            settings: Arc::new(Settings {
                source: settings.source,
                origins: settings.origins,
                preset: settings.preset,
                header: settings.header,
                refuses: settings.refuses,
                replay: policy,
            }),
        }
    }

    fn with(self, set: impl FnOnce(&mut Settings<P>)) -> Self {
        let mut settings = Arc::unwrap_or_clone(self.settings);
        set(&mut settings);
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl<P: Clone> Clone for Settings<P> {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            origins: self.origins.clone(),
            preset: self.preset,
            header: self.header.clone(),
            refuses: self.refuses.clone(),
            replay: self.replay.clone(),
        }
    }
}

impl<S, P> Layer<S> for AuthLayer<P> {
    type Service = Auth<S, P>;

    fn layer(&self, inner: S) -> Auth<S, P> {
        Auth::new(inner, self.settings.clone())
    }
}

impl<P> Clone for AuthLayer<P> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
        }
    }
}

impl<P> fmt::Debug for AuthLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("origins", &self.settings.origins)
            .finish_non_exhaustive()
    }
}
