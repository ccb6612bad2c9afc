"""Queues and channels, which a local broker need not have: each call is answered by an error that says so.

Why: a program that uses them must learn it from the answer, not from a connection cut off or a fault of the server.
Called by `main`.
"""

from botocore.exceptions import ClientError

from checks import World, expect

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/plain"
QUEUE = {"QueueARN": "arn:aws:kinesis:us-east-1:000000000000:queue/abcdefgh"}
CHANNEL = {"ChannelARN": "arn:aws:kinesis:us-east-1:000000000000:channel/abcdefgh"}
HANDLES = {"Entries": [{"ReceiptHandle": "handle"}]}
LATER = {"Entries": [{"ReceiptHandle": "handle", "VisibilityTimeoutSeconds": 1}]}

CALLS = {
    "create_queue": {"QueueName": "queue", "StreamConfigurationList": [{"StreamARN": STREAM}]},
    "describe_queue": QUEUE,
    "update_queue": {**QUEUE, "QueueAttributes": {"VisibilityTimeoutSeconds": 1}},
    "delete_queue": QUEUE,
    "list_queues": {},
    "receive_queue_records": {**QUEUE, "WaitTimeSeconds": 1},
    "acknowledge_queue_records": {**QUEUE, **HANDLES},
    "update_queue_records_visibility": {**QUEUE, **LATER},
    "receive_dead_letter_queue_records": {**QUEUE, "WaitTimeSeconds": 1},
    "acknowledge_dead_letter_queue_records": {**QUEUE, **HANDLES},
    "update_dead_letter_queue_records_visibility": {**QUEUE, **LATER},
    "restore_dead_letter_queue_records": {**QUEUE, **HANDLES},
    "create_channel": {
        "ChannelName": "channel",
        "ServiceExecutionRoleARN": "arn:aws:iam::000000000000:role/channel",
        "StreamConfigurationList": [{"StreamARN": STREAM, "RecordConfiguration": {"RecordFormatType": "JSON"}}],
    },
    "describe_channel": CHANNEL,
    "update_channel": CHANNEL,
    "delete_channel": CHANNEL,
    "list_channels": {},
}


def run(world: World) -> None:
    for name, members in CALLS.items():
        call = getattr(world.client, name)
        with world.check(f"answered by an error: {name}"):
            try:
                call(**members)
            except ClientError as fault:
                error, status = fault.response["Error"], fault.response["ResponseMetadata"]["HTTPStatusCode"]
                expect(f"the status of {error}", status, 400)
                if not error["Code"].endswith("Exception") or not error["Message"]:
                    raise AssertionError(f"an error that says little: {error}") from fault
            else:
                raise AssertionError("it was done")
