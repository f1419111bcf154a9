//! What an attacker's request costs: whatever he sends, no more than a good token of the
//! same size does.

use crate::{
    Limit, Scenario,
    attacks::{GARBAGE, RS256, attacks, good_tokens},
    limit,
    server::guarded,
};

pub fn scenarios() -> Vec<Scenario> {
    let good = good_tokens().into_iter();
    let good = good.map(|(name, token)| (accepted(name), token, 200));
    let bad = attacks().into_iter();
    let bad = bad.map(|attack| (refused(attack.name), attack.token, 401));
    let scenario = |(name, token, status)| guarded(name, status, token);
    good.chain(bad).map(scenario).collect()
}

pub fn limits() -> Vec<Limit> {
    let same_size = attacks().into_iter();
    let same_size = same_size.map(|attack| limit(refused(attack.name), 1.1, accepted(attack.good)));
    let others = [
        limit(refused(GARBAGE), 0.1, accepted(RS256)),
        limit("claims: 400 members", 2.2, "claims: 200 members"),
        limit("claims: 200 members", 2.2, "claims: 100 members"),
        limit("keys: 1000", 1.02, "keys: 1"),
    ];
    same_size.chain(others).collect()
}

fn accepted(name: &str) -> String {
    format!("accepted: {name}")
}

fn refused(name: &str) -> String {
    format!("refused: {name}")
}
