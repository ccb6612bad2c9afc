//! The examples do what they say. Each is run as a user would run it without arguments, against its own broker, and must
//! come to what it prints.
#![allow(dead_code, reason = "their `main` is not called")]
#![allow(clippy::duplicate_mod, reason = "each example has its own copy of what they share")]

#[path = "../examples/backpressure_from_socket.rs"]
mod backpressure_from_socket;
#[path = "../examples/count_words.rs"]
mod count_words;
#[path = "../examples/effect_and_checkpoint.rs"]
mod effect_and_checkpoint;
#[path = "../examples/fire_and_forget.rs"]
mod fire_and_forget;
#[path = "../examples/for_each_record.rs"]
mod for_each_record;
#[path = "../examples/graceful_shutdown.rs"]
mod graceful_shutdown;
#[path = "../examples/lines_from_stdin.rs"]
mod lines_from_stdin;
#[path = "../examples/load/main.rs"]
mod load;
#[path = "../examples/many_streams.rs"]
mod many_streams;
#[path = "../examples/ordered_per_key.rs"]
mod ordered_per_key;
#[path = "../examples/put_and_wait.rs"]
mod put_and_wait;
#[path = "../examples/quickstart.rs"]
mod quickstart;
#[path = "../examples/replay_from_a_time.rs"]
mod replay_from_a_time;
#[path = "../examples/two_workers.rs"]
mod two_workers;

use clap::Parser;
use std::time::Duration;
use tailwater::producer::{Error, Health};

#[tokio::test]
async fn orders_that_are_waited_for_are_stored() {
    assert_eq!(put_and_wait::run(None).await.unwrap(), (6011, 6011));
}

#[tokio::test]
async fn measurements_nobody_waits_for_are_stored_or_told_to_the_hook() {
    let outcome = fire_and_forget::run(None).await.unwrap();
    assert_eq!(outcome.sent, outcome.stored + outcome.given_up, "{outcome:?}");
    assert_eq!(outcome.read, outcome.stored, "{outcome:?}");
    assert!(outcome.stored > 0 && outcome.given_up > 0, "{outcome:?}");
}

#[tokio::test]
async fn keys_stay_in_order_while_a_shard_is_split() {
    let outcome = ordered_per_key::run(None).await.unwrap();
    assert_eq!((outcome.read, outcome.in_order), (outcome.put, outcome.put), "{outcome:?}");
    assert_eq!(outcome.shards, 4, "two, and the children of one: {outcome:?}");
}

#[tokio::test]
async fn a_sender_is_held_up_and_the_budget_is_kept() {
    let outcome = backpressure_from_socket::run(None).await.unwrap();
    assert_eq!((outcome.stored, outcome.read), (2000, 2000), "{outcome:?}");
    assert!(outcome.waits > 0 && outcome.most_outstanding <= 256 * 1024, "{outcome:?}");
    // Two megabytes through a shard that takes one in a second, less what may be under way and saved up.
    assert!(outcome.sending > Duration::from_millis(500), "{outcome:?}");
}

/// Until something is stored and something is outstanding.
async fn a_second() -> Result<&'static str, Box<dyn std::error::Error + Send + Sync>> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok("a second is over")
}

#[tokio::test]
async fn what_is_outstanding_at_the_end_is_stored() {
    let (closed, read) = graceful_shutdown::run(None, a_second(), Duration::from_secs(60)).await.unwrap();
    assert!(closed.accepted > 0);
    assert_eq!((closed.stored, closed.failed), (closed.accepted, 0));
    assert_eq!(read as u64, closed.stored);
}

#[tokio::test]
async fn what_is_outstanding_at_a_hard_end_comes_back() {
    let (closed, read) = graceful_shutdown::run(None, a_second(), Duration::ZERO).await.unwrap();
    let (known, unknown) = (closed.failures.len() as u64, closed.unknown.len() as u64);
    assert!(known > 0, "a slow shard leaves some outstanding");
    assert_eq!(closed.accepted, closed.stored + known + unknown);
    assert!((closed.stored..=closed.stored + unknown).contains(&(read as u64)));
    assert!(closed.failures.iter().all(|failure| matches!(failure.error, Error::Abandoned { .. })));
}

#[tokio::test]
async fn a_stream_that_is_missing_does_not_disturb_the_others() {
    let streams = many_streams::run(vec![]).await.unwrap();
    assert_eq!(streams.len(), 4);
    for stream in streams {
        if stream.stream.contains("no-such") {
            assert_eq!((stream.stored, stream.failed), (0, 1000));
            assert!(matches!(stream.health, Health::Failing { .. }), "{:?}", stream.health);
        } else {
            assert_eq!((stream.stored, stream.failed), (1000, 0));
            assert_eq!(stream.health, Health::Healthy);
        }
    }
}

