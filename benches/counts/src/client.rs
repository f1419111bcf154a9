//! An outgoing request while a token is at hand.

use tower_bearer::{AuthLayer, client::replay::NoReplay};
use tower_http::auth::AddAuthorizationLayer;
use tower_layer::Layer;

use crate::{
    Scenario,
    outgoing::{outgoing, warm},
    sent,
    service::Nothing,
};

const EMPTY: &str = "client/empty service";

pub fn scenarios() -> Vec<Scenario> {
    let token = "t".repeat(800);
    let header = AddAuthorizationLayer::bearer(&token).layer(Nothing);
    let layer = AuthLayer::new(warm(token))
        .origin("https://api.example")
        .unwrap();
    let not_replayable = layer.clone().replay(NoReplay).layer(Nothing);
    let replayable = layer.layer(Nothing);
    vec![
        sent(EMPTY, Nothing, 200, outgoing),
        sent("client/AddAuthorization", header, 200, outgoing).without(&[EMPTY]),
        sent("client/not replayable", not_replayable, 200, outgoing).without(&[EMPTY]),
        sent("client/replayable", replayable, 200, outgoing).without(&[EMPTY]),
    ]
}
