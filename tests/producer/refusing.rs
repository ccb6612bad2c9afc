//! Bad input, bad streams, bad luck: a typed error each, and nothing else disturbed.

use crate::support::{Fate, World, keeping, name, number_in, numbered};
use std::time::Duration;
use tailwater::client::{Client, StaticCredentials};
use tailwater::producer::{Config, ConfigFault, Error, OnFailure, Ordering, Producer};
use tailwater::record::{PartitionKey, StreamName, UserRecord};
use tailwater::wire::shapes::{
    CreateStreamInput, DeleteStreamInput, RecordDistributionStrategy, UpdateMaxRecordSizeInput,
    UpdateStreamRecordDistributionStrategyInput,
};
use tailwater::wire::{Fault, FaultCode};

#[tokio::test(start_paused = true)]
async fn a_record_over_the_streams_limit_is_refused_with_size_and_limit() {
    let world = World::new(1, Config::default()).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let sized = |size: usize| UserRecord::new(vec![0; size]).with_partition_key("key".parse().unwrap());
    let limit = 1 << 20;
    world.stream.put(sized(limit - 3)).await.unwrap().await.expect("as large as may be");
    let refused = world.stream.put(sized(limit - 2)).await.unwrap_err();
    assert!(matches!(refused.error(), Error::TooLarge { size, limit: told } if *size == limit + 1 && *told == limit));
    // What must travel in an aggregate even alone takes more.
    let magic = [&[0xf3, 0x89, 0x9a, 0xc2][..], &vec![0; limit - 7]].concat();
    let refused =
        world.stream.put(UserRecord::new(magic).with_partition_key("key".parse().unwrap())).await.unwrap_err();
    assert!(matches!(refused.error(), Error::TooLarge { .. }));
}

