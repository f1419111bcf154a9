//! Resource indicators (RFC 8707).

use std::{error::Error, fmt};

/// RFC 8707 §2: an absolute URI (RFC 3986 §4.3), which has no fragment.
pub(super) fn check(uri: &str) -> Result<(), ResourceError> {
    let (scheme, rest) = uri.split_once(':').ok_or(ResourceError::NotAbsolute)?;
    if uri.contains('#') {
        return Err(ResourceError::Fragment);
    }
    if !is_scheme(scheme) || rest.is_empty() || !uri.bytes().all(is_uri_character) {
        return Err(ResourceError::NotAbsolute);
    }
    Ok(())
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    let letter_first = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let others = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    letter_first && text.bytes().all(others)
}

/// RFC 3986 §2: reserved, unreserved, and `%` of what is encoded.
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":/?[]@!$&'()*+,;=-._~%".contains(&byte)
}

/// What can't name a resource (RFC 8707 §2).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceError {
    /// It is no absolute URI.
    NotAbsolute,
    /// It has a fragment.
    Fragment,
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => {
                "a resource is an absolute URI, such as `https://api.example/orders`; for a name use `audience`"
            }
            Self::Fragment => "a resource has no fragment: leave out `#` and what follows it",
        })
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceError({self})")
    }
}

impl Error for ResourceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        let not_absolute = Err(ResourceError::NotAbsolute);
        let rows = [
            ("https://api.example", Ok(())),
            ("https://api.example/orders?tenant=a%20b", Ok(())),
            ("urn:example:orders", Ok(())),
            ("api://8f3e", Ok(())),
            ("https://[::1]:8080/", Ok(())),
            ("https://api.example/#top", Err(ResourceError::Fragment)),
            ("https://api.example#", Err(ResourceError::Fragment)),
            ("", not_absolute),
            ("orders", not_absolute),
            ("/orders", not_absolute),
            ("//api.example/orders", not_absolute),
            ("https:", not_absolute),
            (":orders", not_absolute),
            ("1https://api.example", not_absolute),
            ("ht tps://api.example", not_absolute),
            ("https://api.example/a b", not_absolute),
            ("https://api.example/ä", not_absolute),
            ("https://api.example/\r\nx", not_absolute),
            ("https://api.example/\"", not_absolute),
        ];
        for (uri, expected) in rows {
            assert_eq!(check(uri), expected, "{uri:?}");
        }
    }
}
