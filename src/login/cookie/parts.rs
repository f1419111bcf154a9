//! One sealed text in one cookie or in two.

use super::{CookieNames, Jar, Lasting, SetCookie};

/// The longest value of one cookie, in bytes: browsers take 4096 with name and attributes
/// (RFC 6265 §6.1).
const LARGEST_PART: usize = 3_800;

/// More than two cookies would hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) struct TooLarge(pub(in crate::login) usize);

/// What a request brings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::login) enum Parts {
    None,
    /// The sealed text: one seal over all parts.
    Whole(String),
    /// A part is missing, or there is one too many.
    Broken,
}

/// The cookies that hold a text. The first says of how many it is one. A second one that is
/// not needed is taken away, lest it outlive its session.
pub(in crate::login) fn split(names: &CookieNames, text: &str) -> Result<Vec<SetCookie>, TooLarge> {
    let size = text.len();
    let (first, second) = text
        .split_at_checked(LARGEST_PART.min(size))
        .unwrap_or((text, ""));
    if second.len() > LARGEST_PART {
        return Err(TooLarge(size));
    }
    let count = if second.is_empty() { 1 } else { 2 };
    let cookie = |name, value| SetCookie {
        name,
        value,
        lasting: Lasting::Browser,
    };
    Ok(vec![
        cookie(names.session().to_owned(), format!("{count}.{first}")),
        match second {
            "" => SetCookie::gone(names.second_part()),
            second => cookie(names.second_part(), second.to_owned()),
        },
    ])
}

pub(in crate::login) fn join(names: &CookieNames, jar: Jar<'_>) -> Parts {
    let mut firsts = jar.values(names.session());
    let second_part = names.second_part();
    let mut seconds = jar.values(&second_part);
    let whole = match (firsts.next(), firsts.next()) {
        (None, _) => return Parts::None,
        (Some(_), Some(_)) => None,
        (Some(first), None) => match first.split_once('.') {
            // What is left of an earlier session doesn't count.
            Some(("1", text)) => Some(text.to_owned()),
            Some(("2", text)) => match (seconds.next(), seconds.next()) {
                (Some(rest), None) => Some(format!("{text}{rest}")),
                _ => None,
            },
            _ => None,
        },
    };
    whole.map_or(Parts::Broken, Parts::Whole)
}

/// Takes away a session's cookies.
pub(in crate::login) fn gone(names: &CookieNames) -> [SetCookie; 2] {
    [names.session().to_owned(), names.second_part()].map(SetCookie::gone)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::COOKIE};

    use super::*;

    fn names() -> CookieNames {
        CookieNames::new("login", true).unwrap()
    }

    /// What a browser sends back.
    fn sent_back(cookies: &[SetCookie]) -> String {
        let kept = cookies
            .iter()
            .filter(|cookie| cookie.lasting != Lasting::Gone);
        let pairs = kept.map(|cookie| format!("{}={}", cookie.name, cookie.value));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn joined(cookies: &str) -> Parts {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookies).unwrap());
        join(&names(), Jar::new(&headers))
    }

    #[test]
    fn what_fits_into_two_cookies_comes_back_whole_and_more_does_not_begin() {
        let rows = [
            (0, Some(1)),
            (1, Some(1)),
            (LARGEST_PART, Some(1)),
            (LARGEST_PART + 1, Some(2)),
            (2 * LARGEST_PART, Some(2)),
            (2 * LARGEST_PART + 1, None),
        ];
        for (size, expected) in rows {
            let text = "x".repeat(size);
            let Ok(cookies) = split(&names(), &text) else {
                assert_eq!(expected, None, "{size}");
                continue;
            };
            let kept = cookies
                .iter()
                .filter(|cookie| cookie.lasting == Lasting::Browser);
            assert_eq!(Some(kept.count()), expected, "{size}");
            assert!(
                cookies.iter().all(|cookie| cookie.value.len() < 3_892),
                "3.8 KiB"
            );
            assert_eq!(joined(&sent_back(&cookies)), Parts::Whole(text), "{size}");
        }
    }

    #[test]
    fn parts_that_do_not_make_a_whole_are_none() {
        let whole = |text: &str| Parts::Whole(text.to_owned());
        let rows = [
            ("x=1", Parts::None),
            ("__Host-login-2=b", Parts::None),
            ("__Host-login=1.a", whole("a")),
            ("__Host-login=1.a; __Host-login-2=b", whole("a")),
            ("__Host-login=2.a; __Host-login-2=b", whole("ab")),
            ("__Host-login-2=b; __Host-login=2.a", whole("ab")),
            ("__Host-login=2.a", Parts::Broken),
            (
                "__Host-login=2.a; __Host-login-2=b; __Host-login-2=c",
                Parts::Broken,
            ),
            ("__Host-login=1.a; __Host-login=1.b", Parts::Broken),
            ("__Host-login=3.a", Parts::Broken),
            ("__Host-login=a", Parts::Broken),
            ("__Host-login=", Parts::Broken),
            ("login-loopback=1.a", Parts::None),
        ];
        for (cookies, expected) in rows {
            assert_eq!(joined(cookies), expected, "{cookies}");
        }
    }
}
