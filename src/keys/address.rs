//! Which addresses may be asked for keys: `https`, and plain `http` to this machine only.

use std::{error::Error, fmt};

use http::Uri;

use crate::{address::absolute, origin::Origin};

/// An address that is not asked for keys, because anybody on the way, or on this machine,
/// could answer with his own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// No address of a server. It is not shown, since it may hold a password.
    Malformed {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Plain `http` to another machine.
    PlainHttp(Origin),
    /// This machine, named by an issuer that is elsewhere.
    Loopback(Origin),
}

/// What an address may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// `https` to other machines.
    Elsewhere,
    /// The same, and this machine, by plain `http` too.
    Loopback,
    /// Whatever encrypts below: plain `http` to any machine but this one.
    PlainHttp,
    /// All of these.
    Anything,
}

impl Allowed {
    /// What a document may name that an issuer at `origin` published.
    pub(super) fn to(self, origin: &Origin) -> Self {
        match (self, origin.is_loopback()) {
            (Self::PlainHttp | Self::Anything, true) => Self::Anything,
            (Self::PlainHttp | Self::Anything, false) => Self::PlainHttp,
            (_, true) => Self::Loopback,
            (_, false) => Self::Elsewhere,
        }
    }

    fn loopback(self) -> bool {
        matches!(self, Self::Loopback | Self::Anything)
    }

    fn plain_http(self) -> bool {
        matches!(self, Self::PlainHttp | Self::Anything)
    }
}

/// An absolute address that `allowed` allows.
pub(super) fn parse(address: &str, allowed: Allowed) -> Result<Uri, AddressError> {
    let (uri, origin) = absolute(address).map_err(|why| AddressError::Malformed { why })?;
    if origin.may_be_loopback() && !allowed.loopback() {
        return Err(AddressError::Loopback(origin));
    }
    if !origin.is_loopback() && !origin.is_https() && !allowed.plain_http() {
        return Err(AddressError::PlainHttp(origin));
    }
    Ok(uri)
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { why } => write!(
                f,
                "not an address that keys can be read from: {why}; write it as `https://id.example/jwks`"
            ),
            Self::PlainHttp(origin) => write!(
                f,
                "keys are not read over plain http from `{origin}`: anybody on the way could put in his own; use https, a loopback address, or one of the constructors that begin with `dangerous_`"
            ),
            Self::Loopback(origin) => write!(
                f,
                "`{origin}` is this machine, and the issuer is elsewhere; only an issuer that is on this machine may name it"
            ),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressError({self})")
    }
}

impl Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_this_machine_are_asked_and_nothing_else() {
        use Allowed::{Anything, Elsewhere, Loopback, PlainHttp};
        // may it be asked if allowed is: elsewhere, loopback, plain http, anything
        let rows = [
            ("https://id.example/jwks", [true, true, true, true]),
            ("https://id.example:8443/jwks?v=1", [true, true, true, true]),
            ("http://id.example/jwks", [false, false, true, true]),
            ("http://127.0.0.1:9000/jwks", [false, true, false, true]),
            ("https://127.0.0.1:9000/jwks", [false, true, false, true]),
            ("https://localhost/jwks", [false, true, false, true]),
            ("http://[::1]/jwks", [false, true, false, true]),
            (
                "http://localhost.id.example/jwks",
                [false, false, true, true],
            ),
            (
                "https://[::ffff:127.0.0.1]/jwks",
                [false, true, false, true],
            ),
            ("https://0.0.0.0/jwks", [false, true, false, true]),
            ("https://id.localhost/jwks", [false, true, false, true]),
            ("http://id.localhost/jwks", [false, false, false, true]),
            ("https://user:hunter2@id.example/jwks", [false; 4]),
        ];
        for (address, expected) in rows {
            let asked = [Elsewhere, Loopback, PlainHttp, Anything]
                .map(|allowed| parse(address, allowed).is_ok());
            assert_eq!(asked, expected, "{address}");
        }
    }

    #[test]
    fn only_an_issuer_on_this_machine_may_name_this_machine() {
        use Allowed::{Anything, Elsewhere, Loopback, PlainHttp};
        let public: Origin = "https://id.example".parse().unwrap();
        let local: Origin = "http://127.0.0.1:9000".parse().unwrap();
        let rows = [
            (Loopback, Elsewhere, Loopback),
            (Elsewhere, Elsewhere, Loopback),
            (PlainHttp, PlainHttp, Anything),
            (Anything, PlainHttp, Anything),
        ];
        for (allowed, by_public, by_local) in rows {
            assert_eq!(allowed.to(&public), by_public, "{allowed:?}");
            assert_eq!(allowed.to(&local), by_local, "{allowed:?}");
        }
    }

    #[test]
    fn no_message_shows_a_password_or_a_query() {
        for address in [
            "https://user:hunter2@id.example/jwks",
            "http://id.example/jwks?key=hunter2",
            "hunter2",
        ] {
            let error = parse(address, Allowed::Loopback).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
