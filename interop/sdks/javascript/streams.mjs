// Streams come, are described and listed, and go. Called by `main`.

import { paginateListStreams, waitUntilStreamExists, waitUntilStreamNotExists } from "@aws-sdk/client-kinesis";
import {
  EITHER, bytes, expect, expectMatch, expectNow, expectPart, ids, numbers, refused, shardId, tiles, until,
} from "./checks.mjs";

const THREE = [
  ["0", "113427455640312821154458202477256070484"],
  ["113427455640312821154458202477256070485", "226854911280625642308916404954512140969"],
  ["226854911280625642308916404954512140970", "340282366920938463463374607431768211455"],
];

/** Polls each second; the default of ten is made for a service that takes its time. */
const wait = (client) => ({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 });

export async function run(world) {
  const { client } = world;
  await world.check("create a provisioned stream with tags, and wait until it exists", async () => {
    await client.createStream({ StreamName: "plain", ShardCount: 3, Tags: { team: "tail", empty: "" } });
    const { state } = await waitUntilStreamExists(wait(client), { StreamName: "plain" });
    expect("state", state, "SUCCESS");
  });
  await world.check("the tags of its creation", async () => {
    const answer = await client.listTagsForStream({ StreamName: "plain" });
    expect("tags", answer.Tags, [{ Key: "empty", Value: "" }, { Key: "team", Value: "tail" }]);
    expect("HasMoreTags", answer.HasMoreTags, false);
  });
  await world.check("describe a stream", async () => {
    described((await client.describeStream({ StreamName: "plain" })).StreamDescription);
  });
  await world.check("describe a stream by ARN", async () => {
    const { StreamARN } = await world.summary("plain");
    described((await client.describeStream({ StreamARN })).StreamDescription);
  });
  await world.check("summarise a stream", async () => {
    const summary = await world.summary("plain");
    expectPart("the summary", summary, {
      StreamName: "plain", StreamStatus: "ACTIVE", RetentionPeriodHours: 24, OpenShardCount: 3, ConsumerCount: 0,
      StreamModeDetails: { StreamMode: "PROVISIONED" }, MaxRecordSizeInKiB: 1024, StreamId: undefined,
    });
    expectNow("StreamCreationTimestamp", summary.StreamCreationTimestamp);
  });
  await world.check("create an on-demand stream", async () => {
    await client.createStream({ StreamName: "on-demand", StreamModeDetails: { StreamMode: "ON_DEMAND" } });
    await waitUntilStreamExists(wait(client), { StreamName: "on-demand" });
    const wanted = { StreamModeDetails: { StreamMode: "ON_DEMAND" }, OpenShardCount: 4 };
    expectPart("the summary", await world.summary("on-demand"), wanted);
  });
  await refusals(world);
  await pages(world);
  await removal(world);
}

function described(stream) {
  expectMatch("StreamARN", stream.StreamARN, /^arn:aws:kinesis:us-east-1:\d{12}:stream\/plain$/);
  expectPart("the description", stream, {
    StreamName: "plain", StreamStatus: "ACTIVE", RetentionPeriodHours: 24, HasMoreShards: false,
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }], StreamModeDetails: { StreamMode: "PROVISIONED" },
  });
  expect("EncryptionType", stream.EncryptionType ?? "NONE", "NONE");
  expectNow("StreamCreationTimestamp", stream.StreamCreationTimestamp);
  expect("shards", ids(stream.Shards), numbers(3).map(shardId));
  for (const [number, shard] of stream.Shards.entries()) {
    const [StartingHashKey, EndingHashKey] = THREE[number];
    expect("range", shard.HashKeyRange, { StartingHashKey, EndingHashKey });
    expect("members", Object.keys(shard).sort(), ["HashKeyRange", "SequenceNumberRange", "ShardId"]);
    expect("numbers", Object.keys(shard.SequenceNumberRange), ["StartingSequenceNumber"]);
    expectMatch("a sequence number", shard.SequenceNumberRange.StartingSequenceNumber, /^[1-9]\d{55}$/);
  }
}

async function refusals(world) {
  const { client } = world;
  await world.check("refused: a stream that exists", async () => {
    const texts = ["Stream plain under account ", " already exists."];
    await refused("ResourceInUseException", texts, () => client.createStream({ StreamName: "plain", ShardCount: 1 }));
  });
  await world.check("refused: a stream that does not exist", async () => {
    const texts = ["Stream missing under account ", " not found."];
    for (const call of ["describeStream", "describeStreamSummary", "listShards", "deleteStream"]) {
      await refused("ResourceNotFoundException", texts, () => client[call]({ StreamName: "missing" }));
    }
  });
  await world.check("refused: the request's id is told", async () => {
    const fault = await client.describeStream({ StreamName: "missing" }).catch((thrown) => thrown);
    expect("the request id's length", fault.$metadata.requestId.length, 36);
    expect("whose fault", fault.$fault, "client");
  });
  await world.check("refused: provisioned without a shard count, on-demand with one", async () => {
    await refused(EITHER, "", () => client.createStream({ StreamName: "none" }));
    const onDemand = { StreamMode: "ON_DEMAND" };
    await refused(EITHER, "", () =>
      client.createStream({ StreamName: "none", ShardCount: 2, StreamModeDetails: onDemand }));
  });
  await world.check("refused: a name of wrong letters", async () => {
    const text =
      "Value 'wrong name' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression";
    await refused("ValidationException", text, () => client.createStream({ StreamName: "wrong name", ShardCount: 1 }));
  });
  await world.check("refused: a name too long, and a limit too high, in one message", async () => {
    const input = { StreamName: "x".repeat(129), Limit: 10001 };
    await refused("ValidationException", "2 validation errors detected", () => client.describeStream(input));
  });
  await world.check("refused: neither name nor ARN", async () => {
    await refused(EITHER, "", () => client.describeStreamSummary({}));
    await refused(EITHER, "", () => client.putRecord({ Data: bytes("x"), PartitionKey: "k" }));
  });
}

