//! Whom we trust, and who we are.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_platform_verifier::Verifier;

use super::{HttpsError, HttpsErrorKind};

/// The authorities that may vouch for a server.
#[derive(Clone, Default)]
pub(super) struct Roots {
    given: Vec<CertificateDer<'static>>,
    only_given: bool,
}

impl Roots {
    pub(super) fn add(&mut self, pem: &[u8]) -> Result<(), HttpsError> {
        let kind = HttpsErrorKind::RootCertificates;
        let certificates = certificates(pem, kind)?;
        // Looked at now, so that the error comes where the mistake is.
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            let added = store.add(certificate.clone());
            added.map_err(|error| HttpsError::new(kind).because(error))?;
        }
        self.given.extend(certificates);
        Ok(())
    }

    pub(super) fn leave_out_the_systems(&mut self) {
        self.only_given = true;
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, HttpsError> {
        let no_roots = HttpsError::new(HttpsErrorKind::NoRoots);
        let given = self.given.iter().cloned();
        if !self.only_given {
            let verifier = Verifier::new_with_extra_roots(given, provider);
            return Ok(Arc::new(verifier.map_err(|error| no_roots.because(error))?));
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(given);
        let builder = WebPkiServerVerifier::builder_with_provider(store.into(), provider);
        builder
            .build()
            .map_err(|error| no_roots.because(error))
            .map(|verifier| verifier as _)
    }
}

/// A certificate of our own and its key.
#[derive(Clone)]
pub(super) struct Identity(Arc<CertifiedKey>);

impl Identity {
    pub(super) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, HttpsError> {
        let kind = HttpsErrorKind::ClientCertificate;
        let chain = certificates(chain, kind)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => HttpsError::new(kind).because(
                "there is no private key: one begins with `-----BEGIN PRIVATE KEY-----`, or names its kind there, and is not encrypted",
            ),
            broken => HttpsError::new(kind).because(broken),
        })?;
        let certified = CertifiedKey::from_der(chain, key, &provider());
        let certified = certified.map_err(|error| HttpsError::new(kind).because(error))?;
        Ok(Self(Arc::new(certified)))
    }
}

fn certificates(
    pem: &[u8],
    kind: HttpsErrorKind,
) -> Result<Vec<CertificateDer<'static>>, HttpsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(HttpsError::new(kind)
            .because("there is no certificate: one begins with `-----BEGIN CERTIFICATE-----`")),
        Ok(certificates) => Ok(certificates),
        Err(broken) => Err(HttpsError::new(kind).because(broken)),
    }
}

/// Named wherever rustls wants one: it panics where it has to guess between two.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

pub(super) fn config(
    roots: &Roots,
    identity: Option<Identity>,
) -> Result<ClientConfig, HttpsError> {
    let provider = provider();
    let verifier = roots.verifier(provider.clone())?;
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| HttpsError::new(HttpsErrorKind::Tls).because(error))?;
    // Dangerous is what rustls calls any verifier that it is handed; this is the platform's.
    let builder = versions
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match identity {
        None => builder.with_no_client_auth(),
        Some(Identity(key)) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    })
}
