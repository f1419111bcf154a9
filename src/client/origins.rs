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
        let origin = Origin::of(uri);
        match origin {
            Ok(origin) if self.any => self.check_transport(&origin),
            Ok(origin) => Err(Error::new(
                ErrorKind::ForeignOrigin,
                Some(origin.to_string()),
            )),
            Err(error) => Err(Error::new(
                ErrorKind::ForeignOrigin,
                Some(error.to_string()),
            )),
        }
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

    #[test]
    fn a_token_travels_to_origins_that_were_named_and_nowhere_else() {
        let none = || origins(|_| {});
        let api = || origins(named("https://api.example"));
        let relative = || origins(|o| o.relative_to("https://grpc.example".parse().unwrap()));
        let any = || origins(Origins::allow_any);
        let plain = || {
            origins(|o| {
                o.name("http://mesh.example".parse().unwrap());
                o.allow_plain_http();
            })
        };
        let rows = [
            (
                "nothing named",
                none(),
                "https://api.example/",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "nothing named, relative",
                none(),
                "/a",
                Err(ErrorKind::RelativeUri),
            ),
            ("the named origin", api(), "https://api.example/a?b", Ok(())),
            (
                "another host",
                api(),
                "https://evil.example/",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "another port",
                api(),
                "https://api.example:444/",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "another scheme",
                api(),
                "http://api.example/",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "host as user name",
                api(),
                "https://api.example@evil.example/",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "host only as suffix",
                api(),
                "https://evil-api.example/",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "relative though an origin is named",
                api(),
                "/a",
                Err(ErrorKind::RelativeUri),
            ),
            ("relative with a place", relative(), "/a", Ok(())),
            (
                "absolute to that place",
                relative(),
                "https://grpc.example/a",
                Ok(()),
            ),
            (
                "absolute elsewhere",
                relative(),
                "https://evil.example/a",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "the authority form of CONNECT",
                relative(),
                "evil.example:443",
                Err(ErrorKind::ForeignOrigin),
            ),
            (
                "plain http, named",
                origins(named("http://mesh.example")),
                "http://mesh.example/",
                Err(ErrorKind::PlainHttp),
            ),
            (
                "plain http, named and allowed",
                plain(),
                "http://mesh.example/",
                Ok(()),
            ),
            (
                "plain http to loopback",
                origins(named("http://127.0.0.1:80")),
                "http://127.0.0.1/",
                Ok(()),
            ),
            ("any origin", any(), "https://whatever.example/", Ok(())),
            (
                "any origin is no leave for plain http",
                any(),
                "http://whatever.example/",
                Err(ErrorKind::PlainHttp),
            ),
            (
                "any origin, another protocol",
                any(),
                "ftp://whatever.example/",
                Err(ErrorKind::ForeignOrigin),
            ),
        ];
        for (rule, origins, uri, expected) in rows {
            let verdict = origins.check(&uri.parse().unwrap()).map_err(|e| e.kind());
            assert_eq!(verdict, expected, "{rule}: {uri}");
        }
    }
}
