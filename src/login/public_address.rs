//! Where browsers see this site: configuration, since behind a proxy nobody else knows.

use http::Uri;

use super::SiteError;
use crate::Origin;

/// The public address: an origin, and the path before ours where a proxy takes one off.
#[derive(Clone, Debug)]
pub(super) struct PublicAddress {
    origin: Origin,
    /// Scheme and authority, as they were written.
    base: String,
    /// `/app`, or nothing.
    prefix: String,
}

impl PublicAddress {
    pub(super) fn parse(address: &str) -> Result<Self, SiteError> {
        let refused = |why| SiteError::PublicAddress { why };
        let uri: Uri = address.parse().map_err(|_| refused("it is not a URI"))?;
        let origin = Origin::of(&uri).map_err(|_| refused("it has no host, or another scheme"))?;
        if address.contains(['@', '#']) || uri.query().is_some() {
            return Err(refused("it ends after host, port and path"));
        }
        if !origin.is_https() && !origin.is_loopback() {
            return Err(refused(
                "over plain http anybody on the way can read the cookies; only loopback is spared",
            ));
        }
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let base = format!(
            "{}://{}",
            scheme.unwrap_or_default(),
            authority.map_or("", |authority| authority.as_str()),
        );
        let prefix = uri.path().trim_end_matches('/').to_owned();
        if !prefix.is_empty() && !super::request::is_page_of_this_site(&prefix) {
            return Err(refused("its path is none"));
        }
        Ok(Self {
            origin,
            base,
            prefix,
        })
    }

    /// The address of a path as this site sees it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.base, self.prefix)
    }

    /// What stands before the paths that this site sees.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn is_https(&self) -> bool {
        self.origin.is_https()
    }

    /// Whether an `Origin` header names this site.
    pub(super) fn is_origin(&self, header: &str) -> bool {
        header
            .parse()
            .is_ok_and(|origin: Origin| origin == self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_are_public_addresses_and_nothing_else() {
        let rows = [
            ("https://orders.example", Some("https://orders.example/x")),
            ("https://orders.example/", Some("https://orders.example/x")),
            (
                "https://orders.example:8443/a/b/",
                Some("https://orders.example:8443/a/b/x"),
            ),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/x")),
            ("http://localhost:8080", Some("http://localhost:8080/x")),
            ("http://orders.example", None),
            ("http://192.168.1.2:8080", None),
            ("orders.example", None),
            ("/orders", None),
            ("", None),
            ("https://user@orders.example", None),
            ("https://orders.example?a", None),
            ("https://orders.example#a", None),
            ("https://orders.example//evil.example", None),
            ("wss://orders.example", None),
        ];
        for (address, expected) in rows {
            let found = PublicAddress::parse(address).map(|address| address.url("/x"));
            assert_eq!(found.ok().as_deref(), expected, "{address}");
        }
    }
}