async function pages(world) {
  const { client } = world;
  const wide = world.short ? 101 : 250;
  await world.check(`page through the ${wide} shards of a stream`, async () => {
    await world.create("wide", wide);
    const shards = [];
    let pages = 0;
    for (let more = true; more; pages += 1) {
      const ExclusiveStartShardId = shards.at(-1)?.ShardId;
      const { StreamDescription } = await client.describeStream({ StreamName: "wide", ExclusiveStartShardId });
      shards.push(...StreamDescription.Shards);
      more = StreamDescription.HasMoreShards;
    }
    expect("pages", pages, Math.ceil(wide / 100));
    expect("shards", ids(shards), numbers(wide).map(shardId));
    tiles(shards);
  });
  await world.check("a page of shards, and the one after", async () => {
    const first = (await client.describeStream({ StreamName: "wide", Limit: 7 })).StreamDescription;
    expect("shards", ids(first.Shards), numbers(7).map(shardId));
    expect("HasMoreShards", first.HasMoreShards, true);
    const input = { StreamName: "wide", Limit: 7, ExclusiveStartShardId: shardId(wide - 3) };
    const after = (await client.describeStream(input)).StreamDescription;
    expect("shards", ids(after.Shards), [shardId(wide - 2), shardId(wide - 1)]);
    expect("HasMoreShards", after.HasMoreShards, false);
  });
  await world.check("page through the streams", async () => {
    for (const number of numbers(5)) {
      await world.create(`list-${number}`, 1);
    }
    const everything = ["list-0", "list-1", "list-2", "list-3", "list-4", "on-demand", "plain", "wide"];
    const pages = [];
    for await (const page of paginateListStreams({ client, pageSize: 2 }, {})) {
      pages.push(page);
    }
    expect("pages", pages.map((page) => page.StreamNames.length), [2, 2, 2, 2]);
    expect("names", pages.flatMap((page) => page.StreamNames), everything);
    const summaries = pages.flatMap((page) => page.StreamSummaries);
    expect("names of summaries", summaries.map((summary) => summary.StreamName), everything);
    const modes = everything.map((name) => (name === "on-demand" ? "ON_DEMAND" : "PROVISIONED"));
    expect("modes", summaries.map((summary) => summary.StreamModeDetails.StreamMode), modes);
    for (const summary of summaries) {
      expect("status", summary.StreamStatus, "ACTIVE");
      expectMatch("ARN", summary.StreamARN, new RegExp(`^arn:aws:kinesis:us-east-1:\\d{12}:stream/${summary.StreamName}$`));
      expectNow("StreamCreationTimestamp", summary.StreamCreationTimestamp);
    }
  });
  await world.check("streams after a name", async () => {
    const answer = await client.listStreams({ ExclusiveStartStreamName: "list-2", Limit: 2 });
    expectPart("streams", answer, { StreamNames: ["list-3", "list-4"], HasMoreStreams: true });
    const rest = await client.listStreams({ ExclusiveStartStreamName: "on-demand" });
    expectPart("streams", rest, { StreamNames: ["plain", "wide"], HasMoreStreams: false });
  });
}

async function removal(world) {
  const { client } = world;
  const gone = async (name) => {
    const { state } = await waitUntilStreamNotExists(wait(client), { StreamName: name });
    expect("state", state, "SUCCESS");
  };
  await world.check("delete a stream, and wait until it is gone", async () => {
    await client.deleteStream({ StreamName: "wide" });
    await gone("wide");
    const describe = () => client.describeStream({ StreamName: "wide" });
    await refused("ResourceNotFoundException", "Stream wide under", describe);
  });
  await world.check("delete a stream by ARN, and its name is free again", async () => {
    const { StreamARN } = await world.summary("list-0");
    await client.deleteStream({ StreamARN });
    await until("list-0 is gone", async () => !(await client.listStreams({})).StreamNames.includes("list-0"));
    expect("ARN", await world.create("list-0", 2), StreamARN);
    expect("shards", ids(await world.shards("list-0")), [shardId(0), shardId(1)]);
  });
  await world.check("delete many streams", async () => {
    const names = numbers(5).map((number) => `list-${number}`);
    for (const name of names) {
      await client.deleteStream({ StreamName: name });
    }
    await Promise.all(names.map(gone));
    expect("streams", (await client.listStreams({})).StreamNames, ["on-demand", "plain"]);
  });
}
