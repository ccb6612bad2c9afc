//! Sizes, modes and refusals at their edges.

use crate::support::{World, code, fault, name};
use tailwater::broker::Config;
use tailwater::client::Error;
use tailwater::record::{HashKey, ShardId, StreamArn};
use tailwater::wire::FaultCode;
use tailwater::wire::shapes::{
    CreateStreamInput, DeleteStreamInput, EncryptionType, GetRecordsInput, MergeShardsInput,
    MinimumThroughputBillingCommitmentInput, MinimumThroughputBillingCommitmentInputStatus, PutRecordsInput,
    PutRecordsRequestEntry, RecordDistributionStrategy, RegisterStreamConsumerInput, ScalingType, ShardIteratorType,
    SplitShardInput, StartStreamEncryptionInput, UpdateAccountSettingsInput, UpdateMaxRecordSizeInput,
    UpdateShardCountInput, UpdateStreamWarmThroughputInput,
};

const MIB: usize = 1024 * 1024;

fn arn() -> StreamArn {
    "arn:aws:kinesis:us-east-1:000000000000:stream/s".parse().unwrap()
}

async fn scaled(world: &World, target: u32) -> Result<usize, Error> {
    let input = UpdateShardCountInput {
        stream_name: Some(name("s")),
        target_shard_count: target,
        scaling_type: ScalingType::UniformScaling,
        stream_arn: None,
    };
    world.client.update_shard_count(&input).await?;
    let open = world.shards().await.into_iter().filter(|s| s.sequence_number_range.ending_sequence_number.is_none());
    Ok(open.count())
}

#[tokio::test]
async fn a_record_has_the_size_that_its_stream_allows_and_no_byte_more() {
    let world = World::with_shards(1).await;
    world.put("key", vec![1; MIB - 3]).await;
    let refused = world.client.put_record(&world.record("key", vec![1; MIB - 2])).await;
    assert_eq!(code(refused), FaultCode::InvalidArgument);
    let larger = UpdateMaxRecordSizeInput { stream_arn: Some(arn()), max_record_size_in_ki_b: 10_240 };
    world.client.update_max_record_size(&larger).await.unwrap();
    world.put("key", vec![2; 10 * MIB - 3]).await;
    let contents = world.contents(0).await;
    // The page ends before it would pass 10 MiB; the next has the large record alone.
    assert_eq!(contents.len(), 1);
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let next = world.read(iterator).await.next_shard_iterator.unwrap();
    let page = world.read(next).await;
    assert_eq!((page.records.len(), page.records[0].data.len()), (1, 10 * MIB - 3));
}

#[tokio::test]
async fn a_call_puts_five_hundred_records_of_ten_mebibytes_together() {
    let world = World::with_shards(3).await;
    let put = async |count: usize, size: usize| {
        let entry = |place: usize| PutRecordsRequestEntry::new(vec![0; size], format!("{place:03}").parse().unwrap());
        let mut input = PutRecordsInput::new((0..count).map(entry).collect());
        input.stream_name = Some(name("s"));
        world.client.put_records(&input).await
    };
    let output = put(500, 20_968).await.unwrap();
    assert_eq!((output.failed_record_count, output.records.len()), (Some(0), 500));
    assert!(output.records.iter().all(|stored| stored.sequence_number.is_some() && stored.error_code.is_none()));
    let refused = fault(put(500, 20_969).await);
    assert_eq!(
        (refused.code, refused.message.unwrap().as_str()),
        (FaultCode::InvalidArgument, "Records size exceeds 10 MB limit")
    );
    let refused = fault(put(501, 1).await);
    assert_eq!(refused.code, FaultCode::Validation);
    assert!(refused.message.unwrap().ends_with("Member must have length less than or equal to 500"));
}

#[tokio::test]
async fn a_page_holds_ten_thousand_records_at_most() {
    let world = World::with_shards(1).await;
    for _ in 0..21 {
        let entry = |_| PutRecordsRequestEntry::new("", "key".parse().unwrap());
        let mut input = PutRecordsInput::new((0..500).map(entry).collect());
        input.stream_name = Some(name("s"));
        world.client.put_records(&input).await.unwrap();
    }
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let page = world.read(iterator).await;
    assert_eq!(page.records.len(), 10_000);
    assert_eq!(world.read(page.next_shard_iterator.unwrap()).await.records.len(), 500);
}

