//! The sections of a PEM file (RFC 7468). What each holds is told from its content.

use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use super::{
    key_error::{KeyError, KeyErrorKind},
    key_material::Wiped,
};

/// The DER of each key and certificate in it, in order; none is no error. A section of
/// another label (`EC PARAMETERS`) is passed over.
pub(crate) fn sections(pem: &[u8]) -> Result<Vec<Wiped>, KeyError> {
    const DAMAGED: KeyErrorKind = KeyErrorKind::Encoding("the PEM is damaged, or cut off");
    let text = std::str::from_utf8(pem).map_err(|_| DAMAGED)?;
    // `ENCRYPTED PRIVATE KEY` of PKCS#8, and `Proc-Type: 4,ENCRYPTED` of older files.
    if text.contains("ENCRYPTED") {
        return Err(KeyErrorKind::Encrypted.into());
    }
    // The form is told from the content, and the reader knows one label for public keys.
    let text = Zeroizing::new(text.replace("RSA PUBLIC KEY", "PUBLIC KEY"));
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let (_, der) = section.map_err(|_| DAMAGED)?;
        found.push(Zeroizing::new(der));
    }
    Ok(found)
}
