// Records are put and read: where they land, what comes back, and from where reading begins. Called by `main`.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  EITHER, HASH_KEYS, bytes, expect, expectNow, expectPart, numbers, refused, shardId, sleep, text, until,
} from "./checks.mjs";

const MIB = 1024 * 1024;

export async function run(world) {
  const arn = await world.create("records", 3);
  await where(world, arn);
  await many(world);
  await reading(world);
  await positions(world);
  await iteratorRefusals(world);
  await dryRuns(world);
  await large(world);
}

async function where(world, arn) {
  const { client } = world;
  const StreamName = "records";
  await world.check("a partition key decides the shard", async () => {
    for (const [key, number] of Object.entries({ a: 0, b: 1, e: 2, f: 1 })) {
      const answer = await client.putRecord({ StreamName, Data: bytes(key), PartitionKey: key });
      expectPart(`what came of ${key}`, answer, { ShardId: shardId(number), EncryptionType: undefined });
    }
  });
  await world.check("an explicit hash key decides the shard, at both ends of each", async () => {
    for (const { ShardId, HashKeyRange } of await world.shards(StreamName)) {
      for (const ExplicitHashKey of Object.values(HashKeyRange)) {
        const answer = await client.putRecord({ StreamName, Data: bytes(""), PartitionKey: "k", ExplicitHashKey });
        expect(`the shard of ${ExplicitHashKey}`, answer.ShardId, ShardId);
      }
    }
  });
  await world.check("a record by ARN, and numbers that grow", async () => {
    const put = { StreamARN: arn, Data: bytes("1"), PartitionKey: "a" };
    const first = await client.putRecord(put);
    const ordered = { ...put, StreamName, SequenceNumberForOrdering: first.SequenceNumber };
    const second = await client.putRecord(ordered);
    assert(BigInt(second.SequenceNumber) > BigInt(first.SequenceNumber), "the second number is no greater");
  });
  await world.check("refused: a hash key beyond the last", async () => {
    const told =
      "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. " +
      `Specified value was ${HASH_KEYS}`;
    const entry = { Data: bytes("x"), PartitionKey: "k", ExplicitHashKey: String(HASH_KEYS) };
    await refused("InvalidArgumentException", told, () => client.putRecord({ StreamName, ...entry }));
    const Records = [{ Data: bytes("x"), PartitionKey: "k" }, entry];
    const many = () => client.putRecords({ StreamName, Records });
    await refused("InvalidArgumentException", "Invalid ExplicitHashKey.", many);
  });
  await world.check("refused: a partition key that is too long, or missing", async () => {
    const key = "k".repeat(257);
    const told = `Value '${key}' at 'partitionKey' failed to satisfy constraint: Member must have length less`;
    const put = { StreamName, Data: bytes("x") };
    await refused("ValidationException", told, () => client.putRecord({ ...put, PartitionKey: key }));
    await refused(EITHER, "", () => client.putRecord(put));
  });
  await world.check("refused: a stream that does not exist", async () => {
    const told = "Stream missing under account ";
    const put = { Data: bytes("x"), PartitionKey: "k" };
    await refused("ResourceNotFoundException", told, () => client.putRecord({ StreamName: "missing", ...put }));
    const many = () => client.putRecords({ StreamName: "missing", Records: [put] });
    await refused("ResourceNotFoundException", told, many);
  });
}

function shardOf(key, shards) {
  const hash = BigInt(`0x${createHash("md5").update(key).digest("hex")}`);
  const number = Number(hash / (HASH_KEYS / BigInt(shards)));
  return shardId(Math.min(number, shards - 1));
}

async function many(world) {
  const { client } = world;
  const count = 500;
  const keys = numbers(count).map((number) => `schlüssel-${number}`);
  const Records = keys.map((PartitionKey, number) => ({ Data: bytes(String(number)), PartitionKey }));
  let answer;
  await world.check(`${count} records in one call, each where its key says`, async () => {
    await world.create("many", 3);
    answer = await client.putRecords({ StreamName: "many", Records });
    expectPart("the answer", answer, { FailedRecordCount: 0, EncryptionType: undefined });
    expect("shards", ids(answer.Records), keys.map((key) => shardOf(key, 3)));
    expect("different numbers", new Set(answer.Records.map((result) => result.SequenceNumber)).size, count);
  });
  await world.check("they are read as they were put", async () => {
    for (const shard of numbers(3).map(shardId)) {
      const wanted = numbers(count).filter((number) => answer.Records[number].ShardId === shard);
      const seen = await world.read(await world.iterator("many", shard, "TRIM_HORIZON"), wanted.length);
      expect(
        "records",
        seen.map((record) => [record.PartitionKey, text(record.Data), record.SequenceNumber]),
        wanted.map((number) => [keys[number], String(number), answer.Records[number].SequenceNumber]),
      );
      for (const record of seen) {
        expectNow("ApproximateArrivalTimestamp", record.ApproximateArrivalTimestamp);
        expect("EncryptionType", record.EncryptionType, undefined);
      }
    }
  });
  await world.check("refused: more than 500 records in one call", async () => {
    const Records = Array(501).fill({ Data: bytes("x"), PartitionKey: "k" });
    const told = "Member must have length less than or equal to 500";
    await refused("ValidationException", told, () => client.putRecords({ StreamName: "many", Records }));
  });
  await world.check("refused: more than 10 MiB in one call", async () => {
    const Records = Array(11).fill({ Data: new Uint8Array(MIB - 1), PartitionKey: "k" });
    await refused(EITHER, "", () => client.putRecords({ StreamName: "many", Records }));
  });
}

