"""Tries a Kinesis endpoint with aiokpl: a KPL in Python, which predicts shards, aggregates, paces and retries.

Why: a producer of its kind stumbles over what single calls never show: hash ranges that do not agree with where records
land, closed shards that are taken for open, entries that fail alone. What it wrote is unpacked by aws-kinesis-agg, not by
itself. That shards are split while it produces is left out: it looks at the shards anew only when a record landed in one
that it knows, so after a split it puts records again and again until their time is over, also against the service.
Usage: main.py ENDPOINT [--short]. A line per check, then the sum; the exit code tells whether all passed.
Called by `cargo xtask interop sdks`.
"""

import asyncio
import base64
import hashlib
import sys
import time
from collections import Counter
from pathlib import Path

import botocore.session
from aiokpl import Config, Producer
from aws_kinesis_agg.deaggregator import deaggregate_records

sys.path.insert(0, str(Path(__file__).parent.parent))
from checking import check, expect, tally  # noqa: E402

CREDENTIALS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
KEYS = 97
# Five calls a second are what a shard allows its readers.
PAUSE = 0.21


def settled(client, stream: str) -> None:
    over = time.monotonic() + 30
    while client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        if time.monotonic() > over:
            raise AssertionError(f"{stream} is not ACTIVE")
        time.sleep(0.1)


def payload(number: int) -> bytes:
    # Sizes of 10 to 200 bytes, the number first.
    filling = hashlib.sha256(b"%d" % number).hexdigest() * 3
    return f"{number:08}-{filling[: number % 192]}-".encode()


async def produce(endpoint: str, stream: str, numbers: range, *, aggregated: bool) -> list:
    """Puts the records and waits for all; their results."""
    config = Config(region="us-east-1", endpoint_url=endpoint, aggregation_enabled=aggregated, **CREDENTIALS)
    async with Producer(config) as producer:
        outcomes = []
        for number in numbers:
            key = f"key-{number % KEYS}"
            outcomes.append(await producer.put_record(stream=stream, partition_key=key, data=payload(number)))
        await producer.flush()
        return [await outcome.wait() for outcome in outcomes]


def consume(client, stream: str) -> tuple[list[tuple[str, bytes, str]], int]:
    """Reads every shard to its end or tip: the user records with their shard, and how many Kinesis records they were."""
    seen, stored = [], 0
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        where = {"StreamName": stream, "ShardId": shard["ShardId"]}
        iterator = client.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **where)["ShardIterator"]
        while iterator:
            answer = client.get_records(ShardIterator=iterator)
            stored += len(answer["Records"])
            for record in deaggregate_records([in_lambda(record) for record in answer["Records"]]):
                user_record = record["kinesis"]
                data = base64.b64decode(user_record["data"])
                seen.append((user_record["partitionKey"], data, shard["ShardId"]))
            iterator = answer.get("NextShardIterator")
            if answer["MillisBehindLatest"] == 0 and not answer["Records"]:
                break
            time.sleep(PAUSE)
    return seen, stored


def in_lambda(record: dict) -> dict:
    """The record as a function is given it, which is the form that aws-kinesis-agg takes."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": record["SequenceNumber"],
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            "partitionKey": record["PartitionKey"],
            "data": base64.b64encode(record["Data"]),
        }
    }


def in_order(seen: list[tuple[str, bytes, str]]) -> None:
    """Within a key, records are read in the order they were put."""
    last: dict[str, int] = {}
    for key, data, _ in seen:
        number = int(data[:8])
        if number <= last.get(key, -1):
            raise AssertionError(f"{key}: {number} comes after {last[key]}")
        last[key] = number


def main() -> int:
    endpoint, count = sys.argv[1], 2_000 if "--short" in sys.argv else 10_000
    client = botocore.session.get_session().create_client(
        "kinesis", endpoint_url=endpoint, region_name="us-east-1", **CREDENTIALS
    )
    for aggregated in (True, False):
        stream = "aggregated" if aggregated else "plain"
        wanted = {payload(number): f"key-{number % KEYS}" for number in range(count)}
        with check(f"produce {count} records, {stream}"):
            client.create_stream(StreamName=stream, ShardCount=4)
            settled(client, stream)
            results = asyncio.run(produce(endpoint, stream, range(count), aggregated=aggregated))
            expect("records that were not stored", [it for it in results if not it.success], [])
            expect("attempts of each", Counter(len(it.attempts) for it in results), {1: count})
        with check(f"read them all, {stream}, each once, in order, from the shard that was told"):
            seen, stored = consume(client, stream)
            expect("records", {data: key for key, data, _ in seen}, wanted)
            expect("how many", len(seen), count)
            expect("whether they were aggregated", stored < count / 5, aggregated)
            told = {payload(number): result.shard_id for number, result in enumerate(results)}
            expect("shards", {data: shard for _, data, shard in seen}, told)
            in_order(seen)

    with check("produce to shards that came of others"):
        client.create_stream(StreamName="resharded", ShardCount=2)
        settled(client, "resharded")
        client.update_shard_count(StreamName="resharded", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
        settled(client, "resharded")
        results = asyncio.run(produce(endpoint, "resharded", range(count), aggregated=True))
        expect("attempts of each", Counter(len(it.attempts) for it in results), {1: count})
        seen, _ = consume(client, "resharded")
        expect("records", {data: key for key, data, _ in seen}, wanted)
        expect("how many", len(seen), count)
        expect("shards", sorted({shard for _, _, shard in seen}), [f"shardId-{number:012}" for number in range(2, 6)])
        in_order(seen)
    print(f"{tally['passed']} passed, {tally['failed']} failed")
    return 1 if tally["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
