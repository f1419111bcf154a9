//! A login that has begun: what a browser keeps for us while its owner is at the provider.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::login::crypto;

/// One login. It travels, sealed, in a cookie of its own, so that several tabs can each
/// finish theirs.
#[derive(Serialize, Deserialize)]
pub(in crate::login) struct Transaction {
    /// Ties the answer to this browser (RFC 6749 §10.12).
    pub(in crate::login) state: String,
    /// Ties the ID token to this login (OpenID Connect Core §15.5.2).
    pub(in crate::login) nonce: Zeroizing<String>,
    /// Ties the code to this login (RFC 7636 §4.1).
    pub(in crate::login) code_verifier: Zeroizing<String>,
    pub(in crate::login) return_to: String,
    /// In seconds since 1970.
    pub(in crate::login) began_at: u64,
}

/// At most so many logins of one browser are under way.
pub(in crate::login) const MOST: usize = 4;

/// How much of a state names its cookie.
const TAG: usize = 8;
/// 256 bits in base64url.
const STATE: usize = 43;

impl Transaction {
    /// None where there are no random numbers.
    pub(in crate::login) fn begin(return_to: String, now: u64) -> Option<Self> {
        Some(Self {
            state: (*crypto::random_text()?).clone(),
            nonce: crypto::random_text()?,
            code_verifier: crypto::random_text()?,
            return_to,
            began_at: now,
        })
    }

    /// S256 (RFC 7636 §4.2).
    pub(in crate::login) fn code_challenge(&self) -> String {
        crypto::digest(&self.code_verifier)
    }
}

/// What names the cookie of a login with this state; None for what can't be one of ours.
pub(in crate::login) fn tag(state: &str) -> Option<&str> {
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let can_be = state.len() == STATE && state.bytes().all(is_ours);
    state.get(..TAG).filter(|_| can_be)
}

/// Which logins have to go for another to begin: those that are over or can't be read, and
/// the oldest where there are too many.
pub(in crate::login) fn leaving<T>(
    under_way: Vec<(T, Option<u64>)>,
    now: u64,
    longest: u64,
) -> impl Iterator<Item = T> {
    let is_alive =
        |began_at: Option<u64>| began_at.filter(|began_at| now.saturating_sub(*began_at) < longest);
    let mut all: Vec<_> = under_way
        .into_iter()
        .map(|(name, began_at)| (name, is_alive(began_at)))
        .collect();
    // Those that are over first, and then by age.
    all.sort_by_key(|(_, began_at)| *began_at);
    let alive = all
        .iter()
        .filter(|(_, began_at)| began_at.is_some())
        .count();
    let over = all.len() - alive;
    let too_many = (alive + 1).saturating_sub(MOST);
    all.into_iter().take(over + too_many).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_login_has_secrets_of_its_own() {
        let one = Transaction::begin("/".into(), 0).unwrap();
        let other = Transaction::begin("/".into(), 0).unwrap();
        let secrets = |it: &Transaction| {
            [
                it.state.clone(),
                (*it.nonce).clone(),
                (*it.code_verifier).clone(),
            ]
        };
        let all = [secrets(&one), secrets(&other)].concat();
        for (at, secret) in all.iter().enumerate() {
            assert_eq!(secret.len(), 43, "RFC 7636 §4.1 asks for that much");
            assert!(!all[..at].contains(secret));
        }
        assert_eq!(tag(&one.state), Some(&one.state[..8]));
    }

    #[test]
    fn the_challenge_is_the_verifiers_digest() {
        // RFC 7636, appendix B.
        let mut transaction = Transaction::begin("/".into(), 0).unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        transaction.code_verifier = Zeroizing::new(verifier.to_owned());
        let expected = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(transaction.code_challenge(), expected);
    }

    #[test]
    fn what_can_be_no_state_of_ours_names_no_cookie() {
        let good = "x".repeat(43);
        assert!(tag(&good).is_some());
        for state in [
            "",
            "x",
            &good[1..],
            &format!("{good}x"),
            &good.replacen('x', ";", 1),
        ] {
            assert_eq!(tag(state), None, "{state}");
        }
    }

    #[test]
    fn the_oldest_leave_and_those_that_are_over() {
        type Logins<'a> = &'a [(char, Option<u64>)];
        let rows: [(&str, Logins<'_>, &str); 7] = [
            ("none", &[], ""),
            (
                "room for one more",
                &[('a', Some(500)), ('b', Some(600)), ('c', Some(700))],
                "",
            ),
            (
                "no room",
                &[
                    ('a', Some(500)),
                    ('b', Some(400)),
                    ('c', Some(700)),
                    ('d', Some(600)),
                ],
                "b",
            ),
            (
                "far too many",
                &[
                    ('a', Some(500)),
                    ('b', Some(400)),
                    ('c', Some(700)),
                    ('d', Some(600)),
                    ('e', Some(650)),
                ],
                "ba",
            ),
            ("over", &[('a', Some(399)), ('b', Some(401))], "a"),
            ("not ours", &[('a', None), ('b', Some(900))], "a"),
            ("by a clock that is ahead", &[('a', Some(2_000))], ""),
        ];
        for (row, under_way, expected) in rows {
            let left: String = leaving(under_way.to_vec(), 1_000, 600).collect();
            assert_eq!(left, expected, "{row}");
        }
    }
}
