//! A shard as a list of numbers, read through everything that can go wrong; and several cursors on one shard in `share`.

mod share;

use super::*;
use fastrand::Rng;
use proptest::prelude::*;

const MIB: u64 = 1024 * 1024;

fn start() -> Instant {
    Instant::now()
}

fn sequence(number: u64) -> SequenceNumber {
    SequenceNumber::from_words([0, 0, number])
}

fn value(sequence: &SequenceNumber) -> u64 {
    sequence.words().unwrap()[2]
}

fn iterator(text: impl std::fmt::Display) -> ShardIterator {
    text.to_string().parse().unwrap()
}

fn through(number: u64) -> Progress {
    Progress::Through { sequence: sequence(number), sub_sequence: 1 }
}

fn cursor(now: Instant, progress: &Progress, origin: Origin) -> Cursor {
    Cursor::new(now, progress, origin, CursorSettings::default(), 7)
}

/// A page with one record, in the middle of the shard.
fn page(last: u64) -> Page {
    Page {
        last: Some(sequence(last)),
        bytes: 1,
        next: Some(iterator("next")),
        behind: Some(Duration::from_secs(9)),
        children: Children::None,
        date: None,
    }
}

fn empty() -> Page {
    Page { last: None, behind: Some(Duration::ZERO), ..page(0) }
}

/// Waits as told until there is something to do.
fn act(cursor: &mut Cursor, now: &mut Instant) -> Step {
    loop {
        match cursor.next(*now) {
            Step::Wait(until) => {
                assert!(until > *now, "a wait has an end that is to come");
                *now = until;
            }
            step @ (Step::Iterator(_) | Step::Read(..) | Step::Ended) => return step,
        }
    }
}

/// The place that is asked for, and the iterator then held.
fn begin(cursor: &mut Cursor, now: &mut Instant) -> IteratorRequest {
    let Step::Iterator(request) = act(cursor, now) else { panic!("an iterator is asked for") };
    cursor.iterator(iterator("first"), None);
    assert_eq!(act(cursor, now), Step::Read(iterator("first"), 10_000));
    request
}

fn again(cursor: &mut Cursor, now: &mut Instant) -> IteratorRequest {
    cursor.failed(*now, Failure::ExpiredIterator);
    begin(cursor, now)
}

fn request(kind: ShardIteratorType, number: Option<u64>, moment: Option<i64>) -> IteratorRequest {
    IteratorRequest { kind, sequence: number.map(sequence), timestamp: moment.map(Timestamp::from_millis) }
}

use ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};

#[test]
fn reading_begins_where_the_row_says_and_begins_there_again_until_a_record_was_taken_in() {
    let moment = Origin::At(Timestamp::from_millis(5000));
    for (progress, origin, expected) in [
        (through(42), Origin::TrimHorizon, request(AtSequenceNumber, Some(42), None)),
        (Progress::TrimHorizon, moment, request(TrimHorizon, None, None)),
        (Progress::AtTimestamp, moment, request(AtTimestamp, None, Some(5000))),
        (Progress::AtTimestamp, Origin::TrimHorizon, request(TrimHorizon, None, None)),
        (Progress::Latest, Origin::Latest, request(Latest, None, None)),
        (Progress::Latest, moment, request(AtTimestamp, None, Some(5000))),
    ] {
        let mut now = start();
        let mut cursor = cursor(now, &progress, origin);
        assert_eq!(begin(&mut cursor, &mut now), expected);
        assert_eq!(cursor.page(now, empty()), Verdict::Taken);
        assert_eq!(again(&mut cursor, &mut now), expected);
        assert_eq!(cursor.page(now, page(50)), Verdict::Taken);
        assert_eq!(again(&mut cursor, &mut now), request(AfterSequenceNumber, Some(50), None));
        assert_eq!(cursor.page(now, empty()), Verdict::Taken);
        assert_eq!(again(&mut cursor, &mut now), request(AfterSequenceNumber, Some(50), None));
    }
    let mut ended = cursor(start(), &Progress::ShardEnd, Origin::TrimHorizon);
    assert_eq!(ended.next(start()), Step::Ended);
}

