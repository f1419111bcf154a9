//! What happens to a request on its way out: a pure decision about its head.

use http::HeaderName;

use super::{Error, ErrorKind, origins::Origins};

/// What to do with a request that comes with a header of its own where the token goes:
/// `Authorization`, or what [`AuthLayer::token_in`](crate::AuthLayer::token_in) names.
///
/// # Defaults
///
/// [`Keep`](Self::Keep).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PresetCredentials {
    /// It is sent as it is, and never a second time. The origin rule applies to it too.
    #[default]
    Keep,
    /// Our token takes its place.
    Replace,
    /// The request fails.
    Refuse,
}

/// Put into a request's extensions, this sends the request as it is: no token is added,
/// no refusal looked for, and the rule about origins does not apply, also not to
/// credentials of the request's own.
///
/// # Example
///
/// ```
/// use tower_bearer::client::WithoutToken;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(WithoutToken);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WithoutToken;

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Decision {
    /// It is sent as it is.
    AsItIs,
    /// It gets a token.
    AddToken,
    /// It is not sent.
    Refuse(Error),
}

/// Decides by where a request goes and what it carries.
pub(super) fn decide<B>(
    request: &http::Request<B>,
    origins: &Origins,
    header: &HeaderName,
    preset: PresetCredentials,
) -> Decision {
    if request.extensions().get::<WithoutToken>().is_some() {
        return Decision::AsItIs;
    }
    if let Err(error) = origins.check(request.uri()) {
        return Decision::Refuse(error);
    }
    match preset {
        _ if !request.headers().contains_key(header) => Decision::AddToken,
        PresetCredentials::Keep => Decision::AsItIs,
        PresetCredentials::Replace => Decision::AddToken,
        PresetCredentials::Refuse => Decision::Refuse(Error::new(
            ErrorKind::PresetCredentials,
            Some(header.as_str()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, header::AUTHORIZATION};

    use super::*;

    #[test]
    fn preset_credentials_and_origins_decide_what_becomes_of_a_request() {
        use PresetCredentials::{Keep, Refuse, Replace};
        let mut origins = Origins::default();
        origins.name("https://api.example".parse().unwrap());
        let rows = [
            ("no header", "https://api.example/", false, Keep, "AddToken"),
            (
                "its own header, kept",
                "https://api.example/",
                true,
                Keep,
                "AsItIs",
            ),
            (
                "its own header, replaced",
                "https://api.example/",
                true,
                Replace,
                "AddToken",
            ),
            (
                "its own header, refused",
                "https://api.example/",
                true,
                Refuse,
                "PresetCredentials",
            ),
            (
                "its own header, elsewhere",
                "https://evil.example/",
                true,
                Keep,
                "ForeignOrigin",
            ),
            (
                "no header, elsewhere",
                "https://evil.example/",
                false,
                Keep,
                "ForeignOrigin",
            ),
        ];
        for (rule, uri, has_header, preset, expected) in rows {
            let mut request = Request::get(uri);
            if has_header {
                request = request.header("authorization", "Basic YTpi");
            }
            let request = request.body(()).unwrap();
            let decision = match decide(&request, &origins, &AUTHORIZATION, preset) {
                Decision::Refuse(error) => format!("{:?}", error.kind()),
                other => format!("{other:?}"),
            };
            assert_eq!(decision, expected, "{rule}");
        }
    }

    #[test]
    fn one_request_can_opt_out() {
        let mut request = Request::get("https://anywhere.example/").body(()).unwrap();
        request.extensions_mut().insert(WithoutToken);
        let origins = Origins::default();
        let decision = decide(
            &request,
            &origins,
            &AUTHORIZATION,
            PresetCredentials::Refuse,
        );
        assert!(matches!(decision, Decision::AsItIs));
    }
}
