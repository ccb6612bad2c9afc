"""What every scene needs: the client, a check that tells how it went, and streams that are waited for.

Called by the scenes and by `main`.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Exclusive: hash keys are smaller.
HASH_KEYS = 2**128
# How long a stream may take from one state to the next.
PATIENCE = 30.0
# Five calls a second are what a shard allows its readers.
PAUSE = 0.21


class World:
    """The endpoint under trial, and what came of it so far."""

    def __init__(self, endpoint: str, short: bool):
        self.short = short
        self.passed = 0
        self.failed = 0
        self.called: set[str] = set()
        common = {
            "endpoint_url": endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "AKIDEXAMPLE",
            "aws_secret_access_key": "secret",
        }
        self.client = boto3.client("kinesis", **common)
        # It sends what it is given, once.
        once = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self.raw = boto3.client("kinesis", config=once, **common)
        self.client.meta.events.register("before-call.kinesis.*", self._note)

    def _note(self, model, **_) -> None:
        self.called.add(model.name)

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Runs the block; whatever it raises is told, and the next check follows."""
        try:
            yield
        except Exception as fault:
            self.failed += 1
            print(f"FAILED {name}: {type(fault).__name__}: {' '.join(str(fault).split())[:500]}", flush=True)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def create(self, name: str, shards: int) -> str:
        """A new provisioned stream, active; its ARN."""
        self.client.create_stream(StreamName=name, ShardCount=shards)
        return self.settled(name)["StreamARN"]

    def settled(self, name: str) -> dict:
        """Waits until the stream is active; its summary."""

        def active():
            summary = self.client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
            return summary if summary["StreamStatus"] == "ACTIVE" else None

        return until(f"{name} is ACTIVE", active)

    def shards(self, name: str) -> list[dict]:
        """All shards of a stream, open and closed."""
        return self.client.list_shards(StreamName=name)["Shards"]

    def iterator(self, stream: str, shard: str, kind: str, **start) -> str:
        answer = self.client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType=kind, **start)
        return answer["ShardIterator"]

    def read(self, iterator: str, count: int) -> list[dict]:
        """Reads on until so many records were seen, or the shard's end."""
        seen: list[dict] = []

        def enough():
            nonlocal iterator
            answer = self.client.get_records(ShardIterator=iterator)
            seen.extend(answer["Records"])
            iterator = answer.get("NextShardIterator")
            return len(seen) >= count or iterator is None

        until(f"{count} records are read", enough, pause=PAUSE)
        return seen

    def all_operations_were_called(self) -> None:
        offered = set(self.client.meta.service_model.operation_names) - {"SubscribeToShard"}
        with self.check("every operation that the SDK offers was called"):
            expect("operations never called", sorted(offered - self.called), [])

    def sum_up(self) -> int:
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def until(what: str, asked: Callable, pause: float = 0.1):
    """Asks until the answer is one; fails when patience is out."""
    over = time.monotonic() + PATIENCE
    while True:
        if answer := asked():
            return answer
        if time.monotonic() > over:
            raise AssertionError(f"waited {PATIENCE} s in vain until {what}")
        time.sleep(pause)


def expect(what: str, got, wanted) -> None:
    if got != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, got {got!r}")


def expect_match(what: str, got: str, pattern: str) -> None:
    if not re.fullmatch(pattern, got):
        raise AssertionError(f"{what}: expected a match of {pattern}, got {got!r}")


def expect_now(what: str, got: datetime) -> None:
    """The time is of this minute, give or take a few; so its unit was understood."""
    now = datetime.now(timezone.utc)
    if got.year not in (now.year, (now - timedelta(minutes=5)).year) or abs(now - got) > timedelta(minutes=5):
        raise AssertionError(f"{what}: expected about {now}, got {got}")


def refused(code: str, text: str, call: Callable, *arguments, **members) -> None:
    """The call fails with one of the codes, separated by `|`, and a message that holds the text."""
    try:
        call(*arguments, **members)
    except ClientError as fault:
        error = fault.response["Error"]
        if error["Code"] not in code.split("|") or text not in error["Message"]:
            wanted = f"{code}: {text}"
            raise AssertionError(f"expected {wanted!r}, got {error['Code']}: {error['Message']!r}") from fault
        status = fault.response["ResponseMetadata"]["HTTPStatusCode"]
        expect(f"the status of {error['Code']}", status, 400)
        return
    raise AssertionError(f"expected {code}, but it was done")


def tiles(shards: list[dict]) -> None:
    """The shards cover the hash keys, once each."""
    ranges = sorted(
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])) for shard in shards
    )
    following = 0
    for start, end in ranges:
        expect("the start of a shard", start, following)
        following = end + 1
    expect("the end of the last shard", following, HASH_KEYS)


def ids(shards: list[dict]) -> list[str]:
    return [shard["ShardId"] for shard in shards]


def shard_id(number: int) -> str:
    return f"shardId-{number:012}"
