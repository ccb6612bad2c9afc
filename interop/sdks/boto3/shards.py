"""Shards are listed, split, merged and counted anew, and records outlive it. Called by `main`."""

import time
from datetime import datetime, timedelta, timezone

from checks import HASH_KEYS, PAUSE, World, expect, expect_match, ids, refused, shard_id, tiles, until

HALF = HASH_KEYS // 2
QUARTER = HASH_KEYS // 4
# Keys that lie evenly in the hash space.
LANES = 16


def run(world: World) -> None:
    pages(world)
    reshard(world)
    refusals(world)
    counts(world)


def pages(world: World) -> None:
    client = world.client
    with world.check("page through the shards by token alone"):
        world.create("paged", 5)
        answer = client.list_shards(StreamName="paged", MaxResults=2)
        found = [ids(answer["Shards"])]
        token = answer["NextToken"]
        while token := answer.get("NextToken"):
            answer = client.list_shards(NextToken=token, MaxResults=2)
            found.append(ids(answer["Shards"]))
        expect("pages", found, [[shard_id(0), shard_id(1)], [shard_id(2), shard_id(3)], [shard_id(4)]])
    with world.check("refused: a token beside the stream, which is what the SDK's own paginator sends"):
        # So it is with the service: the paginator works for as long as there is one page.
        text = "NextToken and StreamName cannot be provided together."
        paginator = client.get_paginator("list_shards")
        pages = paginator.paginate(StreamName="paged", PaginationConfig={"PageSize": 2})
        refused("InvalidArgumentException", text, lambda: list(pages))
        whole = [page for page in paginator.paginate(StreamName="paged")]
        expect("shards", [ids(page["Shards"]) for page in whole], [[shard_id(number) for number in range(5)]])
    with world.check("refused: neither token nor stream, and no token at all"):
        text = "Either NextToken or StreamName should be provided."
        refused("InvalidArgumentException", text, client.list_shards)
        refused("InvalidArgumentException|ExpiredNextTokenException", "", client.list_shards, NextToken="nonsense")