#[test]
fn who_begins_behind_the_newest_record_comes_back_to_the_moment_it_had_come_to() {
    let mut now = start();
    let date = |millis| Some(Timestamp::from_millis(millis));
    let mut cursor = cursor(now, &Progress::Latest, Origin::Latest);
    assert_eq!(act(&mut cursor, &mut now), Step::Iterator(request(Latest, None, None)));
    cursor.iterator(iterator("first"), date(100_000));
    assert_eq!(act(&mut cursor, &mut now), Step::Read(iterator("first"), 10_000));
    assert_eq!(again(&mut cursor, &mut now), request(AtTimestamp, None, Some(98_000)), "before any page");
    let late = Page { behind: Some(Duration::from_secs(3)), date: date(110_000), ..empty() };
    assert_eq!(cursor.page(now, late), Verdict::Taken);
    assert_eq!(again(&mut cursor, &mut now), request(AtTimestamp, None, Some(105_000)));
    assert_eq!(cursor.page(now, Page { date: date(90_000), ..empty() }), Verdict::Taken);
    assert_eq!(again(&mut cursor, &mut now), request(AtTimestamp, None, Some(105_000)), "a date that went back");
}

#[test]
fn an_iterator_that_waited_nearly_five_minutes_is_not_tried() {
    for (seconds, is_tried) in [(269, true), (270, false), (100_000, false)] {
        let mut now = start();
        let mut cursor = cursor(now, &through(42), Origin::TrimHorizon);
        begin(&mut cursor, &mut now);
        assert_eq!(cursor.page(now + Duration::from_secs(1), page(43)), Verdict::Taken);
        // The iterator was made no earlier than its page was asked for.
        let step = cursor.next(now + Duration::from_secs(seconds));
        assert_eq!(step == Step::Read(iterator("next"), 10_000), is_tried, "{seconds}");
        assert_eq!(step == Step::Iterator(request(AfterSequenceNumber, Some(43), None)), !is_tried, "{seconds}");
    }
}

#[test]
fn a_record_no_longer_kept_is_passed_over_once_and_said_so() {
    let mut now = start();
    let mut cursor = cursor(now, &through(42), Origin::TrimHorizon);
    let refuse = |cursor: &mut Cursor, now: &mut Instant| {
        let Step::Iterator(request) = act(cursor, now) else { panic!("an iterator is asked for") };
        cursor.failed(*now, Failure::InvalidArgument);
        request
    };
    assert_eq!(refuse(&mut cursor, &mut now), request(AtSequenceNumber, Some(42), None));
    assert!(cursor.fell_back() && !cursor.fell_back());
    let before = now;
    assert_eq!(refuse(&mut cursor, &mut now), request(TrimHorizon, None, None));
    assert_eq!(begin(&mut cursor, &mut now), request(TrimHorizon, None, None));
    assert!(!cursor.fell_back() && now > before + Duration::from_millis(200), "it waits");
    assert_eq!(cursor.page(now, page(60)), Verdict::Taken);
    cursor.failed(now, Failure::ExpiredIterator);
    assert_eq!(refuse(&mut cursor, &mut now), request(AfterSequenceNumber, Some(60), None));
    assert!(cursor.fell_back(), "records were taken in since");
    begin(&mut cursor, &mut now);
    // An iterator that makes no sense tells nothing of the place.
    cursor.failed(now, Failure::InvalidArgument);
    assert_eq!(begin(&mut cursor, &mut now), request(TrimHorizon, None, None));
    assert!(!cursor.fell_back());
}

#[test]
fn a_shard_that_is_gone_has_ended() {
    let mut now = start();
    let mut gone = cursor(now, &through(42), Origin::TrimHorizon);
    assert!(matches!(gone.next(now), Step::Iterator(_)));
    gone.failed(now, Failure::Gone);
    assert_eq!(gone.next(now), Step::Ended);
    let mut gone = cursor(now, &through(42), Origin::TrimHorizon);
    begin(&mut gone, &mut now);
    gone.failed(now, Failure::Gone);
    assert_eq!(gone.next(now + Duration::from_secs(1000)), Step::Ended);
}

