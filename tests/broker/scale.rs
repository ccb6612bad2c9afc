//! Many streams and many shards in one process.

use crate::support::{World, name};
use tailwater::broker::{Broker, Config, Limits};
use tailwater::local;
use tailwater::record::HashKey;
use tailwater::wire::shapes::{
    CreateStreamInput, DescribeStreamInput, ListShardsInput, ListStreamsInput, PutRecordInput, ShardIteratorType,
};

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test]
async fn a_thousand_streams_and_ten_thousand_shards_cost_neither_task_nor_file() {
    let client = local::client(&Broker::open(Config::default()).unwrap()).unwrap().once();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (tasks_before, files_before) = (tasks(), open_files());
    for stream in 0..1000 {
        let stream = name(&format!("stream-{stream:04}"));
        client.create_stream(&CreateStreamInput::provisioned(stream.clone(), 10)).await.unwrap();
        let mut input = PutRecordInput::new("x");
        input.stream_name = Some(stream);
        input.partition_key = Some("key".parse().unwrap());
        client.put_record(&input).await.unwrap();
    }
    assert_eq!(tasks(), tasks_before);
    // Other tests of this process open some meanwhile.
    assert!(open_files() < files_before + 100, "{} files", open_files());
    let limits = client.describe_limits(&Default::default()).await.unwrap();
    assert_eq!(limits.open_shard_count, 10_000);
    let mut names = Vec::new();
    let mut pages = client.pages(ListStreamsInput::default());
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.stream_names.len() <= 100);
        names.extend(page.stream_names);
    }
    assert_eq!(names.len(), 1000);
    assert!(names.is_sorted());
}

#[tokio::test]
async fn a_stream_of_ten_thousand_shards_is_listed_written_and_read() {
    let world = World::with_shards(10_000).await;
    let mut shards = Vec::new();
    let mut pages =
        world.client.pages(ListShardsInput { stream_name: Some(world.stream.clone()), ..Default::default() });
    while let Some(page) = pages.next().await.unwrap() {
        shards.extend(page.shards.unwrap());
    }
    let mut described = 0;
    let mut pages =
        world.client.pages(DescribeStreamInput { stream_name: Some(world.stream.clone()), ..Default::default() });
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.stream_description.shards.len() <= 100);
        described += page.stream_description.shards.len();
    }
    assert_eq!((shards.len(), described), (10_000, 10_000));
    for place in [0_u32, 1, 4711, 9999] {
        let range = &shards[place as usize].hash_key_range;
        for key in [range.starting_hash_key, range.ending_hash_key] {
            let mut input = world.record("any", key.to_string());
            input.explicit_hash_key = Some(key);
            assert_eq!(world.client.put_record(&input).await.unwrap().shard_id, shards[place as usize].shard_id);
        }
        let iterator = world.iterator(place, ShardIteratorType::TrimHorizon).await;
        assert_eq!(world.read(iterator).await.records.len(), 2);
    }
    assert_eq!(shards[9999].hash_key_range.ending_hash_key, HashKey::MAX);
}

#[tokio::test]
async fn without_limits_no_request_makes_more_shards_than_there_is_room_for() {
    let client = local::client(&Broker::open(Config::default().with_limits(Limits::Off)).unwrap()).unwrap().once();
    let refused = client.create_stream(&CreateStreamInput::provisioned(name("s"), i32::MAX as u32)).await;
    assert_eq!(crate::support::code(refused), tailwater::wire::FaultCode::LimitExceeded);
}
