//! The rules under random asking, reading, handling and leaving; then the handle with futures that are dropped anywhere.

use super::share::{Ask, Core, Slot};
use super::*;
use futures_util::FutureExt;
use proptest::prelude::*;
use std::pin::Pin;
use std::task::Poll;

const FULL: u64 = 100;

#[derive(Clone, Debug)]
enum Step {
    Enter(u64),
    Leave(usize),
    Ask(usize),
    Cancel(usize),
    /// An answer comes: what it did not need is given back.
    Answer(usize, u64),
    /// Some or all of what is held is handled.
    Handle(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1..=FULL).prop_map(Step::Enter),
        1 => any::<usize>().prop_map(Step::Leave),
        8 => any::<usize>().prop_map(Step::Ask),
        2 => any::<usize>().prop_map(Step::Cancel),
        5 => (any::<usize>(), 0..FULL).prop_map(|(which, left)| Step::Answer(which, left)),
        5 => (any::<usize>(), prop_oneof![Just(u64::MAX), 1..FULL]).prop_map(|(which, bytes)| Step::Handle(which, bytes)),
    ]
}

/// A core, and what it must have given out.
struct World {
    core: Core,
    budget: u64,
    /// Shards that take part, with what their small read takes.
    shards: Vec<(Slot, u64)>,
    waiting: Vec<(Ask, Slot)>,
    grants: Vec<(Slot, u64)>,
}

impl World {
    fn new(budget: u64) -> Self {
        Self { core: Core::new(budget, FULL), budget, shards: vec![], waiting: vec![], grants: vec![] }
    }

    fn held(&self, slot: Slot) -> u64 {
        self.grants.iter().filter(|(holder, _)| *holder == slot).map(|(_, bytes)| bytes).sum()
    }

    fn held_by_all(&self) -> u64 {
        self.grants.iter().map(|(_, bytes)| bytes).sum()
    }

    fn small(&self, slot: Slot) -> u64 {
        self.shards.iter().find(|(known, _)| *known == slot).unwrap().1
    }

    fn share(&self) -> u64 {
        self.budget / self.shards.len().max(1) as u64 * 2
    }

    fn step(&mut self, step: &Step) {
        let pick = |which: usize, of: usize| (of > 0).then(|| which % of);
        match *step {
            Step::Enter(small) => self.shards.push((self.core.enter(small), small)),
            Step::Leave(which) => {
                if let Some(place) = pick(which, self.shards.len()) {
                    let (slot, _) = self.shards.remove(place);
                    self.waiting.retain(|(_, waiting)| *waiting != slot);
                    self.core.leave(slot);
                }
            }
            Step::Ask(which) => {
                if let Some(place) = pick(which, self.shards.len()) {
                    let slot = self.shards[place].0;
                    self.waiting.push((self.core.ask(slot), slot));
                }
            }
            Step::Cancel(which) => {
                if let Some(place) = pick(which, self.waiting.len()) {
                    self.core.cancel(self.waiting.remove(place).0);
                }
            }
            Step::Answer(which, left) => {
                if let Some(place) = pick(which, self.grants.len()) {
                    let (slot, bytes) = self.grants[place];
                    self.grants[place].1 = bytes.min(left);
                    self.core.give_back(slot, bytes - bytes.min(left));
                }
            }
            Step::Handle(which, bytes) => {
                if let Some(place) = pick(which, self.grants.len()) {
                    let (slot, held) = self.grants[place];
                    self.core.give_back(slot, held.min(bytes));
                    self.grants[place].1 -= held.min(bytes);
                }
            }
        }
        self.grants.retain(|(_, bytes)| *bytes > 0);
    }