def reshard(world: World) -> None:
    """Two shards; the first is split, its upper child is merged with the second."""
    client, stream = world.client, "resharded"
    put: dict[str, list[bytes]] = {f"lane-{lane}": [] for lane in range(LANES)}

    def fill(count: int) -> None:
        for number in range(count):
            entries = []
            for lane, (key, data) in enumerate(put.items()):
                data.append(b"%d" % len(data))
                hash_key = str(lane * (HASH_KEYS // LANES))
                entries.append({"Data": data[-1], "PartitionKey": key, "ExplicitHashKey": hash_key})
            expect("FailedRecordCount", client.put_records(StreamName=stream, Records=entries)["FailedRecordCount"], 0)

    amount = 5 if world.short else 25
    with world.check("split a shard"):
        world.create(stream, 2)
        fill(amount)
        # Times of shards are compared to the second, so the seconds must differ.
        time.sleep(1.1)
        between = now()
        time.sleep(1.1)
        client.split_shard(StreamName=stream, ShardToSplit=shard_id(0), NewStartingHashKey=str(QUARTER))
        expect("open shards", world.settled(stream)["OpenShardCount"], 3)
        shards = world.shards(stream)
        expect("shards", ids(shards), [shard_id(number) for number in range(4)])
        expect("parents", [shard.get("ParentShardId") for shard in shards], [None, None, shard_id(0), shard_id(0)])
        expect("range", shards[2]["HashKeyRange"], {"StartingHashKey": "0", "EndingHashKey": str(QUARTER - 1)})
        expect("range", shards[3]["HashKeyRange"], {"StartingHashKey": str(QUARTER), "EndingHashKey": str(HALF - 1)})
        expect_match("the parent's end", shards[0]["SequenceNumberRange"]["EndingSequenceNumber"], r"[1-9]\d{55}")
        tiles(shards[1:])
        fill(amount)
    with world.check("merge two shards"):
        client.merge_shards(StreamName=stream, ShardToMerge=shard_id(3), AdjacentShardToMerge=shard_id(1))
        expect("open shards", world.settled(stream)["OpenShardCount"], 2)
        child = world.shards(stream)[4]
        expect("the child", child["ShardId"], shard_id(4))
        expect("parents", [child["ParentShardId"], child["AdjacentParentShardId"]], [shard_id(3), shard_id(1)])
        wanted = {"StartingHashKey": str(QUARTER), "EndingHashKey": str(HASH_KEYS - 1)}
        expect("range", child["HashKeyRange"], wanted)
        fill(amount)
    with world.check("read each shard to its end, and the child shards it names"):
        seen = {key: [] for key in put}
        ended = lineage(world, stream, sum(map(len, put.values())), seen)
        expect("records", seen, put)
        children = {parent: [child["ShardId"] for child in named] for parent, named in ended.items()}
        wanted = {shard_id(0): [shard_id(2), shard_id(3)], shard_id(1): [shard_id(4)], shard_id(3): [shard_id(4)]}
        expect("children", children, wanted)
        for child in ended[shard_id(0)]:
            expect("parents", child["ParentShards"], [shard_id(0)])
        expect("parents", sorted(ended[shard_id(1)][0]["ParentShards"]), [shard_id(1), shard_id(3)])
        expect("range", ended[shard_id(3)][0]["HashKeyRange"], child_range(world, stream, 4))
    with world.check("LATEST on a closed shard leads to its children"):
        answer = client.get_records(ShardIterator=world.iterator(stream, shard_id(0), "LATEST"))
        expect("records", answer["Records"], [])
        expect("NextShardIterator", answer.get("NextShardIterator"), None)
        expect("children", ids(answer["ChildShards"]), [shard_id(2), shard_id(3)])
    time.sleep(2.1)
    filters(world, stream, between)


def now() -> datetime:
    return datetime.now(timezone.utc)


def child_range(world: World, stream: str, number: int) -> dict:
    return world.shards(stream)[number]["HashKeyRange"]


def lineage(world: World, stream: str, count: int, seen: dict[str, list[bytes]]) -> dict[str, list[dict]]:
    """Reads shard after shard, parents first; the child shards that each ended shard named."""
    ended: dict[str, list[dict]] = {}
    for shard in world.shards(stream):
        iterator = world.iterator(stream, shard["ShardId"], "TRIM_HORIZON")
        closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]

        def over():
            nonlocal iterator
            answer = world.client.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                seen[record["PartitionKey"]].append(record["Data"])
            iterator = answer.get("NextShardIterator")
            if iterator is None:
                ended[shard["ShardId"]] = answer["ChildShards"]
                return True
            expect("ChildShards before the end", answer.get("ChildShards"), None)
            return not closed and answer["MillisBehindLatest"] == 0

        until(f"{shard['ShardId']} is read", over, pause=PAUSE)
    expect("records read", sum(map(len, seen.values())), count)
    return ended


def filters(world: World, stream: str, between: datetime) -> None:
    everything, opened, initial = [0, 1, 2, 3, 4], [2, 4], [0, 1]
    before = now() - timedelta(hours=1)
    for name, wanted, members in (
        ("AT_LATEST", opened, {}),
        ("AT_TRIM_HORIZON", initial, {}),
        ("FROM_TRIM_HORIZON", everything, {}),
        ("AFTER_SHARD_ID", [3, 4], {"ShardId": shard_id(2)}),
        ("AT_TIMESTAMP", initial, {"Timestamp": between}),
        ("AT_TIMESTAMP", initial, {"Timestamp": before}),
        ("AT_TIMESTAMP", opened, {"Timestamp": now() - timedelta(seconds=1)}),
        ("FROM_TIMESTAMP", everything, {"Timestamp": between}),
        ("FROM_TIMESTAMP", everything, {"Timestamp": before}),
        ("FROM_TIMESTAMP", opened, {"Timestamp": now() - timedelta(seconds=1)}),
    ):
        moment = members.get("Timestamp")
        when = {between: ", between", before: ", before", None: ""}.get(moment, ", now")
        with world.check(f"list shards {name}{when}"):
            chosen = {"Type": name, **members}
            pages = world.client.get_paginator("list_shards").paginate(StreamName=stream, ShardFilter=chosen)
            found = [shard for page in pages for shard in page["Shards"]]
            expect("shards", ids(found), [shard_id(number) for number in wanted])
    with world.check("list shards after a shard"):
        answer = world.client.list_shards(StreamName=stream, ExclusiveStartShardId=shard_id(1))
        expect("shards", ids(answer["Shards"]), [shard_id(2), shard_id(3), shard_id(4)])
    with world.check("refused: filters that lack what they need"):
        call = world.client.list_shards
        for name in ("AFTER_SHARD_ID", "AT_TIMESTAMP", "FROM_TIMESTAMP"):
            wanted = "InvalidArgumentException|ValidationException"
            refused(wanted, "", call, StreamName=stream, ShardFilter={"Type": name})


def refusals(world: World) -> None:
    client, stream = world.client, "resharded"
    with world.check("refused: to split a closed shard"):
        text = f"Shard {shard_id(0)} in stream {stream} under account "
        call = client.split_shard
        split = {"StreamName": stream, "ShardToSplit": shard_id(0), "NewStartingHashKey": str(QUARTER)}
        refused("InvalidArgumentException", text, call, **split)
        text = "has already been merged or split, and thus is not eligible for merging or splitting."
        refused("InvalidArgumentException", text, call, **split)
    with world.check("refused: to split at an end"):
        text = (
            f"NewStartingHashKey 1 used in SplitShard() on shard {shard_id(2)} in stream {stream} under account "
        )
        split = {"StreamName": stream, "ShardToSplit": shard_id(2), "NewStartingHashKey": "1"}
        refused("InvalidArgumentException", text, client.split_shard, **split)
        text = (
            " is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's "
            f"EndingHashKey {QUARTER - 1}."
        )
        refused("InvalidArgumentException", text, client.split_shard, **split)
    with world.check("refused: to split or merge a shard that is not there"):
        text = f"Could not find shard {shard_id(9)} in stream {stream} under account "
        split = {"StreamName": stream, "ShardToSplit": shard_id(9), "NewStartingHashKey": "9"}
        refused("ResourceNotFoundException", text, client.split_shard, **split)
        merge = {"StreamName": stream, "ShardToMerge": shard_id(9), "AdjacentShardToMerge": shard_id(2)}
        refused("ResourceNotFoundException", text, client.merge_shards, **merge)
    with world.check("refused: to merge from the wrong side"):
        text = f"Shards {shard_id(4)} and {shard_id(2)} in stream {stream} under account "
        merge = {"StreamName": stream, "ShardToMerge": shard_id(4), "AdjacentShardToMerge": shard_id(2)}
        refused("InvalidArgumentException", text, client.merge_shards, **merge)
        text = "are not an adjacent pair of shards eligible for merging"
        refused("InvalidArgumentException", text, client.merge_shards, **merge)


def counts(world: World) -> None:
    client, stream = world.client, "counted"

    def count(target: int) -> dict:
        return client.update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")

    with world.check("double the shards"):
        arn = world.create(stream, 2)
        answer = count(4)
        expect("counts", [answer["CurrentShardCount"], answer["TargetShardCount"]], [2, 4])
        expect("StreamName", answer["StreamName"], stream)
        expect("open shards", world.settled(stream)["OpenShardCount"], 4)
        even(world, stream, 4)
    with world.check("halve the shards, by ARN"):
        call = client.update_shard_count
        answer = call(StreamARN=arn, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
        expect("counts", [answer["CurrentShardCount"], answer["TargetShardCount"]], [4, 2])
        expect("StreamARN", answer["StreamARN"], arn)
        expect("open shards", world.settled(stream)["OpenShardCount"], 2)
        even(world, stream, 2)
    with world.check("two shards become three"):
        count(3)
        expect("open shards", world.settled(stream)["OpenShardCount"], 3)
        even(world, stream, 3)
    with world.check("refused: more than double, less than half"):
        text = "UpdateShardCount cannot scale up over double your current open shard count."
        refused("InvalidArgumentException|LimitExceededException", text, count, 7)
        text = "UpdateShardCount cannot scale down below half your current open shard count."
        refused("InvalidArgumentException|LimitExceededException", text, count, 1)


def even(world: World, stream: str, count: int) -> None:
    opened = world.client.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    width = HASH_KEYS // count
    starts = sorted(int(shard["HashKeyRange"]["StartingHashKey"]) for shard in opened)
    expect("starts", starts, [number * width for number in range(count)])
    tiles(opened)
