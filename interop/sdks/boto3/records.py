"""Records are put and read: where they land, what comes back, and from where reading begins. Called by `main`."""

import hashlib
import os
import time
from datetime import datetime, timedelta, timezone

from checks import HASH_KEYS, World, expect, expect_now, refused, shard_id, until

MIB = 1024 * 1024


def run(world: World) -> None:
    arn = world.create("records", 3)
    where(world, arn)
    many(world)
    reading(world, arn)
    positions(world)
    iterator_refusals(world)
    dry_runs(world)
    large(world)


def where(world: World, arn: str) -> None:
    client = world.client
    with world.check("a partition key decides the shard"):
        for key, number in {"a": 0, "b": 1, "e": 2, "f": 1}.items():
            answer = client.put_record(StreamName="records", Data=key.encode(), PartitionKey=key)
            expect(f"the shard of {key}", answer["ShardId"], shard_id(number))
            expect("EncryptionType", answer.get("EncryptionType"), None)
    with world.check("an explicit hash key decides the shard, at both ends of each"):
        for shard in world.shards("records"):
            for end in ("StartingHashKey", "EndingHashKey"):
                hash_key = shard["HashKeyRange"][end]
                answer = client.put_record(StreamName="records", Data=b"", PartitionKey="k", ExplicitHashKey=hash_key)
                expect(f"the shard of {hash_key}", answer["ShardId"], shard["ShardId"])
    with world.check("a record by ARN, and numbers that grow"):
        first = client.put_record(StreamARN=arn, Data=b"1", PartitionKey="a")
        number = first["SequenceNumber"]
        second = client.put_record(
            StreamARN=arn, StreamName="records", Data=b"2", PartitionKey="a", SequenceNumberForOrdering=number
        )
        if int(second["SequenceNumber"]) <= int(number):
            raise AssertionError(f"{second['SequenceNumber']} comes after {number}")
    with world.check("refused: a hash key beyond the last"):
        text = (
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {HASH_KEYS}"
        )
        put = {"StreamName": "records", "Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(HASH_KEYS)}
        refused("InvalidArgumentException", text, client.put_record, **put)
        entry = {name: put[name] for name in ("Data", "PartitionKey", "ExplicitHashKey")}
        refused("InvalidArgumentException", "Invalid ExplicitHashKey.", client.put_records,
                StreamName="records", Records=[{"Data": b"x", "PartitionKey": "k"}, entry])
    with world.check("refused: a partition key that is too long, or missing"):
        text = "Value '" + "k" * 257 + "' at 'partitionKey' failed to satisfy constraint: Member must have length less"
        call = client.put_record
        refused("ValidationException", text, call, StreamName="records", Data=b"x", PartitionKey="k" * 257)
        refused("ValidationException|InvalidArgumentException", "", call, StreamName="records", Data=b"x")
    with world.check("refused: a stream that does not exist"):
        text = "Stream missing under account "
        put = {"Data": b"x", "PartitionKey": "k"}
        refused("ResourceNotFoundException", text, client.put_record, StreamName="missing", **put)
        refused("ResourceNotFoundException", text, client.put_records, StreamName="missing", Records=[put])


def shard_of(key: str, shards: int) -> str:
    width = HASH_KEYS // shards
    return shard_id(min(int.from_bytes(hashlib.md5(key.encode()).digest()) // width, shards - 1))


def many(world: World) -> None:
    client, count = world.client, 500
    with world.check(f"{count} records in one call, each where its key says"):
        world.create("many", 3)
        keys = [f"schlüssel-{number}" for number in range(count)]
        entries = [{"Data": f"{number}".encode(), "PartitionKey": key} for number, key in enumerate(keys)]
        answer = client.put_records(StreamName="many", Records=entries)
        expect("FailedRecordCount", answer["FailedRecordCount"], 0)
        expect("EncryptionType", answer.get("EncryptionType"), None)
        expect("shards", [result["ShardId"] for result in answer["Records"]], [shard_of(key, 3) for key in keys])
        numbers = [result["SequenceNumber"] for result in answer["Records"]]
        expect("different numbers", len(set(numbers)), count)
    with world.check("they are read as they were put"):
        for number in range(3):
            wanted = [
                (entry["PartitionKey"], entry["Data"], sequence)
                for entry, result, sequence in zip(entries, answer["Records"], numbers)
                if result["ShardId"] == shard_id(number)
            ]
            seen = world.read(world.iterator("many", shard_id(number), "TRIM_HORIZON"), len(wanted))
            expect("records", [(it["PartitionKey"], it["Data"], it["SequenceNumber"]) for it in seen], wanted)
            for record in seen:
                expect_now("ApproximateArrivalTimestamp", record["ApproximateArrivalTimestamp"])
                expect("EncryptionType", record.get("EncryptionType"), None)
    with world.check("refused: more than 500 records in one call"):
        refused("ValidationException", "Member must have length less than or equal to 500", client.put_records,
                StreamName="many", Records=[{"Data": b"x", "PartitionKey": "k"}] * 501)
    with world.check("refused: more than 10 MiB in one call"):
        refused("InvalidArgumentException|ValidationException", "", client.put_records,
                StreamName="many", Records=[{"Data": bytes(MIB - 1), "PartitionKey": "k"}] * 11)


def reading(world: World, arn: str) -> None:
    client = world.client
    with world.check("a limit, then the rest, and how far behind"):
        world.create("reading", 1)
        for number in range(5):
            client.put_record(StreamName="reading", Data=b"%d" % number, PartitionKey="k")
        time.sleep(0.05)
        iterator = world.iterator("reading", shard_id(0), "TRIM_HORIZON")
        first = client.get_records(ShardIterator=iterator, Limit=2)
        expect("data", [record["Data"] for record in first["Records"]], [b"0", b"1"])
        if not 1 <= first["MillisBehindLatest"] < 300_000:
            raise AssertionError(f"two of five records are read, and it is {first['MillisBehindLatest']} ms behind")
        expect("ChildShards", first.get("ChildShards"), None)
        time.sleep(0.2)
        rest = client.get_records(ShardIterator=first["NextShardIterator"])
        expect("data", [record["Data"] for record in rest["Records"]], [b"2", b"3", b"4"])
        expect("MillisBehindLatest", rest["MillisBehindLatest"], 0)
        time.sleep(0.2)
        empty = client.get_records(ShardIterator=rest["NextShardIterator"])
        expect("records at the tip", empty["Records"], [])
        expect("MillisBehindLatest", empty["MillisBehindLatest"], 0)
    with world.check("an iterator may be used twice, and with the ARN"):
        time.sleep(0.4)
        reading_arn = arn.replace("stream/records", "stream/reading")
        again = client.get_records(ShardIterator=iterator, StreamARN=reading_arn, Limit=2)
        expect("records", again["Records"], first["Records"])
    with world.check("refused: what is no iterator"):
        refused("InvalidArgumentException", "Invalid ShardIterator.", client.get_records, ShardIterator="nonsense")
    with world.check("refused: a limit of 10001"):
        refused("ValidationException", "Value '10001' at 'limit' failed to satisfy constraint", client.get_records,
                ShardIterator=iterator, Limit=10001)


def positions(world: World) -> None:
    client, shard = world.client, shard_id(0)
    with world.check("put before and after a moment"):
        arn = world.create("positions", 1)
        early = [client.put_record(StreamName="positions", Data=b"early", PartitionKey="k") for _ in range(3)]
        # The SDK sends whole seconds.
        moment = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=1)
        time.sleep((moment - datetime.now(timezone.utc)).total_seconds() + 0.02)
        latest = world.iterator("positions", shard, "LATEST")
        late = [client.put_record(StreamName="positions", Data=b"late", PartitionKey="k") for _ in range(3)]
        numbers = [answer["SequenceNumber"] for answer in early + late]
    for name, start, wanted in (
        ("TRIM_HORIZON", lambda: {}, slice(0, None)),
        ("AT_SEQUENCE_NUMBER", lambda: {"StartingSequenceNumber": numbers[1]}, slice(1, None)),
        ("AFTER_SEQUENCE_NUMBER", lambda: {"StartingSequenceNumber": numbers[1]}, slice(2, None)),
        ("AT_TIMESTAMP", lambda: {"Timestamp": moment}, slice(3, None)),
    ):
        with world.check(f"read from {name}"):
            time.sleep(0.2)
            seen = world.read(world.iterator("positions", shard, name, **start()), len(numbers[wanted]))
            expect("numbers", [record["SequenceNumber"] for record in seen], numbers[wanted])
    with world.check("read from LATEST"):
        seen = world.read(latest, 3)
        expect("numbers", [record["SequenceNumber"] for record in seen], numbers[3:])
    with world.check("read from a time before the stream, by ARN"):
        before = datetime.now(timezone.utc) - timedelta(days=2)
        answer = client.get_shard_iterator(
            StreamARN=arn, ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=before
        )
        seen = world.read(answer["ShardIterator"], len(numbers))
        expect("numbers", [record["SequenceNumber"] for record in seen], numbers)


def iterator_refusals(world: World) -> None:
    call = world.client.get_shard_iterator
    at = {"StreamName": "positions", "ShardId": shard_id(0)}
    must = (
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
        "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
    )
    with world.check("refused: an iterator with no number, or with one too many"):
        refused("InvalidArgumentException", must + "AT_SEQUENCE_NUMBER and no StartingSequenceNumber.", call,
                ShardIteratorType="AT_SEQUENCE_NUMBER", **at)
        refused("InvalidArgumentException", must + "LATEST and also a StartingSequenceNumber.", call,
                ShardIteratorType="LATEST", StartingSequenceNumber="5", **at)
    with world.check("refused: an iterator at no time, or in the future"):
        text = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP."
        refused("InvalidArgumentException", text, call, ShardIteratorType="AT_TIMESTAMP", **at)
        text = "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
        tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
        refused("InvalidArgumentException", text, call, ShardIteratorType="AT_TIMESTAMP", Timestamp=tomorrow, **at)
    with world.check("refused: an iterator of no such kind, shard or stream"):
        text = "Value 'SOMEWHERE' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value"
        refused("ValidationException", text, call, ShardIteratorType="SOMEWHERE", **at)
        text = f"Shard {shard_id(7)} in stream positions under account "
        at["ShardId"] = shard_id(7)
        refused("ResourceNotFoundException", text, call, ShardIteratorType="LATEST", **at)
        at["StreamName"] = "missing"
        refused("ResourceNotFoundException", "", call, ShardIteratorType="LATEST", **at)


def dry_runs(world: World) -> None:
    client, dry = world.client, "DryRunOperationException"
    put = {"Data": b"dry", "PartitionKey": "k"}
    with world.check("dry runs are told so, and do nothing"):
        world.create("dry", 1)
        iterator = world.iterator("dry", shard_id(0), "TRIM_HORIZON")
        refused(dry, "", client.put_record, StreamName="dry", DryRun=True, **put)
        refused(dry, "", client.put_records, StreamName="dry", Records=[put], DryRun=True)
        refused(dry, "", client.get_shard_iterator, StreamName="dry", ShardId=shard_id(0),
                ShardIteratorType="LATEST", DryRun=True)
        refused(dry, "", client.get_records, ShardIterator=iterator, DryRun=True)
        time.sleep(0.2)
        expect("records", client.get_records(ShardIterator=iterator)["Records"], [])
    with world.check("a dry run fails as the true run would"):
        refused("ResourceNotFoundException", "", client.put_record, StreamName="missing", DryRun=True, **put)
        refused("InvalidArgumentException", "Invalid ShardIterator.", client.get_records,
                ShardIterator="nonsense", DryRun=True)


def large(world: World) -> None:
    client = world.client
    with world.check("a record of 1 MiB"):
        arn = world.create("large", 3)
        alone(world, shard_id(0), "0", MIB)
    with world.check("refused: one byte more"):
        middle = world.shards("large")[1]["HashKeyRange"]["StartingHashKey"]
        refused("InvalidArgumentException|ValidationException", "", client.put_record,
                StreamName="large", Data=bytes(MIB), PartitionKey="k", ExplicitHashKey=middle)
    with world.check("refused: a record size of 11 MiB"):
        text = "Value '11264' at 'maxRecordSizeInKiB' failed to satisfy constraint"
        refused("ValidationException", text, client.update_max_record_size, StreamARN=arn, MaxRecordSizeInKiB=11264)
    with world.check("a record of 10 MiB, once they may be so large"):
        client.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10240)
        until("the size is changed", lambda: world.settled("large")["MaxRecordSizeInKiB"] == 10240)
        alone(world, shard_id(2), str(HASH_KEYS - 1), 10 * MIB)
    with world.check("create a stream for large records"):
        client.create_stream(StreamName="large-born", ShardCount=1, MaxRecordSizeInKiB=2048)
        expect("MaxRecordSizeInKiB", world.settled("large-born")["MaxRecordSizeInKiB"], 2048)


def alone(world: World, shard: str, hash_key: str, size: int) -> None:
    """Puts a record of this size, key included, and reads it back."""
    data = os.urandom(size - 1)
    answer = world.client.put_record(StreamName="large", Data=data, PartitionKey="k", ExplicitHashKey=hash_key)
    expect("shard", answer["ShardId"], shard)
    number = answer["SequenceNumber"]
    seen = world.read(world.iterator("large", shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number), 1)
    expect("records", len(seen), 1)
    expect("whether the data is what was put", seen[0]["Data"] == data, True)
    expect("partition key", seen[0]["PartitionKey"], "k")