#[tokio::test]
async fn a_dry_run_is_told_as_such_and_does_nothing() {
    let world = World::with_shards(1).await;
    let mut input = world.record("k", "x");
    input.dry_run = Some(true);
    assert_eq!(code(world.client.put_record(&input).await), FaultCode::DryRunOperation);
    input.stream_name = Some(name("other"));
    assert_eq!(code(world.client.put_record(&input).await), FaultCode::ResourceNotFound);
    let mut many = PutRecordsInput::new(vec![PutRecordsRequestEntry::new("x", "k".parse().unwrap())]);
    (many.stream_name, many.dry_run) = (Some(name("s")), Some(true));
    assert_eq!(code(world.client.put_records(&many).await), FaultCode::DryRunOperation);
    let mut start = world.iterator_input(0, ShardIteratorType::Latest);
    start.dry_run = Some(true);
    assert_eq!(code(world.client.get_shard_iterator(&start).await), FaultCode::DryRunOperation);
    let shard_iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let read = GetRecordsInput { shard_iterator, limit: None, stream_arn: None, dry_run: Some(true) };
    assert_eq!(code(world.client.get_records(&read).await), FaultCode::DryRunOperation);
    assert!(world.contents(0).await.is_empty());
}

#[tokio::test]
async fn a_stream_on_demand_spreads_records_and_is_not_resharded_by_hand() {
    let world = World::configured(Config::default(), CreateStreamInput::on_demand(name("s"))).await;
    assert_eq!(world.shards().await.len(), 4);
    let text = "Request is invalid. Stream s under account 000000000000 is in On-Demand mode.";
    let split = SplitShardInput {
        stream_name: Some(name("s")),
        shard_to_split: ShardId::numbered(0),
        new_starting_hash_key: HashKey::new(99),
        stream_arn: None,
    };
    let merge = MergeShardsInput {
        stream_name: Some(name("s")),
        shard_to_merge: ShardId::numbered(0),
        adjacent_shard_to_merge: ShardId::numbered(1),
        stream_arn: None,
    };
    for refused in [
        fault(world.client.split_shard(&split).await),
        fault(world.client.merge_shards(&merge).await),
        fault(scaled(&world, 8).await),
    ] {
        assert_eq!((refused.code, refused.message.as_deref()), (FaultCode::Validation, Some(text)));
    }
    let mut keyless = world.record("k", "x");
    keyless.partition_key = None;
    assert_eq!(code(world.client.put_record(&keyless).await), FaultCode::Validation);
    let auto = tailwater::wire::shapes::UpdateStreamRecordDistributionStrategyInput {
        stream_arn: arn(),
        record_distribution_strategy: RecordDistributionStrategy::Auto,
    };
    world.client.update_stream_record_distribution_strategy(&auto).await.unwrap();
    for _ in 0..100 {
        world.client.put_record(&keyless).await.unwrap();
    }
    // The key decides nothing, but comes back.
    world.put("always the same", "y").await;
    for shard in 0..4 {
        let iterator = world.iterator(shard, ShardIteratorType::TrimHorizon).await;
        let records = world.read(iterator).await.records;
        assert!((25..=26).contains(&records.len()), "{} records", records.len());
        for record in records {
            assert_eq!(record.partition_key.is_some(), record.data == "y");
        }
    }
}

#[tokio::test]
async fn a_warm_stream_needs_a_committed_account() {
    let world = World::configured(Config::default(), CreateStreamInput::on_demand(name("s"))).await;
    let warm =
        UpdateStreamWarmThroughputInput { stream_name: Some(name("s")), stream_arn: None, warm_throughput_mi_bps: 100 };
    assert_eq!(code(world.client.update_stream_warm_throughput(&warm).await), FaultCode::Validation);
    let commit = UpdateAccountSettingsInput {
        minimum_throughput_billing_commitment: MinimumThroughputBillingCommitmentInput {
            status: MinimumThroughputBillingCommitmentInputStatus::Enabled,
        },
    };
    world.client.update_account_settings(&commit).await.unwrap();
    let output = world.client.update_stream_warm_throughput(&warm).await.unwrap();
    assert_eq!(output.warm_throughput.unwrap().target_mi_bps, Some(100));
}

