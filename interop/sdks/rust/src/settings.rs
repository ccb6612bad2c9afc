//! What can be set on a stream, and is then so. Called by `main`.

use crate::expect::{Done, EITHER, INVALID, UNKNOWN, WRONG, expect, refused, shard_id};
use crate::world::World;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    EncryptionType, MetricsName, PutRecordsRequestEntry, RecordDistributionStrategy, ShardIteratorType, StreamMode,
    StreamModeDetails, Tag,
};

const STREAM: &str = "set";
const KEY: &str = "alias/aws/kinesis";
const METRICS: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
];

pub(crate) async fn run(world: &World) -> Done {
    let arn = world.create(STREAM, 2).await?;
    retention(world, &arn).await;
    tags(world, &arn).await;
    encryption(world).await;
    monitoring(world, &arn).await;
    policies(world, &arn).await;
    modes(world, &arn).await;
    distribution(world, &arn).await;
    Ok(())
}

async fn retention(world: &World, arn: &str) {
    let client = &world.client;
    let longer = |hours| client.increase_stream_retention_period().retention_period_hours(hours);
    let shorter = |hours| client.decrease_stream_retention_period().retention_period_hours(hours);
    let hours = async || Ok::<_, Box<dyn std::error::Error>>(world.settled(STREAM).await?.retention_period_hours());
    world
        .check("keep records longer, then not so long", async {
            longer(48).stream_name(STREAM).send().await?;
            expect("hours", hours().await?, 48)?;
            longer(8760).stream_arn(arn).send().await?;
            expect("hours", hours().await?, 8760)?;
            shorter(36).stream_name(STREAM).send().await?;
            expect("hours", hours().await?, 36)?;
            shorter(36).stream_arn(arn).send().await?;
            expect("hours", hours().await?, 36)?;
            let answer = client.describe_stream().stream_name(STREAM).send().await?;
            expect("hours described", answer.stream_description().map(|it| it.retention_period_hours()), Some(36))
        })
        .await;
    world.check("refused: too short, too long, the wrong way", async {
        let text = "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.";
        refused(WRONG, &[text], shorter(23).stream_name(STREAM).send().await)?;
        let text =
            "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.";
        refused(WRONG, &[text], longer(8761).stream_name(STREAM).send().await)?;
        let text = "Requested retention period (30 hours) for stream set can not be shorter than existing retention \
                    period (36 hours). Use DecreaseRetentionPeriod API.";
        refused(WRONG, &[text], longer(30).stream_name(STREAM).send().await)?;
        let text = "Requested retention period (48 hours) for stream set can not be longer than existing retention \
                    period (36 hours). Use IncreaseRetentionPeriod API.";
        refused(WRONG, &[text], shorter(48).stream_name(STREAM).send().await)
    }).await;
}

/// `key=value`, in the order of the answer.
pub(crate) fn pairs(tags: &[Tag]) -> Vec<String> {
    tags.iter().map(|tag| format!("{}={}", tag.key(), tag.value().unwrap_or("nothing"))).collect()
}

