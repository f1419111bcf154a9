//! The cookies that a request brings.

use http::{HeaderMap, HeaderValue, header::COOKIE};

/// The cookies of a request, in however many `Cookie` lines (RFC 9113 §8.2.3).
#[derive(Clone, Copy)]
pub(in crate::login) struct Jar<'r>(&'r HeaderMap);

impl<'r> Jar<'r> {
    pub(in crate::login) fn new(headers: &'r HeaderMap) -> Self {
        Self(headers)
    }

    /// Names and values, apart from those that are no text: ours are.
    pub(in crate::login) fn all(self) -> impl Iterator<Item = (&'r str, &'r str)> {
        let lines = self.0.get_all(COOKIE).iter();
        lines.flat_map(pairs).filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            Some((bare(name), bare(value)))
        })
    }

    /// The value of the cookie of that name, if there is one and no other.
    pub(in crate::login) fn one(self, name: &str) -> Option<&'r str> {
        let mut values = self.values(name);
        let value = values.next();
        value.filter(|_| values.next().is_none())
    }

    /// The values of the cookie of that name. Two are one too many: another host of the
    /// domain may have set one of them, and nobody can tell which.
    pub(in crate::login) fn values(self, name: &str) -> impl Iterator<Item = &'r str> {
        self.all()
            .filter(move |(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

/// Takes cookies out of a request, and leaves the others as they are written.
pub(in crate::login) fn take_out(headers: &mut HeaderMap, is_ours: impl Fn(&str) -> bool) {
    let is_others = |pair: &&[u8]| !std::str::from_utf8(name(pair)).is_ok_and(&is_ours);
    let rest = |line: &HeaderValue| {
        if pairs(line).all(|pair| is_others(&pair)) {
            return Some(line.clone());
        }
        let others: Vec<_> = pairs(line).filter(is_others).collect();
        // A part of a valid line is one.
        let mut rest = HeaderValue::from_bytes(others.join(&b';').trim_ascii()).ok()?;
        rest.set_sensitive(line.is_sensitive());
        (!rest.is_empty()).then_some(rest)
    };
    let lines: Vec<_> = headers.get_all(COOKIE).iter().filter_map(rest).collect();
    headers.remove(COOKIE);
    for line in lines {
        headers.append(COOKIE, line);
    }
}

/// What stands between semicolons. Other cookies may hold bytes that are no text.
fn pairs(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b';')
}

/// Without the blanks that browsers take off too, before they look at a name's prefix. Any more,
/// and what no browser takes for `__Host-…` were taken for it here: another host under the same
/// domain may set `\u{a0}__Host-login`.
fn bare(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn name(pair: &[u8]) -> &[u8] {
    let name = pair.split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_wherever_it_stands() {
        let rows: [(&[&[u8]], &[&str]); 10] = [
            (&[], &[]),
            (&[b"login=a"], &["a"]),
            (&[b"x=1; login=a; y=2"], &["a"]),
            (&[b"x=1", b"login=a"], &["a"]),
            (&[b"login=a; login=b"], &["a", "b"]),
            (&[b"login=a", b"login=b"], &["a", "b"]),
            (&[b"Login=a; xlogin=b; login"], &[]),
            (&[b" login = a=b "], &["a=b"]),
            (&[b"login=\xff", b"login=a"], &["a"]),
            (&[b"x=\xff; login=a; y=gr\xc3\xbcn"], &["a"]),
        ];
        for (lines, expected) in rows {
            let headers = headers(lines);
            let found: Vec<_> = Jar::new(&headers).values("login").collect();
            assert_eq!(found, expected, "{lines:?}");
        }
    }

    #[test]
    fn what_browsers_take_for_another_name_is_one() {
        for blank in [
            "\u{85}", "\u{a0}", "\u{1680}", "\u{2000}", "\u{2028}", "\u{3000}",
        ] {
            for cookie in [format!("{blank}login=a"), format!("login{blank}=a")] {
                let headers = headers(&[cookie.as_bytes()]);
                assert_eq!(Jar::new(&headers).one("login"), None, "{cookie:?}");
            }
        }
    }

    #[test]
    fn what_is_taken_out_leaves_the_rest_as_it_was() {
        type Lines<'a> = &'a [&'a [u8]];
        let rows: [(Lines<'_>, Lines<'_>); 7] = [
            (&[], &[]),
            (&[b"x=1;y=2"], &[b"x=1;y=2"]),
            (&[b"login=a"], &[]),
            (&[b"x=1; login=a; y=\"2\""], &[b"x=1; y=\"2\""]),
            (&[b"login=a; x=1"], &[b"x=1"]),
            (&[b"x=1", b"login=a", b"y=2"], &[b"x=1", b"y=2"]),
            (&[b"\xff=1; login=a"], &[b"\xff=1"]),
        ];
        for (lines, expected) in rows {
            let mut headers = headers(lines);
            take_out(&mut headers, |name| name == "login");
            let left: Vec<_> = headers
                .get_all(COOKIE)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect();
            assert_eq!(left, expected, "{lines:?}");
        }
    }
}
