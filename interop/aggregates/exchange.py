"""The Python end of `cargo xtask interop aggregates`: packs and unpacks with aws-kinesis-agg, as it is told.

Why: it is what Python functions use to read the KPL's aggregates, so what it says of ours is what users will see.
One line of JSON in, one line of JSON out, so that neither end ever waits for the other to empty a pipe:

    {"unpack": base64}                         {"records": [{"key", "hash_key" or null, "data": base64}, ...]}
                                               {"plain": base64} if it takes the data for no aggregate
    {"pack": [{"key", "hash_key", "data"}]}    {"aggregate": base64}

An answer has "error" too, or only that, when the package complained.
"""

import base64
import contextlib
import io
import json
import sys

from aws_kinesis_agg.aggregator import AggRecord
from aws_kinesis_agg.deaggregator import iter_deaggregate_records


def unpack(data):
    record = {"SequenceNumber": "1", "PartitionKey": "outer", "ApproximateArrivalTimestamp": 0, "Data": data}
    # A broken aggregate is no exception to this package: it prints, and gives what it read so far.
    with contextlib.redirect_stderr(io.StringIO()) as complaint:
        found = [each["kinesis"] for each in iter_deaggregate_records([record], data_format="Boto3")]
    if len(found) == 1 and "aggregated" not in found[0]:
        return {"plain": base64.b64encode(found[0]["data"]).decode()}
    answer = {"records": [
        {"key": each["partitionKey"], "hash_key": each["explicitHashKey"], "data": each["data"].decode()}
        for each in found
    ]}
    if complaint.getvalue():
        answer["error"] = complaint.getvalue()
    return answer


def pack(records):
    aggregate = AggRecord()
    for record in records:
        if not aggregate.add_user_record(record["key"], base64.b64decode(record["data"]), record["hash_key"]):
            return {"error": "the aggregate is full"}
    _key, _hash_key, data = aggregate.get_contents()
    return {"aggregate": base64.b64encode(data).decode()}


def answer(question):
    try:
        if "unpack" in question:
            return unpack(base64.b64decode(question["unpack"]))
        return pack(question["pack"])
    except Exception as fault:  # Whatever the package throws is an answer; the run goes on.
        return {"error": repr(fault)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
