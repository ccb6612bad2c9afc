//! Several machines on one store that answers at once, through simulated minutes: how soon a lease is taken up, handed
//! over, given back, and what that writes. What goes wrong with stores and services is the simulation's.

use super::action::{Action, Observation, Order, Outcome, Purpose};
use super::*;
use crate::config::Settings;
use futures_util::FutureExt;
use tailwater_record::{HashKey, HashRange, ShardId};
use tailwater_store::{Applied, Change, Commitment, LeaseStore, MemoryStore, Progress, Wish};

/// A group of workers, some of them gone.
struct Group {
    start: Instant,
    now: Instant,
    store: MemoryStore,
    workers: BTreeMap<String, Member>,
    shards: u32,
    /// How often rows of leases were written.
    writes: usize,
    events: Vec<(Duration, String, Event)>,
}

struct Member {
    worker: Worker,
    /// Shards whose task is at work, and when it will have finished.
    tasks: BTreeMap<LeaseKey, Option<Instant>>,
    /// How long a handler takes to finish.
    finishes_in: Duration,
}

fn now<T>(answer: impl Future<Output = Result<T, Error>>) -> T {
    answer.now_or_never().expect("memory answers at once").unwrap()
}

fn group_name() -> GroupName {
    "group".parse().unwrap()
}

fn stream() -> StreamIdentity {
    "111122223333:orders:1700000000".parse().unwrap()
}

fn key(shard: u32) -> LeaseKey {
    LeaseKey::new(group_name(), stream(), ShardId::numbered(shard))
}

impl Group {
    fn new(shards: u32) -> Self {
        let start = Instant::now();
        let (store, workers, events) = (MemoryStore::new(), BTreeMap::new(), Vec::new());
        Self { start, now: start, store, workers, shards, writes: 0, events }
    }

    fn join(&mut self, name: &str) {
        self.join_with(name, Settings::default());
    }

    fn join_with(&mut self, name: &str, settings: Settings) {
        let me: WorkerId = name.parse().unwrap();
        let incarnation = now(self.store.enlist(&group_name(), &me));
        let seed = self.workers.len() as u64;
        let mut worker = Worker::new(self.now, group_name(), me, incarnation, settings.rules(), seed);
        worker.add_stream(self.now, stream(), Origin::TrimHorizon);
        let member = Member { worker, tasks: BTreeMap::new(), finishes_in: Duration::from_millis(50) };
        self.workers.insert(name.to_owned(), member);
    }

    fn crash(&mut self, name: &str) {
        self.workers.remove(name);
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.workers.get_mut(name).unwrap()
    }

    /// Lives on for so long.
    fn live(&mut self, time: Duration) {
        let until = self.now + time;
        self.live_until(until, |_| false);
    }

    /// Lives on until something is so; tells how long that took.
    fn until(&mut self, limit: Duration, is_so: impl Fn(&Self) -> bool) -> Duration {
        let began = self.now;
        self.live_until(began + limit, &is_so);
        assert!(is_so(self), "in vain for {limit:?}: {:#?}", self.events);
        self.now - began
    }

    fn live_until(&mut self, limit: Instant, is_so: impl Fn(&Self) -> bool) {
        loop {
            self.settle();
            if is_so(self) {
                return;
            }
            let wakes = self.workers.values().filter_map(|member| member.worker.wake_at(self.now));
            let tasks = self.workers.values().flat_map(|member| member.tasks.values().flatten().copied());
            let next = wakes.chain(tasks).min().unwrap_or(limit);
            if next >= limit {
                self.now = limit;
                return;
            }
            self.now = next.max(self.now);
        }
    }

