//! What our cookies are called.

use http::HeaderName;

/// The names of one site's cookies, which all begin alike.
///
/// Over https they begin with `__Host-`, so that no other host of the domain and no plain
/// http can have set them (RFC 6265bis §4.1.3.2). On loopback over plain http, where browsers
/// don't take such names, they are others: what was set there is never read over https.
#[derive(Clone, Debug)]
pub(in crate::login) struct CookieNames {
    base: String,
    is_secure: bool,
}

impl CookieNames {
    /// None where no cookie can have that name.
    pub(in crate::login) fn new(name: &str, is_secure: bool) -> Option<Self> {
        // RFC 6265 §4.1.1 allows what RFC 9110 §5.6.2 allows in a field name.
        HeaderName::from_bytes(name.as_bytes()).ok()?;
        let is_ours_to_give = !name.starts_with("__");
        let base = match is_secure {
            true => format!("__Host-{name}"),
            false => format!("{name}-loopback"),
        };
        is_ours_to_give.then_some(Self { base, is_secure })
    }

    pub(in crate::login) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The session, or the first part of it.
    pub(in crate::login) fn session(&self) -> &str {
        &self.base
    }

    /// The second part of a session that is too large for one cookie.
    pub(in crate::login) fn second_part(&self) -> String {
        format!("{}-2", self.base)
    }

    /// What is known of a login that has begun.
    pub(in crate::login) fn transaction(&self, tag: &str) -> String {
        format!("{}{tag}", self.transactions())
    }

    /// What the names of all transactions begin with.
    pub(in crate::login) fn transactions(&self) -> String {
        format!("{}-t-", self.base)
    }

    /// How many logins there were of late.
    pub(in crate::login) fn logins(&self) -> String {
        format!("{}-n", self.base)
    }

    pub(in crate::login) fn is_ours(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.base);
        rest.is_some_and(|rest| matches!(rest, "" | "-2" | "-n") || rest.starts_with("-t-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_over_https_are_others_than_on_loopback() {
        let all = |is_secure| {
            let names = CookieNames::new("login", is_secure).unwrap();
            let all = [
                names.session().to_owned(),
                names.second_part(),
                names.transaction("AbC-_019"),
                names.logins(),
            ];
            assert!(all.iter().all(|name| names.is_ours(name)));
            (names, all)
        };
        let (secure, over_https) = all(true);
        let (loopback, on_loopback) = all(false);
        assert!(
            over_https
                .iter()
                .all(|name| name.starts_with("__Host-login"))
        );
        assert!(over_https.iter().all(|name| !loopback.is_ours(name)));
        assert!(on_loopback.iter().all(|name| !secure.is_ours(name)));
        assert!(
            !secure.is_ours("__Host-login-other"),
            "of another application"
        );
    }

    #[test]
    fn what_is_no_name_of_ours_is_refused() {
        let rows = [
            ("login", true),
            ("orders.login_2", true),
            ("", false),
            ("two words", false),
            ("a=b", false),
            ("a;b", false),
            ("__Host-x", false),
            ("__Secure-x", false),
            ("grün", false),
        ];
        for (name, expected) in rows {
            assert_eq!(CookieNames::new(name, true).is_some(), expected, "{name}");
        }
    }
}
