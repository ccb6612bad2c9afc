"""Streams come, are described and listed, and go. Called by `main`."""

from checks import World, expect, expect_match, expect_now, ids, refused, shard_id, tiles, until

THREE = [
    ("0", "113427455640312821154458202477256070484"),
    ("113427455640312821154458202477256070485", "226854911280625642308916404954512140969"),
    ("226854911280625642308916404954512140970", "340282366920938463463374607431768211455"),
]
# Polls each second; the default of ten is made for a service that takes its time.
WAIT = {"Delay": 1, "MaxAttempts": 30}


def run(world: World) -> None:
    client = world.client
    with world.check("create a provisioned stream with tags, and wait until it exists"):
        client.create_stream(StreamName="plain", ShardCount=3, Tags={"team": "tail", "empty": ""})
        client.get_waiter("stream_exists").wait(StreamName="plain", WaiterConfig=WAIT)
    with world.check("the tags of its creation"):
        answer = client.list_tags_for_stream(StreamName="plain")
        expect("tags", answer["Tags"], [{"Key": "empty", "Value": ""}, {"Key": "team", "Value": "tail"}])
        expect("HasMoreTags", answer["HasMoreTags"], False)
    with world.check("describe a stream"):
        described(client.describe_stream(StreamName="plain")["StreamDescription"])
    with world.check("describe a stream by ARN"):
        arn = client.describe_stream_summary(StreamName="plain")["StreamDescriptionSummary"]["StreamARN"]
        described(client.describe_stream(StreamARN=arn)["StreamDescription"])
    with world.check("summarise a stream"):
        summary = client.describe_stream_summary(StreamName="plain")["StreamDescriptionSummary"]
        wanted = {
            "StreamName": "plain", "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24, "OpenShardCount": 3,
            "ConsumerCount": 0, "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "MaxRecordSizeInKiB": 1024,
        }
        expect("the summary", {key: summary.get(key) for key in wanted}, wanted)
        expect("StreamId", summary.get("StreamId"), None)
        expect_now("StreamCreationTimestamp", summary["StreamCreationTimestamp"])
    with world.check("create an on-demand stream"):
        client.create_stream(StreamName="on-demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        client.get_waiter("stream_exists").wait(StreamName="on-demand", WaiterConfig=WAIT)
        summary = client.describe_stream_summary(StreamName="on-demand")["StreamDescriptionSummary"]
        expect("mode", summary["StreamModeDetails"], {"StreamMode": "ON_DEMAND"})
        expect("open shards", summary["OpenShardCount"], 4)
    refusals(world)
    pages(world)
    removal(world)


def described(stream: dict) -> None:
    expect_match("StreamARN", stream["StreamARN"], r"arn:aws:kinesis:us-east-1:\d{12}:stream/plain")
    wanted = {
        "StreamName": "plain", "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24, "HasMoreShards": False,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}], "StreamModeDetails": {"StreamMode": "PROVISIONED"},
    }
    expect("the description", {key: stream.get(key) for key in wanted}, wanted)
    expect("EncryptionType", stream.get("EncryptionType", "NONE"), "NONE")
    expect_now("StreamCreationTimestamp", stream["StreamCreationTimestamp"])
    expect("shards", ids(stream["Shards"]), [shard_id(number) for number in range(3)])
    for shard, (start, end) in zip(stream["Shards"], THREE):
        expect("range", shard["HashKeyRange"], {"StartingHashKey": start, "EndingHashKey": end})
        expect("members", sorted(shard), ["HashKeyRange", "SequenceNumberRange", "ShardId"])
        expect("numbers", list(shard["SequenceNumberRange"]), ["StartingSequenceNumber"])
        expect_match("a sequence number", shard["SequenceNumberRange"]["StartingSequenceNumber"], r"[1-9]\d{55}")


def refusals(world: World) -> None:
    client = world.client
    with world.check("refused: a stream that exists"):
        call = client.create_stream
        refused("ResourceInUseException", "Stream plain under account ", call, StreamName="plain", ShardCount=1)
        refused("ResourceInUseException", " already exists.", call, StreamName="plain", ShardCount=1)
    with world.check("refused: a stream that does not exist"):
        for call in (client.describe_stream, client.describe_stream_summary, client.list_shards, client.delete_stream):
            refused("ResourceNotFoundException", "Stream missing under account ", call, StreamName="missing")
            refused("ResourceNotFoundException", " not found.", call, StreamName="missing")
    with world.check("refused: the SDK's own exception class"):
        try:
            client.describe_stream(StreamName="missing")
        except client.exceptions.ResourceNotFoundException as fault:
            expect("the request id's length", len(fault.response["ResponseMetadata"]["RequestId"]), 36)
        else:
            raise AssertionError("expected ResourceNotFoundException")
    either = "InvalidArgumentException|ValidationException"
    with world.check("refused: provisioned without a shard count, on-demand with one"):
        refused(either, "", client.create_stream, StreamName="none")
        mode = {"StreamMode": "ON_DEMAND"}
        refused(either, "", client.create_stream, StreamName="none", ShardCount=2, StreamModeDetails=mode)
    with world.check("refused: a name of wrong letters"):
        text = "Value 'wrong name' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression"
        refused("ValidationException", text, client.create_stream, StreamName="wrong name", ShardCount=1)
    with world.check("refused: a name too long, and a limit too high, in one message"):
        text = "2 validation errors detected"
        refused("ValidationException", text, client.describe_stream, StreamName="x" * 129, Limit=10001)
    with world.check("refused: neither name nor ARN"):
        refused(either, "", client.describe_stream_summary)
        refused(either, "", client.put_record, Data=b"x", PartitionKey="k")


def pages(world: World) -> None:
    client, wide = world.client, 101 if world.short else 250
    with world.check(f"page through the {wide} shards of a stream"):
        world.create("wide", wide)
        found = list(client.get_paginator("describe_stream").paginate(StreamName="wide"))
        expect("pages", len(found), -(-wide // 100))
        shards = [shard for page in found for shard in page["StreamDescription"]["Shards"]]
        expect("shards", ids(shards), [shard_id(number) for number in range(wide)])
        tiles(shards)
    with world.check("a page of shards, and the one after"):
        first = client.describe_stream(StreamName="wide", Limit=7)["StreamDescription"]
        expect("shards", ids(first["Shards"]), [shard_id(number) for number in range(7)])
        expect("HasMoreShards", first["HasMoreShards"], True)
        after = client.describe_stream(StreamName="wide", Limit=7, ExclusiveStartShardId=shard_id(wide - 3))
        expect("shards", ids(after["StreamDescription"]["Shards"]), [shard_id(wide - 2), shard_id(wide - 1)])
        expect("HasMoreShards", after["StreamDescription"]["HasMoreShards"], False)
    names = [f"list-{number}" for number in range(5)]
    with world.check("page through the streams"):
        for name in names:
            world.create(name, 1)
        everything = ["list-0", "list-1", "list-2", "list-3", "list-4", "on-demand", "plain", "wide"]
        found = list(client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2}))
        expect("pages", [len(page["StreamNames"]) for page in found], [2, 2, 2, 2])
        expect("names", [name for page in found for name in page["StreamNames"]], everything)
        summaries = [summary for page in found for summary in page["StreamSummaries"]]
        expect("names of summaries", [summary["StreamName"] for summary in summaries], everything)
        expect("modes", [summary["StreamModeDetails"]["StreamMode"] for summary in summaries],
               ["PROVISIONED"] * 5 + ["ON_DEMAND"] + ["PROVISIONED"] * 2)
        for summary in summaries:
            expect("status", summary["StreamStatus"], "ACTIVE")
            expect_match("ARN", summary["StreamARN"], rf"arn:aws:kinesis:us-east-1:\d{{12}}:stream/{summary['StreamName']}")
            expect_now("StreamCreationTimestamp", summary["StreamCreationTimestamp"])
    with world.check("streams after a name"):
        answer = client.list_streams(ExclusiveStartStreamName="list-2", Limit=2)
        expect("names", answer["StreamNames"], ["list-3", "list-4"])
        expect("HasMoreStreams", answer["HasMoreStreams"], True)
        answer = client.list_streams(ExclusiveStartStreamName="on-demand")
        expect("names", answer["StreamNames"], ["plain", "wide"])
        expect("HasMoreStreams", answer["HasMoreStreams"], False)


def removal(world: World) -> None:
    client = world.client
    with world.check("delete a stream, and wait until it is gone"):
        client.delete_stream(StreamName="wide")
        client.get_waiter("stream_not_exists").wait(StreamName="wide", WaiterConfig=WAIT)
        refused("ResourceNotFoundException", "Stream wide under", client.describe_stream, StreamName="wide")
    with world.check("delete a stream by ARN"):
        arn = client.describe_stream_summary(StreamName="list-0")["StreamDescriptionSummary"]["StreamARN"]
        client.delete_stream(StreamARN=arn)
        until("list-0 is gone", lambda: "list-0" not in client.list_streams()["StreamNames"])
    with world.check("a name is free again"):
        arn_again = world.create("list-0", 2)
        expect("ARN", arn_again, arn)
        expect("shards", ids(world.shards("list-0")), [shard_id(0), shard_id(1)])
    with world.check("delete many streams"):
        names = [f"list-{number}" for number in range(5)]
        for name in names:
            client.delete_stream(StreamName=name)
        for name in names:
            client.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=WAIT)
        expect("streams", client.list_streams()["StreamNames"], ["on-demand", "plain"])
