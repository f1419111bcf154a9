//! What a peer sent, as a log or an error may show it.

/// What a peer sent: escaped, and cut to 64 characters.
pub(crate) fn excerpt(text: &str) -> String {
    excerpt_of(text, 64)
}

/// Escaped, and cut to that many characters of the original.
pub(crate) fn excerpt_of(text: &str, characters: usize) -> String {
    let mut shown = String::new();
    push_excerpt_of(&mut shown, text, characters);
    shown
}

/// The same behind what is there already.
#[cfg_attr(not(feature = "jwt"), allow(dead_code))]
pub(crate) fn push_excerpt(shown: &mut String, text: &str) {
    push_excerpt_of(shown, text, 64);
}

fn push_excerpt_of(shown: &mut String, text: &str, characters: usize) {
    if text.len() <= characters && text.bytes().all(is_shown_as_it_is) {
        return shown.push_str(text);
    }
    let mut rest = text.chars();
    let cut = rest.by_ref().take(characters);
    shown.extend(cut.flat_map(char::escape_debug));
    if rest.next().is_some() {
        shown.push('…');
    }
}

/// What [`char::escape_debug`] leaves as it is, of ASCII.
fn is_shown_as_it_is(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_sent_is_escaped_and_cut() {
        let rows = [
            ("plain", "orders", "orders"),
            ("a line break forges no line", "a\nb", "a\\nb"),
            ("no terminal sequence", "\u{1b}[31m", "\\u{1b}[31m"),
            ("quotes", "a\"b", "a\\\"b"),
        ];
        for (row, text, expected) in rows {
            assert_eq!(excerpt(text), expected, "{row}");
        }
        for byte in 0..=127_u8 {
            let text = char::from(byte).to_string();
            assert_eq!(excerpt(&text), text.escape_debug().to_string());
        }
        assert_eq!(excerpt(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(excerpt(&"x".repeat(65)), "x".repeat(64) + "…");
        assert_eq!(excerpt_of("größer", 3), "grö…", "characters, not bytes");
    }
}
