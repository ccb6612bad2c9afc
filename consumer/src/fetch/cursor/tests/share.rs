//! Cursors that do not know each other, on one shard that throttles whoever comes too early, event by event.

use super::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What the service lets through: tokens for calls, and bytes that may be owed.
struct Limits {
    calls: f64,
    bytes: f64,
    at: Instant,
}

impl Limits {
    fn lets(&mut self, now: Instant, bytes: u64) -> bool {
        let seconds = now.duration_since(self.at).as_secs_f64();
        self.at = now;
        self.calls = (self.calls + 5.0 * seconds).min(5.0);
        self.bytes = (self.bytes + 2.0 * MIB as f64 * seconds).min(2.0 * MIB as f64);
        let lets = self.calls >= 1.0 && self.bytes > 0.0;
        if lets {
            self.calls -= 1.0;
            self.bytes -= bytes as f64;
        }
        lets
    }
}

/// What became of one cursor's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    pages: u32,
    throttled: u32,
}

/// All read as fast as they may, from their `starts` on, in seconds; counted between the two moments.
fn simulate(seed: u64, starts: &[f64], bytes: u64, counted: std::ops::Range<f64>) -> Vec<Count> {
    let origin = start();
    let at = |seconds: f64| origin + Duration::from_secs_f64(seconds);
    let mut chance = Rng::with_seed(seed);
    let mut limits = Limits { calls: 5.0, bytes: 2.0 * MIB as f64, at: origin };
    let mut events = BinaryHeap::new();
    let mut cursors = Vec::new();
    for (who, begins) in starts.iter().enumerate() {
        let mut now = at(begins + chance.f64() * 0.1);
        let mut cursor =
            Cursor::new(now, &through(1), Origin::TrimHorizon, CursorSettings::default(), seed * 31 + who as u64);
        assert!(matches!(act(&mut cursor, &mut now), Step::Iterator(_)));
        cursor.iterator(iterator("first"), None);
        cursors.push(cursor);
        events.push(Reverse((now, who, None)));
    }
    let mut counts = vec![Count::default(); starts.len()];
    // At each event a cursor has its answer, if it waits for one, and goes on.
    while let Some(Reverse((now, who, answer))) = events.pop() {
        if now >= at(counted.end) {
            break;
        }
        let is_counted = now >= at(counted.start);
        match answer {
            Some(true) => {
                counts[who].pages += u32::from(is_counted);
                assert_eq!(cursors[who].page(now, Page { bytes, ..page(2) }), Verdict::Taken);
            }
            Some(false) => {
                counts[who].throttled += u32::from(is_counted);
                cursors[who].failed(now, Failure::Throttled);
            }
            None => {}
        }
        let (mut call, cursor) = (now, &mut cursors[who]);
        match cursor.next(now) {
            Step::Wait(until) => events.push(Reverse((until, who, None))),
            Step::Read(..) => {
                call += Duration::from_millis(chance.u64(5..20));
                // Calls reach the service nearly in the order in which they are made.
                let lets = limits.lets(call.max(limits.at), bytes);
                events.push(Reverse((call + Duration::from_millis(chance.u64(5..20)), who, Some(lets))));
            }
            Step::Iterator(_) => {
                cursor.iterator(iterator("again"), None);
                events.push(Reverse((call, who, None)));
            }
            Step::Ended => unreachable!("the shard is open"),
        }
    }
    counts
}

/// The worst over all seeds: the least part that one has of all pages, the part of all calls that is throttled, the pages.
fn worst(starts: [f64; 3], bytes: u64, counted: std::ops::Range<f64>, seeds: u64) -> (f64, f64, u32) {
    let one = |seed| {
        let counts = simulate(seed, &starts, bytes, counted.clone());
        let pages: u32 = counts.iter().map(|count| count.pages).sum();
        let throttled: u32 = counts.iter().map(|count| count.throttled).sum();
        let least = counts.iter().map(|count| count.pages).min().unwrap();
        (f64::from(least) / f64::from(pages), f64::from(throttled) / f64::from(pages + throttled), pages)
    };
    (0..seeds).map(one).fold((1.0, 0.0, u32::MAX), |a, b| (a.0.min(b.0), a.1.max(b.1), a.2.min(b.2)))
}

const STARTS: [[f64; 3]; 2] = [[0.0, 0.0, 0.0], [0.0, 1.0, 2.0]];

#[test]
fn three_who_share_the_calls_of_a_shard_settle_and_none_starves() {
    for starts in STARTS {
        let got = worst(starts, 1000, 0.0..60.0, 60);
        assert!(got.0 > 0.2 && got.1 < 0.1 && got.2 > 270, "{starts:?}: {got:?}");
        let got = worst(starts, 1000, 60.0..300.0, 20);
        assert!(got.0 > 0.25 && got.1 < 0.05 && got.2 > 1140, "{starts:?}, later: {got:?}");
    }
}

#[test]
fn three_who_share_the_bytes_of_a_shard_settle_and_none_starves() {
    // There are fewer pages to learn from, so that each throttle weighs more.
    for starts in STARTS {
        let got = worst(starts, MIB, 0.0..60.0, 60);
        assert!(got.0 > 0.15 && got.1 < 0.2 && got.2 > 100, "{starts:?}: {got:?}");
        let got = worst(starts, MIB, 60.0..300.0, 20);
        assert!(got.0 > 0.25 && got.1 < 0.12 && got.2 > 430, "{starts:?}, later: {got:?}");
        // A page blocks the shard for five seconds, and who does not know asks more than once in that time.
        let got = worst(starts, 10 * MIB, 0.0..600.0, 20);
        assert!(got.0 > 0.2 && got.2 > 85, "{starts:?}, large pages: {got:?}");
    }
}

#[test]
fn a_lone_reader_has_the_whole_shard() {
    for (bytes, pages) in [(1000, 300), (MIB, 120)] {
        for seed in 0..20 {
            let count = simulate(seed, &[0.0], bytes, 0.0..60.0)[0];
            assert!(f64::from(count.pages) > 0.85 * f64::from(pages), "{bytes}: {count:?}");
        }
    }
}

#[test]
fn who_is_left_alone_has_the_shard_again_within_a_minute() {
    let (mut now, mut left) = (start(), cursor(start(), &through(1), Origin::TrimHorizon));
    begin(&mut left, &mut now);
    for _ in 0..20 {
        assert_eq!(left.page(now, page(2)), Verdict::Taken);
        act(&mut left, &mut now);
        left.failed(now, Failure::Throttled);
        act(&mut left, &mut now);
    }
    assert!(left.share(now) < 0.2);
    assert!(left.share(now + Duration::from_secs(60)) > 0.99);
}