#[test]
fn the_last_page_has_children_and_no_iterator() {
    let mut now = start();
    let mut cursor = cursor(now, &through(42), Origin::TrimHorizon);
    begin(&mut cursor, &mut now);
    let last = Page { next: None, children: Children::Whole, ..page(43) };
    assert_eq!(cursor.page(now, last), Verdict::Last);
    assert_eq!(cursor.next(now), Step::Ended);
}

#[test]
fn a_page_that_contradicts_itself_is_read_again_ten_times_and_then_believed() {
    for (next, children, verdict) in [
        (None, Children::None, Verdict::Last),
        (None, Children::Faulty, Verdict::Last),
        (Some(iterator("next")), Children::Whole, Verdict::Taken),
        (Some(iterator("next")), Children::Faulty, Verdict::Taken),
    ] {
        let mut now = start();
        let mut cursor = cursor(now, &through(42), Origin::TrimHorizon);
        begin(&mut cursor, &mut now);
        let odd = Page { next, children, ..page(43) };
        for _ in 1..10 {
            assert_eq!(cursor.page(now, odd.clone()), Verdict::Dropped);
            let before = now;
            assert_eq!(act(&mut cursor, &mut now), Step::Read(iterator("first"), 10_000));
            assert!(now > before);
        }
        assert_eq!(again(&mut cursor, &mut now), request(AtSequenceNumber, Some(42), None), "none was taken in");
        assert_eq!(cursor.page(now, odd), verdict);
    }
}

#[test]
fn at_the_tip_it_idles_and_behind_it_does_not() {
    let idle = |behind: Option<u64>, last: Option<u64>, millis: u64| {
        let mut now = start();
        let settings = CursorSettings { idle: Duration::from_millis(millis), ..CursorSettings::default() };
        let mut cursor = Cursor::new(now, &through(42), Origin::TrimHorizon, settings, 7);
        begin(&mut cursor, &mut now);
        let called = now;
        now += Duration::from_millis(150);
        let page = Page { last: last.map(sequence), behind: behind.map(Duration::from_millis), ..page(0) };
        assert_eq!(cursor.page(now, page), Verdict::Taken);
        act(&mut cursor, &mut now);
        now.duration_since(called).as_millis()
    };
    assert_eq!(idle(Some(0), None, 1000), 1000);
    assert_eq!(idle(Some(0), Some(43), 1000), 1000);
    assert_eq!(idle(None, None, 1000), 1000);
    // As fast as the share allows is with a spread, so that equals do not fall into step.
    let fast = 200..=280;
    assert!(fast.contains(&idle(Some(0), None, 10)), "no idling is shorter");
    for (behind, last) in [(Some(1), None), (Some(1), Some(43)), (None, Some(43))] {
        assert!(fast.contains(&idle(behind, last, 1000)));
    }
}

#[test]
fn a_page_of_ten_mebibytes_is_paid_for_with_five_seconds() {
    let mut now = start();
    let mut cursor = cursor(now, &through(42), Origin::TrimHorizon);
    begin(&mut cursor, &mut now);
    assert_eq!(cursor.page(now, Page { bytes: 10 * MIB, ..page(43) }), Verdict::Taken);
    let came = now;
    act(&mut cursor, &mut now);
    assert_eq!(now.duration_since(came), Duration::from_secs(5));
}

