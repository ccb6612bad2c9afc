"""Tries a Kinesis endpoint with async-kinesis: its producer and its consumer, plain and aggregated.

Why: it is a producer and a consumer in one, so what it wrote must come back through its own eyes; its consumer follows
resharding by DescribeStream and goes by parents and children.
Usage: main.py ENDPOINT [--short]. A line per check, then the sum; the exit code tells whether all passed.
Called by `cargo xtask interop sdks`.
"""

import asyncio
import logging
import os
import sys
import time
from pathlib import Path

import botocore.session
from kinesis import Consumer, JsonProcessor, Producer
from kinesis.processors import KPLJsonProcessor

sys.path.insert(0, str(Path(__file__).parent.parent))
from checking import check, expect, tally  # noqa: E402

os.environ.update(AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret", AWS_DEFAULT_REGION="us-east-1")
logging.disable(logging.CRITICAL)
KEYS = 97


class Endpoint:
    """Where the stream is, and how both ends speak of it."""

    def __init__(self, url: str):
        self.common = {"endpoint_url": url, "region_name": "us-east-1", "expo_backoff": 1, "retry_limit": 3}
        self.client = botocore.session.get_session().create_client("kinesis", endpoint_url=url)

    async def produce(self, stream: str, count: int, processor, *, keyed: bool, meanwhile=None) -> None:
        """Puts the records; the first to come creates the stream, with three shards."""
        creation = {"create_stream": True, "create_stream_shards": 3}
        async with Producer(stream, processor=processor, buffer_time=0.1, **creation, **self.common) as producer:
            for number in range(count):
                if meanwhile and number == count // 2:
                    await producer.flush()
                    await asyncio.to_thread(meanwhile)
                key = {"partition_key": f"key-{number % KEYS}"} if keyed else {}
                await producer.put({"number": number, "filling": "x" * (number % 100)}, **key)
            await producer.flush()

    async def consume(self, stream: str, count: int, processor) -> list[int]:
        """Reads until nothing came for a while; the numbers in the order they came."""
        patience = {"idle_timeout": 4.0, "sleep_time_no_records": 0.3, "shard_fetch_rate": 4}
        seen: list[int] = []
        async with Consumer(stream, processor=processor, **patience, **self.common) as consumer:
            # So that shards which a resharding brought are taken soon.
            consumer._shard_refresh_interval = 1
            async for item in consumer:
                seen.append(item["number"])
                if len(seen) >= count:
                    break
        return seen


def in_order(seen: list[int]) -> None:
    """Within a key, records come in the order they were put."""
    last: dict[int, int] = {}
    for number in seen:
        if number <= last.get(number % KEYS, -1):
            raise AssertionError(f"{number} comes after {last[number % KEYS]}, of the same key")
        last[number % KEYS] = number


def main() -> int:
    endpoint, short = Endpoint(sys.argv[1]), "--short" in sys.argv
    for stream, processor, count, keyed in (
        ("plain", JsonProcessor, 1_000 if short else 4_000, True),
        ("aggregated", KPLJsonProcessor, 3_000 if short else 10_000, False),
    ):
        with check(f"produce {count} records, {stream}"):
            asyncio.run(endpoint.produce(stream, count, processor(), keyed=keyed))
        with check(f"consume them all, {stream}, each once"):
            seen = asyncio.run(endpoint.consume(stream, count, processor()))
            expect("records", sorted(seen), list(range(count)))
            if keyed:
                in_order(seen)

    def split() -> None:
        half = str(2**128 // 6)
        endpoint.client.split_shard(
            StreamName="resharded", ShardToSplit="shardId-000000000000", NewStartingHashKey=half
        )
        over = time.monotonic() + 30
        while len(endpoint.client.list_shards(StreamName="resharded")["Shards"]) < 5:
            if time.monotonic() > over:
                raise AssertionError("the shard is not split")
            time.sleep(0.1)

    count = 1_000 if short else 4_000
    with check("produce while a shard is split, consume parents before children, and lose nothing"):
        asyncio.run(endpoint.produce("resharded", count, JsonProcessor(), keyed=True, meanwhile=split))
        seen = asyncio.run(endpoint.consume("resharded", count, JsonProcessor()))
        expect("records", sorted(seen), list(range(count)))
        in_order(seen)
    print(f"{tally['passed']} passed, {tally['failed']} failed")
    return 1 if tally["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
