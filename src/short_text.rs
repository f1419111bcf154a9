//! Text that needs no allocation as long as it is short.

/// As many bytes as most key ids and most lists of scopes have at most.
const SHORT: usize = 62;

/// A string of any length; up to 62 bytes stand in the value itself.
#[derive(Clone)]
pub(crate) struct ShortText(Text);

#[derive(Clone)]
enum Text {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

impl ShortText {
    pub(crate) fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short { length, bytes } => {
                // They were copied from a string.
                let bytes = bytes.get(..usize::from(*length)).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
            Text::Long(text) => text,
        }
    }
}

impl Default for ShortText {
    fn default() -> Self {
        Self::from("")
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        Self(
            match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
                (Some(start), Ok(length)) => {
                    start.copy_from_slice(text.as_bytes());
                    Text::Short { length, bytes }
                }
                _ => Text::Long(text.into()),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_text_that_it_was_made_of() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 300] {
            let text = "x".repeat(length);
            assert_eq!(ShortText::from(&*text).as_str(), text);
        }
        let wide = "ü".repeat(SHORT / 2) + "ü";
        assert_eq!(ShortText::from(&*wide).as_str(), wide);
    }
}
