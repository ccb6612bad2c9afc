//! How calls fare: what becomes of each call of each worker to the store or to the service.
//! Chance decides within what the plan allows; storms, cuts and holds are ordered by the workload.

use crate::plan::{Plan, Troubles, millis};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    /// It is on its way so long before it does anything.
    pub(crate) before: Duration,
    /// It never arrives.
    pub(crate) refused: bool,
    /// The answer is on its way so long.
    pub(crate) after: Duration,
    /// The answer never arrives.
    pub(crate) lost: bool,
    pub(crate) throttled: bool,
    pub(crate) expired: bool,
}

/// The weather.
#[derive(Debug)]
pub(crate) struct Weather {
    chance: fastrand::Rng,
    latency: Duration,
    troubles: Troubles,
    /// Nobody reaches the store until then.
    away: Option<Instant>,
    /// Workers that reach nothing until then.
    cut: BTreeMap<usize, Instant>,
    /// Workers whose calls are held until then, and let go.
    held: BTreeMap<usize, Instant>,
    pub(crate) failures: u64,
    /// When the last call that is under way arrives.
    arrives: Option<Instant>,
    /// How many calls were made at one moment.
    crowd: (Option<Instant>, u32),
}

/// Nobody makes so many calls without any time passing, unless he makes them for ever.
const CROWD: u32 = 5_000;

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Store,
    Service,
}

impl Weather {
    pub(crate) fn new(plan: &Plan, seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            latency: plan.latency,
            troubles: plan.troubles,
            away: None,
            cut: BTreeMap::new(),
            held: BTreeMap::new(),
            failures: 0,
            arrives: None,
            crowd: (None, 0),
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn clear(&mut self) {
        self.troubles = Troubles::default();
        self.away = None;
        self.cut.clear();
        self.held.clear();
    }

    pub(crate) fn troubles(&self) -> Troubles {
        self.troubles
    }

    pub(crate) fn take_store_away(&mut self, until: Instant) {
        self.away = Some(until);
    }

    pub(crate) fn cut_off(&mut self, process: usize, until: Instant) {
        self.cut.insert(process, until);
    }

    pub(crate) fn hold(&mut self, process: usize, until: Instant) {
        self.held.insert(process, until);
    }

    /// Whether calls are made again and again while no time passes.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowd.1 > CROWD
    }

    pub(crate) fn arrives(&self) -> Option<Instant> {
        self.arrives
    }

    /// What becomes of a call that is made now.
    pub(crate) fn fate(&mut self, now: Instant, process: usize, to: To) -> Fate {
        let fate = self.any_fate(now, process, to);
        self.arrives = self.arrives.max(Some(now + fate.before));
        fate
    }

    fn any_fate(&mut self, now: Instant, process: usize, to: To) -> Fate {
        let mut fate = Fate::default();
        if self.is_crowded() {
            // Time must pass, that somebody may see it.
            return Fate { before: Duration::from_secs(3600), ..fate };
        }
        self.crowd = if self.crowd.0 == Some(now) { (Some(now), self.crowd.1 + 1) } else { (Some(now), 1) };
        if !self.latency.is_zero() {
            let most = self.latency.as_millis() as u64;
            (fate.before, fate.after) = (millis(&mut self.chance, 0, most), millis(&mut self.chance, 0, most));
        }
        let is_away = self.away.is_some_and(|until| now < until) && to == To::Store;
        if is_away || self.cut.get(&process).is_some_and(|until| now < *until) {
            // Refused at once, or no answer at all for long.
            fate.before += if self.chance.bool() { Duration::ZERO } else { millis(&mut self.chance, 100, 30_000) };
            fate.refused = true;
            self.failures += 1;
            return fate;
        }
        if let Some(until) = self.held.get(&process).filter(|until| now < **until) {
            fate.before += until.saturating_duration_since(now);
        }
        let troubles = self.troubles;
        let (slow, lost, refused) = match to {
            To::Store => (troubles.store_slow, troubles.store_lost, troubles.store_refused),
            To::Service => (troubles.way_slow, troubles.way_lost, troubles.way_lost / 2),
        };
        if self.happens(slow) {
            fate.before += millis(&mut self.chance, 0, 6_000);
        }
        if self.happens(slow) {
            fate.after += millis(&mut self.chance, 0, 6_000);
        }
        fate.lost = self.happens(lost);
        fate.refused = self.happens(refused);
        if to == To::Service {
            fate.throttled = self.happens(troubles.way_throttled);
            fate.expired = self.happens(troubles.way_expired);
        }
        self.failures += u64::from(fate.lost || fate.refused || fate.throttled || fate.expired);
        fate
    }

    fn happens(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.chance.u32(..1000) < thousandths
    }
}