async fn tags(world: &World, arn: &str) {
    let client = &world.client;
    world
        .check("tags by name: added, overwritten, paged, removed", async {
            let add = client.add_tags_to_stream().stream_name(STREAM).tags("a", "1").tags("b", "2").tags("ü", "3");
            add.send().await?;
            client.add_tags_to_stream().stream_arn(arn).tags("b", "22").send().await?;
            let first = client.list_tags_for_stream().stream_name(STREAM).limit(2).send().await?;
            expect("tags", pairs(first.tags()), ["a=1", "b=22"])?;
            expect("HasMoreTags", first.has_more_tags(), true)?;
            let rest = client.list_tags_for_stream().stream_arn(arn).exclusive_start_tag_key("b").send().await?;
            expect("tags", pairs(rest.tags()), ["ü=3"])?;
            expect("HasMoreTags", rest.has_more_tags(), false)?;
            let remove = client.remove_tags_from_stream().stream_name(STREAM);
            remove.tag_keys("a").tag_keys("nothing").tag_keys("ü").send().await?;
            expect("tags", pairs(client.list_tags_for_stream().stream_name(STREAM).send().await?.tags()), ["b=22"])
        })
        .await;
    world
        .check("tags by ARN are the same tags", async {
            client.tag_resource().resource_arn(arn).tags("c", "3").tags("d", "").send().await?;
            let mut tags = pairs(client.list_tags_for_resource().resource_arn(arn).send().await?.tags());
            tags.sort_unstable();
            expect("tags", &tags, &["b=22", "c=3", "d="])?;
            expect(
                "tags by name",
                pairs(client.list_tags_for_stream().stream_name(STREAM).send().await?.tags()),
                tags,
            )?;
            client.untag_resource().resource_arn(arn).tag_keys("b").tag_keys("c").send().await?;
            expect("tags", pairs(client.list_tags_for_resource().resource_arn(arn).send().await?.tags()), ["d="])
        })
        .await;
    world
        .check("refused: tags of wrong letters, too many, of nothing", async {
            let add = client.add_tags_to_stream().stream_name(STREAM);
            refused(WRONG, &["Some tags contain invalid characters."], add.clone().tags("a\n", "1").send().await)?;
            let many = (0..51).map(|number| (format!("key-{number}"), String::new())).collect();
            let codes = "InvalidArgumentException|ValidationException|LimitExceededException";
            refused(codes, &[], add.set_tags(Some(many)).send().await)?;
            refused(UNKNOWN, &[], client.add_tags_to_stream().stream_name("missing").tags("a", "1").send().await)?;
            let nothing = arn.replace("stream/set", "stream/missing");
            refused(UNKNOWN, &[], client.tag_resource().resource_arn(nothing).tags("a", "1").send().await)
        })
        .await;
}

async fn encryption(world: &World) {
    let client = &world.client;
    let mut arn = String::new();
    let put = client.put_record().stream_name("sealed").data(Blob::new("sealed")).partition_key("k");
    let kms = Some(&EncryptionType::Kms);
    world
        .check("encrypt a stream, and be told with each record", async {
            arn = world.create("sealed", 1).await?;
            let start = client.start_stream_encryption().stream_name("sealed").encryption_type(EncryptionType::Kms);
            start.key_id(KEY).send().await?;
            let summary = world.settled("sealed").await?;
            expect("the summary", (summary.encryption_type(), summary.key_id()), (kms, Some(KEY)))?;
            let answer = client.describe_stream().stream_name("sealed").send().await?;
            let stream = answer.stream_description().ok_or("an answer without a description")?;
            expect("the description", (stream.encryption_type(), stream.key_id()), (kms, Some(KEY)))?;
            expect("EncryptionType", put.clone().send().await?.encryption_type(), kms)?;
            let entry = PutRecordsRequestEntry::builder().data(Blob::new("sealed")).partition_key("k").build()?;
            let many = client.put_records().stream_name("sealed").records(entry).send().await?;
            expect("EncryptionType", many.encryption_type(), kms)?;
            let iterator = world.iterator("sealed", &shard_id(0), ShardIteratorType::TrimHorizon).await?;
            let seen = world.read(iterator, 2).await?;
            expect("records", seen.len(), 2)?;
            for record in seen {
                expect("data", record.data().as_ref(), b"sealed")?;
                expect("EncryptionType", record.encryption_type(), kms)?;
            }
            Ok(())
        })
        .await;
    world
        .check("no longer encrypt a stream", async {
            let stop = client.stop_stream_encryption().stream_arn(&arn).encryption_type(EncryptionType::Kms);
            stop.key_id(KEY).send().await?;
            let none = EncryptionType::None;
            expect("EncryptionType", world.settled("sealed").await?.encryption_type().unwrap_or(&none), &none)?;
            expect("EncryptionType", put.clone().send().await?.encryption_type(), None)
        })
        .await;
    world
        .check("refused: to encrypt a stream that is not there", async {
            let start = client.start_stream_encryption().stream_name("missing").encryption_type(EncryptionType::Kms);
            refused(UNKNOWN, &["Stream missing under account "], start.key_id(KEY).send().await)
        })
        .await;
}

