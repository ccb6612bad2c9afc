"""What can be set on a stream and on the account, and is then so. Called by `main`."""

import json
from datetime import datetime, timedelta, timezone

from checks import World, expect, expect_now, refused, shard_id, until

METRICS = [
    "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
    "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
]


def run(world: World) -> None:
    arn = world.create("set", 2)
    retention(world, arn)
    tags(world, arn)
    encryption(world)
    monitoring(world, arn)
    policies(world, arn)
    modes(world, arn)
    distribution(world, arn)
    warmth(world)
    limits(world)


def retention(world: World, arn: str) -> None:
    client = world.client

    def hours() -> int:
        return world.settled("set")["RetentionPeriodHours"]

    with world.check("keep records longer, then not so long"):
        client.increase_stream_retention_period(StreamName="set", RetentionPeriodHours=48)
        expect("hours", hours(), 48)
        client.increase_stream_retention_period(StreamARN=arn, RetentionPeriodHours=8760)
        expect("hours", hours(), 8760)
        client.decrease_stream_retention_period(StreamName="set", RetentionPeriodHours=36)
        expect("hours", hours(), 36)
        client.decrease_stream_retention_period(StreamARN=arn, RetentionPeriodHours=36)
        expect("hours", hours(), 36)
        expect("hours described", client.describe_stream(StreamName="set")["StreamDescription"]["RetentionPeriodHours"], 36)
    with world.check("refused: too short, too long, the wrong way"):
        wrong = "InvalidArgumentException"
        text = "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."
        refused(wrong, text, client.decrease_stream_retention_period, StreamName="set", RetentionPeriodHours=23)
        text = "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long."
        refused(wrong, text, client.increase_stream_retention_period, StreamName="set", RetentionPeriodHours=8761)
        text = (
            "Requested retention period (30 hours) for stream set can not be shorter than existing retention period "
            "(36 hours). Use DecreaseRetentionPeriod API."
        )
        refused(wrong, text, client.increase_stream_retention_period, StreamName="set", RetentionPeriodHours=30)
        text = (
            "Requested retention period (48 hours) for stream set can not be longer than existing retention period "
            "(36 hours). Use IncreaseRetentionPeriod API."
        )
        refused(wrong, text, client.decrease_stream_retention_period, StreamName="set", RetentionPeriodHours=48)


def tags(world: World, arn: str) -> None:
    client = world.client

    def pairs(answer: dict) -> list[tuple[str, str]]:
        return [(tag["Key"], tag["Value"]) for tag in answer["Tags"]]

    with world.check("tags by name: added, overwritten, paged, removed"):
        client.add_tags_to_stream(StreamName="set", Tags={"a": "1", "b": "2", "ü": "3"})
        client.add_tags_to_stream(StreamARN=arn, Tags={"b": "22"})
        answer = client.list_tags_for_stream(StreamName="set", Limit=2)
        expect("tags", pairs(answer), [("a", "1"), ("b", "22")])
        expect("HasMoreTags", answer["HasMoreTags"], True)
        answer = client.list_tags_for_stream(StreamARN=arn, ExclusiveStartTagKey="b")
        expect("tags", pairs(answer), [("ü", "3")])
        expect("HasMoreTags", answer["HasMoreTags"], False)
        client.remove_tags_from_stream(StreamName="set", TagKeys=["a", "nothing", "ü"])
        expect("tags", pairs(client.list_tags_for_stream(StreamName="set")), [("b", "22")])
    with world.check("tags by ARN are the same tags"):
        client.tag_resource(ResourceARN=arn, Tags={"c": "3", "d": ""})
        tags = sorted(pairs(client.list_tags_for_resource(ResourceARN=arn)))
        expect("tags", tags, [("b", "22"), ("c", "3"), ("d", "")])
        expect("tags by name", pairs(client.list_tags_for_stream(StreamName="set")), tags)
        client.untag_resource(ResourceARN=arn, TagKeys=["b", "c"])
        expect("tags", pairs(client.list_tags_for_resource(ResourceARN=arn)), [("d", "")])
    with world.check("refused: tags of wrong letters, too many, of nothing"):
        text = "Some tags contain invalid characters."
        refused("InvalidArgumentException", text, client.add_tags_to_stream, StreamName="set", Tags={"a\n": "1"})
        many = {f"key-{number}": "" for number in range(51)}
        wrong = "InvalidArgumentException|LimitExceededException|ValidationException"
        refused(wrong, "", client.add_tags_to_stream, StreamName="set", Tags=many)
        nothing = arn.replace("stream/set", "stream/missing")
        refused("ResourceNotFoundException", "", client.tag_resource, ResourceARN=nothing, Tags={"a": "1"})
        refused("ResourceNotFoundException", "", client.add_tags_to_stream, StreamName="missing", Tags={"a": "1"})


