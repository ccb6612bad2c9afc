//! Flush, stopped lanes, close, drop: nothing ends without telling what became of each record.

use crate::support::{Fate, World, keeping, name, number_in, numbered};
use std::sync::Arc;
use std::time::Duration;
use tailwater::producer::{Config, Error, Health, OnAmbiguity, OnFailure};
use tailwater::wire::FaultCode;
use tokio::sync::Notify;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_put_before_and_not_for_the_linger() {
    let world = World::new(4, Config::default().with_linger(Duration::from_secs(60))).await;
    for number in 0..100 {
        world.stream.send(numbered(number, &number.to_string())).await.unwrap();
    }
    let began = Instant::now();
    world.producer.flush().await.unwrap();
    assert!(began.elapsed() < SECOND);
    assert_eq!(world.stream.stats().stored, 100);
    assert_eq!(world.read().await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_for_good_stops_its_lane_until_it_is_resumed() {
    let world = World::new(1, Config::default().with_linger(Duration::ZERO)).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let mut health = world.stream.health();
    world.way.puts([Fate::Refused(FaultCode::AccessDenied)]);
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    assert!(matches!(failure.error, Error::Call { .. }) && !failure.error.is_retryable());
    assert_eq!((number_in(&failure.record), failure.attempts.count()), (1, 1));

    world.stream.send(numbered(2, "k")).await.unwrap();
    let stopped = world.stream.flush().await.unwrap_err();
    let Error::Stopped { shard: Some(shard), cause } = stopped else { panic!("{stopped}") };
    assert!(matches!(*cause, Error::Call { .. }));
    assert!(matches!(*health.borrow_and_update(), Health::Failing { .. }));
    assert_eq!(world.numbers().await, [0], "what is behind it waits");
    assert!(world.stream.stats().shards[0].stopped.is_some());

    assert_eq!(world.stream.resume(Some(&shard)), 1);
    world.stream.flush().await.unwrap();
    assert_eq!(world.numbers().await, [0, 2]);
    assert_eq!(*health.borrow_and_update(), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn whoever_chooses_so_goes_on_behind_a_failure() {
    let (kept, hook) = keeping();
    let config = Config::default().with_on_failure(OnFailure::Skip).with_failure_hook(hook).with_linger(Duration::ZERO);
    let world = World::new(1, config).await;
    world.way.puts([Fate::Refused(FaultCode::AccessDenied)]);
    world.stream.send(numbered(1, "k")).await.unwrap();
    world.stream.flush().await.unwrap();
    world.stream.send(numbered(2, "k")).await.unwrap();
    world.stream.flush().await.unwrap();
    assert_eq!(world.numbers().await, [2]);
    assert_eq!(number_in(&kept.lock().unwrap()[0].record), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_stored_is_put_again_or_handed_back_as_chosen() {
    let world = World::new(1, Config::default()).await;
    world.way.puts([Fate::ReplyLost]);
    let stored = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap();
    assert_eq!((stored.attempts, world.numbers().await), (2, vec![1, 1]), "never lost, perhaps twice");

    let world = World::new(1, Config::default().with_on_ambiguity(OnAmbiguity::Fail)).await;
    world.way.puts([Fate::ReplyLost]);
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    assert!(matches!(failure.error, Error::Ambiguous) && failure.may_have_happened());
    assert_eq!(world.numbers().await, [1], "never twice");
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_is_kept_also_under_way() {
    let config = Config::default().with_time_to_live(5 * SECOND).with_linger(Duration::ZERO);
    let world = World::new(1, config).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let until = Arc::new(Notify::new());
    world.way.puts([Fate::Held(Arc::clone(&until))]);
    let began = Instant::now();
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    assert!(began.elapsed() >= 5 * SECOND && began.elapsed() < 6 * SECOND, "{:?}", began.elapsed());
    assert!(matches!(failure.error, Error::Expired { may_have_happened: true, .. }), "{failure}");
    assert_eq!(number_in(&failure.record), 1);
    until.notify_waiters();
    assert_eq!(world.stream.resume(None), 1, "a record that fails stops its lane, for whatever reason");
    world.stream.put(numbered(2, "k")).await.unwrap().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_tells_what_is_stored_what_failed_and_what_is_not_known() {
    let world = World::new(2, Config::default()).await;
    for number in 0..10 {
        world.stream.send(numbered(number, &number.to_string())).await.unwrap();
    }
    let receipt = world.stream.put(numbered(10, "k")).await.unwrap();
    let closed = world.producer.close(SECOND).await;
    assert_eq!((closed.accepted, closed.stored, closed.failed), (11, 11, 0));
    assert!(closed.failures.is_empty() && closed.unknown.is_empty());
    receipt.await.expect("a receipt outlives its producer");
    let refused = world.stream.put(numbered(11, "k")).await.unwrap_err();
    assert!(matches!(refused.error(), Error::Closed));
    let late = world.producer.stream("t".parse::<tailwater::record::StreamName>().unwrap());
    assert!(matches!(late.put(numbered(12, "k")).await.unwrap_err().error(), Error::Closed));
    let began = Instant::now();
    assert_eq!(world.producer.close(SECOND).await.stored, 11, "closed twice");
    world.stream.flush().await.expect("nothing is outstanding");
    assert_eq!(began.elapsed(), Duration::ZERO, "nothing is waited for");
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_what_is_late_and_hands_it_back() {
    let world = World::new(1, Config::default().with_linger(Duration::ZERO)).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    world.way.puts([Fate::Held(Arc::new(Notify::new()))]);
    let under_way = world.stream.put(numbered(1, "k")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let behind = world.stream.put(numbered(2, "k")).await.unwrap();
    let closed = world.producer.close(SECOND).await;
    assert_eq!((closed.accepted, closed.stored, closed.failed), (3, 1, 2));
    let numbers = |failures: &[tailwater::producer::Failure]| {
        failures.iter().map(|failure| number_in(&failure.record)).collect::<Vec<_>>()
    };
    assert_eq!((numbers(&closed.unknown), numbers(&closed.failures)), (vec![1], vec![2]));
    assert!(under_way.await.unwrap_err().may_have_happened());
    assert!(!behind.await.unwrap_err().may_have_happened());
}

#[tokio::test(start_paused = true)]
async fn no_task_outlives_a_producer_closed_or_dropped() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 0);
    let world = World::new(4, Config::default()).await;
    world.way.puts([Fate::Held(Arc::new(Notify::new()))]);
    let open = world.stream.put(numbered(1, "k")).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(tasks() > 1, "the stream's and a request's");
    let _ = world.producer.close(SECOND).await;
    assert_eq!(tasks(), 0);
    drop(open);

    let world = World::new(4, Config::default()).await;
    let receipt = world.stream.put(numbered(1, "k")).await.unwrap();
    let World { producer, stream, .. } = world;
    drop((producer, stream));
    let failure = receipt.await.unwrap_err();
    assert!(matches!(failure.error, Error::Abandoned { may_have_happened: false }), "{failure}");
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0);
    let _ = name();
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_room_are_sent_away_when_it_closes() {
    let world = World::new(1, Config::default().with_budget(64 * 1024)).await;
    world.way.puts([Fate::Held(Arc::new(Notify::new()))]);
    let large = || tailwater::record::UserRecord::new(vec![0; 60_000]).with_partition_key("k".parse().unwrap());
    drop(world.stream.put(large()).await.unwrap());
    let waiting = world.stream.clone();
    let waiter = tokio::spawn(async move { waiting.put(large()).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(1)).await;
    let closed = world.producer.close(SECOND).await;
    let refused = waiter.await.unwrap().unwrap_err();
    assert!(matches!(refused.error(), Error::Closed), "{refused}");
    assert_eq!((refused.record().data().len(), closed.accepted), (60_000, 1));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_lane_that_stops_is_told_so() {
    let world = World::new(1, Config::default().with_budget(64 * 1024).with_linger(Duration::ZERO)).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let until = Arc::new(Notify::new());
    let held = Arc::clone(&until);
    let mut puts = 0;
    world.way.judge(move |operation, _| {
        puts += usize::from(operation == "PutRecords");
        match (operation, puts) {
            ("PutRecords", 1) => Fate::Held(Arc::clone(&held)),
            ("PutRecords", _) => Fate::Refused(FaultCode::AccessDenied),
            _ => Fate::Pass,
        }
    });
    let large = || tailwater::record::UserRecord::new(vec![0; 30_000]).with_partition_key("k".parse().unwrap());
    for _ in 0..2 {
        drop(world.stream.put(large()).await.unwrap());
    }
    let waiting = world.stream.clone();
    let waiters = [0, 1, 2].map(|_| {
        let waiting = waiting.clone();
        tokio::spawn(async move { waiting.put(large()).await.map(drop) })
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    until.notify_waiters();
    let mut refused = 0;
    for waiter in waiters {
        let told = tokio::time::timeout(60 * SECOND, waiter).await.expect("nobody waits for ever").unwrap();
        refused += usize::from(matches!(told, Err(error) if matches!(error.error(), Error::Stopped { .. })));
    }
    assert_eq!(refused, 1, "two found room before, the third is told");
}

#[tokio::test(start_paused = true)]
async fn the_longest_time_there_is_may_be_given() {
    let world = World::new(1, Config::default()).await;
    drop(world.stream.put_timeout(numbered(0, "k"), Duration::MAX).await.unwrap());
    assert_eq!(world.producer.close(Duration::MAX).await.stored, 1);
}

#[test]
fn when_the_runtime_ends_everybody_is_told() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let first = runtime();
    let (world, receipt) = first.block_on(async {
        let world = World::new(1, Config::default()).await;
        let receipt = world.stream.put(numbered(0, "k")).await.unwrap();
        (world, receipt)
    });
    drop(first);
    runtime().block_on(async {
        assert!(matches!(receipt.await.unwrap_err().error, Error::Abandoned { .. }));
        assert!(matches!(world.stream.put(numbered(1, "k")).await.unwrap_err().error(), Error::Closed));
        world.stream.flush().await.expect("nothing is outstanding");
        assert!(matches!(*world.stream.health().borrow(), Health::Failing { .. }));
    });
}

#[tokio::test(start_paused = true)]
async fn a_failure_whose_receipt_is_dropped_unread_is_told_to_the_hook() {
    let (kept, hook) = keeping();
    let config = Config::default().with_failure_hook(hook).with_on_failure(OnFailure::Skip).with_linger(Duration::ZERO);
    let world = World::new(1, config).await;
    world.way.puts([Fate::Refused(FaultCode::AccessDenied)]);
    let receipt = world.stream.put(numbered(1, "k")).await.unwrap();
    world.stream.flush().await.unwrap();
    assert!(kept.lock().unwrap().is_empty(), "somebody may read it yet");
    drop(receipt);
    assert_eq!(number_in(&kept.lock().unwrap()[0].record), 1);
}
