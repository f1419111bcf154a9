//! Keys in files: told apart by what is in them, and read once.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use super::key_set::{key_in_der, keys_in_pem};
use crate::jwt::{
    jwk,
    key::{Key, KeySet},
    key_error::{KeyError, KeyErrorKind},
    key_material::Wiped,
};

/// A larger file is no file of keys.
const MAX_FILE_SIZE: u64 = 1024 * 1024;

impl KeySet {
    /// The keys of a file: a JWKS, a JWK, PEM or DER, told apart by what is in it. It is
    /// read now and not again; this blocks, as reading a file does. `RemoteKeySet::file`
    /// reads it again when it changes.
    ///
    /// Which algorithm a key is for is decided as [`from_jwk`](Self::from_jwk) decides it,
    /// whatever the key is written in. A key in PEM or DER has no `kid`:
    /// [`with_key_id`](Self::with_key_id) gives it one.
    ///
    /// ```no_run
    /// use tower_bearer::{Algorithm, KeySet};
    ///
    /// let keys = KeySet::from_file("/etc/orders/issuer.pem")?.with_rsa_algorithm(Algorithm::PS256)?;
    /// # Ok::<(), tower_bearer::keys::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it can't be read, has more than 1 MiB, or holds no key that can be used.
    /// `source()` tells which.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        keys_in_file(path.as_ref()).map(Self::new)
    }

    /// The keys of each file of a directory, as [`from_file`](Self::from_file) reads them.
    ///
    /// A key without a `kid` gets its file's name up to the last dot as its `kid`:
    /// `2026-01.pem` holds the key `2026-01`, and of several keys it verifies only the tokens
    /// that name it. Where tokens have no `kid`, make a [`union`](Self::union) of files
    /// instead. What is no regular file and names that begin with a
    /// dot (Kubernetes has `..data`) are passed over.
    ///
    /// # Errors
    ///
    /// When one of the files can't be used, since a key that is silently absent is found
    /// out by whom it locks out; when there is none; when there are more than 100 keys.
    pub fn from_directory(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let mut keys = Vec::new();
        for entry in entries(path).map_err(|error| unreadable(path, &error))? {
            let stem = entry.file_stem().and_then(|stem| stem.to_str());
            let found = keys_in_file(&entry)?.into_iter();
            keys.extend(found.map(|key| match key.key_id() {
                Some(_) => key,
                None => key.with_key_id(stem),
            }));
        }
        match keys.len() {
            0 => Err(in_file(path, KeyErrorKind::NoUsableKey(Vec::new()).into())),
            1..=jwk::MAX_KEYS => Ok(Self::new(keys)),
            many => Err(in_file(path, KeyErrorKind::TooManyKeys(many).into())),
        }
    }
}

/// The files of a directory, links followed.
fn entries(path: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && fs::metadata(entry.path())?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn keys_in_file(path: &Path) -> Result<Vec<Key>, KeyError> {
    let content = read(path).map_err(|error| unreadable(path, &error))?;
    keys(&content).map_err(|error| in_file(path, error))
}

fn keys(content: &[u8]) -> Result<Vec<Key>, KeyError> {
    match content.trim_ascii_start() {
        [] => Err(KeyErrorKind::Encoding("the file is empty").into()),
        json @ [b'{', ..] if is_set(json) => jwk::keys(json),
        json @ [b'{', ..] => Ok(vec![jwk::key(json)?]),
        // Text before the first section is common in PEM, and DER begins with a SEQUENCE.
        [0x30, ..] if !is_pem(content) => Ok(vec![key_in_der(None, content)?]),
        _ if is_pem(content) => keys_in_pem(None, content),
        _ => Err(KeyErrorKind::Encoding("it is none of PEM, DER, JWK and JWKS").into()),
    }
}

fn is_set(json: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Set {
        #[serde(rename = "keys")]
        _keys: serde::de::IgnoredAny,
    }
    serde_json::from_slice::<Set>(json).is_ok()
}

fn is_pem(content: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    content.windows(BEGIN.len()).any(|window| window == BEGIN)
}

fn read(path: &Path) -> io::Result<Wiped> {
    let file = fs::File::open(path)?;
    // With room for all, so that no copy is left behind by growing.
    let size = file.metadata()?.len().min(MAX_FILE_SIZE) + 1;
    let size = usize::try_from(size).unwrap_or_default();
    let mut content = Zeroizing::new(Vec::with_capacity(size));
    file.take(MAX_FILE_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE_SIZE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

fn unreadable(path: &Path, error: &io::Error) -> KeyError {
    in_file(path, KeyErrorKind::Unreadable(error.kind()).into())
}

fn in_file(path: &Path, error: KeyError) -> KeyError {
    let (path, error) = (path.into(), Box::new(error));
    KeyErrorKind::File { path, error }.into()
}
