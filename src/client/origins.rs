//! Who may see a token: a pure decision about a URI.

use http::Uri;

use crate::{
    client::{Error, ErrorKind},
    origin::Origin,
};

/// The origins that a layer's tokens may travel to. None, until one is named.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    named: Vec<Origin>,
    relative_to: Option<Origin>,
    any: bool,
    plain_http: bool,
}

impl Origins {
    pub(super) fn name(&mut self, origin: Origin) {
        self.named.push(origin);
    }

    /// Says where relative URIs go, and names that origin.
    pub(super) fn relative_to(&mut self, origin: Origin) {
        self.relative_to = Some(origin.clone());
        self.name(origin);
    }

    pub(super) fn allow_any(&mut self) {
        self.any = true;
    }

    pub(super) fn allow_plain_http(&mut self) {
        self.plain_http = true;
    }

    /// Whether a token may go where `uri` goes.
    pub(super) fn check(&self, uri: &Uri) -> Result<(), Error> {
        // Without a scheme but with a host it is the authority form of CONNECT, not relative.
        if uri.authority().is_none() {
            return match &self.relative_to {
                Some(origin) => self.check_transport(origin),
                None => Err(Error::new(ErrorKind::RelativeUri, Some(uri.path()))),
            };
        }
        if let Some(origin) = self.named.iter().find(|origin| origin.contains(uri)) {
            return self.check_transport(origin);
        }
        match Origin::of(uri) {
            Ok(origin) if self.any => self.check_transport(&origin),
            Ok(origin) => Err(self.foreign(format!("`{origin}`"))),
            Err(error) => Err(self.foreign(error.to_string())),
        }
    }

    fn foreign(&self, origin: String) -> Error {
        let named: Vec<_> = self
            .named
            .iter()
            .map(|named| format!("`{named}`"))
            .collect();
        let subject = match named.is_empty() {
            true => origin,
            false => format!("{origin}, only to {}", named.join(", ")),
        };
        Error::new(ErrorKind::ForeignOrigin, Some(subject))
    }

    fn check_transport(&self, origin: &Origin) -> Result<(), Error> {
        if origin.is_https() || self.plain_http || origin.is_loopback() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::PlainHttp, Some(origin.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(set: impl FnOnce(&mut Origins)) -> Origins {
        let mut origins = Origins::default();
        set(&mut origins);
        origins
    }

    fn named(text: &str) -> impl FnOnce(&mut Origins) {
        let origin = text.parse().unwrap();
        move |origins| origins.name(origin)
    }

    fn none() -> Origins {
        origins(|_| {})
    }

    fn api() -> Origins {
        origins(named("https://api.example"))
    }

    fn relative() -> Origins {
        origins(|o| o.relative_to("https://grpc.example".parse().unwrap()))
    }

    fn any() -> Origins {
        origins(Origins::allow_any)
    }

    fn mesh() -> Origins {
        origins(named("http://mesh.example"))
    }

    fn plain_mesh() -> Origins {
        let mut origins = mesh();
        origins.allow_plain_http();
        origins
    }

    fn loopback() -> Origins {
        origins(named("http://127.0.0.1:80"))
    }

    type Row = (
        &'static str,
        fn() -> Origins,
        &'static str,
        Option<ErrorKind>,
    );

    const FOREIGN: Option<ErrorKind> = Some(ErrorKind::ForeignOrigin);
    const RELATIVE: Option<ErrorKind> = Some(ErrorKind::RelativeUri);
    const PLAIN: Option<ErrorKind> = Some(ErrorKind::PlainHttp);

    #[rustfmt::skip]
    const ROWS: &[Row] = &[
        ("nothing named", none, "https://api.example/", FOREIGN),
        ("nothing named, relative", none, "/a", RELATIVE),
        ("the named origin", api, "https://api.example/a?b", None),
        ("another host", api, "https://evil.example/", FOREIGN),
        ("another port", api, "https://api.example:444/", FOREIGN),
        ("another scheme", api, "http://api.example/", FOREIGN),
        ("host as user name", api, "https://api.example@evil.example/", FOREIGN),
        ("host only as suffix", api, "https://evil-api.example/", FOREIGN),
        ("relative though an origin is named", api, "/a", RELATIVE),
        ("relative with a place", relative, "/a", None),
        ("absolute to that place", relative, "https://grpc.example/a", None),
        ("absolute elsewhere", relative, "https://evil.example/a", FOREIGN),
        ("the authority form of CONNECT", relative, "evil.example:443", FOREIGN),
        ("plain http, named", mesh, "http://mesh.example/", PLAIN),
        ("plain http, named and allowed", plain_mesh, "http://mesh.example/", None),
        ("plain http to loopback", loopback, "http://127.0.0.1/", None),
        ("any origin", any, "https://whatever.example/", None),
        ("any origin is no leave for plain http", any, "http://whatever.example/", PLAIN),
        ("any origin, another protocol", any, "ftp://whatever.example/", FOREIGN),
    ];

    #[test]
    fn a_token_travels_to_origins_that_were_named_and_nowhere_else() {
        for (rule, origins, uri, expected) in ROWS {
            let refused = origins().check(&uri.parse().unwrap()).err();
            assert_eq!(
                refused.map(|error| error.kind()),
                *expected,
                "{rule}: {uri}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_origin_and_those_that_were_named() {
        let error = api()
            .check(&"https://evil.example/".parse().unwrap())
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("evil.example") && text.contains("api.example"),
            "{text}"
        );
        assert!(text.contains("AuthLayer::origin"), "{text}");
    }
}
