//! The issuers that are known, in a memory of two parts: those of which a token was
//! verified, and those that anybody may have made up.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;

use super::{
    Limits,
    admission::{Admission, Known, Place, Treatment, evicted, treatment},
};
use crate::{
    jwt::key::KeySet,
    keys::{
        KeyQuery, KeySource,
        remote::{FirstKeys, RemoteKeySet},
    },
};

/// Read without a lock. It is copied to be changed, which happens a few times a minute.
pub(super) struct Tenants {
    by_issuer: ArcSwap<ByIssuer>,
    /// Whoever changes the tenants holds it.
    admission: Mutex<Admission>,
    limits: Limits,
    admitted: AtomicU64,
    held_back: AtomicU64,
}

type ByIssuer = HashMap<Arc<str>, Arc<Tenant>>;

pub(super) struct Tenant {
    pub(super) keys: RemoteKeySet,
    number: u64,
    since: Duration,
    is_proven: AtomicBool,
    /// Since somebody had to make room.
    is_used: AtomicBool,
}

/// What [`RemoteIssuers::state`](super::RemoteIssuers::state) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Issuers of which a token was verified.
    pub proven: usize,
    /// Issuers of which none was: new ones, and those that were not found.
    pub unproven: usize,
    /// Issuers that are being looked for, for the first time.
    pub under_way: usize,
    /// How many issuers were looked for so far.
    pub admitted: u64,
    /// How many tokens were not served because too many issuers were new.
    pub held_back: u64,
}

/// Who answers for an issuer.
pub(super) enum Answering {
    /// Its first keys, when they come.
    FirstKeys(Arc<Tenant>),
    Keys(Arc<Tenant>),
    /// Its keys, as they are.
    AsTheyAre(KeySet),
    /// It was not found, and nobody looks again for this long.
    Failed(Arc<Tenant>, Duration),
    /// Too many issuers are new; it is worth asking again after this.
    HeldBack(Duration),
}

impl Tenants {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            by_issuer: ArcSwap::default(),
            admission: Mutex::default(),
            limits,
            admitted: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }

    /// Whoever is known by that name. One atomic load.
    pub(super) fn get(&self, issuer: &str) -> Option<Arc<Tenant>> {
        self.by_issuer.load().get(issuer).cloned()
    }

    pub(super) fn issuers(&self) -> Vec<Arc<str>> {
        self.by_issuer.load().keys().cloned().collect()
    }

    /// Who answers for an issuer; a newcomer, if the budget allows one.
    pub(super) fn answering(
        &self,
        issuer: &str,
        now: Duration,
        new: impl FnOnce() -> RemoteKeySet,
    ) -> Answering {
        let mut admission = self.admission();
        let tenants = self.by_issuer.load();
        let known = tenants.get(issuer);
        let treatment = treatment(known.map(|tenant| tenant.known()), now, &self.limits);
        let mut admit = || admission.admit(|| under_way(&tenants, now), now, &self.limits);
        match (known, treatment) {
            (Some(known), Treatment::Await) => Answering::FirstKeys(Arc::clone(known)),
            (Some(known), Treatment::Ask) => Answering::Keys(Arc::clone(known)),
            (Some(known), Treatment::Failed(wait)) => Answering::Failed(Arc::clone(known), wait),
            (Some(known), Treatment::Spend) => match admit() {
                Ok(()) => Answering::Keys(Arc::clone(known)),
                Err(_) => Answering::AsTheyAre(known.keys.as_they_are()),
            },
            (_, Treatment::Admit) | (None, _) => match admit() {
                Ok(()) => Answering::FirstKeys(self.insert(issuer, now, new())),
                Err(wait) => {
                    self.held_back.fetch_add(1, Ordering::Relaxed);
                    Answering::HeldBack(wait)
                }
            },
        }
    }

    /// The caller holds the admission.
    fn insert(&self, issuer: &str, now: Duration, keys: RemoteKeySet) -> Arc<Tenant> {
        let number = self.admitted.fetch_add(1, Ordering::Relaxed);
        let tenant = Arc::new(Tenant {
            keys,
            number,
            since: now,
            is_proven: AtomicBool::new(false),
            is_used: AtomicBool::new(false),
        });
        let mut tenants = ByIssuer::clone(&self.by_issuer.load());
        tenants.remove(issuer);
        make_room(&mut tenants, false, self.limits.unproven);
        tenants.insert(issuer.into(), Arc::clone(&tenant));
        self.by_issuer.store(Arc::new(tenants));
        tenant
    }

    /// A token of that issuer was verified: nobody who is made up pushes it out any more.
    pub(super) fn prove(&self, issuer: &str) {
        let is_new = |tenant: &Arc<Tenant>| !tenant.is_proven();
        if !self.get(issuer).as_ref().is_some_and(is_new) {
            return;
        }
        let _admission = self.admission();
        let mut tenants = ByIssuer::clone(&self.by_issuer.load());
        let Some(tenant) = tenants.get(issuer).filter(|tenant| is_new(tenant)).cloned() else {
            return;
        };
        make_room(&mut tenants, true, self.limits.proven);
        tenant.is_proven.store(true, Ordering::Relaxed);
        self.by_issuer.store(Arc::new(tenants));
    }

    pub(super) fn state(&self, now: Duration) -> State {
        let tenants = self.by_issuer.load();
        let proven = places(&tenants, true).len();
        State {
            proven,
            unproven: tenants.len() - proven,
            under_way: under_way(&tenants, now),
            admitted: self.admitted.load(Ordering::Relaxed),
            held_back: self.held_back.load(Ordering::Relaxed),
        }
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenant {
    /// The keys, if the one that is wanted is among them. Only those of somebody who has
    /// proved himself are kept fresh for it.
    pub(super) fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
        match self.is_proven() {
            true => self.keys.current(wanted),
            false => self.keys.glance(wanted),
        }
    }

    fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    fn known(&self) -> Known {
        Known {
            is_proven: self.is_proven(),
            keys: self.keys.first_keys(),
        }
    }
}

fn places(tenants: &ByIssuer, is_proven: bool) -> Vec<Place<&Arc<str>>> {
    let part = tenants
        .iter()
        .filter(|(_, tenant)| tenant.is_proven() == is_proven);
    part.map(|(who, tenant)| Place {
        who,
        is_used: tenant.is_used.load(Ordering::Relaxed),
        number: tenant.number,
    })
    .collect()
}

fn make_room(tenants: &mut ByIssuer, is_proven: bool, capacity: usize) {
    let evicted = evicted(places(tenants, is_proven), capacity).cloned();
    if let Some(evicted) = evicted {
        tenants.remove(&evicted);
        for tenant in tenants.values() {
            tenant.is_used.store(false, Ordering::Relaxed);
        }
    }
}

/// A search that takes longer than this was lost with its runtime.
const LONGEST_SEARCH: Duration = Duration::from_secs(60);

fn under_way(tenants: &ByIssuer, now: Duration) -> usize {
    let is_awaited = |tenant: &&Arc<Tenant>| {
        now < tenant.since.saturating_add(LONGEST_SEARCH)
            && tenant.keys.first_keys() == FirstKeys::Awaited
    };
    tenants.values().filter(is_awaited).count()
}
