//! Where a browser is sent to log in (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

use http::Uri;

/// What we say in each request, so that nobody else says it.
pub(in crate::login) const OURS: [&str; 9] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The authorization endpoint with these parameters, behind those that it may have already
/// (RFC 6749 §3.1).
pub(in crate::login) fn address<'a>(
    endpoint: &Uri,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let separator = match endpoint.query() {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    format!("{endpoint}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_behind_those_of_the_endpoint() {
        let rows = [
            (
                "https://id.example/authorize",
                "https://id.example/authorize?a=1&b=%26+%3D",
            ),
            ("https://id.example", "https://id.example/?a=1&b=%26+%3D"),
            (
                "https://id.example/a?p=x",
                "https://id.example/a?p=x&a=1&b=%26+%3D",
            ),
            (
                "https://id.example/a?",
                "https://id.example/a?a=1&b=%26+%3D",
            ),
        ];
        for (endpoint, expected) in rows {
            let parameters = [("a", "1"), ("b", "& =")];
            assert_eq!(address(&endpoint.parse().unwrap(), parameters), expected);
        }
    }
}
