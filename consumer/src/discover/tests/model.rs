//! A stream that is split and merged at random, and readers of it that crash between any two rows: in the end each shard
//! was read once, parents before children.

use super::*;
use crate::clean::{finished, garbage};
use fastrand::Rng;
use tailwater_store::{Incarnation, WorkerId};

/// A shard as it is, whatever a listing tells.
#[derive(Clone, Debug)]
struct Born {
    parents: Vec<u32>,
    range: HashRange,
    born: u64,
    closed: Option<u64>,
}

/// The stream. One resharding is one tick of its clock; shards closed before the horizon are listed no more.
#[derive(Debug)]
struct World {
    shards: Vec<Born>,
    clock: u64,
    horizon: u64,
}

impl World {
    fn new(chance: &mut Rng) -> Self {
        let count = std::num::NonZeroU32::new(chance.u32(1..6)).unwrap();
        let shards = HashRange::uniform(count).map(|range| Born { parents: Vec::new(), range, born: 0, closed: None });
        Self { shards: shards.collect(), clock: 0, horizon: 0 }
    }

    fn reshard(&mut self, chance: &mut Rng) {
        self.clock += 1;
        let mut open: Vec<u32> =
            (0..).zip(&self.shards).filter(|(_, one)| one.closed.is_none()).map(|(at, _)| at).collect();
        open.sort_by_key(|at| self.shards[*at as usize].range);
        let at = chance.usize(0..open.len());
        let range = |number: u32| self.shards[number as usize].range;
        // Between two and a dozen open shards, as it comes.
        let (parents, ranges) = match open.get(at + 1) {
            Some(next) if chance.usize(0..12) < open.len() => {
                (vec![open[at], *next], vec![range(open[at]).merge(range(*next)).unwrap()])
            }
            Some(_) | None => {
                let whole = range(open[at]);
                let width = whole.end().number() - whole.start().number();
                let cut = HashKey::new(whole.start().number() + 1 + chance.u128(0..width.max(1)));
                let Some((low, high)) = whole.split(cut) else { return };
                (vec![open[at]], vec![low, high])
            }
        };
        parents.iter().for_each(|parent| self.shards[*parent as usize].closed = Some(self.clock));
        let born = |range| Born { parents: parents.clone(), range, born: self.clock, closed: None };
        self.shards.extend(ranges.into_iter().map(born));
    }

    fn is_listed(&self, number: u32) -> bool {
        self.shards[number as usize].closed.is_none_or(|closed| closed >= self.horizon)
    }

    fn list(&self, which: impl Fn(u32, &Born) -> bool) -> Vec<ListedShard> {
        let all = (0..).zip(&self.shards).filter(|(number, one)| self.is_listed(*number) && which(*number, one));
        all.map(|(number, one)| ListedShard {
            range: one.range,
            begins: SequenceNumber::from_words([0, one.born + 1, number.into()]),
            ..listed(number, &one.parents, one.closed.is_none())
        })
        .collect()
    }

    fn children(&self, parent: u32) -> Vec<u32> {
        (0..).zip(&self.shards).filter(|(_, one)| one.parents.contains(&parent)).map(|(number, _)| number).collect()
    }
}

/// A group of workers and their leader, as one.
struct Group {
    start: Start,
    /// The tick at which reading begins.
    from: u64,
    /// Whether the first rows were all written, with no crash between them.
    began_whole: bool,
    rows: BTreeMap<u32, Lease>,
    /// Shards that were read to their end, or found to be gone.
    over: BTreeSet<u32>,
    chance: Rng,
}

impl Group {
    fn new(world: &World, mut chance: Rng) -> Self {
        let (start, from) = match chance.bool() {
            true => (Start::TrimHorizon, world.horizon),
            false => (MOMENT, chance.u64(world.horizon..=world.clock)),
        };
        Self { start, from, began_whole: false, rows: BTreeMap::new(), over: BTreeSet::new(), chance }
    }

    /// Open at the start, or born later.
    fn is_reached(&self, one: &Born) -> bool {
        one.closed.is_none_or(|closed| closed > self.from)
    }

    /// Writes rows up to a crash, if one comes.
    fn write(&mut self, rows: Vec<Lease>) {
        let until = if self.chance.u32(0..3) == 0 { self.chance.usize(0..=rows.len()) } else { rows.len() };
        for row in rows.into_iter().take(until) {
            self.rows.entry(number(&row.key.shard)).or_insert(row);
        }
    }

    fn lead(&mut self, world: &World) {
        if self.rows.is_empty() && self.over.is_empty() {
            // A start that is no longer kept is the oldest that is.
            self.from = self.from.max(world.horizon);
            let from = self.from;
            // What was closed in the very moment is told or not.
            let is_wide = self.chance.bool();
            let was_open = |_, one: &Born| {
                one.born <= from && one.closed.is_none_or(|closed| closed > from || (is_wide && closed == from))
            };
            let rows = first_leases(&group(), &stream(), &world.list(was_open), self.start).unwrap();
            let wanted = rows.len();
            self.write(rows);
            self.began_whole = self.rows.len() == wanted;
            return;
        }
        let shards = world.list(|_, _| true);
        let leases: Vec<Lease> = self.rows.values().cloned().collect();
        let rows = missing_leases(&group(), &stream(), &shards, &leases, self.start).unwrap();
        for row in &rows {
            let number = number(&row.key.shard);
            assert!(!self.over.contains(&number) && !self.rows.contains_key(&number), "{number} is wanted again");
            let is_reached = self.is_reached(&world.shards[number as usize]);
            assert!(is_reached || !self.began_whole, "{number} ended before the start");
        }
        self.write(rows);
    }