    /// Lets in who can be, by turns dropping the promise or taking it up, and checks what was decided.
    fn admit(&mut self, drop_promises: bool) {
        loop {
            let admitted = self.core.admit();
            for ask in &admitted {
                let place = self.waiting.iter().position(|(waiting, _)| waiting == ask).expect("who is let in waited");
                let (_, slot) = self.waiting.remove(place);
                let had_nothing = self.held(slot) == 0;
                if had_nothing {
                    let earlier = &self.waiting[..place];
                    let is_idle = |(_, slot): &&(Ask, Slot)| self.held(*slot) == 0;
                    assert_eq!(earlier.iter().filter(is_idle).count(), 0, "first come first");
                }
                let read = self.core.redeem(*ask).expect("promised");
                assert_eq!(self.core.redeem(*ask), None, "once");
                assert!(read.bytes == if read.is_full { FULL } else { self.small(slot) });
                assert!(read.is_full || had_nothing, "a small read is for who has nothing");
                self.grants.push((slot, read.bytes));
                self.core.cancel(*ask); // changes nothing any more
            }
            self.check();
            if !drop_promises || admitted.is_empty() {
                return;
            }
            for (slot, bytes) in self.grants.drain(self.grants.len() - admitted.len()..) {
                self.core.give_back(slot, bytes);
            }
        }
    }

    fn check(&self) {
        let held = self.held_by_all();
        let room = self.core.room();
        assert_eq!((room.held, room.waiting, room.shards), (held, self.waiting.len(), self.shards.len()));
        assert!(held <= self.budget || self.grants.len() == 1, "{held} of {}", self.budget);
        let claim = |(slot, small): &(Slot, u64)| self.held(*slot).max(*small);
        let gone: u64 = self.grants.iter().filter(|(slot, _)| self.has_left(*slot)).map(|(_, bytes)| bytes).sum();
        let claimed: u64 = self.shards.iter().map(claim).sum::<u64>() + gone;
        for (_, slot) in &self.waiting {
            let (mine, small) = (self.held(*slot), self.small(*slot));
            if mine == 0 {
                assert!(held > 0, "nobody waits for nothing");
                assert!(claimed > self.budget, "who has nothing waits only if not even small reads of all find room");
            } else if self.shards.len() == 1 {
                assert!(claimed + FULL > self.budget, "one who is alone has all");
            } else {
                let spare = (self.budget + mine.max(small)).saturating_sub(claimed + mine);
                let is_modest = mine + FULL <= self.share();
                let first_modest = self
                    .waiting
                    .iter()
                    .find(|(_, slot)| self.held(*slot) > 0 && self.held(*slot) + FULL <= self.share());
                if is_modest && first_modest.is_some_and(|(_, first)| first == slot) {
                    assert!(spare < 2 * FULL || claimed > self.budget, "first in line, and there was room");
                }
            }
        }
    }

