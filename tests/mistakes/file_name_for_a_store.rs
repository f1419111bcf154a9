use tower_bearer::{Refreshing, oauth::ObtainToken};

pub(crate) fn tokens(obtain: impl ObtainToken) -> Refreshing {
    Refreshing::builder(obtain).store("tokens.json").build()
}