    /// Does everything that is to be done at this moment.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 1_000, "a machine spins at {:?}", self.now - self.start);
            let names: Vec<String> = self.workers.keys().cloned().collect();
            let mut idle = true;
            for name in names {
                idle &= self.turn(&name);
            }
            if idle {
                return;
            }
        }
    }

    /// One worker's turn; true if it had nothing to do.
    fn turn(&mut self, name: &str) -> bool {
        let (time, at) = (self.now, self.now - self.start);
        let member = self.workers.get_mut(name).unwrap();
        let done: Vec<LeaseKey> = (member.tasks.iter())
            .filter(|(_, end)| end.is_some_and(|end| end <= time))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &done {
            member.tasks.remove(key);
            member.worker.gone(time, key, Outcome::Stopped);
        }
        member.worker.tick(time, Timestamp::from_millis(at.as_millis() as i64));
        let mut actions = Vec::new();
        while let Some(action) = member.worker.next_action() {
            actions.push(action);
        }
        let idle = actions.is_empty() && done.is_empty();
        for action in actions {
            let worker = &mut member.worker;
            match action {
                Action::Observe => {
                    let observation = Observation {
                        listing: now(self.store.leases(&group_name())),
                        workers: now(self.store.workers(&group_name())),
                        lock: now(self.store.lock(&group_name())),
                        group: now(self.store.group(&group_name())),
                    };
                    worker.observed(time, Ok(observation));
                }
                Action::Write { key, change, purpose } => {
                    self.writes += usize::from(purpose == Purpose::Hold);
                    let applied = now(self.store.apply(&key, &change));
                    worker.wrote(time, &key, &purpose, Ok(applied));
                }
                Action::Look { key, parents } => {
                    let ended =
                        parents.iter().all(|parent| now(self.store.lease(parent)).is_none_or(|row| row.is_ended()));
                    worker.looked(time, &key, Ok(ended));
                }
                Action::Beat(row) => worker.beaten(time, Ok(now(self.store.beat(&group_name(), &row)))),
                Action::Swap(swap) => {
                    let written = now(self.store.swap_lock(&group_name(), swap.seen, swap.lock.as_ref()));
                    worker.locked(time, Ok(written));
                }
                Action::Discover(stream, wanted) => {
                    let ranges = HashRange::uniform(self.shards.try_into().unwrap());
                    let shards = ranges.enumerate().map(|(number, range)| crate::discover::ListedShard {
                        shard: ShardId::numbered(number as u32),
                        parents: Vec::new(),
                        range,
                        begins: "7".parse().unwrap(),
                        is_open: true,
                    });
                    worker.discovered(time, &stream, wanted, Ok(shards.collect()));
                }
                Action::Create(stream, rows) => {
                    let created = rows.iter().filter(|row| now(self.store.create(row))).count();
                    worker.created(time, &stream, Ok(created));
                }
                Action::Remove(row) => drop(now(self.store.remove(&row))),
                Action::Strike(row) => drop(now(self.store.strike(&group_name(), &row))),
                Action::Remember(moves) => {
                    let mut record = now(self.store.group(&group_name()));
                    record.remember(moves);
                    record.version += 1;
                    assert!(now(self.store.swap_group(&group_name(), &record)));
                }
                Action::Seek { key, change, wish } => {
                    if let Applied::Done(_) = now(self.store.apply(&key, &change)) {
                        let mut record = now(self.store.group(&group_name()));
                        record.wishes.retain(|other| *other != wish);
                        record.version += 1;
                        assert!(now(self.store.swap_group(&group_name(), &record)));
                    }
                }
                Action::Start(row) => {
                    assert!(member.tasks.insert(row.key.clone(), None).is_none(), "two handlers of one shard");
                }
                Action::Order(key, order) => {
                    let end = member.tasks.get_mut(&key).expect("an order is for a task");
                    *end = Some(if order == Order::Abandon { time } else { time + member.finishes_in });
                }
                Action::Refetch(_) | Action::Settled(..) => {}
                Action::Tell(event) => self.events.push((at, name.to_owned(), event)),
            }
        }
        idle
    }

    fn running(&self, name: &str) -> usize {
        self.workers.get(name).map_or(0, |member| member.tasks.len())
    }

    fn all_run(&self) -> bool {
        self.workers.values().map(|member| member.tasks.len()).sum::<usize>() == self.shards as usize
    }

    fn row(&self, shard: u32) -> Lease {
        now(self.store.lease(&key(shard))).unwrap()
    }

    fn wish(&self, wish: Option<Wish>) {
        let mut record = now(self.store.group(&group_name()));
        record.wishes = wish.into_iter().collect();
        record.version += 1;
        assert!(now(self.store.swap_group(&group_name(), &record)));
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// As the KCL renews.
const OBSERVATION: Duration = Duration::from_millis(3308);

fn bound() -> Duration {
    Duration::from_secs(10) + OBSERVATION * 2 + Duration::from_secs(1)
}

#[test]
fn a_lone_worker_handles_all_shards_at_once() {
    let mut group = Group::new(8);
    group.join("a");
    assert!(group.until(MINUTE, Group::all_run) < Duration::from_secs(1));
}

#[test]
fn workers_who_join_get_their_share_and_those_who_stay_keep_theirs() {
    let mut group = Group::new(12);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    for (name, share) in [("b", 6), ("c", 4)] {
        group.join(name);
        group.until(MINUTE, |group| group.workers.keys().all(|name| group.running(name) == share));
        group.live(MINUTE * 5);
        assert!(group.workers.keys().all(|name| group.running(name) == share), "it is quiet afterwards");
    }
    let moved = group.events.iter().filter(|(_, _, event)| matches!(event, Event::Moved { .. })).count();
    assert_eq!(moved, 12 + 6 + 4, "no lease moves without need");
}

#[test]
fn a_crash_is_made_good_within_the_failover_and_two_observations() {
    for offset in (0..40).map(|step| Duration::from_millis(step * 251)) {
        let mut group = Group::new(6);
        group.join("a");
        group.until(MINUTE, Group::all_run);
        group.join("b");
        group.until(MINUTE, |group| group.running("a") == 3 && group.running("b") == 3);
        group.live(offset + MINUTE);
        group.crash("b");
        assert!(group.until(MINUTE, Group::all_run) <= bound());
    }
}

#[test]
fn when_the_leader_dies_as_well_the_lock_decides() {
    for offset in (0..40).map(|step| Duration::from_millis(step * 251)) {
        let mut group = Group::new(6);
        group.join("a");
        group.until(MINUTE, Group::all_run);
        group.join("b");
        group.until(MINUTE, |group| group.running("a") == 3 && group.running("b") == 3);
        group.live(offset + MINUTE);
        assert!(group.member("a").worker.was_leader);
        group.crash("a");
        assert!(group.until(MINUTE, Group::all_run) <= bound() + Duration::from_secs(10));
    }
}

#[test]
fn a_shard_is_handed_over_without_being_handled_twice_and_soon_after_its_owner_has_finished() {
    let mut group = Group::new(2);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    group.member("a").finishes_in = Duration::from_secs(7);
    group.join("b");
    group.until(MINUTE, |group| group.running("b") == 1);
    let time =
        |find: fn(&Event) -> bool| group.events.iter().find(|(_, _, event)| find(event)).map(|(at, _, _)| *at).unwrap();
    let released = time(|event| matches!(event, Event::Released { .. }));
    let asked = time(|event| matches!(event, Event::HandingOver { .. }));
    assert_eq!(released - asked, Duration::from_secs(7));
    assert!(group.now - group.start - released <= Duration::from_millis(400));
}

#[test]
fn a_checkpoint_that_may_wait_does_not_hold_up_a_shard_that_is_let_go() {
    let mut group = Group::new(1);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    let (now, progress) = (group.now, Progress::Through { sequence: "5".parse().unwrap(), sub_sequence: 0 });
    let worker = &mut group.member("a").worker;
    worker.checkpoint(now, &key(0), Commitment::new(progress.clone()));
    worker.end(now, true);
    let took = group.until(MINUTE, |group| group.workers["a"].worker.has_left());
    assert_eq!(took, Duration::from_millis(50), "as long as its handler takes");
    assert_eq!(group.row(0).progress, progress);
}

#[test]
fn a_handler_that_does_not_finish_is_let_go_without() {
    let mut group = Group::new(2);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    group.member("a").finishes_in = MINUTE * 60;
    group.join("b");
    group.until(MINUTE, |group| group.running("b") == 1);
    assert!(group.events.iter().any(|(_, _, event)| matches!(event, Event::HandoffOverdue { .. })));
}

#[test]
fn who_leaves_goes_on_until_others_have_been_offered_its_shards() {
    let mut group = Group::new(6);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    group.join("b");
    group.until(MINUTE, |group| group.running("b") == 3);
    group.live(MINUTE);
    let time = group.now;
    group.member("a").worker.end(time, true);
    group.until(MINUTE, |group| group.running("b") == 6);
    group.until(MINUTE, |group| group.workers["a"].worker.has_left());
    let starts = group.events.iter().filter(|(_, name, event)| name == "b" && matches!(event, Event::Taken { .. }));
    assert_eq!(starts.count(), 6);
    assert!(now(group.store.workers(&group_name())).iter().all(|row| row.worker.as_str() != "a"), "it is struck off");
    group.until(MINUTE, |group| group.workers["b"].worker.was_leader);
}

#[test]
fn one_write_a_renewal_carries_the_checkpoints_of_that_time() {
    let mut group = Group::new(1);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    let before = group.writes;
    for second in 0..600_u32 {
        let (time, to) =
            (group.now, Progress::Through { sequence: (second + 1).to_string().parse().unwrap(), sub_sequence: 0 });
        group.member("a").worker.checkpoint(time, &key(0), Commitment::new(to));
        group.live(Duration::from_secs(1));
    }
    // The KCL writes 60 checkpoints and 18 renewals a minute.
    let each_minute = (group.writes - before) as f64 / 10.0;
    assert!(each_minute <= 39.0, "{each_minute}");
    let before = group.writes;
    group.live(MINUTE * 10);
    let each_minute = (group.writes - before) as f64 / 10.0;
    assert!(each_minute <= 18.2, "{each_minute}");
}

#[test]
fn a_dry_run_tells_each_move_with_its_reason_and_moves_nothing() {
    let mut group = Group::new(4);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    assert!(group.workers["a"].worker.plan(group.now).is_empty());
    let time = group.now;
    let mut stranger =
        WorkerRow::new("b".parse().unwrap(), now(group.store.enlist(&group_name(), &"b".parse().unwrap())));
    stranger.streams.insert(stream());
    assert!(now(group.store.beat(&group_name(), &stranger)));
    let observation = Observation {
        listing: now(group.store.leases(&group_name())),
        workers: now(group.store.workers(&group_name())),
        lock: None,
        group: now(group.store.group(&group_name())),
    };
    let worker = &mut group.member("a").worker;
    worker.moving.insert(key(0), worker_move());
    worker.observed(time, Ok(observation));
    let plan = worker.plan(time);
    assert_eq!(plan.len(), 2);
    assert!(
        plan.iter().all(|step| step.is_handed_over && step.to.as_str() == "b" && !step.reason.is_empty()),
        "{plan:?}"
    );
    assert!((0..4).all(|shard| group.row(shard).handoff_from.is_none()));
}

/// A move under way, which keeps a leader from planning another.
fn worker_move() -> (Moved, &'static str) {
    let moved = Moved { key: key(0), from: None, to: None, reason: String::new(), at: Timestamp::EPOCH };
    (moved, "wish")
}

#[test]
fn operators_pause_move_and_seek() {
    let mut group = Group::new(4);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    group.join("b");
    group.until(MINUTE, |group| group.running("b") == 2);
    let (owner, other) = if group.row(0).owner.unwrap().as_str() == "a" { ("a", "b") } else { ("b", "a") };

    group.wish(Some(Wish::Pause { key: key(0) }));
    group.until(MINUTE, |group| group.running(owner) == 1);
    group.live(MINUTE);
    assert_eq!(group.row(0).owner.unwrap().as_str(), owner, "the lease is kept");
    group.wish(None);
    group.until(MINUTE, |group| group.running(owner) == 2);

    group.wish(Some(Wish::Move { key: key(0), to: other.parse().unwrap() }));
    group.until(MINUTE, |group| group.running(other) == 3 || group.row(0).owner.unwrap().as_str() == other);
    group.live(MINUTE);
    assert_eq!(group.row(0).owner.unwrap().as_str(), other, "and it stays there");

    let tenure = group.row(0).tenure;
    let to = Progress::Through { sequence: "41".parse().unwrap(), sub_sequence: 0 };
    group.wish(Some(Wish::Seek { key: key(0), to: to.clone(), at: None }));
    group.until(MINUTE, |group| group.row(0).progress == to && group.all_run());
    assert!(group.row(0).tenure > tenure);
    assert!(now(group.store.group(&group_name())).wishes.is_empty());
}

#[test]
fn a_second_start_under_a_name_stops_the_first() {
    let mut group = Group::new(3);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    let first = group.workers.remove("a").unwrap();
    group.join("a");
    let second = group.workers.remove("a").unwrap();
    group.workers.insert("first".to_owned(), first);
    group.workers.insert("second".to_owned(), second);
    group.until(MINUTE, |group| group.running("second") == 3 && group.running("first") == 0);
    assert!(group.events.iter().any(|(_, name, event)| name == "first" && matches!(event, Event::Superseded { .. })));
    assert!(group.workers["first"].worker.has_left());
    group.live(MINUTE);
    assert_eq!(group.running("second"), 3);
}

#[test]
fn a_worker_started_again_under_its_name_goes_on_within_a_second() {
    let mut group = Group::new(3);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    group.crash("a");
    group.join("a");
    assert!(group.until(MINUTE, Group::all_run) <= Duration::from_secs(1));
}

#[test]
fn children_wait_for_both_parents() {
    let mut group = Group::new(2);
    group.join("a");
    group.until(MINUTE, Group::all_run);
    let mut child = Lease::new(key(7));
    child.parents = [ShardId::numbered(0), ShardId::numbered(1)].into();
    child.range = Some(HashRange::new(HashKey::MIN, HashKey::MAX).unwrap());
    assert!(now(group.store.create(&child)));
    let end = |group: &mut Group, shard: u32| {
        let (row, time) = (group.row(shard), group.now);
        let change = Change::Renew(tailwater_store::Renewal {
            worker: "a".parse().unwrap(),
            incarnation: row.incarnation,
            counter: row.counter,
            knows_handoff: false,
            throughput: None,
            written: Some(tailwater_store::Written::Checkpoint(Commitment::new(Progress::ShardEnd))),
        });
        assert!(matches!(now(group.store.apply(&key(shard), &change)), Applied::Done(_)));
        let member = group.member("a");
        member.tasks.remove(&key(shard));
        member.worker.gone(time, &key(shard), Outcome::Ended);
    };
    end(&mut group, 0);
    group.live(MINUTE);
    assert!(!group.workers["a"].tasks.contains_key(&key(7)));
    end(&mut group, 1);
    group.until(MINUTE, |group| group.workers["a"].tasks.contains_key(&key(7)));
}