def encryption(world: World) -> None:
    client, key = world.client, "alias/aws/kinesis"
    names = {"StreamName": "sealed", "EncryptionType": "KMS", "KeyId": key}
    with world.check("encrypt a stream, and be told with each record"):
        arn = world.create("sealed", 1)
        client.start_stream_encryption(**names)
        summary = world.settled("sealed")
        expect("the summary", [summary.get("EncryptionType"), summary.get("KeyId")], ["KMS", key])
        stream = client.describe_stream(StreamName="sealed")["StreamDescription"]
        expect("the description", [stream.get("EncryptionType"), stream.get("KeyId")], ["KMS", key])
        put = {"Data": b"sealed", "PartitionKey": "k"}
        expect("EncryptionType", client.put_record(StreamName="sealed", **put).get("EncryptionType"), "KMS")
        expect("EncryptionType", client.put_records(StreamName="sealed", Records=[put]).get("EncryptionType"), "KMS")
        seen = world.read(world.iterator("sealed", shard_id(0), "TRIM_HORIZON"), 2)
        expect("records", [(it["Data"], it.get("EncryptionType")) for it in seen], [(b"sealed", "KMS")] * 2)
    with world.check("no longer encrypt a stream"):
        client.stop_stream_encryption(StreamARN=arn, EncryptionType="KMS", KeyId=key)
        expect("EncryptionType", world.settled("sealed").get("EncryptionType", "NONE"), "NONE")
        answer = client.put_record(StreamName="sealed", **put)
        expect("EncryptionType", answer.get("EncryptionType"), None)
    with world.check("refused: to encrypt a stream that is not there"):
        refused("ResourceNotFoundException", "Stream missing under account ", client.start_stream_encryption,
                **{**names, "StreamName": "missing"})


def monitoring(world: World, arn: str) -> None:
    client = world.client

    def both(answer: dict) -> list[list[str]]:
        expect("StreamName", answer["StreamName"], "set")
        return [sorted(answer.get(name, [])) for name in ("CurrentShardLevelMetrics", "DesiredShardLevelMetrics")]

    def described() -> list[str]:
        world.settled("set")
        [metrics] = client.describe_stream(StreamName="set")["StreamDescription"]["EnhancedMonitoring"]
        return sorted(metrics["ShardLevelMetrics"])

    with world.check("watch some metrics, then all, then fewer, then none"):
        some = ["IncomingBytes", "OutgoingRecords"]
        answer = client.enable_enhanced_monitoring(StreamName="set", ShardLevelMetrics=some)
        expect("before and after", both(answer), [[], some])
        expect("described", described(), some)
        answer = client.enable_enhanced_monitoring(StreamARN=arn, ShardLevelMetrics=["ALL"])
        expect("before and after", both(answer), [some, METRICS])
        expect("described", described(), METRICS)
        answer = client.disable_enhanced_monitoring(StreamName="set", ShardLevelMetrics=METRICS[1:])
        expect("before and after", both(answer), [METRICS, METRICS[:1]])
        answer = client.disable_enhanced_monitoring(StreamARN=arn, ShardLevelMetrics=["ALL"])
        expect("before and after", both(answer), [METRICS[:1], []])
        expect("described", described(), [])
    with world.check("refused: to watch what is no metric"):
        refused("ValidationException", "failed to satisfy constraint", client.enable_enhanced_monitoring,
                StreamName="set", ShardLevelMetrics=["Temperature"])


