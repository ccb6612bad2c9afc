//! What group a history is about, and what may go wrong in it. All from the seed, before anything happens.

use std::time::Duration;
use tailwater::consumer::Checkpointing;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing: workers come and leave in order, shards split and merge.
    Calm,
    /// Workers die and are cut off; the store answers whoever reaches it, and soon.
    Deaths,
    /// Anything.
    Wild,
}

/// How handlers say what they have handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By `Ok`.
    Plain,
    /// By hand, here and there inside a batch, with something put beside.
    ByHand,
    /// In two steps.
    TwoStep,
    /// By checkpoints that are kept and used later.
    Later,
    /// In one step with the effects.
    Transact,
}

/// A group and its fortune.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) class: Class,
    pub(crate) mode: Mode,
    pub(crate) checkpointing: Checkpointing,
    pub(crate) workers: usize,
    pub(crate) shards: u32,
    pub(crate) failover: Duration,
    pub(crate) lock_lease: Duration,
    pub(crate) handoff: Duration,
    pub(crate) linger: Duration,
    pub(crate) idle: Duration,
    pub(crate) audit: Duration,
    pub(crate) hold: Duration,
    pub(crate) by_throughput: bool,
    pub(crate) begins_latest: bool,
    pub(crate) batch_bytes: usize,
    /// How long a handler takes for a batch, at most, where nothing is wrong.
    pub(crate) pace: Duration,
    /// How long calls take, at most, where nothing is wrong.
    pub(crate) latency: Duration,
    pub(crate) troubles: Troubles,
    /// For how long things happen.
    pub(crate) length: Duration,
    /// How many records are put, about.
    pub(crate) records: usize,
    pub(crate) reshards: usize,
    /// Whether the end is awaited of rows that have served.
    pub(crate) tidies: bool,
    /// How much of what is put is aggregated, in percent.
    pub(crate) aggregated: u32,
}

/// How often things go wrong, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Troubles {
    /// Of calls to the store.
    pub(crate) store_slow: u32,
    pub(crate) store_lost: u32,
    pub(crate) store_refused: u32,
    /// Of calls to the service.
    pub(crate) way_slow: u32,
    pub(crate) way_lost: u32,
    pub(crate) way_throttled: u32,
    pub(crate) way_expired: u32,
    /// Of calls of handlers.
    pub(crate) fails: u32,
    pub(crate) panics: u32,
    pub(crate) slow: u32,
}

impl Plan {
    pub(crate) fn new(chance: &mut fastrand::Rng) -> Self {
        let class = match chance.u32(..10) {
            0..=1 => Class::Calm,
            2..=4 => Class::Deaths,
            _ => Class::Wild,
        };
        let mode = match chance.u32(..8) {
            0..=2 => Mode::Plain,
            3 => Mode::ByHand,
            4 => Mode::TwoStep,
            5 => Mode::Later,
            _ => Mode::Transact,
        };
        let checkpointing = match (mode, chance.u32(..4)) {
            (Mode::Plain, 0) => Checkpointing::Every(millis(chance, 500, 10_000)),
            (Mode::Plain, 1) => Checkpointing::EveryRecords(chance.u64(1..40)),
            (Mode::Plain, _) => Checkpointing::AfterOk,
            _ => Checkpointing::Manual,
        };
        let failover = millis(chance, 3_000, 10_000);
        let is_quick = chance.bool();
        Self {
            class,
            mode,
            checkpointing,
            workers: chance.usize(2..=4),
            shards: chance.u32(1..=4),
            failover,
            lock_lease: millis(chance, 2_000, 20_000),
            handoff: millis(chance, 2_000, 20_000),
            linger: millis(chance, 0, 2_000),
            idle: millis(chance, 1_000, 8_000),
            audit: millis(chance, 5_000, 120_000),
            hold: millis(chance, 2_000, 30_000),
            by_throughput: chance.u32(..4) == 0,
            begins_latest: chance.u32(..5) == 0,
            batch_bytes: if chance.bool() { chance.usize(1..100) } else { 1 << 20 },
            pace: if is_quick { millis(chance, 0, 50) } else { millis(chance, 50, 800) },
            latency: if chance.bool() { Duration::ZERO } else { millis(chance, 1, 50) },
            troubles: if class == Class::Wild { Troubles::wild(chance) } else { Troubles::default() },
            length: millis(chance, 30_000, 100_000),
            records: chance.usize(40..300),
            reshards: chance.usize(..5),
            tidies: chance.u32(..5) == 0,
            aggregated: [0, 30, 80][chance.usize(..3)],
        }
    }

    /// How often a worker looks at everything, as the consumer has it if nobody says otherwise.
    pub(crate) fn observation(&self) -> Duration {
        (self.failover / 3).saturating_sub(Duration::from_millis(25))
    }
}

impl Troubles {
    fn wild(chance: &mut fastrand::Rng) -> Self {
        let mut some = |most: u32| if chance.bool() { chance.u32(..=most) } else { 0 };
        Self {
            store_slow: some(100),
            store_lost: some(150),
            store_refused: some(150),
            way_slow: some(100),
            way_lost: some(100),
            way_throttled: some(200),
            way_expired: some(100),
            fails: some(150),
            panics: some(50),
            slow: some(60),
        }
    }
}

/// Some time from `least` to `most` milliseconds.
pub(crate) fn millis(chance: &mut fastrand::Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(chance.u64(least..=most))
}
