//! The stream is resharded while records are put: what a receipt tells is where a reader who keeps the KCL's rule finds it.

use crate::support::{World, name, number_in, numbered};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tailwater::producer::{Config, Ordering};
use tailwater::record::HashKey;
use tailwater::wire::shapes::{MergeShardsInput, SplitShardInput};

async fn reshard_while_putting(ordering: Ordering) {
    let config = Config::default().with_ordering(ordering).with_linger(Duration::from_millis(5));
    let world = World::new(2, config).await;
    let mut receipts = Vec::new();
    for number in 0..2000_u64 {
        receipts.push((number, world.stream.put(numbered(number, &format!("key {}", number % 50))).await.unwrap()));
        if number % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if number % 400 == 200 {
            let (shard, range, _) = world.shards().await.into_iter().rfind(|(.., open)| *open).unwrap();
            let width = range.end().number() - range.start().number();
            let middle = HashKey::new(range.start().number() + width / 2);
            let input = SplitShardInput {
                stream_name: Some(name()),
                shard_to_split: shard,
                new_starting_hash_key: middle,
                stream_arn: None,
            };
            world.client.split_shard(&input).await.unwrap();
        }
        if number % 400 == 390 {
            let open: Vec<_> = world.shards().await.into_iter().filter(|(.., open)| *open).collect();
            let mut pairs = open.iter().flat_map(|one| open.iter().map(move |other| (one, other)));
            let (one, other) = pairs
                .find(|(one, other)| one.1 < other.1 && one.1.merge(other.1).is_some())
                .map(|(one, other)| (one.0.clone(), other.0.clone()))
                .unwrap();
            let input = MergeShardsInput {
                stream_name: Some(name()),
                shard_to_merge: one,
                adjacent_shard_to_merge: other,
                stream_arn: None,
            };
            world.client.merge_shards(&input).await.unwrap();
        }
    }
    let mut told = BTreeMap::new();
    for (number, receipt) in receipts {
        told.insert(number, receipt.await.unwrap());
    }
    let read = world.read().await;
    let places: BTreeSet<_> = read.iter().map(|read| (number_in(&read.record), &read.shard, &read.number)).collect();
    for (number, stored) in &told {
        assert!(
            places.contains(&(*number, &stored.shard, &stored.sequence)),
            "{number} is not where it was told: {stored:?}"
        );
    }
    if ordering == Ordering::PerShard {
        // By the service's numbers, which rise from parent to child.
        let mut first: BTreeMap<u64, &tailwater::record::SequenceNumber> = BTreeMap::new();
        for read in &read {
            let known = first.entry(number_in(&read.record)).or_insert(&read.number);
            *known = (*known).min(&read.number);
        }
        for number in 0..1950 {
            assert!(first[&number] <= first[&(number + 50)], "{number} was stored after its successor");
        }
    }
    let stats = world.stream.stats();
    assert!(stats.misplaced > 0 && stats.packed_anew > 0, "the reshards were met: {stats:?}");
    assert_eq!((stats.stored, stats.failed), (2000, 0));
}

#[tokio::test(start_paused = true)]
async fn in_order_nothing_is_lost_across_splits_and_merges() {
    reshard_while_putting(Ordering::PerShard).await;
}

#[tokio::test(start_paused = true)]
async fn without_order_nothing_is_lost_across_splits_and_merges() {
    reshard_while_putting(Ordering::None).await;
}
