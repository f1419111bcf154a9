use tower_bearer::AuthLayer;

pub(crate) fn layer() -> AuthLayer {
    AuthLayer::new("9f2c5e7d1a04b863")
}
