// Shards are listed, split, merged and counted anew, and records outlive it. Called by `main`.

import {
  EITHER, HASH_KEYS, PAUSE, bytes, expect, expectMatch, expectPart, ids, numbers, refused, shardId, sleep, text, tiles,
  until,
} from "./checks.mjs";

const HALF = HASH_KEYS / 2n;
const QUARTER = HASH_KEYS / 4n;
// Keys that lie evenly in the hash space.
const LANES = 16;
const StreamName = "resharded";

export async function run(world) {
  await pages(world);
  await reshard(world);
  await refusals(world);
  await counts(world);
}

async function pages(world) {
  const { client } = world;
  await world.check("page through the shards by token alone", async () => {
    await world.create("paged", 5);
    let answer = await client.listShards({ StreamName: "paged", MaxResults: 2 });
    const found = [ids(answer.Shards)];
    while (answer.NextToken) {
      answer = await client.listShards({ NextToken: answer.NextToken, MaxResults: 2 });
      found.push(ids(answer.Shards));
    }
    expect("pages", found, [[0, 1].map(shardId), [2, 3].map(shardId), [shardId(4)]]);
  });
  await world.check("refused: a token beside the stream, neither of them, and no token at all", async () => {
    const { NextToken } = await client.listShards({ StreamName: "paged", MaxResults: 2 });
    const both = () => client.listShards({ StreamName: "paged", NextToken });
    await refused("InvalidArgumentException", "NextToken and StreamName cannot be provided together.", both);
    const neither = () => client.listShards({});
    await refused("InvalidArgumentException", "Either NextToken or StreamName should be provided.", neither);
    const nonsense = () => client.listShards({ NextToken: "nonsense" });
    await refused(["InvalidArgumentException", "ExpiredNextTokenException"], "", nonsense);
  });
}

/** Two shards; the first is split, its upper child is merged with the second. */
async function reshard(world) {
  const { client } = world;
  const put = Object.fromEntries(numbers(LANES).map((lane) => [`lane-${lane}`, []]));
  const fill = async (count) => {
    for (let number = 0; number < count; number += 1) {
      const Records = Object.entries(put).map(([PartitionKey, data], lane) => {
        data.push(String(data.length));
        const ExplicitHashKey = String(BigInt(lane) * (HASH_KEYS / BigInt(LANES)));
        return { Data: bytes(data.at(-1)), PartitionKey, ExplicitHashKey };
      });
      const { FailedRecordCount } = await client.putRecords({ StreamName, Records });
      expect("FailedRecordCount", FailedRecordCount, 0);
    }
  };
  const amount = world.short ? 5 : 25;
  let between;
  await world.check("split a shard", async () => {
    await world.create(StreamName, 2);
    await fill(amount);
    // Times of shards may be whole seconds, so the seconds must differ.
    await sleep(1100);
    between = new Date();
    await sleep(1100);
    const split = { StreamName, ShardToSplit: shardId(0), NewStartingHashKey: String(QUARTER) };
    await client.splitShard(split);
    expect("open shards", (await world.settled(StreamName)).OpenShardCount, 3);
    const shards = await world.shards(StreamName);
    expect("shards", ids(shards), numbers(4).map(shardId));
    const parents = shards.map((shard) => shard.ParentShardId);
    expect("parents", parents, [undefined, undefined, shardId(0), shardId(0)]);
    const lower = { StartingHashKey: "0", EndingHashKey: String(QUARTER - 1n) };
    expect("range", shards[2].HashKeyRange, lower);
    const upper = { StartingHashKey: String(QUARTER), EndingHashKey: String(HALF - 1n) };
    expect("range", shards[3].HashKeyRange, upper);
    expectMatch("the parent's end", shards[0].SequenceNumberRange.EndingSequenceNumber, /^[1-9]\d{55}$/);
    tiles(shards.slice(1));
    await fill(amount);
  });
  const range = { StartingHashKey: String(QUARTER), EndingHashKey: String(HASH_KEYS - 1n) };
  await world.check("merge two shards", async () => {
    await client.mergeShards({ StreamName, ShardToMerge: shardId(3), AdjacentShardToMerge: shardId(1) });
    expect("open shards", (await world.settled(StreamName)).OpenShardCount, 2);
    expectPart("the child", (await world.shards(StreamName))[4], {
      ShardId: shardId(4), ParentShardId: shardId(3), AdjacentParentShardId: shardId(1), HashKeyRange: range,
    });
    await fill(amount);
  });
  await world.check("read each shard to its end, and the child shards it names", async () => {
    const seen = Object.fromEntries(Object.keys(put).map((key) => [key, []]));
    const ended = await lineage(world, seen);
    expect("records", seen, put);
    const children = Object.fromEntries(Object.entries(ended).map(([parent, named]) => [parent, ids(named)]));
    expect("children", children, {
      [shardId(0)]: [shardId(2), shardId(3)], [shardId(1)]: [shardId(4)], [shardId(3)]: [shardId(4)],
    });
    for (const child of ended[shardId(0)]) {
      expect("parents", child.ParentShards, [shardId(0)]);
    }
    const [merged] = ended[shardId(1)];
    expect("parents", [...merged.ParentShards].sort(), [shardId(1), shardId(3)]);
    expect("range", merged.HashKeyRange, range);
  });
  await world.check("LATEST on a closed shard leads to its children", async () => {
    await sleep(PAUSE);
    const ShardIterator = await world.iterator(StreamName, shardId(0), "LATEST");
    const answer = await client.getRecords({ ShardIterator });
    expectPart("the answer", answer, { Records: [], NextShardIterator: undefined });
    expect("children", ids(answer.ChildShards), [shardId(2), shardId(3)]);
  });
  await sleep(2100);
  await filters(world, between);
}

