//! Records put in every way there is, and where they land.

use crate::support::{Fate, World, keeping, number_in, numbered};
use futures_util::{SinkExt, StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tailwater::producer::{Config, Error, Ordering};
use tailwater::record::{HashKey, Headers, UserRecord};
use tokio::sync::Notify;

#[tokio::test(start_paused = true)]
async fn a_receipt_tells_where_a_reader_finds_the_record() {
    let world = World::new(3, Config::default()).await;
    let records: Vec<UserRecord> = (0..500)
        .map(|number| match number % 4 {
            0 => numbered(number, &format!("key {}", number % 7)),
            1 => UserRecord::new(number.to_string()),
            2 => UserRecord::new(number.to_string()).with_explicit_hash_key(HashKey::new(u128::from(number) << 115)),
            _ => numbered(number, "with headers").with_headers(Headers::new().with("name", "value")),
        })
        .collect();
    let receipts = world.stream.put_all(records.clone()).await.unwrap();
    let mut told = Vec::new();
    for receipt in receipts {
        told.push(receipt.await.unwrap());
    }
    let read = world.read().await;
    assert_eq!(read.len(), 500);
    for (record, stored) in records.iter().zip(&told) {
        let place = (&stored.shard, &stored.sequence, stored.sub_sequence);
        let found = read.iter().find(|read| (&read.shard, &read.number, read.sub_sequence) == place).unwrap();
        assert_eq!(found.record.data(), record.data());
        assert_eq!(found.record.headers(), record.headers());
        if let Some(key) = record.partition_key() {
            assert_eq!(found.record.partition_key(), Some(key));
        }
    }
    let stats = world.stream.stats();
    assert!(stats.kinesis_records < 20, "they travel together: {}", stats.kinesis_records);
    assert_eq!((stats.accepted, stats.stored, stats.failed, stats.outstanding), (500, 500, 0, 0));
    assert_eq!(stats.outstanding_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn iterators_streams_and_sinks_put_in_order() {
    let world = World::new(1, Config::default()).await;
    let some = |first: u64| (first..first + 100).map(|number| numbered(number, "k"));
    let mut receipts = world.stream.put_all(some(0)).await.unwrap();
    receipts.append(world.stream.put_stream(stream::iter(some(100))).await.unwrap());
    assert_eq!(receipts.len(), 200);
    let mut sink = world.stream.sink();
    stream::iter(some(200)).map(Ok).forward(&mut sink).await.unwrap();
    for number in 300..400 {
        world.stream.send(numbered(number, "k")).await.unwrap();
    }
    world.stream.flush().await.unwrap();
    assert_eq!(receipts.all().await.stored, 200);
    assert_eq!(world.numbers().await, (0..400).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_key_keeps_its_order_whatever_fails() {
    for seed in 0..20_u64 {
        let world = World::new(4, Config::default().with_linger(Duration::from_millis(1))).await;
        let mut state = seed;
        world.way.judge(move |operation, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match (operation, state >> 60) {
                ("PutRecords", 0) => Fate::Unsent,
                ("PutRecords", 1) => Fate::ReplyLost,
                ("PutRecords", 2) => Fate::Refused(tailwater::wire::FaultCode::InternalFailure),
                ("PutRecords", 3) => Fate::Refused(tailwater::wire::FaultCode::LimitExceeded),
                _ => Fate::Pass,
            }
        });
        for number in 0..300 {
            world.stream.send(numbered(number, &format!("key {}", number % 5))).await.unwrap();
            if number % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        world.stream.flush().await.unwrap();
        let mut first = std::collections::BTreeMap::new();
        for (place, read) in world.read().await.iter().enumerate() {
            first.entry(number_in(&read.record)).or_insert((place, read.record.partition_key().cloned()));
        }
        assert_eq!(first.len(), 300, "seed {seed}");
        for (number, (place, key)) in &first {
            if let Some((later, _)) = first.get(&(number + 5)) {
                assert!(place < later, "seed {seed}: {number} of {key:?} after its successor");
            }
        }
    }
}

/// How many seconds of this world a shard takes for so many bytes, at a round trip of 50 ms.
async fn seconds_for(records: u64, ordering: Ordering) -> f64 {
    let world = World::new(1, Config::default().with_ordering(ordering)).await;
    world.way.judge(|operation, _| match operation {
        "PutRecords" => Fate::Slow(Duration::from_millis(50)),
        _ => Fate::Pass,
    });
    let began = tokio::time::Instant::now();
    for number in 0..records {
        let record = UserRecord::new(vec![number as u8; 4000]).with_partition_key("k".parse().unwrap());
        world.stream.send(record).await.unwrap();
    }
    world.stream.flush().await.unwrap();
    began.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn in_order_a_shard_is_as_busy_as_without_at_a_round_trip_of_50_ms() {
    let (ordered, unordered) = (seconds_for(8000, Ordering::PerShard).await, seconds_for(8000, Ordering::None).await);
    let least = 8000.0 * 4000.0 / f64::from(1 << 20);
    assert!(
        unordered > least * 0.95 && ordered > least * 0.95,
        "the shard's rate is kept to: {unordered} s of {least}"
    );
    assert!(ordered < unordered / 0.9, "in order {ordered} s, without {unordered} s, of {least}");
    println!("in order {ordered:.2} s, without {unordered:.2} s, at the shard's rate {least:.2} s");
}

#[tokio::test(start_paused = true)]
async fn without_order_many_are_under_way() {
    let config = Config::default().with_ordering(Ordering::None).with_aggregate_bytes(1000).with_linger(Duration::ZERO);
    let world = World::new(1, config).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let until = Arc::new(Notify::new());
    let held = Arc::clone(&until);
    world
        .way
        .judge(move |operation, _| if operation == "PutRecords" { Fate::Held(Arc::clone(&held)) } else { Fate::Pass });
    let mut receipts = Vec::new();
    for number in 1..=3 {
        receipts.push(world.stream.put(numbered(number, "k")).await.unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.stream.stats().requests_under_way, 3);
    until.notify_waiters();
    for receipt in receipts {
        receipt.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn when_there_is_no_room_puts_wait_in_line_and_the_others_come_back() {
    let world = World::new(1, Config::default().with_budget(64 * 1024).with_linger(Duration::ZERO)).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let until = Arc::new(Notify::new());
    world.way.puts([Fate::Held(Arc::clone(&until))]);
    let large = |number: u8| UserRecord::new(vec![number; 20_000]).with_partition_key("k".parse().unwrap());
    let mut receipts = Vec::new();
    while let Ok(receipt) = world.stream.try_put(large(receipts.len() as u8)) {
        receipts.push(receipt);
    }
    assert_eq!(receipts.len(), 3);
    let refused = world.stream.try_put(large(9)).unwrap_err();
    assert!(matches!(refused.error(), Error::Full { .. }) && refused.error().is_retryable());
    assert_eq!(refused.into_record().data()[0], 9, "the record comes back");
    let late = world.stream.put_timeout(large(8), Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(late.error(), Error::Full { .. }));

    // One who gives up leaves no hole in the line, and no room taken.
    let waiting = world.stream.clone();
    let gone = tokio::spawn(async move { waiting.put(large(7)).await.map(drop) });
    let waiting = world.stream.clone();
    let patient = tokio::spawn(async move { waiting.put(large(6)).await.unwrap().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(1)).await;
    gone.abort();
    until.notify_waiters();
    patient.await.unwrap();
    for receipt in receipts {
        receipt.await.unwrap();
    }
    world.stream.flush().await.unwrap();
    let stats = world.stream.stats();
    assert_eq!((stats.stored, stats.outstanding_bytes, stats.waits), (5, 0, 3));
    assert!(
        world.read().await.iter().all(|read| !matches!(read.record.data()[0], 7..=9)),
        "what was not put is not stored"
    );
}

#[tokio::test(start_paused = true)]
async fn one_shard_that_stands_still_leaves_room_for_others() {
    let config = Config::default().with_budget(256 * 1024).with_aggregate_bytes(4000).with_linger(Duration::ZERO);
    let world = World::new(4, config).await;
    let at = |shard: u128, number: u64| {
        UserRecord::new(number.to_string() + &" ".repeat(500)).with_explicit_hash_key(HashKey::new((shard << 126) + 1))
    };
    for shard in 0..4 {
        world.stream.put(at(shard, 0)).await.unwrap().await.unwrap();
    }
    // Whatever goes to the first shard is never answered.
    let held = Arc::new(Notify::new());
    world.way.judge(move |operation, request| {
        let first = String::from_utf8_lossy(&request.body).contains(r#""ExplicitHashKey":"1""#);
        if operation == "PutRecords" && first { Fate::Held(Arc::clone(&held)) } else { Fate::Pass }
    });
    world.stream.send(at(0, 0)).await.unwrap();
    // The request that is never answered carries nothing of the other shards.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut stuck = 0;
    while world.stream.try_send(at(0, stuck)).is_ok() {
        stuck += 1;
        assert!(stuck < 10_000);
    }
    for number in 0..2000 {
        tokio::time::timeout(Duration::from_secs(60), world.stream.send(at(1 + u128::from(number) % 3, number)))
            .await
            .unwrap_or_else(|_| panic!("others find no room: {:#?}", world.stream.stats()))
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_hears_of_a_failure_unless_the_hook_does() {
    let (kept, hook) = keeping();
    let world = World::new(1, Config::default().with_failure_hook(hook)).await;
    world.way.puts([Fate::Refused(tailwater::wire::FaultCode::AccessDenied)]);
    world.stream.send(numbered(1, "k")).await.unwrap();
    drop(world.stream.put(numbered(2, "k")).await.unwrap());
    let heard = world.stream.put(numbered(3, "k")).await.unwrap();
    let failure = heard.await.unwrap_err();
    assert_eq!(number_in(&failure.record), 3);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let told: Vec<u64> = kept.lock().unwrap().iter().map(|failure| number_in(&failure.record)).collect();
    assert_eq!(told, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_takes_what_the_stream_has_room_for_and_gives_back_what_is_refused() {
    let world = World::new(1, Config::default().with_budget(64 * 1024)).await;
    let mut sink = world.stream.sink();
    for number in 0..50 {
        sink.send(UserRecord::new(vec![number; 10_000]).with_partition_key("k".parse().unwrap())).await.unwrap();
    }
    let refused = sink.send(UserRecord::new(vec![0; 2 << 20]).with_partition_key("k".parse().unwrap())).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    assert_eq!(sink.take_refused().unwrap().data().len(), 2 << 20);
    assert_eq!(world.read().await.len(), 50);
}
