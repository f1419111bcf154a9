//! A bounded map: read without a lock; the least recently used leave.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

/// Made for reads in each request and a newcomer now and then, whose arrival costs a copy
/// of the map: it costs an exchange with an authorization server anyway.
pub(super) struct Recent<K, V> {
    entries: ArcSwap<HashMap<K, Arc<Entry<V>>>>,
    /// Held by a newcomer.
    door: Mutex<()>,
    /// Counts newcomers. Time is counted in them, so that a use mostly writes nothing and
    /// two cores that use the same entry don't get in each other's way.
    newcomers: AtomicU64,
    capacity: usize,
}

struct Entry<V> {
    value: V,
    last_used: AtomicU64,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: ArcSwap::default(),
            door: Mutex::default(),
            newcomers: AtomicU64::new(0),
            capacity,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries.load();
        let entry = entries.get(key)?;
        let now = self.newcomers.load(Ordering::Relaxed);
        if entry.last_used.load(Ordering::Relaxed) != now {
            entry.last_used.store(now, Ordering::Relaxed);
        }
        Some(entry.value.clone())
    }

    /// The value at hand, or what `make` makes: once, however many ask for it together.
    pub(super) fn get_or_make<E>(
        &self,
        key: &K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let _newcomer = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let value = make()?;
        let entry = Entry {
            value: value.clone(),
            last_used: AtomicU64::new(self.newcomers.fetch_add(1, Ordering::Relaxed)),
        };
        let mut entries = HashMap::clone(&self.entries.load());
        while entries.len() >= self.capacity {
            let Some(oldest) = least_recently_used(&entries) else {
                break;
            };
            entries.remove(&oldest);
        }
        entries.insert(key.clone(), Arc::new(entry));
        self.entries.store(Arc::new(entries));
        Ok(value)
    }
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(super) fn retain(&self, keep: impl Fn(&K) -> bool) {
        if self.entries.load().keys().all(&keep) {
            return;
        }
        let _newcomer = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = HashMap::clone(&self.entries.load());
        entries.retain(|key, _| keep(key));
        self.entries.store(Arc::new(entries));
    }
}

fn least_recently_used<K: Clone, V>(entries: &HashMap<K, Arc<Entry<V>>>) -> Option<K> {
    let last_used = |entry: &Entry<V>| entry.last_used.load(Ordering::Relaxed);
    let oldest = entries.iter().min_by_key(|(_, entry)| last_used(entry));
    oldest.map(|(key, _)| key.clone())
}

impl<K, V> Recent<K, V> {
    pub(super) fn len(&self) -> usize {
        self.entries.load().len()
    }
}
