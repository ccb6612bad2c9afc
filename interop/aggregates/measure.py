"""Measures packing and unpacking with aws-kinesis-agg, for `cargo xtask rivals codecs`.

Why: users come from here. The workload is that of `rivals/src/codecs`; counted is the CPU time of the process, in
medians of 5. The package gives each payload in base64, and this is counted, because one cannot have it otherwise.

One line for each workload and direction: records, bytes of each, direction, codec, records per CPU second; tabs between.
"""

import statistics
import time

from aws_kinesis_agg.aggregator import AggRecord
from aws_kinesis_agg.deaggregator import iter_deaggregate_records

REPETITIONS = 5
AGGREGATES = 16
SPENT_MIN = 0.3
WORKLOADS = [(388, 100), (40, 1024)]


def aggregates_of(records, size):
    """What fills the aggregates: keys of 16 characters, all distinct."""
    def record(number):
        return f"device-{number:09}", bytes((number * 31 + place) & 0xFF for place in range(size))
    return [[record(first + place) for place in range(records)] for first in range(0, AGGREGATES * records, records)]


def pack(records):
    aggregate = AggRecord()
    for key, data in records:
        if not aggregate.add_user_record(key, data):
            raise ValueError("the aggregate is full")
    return aggregate.get_contents()[2]


def unpack(data):
    record = {"SequenceNumber": "1", "PartitionKey": "outer", "ApproximateArrivalTimestamp": 0, "Data": data}
    return sum(1 for _ in iter_deaggregate_records([record], data_format="Boto3"))


def rate(work, inputs, records):
    """Records per CPU second, the median of the repetitions, after one that only warms up."""
    rates = []
    for _ in range(REPETITIONS + 1):
        rounds, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SPENT_MIN:
            for each in inputs:
                work(each)
            rounds += 1
        rates.append(rounds * AGGREGATES * records / spent)
    return statistics.median(rates[1:])


for records, size in WORKLOADS:
    aggregates = aggregates_of(records, size)
    packed = [pack(each) for each in aggregates]
    if any(unpack(each) != records for each in packed):
        raise ValueError("what was packed is not what is unpacked")
    for direction, work, inputs in (("pack", pack, aggregates), ("unpack", unpack, packed)):
        print(records, size, direction, "aws-kinesis-agg, Python", round(rate(work, inputs, records)), sep="\t")