#[tokio::test(start_paused = true)]
async fn before_the_stream_is_known_a_large_record_fails_by_its_receipt_and_poisons_nothing() {
    let world = World::new(1, Config::default()).await;
    let small = world.stream.put(numbered(1, "k")).await.unwrap();
    let large =
        world.stream.put(UserRecord::new(vec![0; 3 << 20]).with_partition_key("k".parse().unwrap())).await.unwrap();
    let after = world.stream.put(numbered(2, "k")).await.unwrap();
    assert!(matches!(large.await.unwrap_err().error, Error::TooLarge { .. }));
    small.await.unwrap();
    after.await.unwrap();
    assert_eq!(world.stream.stats().bisected, 0);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_lowered_is_found_out_and_only_the_culprit_fails() {
    let on_demand =
        CreateStreamInput { max_record_size_in_ki_b: Some(2048), ..CreateStreamInput::provisioned(name(), 1) };
    let config = Config::default().with_on_failure(OnFailure::Skip);
    let world = World::with_stream(Some(on_demand), config).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let input = UpdateMaxRecordSizeInput {
        stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/s".parse().unwrap()),
        max_record_size_in_ki_b: 1024,
    };
    world.client.update_max_record_size(&input).await.unwrap();
    let mut small = Vec::new();
    for number in 1..5 {
        small.push(world.stream.put(numbered(number, "k")).await.unwrap());
    }
    let large =
        world.stream.put(UserRecord::new(vec![0; 3 << 19]).with_partition_key("k".parse().unwrap())).await.unwrap();
    let failure = large.await.unwrap_err();
    assert!(!failure.error.is_retryable(), "{failure}");
    assert_eq!(failure.record.data().len(), 3 << 19);
    for receipt in small {
        receipt.await.unwrap();
    }
}

#[test]
fn keys_that_the_service_does_not_take_cannot_be_made() {
    assert!("".parse::<PartitionKey>().is_err());
    assert!("k".repeat(257).parse::<PartitionKey>().is_err());
    assert!("k".repeat(256).parse::<PartitionKey>().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_exist_gives_each_record_back_until_it_does() {
    let world = World::with_stream(None, Config::default()).await;
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    let Error::Call { source } = &failure.error else { panic!("{failure}") };
    assert_eq!(source.code(), Some(&FaultCode::ResourceNotFound));
    assert_eq!(number_in(&failure.record), 1);
    assert!(matches!(*world.stream.health().borrow(), tailwater::producer::Health::Failing { .. }));

    let other: StreamName = "t".parse().unwrap();
    world.client.create_stream(&CreateStreamInput::provisioned(other.clone(), 1)).await.unwrap();
    world.producer.stream(other).put(numbered(2, "k")).await.unwrap().await.expect("another stream is not disturbed");

    world.client.create_stream(&CreateStreamInput::provisioned(name(), 1)).await.unwrap();
    world.stream.put(numbered(3, "k")).await.unwrap().await.expect("it exists now");
}

#[tokio::test(start_paused = true)]
async fn when_the_shards_cannot_be_listed_records_wait_and_then_come_back() {
    let world = World::new(1, Config::default().with_patience(Duration::from_secs(5))).await;
    world.way.judge(|operation, _| if operation == "PutRecords" { Fate::Pass } else { Fate::Unsent });
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    assert!(matches!(failure.error, Error::NoShards { .. }) && failure.error.is_retryable(), "{failure}");
    world.way.puts([]);
    world.stream.put(numbered(2, "k")).await.unwrap().await.unwrap();
    assert_eq!(world.numbers().await, [2], "nothing went out before the shards were known");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_deleted_and_made_again_goes_on() {
    let config = Config::default().with_on_failure(OnFailure::Skip).with_linger(Duration::ZERO);
    let world = World::new(2, config).await;
    world.stream.put(numbered(0, "k")).await.unwrap().await.unwrap();
    let input = DeleteStreamInput { stream_name: Some(name()), enforce_consumer_deletion: None, stream_arn: None };
    world.client.delete_stream(&input).await.unwrap();
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    let Error::Call { source } = &failure.error else { panic!("{failure}") };
    assert_eq!(source.code(), Some(&FaultCode::ResourceNotFound));
    // In the same second its shards could not be told from the old ones.
    world.client.create_stream(&CreateStreamInput::provisioned(name(), 5)).await.unwrap();
    let receipts = world.stream.put_all((2..200).map(|number| numbered(number, &number.to_string()))).await.unwrap();
    assert_eq!(receipts.all().await.stored, 198);
    let mut numbers = world.numbers().await;
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (2..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_are_a_delay() {
    let world = World::new(1, Config::default()).await;
    world.way.puts([Fate::Refused(FaultCode::ExpiredToken), Fate::Refused(FaultCode::ExpiredToken)]);
    let stored = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap();
    assert_eq!((stored.attempts, world.numbers().await), (3, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn where_the_service_spreads_records_order_is_refused_unless_nobody_wants_it() {
    let spread = |world: &World| {
        let client = world.client.clone();
        async move {
            let input = UpdateStreamRecordDistributionStrategyInput {
                record_distribution_strategy: RecordDistributionStrategy::Auto,
                stream_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/s".parse().unwrap(),
            };
            client.update_stream_record_distribution_strategy(&input).await.unwrap();
        }
    };
    let on_demand = || Some(CreateStreamInput::on_demand(name()));
    let world = World::with_stream(on_demand(), Config::default()).await;
    spread(&world).await;
    let failure = world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap_err();
    assert!(matches!(failure.error, Error::Unordered), "{failure}");
    let refused = world.stream.put(numbered(2, "k")).await.unwrap_err();
    assert!(matches!(refused.error(), Error::Unordered));

    let world = World::with_stream(on_demand(), Config::default().with_ordering(Ordering::None)).await;
    spread(&world).await;
    let records = (0..100).map(|number| match number % 2 {
        0 => numbered(number, "k"),
        _ => UserRecord::new(number.to_string()),
    });
    assert_eq!(world.stream.put_all(records).await.unwrap().all().await.stored, 100);
    let described = world.stream.stats().described.unwrap();
    assert_eq!(
        (described.mode.as_deref(), described.record_limit, described.spreads),
        (Some("ON_DEMAND"), 1 << 20, true)
    );
    let read = world.read().await;
    assert_eq!(read.len(), 100);
    assert!(read.iter().all(|read| read.sub_sequence == 0), "nothing is aggregated");
    assert_eq!(read.iter().filter(|read| read.record.partition_key().is_none()).count(), 50);
    assert!(read.windows(2).any(|pair| pair[0].shard != pair[1].shard));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_disturbs_nobody() {
    let config = Config::default().with_on_failure(OnFailure::Skip).with_linger(Duration::ZERO);
    let world = World::new(1, config.with_failure_hook(|_| panic!("as the test says"))).await;
    world.way.puts([Fate::Refused(FaultCode::AccessDenied)]);
    world.stream.send(numbered(1, "k")).await.unwrap();
    world.stream.flush().await.unwrap();
    world.stream.put(numbered(2, "k")).await.unwrap().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_way_that_panics_is_a_reply_that_is_lost() {
    let (kept, hook) = keeping();
    let world = World::new(1, Config::default().with_failure_hook(hook)).await;
    world.way.puts([Fate::Panic]);
    assert_eq!(world.stream.put(numbered(1, "k")).await.unwrap().await.unwrap().attempts, 2);
    assert!(kept.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_refused_whole_costs_only_the_record_to_blame() {
    let config = Config::default().with_on_failure(OnFailure::Skip);
    let world = World::new(4, config).await;
    // Nobody but the broker knows what it minds: here, a payload of its own.
    world.way.judge(|operation, request| {
        let poison = String::from_utf8_lossy(&request.body).contains(&base64_simd::STANDARD.encode_to_string("666"));
        if operation == "PutRecords" && poison { Fate::Refused(FaultCode::Validation) } else { Fate::Pass }
    });
    let config = (660..670).map(|number| numbered(number, &number.to_string()));
    let mut failed = Vec::new();
    let world_stream = world.stream.clone();
    for record in config {
        match world_stream.put(record).await.unwrap().await {
            Ok(_) => {}
            Err(failure) => failed.push(number_in(&failure.record)),
        }
    }
    assert_eq!(failed, [666]);
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_whole() {
    let client = || {
        let config = tailwater::client::Config::new("us-east-1".parse().unwrap());
        Client::new(config.with_credentials(StaticCredentials::new("a", "b", None))).unwrap()
    };
    let config = Config::default().with_requests(0).with_request_records(501);
    let Err(Error::Config { faults }) = Producer::new(client(), config) else { panic!("taken") };
    assert_eq!(faults.len(), 2);
    let registry = prometheus::Registry::new();
    let config = Config::default().with_metrics(registry);
    let _one = Producer::new(client(), config.clone()).unwrap();
    let Err(Error::Config { faults }) = Producer::new(client(), config) else { panic!("taken") };
    assert!(matches!(faults[..], [ConfigFault::Metrics { .. }]));
}

#[test]
fn without_a_runtime_there_is_no_producer() {
    let config = tailwater::client::Config::new("us-east-1".parse().unwrap());
    let client = Client::new(config.with_credentials(StaticCredentials::new("a", "b", None))).unwrap();
    assert!(matches!(Producer::new(client, Config::default()), Err(Error::NoRuntime)));
}

/// Kept here so that the message of a fault stays a thing to read.
#[test]
fn errors_say_what_to_look_at() {
    let error = Error::TooLarge { size: 5, limit: 4 };
    assert_eq!(error.to_string(), "the record takes 5 bytes with its key; the stream takes 4");
    let fault = Fault::new(FaultCode::AccessDenied, "no");
    assert_eq!(Error::Refused { fault }.to_string(), "refused: AccessDeniedException: no");
}
