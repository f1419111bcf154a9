//! What a `RemoteKeySet` is built from.

use std::{fmt, path::PathBuf, sync::Arc};

use http::{Request, Response, Uri};
use http_body::Body;
use tokio::runtime::Handle;
use tower_service::Service;

use super::{
    RemoteKeySet, Timing,
    discovered::Discovered,
    files::{self, Files},
    jwks::{Http, Jwks},
    key_use::KeyUse,
    origin::Origin,
    shared::Shared,
};
use crate::{
    BoxError,
    address::without_query,
    clock::{Clock, SystemClock},
    jwt::{Algorithm, key::KeySet, key_error::KeyError, signature::Backend},
    keys::{
        AddressError,
        address::{self, Allowed},
        discovery::Issuer,
    },
    transport::Transport,
};

/// A [`RemoteKeySet`] that is still being described. [`over`](RemoteKeySetBuilder::over)
/// ends it with the way that requests travel, or [`watch`](RemoteKeySetBuilder::watch) where
/// the keys are in files.
///
/// # Defaults
///
/// | matter | default | step |
/// | --- | --- | --- |
/// | numbers | those of [`Timing`] | [`timing`](Self::timing) |
/// | RSA keys without `alg` | RS256 | [`rsa_algorithm`](Self::rsa_algorithm) |
/// | signatures | the default backend | [`backend`](Self::backend) |
/// | runtime | that of whoever wants keys first | [`runtime`](Self::runtime) |
/// | clock | the system's | [`clock`](Self::clock) |
#[must_use]
pub struct RemoteKeySetBuilder<P = OverNetwork> {
    place: P,
    settings: Settings,
}

/// Keys that are asked for over the network.
#[derive(Debug)]
pub struct OverNetwork(Place);

/// Keys that are read from files.
#[derive(Debug)]
pub struct InFiles {
    path: PathBuf,
    read: fn(&PathBuf) -> Result<KeySet, KeyError>,
}

#[derive(Debug)]
enum Place {
    Jwks(Uri),
    Issuer(Issuer),
}

struct Settings {
    timing: Timing,
    clock: Arc<dyn Clock>,
    runtime: Option<Handle>,
    key_use: KeyUse,
}

impl RemoteKeySet {
    /// The JWKS (RFC 7517 §5) at this address. Nothing is read until keys are wanted.
    ///
    /// # Errors
    ///
    /// When the address is no absolute URI, holds user information or a fragment, or is
    /// plain `http` to another machine: anybody on the way could put in keys of his own.
    #[allow(clippy::new_ret_no_self)] // the way over which it is read comes last
    pub fn new(jwks_uri: &str) -> Result<RemoteKeySetBuilder, AddressError> {
        RemoteKeySetBuilder::at(jwks_uri, Allowed::Loopback)
    }

    /// The JWKS that the issuer's metadata names (OpenID Connect Discovery 1.0, RFC 8414).
    /// Nothing is read until keys are wanted.
    ///
    /// The metadata is looked for below the issuer, as OpenID Connect has it, and then with
    /// the well-known part before the issuer's path, as RFC 8414 has it;
    /// [`metadata_at`](RemoteKeySetBuilder::metadata_at) says another address. A document
    /// whose `issuer` is not this one to the letter is discarded, and a `jwks_uri` is not
    /// followed to plain `http`, nor to this machine unless the issuer is on it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when the issuer has a query.
    pub fn discover(issuer: &str) -> Result<RemoteKeySetBuilder, AddressError> {
        RemoteKeySetBuilder::discover(issuer, Allowed::Loopback)
    }

    /// The keys of a file that others change, such as a mounted secret: a JWKS, a JWK, PEM
    /// or DER, as [`KeySet::from_file`] reads it. It may hold shared secrets.
    ///
    /// The numbers are those of [`Timing::of_files`]: while keys are wanted, the file is read
    /// every 8 s. A file that can't be read, or holds no usable key, leaves the last good
    /// keys as they are.
    ///
    /// ```
    /// use tower_bearer::RemoteKeySet;
    ///
    /// let keys = RemoteKeySet::file("/etc/orders/jwks.json").watch();
    /// # let _ = keys;
    /// ```
    pub fn file(path: impl Into<PathBuf>) -> RemoteKeySetBuilder<InFiles> {
        RemoteKeySetBuilder::in_files(path.into(), files::keys_of_file)
    }

    /// The keys of each file of a directory, as [`KeySet::from_directory`] reads them; for
    /// the rest as [`file`](Self::file).
    pub fn directory(path: impl Into<PathBuf>) -> RemoteKeySetBuilder<InFiles> {
        RemoteKeySetBuilder::in_files(path.into(), |path| KeySet::from_directory(path))
    }