const ids = (results) => results.map((result) => result.ShardId);
const data = (answer) => answer.Records.map((record) => text(record.Data));

async function reading(world) {
  const { client } = world;
  let iterator, first;
  await world.check("a limit, then the rest, and how far behind", async () => {
    await world.create("reading", 1);
    for (const number of numbers(5)) {
      await client.putRecord({ StreamName: "reading", Data: bytes(String(number)), PartitionKey: "k" });
    }
    await sleep(50);
    iterator = await world.iterator("reading", shardId(0), "TRIM_HORIZON");
    first = await client.getRecords({ ShardIterator: iterator, Limit: 2 });
    expect("data", data(first), ["0", "1"]);
    const behind = first.MillisBehindLatest;
    assert(behind >= 1 && behind < 300_000, `two of five records are read, and it is ${behind} ms behind`);
    expect("ChildShards", first.ChildShards, undefined);
    await sleep(200);
    const rest = await client.getRecords({ ShardIterator: first.NextShardIterator });
    expect("data", data(rest), ["2", "3", "4"]);
    expect("MillisBehindLatest", rest.MillisBehindLatest, 0);
    await sleep(200);
    const empty = await client.getRecords({ ShardIterator: rest.NextShardIterator });
    expectPart("at the tip", empty, { Records: [], MillisBehindLatest: 0 });
  });
  await world.check("an iterator may be used twice, and with the ARN", async () => {
    await sleep(400);
    const { StreamARN } = await world.summary("reading");
    const again = await client.getRecords({ ShardIterator: iterator, StreamARN, Limit: 2 });
    expect("records", again.Records, first.Records);
  });
  await world.check("refused: what is no iterator", async () => {
    const call = () => client.getRecords({ ShardIterator: "nonsense" });
    await refused("InvalidArgumentException", "Invalid ShardIterator.", call);
  });
  await world.check("refused: a limit of 10001", async () => {
    const told = "Value '10001' at 'limit' failed to satisfy constraint";
    await refused("ValidationException", told, () => client.getRecords({ ShardIterator: iterator, Limit: 10001 }));
  });
}

async function positions(world) {
  const { client } = world;
  const put = async (word) => {
    const answer = await client.putRecord({ StreamName: "positions", Data: bytes(word), PartitionKey: "k" });
    return answer.SequenceNumber;
  };
  const order = [];
  let arn, moment, latest;
  const from = async (iterator, wanted) => {
    const seen = await world.read(iterator, wanted.length);
    expect("numbers", seen.map((record) => record.SequenceNumber), wanted);
    return seen;
  };
  await world.check("put before and after a moment", async () => {
    arn = await world.create("positions", 1);
    for (const word of ["early", "early", "early", "late", "late", "late"]) {
      if (word === "late" && !latest) {
        await sleep(20);
        moment = new Date();
        await sleep(20);
        latest = await world.iterator("positions", shardId(0), "LATEST");
      }
      order.push(await put(word));
    }
  });
  for (const [kind, start, first] of [
    ["TRIM_HORIZON", () => ({}), 0],
    ["AT_SEQUENCE_NUMBER", () => ({ StartingSequenceNumber: order[1] }), 1],
    ["AFTER_SEQUENCE_NUMBER", () => ({ StartingSequenceNumber: order[1] }), 2],
    ["AT_TIMESTAMP", () => ({ Timestamp: moment }), 3],
  ]) {
    await world.check(`read from ${kind}`, async () => {
      await sleep(200);
      await from(await world.iterator("positions", shardId(0), kind, start()), order.slice(first));
    });
  }
  await world.check("read from LATEST", async () => {
    const seen = await from(latest, order.slice(3));
    // To the millisecond: a record is found by its own time.
    const Timestamp = seen[0].ApproximateArrivalTimestamp;
    await sleep(200);
    await from(await world.iterator("positions", shardId(0), "AT_TIMESTAMP", { Timestamp }), order.slice(3));
  });
  await world.check("read from a time before the stream, by ARN", async () => {
    await sleep(200);
    const Timestamp = new Date(Date.now() - 2 * 86_400_000);
    const input = { StreamARN: arn, ShardId: shardId(0), ShardIteratorType: "AT_TIMESTAMP", Timestamp };
    await from((await client.getShardIterator(input)).ShardIterator, order);
  });
}

