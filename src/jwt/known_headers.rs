//! Headers of tokens that were verified. One that comes again, byte for byte, says the same as
//! before, so it is compared and not read.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use arc_swap::{ArcSwapOption, Guard};

use super::algorithm::Algorithm;

/// The headers that one set of rules has accepted. A clone is for other rules, and knows none.
#[derive(Default)]
pub(super) struct KnownHeaders([Place; PLACES]);

/// An issuer has one header for each of its keys, and few keys at a time.
const PLACES: usize = 16;

/// Longer ones are read each time, so that memory stays small whatever issuers write.
const LONGEST: usize = 512;

/// So many accepted tokens with other headers push out the one that has the place. Where many
/// take turns, putting each in would cost more than reading it.
const PATIENCE: u32 = 64;

#[derive(Default)]
struct Place {
    known: ArcSwapOption<KnownHeader>,
    others: AtomicU32,
}

struct KnownHeader {
    segment: Box<str>,
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
}

/// A header that is known, in use.
pub(super) struct Found {
    pub(super) algorithm: Algorithm,
    known: Guard<Option<Arc<KnownHeader>>>,
}

impl Found {
    pub(super) fn key_id(&self) -> Option<&str> {
        self.known.as_ref()?.key_id.as_deref()
    }
}

impl KnownHeaders {
    pub(super) fn find(&self, segment: &str) -> Option<Found> {
        let known = self.place(segment)?.known.load();
        let header = known.as_ref().filter(|it| *it.segment == *segment)?;
        let algorithm = header.algorithm;
        Some(Found { algorithm, known })
    }

    /// Only of a token that was verified: nobody else's header pushes one out.
    pub(super) fn remember(&self, segment: &str, algorithm: Algorithm, key_id: Option<&str>) {
        let Some(Place { known, others }) = self.place(segment) else {
            return;
        };
        let is_free = known.load().is_none();
        if is_free || others.fetch_add(1, Ordering::Relaxed) % PATIENCE == PATIENCE - 1 {
            known.store(Some(Arc::new(KnownHeader {
                segment: segment.into(),
                algorithm,
                key_id: key_id.map(Box::from),
            })));
        }
    }

    /// Headers of one issuer differ by the names of its keys, wherever these stand in them.
    fn place(&self, segment: &str) -> Option<&Place> {
        if segment.len() > LONGEST {
            return None;
        }
        let (words, rest) = segment.as_bytes().as_chunks();
        let sum = words.iter().zip(0_u32..).fold(0, |sum, (word, index)| {
            sum ^ u64::from_le_bytes(*word).rotate_left(index * 7)
        });
        let sum = rest
            .iter()
            .fold(sum, |sum, byte| sum.rotate_left(9) ^ u64::from(*byte));
        let spread = sum.wrapping_mul(0x9e37_79b9_7f4a_7c15); // 2^64 by the golden ratio
        self.0.get(usize::try_from(spread >> 60).ok()?)
    }
}

impl Clone for KnownHeaders {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALGORITHM: Algorithm = Algorithm::RS256;

    fn knows(headers: &KnownHeaders, segment: &str) -> bool {
        headers.find(segment).is_some()
    }

    /// Two segments that want the same place.
    fn rivals(headers: &KnownHeaders) -> (String, String) {
        let place = |segment: &str| headers.place(segment).map(std::ptr::from_ref);
        let one = "header-0".to_owned();
        let mut others = (1..).map(|number| format!("header-{number}"));
        let other = others.find(|other| place(other) == place(&one));
        (one, other.unwrap_or_default())
    }

    #[test]
    fn what_was_remembered_is_found_and_nothing_else() {
        let headers = KnownHeaders::default();
        headers.remember("eyJhbGciOiJSUzI1NiJ9", ALGORITHM, Some("2026-01"));
        let found = headers.find("eyJhbGciOiJSUzI1NiJ9");
        let found = found.as_ref().map(|it| (it.algorithm, it.key_id()));
        assert_eq!(found, Some((ALGORITHM, Some("2026-01"))));
        for other in ["", "eyJhbGciOiJSUzI1NiJ", "eyJhbGciOiJSUzI1NiJ8"] {
            assert!(!knows(&headers, other), "{other}");
        }
        assert!(!knows(&headers.clone(), "eyJhbGciOiJSUzI1NiJ9"));
    }

    #[test]
    fn a_header_of_more_than_512_bytes_is_not_remembered() {
        let headers = KnownHeaders::default();
        for (length, expected) in [(512, true), (513, false)] {
            let segment = "x".repeat(length);
            headers.remember(&segment, ALGORITHM, None);
            assert_eq!(knows(&headers, &segment), expected, "{length}");
        }
    }

    #[test]
    fn the_64th_token_with_another_header_pushes_out_the_one_that_has_the_place() {
        let headers = KnownHeaders::default();
        let (one, other) = rivals(&headers);
        headers.remember(&one, ALGORITHM, None);
        for turn in 1..=PATIENCE {
            assert!(knows(&headers, &one), "{turn}");
            headers.remember(&other, ALGORITHM, None);
        }
        assert!(knows(&headers, &other));
        assert!(!knows(&headers, &one));
    }

    #[test]
    fn headers_that_differ_in_one_byte_are_spread_over_all_places() {
        let headers = KnownHeaders::default();
        let places: std::collections::HashSet<_> = (0..100)
            .map(|number| format!("eyJhbGciOiJSUzI1NiIsImtpZCI6Ij{number:02}JdHlwIjoiSldUIn0"))
            .filter_map(|segment| headers.place(&segment).map(std::ptr::from_ref))
            .collect();
        assert_eq!(places.len(), PLACES);
    }
}