#[tokio::test]
async fn lines_of_one_key_come_in_order_out_of_one_shard() {
    let input = "a k 1\nb j 1\n\nc k 2\nd j 2\n";
    let arguments = vec!["--key-field".to_owned(), "2".to_owned()];
    let (closed, read) = lines_from_stdin::run(arguments, input.as_bytes()).await.unwrap();
    assert_eq!((closed.accepted, closed.stored), (5, 5));
    let of = |key: &str| read.iter().filter(|line| line.contains(key)).cloned().collect::<Vec<_>>();
    assert_eq!(of(" k "), ["a k 1", "c k 2"]);
    assert_eq!(of(" j "), ["b j 1", "d j 2"]);
}

#[tokio::test]
async fn no_lines_at_all_are_no_trouble() {
    let (closed, read) = lines_from_stdin::run(vec![], &b""[..]).await.unwrap();
    assert_eq!((closed.accepted, read.len()), (0, 0));
}

#[tokio::test]
async fn each_record_is_handled_once_and_in_order_although_some_are_refused_at_first() {
    let outcome = for_each_record::run(None).await.unwrap();
    assert_eq!((outcome.sent, outcome.distinct, outcome.nonsense), (495, 495, 5), "{outcome:?}");
    assert!(outcome.refused == 10 && outcome.is_in_order, "{outcome:?}");
}

#[tokio::test]
async fn two_workers_share_a_stream_and_one_takes_over_all_of_it() {
    let outcome = two_workers::run(None).await.unwrap();
    assert_eq!(outcome.shares, [(4, 0), (2, 2), (0, 4)], "{outcome:?}");
    assert!(outcome.handled.iter().all(|(one, two)| one + two == 300), "once each: {outcome:?}");
    assert!(matches!(outcome.handled[..], [(_, 0), (1.., 1..), (0, _)]), "{outcome:?}");
}

#[tokio::test]
async fn words_are_counted_exactly_across_a_crash() {
    let outcome = count_words::run(None).await.unwrap();
    assert_eq!(outcome.counted, outcome.put);
    assert!(outcome.minutes == 15 && outcome.taken_up > 0, "{outcome:?}");
}

#[tokio::test]
async fn each_payment_takes_effect_once_however_often_the_worker_dies() {
    let outcome = effect_and_checkpoint::run(None).await.unwrap();
    assert_eq!((outcome.booked, outcome.bookings), (outcome.paid, outcome.payments), "{outcome:?}");
    assert!(outcome.deaths == 12 && outcome.delivered > 3_000, "some came again: {outcome:?}");
}

#[tokio::test]
async fn a_replay_has_all_since_its_moment_across_a_split_and_ends_in_the_present() {
    let outcome = replay_from_a_time::run(None).await.unwrap();
    assert_eq!((outcome.earlier, outcome.later), (0, outcome.expected), "{outcome:?}");
    assert_eq!(outcome.shards, 4, "two, and the children of one: {outcome:?}");
}

#[tokio::test]
async fn the_quickstart_finds_every_reading_in_order_and_explains_what_came_twice() {
    let ledger = quickstart::run(100_000, false).await.unwrap();
    assert_eq!((ledger.seen, ledger.children, ledger.unexplained), (100_000, 2, 0), "{ledger}");
    assert!(ledger.is_faultless(), "{ledger}");
}

#[tokio::test]
async fn the_quickstart_notices_what_is_lost() {
    let ledger = quickstart::run(50_000, true).await.unwrap();
    assert!(!ledger.is_faultless());
    assert_eq!((ledger.lost(), ledger.unexplained), (10, 0), "{ledger}");
}

#[tokio::test]
async fn a_load_is_measured_in_a_closed_loop_and_at_a_rate() {
    let closed = ["load", "--in-flight", "100", "--seconds", "0.5", "--size", "50-200", "--keys", "zipf:100"];
    let report = load::run(load::Arguments::parse_from(closed)).await.unwrap();
    assert!(report.stored >= 100 && report.failed == 0, "{report}");
    assert!(report.latency.p99 >= report.latency.p50 && report.latency.p50 > 1.0, "{report}");

    let mut and_read = closed.to_vec();
    and_read.extend(["--consumers", "2", "--in-process", "--unlimited", "--idle-ms", "5"]);
    let report = load::run(load::Arguments::parse_from(and_read)).await.unwrap();
    assert_eq!(report.handled, Some(report.stored), "{report}");
    let to_handler = report.end_to_end.as_ref().unwrap();
    assert!(to_handler.p99 >= to_handler.p50 && to_handler.p50 > 1.0, "{report}");

    let at_a_rate =
        ["load", "--rate", "1000", "--seconds", "0.5", "--in-process", "--keys", "none", "--producers", "2"];
    let report = load::run(load::Arguments::parse_from(at_a_rate)).await.unwrap();
    // However late it was stopped, never faster than was asked for; each producer begins with one at once.
    let most = (report.seconds * 1000.0) as u64 + 2;
    assert!((1..=most).contains(&report.stored) && report.failed == 0, "{report}");
}