async function iteratorRefusals(world) {
  const at = { StreamName: "positions", ShardId: shardId(0) };
  const ask = (kind, more = {}) => () => world.client.getShardIterator({ ...at, ShardIteratorType: kind, ...more });
  await world.check("refused: an iterator with no number, or with one too many", async () => {
    const told =
      "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or " +
      "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ";
    const none = `${told}AT_SEQUENCE_NUMBER and no StartingSequenceNumber.`;
    await refused("InvalidArgumentException", none, ask("AT_SEQUENCE_NUMBER"));
    const also = `${told}LATEST and also a StartingSequenceNumber.`;
    await refused("InvalidArgumentException", also, ask("LATEST", { StartingSequenceNumber: "5" }));
  });
  await world.check("refused: an iterator at no time, or in the future", async () => {
    const none = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.";
    await refused("InvalidArgumentException", none, ask("AT_TIMESTAMP"));
    const future = "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.";
    const tomorrow = { Timestamp: new Date(Date.now() + 86_400_000) };
    await refused("InvalidArgumentException", future, ask("AT_TIMESTAMP", tomorrow));
  });
  await world.check("refused: an iterator of no such kind, shard or stream", async () => {
    const kind = "Value 'SOMEWHERE' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value";
    await refused("ValidationException", kind, ask("SOMEWHERE"));
    const shard = `Shard ${shardId(7)} in stream positions under account `;
    await refused("ResourceNotFoundException", shard, ask("LATEST", { ShardId: shardId(7) }));
    await refused("ResourceNotFoundException", "", ask("LATEST", { StreamName: "missing" }));
  });
}

async function dryRuns(world) {
  const { client } = world;
  const put = { Data: bytes("dry"), PartitionKey: "k" };
  const StreamName = "dry";
  const DryRun = true;
  await world.check("dry runs are told so, and do nothing", async () => {
    await world.create(StreamName, 1);
    const ShardIterator = await world.iterator(StreamName, shardId(0), "TRIM_HORIZON");
    const at = { StreamName, ShardId: shardId(0), ShardIteratorType: "LATEST" };
    for (const call of [
      () => client.putRecord({ StreamName, ...put, DryRun }),
      () => client.putRecords({ StreamName, Records: [put], DryRun }),
      () => client.getShardIterator({ ...at, DryRun }),
      () => client.getRecords({ ShardIterator, DryRun }),
    ]) {
      await refused("DryRunOperationException", "", call);
    }
    await sleep(200);
    expect("records", (await client.getRecords({ ShardIterator })).Records, []);
  });
  await world.check("a dry run fails as the true run would", async () => {
    const missing = () => client.putRecord({ StreamName: "missing", ...put, DryRun });
    await refused("ResourceNotFoundException", "", missing);
    const nonsense = () => client.getRecords({ ShardIterator: "nonsense", DryRun });
    await refused("InvalidArgumentException", "Invalid ShardIterator.", nonsense);
  });
}

async function large(world) {
  const { client } = world;
  const StreamName = "large";
  let arn;
  await world.check("a record of 1 MiB", async () => {
    arn = await world.create(StreamName, 3);
    await alone(world, shardId(0), "0", MIB);
  });
  await world.check("refused: one byte more", async () => {
    const ExplicitHashKey = (await world.shards(StreamName))[1].HashKeyRange.StartingHashKey;
    const put = { StreamName, Data: new Uint8Array(MIB), PartitionKey: "k", ExplicitHashKey };
    await refused(EITHER, "", () => client.putRecord(put));
  });
  await world.check("refused: a record size of 11 MiB", async () => {
    const told = "Value '11264' at 'maxRecordSizeInKiB' failed to satisfy constraint";
    const call = () => client.updateMaxRecordSize({ StreamARN: arn, MaxRecordSizeInKiB: 11264 });
    await refused("ValidationException", told, call);
  });
  await world.check("a record of 10 MiB, once they may be so large", async () => {
    await client.updateMaxRecordSize({ StreamARN: arn, MaxRecordSizeInKiB: 10240 });
    await until("the size is changed", async () => (await world.settled(StreamName)).MaxRecordSizeInKiB === 10240);
    await alone(world, shardId(2), String(HASH_KEYS - 1n), 10 * MIB);
  });
  await world.check("create a stream for large records", async () => {
    await client.createStream({ StreamName: "large-born", ShardCount: 1, MaxRecordSizeInKiB: 2048 });
    expect("MaxRecordSizeInKiB", (await world.settled("large-born")).MaxRecordSizeInKiB, 2048);
  });
}

/** Puts a record of this size, key included, and reads it back. */
async function alone(world, shard, hashKey, size) {
  const Data = randomBytes(size - 1);
  const put = { StreamName: "large", Data, PartitionKey: "k", ExplicitHashKey: hashKey };
  const answer = await world.client.putRecord(put);
  expect("shard", answer.ShardId, shard);
  const start = { StartingSequenceNumber: answer.SequenceNumber };
  const seen = await world.read(await world.iterator("large", shard, "AT_SEQUENCE_NUMBER", start), 1);
  expect("records", seen.length, 1);
  expect("whether the data is what was put", Data.equals(seen[0].Data), true);
  expect("partition key", seen[0].PartitionKey, "k");
}
