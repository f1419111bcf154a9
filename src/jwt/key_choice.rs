//! Which of the keys are to be tried on a token: decided by `kid` and algorithm, at the same
//! cost among a thousand keys as with one.

use std::{collections::HashMap, ops::Range};

use foldhash::fast::RandomState;

use super::{algorithm::Algorithm, key::Key};

/// Where which keys stand, as it was noted when they were loaded.
#[derive(Default)]
pub(super) struct KeyChoice {
    by_key_id: HashMap<Box<str>, OfKeyId, RandomState>,
    by_algorithm: [OfAlgorithm; Algorithm::ALL.len()],
}

type OfKeyId = Vec<(Algorithm, Range<usize>)>;

#[derive(Default)]
struct OfAlgorithm {
    all: Range<usize>,
    unnamed: Range<usize>,
}

impl KeyChoice {
    /// Sorts the keys, so that those to be tried together stand together.
    pub(super) fn among(keys: &mut [Key]) -> Self {
        keys.sort_by(|one, other| one.order().cmp(&other.order()));
        let mut this = Self::default();
        let mut start = 0;
        for alike in keys.chunk_by(|one, other| one.order() == other.order()) {
            let places = start..start + alike.len();
            start = places.end;
            for key in alike.iter().take(1) {
                let (algorithm, key_id) = key.order();
                this.note(algorithm, key_id, places.clone());
            }
        }
        this
    }

    fn note(&mut self, algorithm: Algorithm, key_id: Option<&str>, places: Range<usize>) {
        if let Some(of_algorithm) = self.by_algorithm.get_mut(algorithm as usize) {
            if of_algorithm.all.is_empty() {
                of_algorithm.all.start = places.start;
            }
            of_algorithm.all.end = places.end;
            if key_id.is_none() {
                of_algorithm.unnamed = places.clone();
            }
        }
        if let Some(key_id) = key_id {
            let named = self.by_key_id.entry(key_id.into()).or_default();
            named.push((algorithm, places));
        }
    }

    /// Those that have that `kid` and are of that algorithm.
    pub(super) fn named(&self, algorithm: Algorithm, key_id: &str) -> Range<usize> {
        let named = self.by_key_id.get(key_id).map(Vec::as_slice);
        let mut named = named.unwrap_or_default().iter();
        let found = named.find(|(of, _)| *of == algorithm);
        found.map_or(0..0, |(_, places)| places.clone())
    }

    /// Those to be tried; none if there is none to choose.
    pub(super) fn candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> Range<usize> {
        let Some(OfAlgorithm { all, unnamed }) = self.by_algorithm.get(algorithm as usize) else {
            return 0..0;
        };
        let found = match key_id {
            Some(key_id) => self.named(algorithm, key_id),
            None if all.len() == 1 => all.clone(),
            None => 0..0,
        };
        match found.is_empty() {
            true => unnamed.clone(),
            false => found,
        }
    }
}
