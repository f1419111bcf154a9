use tower_bearer::ClientAuth;

pub(crate) fn client_auth() -> ClientAuth {
    ClientAuth::assertion("orders-job", "/var/run/secrets/token")
}
