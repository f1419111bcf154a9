//! Addresses of servers, as a configuration or a document gives them.

use http::Uri;

use crate::origin::Origin;

/// An absolute `http` or `https` address without fragment and user information, or what is
/// wrong with it. It is not shown then, since it may hold a password.
pub(crate) fn absolute(address: &str) -> Result<(Uri, Origin), &'static str> {
    if address.contains('#') {
        return Err("it holds a fragment");
    }
    let uri: Uri = address.parse().map_err(|_| "it is not a URI")?;
    let authority = uri.authority().map(|authority| authority.as_str());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("it holds user information");
    }
    let no_server = "it has no host, or is neither https nor http";
    let origin = Origin::of(&uri).map_err(|_| no_server)?;
    Ok((uri, origin))
}

/// An address without its query: some hold a key there.
pub(crate) fn without_query(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}{}", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        let rows = [
            ("https://id.example/jwks?v=1", true),
            ("http://127.0.0.1:9000/", true),
            ("ftp://id.example/jwks", false),
            ("/jwks", false),
            ("id.example/jwks", false),
            ("https://user:hunter2@id.example/jwks", false),
            ("https://id.example/jwks#top", false),
            ("https://id.example:99999/", false),
            ("", false),
        ];
        for (address, expected) in rows {
            assert_eq!(absolute(address).is_ok(), expected, "{address}");
        }
    }

    #[test]
    fn a_log_shows_no_query() {
        let (uri, _) = absolute("https://id.example:8443/jwks?key=hunter2").unwrap();
        assert_eq!(without_query(&uri), "https://id.example:8443/jwks");
    }
}
