//! What time does: states pass, iterators expire, records are forgotten. The clock stands still until it is moved.

use crate::support::{HOUR, SECOND, World, code, fault, name};
use std::time::Duration;
use tailwater::broker::Config;
use tailwater::record::{HashKey, ShardId};
use tailwater::wire::FaultCode;
use tailwater::wire::shapes::{
    CreateStreamInput, DecreaseStreamRetentionPeriodInput, DeleteStreamInput, DescribeStreamInput, GetRecordsInput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, ShardFilter, ShardFilterType, ShardIteratorType,
    SplitShardInput, StreamStatus,
};
use tailwater::wire::time::WallClock;

fn slow() -> Config {
    Config::default().with_transition(10 * SECOND)
}

impl World {
    async fn status(&self) -> StreamStatus {
        let input = DescribeStreamInput { stream_name: Some(self.stream.clone()), ..Default::default() };
        self.client.describe_stream(&input).await.unwrap().stream_description.stream_status
    }

    fn split(&self, shard: u32, at: u128) -> SplitShardInput {
        SplitShardInput {
            stream_name: Some(self.stream.clone()),
            shard_to_split: ShardId::numbered(shard),
            new_starting_hash_key: HashKey::new(at),
            stream_arn: None,
        }
    }

    fn deletion(&self) -> DeleteStreamInput {
        DeleteStreamInput { stream_name: Some(self.stream.clone()), ..Default::default() }
    }
}

#[tokio::test]
async fn a_stream_passes_through_its_states_as_the_services_do() {
    let world = World::configured(slow(), CreateStreamInput::provisioned(name("s"), 1)).await;
    assert_eq!(world.status().await, StreamStatus::Creating);
    let input = DescribeStreamInput { stream_name: Some(world.stream.clone()), ..Default::default() };
    assert!(world.client.describe_stream(&input).await.unwrap().stream_description.shards.is_empty());
    let refused = fault(world.client.put_record(&world.record("k", "x")).await);
    assert_eq!(refused.message.as_deref(), Some("Stream s under account 000000000000 not found."));
    let refused = fault(world.client.split_shard(&world.split(0, 1 << 100)).await);
    let in_state = |state| format!("Stream s under account 000000000000 not ACTIVE, instead in state {state}");
    assert_eq!((refused.code, refused.message), (FaultCode::ResourceInUse, Some(in_state("CREATING"))));

    world.clock.advance(10 * SECOND);
    assert_eq!(world.status().await, StreamStatus::Active);
    world.put("k", "before").await;
    world.client.split_shard(&world.split(0, 1 << 100)).await.unwrap();
    assert_eq!(world.status().await, StreamStatus::Updating);
    // The parent takes records until the change takes effect.
    assert_eq!(world.put("k", "meanwhile").await.shard_id, ShardId::numbered(0));
    let refused = fault(world.client.split_shard(&world.split(0, 1 << 101)).await);
    assert_eq!(refused.message, Some(in_state("UPDATING")));

    world.clock.advance(10 * SECOND);
    assert_eq!(world.status().await, StreamStatus::Active);
    assert_ne!(world.put("k", "after").await.shard_id, ShardId::numbered(0));
    let refused = fault(world.client.split_shard(&world.split(0, 1 << 101)).await);
    assert!(refused.message.unwrap().contains("has already been merged or split"));

    world.client.delete_stream(&world.deletion()).await.unwrap();
    assert_eq!(world.status().await, StreamStatus::Deleting);
    assert_eq!(code(world.client.put_record(&world.record("k", "x")).await), FaultCode::ResourceNotFound);
    assert_eq!(code(world.client.delete_stream(&world.deletion()).await), FaultCode::ResourceInUse);
    world.clock.advance(10 * SECOND);
    assert_eq!(code(world.client.delete_stream(&world.deletion()).await), FaultCode::ResourceNotFound);
}

#[tokio::test]
async fn a_stream_that_is_going_is_read_no_more() {
    let world = World::configured(slow(), CreateStreamInput::provisioned(name("s"), 1)).await;
    world.clock.advance(10 * SECOND);
    world.put("k", "x").await;
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    world.client.delete_stream(&world.deletion()).await.unwrap();
    assert_eq!(world.status().await, StreamStatus::Deleting);
    assert_eq!(code(world.try_read(iterator).await), FaultCode::ResourceNotFound);
    let input = world.iterator_input(0, ShardIteratorType::TrimHorizon);
    assert_eq!(code(world.client.get_shard_iterator(&input).await), FaultCode::ResourceNotFound);
}

