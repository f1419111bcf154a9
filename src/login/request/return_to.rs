//! Where a browser goes after the login: to a page of this site and nowhere else.

use http::Uri;

/// The longest address that is kept, in bytes: it travels in a cookie.
const LONGEST: usize = 1024;

/// The page that was wanted, as a path of this site: with its query if that is not too long,
/// and else the start.
pub(in crate::login) fn return_to(prefix: &str, wanted: &Uri) -> String {
    let whole = wanted.path_and_query().map(|wanted| wanted.as_str());
    let candidates = [whole, Some(wanted.path())];
    let mut candidates = candidates.into_iter().flatten();
    let found = candidates.find(|wanted| wanted.len() <= LONGEST && is_page_of_this_site(wanted));
    format!("{prefix}{}", found.unwrap_or("/"))
}

/// Whether a browser takes it for a path of the site that it is on. It takes `//evil.example`
/// for another site, and so `/\evil.example`; it drops tabs and line breaks before it looks
/// (URL Standard, "basic URL parser").
pub(in crate::login) fn is_page_of_this_site(address: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    address.starts_with('/') && !address.starts_with("//") && address.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_one() {
        let rows = [
            ("/", true),
            ("/orders", true),
            ("/orders?page=2&to=https://evil.example", true),
            ("/orders//2", true),
            ("/orders/%0d%0aSet-Cookie:x", true),
            ("/%2f/evil.example", true),
            ("/.//evil.example", true),
            ("", false),
            ("orders", false),
            ("//evil.example", false),
            ("///evil.example", false),
            ("/\\evil.example", false),
            ("\\/evil.example", false),
            ("/orders\\..", false),
            ("https://evil.example", false),
            ("https:evil.example", false),
            ("https:/evil.example", false),
            ("javascript:alert(1)", false),
            ("?page=2", false),
            ("#top", false),
            ("/\t/evil.example", false),
            ("/\n/evil.example", false),
            ("/\r\nSet-Cookie: x", false),
            ("/orders\0", false),
            ("/a b", false),
            ("/grün", false),
        ];
        for (address, expected) in rows {
            assert_eq!(is_page_of_this_site(address), expected, "{address:?}");
        }
    }

    #[test]
    fn the_page_that_was_wanted_or_as_much_of_it_as_can_be_kept() {
        let long = "x".repeat(LONGEST);
        let rows = [
            ("/orders?page=2", "/app/orders?page=2"),
            ("https://orders.example/orders?page=2", "/app/orders?page=2"),
            ("/", "/app/"),
            ("*", "/app/"),
            ("//evil.example/a", "/app/"),
            ("/\\evil.example", "/app/"),
            (&format!("/orders?q={long}"), "/app/orders"),
            (&format!("/{long}"), "/app/"),
        ];
        for (wanted, expected) in rows {
            assert_eq!(
                return_to("/app", &wanted.parse().unwrap()),
                expected,
                "{wanted}"
            );
        }
    }
}
