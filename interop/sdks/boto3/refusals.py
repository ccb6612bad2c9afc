"""What the service refuses beyond what the other scenes meet: quotas, wrong types, what belongs to something else.

Why apart: these need a client that neither checks what it sends nor tries again. Called by `main`.
"""

import time

from checks import World, expect, ids, refused, shard_id, until

WRONG = "InvalidArgumentException"
EITHER = "InvalidArgumentException|ValidationException"
UNKNOWN = "ResourceNotFoundException"
PUT = {"Data": b"x", "PartitionKey": "a"}


def run(world: World) -> None:
    arn = world.create("strict", 2)
    numbers(world)
    belonging(world, arn)
    tokens(world, arn)
    types(world)
    quotas(world)


def numbers(world: World) -> None:
    client = world.raw
    with world.check("refused: to be put after a number that is none, or that is yet to come"):
        none = f"7{'0' * 60}"
        text = f"ExclusiveMinimumSequenceNumber {none} used in PutRecord on stream strict under account "
        refused(WRONG, text, client.put_record, StreamName="strict", SequenceNumberForOrdering=none, **PUT)
        number = int(client.put_record(StreamName="strict", **PUT)["SequenceNumber"])
        # The seconds of a record's time stand above 36 bits of shard and version.
        tomorrow = str(number + (86_400 << 36))
        text = f"ExclusiveMinimumSequenceNumber {tomorrow} used in PutRecord on stream strict under account "
        refused(WRONG, text, client.put_record, StreamName="strict", SequenceNumberForOrdering=tomorrow, **PUT)
    at = {"StreamName": "strict", "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    with world.check("refused: to read from a number that is none, or of another shard"):
        text = f"StartingSequenceNumber 7{'0' * 60} used in GetShardIterator on shard {shard_id(0)} in stream strict "
        refused(WRONG, text, client.get_shard_iterator, ShardId=shard_id(0),
                StartingSequenceNumber=f"7{'0' * 60}", **at)
        # "a" is in the lower half of the hash keys, and so in the first shard.
        number = client.put_record(StreamName="strict", **PUT)["SequenceNumber"]
        text = (
            f"Invalid StartingSequenceNumber. It encodes {shard_id(0)}, while it was used in a call to a shard with "
            f"{shard_id(1)}"
        )
        refused(WRONG, text, client.get_shard_iterator, ShardId=shard_id(1), StartingSequenceNumber=number, **at)
    with world.check("a number of no record leads to the one after it"):
        first = client.put_record(StreamName="strict", **PUT)["SequenceNumber"]
        second = client.put_record(StreamName="strict", **PUT)["SequenceNumber"]
        after = client.get_shard_iterator(ShardId=shard_id(0), StartingSequenceNumber=first,
                                          **{**at, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"})
        found = client.get_records(ShardIterator=after["ShardIterator"], Limit=1)["Records"]
        expect("numbers", [record["SequenceNumber"] for record in found], [second])
    with world.check("a shard may be named by its number alone"):
        for name in ("shard-1", "x-00000000001", "1"):
            time.sleep(0.2)
            answer = client.get_shard_iterator(StreamName="strict", ShardId=name, ShardIteratorType="LATEST")
            client.get_records(ShardIterator=answer["ShardIterator"])
        text = "Could not find shard nonsense in stream strict under account "
        refused(UNKNOWN, text, client.get_shard_iterator, StreamName="strict", ShardId="nonsense",
                ShardIteratorType="LATEST")


def belonging(world: World, arn: str) -> None:
    client = world.raw
    with world.check("refused: a name and an ARN of different streams"):
        world.create("other", 1)
        refused(EITHER, "", client.describe_stream_summary, StreamName="other", StreamARN=arn)
        refused(EITHER, "", client.put_record, StreamName="other", StreamARN=arn, **PUT)
    with world.check("refused: an ARN of nothing that has one"):
        wrong = {"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:table/strict"}
        text = "Member must satisfy regular expression pattern"
        refused("ValidationException", text, client.describe_stream, **wrong)
        refused("ValidationException", text, client.update_max_record_size, MaxRecordSizeInKiB=1024, **wrong)
    with world.check("refused: an iterator and a number of a stream that was deleted, and made anew"):
        number = client.put_record(StreamName="other", **PUT)["SequenceNumber"]
        iterator = world.iterator("other", shard_id(0), "TRIM_HORIZON")
        # Shards of streams that were made in the same second cannot be told apart by their numbers.
        time.sleep(1.1)
        client.delete_stream(StreamName="other")
        until("other is gone", lambda: "other" not in client.list_streams()["StreamNames"])
        refused(UNKNOWN, "", client.get_records, ShardIterator=iterator)
        world.create("other", 1)
        refused(f"{WRONG}|{UNKNOWN}", "", client.get_records, ShardIterator=iterator)
        refused(WRONG, "", client.get_shard_iterator, StreamName="other", ShardId=shard_id(0),
                ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    with world.check("refused: warm throughput for a provisioned stream"):
        refused(EITHER, "", client.update_stream_warm_throughput, StreamName="strict", WarmThroughputMiBps=10)
        refused(EITHER, "", client.create_stream, StreamName="cold", ShardCount=1, WarmThroughputMiBps=10)
    with world.check("refused: half of what names a consumer"):
        refused(EITHER, "", client.describe_stream_consumer, StreamARN=arn)
        refused(EITHER, "", client.describe_stream_consumer, ConsumerName="one")
        refused(EITHER, "", client.deregister_stream_consumer)


def tokens(world: World, arn: str) -> None:
    client = world.raw
    with world.check("refused: a token of shards, and what it says already"):
        token = client.list_shards(StreamName="strict", MaxResults=1)["NextToken"]
        for more in ({"ExclusiveStartShardId": shard_id(0)}, {"ShardFilter": {"Type": "AT_LATEST"}},
                     {"StreamCreationTimestamp": 1_700_000_000}):
            refused(WRONG, "", client.list_shards, NextToken=token, **more)
    with world.check("a token of shards, used twice"):
        for _ in range(2):
            expect("shards", ids(client.list_shards(NextToken=token)["Shards"]), [shard_id(1)])
    with world.check("refused: a token that is none"):
        wrong = "InvalidArgumentException|ExpiredNextTokenException|ValidationException"
        refused(wrong, "", client.list_streams, NextToken="nonsense")
        refused(wrong, "", client.list_stream_consumers, StreamARN=arn, NextToken="nonsense")


def types(world: World) -> None:
    client, wrong = world.raw, "SerializationException"
    with world.check("refused: members of wrong types"):
        number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
        refused(wrong, number, client.describe_stream, StreamName=5)
        text = "class java.lang.String can not be converted to an Integer"
        refused(wrong, text, client.create_stream, StreamName="wrong", ShardCount="three")
        text = "class java.lang.Boolean can not be converted to an Integer"
        refused(wrong, text, client.create_stream, StreamName="wrong", ShardCount=True)
        text = "Start of list found where not expected"
        refused(wrong, text, client.describe_stream, StreamName=["strict"])
    with world.check("refused: what is required, or too short"):
        text = "Value null at 'data' failed to satisfy constraint: Member must not be null"
        refused("ValidationException", text, client.put_record, StreamName="strict", PartitionKey="k")
        text = "Member must have length greater than or equal to 1"
        refused("ValidationException", text, client.put_records, StreamName="strict", Records=[])
        text = "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal"
        refused("ValidationException", text, client.create_stream, StreamName="wrong", ShardCount=0)
        refused("ValidationException", "records.2.member.partitionKey", client.put_records, StreamName="strict",
                Records=[PUT, {"Data": b"x", "PartitionKey": ""}])


def quotas(world: World) -> None:
    client, full = world.raw, "LimitExceededException"
    with world.check("refused: more shards than the account may have"):
        text = "This request would exceed the shard limit for the account "
        refused(full, text, client.create_stream, StreamName="vast", ShardCount=200_000)
    with world.check("refused: more consumers than a stream may have"):
        arn = world.create("beset", 1)
        for number in range(20):
            # No more than five may be on their way at once.
            until("there is room for one more", lambda: on_their_way(world, arn) < 5)
            client.register_stream_consumer(StreamARN=arn, ConsumerName=f"consumer-{number}")
        until("all are there", lambda: on_their_way(world, arn) == 0)
        refused(full, "", client.register_stream_consumer, StreamARN=arn, ConsumerName="consumer-20")
        expect("ConsumerCount", world.settled("beset")["ConsumerCount"], 20)
        client.delete_stream(StreamName="beset", EnforceConsumerDeletion=True)


def on_their_way(world: World, arn: str) -> int:
    consumers = world.client.list_stream_consumers(StreamARN=arn)["Consumers"]
    return sum(consumer["ConsumerStatus"] == "CREATING" for consumer in consumers)
