//! Origins: scheme, host and port (RFC 6454), the unit in which tokens are trusted to travel.

use std::{error::Error, fmt, net::IpAddr, str::FromStr};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

/// Scheme, host and port of a server.
///
/// Two origins are equal when all three are: hosts without regard to case, ports
/// with the scheme's default filled in.
///
/// # Example
///
/// ```
/// use tower_bearer::Origin;
///
/// let origin: Origin = "https://api.example".parse()?;
/// assert!(origin.contains(&"https://API.example:443/orders?page=2".parse()?));
/// assert!(!origin.contains(&"http://api.example/orders".parse()?));
/// assert!(!origin.contains(&"https://api.example.evil.example/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
    port: u16,
}

impl Origin {
    /// The origin that an absolute URI names.
    ///
    /// # Errors
    ///
    /// When the URI is relative, its scheme is neither `https` nor `http`, or it
    /// has no host.
    pub fn of(uri: &Uri) -> Result<Self, OriginError> {
        let parts = uri.scheme().zip(uri.authority());
        let (scheme, authority) =
            parts.ok_or_else(|| OriginError::new(uri, "it has no scheme or no host"))?;
        let port = port(scheme, authority)
            .ok_or_else(|| OriginError::new(uri, "only `https` and `http` are known here"))?;
        if authority.host().is_empty() {
            return Err(OriginError::new(uri, "its host is empty"));
        }
        Ok(Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            port,
        })
    }

    /// Whether `uri` is absolute and goes to this origin.
    #[must_use]
    pub fn contains(&self, uri: &Uri) -> bool {
        let Some((scheme, authority)) = uri.scheme().zip(uri.authority()) else {
            return false;
        };
        // Mostly both are written alike, which spares parsing them for each request.
        *scheme == self.scheme
            && (*authority == self.authority
                || port(scheme, authority) == Some(self.port)
                    && authority.host().eq_ignore_ascii_case(self.host()))
    }

    /// Whether requests go over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether the host can only be this machine: `localhost`, 127.0.0.0/8 or `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn host(&self) -> &str {
        self.authority.host()
    }
}

fn port(scheme: &Scheme, authority: &Authority) -> Option<u16> {
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    Some(authority.port_u16().unwrap_or(default))
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads `scheme://host[:port]`. A path, a query or user information is refused:
    /// it would look like a limit and be none.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text
            .parse()
            .map_err(|_| OriginError::new(text, "it is not a URI"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
            return Err(OriginError::new(
                text,
                "an origin ends after host and port: tokens can't be limited to a path",
            ));
        }
        if text.contains('@') {
            return Err(OriginError::new("(cut)", "it holds user information"));
        }
        Self::of(&uri)
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.host().eq_ignore_ascii_case(other.host())
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host(), self.port)
    }
}

/// A text that does not name an origin.
#[derive(Clone, Debug)]
pub struct OriginError {
    text: String,
    why: &'static str,
}

impl OriginError {
    pub(crate) fn new(text: impl ToString, why: &'static str) -> Self {
        Self {
            text: text.to_string(),
            why,
        }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an origin: {}; write it as `https://api.example` or `http://127.0.0.1:8080`",
            self.text, self.why
        )
    }
}

impl Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port_decide_and_nothing_else() {
        let origin: Origin = "https://api.example".parse().unwrap();
        let cases = [
            ("https://api.example/", true),
            ("https://api.example/a/b?c=d", true),
            ("https://api.example:443/", true),
            ("HTTPS://API.EXAMPLE/", true),
            ("http://api.example/", false),
            ("https://api.example:8443/", false),
            ("https://api.example./", false),
            ("https://api.example.evil.example/", false),
            ("https://evil.example/?https://api.example", false),
            ("https://api.example@evil.example/", false),
            ("https://user@api.example/", true),
            ("/orders", false),
            ("api.example", false),
        ];
        for (uri, expected) in cases {
            assert_eq!(origin.contains(&uri.parse().unwrap()), expected, "{uri}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let cases = [
            ("http://localhost:1", true),
            ("http://LOCALHOST", true),
            ("http://127.0.0.1", true),
            ("http://127.8.8.8:80", true),
            ("http://[::1]:80", true),
            ("http://128.0.0.1", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://[::2]", false),
            ("http://0.0.0.0", false),
        ];
        for (text, expected) in cases {
            assert_eq!(
                text.parse::<Origin>().unwrap().is_loopback(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused_with_the_fix() {
        for text in [
            "",
            "api.example",
            "/orders",
            "ftp://api.example",
            "https://api.example/orders",
            "https://api.example?x",
            "https://user:pw@api.example",
            "https://",
            "https://api example",
        ] {
            let error = text.parse::<Origin>().expect_err(text).to_string();
            assert!(error.contains("write it as"), "{error}");
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