fn names(metrics: &[MetricsName]) -> Vec<&str> {
    let mut names: Vec<&str> = metrics.iter().map(MetricsName::as_str).collect();
    names.sort_unstable();
    names
}

async fn monitoring(world: &World, arn: &str) {
    let client = &world.client;
    let described = async |wanted: &[&str]| {
        world.settled(STREAM).await?;
        let answer = client.describe_stream().stream_name(STREAM).send().await?;
        let stream = answer.stream_description().ok_or("an answer without a description")?;
        let metrics: Vec<_> = stream.enhanced_monitoring().iter().map(|it| names(it.shard_level_metrics())).collect();
        expect("described", metrics, [wanted])
    };
    world
        .check("watch some metrics, then all, then fewer, then none", async {
            let some = ["IncomingBytes", "OutgoingRecords"];
            let names_of = |names: &[&str]| Some(names.iter().copied().map(MetricsName::from).collect());
            let enable = client.enable_enhanced_monitoring();
            let answer = enable.stream_name(STREAM).set_shard_level_metrics(names_of(&some)).send().await?;
            expect("StreamName", answer.stream_name(), Some(STREAM))?;
            expect("before", names(answer.current_shard_level_metrics()), Vec::<&str>::new())?;
            expect("after", names(answer.desired_shard_level_metrics()), some)?;
            described(&some).await?;
            let enable = client.enable_enhanced_monitoring();
            let answer = enable.stream_arn(arn).shard_level_metrics(MetricsName::All).send().await?;
            expect("before", names(answer.current_shard_level_metrics()), some)?;
            expect("after", names(answer.desired_shard_level_metrics()), METRICS)?;
            described(&METRICS).await?;
            let disable = client.disable_enhanced_monitoring();
            let answer = disable.stream_name(STREAM).set_shard_level_metrics(names_of(&METRICS[1..])).send().await?;
            expect("before", names(answer.current_shard_level_metrics()), METRICS)?;
            expect("after", names(answer.desired_shard_level_metrics()), &METRICS[..1])?;
            let disable = client.disable_enhanced_monitoring();
            let answer = disable.stream_arn(arn).shard_level_metrics(MetricsName::All).send().await?;
            expect("before", names(answer.current_shard_level_metrics()), &METRICS[..1])?;
            expect("after", names(answer.desired_shard_level_metrics()), Vec::<&str>::new())?;
            described(&[]).await
        })
        .await;
    world
        .check("refused: to watch what is no metric", async {
            let enable = client.enable_enhanced_monitoring().stream_name(STREAM);
            let answer = enable.shard_level_metrics(MetricsName::from("Temperature")).send().await;
            refused(INVALID, &["failed to satisfy constraint"], answer)
        })
        .await;
}

async fn policies(world: &World, arn: &str) {
    let client = &world.client;
    let policy = format!(
        r#"{{
 "Version": "2012-10-17",
 "Statement": [{{
  "Sid": "reading", "Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::123456789012:root"}},
  "Action": ["kinesis:DescribeStreamSummary", "kinesis:GetRecords"], "Resource": "{arn}"
 }}]
}}"#
    );
    world
        .check("a policy is kept word for word, replaced and taken away", async {
            for policy in [policy.clone(), policy.replace("reading", "lesen")] {
                client.put_resource_policy().resource_arn(arn).policy(&policy).send().await?;
                expect("policy", client.get_resource_policy().resource_arn(arn).send().await?.policy(), policy)?;
            }
            client.delete_resource_policy().resource_arn(arn).send().await?;
            refused(UNKNOWN, &[], client.get_resource_policy().resource_arn(arn).send().await)
        })
        .await;
    world
        .check("refused: a policy that is none, and one of nothing", async {
            let put = client.put_resource_policy().resource_arn(arn).policy("{not a policy");
            refused(EITHER, &[], put.send().await)?;
            let nothing = arn.replace("stream/set", "stream/missing");
            refused(UNKNOWN, &[], client.put_resource_policy().resource_arn(nothing).policy(&policy).send().await)
        })
        .await;
}