#[test]
fn failures_in_a_row_are_left_alone_for_longer_until_a_page_comes() {
    let mut now = start();
    let mut cursor = cursor(now, &through(42), Origin::TrimHorizon);
    begin(&mut cursor, &mut now);
    let mut fail = |cursor: &mut Cursor, failure| {
        cursor.failed(now, failure);
        let before = now;
        act(cursor, &mut now);
        now.duration_since(before)
    };
    let waits: Vec<Duration> = (0..12).map(|_| fail(&mut cursor, Failure::Other)).collect();
    for (at, wait) in (0_u32..).zip(&waits) {
        let middle = Duration::from_millis(100 * (1 << at)).min(Duration::from_secs(10));
        let least = middle / 2;
        let most = (middle * 3 / 2).clamp(Duration::from_millis(280), Duration::from_secs(10));
        assert!((least..=most).contains(wait), "{at}: {wait:?}");
    }
    let late = now + Duration::from_secs(5);
    assert_eq!(cursor.page(late, page(43)), Verdict::Taken);
    cursor.failed(late, Failure::Other);
    let late = late + Duration::from_millis(150);
    assert!(matches!(cursor.next(late), Step::Read(..)));
    // The first iterator that has expired is replaced at once. Not so the next, if nothing came of it.
    cursor.failed(late, Failure::ExpiredIterator);
    assert!(matches!(cursor.next(late), Step::Iterator(_)));
    cursor.iterator(iterator("second"), None);
    let mut now = late;
    for _ in 0..6 {
        cursor.failed(now, Failure::ExpiredIterator);
        assert!(matches!(act(&mut cursor, &mut now), Step::Iterator(_)));
        cursor.iterator(iterator("another"), None);
    }
    assert!(now > late + Duration::from_secs(2));
}

/// The shard: record `n` arrives at `n` times ten milliseconds, until it is closed.
struct Shard {
    count: u64,
    origin: Instant,
    chance: Rng,
}

impl Shard {
    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.origin).as_millis()).unwrap()
    }

    /// The last record there is by now.
    fn newest(&self, now: Instant) -> u64 {
        (self.millis(now) / 10).min(self.count)
    }

    fn date(&self, now: Instant) -> Option<Timestamp> {
        Some(Timestamp::from_millis(i64::try_from(self.millis(now)).unwrap()))
    }

    /// Iterators tell the number they stand before, and when they were made.
    fn token(&self, now: Instant, before: u64) -> ShardIterator {
        iterator(format!("{before}@{}", self.millis(now)))
    }

    fn place(&self, now: Instant, request: &IteratorRequest) -> u64 {
        let number = request.sequence.as_ref().map(value);
        let place = match &request.kind {
            TrimHorizon => 1,
            Latest => self.newest(now) + 1,
            AtTimestamp => u64::try_from(request.timestamp.unwrap().millis().max(10)).unwrap().div_ceil(10),
            AtSequenceNumber => number.unwrap(),
            AfterSequenceNumber => number.unwrap() + 1,
            _ => unreachable!("no such iterator is asked for"),
        };
        place.min(self.count + 1)
    }
}

/// What a cursor did.
#[derive(Default)]
struct History {
    delivered: Vec<u64>,
    reads: Vec<Instant>,
    renewals: Vec<Instant>,
    /// When pages were there, and their bytes.
    pages: Vec<(Instant, u64)>,
    /// Where the newest record was when the first iterator was made.
    latest: Option<u64>,
}