    /// As [`discover`](Self::discover), but issuer, metadata and keys may be reached by
    /// plain `http`: for a mesh that encrypts below.
    ///
    /// # Errors
    ///
    /// As [`discover`](Self::discover), without plain `http`.
    pub fn dangerous_discover_plain_http(
        issuer: &str,
    ) -> Result<RemoteKeySetBuilder, AddressError> {
        RemoteKeySetBuilder::discover(issuer, Allowed::Anything)
    }

    /// As [`new`](Self::new), but plain `http` may go to any machine: for a mesh that
    /// encrypts below.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), without the last.
    pub fn dangerous_plain_http(jwks_uri: &str) -> Result<RemoteKeySetBuilder, AddressError> {
        RemoteKeySetBuilder::at(jwks_uri, Allowed::Anything)
    }
}

impl<P> RemoteKeySetBuilder<P> {
    fn of(place: P) -> Self {
        let settings = Settings::default();
        Self { place, settings }
    }

    /// The numbers.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.settings.timing = timing;
        self
    }

    /// What RSA keys are for that don't say it in `alg`. With an algorithm that is not of
    /// RSA, a set with such a key can't be used.
    pub fn rsa_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.settings.key_use.rsa_algorithm = Some(algorithm);
        self
    }

    /// What verifies signatures.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.settings.key_use.backend = Some(backend);
        self
    }

    /// The runtime in which keys are read, for callers who have none, and for those whose
    /// own runtime is not always driven: nothing is read while it stands still.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.settings.runtime = Some(runtime);
        self
    }

    /// The clock; the system's unless a test moves its own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Arc::new(clock);
        self
    }
}

impl RemoteKeySetBuilder {
    fn at(jwks_uri: &str, allowed: Allowed) -> Result<Self, AddressError> {
        let jwks_uri = address::parse(jwks_uri, allowed)?;
        Ok(Self::of(OverNetwork(Place::Jwks(jwks_uri))))
    }

    pub(in crate::keys) fn discover(issuer: &str, allowed: Allowed) -> Result<Self, AddressError> {
        let issuer = Issuer::new(issuer, allowed)?;
        Ok(Self::of(OverNetwork(Place::Issuer(issuer))))
    }

    /// Reads the issuer's metadata at this address and nowhere else, as where the issuer's
    /// name can't be reached from here.
    ///
    /// # Errors
    ///
    /// As [`RemoteKeySet::discover`]; and when it is a JWKS that was asked for.
    pub fn metadata_at(mut self, address: &str) -> Result<Self, AddressError> {
        let OverNetwork(place) = self.place;
        self.place = OverNetwork(match place {
            Place::Issuer(issuer) => Place::Issuer(issuer.metadata_at(address)?),
            Place::Jwks(_) => {
                let why = "a JWKS has no metadata: begin with `RemoteKeySet::discover`";
                return Err(AddressError::Malformed { why });
            }
        });
        Ok(self)
    }

    /// Sends the requests over any cloneable Tower HTTP service whose request body can be
    /// made from bytes. It must not follow redirects by itself.
    #[must_use]
    pub fn over<S, B, R>(self, transport: S) -> RemoteKeySet
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: From<bytes::Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        self.connect(Transport::new(transport))
    }

    pub(in crate::keys) fn connect(self, transport: Transport) -> RemoteKeySet {
        let http = Http {
            transport,
            clock: Arc::clone(&self.settings.clock),
            timing: self.settings.timing.clone(),
            key_use: self.settings.key_use,
        };
        let OverNetwork(place) = self.place;
        self.settings.begin(match place {
            Place::Jwks(uri) => Box::new(Jwks {
                name: without_query(&uri).into(),
                http,
                uri,
            }),
            Place::Issuer(issuer) => Box::new(Discovered::new(http, issuer)),
        })
    }
}

impl RemoteKeySetBuilder<InFiles> {
    fn in_files(path: PathBuf, read: fn(&PathBuf) -> Result<KeySet, KeyError>) -> Self {
        Self::of(InFiles { path, read }).timing(Timing::of_files())
    }

    /// The keys that the files hold at any time. Nothing is read until keys are wanted.
    #[must_use]
    pub fn watch(self) -> RemoteKeySet {
        let Self { place, settings } = self;
        let files = Files {
            name: place.path.display().to_string().into(),
            path: Arc::new(place.path),
            read: place.read,
            key_use: settings.key_use,
            lifetime: settings.timing.lifetime_unstated,
            deadline: settings.timing.deadline,
        };
        settings.begin(Box::new(files))
    }
}

impl Settings {
    fn begin(self, origin: Box<dyn Origin>) -> RemoteKeySet {
        let shared = Shared::new(origin, self.clock, self.timing, self.runtime);
        RemoteKeySet::of(shared)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            clock: SystemClock::shared(),
            runtime: None,
            key_use: KeyUse::default(),
        }
    }
}

impl<P> fmt::Debug for RemoteKeySetBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySetBuilder")
            .finish_non_exhaustive()
    }
}
