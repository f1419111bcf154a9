use tower_bearer::TokenEndpoint;

pub(crate) fn endpoint(endpoint: TokenEndpoint) -> TokenEndpoint {
    endpoint.client_auth(("orders-job", "hunter2"))
}