/// Reads the shard to its end. `trouble`: how many calls of a hundred go wrong.
fn read_all(seed: u64, progress: &Progress, origin: Origin, count: u64, trouble: u32) -> History {
    let mut chance = Rng::with_seed(seed);
    let mut now = start();
    let mut shard = Shard { count, origin: now, chance: chance.fork() };
    now += Duration::from_millis(chance.u64(0..count * 20));
    let mut cursor = Cursor::new(now, progress, origin, CursorSettings::default(), seed);
    let mut history = History::default();
    let heavy = if chance.bool() { 2 } else { 4 * MIB };
    let usual = if chance.bool() { 5 } else { 200 };
    for _ in 0..20_000 {
        if chance.u32(0..50) == 0 {
            // There is no room for the next page, perhaps for longer than an iterator lives.
            now += Duration::from_secs(chance.u64(0..600));
        }
        let goes_wrong = chance.u32(0..100) < trouble;
        let failure = match chance.u32(0..5) {
            0 | 1 => Failure::Throttled,
            2 => Failure::ExpiredIterator,
            _ => Failure::Other,
        };
        let latency = Duration::from_millis(chance.u64(1..if goes_wrong { 20_000 } else { usual }));
        match act(&mut cursor, &mut now) {
            Step::Ended => return history,
            Step::Wait(_) => unreachable!("waited for already"),
            Step::Iterator(request) => {
                history.renewals.push(now);
                let (made, before) = (now + latency / 2, shard.place(now + latency / 2, &request));
                now += latency;
                if goes_wrong && failure != Failure::ExpiredIterator {
                    cursor.failed(now, failure);
                    continue;
                }
                history.latest.get_or_insert(before);
                cursor.iterator(shard.token(made, before), shard.date(made));
            }
            Step::Read(token, limit) => {
                history.reads.push(now);
                let (before, made) = token.as_str().split_once('@').unwrap();
                let (before, made): (u64, u64) = (before.parse().unwrap(), made.parse().unwrap());
                let sent = now + latency / 2;
                now += latency;
                assert!(shard.millis(sent) - made < 300_000, "seed {seed}: an iterator has expired");
                if goes_wrong {
                    cursor.failed(now, failure);
                    continue;
                }
                let newest = shard.newest(sent);
                let until = (before + shard.chance.u64(0..u64::from(limit).min(300))).min(newest + 1).max(before);
                let is_end = until == shard.count + 1 && shard.chance.bool();
                let is_odd = chance.u32(0..200) < trouble;
                let page = Page {
                    last: (until > before).then(|| sequence(until - 1)),
                    bytes: (until - before).min(1) * chance.u64(0..heavy),
                    next: (is_end == is_odd).then(|| shard.token(sent, until)),
                    // From now to the arrival of what comes next.
                    behind: Some(Duration::from_millis(if until > newest {
                        0
                    } else {
                        shard.millis(sent) - until * 10
                    })),
                    children: if is_end { Children::Whole } else { Children::None },
                    date: shard.date(sent),
                };
                history.pages.push((now, page.bytes));
                match cursor.page(now, page) {
                    Verdict::Taken | Verdict::Last => history.delivered.extend(before..until),
                    Verdict::Dropped => assert!(is_odd),
                }
            }
        }
    }
    panic!("seed {seed}: no end")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nothing_is_skipped_or_taken_in_twice(seed: u64, count in 1_u64..3000, trouble in 0_u32..60, from in 1_u64..3000) {
        let from = from.min(count);
        let moment = Origin::At(Timestamp::from_millis(i64::try_from(from * 10).unwrap()));
        for (progress, origin, first) in [
            (through(from), Origin::TrimHorizon, from),
            (Progress::TrimHorizon, Origin::TrimHorizon, 1),
            (Progress::AtTimestamp, moment, from),
        ] {
            let history = read_all(seed, &progress, origin, count, trouble);
            prop_assert_eq!(history.delivered, (first..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_behind_the_newest_record_is_skipped(seed: u64, count in 1_u64..3000, trouble in 0_u32..60) {
        let history = read_all(seed, &Progress::Latest, Origin::Latest, count, trouble);
        let first = history.delivered.first().copied().unwrap_or(count + 1);
        prop_assert!(first <= history.latest.unwrap(), "{} and not {:?}", first, history.latest);
        prop_assert_eq!(history.delivered, (first..=count).collect::<Vec<_>>());
    }

    #[test]
    fn no_second_has_more_than_five_calls_and_no_time_more_than_its_bytes(
        seed: u64, count in 1_u64..3000, trouble in 0_u32..60,
    ) {
        let history = read_all(seed, &Progress::TrimHorizon, Origin::TrimHorizon, count, trouble);
        for calls in [&history.reads, &history.renewals] {
            for six in calls.windows(6) {
                prop_assert!(six[5].duration_since(six[0]) >= Duration::from_secs(1));
            }
        }
        // From a page to any later call: all pages between, the last one too, are paid for.
        for (at, (came, _)) in history.pages.iter().enumerate() {
            for next in &history.pages[at..] {
                let Some(call) = history.reads.iter().find(|call| **call > next.0) else { break };
                let bytes: u64 = history.pages[at..].iter().take_while(|page| page.0 <= next.0).map(|page| page.1).sum();
                let seconds = call.duration_since(*came).as_secs_f64();
                prop_assert!(bytes as f64 <= seconds * 2.0 * MIB as f64 + 1.0, "{} bytes in {} s", bytes, seconds);
            }
        }
    }
}