    fn has_left(&self, slot: Slot) -> bool {
        self.shards.iter().all(|(known, _)| *known != slot)
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_budget_holds_and_all_comes_back(
        budget in 1..1500_u64, steps in prop::collection::vec((step(), prop::bool::weighted(0.1)), 0..200),
    ) {
        let mut world = World::new(budget);
        for (step, drop_promises) in &steps {
            world.step(step);
            world.admit(*drop_promises);
        }
        // As long as something is given back, everybody is let in, one after the other.
        while !world.waiting.is_empty() {
            prop_assert!(!world.grants.is_empty());
            world.step(&Step::Handle(0, u64::MAX));
            world.admit(false);
        }
        while !world.grants.is_empty() {
            world.step(&Step::Handle(0, u64::MAX));
        }
        world.shards.clone().iter().for_each(|_| world.step(&Step::Leave(0)));
        prop_assert_eq!(world.core.room(), Room { budget, held: 0, waiting: 0, shards: 0 });
        prop_assert!(world.core.is_empty());
    }

    #[test]
    fn who_has_nothing_never_waits_if_small_reads_of_all_find_room(
        smalls in prop::collection::vec(1..30_u64, 1..12), more in 0..1000_u64,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut world = World::new(smalls.iter().sum::<u64>() + more);
        smalls.iter().for_each(|small| world.step(&Step::Enter(*small)));
        for step in steps.iter().filter(|step| !matches!(step, Step::Enter(_))) {
            world.step(step);
            world.admit(false);
            prop_assert!(world.waiting.iter().all(|(_, slot)| world.held(*slot) > 0));
        }
    }

    #[test]
    fn shards_that_stand_still_leave_a_full_read_to_others(shards in 2..40_usize, still in 1..8_usize, more in 3..30_u64) {
        let still = still.min(shards - 1);
        let mut world = World::new(shards as u64 * 10 + more * FULL);
        (0..shards).for_each(|_| world.step(&Step::Enter(10)));
        // They ask on and on, and handle nothing; the first read of each is all that they may take from others.
        for which in (0..still).cycle().take(still * 50) {
            let slot = world.shards[which].0;
            if !world.waiting.iter().any(|(_, waiting)| *waiting == slot) {
                world.step(&Step::Ask(which));
                world.admit(false);
            }
        }
        prop_assert_eq!(world.waiting.len(), still, "each came to an end");
        if still == 1 {
            let held = world.held(world.shards[0].0);
            let free = world.budget - held - (shards as u64 - 1) * 10;
            prop_assert!(held <= FULL || held.saturating_sub(world.share()) <= free, "{held} held, {free} free");
        }
        let before = world.grants.len();
        world.step(&Step::Ask(still));
        world.admit(false);
        let (slot, bytes) = world.grants[before];
        prop_assert_eq!(slot, world.shards[still].0);
        // Unless all the room went into one first read of each.
        prop_assert!(bytes == FULL || world.grants.len() - 1 == still, "{} bytes", bytes);
    }

    #[test]
    fn nobody_goes_beyond_its_share_while_one_below_its_own_waits(
        budget in 300..3000_u64, steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut world = World::new(budget);
        for step in &steps {
            world.step(step);
            let before = world.grants.clone();
            world.admit(false);
            let held_before = |slot: Slot| -> u64 {
                before.iter().filter(|(holder, _)| *holder == slot).map(|(_, bytes)| bytes).sum()
            };
            let share = world.share();
            let grown = world.shards.iter().map(|(slot, _)| (held_before(*slot), world.held(*slot)));
            let is_beyond = grown.filter(|(was, is)| is > was && *was > 0).any(|(_, is)| is > share);
            let is_below = |(_, slot): &(Ask, Slot)| world.held(*slot) + FULL <= share || world.held(*slot) == 0;
            prop_assert!(!is_beyond || !world.waiting.iter().any(is_below));
        }
    }
}

#[test]
fn one_beyond_its_share_waits_behind_one_below_even_if_it_needs_less() {
    let mut world = World::new(600);
    for (place, (small, held)) in [(100, 30), (1, 10)].into_iter().enumerate() {
        world.step(&Step::Enter(small));
        world.step(&Step::Ask(place));
        world.admit(false);
        world.step(&Step::Answer(place, held));
    }
    (0..8).for_each(|_| world.step(&Step::Enter(43)));
    // A share is 120. The first would go beyond, with much set apart for it; the second would not, and has nothing set apart.
    world.step(&Step::Ask(0));
    world.step(&Step::Ask(1));
    world.admit(false);
    assert_eq!(world.waiting.len(), 2);
    world.step(&Step::Cancel(1));
    world.admit(false);
    assert_eq!(world.waiting.len(), 0);
}

#[test]
fn reads_are_as_large_as_there_is_room() {
    let budget = Budget::new(FULL_READ + 2 * MIB);
    let (one, two) = (budget.account(MIB, MIB), budget.account(MIB, MIB));
    let full = one.read().now_or_never().expect("there is room");
    assert_eq!((full.bytes(), full.limit()), (FULL_READ, 10_000));
    let small = two.read().now_or_never().expect("its small read is set apart");
    assert_eq!((small.bytes(), small.limit()), (MIB + BOOKKEEPING, 1));
    assert_eq!(
        budget.room(),
        Room { budget: FULL_READ + 2 * MIB, held: full.bytes() + small.bytes(), waiting: 0, shards: 2 }
    );
    assert!(two.read().now_or_never().is_none(), "it has something already");
    drop(full);
    drop(small);
    assert_eq!(two.read().now_or_never().expect("there is room").limit(), 10_000);
}

#[test]
fn a_small_read_asks_for_as_many_records_as_fit_whatever_their_size() {
    for (record_limit, floor, records, bytes) in [
        (MIB, MIB, 1, MIB),
        (MIB, 5 * MIB / 2, 2, 5 * MIB / 2),
        (10 * MIB, MIB, 1, 10 * MIB),
        (0, 0, 1, 1),
        (1, 20_000, 10_000, 20_000),
    ] {
        // Less than any read, so that a small one is all there is.
        let budget = Budget::new(1);
        let account = budget.account(record_limit, floor);
        let grant = account.read().now_or_never().expect("nothing else is there");
        assert_eq!((u64::from(grant.limit()), grant.bytes()), (records, bytes + records * BOOKKEEPING));
        assert!(u64::from(grant.limit()) * record_limit + records * BOOKKEEPING <= grant.bytes());
    }
}

#[tokio::test]
async fn who_waits_is_woken_when_something_is_given_back() {
    let budget = Budget::new(FULL_READ + MIB);
    let account = budget.account(MIB, MIB);
    let first = account.read().await;
    let (second, ()) = tokio::join!(account.read(), async { drop(first) });
    assert_eq!(second.bytes(), FULL_READ);
}

type Reading<'a> = Pin<Box<dyn Future<Output = Grant> + 'a>>;

proptest! {
    #[test]
    fn futures_dropped_anywhere_lose_nothing(
        shards in 1..6_usize, mib in 1..60_u64, steps in prop::collection::vec((0..5_u8, any::<usize>()), 0..150),
    ) {
        let budget = Budget::new(mib * MIB);
        let accounts: Vec<Account> = (0..shards).map(|_| budget.account(MIB, MIB)).collect();
        let (mut readings, mut grants): (Vec<Reading<'_>>, Vec<Grant>) = Default::default();
        let mut context = std::task::Context::from_waker(futures_util::task::noop_waker_ref());
        let mut poll = |readings: &mut Vec<Reading<'_>>, grants: &mut Vec<Grant>, place: usize| {
            if let Poll::Ready(grant) = readings[place].as_mut().poll(&mut context) {
                drop(readings.remove(place));
                grants.push(grant);
            }
        };
        for (step, which) in steps {
            match step {
                0 => readings.push(Box::pin(accounts[which % shards].read())),
                1 | 2 if !readings.is_empty() => {
                    let place = which % readings.len();
                    poll(&mut readings, &mut grants, place);
                }
                3 if !readings.is_empty() => drop(readings.remove(which % readings.len())),
                4 if !grants.is_empty() => drop(grants.remove(which % grants.len())),
                _ => {}
            }
            let held: u64 = grants.iter().map(Grant::bytes).sum();
            prop_assert!(budget.shared.lock().core.admit().is_empty(), "who can be let in is let in at once");
            prop_assert!(budget.room().held >= held, "promises are held too");
            prop_assert!(budget.room().held <= (mib * MIB).max(MIB + BOOKKEEPING));
        }
        while !readings.is_empty() {
            let (before, held) = (readings.len(), grants.len());
            for place in (0..readings.len()).rev() {
                poll(&mut readings, &mut grants, place);
            }
            prop_assert!(readings.len() < before || held > 0, "nobody waits for nothing");
            grants.clear();
        }
        grants.clear();
        prop_assert_eq!((budget.room().held, budget.room().waiting), (0, 0));
        prop_assert!(budget.shared.lock().sleepers.is_empty());
    }
}

const MIB: u64 = 1024 * 1024;
