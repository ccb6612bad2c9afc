//! One shard and several saturated producers that do not know each other, simulated event by event; and the buckets alone.

use super::*;
use crate::backoff::Backoff;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::{Range, RangeInclusive};

const SHARD: Rate = Rate { records_per_second: 1000.0, bytes_per_second: 1_048_576.0 };
const SEEDS: u64 = 30;

/// Who writes what to the shard, in seconds and bytes.
#[derive(Clone)]
struct Case {
    /// When each producer writes.
    producers: Vec<Range<f64>>,
    sizes: RangeInclusive<u64>,
    round_trip: f64,
    in_flight: usize,
    seconds: f64,
}

impl Case {
    fn together(producers: usize, sizes: RangeInclusive<u64>) -> Self {
        Self { producers: vec![0.0..f64::MAX; producers], sizes, round_trip: 0.03, in_flight: 1, seconds: 60.0 }
    }

    fn staggered(self, seed: u64, within: f64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed + 999);
        let mut producers = self.producers;
        producers.iter_mut().skip(1).for_each(|producer| producer.start = chance.f64() * within);
        Self { producers, ..self }
    }
}

/// What became of all attempts: when, whose, and which part of a second of the shard it took (`None`: throttled).
struct Story(Vec<(f64, usize, Option<f64>)>, usize);

#[derive(Clone, Copy, Debug)]
struct Figures {
    used: f64,
    throttled: f64,
    jain: f64,
}