#[tokio::test]
async fn a_sixth_stream_in_creation_is_refused() {
    let world = World::configured(slow(), CreateStreamInput::provisioned(name("s"), 1)).await;
    for more in ["a", "b", "c", "d"] {
        world.client.create_stream(&CreateStreamInput::provisioned(name(more), 1)).await.unwrap();
    }
    let refused = fault(world.client.create_stream(&CreateStreamInput::provisioned(name("e"), 1)).await);
    assert_eq!(refused.code, FaultCode::LimitExceeded);
    assert!(refused.message.unwrap().contains("simultaneously be in CREATING or DELETING"));
    world.clock.advance(10 * SECOND);
    world.client.create_stream(&CreateStreamInput::provisioned(name("e"), 1)).await.unwrap();
}

#[tokio::test]
async fn an_iterator_lives_five_minutes_from_each_page() {
    let world = World::with_shards(1).await;
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    world.clock.advance(300 * SECOND);
    let next = world.read(iterator.clone()).await.next_shard_iterator.unwrap();
    world.clock.advance(SECOND);
    let refused = fault(world.try_read(iterator).await);
    assert_eq!(refused.code, FaultCode::ExpiredIterator);
    assert_eq!(
        refused.message.unwrap(),
        "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while right now it is Tue Nov 14 \
         22:18:21 UTC 2023 which is further in the future than the tolerated delay of 300000 milliseconds."
    );
    world.read(next).await;
}

#[tokio::test]
async fn tokens_of_a_deleted_stream_fail_on_its_successor() {
    let world = World::with_shards(2).await;
    world.put("k", "x").await;
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let listing =
        ListShardsInput { stream_name: Some(world.stream.clone()), max_results: Some(1), ..Default::default() };
    let token = world.client.list_shards(&listing).await.unwrap().next_token;
    world.client.delete_stream(&world.deletion()).await.unwrap();
    world.client.create_stream(&CreateStreamInput::provisioned(name("s"), 2)).await.unwrap();
    assert_eq!(code(world.try_read(iterator).await), FaultCode::ResourceNotFound);
    let listing = ListShardsInput { next_token: token, ..Default::default() };
    assert_eq!(code(world.client.list_shards(&listing).await), FaultCode::ResourceNotFound);
}

#[tokio::test]
async fn a_listing_goes_on_for_five_minutes() {
    let world = World::with_shards(3).await;
    let listing =
        ListShardsInput { stream_name: Some(world.stream.clone()), max_results: Some(1), ..Default::default() };
    let token = world.client.list_shards(&listing).await.unwrap().next_token;
    let rest = ListShardsInput { next_token: token, ..Default::default() };
    world.clock.advance(300 * SECOND);
    assert_eq!(world.client.list_shards(&rest).await.unwrap().shards.unwrap().len(), 2);
    world.clock.advance(SECOND);
    assert_eq!(code(world.client.list_shards(&rest).await), FaultCode::ExpiredNextToken);
}

#[tokio::test]
async fn records_are_forgotten_with_age_and_do_not_come_back() {
    let world = World::with_shards(1).await;
    let first = world.put("k", "first").await.sequence_number;
    world.clock.advance(23 * HOUR);
    world.put("k", "second").await;
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    assert_eq!(world.read(iterator).await.records.len(), 2);
    world.clock.advance(HOUR + Duration::from_millis(1));
    assert_eq!(world.contents(0).await, ["second"]);
    // Reading from a record that is forgotten starts at the oldest that is not.
    let mut at = world.iterator_input(0, ShardIteratorType::AtSequenceNumber);
    at.starting_sequence_number = Some(first);
    let iterator = world.client.get_shard_iterator(&at).await.unwrap().shard_iterator.unwrap();
    assert_eq!(world.read(iterator).await.records[0].data, "second");

    let longer = |hours| IncreaseStreamRetentionPeriodInput {
        stream_name: Some(name("s")),
        retention_period_hours: hours,
        stream_arn: None,
    };
    world.client.increase_stream_retention_period(&longer(48)).await.unwrap();
    assert_eq!(world.contents(0).await, ["second"]);
    world.clock.advance(46 * HOUR);
    assert_eq!(world.contents(0).await, ["second"]);
    let refused = fault(world.client.increase_stream_retention_period(&longer(24)).await);
    assert_eq!(
        refused.message.unwrap(),
        "Requested retention period (24 hours) for stream s can not be shorter than existing retention period (48 hours). \
         Use DecreaseRetentionPeriod API."
    );
    let shorter = DecreaseStreamRetentionPeriodInput {
        stream_name: Some(name("s")),
        retention_period_hours: 24,
        stream_arn: None,
    };
    world.client.decrease_stream_retention_period(&shorter).await.unwrap();
    assert!(world.contents(0).await.is_empty());
    world.client.increase_stream_retention_period(&longer(48)).await.unwrap();
    assert!(world.contents(0).await.is_empty());
}

