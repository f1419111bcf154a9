//! Base64url without padding (RFC 7515 §2): no other character, no `=`, no trailing bits.

use base64::Engine as _;
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_feature = "neon")
)))]
use base64::engine::general_purpose::URL_SAFE_NO_PAD as ENGINE;

/// By vector instructions, where the machine has those that the engine knows.
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_feature = "neon")
))]
static ENGINE: std::sync::LazyLock<base64::engine::Simd> = std::sync::LazyLock::new(|| {
    base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD)
});

/// Decodes into `stack` if it is large enough for it, else into `heap`.
pub(super) fn decode<'b>(
    text: &str,
    stack: &'b mut [u8],
    heap: &'b mut Vec<u8>,
) -> Option<&'b [u8]> {
    let most = text.len().div_ceil(4) * 3;
    if most <= stack.len() {
        return decode_into(stack, text);
    }
    heap.resize(most, 0);
    decode_into(heap, text)
}

/// Decodes into `buffer`, which has to be large enough.
pub(super) fn decode_into<'b>(buffer: &'b mut [u8], text: &str) -> Option<&'b [u8]> {
    if let Some(length) = decode_short(buffer, text.as_bytes()) {
        return buffer.get(..length);
    }
    let length = ENGINE.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

/// The shortest text that the engine decodes by vector instructions, and the four symbols at
/// the end that it never does.
const VECTORS: usize = 64 + 4;

/// Decodes what is too short for vector instructions with zeros behind it, of which `A` is
/// the symbol. `None` for what is long, or wrong.
fn decode_short(buffer: &mut [u8], text: &[u8]) -> Option<usize> {
    let mut longer = [b'A'; VECTORS];
    longer.get_mut(..text.len())?.copy_from_slice(text);
    let mut decoded = [0; VECTORS / 4 * 3];
    ENGINE.decode_slice(longer, &mut decoded).ok()?;
    let length = text.len() * 3 / 4;
    let (decoded, behind) = decoded.split_at_checked(length)?;
    // One symbol alone is no byte; the bits behind the last byte have to be zero.
    let is_whole = text.len() % 4 != 1 && behind.first() == Some(&0);
    buffer.get_mut(..length)?.copy_from_slice(decoded);
    is_whole.then_some(length)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    fn agrees(text: &str) {
        let expected = URL_SAFE_NO_PAD.decode(text).ok();
        let (mut stack, mut heap) = ([0; 64], Vec::new());
        let decoded = decode(text, &mut stack, &mut heap).map(<[u8]>::to_vec);
        assert_eq!(decoded, expected, "{text:?}");
    }

    /// Each character in each place of a short and of a long text, and each last symbol.
    #[test]
    fn it_refuses_what_the_strict_engine_refuses() {
        for length in [
            0, 1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 66, 67, 68, 96, 97, 98, 99, 130,
        ] {
            let text = "A".repeat(length);
            agrees(&text);
            for place in 0..length {
                for byte in 0..=127 {
                    let mut changed = text.clone().into_bytes();
                    changed[place] = byte;
                    agrees(std::str::from_utf8(&changed).unwrap());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_agrees_about_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            agrees(&URL_SAFE_NO_PAD.encode(bytes));
        }

        #[test]
        fn it_agrees_about_texts(text in "[A-Za-z0-9_-]{0,200}(=|\\+|/| |é|[A-Za-z0-9_-]){0,3}[A-Za-z0-9_-]{0,200}") {
            agrees(&text);
        }
    }
}