impl Story {
    fn over(&self, seconds: Range<f64>) -> Figures {
        let (mut each, mut attempts, mut throttled) = (vec![0.0_f64; self.1], 0_u32, 0_u32);
        for (_, who, stored) in self.0.iter().filter(|(at, ..)| seconds.contains(at)) {
            attempts += 1;
            throttled += u32::from(stored.is_none());
            each[*who] += stored.unwrap_or(0.0);
        }
        let (sum, squares) = (each.iter().sum::<f64>(), each.iter().map(|part| part * part).sum::<f64>());
        Figures {
            used: sum / (seconds.end - seconds.start),
            throttled: f64::from(throttled) / f64::from(attempts.max(1)),
            jain: sum * sum / (each.len() as f64 * squares).max(f64::MIN_POSITIVE),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Wake,
    Arrives(u64),
    Answered(u64, bool),
}

struct Producer {
    pace: Pace,
    backoff: Backoff,
    again_at: f64,
    wake_at: f64,
    in_flight: usize,
    waiting: VecDeque<u64>,
}

fn simulate(seed: u64, case: &Case) -> Story {
    let origin = Instant::now();
    let at = |seconds: f64| origin + Duration::from_secs_f64(seconds);
    let nanoseconds = |seconds: f64| (seconds * 1e9).ceil() as u64;
    let mut chance = fastrand::Rng::with_seed(seed * 7919 + 13);
    let (mut events, mut number) = (BinaryHeap::new(), 0_u64);
    let mut plan = |events: &mut BinaryHeap<_>, when: f64, who: usize, what: What| {
        number += 1;
        events.push(Reverse((nanoseconds(when), number, who, what)));
    };
    let mut producers = Vec::new();
    for (who, active) in case.producers.iter().enumerate() {
        let start = active.start + chance.f64() * 0.02;
        plan(&mut events, start, who, What::Wake);
        producers.push(Producer {
            pace: Pace::new(at(start), Some(SHARD)),
            backoff: Backoff::new(Duration::from_millis(600), Duration::from_secs(3)),
            again_at: 0.0,
            wake_at: f64::MAX,
            in_flight: 0,
            waiting: VecDeque::new(),
        });
    }
    let (mut bucket, mut filled) = (Tokens { records: 1000.0, bytes: 1_048_576.0 }, 0.0_f64);
    let mut story = Story(Vec::new(), producers.len());
    while let Some(Reverse((now, _, who, what))) = events.pop() {
        let now = now as f64 / 1e9;
        if now > case.seconds {
            break;
        }
        let producer = &mut producers[who];
        match what {
            What::Arrives(bytes) => {
                let full = SHARD.tokens(1.0);
                bucket = bucket.pair(SHARD.tokens(now - filled), |there, come| there + come).pair(full, f64::min);
                filled = now;
                let record = Tokens::of_record(bytes);
                let stored = bucket.records >= record.records && bucket.bytes >= record.bytes;
                if stored {
                    bucket = bucket.pair(record, |there, taken| there - taken);
                }
                story.0.push((now, who, stored.then(|| SHARD.seconds(record))));
                let back = case.round_trip * (0.4 + 0.2 * chance.f64());
                plan(&mut events, now + back, who, What::Answered(bytes, stored));
                continue;
            }
            What::Answered(_, true) => {
                producer.in_flight -= 1;
                producer.backoff.reset();
            }
            What::Answered(bytes, false) => {
                producer.in_flight -= 1;
                producer.pace.throttled(at(now));
                producer.waiting.push_front(bytes);
                // What was in flight together fails together, and is one failure.
                if now >= producer.again_at {
                    producer.again_at = now + producer.backoff.next(&mut chance).as_secs_f64();
                }
            }
            What::Wake => {}
        }
        if producer.wake_at <= now + 1e-9 {
            producer.wake_at = f64::MAX;
        }
        while producer.in_flight < case.in_flight && now < case.producers[who].end {
            if producer.waiting.is_empty() {
                producer.waiting.push_back(chance.u64(case.sizes.clone()));
            }
            let bytes = producer.waiting[0];
            let ready =
                producer.pace.ready_at(at(now), bytes).duration_since(origin).as_secs_f64().max(producer.again_at);
            if ready > now + 1e-9 {
                if ready < producer.wake_at {
                    producer.wake_at = ready;
                    plan(&mut events, ready, who, What::Wake);
                }
                break;
            }
            producer.waiting.pop_front();
            producer.pace.take(at(now), bytes);
            producer.in_flight += 1;
            let there = case.round_trip * (0.4 + 0.2 * chance.f64());
            plan(&mut events, now + there, who, What::Arrives(bytes));
        }
    }
    story
}

const KIB: u64 = 1024;

/// The worst figures over all seeds.
fn worst(case: impl Fn(u64) -> Case, over: Range<f64>, seeds: u64) -> Figures {
    let worst = Figures { used: f64::MAX, throttled: 0.0, jain: f64::MAX };
    (0..seeds).map(|seed| simulate(seed, &case(seed)).over(over.clone())).fold(worst, |worst, one| Figures {
        used: worst.used.min(one.used),
        throttled: worst.throttled.max(one.throttled),
        jain: worst.jain.min(one.jain),
    })
}

fn large() -> [RangeInclusive<u64>; 3] {
    [20 * KIB..=64 * KIB, 50 * KIB..=50 * KIB, 64 * KIB..=64 * KIB]
}

#[test]
fn five_who_start_together_share_the_shard() {
    for sizes in large() {
        let got = worst(|_| Case::together(5, sizes.clone()), 0.0..60.0, SEEDS);
        assert!(got.used >= 0.95 && got.throttled < 0.02 && got.jain > 0.95, "{sizes:?}: {got:?}");
    }
}

#[test]
fn five_who_start_one_after_another_come_to_share_the_shard() {
    for sizes in large() {
        let got = worst(|seed| Case::together(5, sizes.clone()).staggered(seed, 5.0), 0.0..60.0, SEEDS);
        assert!(got.used >= 0.95 && got.throttled < 0.03 && got.jain > 0.88, "{sizes:?}: {got:?}");
    }
}

#[test]
fn five_share_the_shard_when_records_are_what_binds() {
    let small = Case { round_trip: 0.03, in_flight: 8, seconds: 30.0, ..Case::together(5, 100..=1024) };
    let got = worst(|_| small.clone(), 0.0..30.0, 4);
    assert!(got.used >= 0.95 && got.throttled < 0.02 && got.jain > 0.95, "{got:?}");
}

#[test]
fn the_one_who_is_left_takes_the_shard_within_a_minute() {
    let mut left = Case { seconds: 140.0, ..Case::together(5, 50 * KIB..=50 * KIB) };
    left.producers[1..].iter_mut().for_each(|producer| producer.end = 60.0);
    let got = worst(|_| left.clone(), 125.0..140.0, SEEDS);
    assert!(got.used >= 0.9 && got.throttled == 0.0, "{got:?}");
}

#[test]
fn four_who_join_a_lone_one_get_their_part() {
    let mut joined = Case { seconds: 90.0, ..Case::together(5, 50 * KIB..=50 * KIB) };
    joined.producers[1..].iter_mut().for_each(|producer| producer.start = 30.0);
    let got = worst(|_| joined.clone(), 30.0..90.0, SEEDS);
    assert!(got.throttled < 0.04, "{got:?}");
    let got = worst(|_| joined.clone(), 50.0..90.0, SEEDS);
    assert!(got.used >= 0.95 && got.jain > 0.88, "{got:?}");
}

#[test]
fn a_lone_producer_uses_the_whole_shard_from_its_first_second() {
    for sizes in large() {
        let case = Case { seconds: 21.0, ..Case::together(1, sizes.clone()) };
        for second in 0..20_u32 {
            let got = worst(|_| case.clone(), f64::from(second)..f64::from(second + 1), 3);
            // A rest may fall into a second, or a record more or less.
            assert!(got.used >= 0.8 && got.throttled == 0.0, "{sizes:?}, second {second}: {got:?}");
        }
        for until in [2.0, 5.0, 20.0] {
            let got = worst(|_| case.clone(), 0.0..until, SEEDS);
            assert!(got.used >= 0.97 && got.throttled == 0.0, "{sizes:?}, until {until}: {got:?}");
        }
    }
}

#[test]
fn no_window_lets_through_more_than_rate_capacity_and_one_record() {
    for seed in 0..40 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (small, origin) = (seed % 2 == 0, Instant::now());
        let (mut now, mut pace) = (origin, Pace::new(origin, Some(SHARD)));
        let mut gone: Vec<(f64, u64)> = Vec::new();
        for _ in 0..600 {
            if chance.u32(0..40) == 0 {
                now += Duration::from_millis(chance.u64(0..3000));
            }
            let bytes = chance.u64(0..if small { 1500 } else { 300_000 });
            now = pace.ready_at(now, bytes);
            assert_eq!(pace.ready_at(now, bytes), now, "seed {seed}: asked at the moment it named");
            pace.take(now, bytes);
            gone.push((now.duration_since(origin).as_secs_f64(), bytes));
        }
        for first in 0..gone.len() {
            let (mut records, mut bytes) = (0.0, 0.0);
            for (at, size) in &gone[first..] {
                let allowed = SHARD.tokens(at - gone[first].0 + CAPACITY);
                // All but the last were there in full; the last may go into debt.
                assert!(bytes <= allowed.bytes + 1.0 && records <= allowed.records + 0.01, "seed {seed}, from {first}");
                (records, bytes) = (records + 1.0, bytes + *size as f64);
            }
        }
    }
}

#[test]
fn a_record_of_ten_mebibytes_goes_from_a_full_bucket_and_leaves_ten_seconds_of_debt() {
    let start = Instant::now();
    let mut pace = Pace::new(start, Some(SHARD));
    let huge = 10 * KIB * KIB;
    pace.take(start, 1);
    assert!(pace.ready_at(start, huge) > start, "the bucket is not full");
    let now = pace.ready_at(start, huge);
    pace.take(now, huge);
    let wait = pace.ready_at(now, 1).duration_since(now).as_secs_f64();
    assert!((9.8..10.001).contains(&wait), "{wait}");
    assert!(pace.ready_at(now + Duration::from_secs(9), 1) > now + Duration::from_secs(9));
    let later = now + Duration::from_secs(10);
    assert_eq!(pace.ready_at(later, 1), later);
}

#[test]
fn the_clock_may_jump_by_a_century_repeat_or_go_back() {
    let start = Instant::now();
    let century = Duration::from_secs(100 * 365 * 86_400);
    for rate in [Some(SHARD), None, Some(Rate { records_per_second: 0.0, bytes_per_second: f64::NAN })] {
        let mut pace = Pace::new(start, rate);
        let (mut now, mut chance) = (start, fastrand::Rng::with_seed(5));
        for step in 0..200 {
            match step % 4 {
                0 => now += Duration::from_secs(chance.u64(0..20_000)),
                1 => {}
                2 => now -= Duration::from_millis(chance.u64(0..50)).min(now - start),
                _ if step % 100 == 99 => now += century,
                _ => now += Duration::from_millis(chance.u64(0..50)),
            }
            let bytes = *chance.choice([0, 1, 65_536, u64::MAX].iter()).unwrap();
            let ready = pace.ready_at(now, bytes);
            assert!(ready >= now && ready <= now + Duration::from_secs(3601));
            pace.take(now, bytes);
            (0..chance.u32(0..3)).for_each(|_| pace.throttled(now));
            assert!(pace.share(now) > 0.0 && pace.share(now) <= 1.0);
            assert!(pace.bytes_per_second(now).is_none_or(|rate| rate.is_finite() && rate > 0.0));
            assert!(pace.tokens.records.is_finite() && pace.tokens.bytes.is_finite());
        }
    }
}

#[test]
fn who_has_emptied_a_bucket_rests_until_it_is_full() {
    let start = Instant::now();
    let mut pace = Pace::new(start, Some(SHARD));
    let sent = (0..1000)
        .take_while(|_| {
            pace.ready_at(start, 1024) == start && {
                pace.take(start, 1024);
                true
            }
        })
        .count();
    let rest = pace.ready_at(start, 1024).duration_since(start).as_secs_f64();
    // Tokens for the records sent are what is missing, not those for the next record alone.
    assert!(sent > 100 && (rest - sent as f64 / 1000.0).abs() < 0.03, "{sent} sent, then {rest} s");
}

#[test]
fn time_that_is_told_twice_pays_once() {
    let start = Instant::now();
    let (mut pace, later) = (Pace::new(start, Some(SHARD)), start + Duration::from_millis(100));
    pace.take(start, 10 * KIB * KIB);
    pace.take(later, 0);
    let ready = pace.ready_at(later, 1);
    for _ in 0..100 {
        pace.count(start, SHARD);
        pace.count(later, SHARD);
    }
    let again = pace.ready_at(later, 1);
    assert!(again.max(ready) - again.min(ready) < Duration::from_micros(1), "{ready:?} {again:?}");
}

#[test]
fn a_jump_of_the_clock_fills_the_bucket_and_no_more() {
    let start = Instant::now();
    let (mut jumped, now) = (Pace::new(start, Some(SHARD)), start + Duration::from_secs(7200));
    jumped.take(start, 65_536);
    jumped.count(now, SHARD);
    assert_eq!(jumped.tokens, capacity(SHARD, 1.0));
}

#[test]
fn a_first_throttle_tells_five_from_two() {
    let start = Instant::now();
    // Five drain the service's second in a quarter of one, two in a whole one; each has had what it asked for.
    for (drained_in, fair) in [(0.25, 0.2), (1.0, 0.5)] {
        let (mut pace, mut now) = (Pace::new(start, Some(SHARD)), start);
        let until = start + Duration::from_secs_f64(drained_in);
        while now < until {
            pace.take(now, 4096);
            now += Duration::from_secs_f64(4096.0 / SHARD.bytes_per_second);
        }
        pace.throttled(until);
        let share = pace.share(until);
        assert!(share < fair && share > fair * 0.7, "{share} of {fair}");
    }
}

#[test]
fn a_new_rate_keeps_the_share_and_no_rate_means_no_pace() {
    let start = Instant::now();
    let mut pace = Pace::new(start, Some(SHARD));
    pace.take(start, 65_536);
    pace.throttled(start);
    let share = pace.share(start);
    let double = Rate { records_per_second: 2000.0, bytes_per_second: 2.0 * SHARD.bytes_per_second };
    pace.set_rate(start, Some(double));
    assert_eq!(pace.bytes_per_second(start), Some(double.bytes_per_second * share));
    pace.set_rate(start, None);
    (0..100).for_each(|_| pace.take(start, u64::MAX));
    assert_eq!((pace.ready_at(start, u64::MAX), pace.bytes_per_second(start)), (start, None));
}

#[test]
#[ignore = "prints the figures"]
fn figures() {
    let show = |name: &str, case: &dyn Fn(u64) -> Case, over: Range<f64>, seeds: u64| {
        let all: Vec<Figures> = (0..seeds).map(|seed| simulate(seed, &case(seed)).over(over.clone())).collect();
        let range = |of: fn(&Figures) -> f64| {
            let (low, high) = all.iter().map(of).fold((f64::MAX, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
            format!("{low:.3} {high:.3}")
        };
        println!(
            "{name:32} used {}  throttled {}  jain {}",
            range(|f| f.used),
            range(|f| f.throttled),
            range(|f| f.jain)
        );
    };
    let [mixed, fifty, largest] = large();
    for (name, sizes) in [("20-64 KiB", mixed), ("50 KiB", fifty), ("64 KiB", largest)] {
        for n in [5, 1, 2, 3, 10] {
            show(&format!("{n} together, {name}"), &|_| Case::together(n, sizes.clone()), 0.0..60.0, 40);
            if n > 1 {
                show(
                    &format!("{n} staggered, {name}"),
                    &|seed| Case::together(n, sizes.clone()).staggered(seed, 5.0),
                    0.0..60.0,
                    40,
                );
            }
        }
        for n in [2, 3, 5] {
            let long = Case { seconds: 300.0, ..Case::together(n, sizes.clone()) };
            show(&format!("{n} later, {name}, 60-300"), &|_| long.clone(), 60.0..300.0, 20);
        }
        for (ms, rtt) in [(5, 0.005), (80, 0.08)] {
            show(
                &format!("5 together, {name}, {ms} ms"),
                &|_| Case { round_trip: rtt, ..Case::together(5, sizes.clone()) },
                0.0..60.0,
                40,
            );
        }
        let mut joined = Case { seconds: 90.0, ..Case::together(5, sizes.clone()) };
        joined.producers[1..].iter_mut().for_each(|producer| producer.start = 30.0);
        show(&format!("4 join 1, {name}, 30-90"), &|_| joined.clone(), 30.0..90.0, 40);
        show(&format!("4 join 1, {name}, 50-90"), &|_| joined.clone(), 50.0..90.0, 40);
        let mut left = Case { seconds: 140.0, ..Case::together(5, sizes.clone()) };
        left.producers[1..].iter_mut().for_each(|producer| producer.end = 60.0);
        for from in [60.0, 90.0, 100.0, 110.0, 120.0, 130.0] {
            show(&format!("4 of 5 leave, {name}, {from}+10"), &|_| left.clone(), from..from + 10.0, 10);
        }
    }
    for (n, rtt, flight) in [(5, 0.005, 1), (5, 0.03, 8), (1, 0.005, 8), (2, 0.005, 8), (10, 0.03, 8)] {
        let small = Case { round_trip: rtt, in_flight: flight, ..Case::together(n, 100..=1024) };
        show(&format!("{n} small, {flight} in flight, {rtt}"), &|_| small.clone(), 0.0..60.0, 30);
        show(
            &format!("{n} small staggered, {flight}, {rtt}"),
            &|seed| small.clone().staggered(seed, 5.0),
            0.0..60.0,
            5,
        );
    }
}