/** Reads shard after shard, parents first; the child shards that each ended shard named. */
async function lineage(world, seen) {
  const ended = {};
  for (const { ShardId, SequenceNumberRange } of await world.shards(StreamName)) {
    let iterator = await world.iterator(StreamName, ShardId, "TRIM_HORIZON");
    const closed = "EndingSequenceNumber" in SequenceNumberRange;
    const over = async () => {
      const answer = await world.client.getRecords({ ShardIterator: iterator });
      for (const record of answer.Records) {
        seen[record.PartitionKey].push(text(record.Data));
      }
      iterator = answer.NextShardIterator;
      if (iterator === undefined) {
        ended[ShardId] = answer.ChildShards;
        return true;
      }
      expect("ChildShards before the end", answer.ChildShards, undefined);
      return !closed && answer.MillisBehindLatest === 0;
    };
    await until(`${ShardId} is read`, over, PAUSE);
  }
  return ended;
}

async function filters(world, between) {
  const everything = [0, 1, 2, 3, 4];
  const opened = [2, 4];
  const initial = [0, 1];
  const ago = (milliseconds) => ({ Timestamp: new Date(Date.now() - milliseconds) });
  for (const [kind, when, wanted, members] of [
    ["AT_LATEST", "", opened, {}],
    ["AT_TRIM_HORIZON", "", initial, {}],
    ["FROM_TRIM_HORIZON", "", everything, {}],
    ["AFTER_SHARD_ID", "", [3, 4], { ShardId: shardId(2) }],
    ["AT_TIMESTAMP", ", between", initial, { Timestamp: between }],
    ["AT_TIMESTAMP", ", before", initial, ago(3_600_000)],
    ["AT_TIMESTAMP", ", now", opened, ago(100)],
    ["FROM_TIMESTAMP", ", between", everything, { Timestamp: between }],
    ["FROM_TIMESTAMP", ", before", everything, ago(3_600_000)],
    ["FROM_TIMESTAMP", ", now", opened, ago(100)],
  ]) {
    await world.check(`list shards ${kind}${when}`, async () => {
      const { Shards } = await world.client.listShards({ StreamName, ShardFilter: { Type: kind, ...members } });
      expect("shards", ids(Shards), wanted.map(shardId));
    });
  }
  await world.check("list shards after a shard", async () => {
    const { Shards } = await world.client.listShards({ StreamName, ExclusiveStartShardId: shardId(1) });
    expect("shards", ids(Shards), [2, 3, 4].map(shardId));
  });
  await world.check("refused: filters that lack what they need", async () => {
    for (const Type of ["AFTER_SHARD_ID", "AT_TIMESTAMP", "FROM_TIMESTAMP"]) {
      await refused(EITHER, "", () => world.client.listShards({ StreamName, ShardFilter: { Type } }));
    }
  });
}