def policies(world: World, arn: str) -> None:
    client = world.client
    policy = json.dumps({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "reading", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": ["kinesis:DescribeStreamSummary", "kinesis:GetRecords"], "Resource": arn,
        }],
    }, indent=1)
    with world.check("a policy is kept word for word, replaced and taken away"):
        client.put_resource_policy(ResourceARN=arn, Policy=policy)
        expect("policy", client.get_resource_policy(ResourceARN=arn)["Policy"], policy)
        client.put_resource_policy(ResourceARN=arn, Policy=policy.replace("reading", "lesen"))
        expect("policy", client.get_resource_policy(ResourceARN=arn)["Policy"], policy.replace("reading", "lesen"))
        client.delete_resource_policy(ResourceARN=arn)
        refused("ResourceNotFoundException", "", client.get_resource_policy, ResourceARN=arn)
    with world.check("refused: a policy that is none, and one of nothing"):
        wrong = "ValidationException|InvalidArgumentException"
        refused(wrong, "", client.put_resource_policy, ResourceARN=arn, Policy="{not a policy")
        nothing = arn.replace("stream/set", "stream/missing")
        refused("ResourceNotFoundException", "", client.put_resource_policy, ResourceARN=nothing, Policy=policy)


def modes(world: World, arn: str) -> None:
    client = world.client
    with world.check("a stream becomes on-demand, and provisioned again"):
        client.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        summary = world.settled("set")
        expect("mode", summary["StreamModeDetails"], {"StreamMode": "ON_DEMAND"})
        expect("open shards", summary["OpenShardCount"], 2)
        text = "Request is invalid. Stream set under account "
        split = {"StreamName": "set", "ShardToSplit": shard_id(0), "NewStartingHashKey": "1000"}
        refused("ValidationException", text, client.split_shard, **split)
        refused("ValidationException", "is in On-Demand mode.", client.split_shard, **split)
        client.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
        expect("mode", world.settled("set")["StreamModeDetails"], {"StreamMode": "PROVISIONED"})


def distribution(world: World, provisioned: str) -> None:
    client, call = world.client, world.client.update_stream_record_distribution_strategy
    with world.check("records without a key, where the service distributes them"):
        client.create_stream(StreamName="spread", StreamModeDetails={"StreamMode": "ON_DEMAND"},
                             RecordDistributionStrategy="AUTO")
        summary = world.settled("spread")
        arn = summary["StreamARN"]
        expect("RecordDistributionStrategy", summary["RecordDistributionStrategy"], "AUTO")
        entries = [{"Data": b"%d" % number} for number in range(20)]
        answer = client.put_records(StreamName="spread", Records=entries)
        expect("FailedRecordCount", answer["FailedRecordCount"], 0)
        client.put_record(StreamName="spread", Data=b"keyed", PartitionKey="k")
        seen = []
        for shard in world.shards("spread"):
            stored = [it for it in answer["Records"] if it["ShardId"] == shard["ShardId"]]
            seen += world.read(world.iterator("spread", shard["ShardId"], "TRIM_HORIZON"), len(stored))
        keys = {it["Data"]: it.get("PartitionKey") for it in seen if it["Data"] != b"keyed"}
        expect("keys", keys, {entry["Data"]: None for entry in entries})
    with world.check("a stream goes by keys again, and wants them"):
        call(StreamARN=arn, RecordDistributionStrategy="USER_PARTITION_KEY")
        expect("strategy", world.settled("spread")["RecordDistributionStrategy"], "USER_PARTITION_KEY")
        wrong = "ValidationException|InvalidArgumentException"
        refused(wrong, "", client.put_record, StreamName="spread", Data=b"x")
        call(StreamARN=arn, RecordDistributionStrategy="AUTO")
        expect("strategy", world.settled("spread")["RecordDistributionStrategy"], "AUTO")
        client.put_record(StreamName="spread", Data=b"x")
    with world.check("refused: to distribute the records of a provisioned stream"):
        refused("InvalidArgumentException", "", call, StreamARN=provisioned, RecordDistributionStrategy="AUTO")


