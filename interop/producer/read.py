"""The Python end of `cargo xtask interop producer`: reads streams with boto3 and unpacks with aws-kinesis-agg.

Why: it is what functions in Python read with, so what it finds of ours is what users will see.
Usage: read.py ENDPOINT STREAM... Every shard is read from its first record to its last, parents before children, and
each user record becomes a line:

    stream shard sequence sub-sequence key-in-hex hash-key sha256

with '-' for what there is none of. What the package complains of goes to the standard error.
"""

import base64
import hashlib
import sys
from collections.abc import Iterator

import boto3
from aws_kinesis_agg.deaggregator import iter_deaggregate_records


def shards(client, stream: str) -> list[str]:
    pages = client.get_paginator("list_shards").paginate(StreamName=stream)
    # A child's id is greater than its parents'.
    return sorted(shard["ShardId"] for page in pages for shard in page["Shards"])


def records(client, stream: str, shard: str) -> Iterator[dict]:
    issued = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator = issued["ShardIterator"]
    # A shard that is closed ends; nobody writes to one that is open any more.
    while iterator:
        page = client.get_records(ShardIterator=iterator)
        yield from page["Records"]
        if page["MillisBehindLatest"] == 0 and not page["Records"]:
            return
        iterator = page.get("NextShardIterator")


def line(stream: str, shard: str, found: dict) -> str:
    aggregated = found.get("aggregated", False)
    # Out of an aggregate data comes as base64.
    data = base64.b64decode(found["data"]) if aggregated else found["data"]
    words = [
        stream,
        shard,
        found["sequenceNumber"],
        str(found.get("subSequenceNumber", 0)),
        found["partitionKey"].encode().hex() or "-",
        found.get("explicitHashKey") or "-",
        hashlib.sha256(data).hexdigest(),
    ]
    return " ".join(words) + "\n"


def main(endpoint: str, streams: list[str]) -> None:
    client = boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )
    for stream in streams:
        for shard in shards(client, stream):
            for found in iter_deaggregate_records(records(client, stream, shard), data_format="Boto3"):
                sys.stdout.write(line(stream, shard, found["kinesis"]))


main(sys.argv[1], sys.argv[2:])