#[tokio::test]
async fn a_longer_retention_brings_nothing_back_even_if_nobody_has_looked() {
    let world = World::with_shards(1).await;
    world.put("k", "x").await;
    // What is too old is swept away at once here, and then not for a while.
    world.clock.advance(24 * HOUR);
    world.client.list_streams(&Default::default()).await.unwrap();
    world.clock.advance(Duration::from_millis(1));
    let longer = IncreaseStreamRetentionPeriodInput {
        stream_name: Some(name("s")),
        retention_period_hours: 48,
        stream_arn: None,
    };
    world.client.increase_stream_retention_period(&longer).await.unwrap();
    assert!(world.contents(0).await.is_empty());
}

#[tokio::test]
async fn a_closed_shard_is_listed_until_its_records_are_forgotten() {
    let world = World::with_shards(1).await;
    world.put("k", "x").await;
    world.clock.advance(HOUR);
    world.client.split_shard(&world.split(0, 1 << 127)).await.unwrap();
    let filtered = |filter_type| ListShardsInput {
        stream_name: Some(name("s")),
        shard_filter: Some(ShardFilter { filter_type, shard_id: None, timestamp: None }),
        ..Default::default()
    };
    let count = async |filter| world.client.list_shards(&filtered(filter)).await.unwrap().shards.unwrap().len();
    assert_eq!(count(ShardFilterType::AtTrimHorizon).await, 1);
    assert_eq!(count(ShardFilterType::AtLatest).await, 2);
    world.clock.advance(24 * HOUR);
    assert_eq!(count(ShardFilterType::FromTrimHorizon).await, 3);
    world.clock.advance(Duration::from_millis(1));
    for filter in [ShardFilterType::FromTrimHorizon, ShardFilterType::AtTrimHorizon, ShardFilterType::AtLatest] {
        assert_eq!(count(filter).await, 2);
    }
    let input = world.iterator_input(0, ShardIteratorType::TrimHorizon);
    assert_eq!(code(world.client.get_shard_iterator(&input).await), FaultCode::ResourceNotFound);
    let shards = world.shards().await;
    assert_eq!(shards[0].parent_shard_id, Some(ShardId::numbered(0)));
}

#[tokio::test]
async fn a_reader_is_told_how_far_behind_it_is() {
    let world = World::with_shards(1).await;
    for step in 0..3 {
        world.put("k", format!("{step}")).await;
        world.clock.advance(10 * SECOND);
    }
    let shard_iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let input = GetRecordsInput { shard_iterator, limit: Some(2), stream_arn: None, dry_run: None };
    let page = world.client.get_records(&input).await.unwrap();
    assert_eq!(page.millis_behind_latest, Some(20_000));
    let page = world.read(page.next_shard_iterator.unwrap()).await;
    assert_eq!((page.records.len(), page.millis_behind_latest), (1, Some(0)));
}

#[tokio::test]
async fn a_reading_starts_at_a_moment() {
    let world = World::with_shards(1).await;
    let began = world.clock.now();
    for step in 0..4 {
        world.put("k", format!("{step}")).await;
        world.clock.advance(SECOND);
    }
    let from = async |moment| {
        let mut input = world.iterator_input(0, ShardIteratorType::AtTimestamp);
        input.timestamp = Some(moment);
        let iterator = world.client.get_shard_iterator(&input).await?.shard_iterator.unwrap();
        world.try_read(iterator).await.map(|page| page.records.len())
    };
    assert_eq!(from(began.minus(HOUR)).await.unwrap(), 4);
    assert_eq!(from(began.plus(SECOND)).await.unwrap(), 3);
    assert_eq!(from(began.plus(SECOND + Duration::from_millis(1))).await.unwrap(), 2);
    assert_eq!(from(began.plus(4 * SECOND)).await.unwrap(), 0);
    assert_eq!(code(from(began.plus(5 * SECOND)).await), FaultCode::InvalidArgument);
}

#[tokio::test]
async fn what_nobody_reads_is_forgotten_too() {
    let clock = crate::support::HandClock::new();
    let broker = tailwater::broker::Broker::open(Config::default().with_clock(clock.clone())).unwrap();
    let client = tailwater::local::client(&broker).unwrap();
    let world = World { client, clock, stream: name("s") };
    world.client.create_stream(&CreateStreamInput::provisioned(name("s"), 1)).await.unwrap();
    world.put("k", vec![0; 1_000_000]).await;
    assert!(broker.bytes_held() > 1_000_000);
    world.clock.advance(25 * HOUR);
    world.client.list_streams(&Default::default()).await.unwrap();
    assert_eq!(broker.bytes_held(), 0);
}