def warmth(world: World) -> None:
    client = world.client
    warm = {"StreamName": "spread", "WarmThroughputMiBps": 100}
    with world.check("refused: warm throughput for an account without the commitment"):
        commitment = client.describe_account_settings()["MinimumThroughputBillingCommitment"]
        expect("Status", commitment["Status"], "DISABLED")
        wrong = "ValidationException|InvalidArgumentException|LimitExceededException"
        refused(wrong, "", client.update_stream_warm_throughput, **warm)
    with world.check("commit the account"):
        answer = client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
        for answer in (answer, client.describe_account_settings()):
            commitment = answer["MinimumThroughputBillingCommitment"]
            expect("Status", commitment["Status"], "ENABLED")
            expect_now("StartedAt", commitment["StartedAt"])
            expect_now("a day before it may end", commitment["EarliestAllowedEndAt"] - timedelta(days=1))
    with world.check("warm throughput, asked for and there"):
        answer = client.update_stream_warm_throughput(**warm)
        expect("TargetMiBps", answer["WarmThroughput"]["TargetMiBps"], 100)
        expect("StreamName", answer["StreamName"], "spread")
        wanted = {"TargetMiBps": 100, "CurrentMiBps": 100}
        until("it is warm", lambda: world.settled("spread")["WarmThroughput"] == wanted)
        client.create_stream(StreamName="warm", StreamModeDetails={"StreamMode": "ON_DEMAND"}, WarmThroughputMiBps=50)
        expect("WarmThroughput", world.settled("warm")["WarmThroughput"]["TargetMiBps"], 50)
    with world.check("a commitment ends no sooner than it may"):
        answer = client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
        commitment = answer["MinimumThroughputBillingCommitment"]
        expect("Status", commitment["Status"], "ENABLED_UNTIL_EARLIEST_ALLOWED_END")
        if commitment["EarliestAllowedEndAt"] < datetime.now(timezone.utc):
            raise AssertionError(f"it ended {commitment['EarliestAllowedEndAt']}")
        answer = client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
        expect("Status", answer["MinimumThroughputBillingCommitment"]["Status"], "ENABLED")


def limits(world: World) -> None:
    client = world.client
    with world.check("the account's limits, and what counts against them"):
        answer = client.describe_limits()
        pages = client.get_paginator("list_streams").paginate()
        streams = [summary for page in pages for summary in page["StreamSummaries"]]
        opened = {"PROVISIONED": 0, "ON_DEMAND": 0}
        on_demand = 0
        for stream in streams:
            mode = stream["StreamModeDetails"]["StreamMode"]
            opened[mode] += world.settled(stream["StreamName"])["OpenShardCount"]
            on_demand += mode == "ON_DEMAND"
        expect("OnDemandStreamCount", answer["OnDemandStreamCount"], on_demand)
        if not opened["PROVISIONED"] <= answer["OpenShardCount"] <= sum(opened.values()):
            raise AssertionError(f"OpenShardCount is {answer['OpenShardCount']}, of {opened}")
        if answer["ShardLimit"] < answer["OpenShardCount"] or answer["OnDemandStreamCountLimit"] < on_demand:
            raise AssertionError(f"above the limits: {answer}")
