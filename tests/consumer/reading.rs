//! Records are handled, once where nothing fails, whoever comes and goes.

use crate::support::{GROUP, Seen, World, until};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::consumer::{Batch, Consumer, Delivered, Handler, Running};
use tokio::time::Instant;

pub(crate) struct Noting {
    seen: Seen,
    worker: String,
}

impl Handler for Noting {
    type Error = Infallible;

    async fn records(&mut self, batch: &Batch) -> Result<(), Infallible> {
        for record in batch.records() {
            self.seen.deliver(&self.worker, batch.shard(), record.data());
        }
        Ok(())
    }
}

pub(crate) async fn start(world: &World, worker: &str) -> Running {
    let (seen, name) = (world.seen.clone(), worker.to_owned());
    let consumer = Consumer::new(world.orders.client(), world.orders.store(), world.config(worker)).unwrap();
    consumer.run(move |_: &_| Noting { seen: seen.clone(), worker: name.clone() }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_worker_handles_every_record_once() {
    let world = World::new(3).await;
    world.put(0, 1_000).await;
    let running = start(&world, "one").await;
    until("all are handled", async || world.seen.distinct().len() == 1_000).await;
    world.put(1_000, 500).await;
    until("those that came later too", async || world.seen.distinct().len() == 1_500).await;
    let ended = running.drain(Duration::from_secs(30)).await;
    assert!(ended.in_time && ended.fault.is_none(), "{ended:?}");
    assert_eq!(world.seen.count(), 1_500);
}

#[tokio::test(start_paused = true)]
async fn two_workers_share_the_shards_and_one_takes_over_what_the_other_leaves() {
    let world = World::new(4).await;
    let one = start(&world, "one").await;
    until("the first has all", async || one.snapshot().shards.len() == 4).await;
    let two = start(&world, "two").await;
    until("each has half", async || one.snapshot().shards.len() == 2 && two.snapshot().shards.len() == 2).await;
    world.put(0, 400).await;
    until("all are handled", async || world.seen.distinct().len() == 400).await;
    assert_eq!(world.seen.shards_by_worker().values().map(|shards| shards.len()).collect::<Vec<_>>(), [2, 2]);
    assert!(one.drain(Duration::from_secs(30)).await.in_time);
    until("the second has all", async || two.snapshot().shards.len() == 4).await;
    world.put(400, 400).await;
    until("all are handled", async || world.seen.distinct().len() == 800).await;
    assert!(two.drain(Duration::from_secs(30)).await.in_time);
    assert_eq!(world.seen.count(), 800, "who leaves in order repeats nothing");
}

#[tokio::test(start_paused = true)]
async fn records_that_fail_once_each_are_not_waited_for_longer_and_longer() {
    let world = World::new(1).await;
    world.put(0, 40).await;
    let consumer = Consumer::new(world.orders.client(), world.orders.store(), world.config("one")).unwrap();
    let (failed, seen) = (Arc::new(Mutex::new(BTreeSet::new())), world.seen.clone());
    let began = Instant::now();
    let each = move |delivered: Delivered| {
        let is_new = failed.lock().unwrap().insert(delivered.record.data().clone());
        if !is_new {
            seen.deliver("one", &delivered.shard, delivered.record.data());
        }
        ready(if is_new { Err("busy") } else { Ok(()) })
    };
    let _running = consumer.for_each(each).await.unwrap();
    world.orders.until_handled(GROUP).await;
    assert_eq!(world.seen.count(), 40, "what was handled does not come again");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?} for 40 short waits", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_is_replaced_and_nothing_is_lost() {
    let world = World::new(4).await;
    let one = start(&world, "one").await;
    let two = start(&world, "two").await;
    until("each has half", async || one.snapshot().shards.len() == 2 && two.snapshot().shards.len() == 2).await;
    world.put(0, 400).await;
    until("all are handled", async || world.seen.distinct().len() == 400).await;
    drop(one);
    world.put(400, 400).await;
    until("all are handled", async || world.seen.distinct().len() == 800).await;
    assert!(two.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn splits_and_merges_lose_nothing_and_keep_the_order_of_keys() {
    let world = World::new(2).await;
    let one = start(&world, "one").await;
    let two = start(&world, "two").await;
    let mut put = 0;
    for round in 0..4 {
        world.put(put, 300).await;
        put += 300;
        let shards = world.orders.shards().await;
        if round % 2 == 0 {
            world.orders.split(&shards[0]).await;
        } else {
            let [.., lower, upper] = &shards[..] else { panic!("two shards at least") };
            world.orders.merge(lower, upper).await;
        }
    }
    world.put(put, 300).await;
    until("all are handled", async || world.seen.distinct().len() == put + 300).await;
    assert!(one.drain(Duration::from_secs(30)).await.in_time);
    assert!(two.drain(Duration::from_secs(30)).await.in_time);
    let mut last = std::collections::BTreeMap::new();
    world.seen.look(|notes| {
        for (_, _, payload) in &notes.delivered {
            let number: usize = payload.parse().unwrap();
            let before = last.insert(number % 97, number);
            assert!(before.is_none_or(|before| before < number), "{before:?} before {number}");
        }
    });
}
