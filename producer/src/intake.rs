//! Room for records: a budget in bytes, a fair share of it for every shard, and the queue of those who wait.
//! Why shares follow what is free: a shard that is slow may use half the budget while nobody else needs it, and still
//! others find room, because its limit sinks as room does. What is given back then goes to those below their share.
//! Pure. Called by `pipeline`; the shell tells those who wait that they may put.

use std::collections::{BTreeMap, VecDeque};
use tailwater_record::UserRecord;

/// What a record takes besides its bytes, whatever stage it is in: its number, its receipt, its place in tables.
const BOOKKEEPING: u64 = 96;

/// What a record takes of the budget.
pub(crate) fn cost(record: &UserRecord) -> u64 {
    let key = record.partition_key().map_or(0, |key| key.as_str().len());
    let headers: usize = record.headers().iter().map(|(name, value)| name.len() + value.len() + 16).sum();
    (record.data().len() + key + headers) as u64 + BOOKKEEPING
}

/// Names a waiting put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WaitId(u64);

/// The budget, and who waits for it.
#[derive(Debug)]
pub(crate) struct Room<L> {
    budget: u64,
    /// Of accepted records, and of room that was promised to one who waits.
    used: u64,
    waiting: VecDeque<Waiting<L>>,
    /// Who was let in and has not come yet, with the room that was promised.
    promised: BTreeMap<WaitId, u64>,
    next: u64,
}

#[derive(Debug)]
struct Waiting<L> {
    id: WaitId,
    cost: u64,
    /// The lane whose share is used up, if that is what it waits for.
    lane: Option<L>,
}

