//! Origins: scheme, host and port (RFC 6454), the unit in which tokens are trusted to travel.

use std::{error::Error, fmt, net::IpAddr, str::FromStr};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use crate::excerpt::excerpt;

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
#[derive(Clone)]
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
    /// When the URI is relative, its scheme is neither `https` nor `http`, it has no
    /// host, or its port is no port.
    pub fn of(uri: &Uri) -> Result<Self, OriginError> {
        let refused = |why| OriginError::of(uri, why);
        let parts = uri.scheme().zip(uri.authority());
        let (scheme, authority) = parts.ok_or_else(|| refused("it has no scheme or no host"))?;
        let default = default_port(scheme)
            .ok_or_else(|| refused("only `https` and `http` are known here"))?;
        if authority.host().is_empty() {
            return Err(refused("its host is empty"));
        }
        let port = port(authority, default)
            .ok_or_else(|| refused("its port is not a number up to 65535"))?;
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
            && (authority.as_str() == self.authority.as_str()
                || default_port(scheme).and_then(|default| port(authority, default))
                    == Some(self.port)
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

    /// The same, and what some systems take for this machine.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn may_be_loopback(&self) -> bool {
        let host = self.host().trim_end_matches('.').to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_this_machine = |address: IpAddr| {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        };
        host == "localhost"
            || host.ends_with(".localhost") // RFC 6761 §6.3
            || address.parse().is_ok_and(is_this_machine)
    }

    fn host(&self) -> &str {
        self.authority.host()
    }
}

fn default_port(scheme: &Scheme) -> Option<u16> {
    match scheme.as_str() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// `Authority::port` doesn't tell a port that is none, such as 99999, from one that is
/// absent.
fn port(authority: &Authority, default: u16) -> Option<u16> {
    let host_and_port = authority.as_str().rsplit('@').next()?;
    match host_and_port.strip_prefix(authority.host())? {
        // RFC 3986 §3.2.3: an empty port is the default one.
        "" | ":" => Some(default),
        port => {
            let digits = port.strip_prefix(':')?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number)
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads `scheme://host[:port]`. A path, a query or user information is refused:
    /// it would look like a limit and be none.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('@') {
            return Err(OriginError::new(text, "it holds user information"));
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| OriginError::new(text, "it is not a URI"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
            return Err(OriginError::new(
                text,
                "an origin ends after host and port: tokens can't be limited to a path",
            ));
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

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// A text that does not name an origin. It shows no user information, path or query of
/// it: secrets stand there.
#[derive(Clone)]
pub struct OriginError {
    shown: String,
    why: &'static str,
}

impl OriginError {
    pub(crate) fn new(text: &str, why: &'static str) -> Self {
        let shown = shown(text);
        Self { shown, why }
    }

    fn of(uri: &Uri, why: &'static str) -> Self {
        let shown = match (uri.scheme_str(), uri.host(), uri.port_u16()) {
            (Some(scheme), Some(host), Some(port)) => format!("{scheme}://{host}:{port}"),
            // A port that is none may be a password: `https://user:pass/word@host`.
            (Some(scheme), Some(host), None) => format!("{scheme}://{host}"),
            _ => return Self::new(&uri.to_string(), why),
        };
        let shown = excerpt(&shown);
        Self { shown, why }
    }
}

/// What comes before the path, if no user information can be in it.
fn shown(text: &str) -> String {
    const CUT: char = '…';
    if text.contains('@') {
        return CUT.to_string();
    }
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))
        .unwrap_or_default();
    let place = text.get(scheme.len()..).unwrap_or_default();
    let end = place.find(['/', '?', '#', '\\']).unwrap_or(place.len());
    let mut shown = excerpt(text.get(..scheme.len() + end).unwrap_or_default());
    if end < place.len() {
        shown.push(CUT);
    }
    shown
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OriginError")
            .field(&self.to_string())
            .finish()
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an origin: {}; write it as `https://api.example` or `http://127.0.0.1:8080`",
            self.shown, self.why
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
            ("https://api.example:/", true),
            ("https://api.example:99999/", false),
            ("https://api.example:65979/", false),
            ("https://api.example:18446744073709552059/", false),
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
    fn what_may_be_this_machine_is_more() {
        let cases = [
            ("http://localhost", true),
            ("http://LocalHost.", true),
            ("http://id.localhost", true),
            ("http://127.0.0.1", true),
            ("http://0.0.0.0", true),
            ("http://[::]", true),
            ("http://[::1]", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost.evil.example", false),
            ("http://10.0.0.1", false),
        ];
        for (text, expected) in cases {
            let origin = text.parse::<Origin>().unwrap();
            assert_eq!(origin.may_be_loopback(), expected, "{text}");
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
            "https://api.example:99999",
            "http://api.example:+80",
            "https://[::1]:70000",
        ] {
            let error = text.parse::<Origin>().expect_err(text);
            assert!(error.to_string().contains("write it as"), "{error}");
            assert!(format!("{error:?}").contains("write it as"), "{error:?}");
        }
    }

    #[test]
    fn no_message_shows_user_information_path_or_query() {
        let texts = [
            "https://user:hunter2@api.example",
            "https://user:hunter2@api.example/v1",
            "https://user:hunter2/@api.example",
            "ftp://user:hunter2@api.example/",
            "user:hunter2@api.example",
            "wss://api.example/ws?access_token=hunter2",
            "wss://api.example?access_token=hunter2",
            "https://api.example?access_token=hunter2",
            "https://api.example/hooks/hunter2",
            "https://api.example#hunter2",
            "https://api.example /hunter2",
            "/orders?access_token=hunter2",
        ];
        for text in texts {
            let error = text.parse::<Origin>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            let origin = text.parse::<Uri>().map(|uri| Origin::of(&uri));
            let shown = format!("{origin:?}");
            let is_uri = origin.is_ok(); // what is none is not shown by us
            assert!(!is_uri || !shown.contains("hunter2"), "{shown}");
        }
        let error = "https://api.example/v1".parse::<Origin>().unwrap_err();
        assert!(
            error.to_string().starts_with("`https://api.example…`"),
            "{error}"
        );
    }

    #[test]
    fn an_error_names_the_place_that_was_refused() {
        let uri: Uri = "wss://user:hunter2@api.example:1/ws".parse().unwrap();
        let error = Origin::of(&uri).unwrap_err().to_string();
        assert!(error.starts_with("`wss://api.example:1` is not"), "{error}");
    }
}