fn mode(mode: StreamMode) -> Done<StreamModeDetails> {
    Ok(StreamModeDetails::builder().stream_mode(mode).build()?)
}

async fn modes(world: &World, arn: &str) {
    let client = &world.client;
    world
        .check("a stream becomes on-demand, and provisioned again", async {
            let (on_demand, provisioned) = (mode(StreamMode::OnDemand)?, mode(StreamMode::Provisioned)?);
            let change = client.update_stream_mode().stream_arn(arn);
            change.clone().stream_mode_details(on_demand.clone()).send().await?;
            let summary = world.settled(STREAM).await?;
            expect("mode", summary.stream_mode_details(), Some(&on_demand))?;
            expect("open shards", summary.open_shard_count(), 2)?;
            let texts = ["Request is invalid. Stream set under account ", "is in On-Demand mode."];
            let split =
                client.split_shard().stream_name(STREAM).shard_to_split(shard_id(0)).new_starting_hash_key("1000");
            refused(INVALID, &texts, split.send().await)?;
            change.stream_mode_details(provisioned.clone()).send().await?;
            expect("mode", world.settled(STREAM).await?.stream_mode_details(), Some(&provisioned))
        })
        .await;
}

async fn distribution(world: &World, provisioned: &str) {
    let client = &world.client;
    let auto = RecordDistributionStrategy::Auto;
    let by_key = RecordDistributionStrategy::UserPartitionKey;
    let mut arn = String::new();
    world
        .check("records without a key, where the service distributes them", async {
            let create = client.create_stream().stream_name("spread").stream_mode_details(mode(StreamMode::OnDemand)?);
            create.record_distribution_strategy(auto.clone()).send().await?;
            let summary = world.settled("spread").await?;
            expect("strategy", summary.record_distribution_strategy(), Some(&auto))?;
            arn = summary.stream_arn().to_owned();
            let mut put = client.put_records().stream_name("spread");
            for number in 0..20_u8 {
                put = put.records(PutRecordsRequestEntry::builder().data(Blob::new([number])).build()?);
            }
            let answer = put.send().await?;
            expect("FailedRecordCount", answer.failed_record_count(), Some(0))?;
            let mut seen: Vec<u8> = Vec::new();
            for shard in world.shards("spread").await? {
                let stored = answer.records().iter().filter(|it| it.shard_id() == Some(shard.shard_id())).count();
                let iterator = world.iterator("spread", shard.shard_id(), ShardIteratorType::TrimHorizon).await?;
                for record in world.read(iterator, stored).await? {
                    expect("key", record.partition_key(), None)?;
                    seen.extend(record.data().as_ref());
                }
            }
            seen.sort_unstable();
            expect("records", seen, (0..20).collect::<Vec<u8>>())
        })
        .await;
    world
        .check("a stream goes by keys again, and wants them", async {
            let change = client.update_stream_record_distribution_strategy().stream_arn(&arn);
            let put = client.put_record().stream_name("spread").data(Blob::new("x"));
            change.clone().record_distribution_strategy(by_key.clone()).send().await?;
            expect("strategy", world.settled("spread").await?.record_distribution_strategy(), Some(&by_key))?;
            refused(EITHER, &[], put.clone().send().await)?;
            change.record_distribution_strategy(auto.clone()).send().await?;
            expect("strategy", world.settled("spread").await?.record_distribution_strategy(), Some(&auto))?;
            put.send().await?;
            Ok(())
        })
        .await;
    world
        .check("refused: to distribute the records of a provisioned stream", async {
            let change = client.update_stream_record_distribution_strategy().stream_arn(provisioned);
            refused(WRONG, &[], change.record_distribution_strategy(auto.clone()).send().await)
        })
        .await;
}
