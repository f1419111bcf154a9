use tower_bearer::TokenEndpoint;

pub(crate) fn endpoint(endpoint: TokenEndpoint) -> TokenEndpoint {
    endpoint.grant("client_credentials")
}
