//! What users are given for tests of their own: waiting ends when all is handled, not before, and says why it does not.

use crate::reading::start;
use crate::support::{GROUP, World};
use std::time::Duration;
use tailwater::consumer::{Batch, CheckpointError, Checkpointing, Consumer, Handler};
use tailwater::producer::{self, Producer};
use tailwater::record::UserRecord;
use tailwater::store::LeaseStore;
use tailwater::testing::until;

#[tokio::test(start_paused = true)]
async fn waiting_ends_when_all_is_handled_across_splits_and_merges() {
    let world = World::new(2).await;
    let running = start(&world, "one").await;
    world.put(0, 500).await;
    world.orders.until_handled(GROUP).await;
    assert_eq!(world.seen.count(), 500);
    let shards = world.orders.shards().await;
    world.orders.merge(&shards[1], &shards[0]).await;
    world.orders.split(&world.orders.shards().await[0]).await;
    world.put(500, 500).await;
    world.orders.until_handled(GROUP).await;
    assert_eq!(world.seen.count(), 1_000);
    let (store, group) = (world.orders.store(), GROUP.parse().unwrap());
    until("the rows of closed shards are gone", async || store.leases(&group).await.unwrap().leases.len() == 2).await;
    world.orders.until_handled(GROUP).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "shardId-000000000000 has no row")]
async fn a_stream_that_nobody_reads_is_said_to_be() {
    let world = World::new(1).await;
    world.put(0, 1).await;
    world.orders.until_handled(GROUP).await;
}

/// Makes checkpoints by hand, and only of the first record.
struct First;

impl Handler for First {
    type Error = CheckpointError;

    async fn records(&mut self, batch: &Batch) -> Result<(), CheckpointError> {
        let first = batch.first().expect("batches are not empty");
        assert!(batch.len() > 1, "they came in one aggregate");
        batch.checkpoint().advance(&first.progress())
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "sub_sequence: 0 }; its last record is")]
async fn an_aggregate_is_handled_when_its_last_record_is() {
    let world = World::new(1).await;
    let producer = Producer::new(world.orders.client(), producer::Config::default()).unwrap();
    let records = (0..3).map(|number| UserRecord::new(format!("{number}")));
    let settled = producer.stream(world.orders.name().clone()).put_all(records).await.unwrap().all().await;
    assert_eq!(settled.stored, 3);
    let config = world.config("one").with_checkpointing(Checkpointing::Manual);
    let consumer = Consumer::new(world.orders.client(), world.orders.store(), config).unwrap();
    let _running = consumer.run(|_: &_| First).await.unwrap();
    world.orders.until_handled(GROUP).await;
}
