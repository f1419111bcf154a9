//! A `Set-Cookie` line (RFC 6265 §4.1).

use http::HeaderValue;

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Lasting {
    /// Until the browser is closed.
    Browser,
    Seconds(u64),
    /// It is to go now.
    Gone,
}

/// A cookie of ours: for this host alone, out of reach for scripts, and sent along from other
/// sites only when a person comes here from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::login) struct SetCookie {
    pub(in crate::login) name: String,
    pub(in crate::login) value: String,
    pub(in crate::login) lasting: Lasting,
}

impl SetCookie {
    pub(in crate::login) fn gone(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: String::new(),
            lasting: Lasting::Gone,
        }
    }

    /// The line. Names and values are made by us, and can stand in a header.
    pub(in crate::login) fn line(&self, is_secure: bool) -> Option<HeaderValue> {
        let Self { name, value, .. } = self;
        let secure = if is_secure { "; Secure" } else { "" };
        let age = match self.lasting {
            Lasting::Browser => String::new(),
            Lasting::Seconds(seconds) => format!("; Max-Age={seconds}"),
            Lasting::Gone => "; Max-Age=0".to_owned(),
        };
        let line = format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}");
        let mut line = HeaderValue::from_str(&line).ok()?;
        line.set_sensitive(true);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_all_that_keeps_the_cookie_here() {
        let rows = [
            (
                Lasting::Browser,
                true,
                "a=b; Path=/; HttpOnly; SameSite=Lax; Secure",
            ),
            (
                Lasting::Seconds(600),
                true,
                "a=b; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure",
            ),
            (
                Lasting::Gone,
                false,
                "a=b; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
            ),
        ];
        for (lasting, is_secure, expected) in rows {
            let cookie = SetCookie {
                name: "a".into(),
                value: "b".into(),
                lasting,
            };
            let line = cookie.line(is_secure).unwrap();
            assert_eq!(line.to_str().unwrap(), expected);
            assert!(line.is_sensitive());
        }
    }
}
