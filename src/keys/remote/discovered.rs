//! A JWKS that an issuer's metadata names.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode, Uri};

use super::{
    FetchError, FetchErrorKind,
    jwks::Http,
    origin::{Origin, Read, Validators},
};
use crate::{
    BoxFuture,
    address::without_query,
    jwt::Algorithm,
    keys::{ServerMetadata, discovery::Issuer},
};

pub(super) struct Discovered {
    http: Http,
    issuer: Issuer,
    found: Mutex<Found>,
}

/// What the metadata said last. To lose it costs a request and nothing else.
#[derive(Default)]
struct Found {
    metadata: Option<Arc<ServerMetadata>>,
    jwks_uri: Option<Uri>,
    read_at: Duration,
    /// Which of the addresses of the metadata was the right one.
    address: usize,
}

impl Discovered {
    pub(super) fn new(http: Http, issuer: Issuer) -> Self {
        Self {
            http,
            issuer,
            found: Mutex::default(),
        }
    }

    async fn jwks_uri(&self) -> Result<Uri, FetchError> {
        let now = self.http.clock.monotonic();
        let (known, first) = {
            let found = self.found();
            let is_new = now < found.read_at.saturating_add(self.http.timing.metadata);
            (found.jwks_uri.clone().filter(|_| is_new), found.address)
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let (address, metadata, jwks_uri) = self.discover(first).await?;
        *self.found() = Found {
            metadata: Some(Arc::new(metadata)),
            jwks_uri: Some(jwks_uri.clone()),
            read_at: now,
            address,
        };
        Ok(jwks_uri)
    }

    /// Asks each address until one has the issuer's metadata, beginning with the one that
    /// had it last. One that fails, as opposed to not having it, ends the search.
    async fn discover(&self, first: usize) -> Result<(usize, ServerMetadata, Uri), FetchError> {
        let addresses = self.issuer.metadata.iter().enumerate();
        let (before, after): (Vec<_>, Vec<_>) = addresses.partition(|(index, _)| *index < first);
        let mut tried = Vec::new();
        for (index, address) in after.into_iter().chain(before) {
            match self.read_metadata(address).await {
                Ok((metadata, jwks_uri)) => return Ok((index, metadata, jwks_uri)),
                Err(error) if is_elsewhere(&error) => tried.push(error),
                Err(error) => return Err(error),
            }
        }
        Err(nowhere(&tried, &self.issuer.name))
    }

    async fn read_metadata(&self, address: &Uri) -> Result<(ServerMetadata, Uri), FetchError> {
        let response = self
            .http
            .get(address, "application/json", HeaderMap::new())
            .await?;
        if response.status() != StatusCode::OK {
            return Err(self.http.status(&response, address));
        }
        let read = self.issuer.read(response.body());
        read.map_err(|kind| FetchError::new(kind, without_query(address)))
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the metadata may well be at the next address: this one has none, or not the
/// issuer's.
fn is_elsewhere(error: &FetchError) -> bool {
    match error.kind() {
        FetchErrorKind::Metadata(_) => true,
        FetchErrorKind::Status(status) => {
            status.is_client_error() && *status != StatusCode::TOO_MANY_REQUESTS
        }
        _ => false,
    }
}

/// All that was tried, in one error: of the kind that tells most.
fn nowhere(tried: &[FetchError], issuer: &str) -> FetchError {
    let is_metadata = |error: &&FetchError| matches!(error.kind(), FetchErrorKind::Metadata(_));
    let Some(telling) = tried.iter().find(is_metadata).or(tried.last()) else {
        return FetchError::new(FetchErrorKind::Metadata("none".to_owned()), issuer);
    };
    let places: Vec<_> = tried.iter().map(FetchError::place).collect();
    match telling.kind() {
        FetchErrorKind::Status(_) => {
            FetchError::new(telling.kind().clone(), places.join("` and `"))
        }
        _ => telling.clone(),
    }
}

impl Origin for Discovered {
    fn read(&self, before: Validators) -> BoxFuture<'_, Result<Read, FetchError>> {
        Box::pin(async move {
            let jwks_uri = self.jwks_uri().await?;
            let read = self.http.jwks(&jwks_uri, before).await;
            if read.is_err() {
                // The keys may have moved.
                self.found().jwks_uri = None;
            }
            read
        })
    }

    fn name(&self) -> &str {
        &self.issuer.name
    }

    fn may_hold(&self, algorithm: Algorithm) -> bool {
        !algorithm.is_symmetric()
    }

    fn metadata(&self) -> Option<Arc<ServerMetadata>> {
        self.found().metadata.clone()
    }
}