impl<L: Copy> Room<L> {
    pub(crate) fn new(budget: u64) -> Self {
        Self { budget, used: 0, waiting: VecDeque::new(), promised: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// Whether so much more fits. A record larger than the whole budget fits when nothing else is there.
    pub(crate) fn fits(&self, cost: u64) -> bool {
        self.used + cost <= self.budget || self.used == 0
    }

    /// Whether one who comes now must stand behind others.
    pub(crate) fn has_queue(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.lane.is_none())
    }

    pub(crate) fn take(&mut self, cost: u64) {
        self.used += cost;
    }

    pub(crate) fn give_back(&mut self, cost: u64) {
        self.used = self.used.checked_sub(cost).expect("nothing is given back that was not taken");
    }

    /// What one of so many lanes may use now: twice what is free, and half as much again as its even share. So lanes that are
    /// alike fill the room together, and as long as not half of them are slow, these leave some to the others.
    pub(crate) fn share(&self, lanes: usize) -> u64 {
        // What is larger than any share has all the room when nothing else is there.
        if lanes <= 1 || self.used == 0 {
            return u64::MAX;
        }
        let even = self.budget / lanes as u64;
        let free = self.budget.saturating_sub(self.used);
        free.saturating_mul(2).saturating_add(even + even / 2)
    }

    /// Gets in line.
    pub(crate) fn wait(&mut self, cost: u64, lane: Option<L>) -> WaitId {
        let id = WaitId(self.next);
        self.next += 1;
        self.waiting.push_back(Waiting { id, cost, lane });
        id
    }

    /// Takes up a promise; the room stays taken. False if there is none.
    pub(crate) fn redeem(&mut self, id: WaitId) -> bool {
        self.promised.remove(&id).is_some()
    }

    /// Steps out of line, or gives back what was promised.
    pub(crate) fn leave(&mut self, id: WaitId) {
        if let Some(cost) = self.promised.remove(&id) {
            self.give_back(cost);
        } else if let Some(place) = self.waiting.iter().position(|waiting| waiting.id == id) {
            self.waiting.remove(place);
        }
    }

    /// Lets in, in order, whoever fits now, and promises the room to them. `open` tells whether a lane has room.
    pub(crate) fn admit(&mut self, open: impl Fn(L, u64) -> bool, mut admitted: impl FnMut(WaitId)) {
        let mut place = 0;
        while let Some(Waiting { id, cost, lane }) = self.waiting.get(place) {
            // A lane that is full holds up nobody else; a budget that is full holds up everybody behind.
            if lane.is_some_and(|lane| !open(lane, *cost)) {
                place += 1;
                continue;
            }
            if !self.fits(*cost) {
                return;
            }
            let (id, cost) = (*id, *cost);
            self.used += cost;
            self.promised.insert(id, cost);
            self.waiting.remove(place);
            admitted(id);
        }
    }

    /// Sends away those of whom this is true, told the lane that they wait for, if it is one.
    pub(crate) fn turn_away(&mut self, hopeless: impl Fn(Option<L>) -> bool) -> Vec<WaitId> {
        let (gone, stay) = self.waiting.drain(..).partition(|waiting| hopeless(waiting.lane));
        self.waiting = stay;
        let gone: VecDeque<Waiting<L>> = gone;
        gone.into_iter().map(|waiting| waiting.id).collect()
    }

    /// Whether anybody waits.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends everybody away.
    pub(crate) fn dismiss(&mut self) -> Vec<WaitId> {
        self.waiting.drain(..).map(|waiting| waiting.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hot_lane_leaves_room_and_so_do_many() {
        for lanes in [2, 4, 100_usize] {
            for hot in 1..=lanes / 2 {
                let mut room: Room<u32> = Room::new(1_000_000);
                let mut used = vec![0; hot];
                // The hot ones take all they may, in turn.
                let mut full = 0;
                for lane in (0..hot).cycle() {
                    if used[lane] + 100 <= room.share(lanes) && room.fits(100) {
                        used[lane] += 100;
                        room.take(100);
                        full = 0;
                    } else {
                        full += 1;
                    }
                    if full == hot {
                        break;
                    }
                }
                assert!(room.fits(1000), "{hot} of {lanes} took all");
            }
        }
    }

    #[test]
    fn one_who_waits_for_a_full_lane_holds_up_nobody() {
        let mut room = Room::new(1000);
        room.take(1000);
        let ids = [room.wait(400, Some(1)), room.wait(400, Some(2)), room.wait(900, None), room.wait(10, None)];
        room.give_back(500);
        let mut admitted = Vec::new();
        room.admit(|lane, _| lane != 1, |id| admitted.push(id));
        assert_eq!(admitted, [ids[1]], "the small one stays behind the large one");
        room.leave(ids[2]);
        room.admit(|lane, _| lane != 1, |id| admitted.push(id));
        assert_eq!(admitted, [ids[1], ids[3]]);
        room.leave(ids[1]);
        assert_eq!(room.used(), 510, "the promise was given back");
        assert_eq!(room.dismiss(), [ids[0]]);
    }

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_but_by_one_record_alone(steps in prop::collection::vec((0..3_u8, 1..1500_u64), 0..300)) {
            let mut room: Room<u32> = Room::new(1000);
            let (mut taken, mut waiting): (Vec<u64>, Vec<(WaitId, u64)>) = Default::default();
            let mut redeemed = Vec::new();
            for (step, cost) in steps {
                match step {
                    0 if room.fits(cost) && !room.has_queue() => {
                        room.take(cost);
                        taken.push(cost);
                    }
                    0 | 1 => waiting.push((room.wait(cost, None), cost)),
                    _ => {
                        if let Some(cost) = taken.pop() {
                            room.give_back(cost);
                        }
                    }
                }
                room.admit(|_, _| true, |id| {
                    let place = waiting.iter().position(|(waiting, _)| *waiting == id).unwrap();
                    assert_eq!(place, 0, "in order");
                    taken.push(waiting.remove(place).1);
                    redeemed.push(id);
                });
                for id in redeemed.drain(..) {
                    prop_assert!(room.redeem(id) && !room.redeem(id));
                    room.leave(id); // changes nothing any more
                }
                prop_assert_eq!(room.used(), taken.iter().sum::<u64>());
                prop_assert!(room.used() <= 1000 || taken.len() == 1);
                prop_assert!(waiting.is_empty() || !room.fits(waiting[0].1));
            }
        }
    }
}