#[tokio::test]
async fn only_the_last_page_of_a_closed_shard_names_its_children() {
    let world = World::with_shards(1).await;
    world.put("k", "first").await;
    world.put("k", "second").await;
    assert_eq!(scaled(&world, 2).await.unwrap(), 2);
    let shard_iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let input = GetRecordsInput { shard_iterator, limit: Some(1), stream_arn: None, dry_run: None };
    let page = world.client.get_records(&input).await.unwrap();
    assert_eq!((page.records.len(), page.child_shards), (1, None));
    let page = world.read(page.next_shard_iterator.unwrap()).await;
    assert_eq!((page.records.len(), page.child_shards.unwrap().len()), (1, 2));
    assert_eq!(page.next_shard_iterator, None);
}

#[tokio::test]
async fn scaling_keeps_to_half_and_double() {
    let world = World::with_shards(4).await;
    assert_eq!(scaled(&world, 5).await.unwrap(), 5);
    assert_eq!(code(scaled(&world, 11).await), FaultCode::LimitExceeded);
    assert_eq!(code(scaled(&world, 2).await), FaultCode::LimitExceeded);
    assert_eq!(scaled(&world, 10).await.unwrap(), 10);
    assert_eq!(scaled(&world, 10).await.unwrap(), 10);
    assert_eq!(scaled(&world, 5).await.unwrap(), 5);
}

#[tokio::test]
async fn records_of_an_encrypted_stream_say_so_and_others_do_not() {
    let world = World::with_shards(1).await;
    assert_eq!(world.put("k", "plain").await.encryption_type, None);
    let start = StartStreamEncryptionInput {
        stream_name: Some(name("s")),
        encryption_type: EncryptionType::Kms,
        key_id: "alias/aws/kinesis".parse().unwrap(),
        stream_arn: None,
    };
    world.client.start_stream_encryption(&start).await.unwrap();
    assert_eq!(world.put("k", "secret").await.encryption_type, Some(EncryptionType::Kms));
    let iterator = world.iterator(0, ShardIteratorType::TrimHorizon).await;
    let said: Vec<_> = world.read(iterator).await.records.into_iter().map(|record| record.encryption_type).collect();
    assert_eq!(said, [None, Some(EncryptionType::Kms)]);
}

#[tokio::test]
async fn a_stream_with_consumers_goes_only_by_force() {
    let world = World::with_shards(1).await;
    let consumer =
        RegisterStreamConsumerInput { stream_arn: arn(), consumer_name: "reader".parse().unwrap(), tags: None };
    let first = world.client.register_stream_consumer(&consumer).await.unwrap().consumer;
    assert_eq!(code(world.client.register_stream_consumer(&consumer).await), FaultCode::ResourceInUse);
    let by_arn = tailwater::wire::shapes::DeregisterStreamConsumerInput {
        consumer_arn: Some(first.consumer_arn.clone()),
        ..Default::default()
    };
    world.client.deregister_stream_consumer(&by_arn).await.unwrap();
    let second = world.client.register_stream_consumer(&consumer).await.unwrap().consumer;
    assert_ne!(first.consumer_arn, second.consumer_arn);
    assert_eq!(code(world.client.deregister_stream_consumer(&by_arn).await), FaultCode::ResourceNotFound);
    let mut deletion = DeleteStreamInput { stream_name: Some(name("s")), ..Default::default() };
    assert_eq!(code(world.client.delete_stream(&deletion).await), FaultCode::ResourceInUse);
    deletion.enforce_consumer_deletion = Some(true);
    world.client.delete_stream(&deletion).await.unwrap();
}

#[tokio::test]
async fn a_number_for_ordering_comes_from_the_past() {
    let world = World::with_shards(2).await;
    let mut input = world.record("k", "x");
    input.sequence_number_for_ordering = Some(world.put("k", "first").await.sequence_number);
    let stored = world.client.put_record(&input).await.unwrap();
    assert!(Some(&stored.sequence_number) > input.sequence_number_for_ordering.as_ref());
    for invalid in ["9".repeat(60), "49646437577108476416916876405825929425585429676275269635".to_owned()] {
        input.sequence_number_for_ordering = Some(invalid.parse().unwrap());
        let refused = fault(world.client.put_record(&input).await);
        assert_eq!(
            refused.message.unwrap(),
            format!(
                "ExclusiveMinimumSequenceNumber {invalid} used in PutRecord on stream s under account 000000000000 is \
                 invalid."
            )
        );
    }
}