async function refusals(world) {
  const { client } = world;
  const split = (number, hashKey) => () =>
    client.splitShard({ StreamName, ShardToSplit: shardId(number), NewStartingHashKey: String(hashKey) });
  const merge = (one, other) => () =>
    client.mergeShards({ StreamName, ShardToMerge: shardId(one), AdjacentShardToMerge: shardId(other) });
  await world.check("refused: to split a closed shard", async () => {
    const told = [
      `Shard ${shardId(0)} in stream ${StreamName} under account `,
      " has already been merged or split, and thus is not eligible for merging or splitting.",
    ];
    await refused("InvalidArgumentException", told, split(0, QUARTER));
  });
  await world.check("refused: to split at an end", async () => {
    const told = [
      `NewStartingHashKey 1 used in SplitShard() on shard ${shardId(2)} in stream ${StreamName} under account `,
      " is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey " +
        `${QUARTER - 1n}.`,
    ];
    await refused("InvalidArgumentException", told, split(2, 1));
  });
  await world.check("refused: to split or merge a shard that is not there", async () => {
    const told = `Could not find shard ${shardId(9)} in stream ${StreamName} under account `;
    await refused("ResourceNotFoundException", told, split(9, 9));
    await refused("ResourceNotFoundException", told, merge(9, 2));
  });
  await world.check("refused: to merge from the wrong side", async () => {
    const told = [
      `Shards ${shardId(4)} and ${shardId(2)} in stream ${StreamName} under account `,
      " are not an adjacent pair of shards eligible for merging",
    ];
    await refused("InvalidArgumentException", told, merge(4, 2));
  });
}

async function counts(world) {
  const { client } = world;
  const counted = { StreamName: "counted", ScalingType: "UNIFORM_SCALING" };
  const count = (target) => client.updateShardCount({ ...counted, TargetShardCount: target });
  let arn;
  await world.check("double the shards", async () => {
    arn = await world.create("counted", 2);
    expectPart("the answer", await count(4), { StreamName: "counted", CurrentShardCount: 2, TargetShardCount: 4 });
    await even(world, 4);
  });
  await world.check("halve the shards, by ARN", async () => {
    const halved = { StreamARN: arn, ScalingType: "UNIFORM_SCALING", TargetShardCount: 2 };
    const wanted = { StreamARN: arn, CurrentShardCount: 4, TargetShardCount: 2 };
    expectPart("the answer", await client.updateShardCount(halved), wanted);
    await even(world, 2);
  });
  await world.check("two shards become three", async () => {
    await count(3);
    await even(world, 3);
  });
  await world.check("refused: more than double, less than half", async () => {
    const codes = ["InvalidArgumentException", "LimitExceededException"];
    const more = "UpdateShardCount cannot scale up over double your current open shard count.";
    await refused(codes, more, () => count(7));
    const less = "UpdateShardCount cannot scale down below half your current open shard count.";
    await refused(codes, less, () => count(1));
  });
}

async function even(world, count) {
  expect("open shards", (await world.settled("counted")).OpenShardCount, count);
  const open = { StreamName: "counted", ShardFilter: { Type: "AT_LATEST" } };
  const { Shards } = await world.client.listShards(open);
  const width = HASH_KEYS / BigInt(count);
  const starts = Shards.map((shard) => shard.HashKeyRange.StartingHashKey).sort();
  expect("starts", starts, numbers(count).map((number) => String(width * BigInt(number))).sort());
  tiles(Shards);
}
