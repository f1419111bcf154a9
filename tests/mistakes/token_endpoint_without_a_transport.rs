use tower_bearer::{ClientCredentials, Refreshing, TokenEndpoint};

pub(crate) fn tokens() -> Refreshing {
    let endpoint = TokenEndpoint::new("https://id.example/oauth2/token").unwrap();
    Refreshing::new(endpoint.grant(ClientCredentials::new()))
}