    fn clean(&mut self, world: &World) {
        let leases: Vec<Lease> = self.rows.values().cloned().collect();
        let gone = if self.chance.bool() { finished(&leases) } else { garbage(&leases, &world.list(|_, _| true)) };
        for lease in gone {
            let number = number(&lease.key.shard);
            self.rows.remove(&number);
            // What nobody can read any more is lost, as it would be with its row.
            self.over.insert(number);
        }
    }

    /// Somebody gets a lease, or loses one.
    fn assign(&mut self) {
        let Some(number) = self.chance.choice(self.rows.keys().copied().collect::<Vec<_>>()) else { return };
        let worker: WorkerId = "worker-1".parse().unwrap();
        let row = self.rows.get_mut(&number).unwrap();
        row.counter += 1;
        (row.owner, row.incarnation) = match self.chance.u32(0..3) {
            0 => (None, Incarnation::NONE),
            1 => (Some(worker), Incarnation::NONE),
            _ => (Some(worker), Incarnation::new(1)),
        };
    }

    fn runnable(&self) -> Vec<u32> {
        let is_done = |parent: &ShardId| self.rows.get(&number(parent)).is_none_or(Lease::is_ended);
        let all = self.rows.iter().filter(|(_, row)| !row.is_ended() && row.parents.iter().all(is_done));
        all.map(|(number, _)| *number).collect()
    }

    /// Reads some shard as far as it goes; tells whether one ended.
    fn read(&mut self, world: &World) -> bool {
        let (open, closed): (Vec<u32>, Vec<u32>) =
            self.runnable().into_iter().partition(|number| world.shards[*number as usize].closed.is_none());
        if let Some(number) = self.chance.choice(open).filter(|_| self.chance.bool()) {
            let row = self.rows.get_mut(&number).unwrap();
            (row.progress, row.counter) = (leased(number).progress, row.counter + 1);
        }
        let Some(number) = self.chance.choice(closed) else { return false };
        let one = &world.shards[number as usize];
        assert!(self.over.insert(number), "{number} is read twice");
        for parent in &one.parents {
            let is_free = !self.is_reached(&world.shards[*parent as usize]) || !world.is_listed(*parent);
            assert!(self.over.contains(parent) || is_free, "{number} is read before {parent}");
        }
        if world.is_listed(number) {
            self.end(world, number);
        }
        let row = self.rows.get_mut(&number).unwrap();
        (row.progress, row.counter) = (Progress::ShardEnd, row.counter + 1);
        true
    }

    /// The last read tells of the children; what becomes of that is left to chance.
    fn end(&mut self, world: &World, number: u32) {
        let children = world.children(number);
        let told: Vec<ChildShard> = children.iter().map(|at| child(*at, &world.shards[*at as usize].parents)).collect();
        let rows = child_leases(&self.rows[&number], &told).unwrap();
        let is_known = |parent: &ShardId| self.rows.contains_key(&super::number(parent));
        let rows = rows.into_iter().filter(|row| row.parents.iter().all(is_known)).collect();
        match self.chance.u32(0..5) {
            0 => return,
            _ => self.write(rows),
        }
        if self.chance.u32(0..5) > 0 {
            self.rows.get_mut(&number).unwrap().children = children.into_iter().map(id).collect();
        }
    }
}

/// One history, from its seed. `ages`: shards that were closed long ago are forgotten, read or not.
fn history(seed: u64, reshards: u64, ages: bool) {
    let mut chance = Rng::with_seed(seed);
    let mut world = World::new(&mut chance);
    for _ in 0..chance.u64(0..=reshards) {
        world.reshard(&mut chance);
    }
    if ages {
        world.horizon = chance.u64(0..=world.clock);
    }
    let mut group = Group::new(&world, chance.fork());
    while world.clock < reshards {
        match chance.u32(0..if ages { 13 } else { 12 }) {
            0..3 => world.reshard(&mut chance),
            3..4 => group.lead(&world),
            4..5 => group.clean(&world),
            5..7 => group.assign(),
            7..12 => drop(group.read(&world)),
            _ => world.horizon = chance.u64(world.horizon..=world.clock),
        }
    }
    // Now nothing happens but reading and repair, and no crash of a leader is the last.
    let mut rest = 0;
    while rest < 20 {
        rest = if group.read(&world) { 0 } else { rest + 1 };
        if rest > 0 {
            group.lead(&world);
        }
    }
    for (number, one) in (0..).zip(&world.shards).filter(|(_, one)| group.is_reached(one)) {
        if one.closed.is_some() {
            assert!(group.over.contains(&number) || !world.is_listed(number), "{number} is never read");
        } else {
            assert!(group.runnable().contains(&number), "{number} waits for ever: {:?}", group.rows.get(&number));
        }
    }
}

#[test]
fn each_shard_of_a_thousand_reshardings_is_read_once_and_after_its_parents() {
    for seed in 0..2 {
        history(seed, 1000, seed % 2 == 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn each_shard_is_read_once_and_after_its_parents(seed: u64, reshards in 0_u64..60, ages: bool) {
        history(seed, reshards, ages);
    }
}
