// What can be set on a stream and on the account, and is then so. Called by `main`.

import assert from "node:assert/strict";
import { paginateListStreams } from "@aws-sdk/client-kinesis";
import {
  EITHER, bytes, expect, expectNow, expectPart, numbers, refused, shardId, text, until,
} from "./checks.mjs";

const METRICS = [
  "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
  "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
];
const DAY = 86_400_000;
const StreamName = "set";

export async function run(world) {
  const arn = await world.create(StreamName, 2);
  await retention(world, arn);
  await tags(world, arn);
  await encryption(world);
  await monitoring(world, arn);
  await policies(world, arn);
  await modes(world, arn);
  await distribution(world, arn);
  await warmth(world);
  await limits(world);
}

async function retention(world, arn) {
  const { client } = world;
  const longer = (RetentionPeriodHours, stream = { StreamName }) =>
    client.increaseStreamRetentionPeriod({ ...stream, RetentionPeriodHours });
  const shorter = (RetentionPeriodHours, stream = { StreamName }) =>
    client.decreaseStreamRetentionPeriod({ ...stream, RetentionPeriodHours });
  await world.check("keep records longer, then not so long", async () => {
    for (const [change, hours, stream] of [
      [longer, 48, { StreamName }],
      [longer, 8760, { StreamARN: arn }],
      [shorter, 36, { StreamName }],
      [shorter, 36, { StreamARN: arn }],
    ]) {
      await change(hours, stream);
      expect("hours", (await world.settled(StreamName)).RetentionPeriodHours, hours);
    }
    const { StreamDescription } = await client.describeStream({ StreamName });
    expect("hours described", StreamDescription.RetentionPeriodHours, 36);
  });
  await world.check("refused: too short, too long, the wrong way", async () => {
    const requested = (hours, rest) => `Requested retention period (${hours} hours) ${rest}`;
    for (const [change, hours, told] of [
      [shorter, 23, `Minimum allowed retention period is 24 hours. ${requested(23, "is too short.")}`],
      [longer, 8761, `Maximum allowed retention period is 8760 hours. ${requested(8761, "is too long.")}`],
      [longer, 30, requested(30, "for stream set can not be shorter than existing retention period (36 hours). " +
        "Use DecreaseRetentionPeriod API.")],
      [shorter, 48, requested(48, "for stream set can not be longer than existing retention period (36 hours). " +
        "Use IncreaseRetentionPeriod API.")],
    ]) {
      await refused("InvalidArgumentException", told, () => change(hours));
    }
  });
}

const pairs = ({ Tags }) => Tags.map(({ Key, Value }) => [Key, Value]);

async function tags(world, arn) {
  const { client } = world;
  await world.check("tags by name: added, overwritten, paged, removed", async () => {
    await client.addTagsToStream({ StreamName, Tags: { a: "1", b: "2", ü: "3" } });
    await client.addTagsToStream({ StreamARN: arn, Tags: { b: "22" } });
    const first = await client.listTagsForStream({ StreamName, Limit: 2 });
    expect("tags", pairs(first), [["a", "1"], ["b", "22"]]);
    expect("HasMoreTags", first.HasMoreTags, true);
    const rest = await client.listTagsForStream({ StreamARN: arn, ExclusiveStartTagKey: "b" });
    expect("tags", pairs(rest), [["ü", "3"]]);
    expect("HasMoreTags", rest.HasMoreTags, false);
    await client.removeTagsFromStream({ StreamName, TagKeys: ["a", "nothing", "ü"] });
    expect("tags", pairs(await client.listTagsForStream({ StreamName })), [["b", "22"]]);
  });
  await world.check("tags by ARN are the same tags", async () => {
    const ResourceARN = arn;
    await client.tagResource({ ResourceARN, Tags: { c: "3", d: "" } });
    const wanted = [["b", "22"], ["c", "3"], ["d", ""]];
    expect("tags", pairs(await client.listTagsForResource({ ResourceARN })).sort(), wanted);
    expect("tags by name", pairs(await client.listTagsForStream({ StreamName })), wanted);
    await client.untagResource({ ResourceARN, TagKeys: ["b", "c"] });
    expect("tags", pairs(await client.listTagsForResource({ ResourceARN })), [["d", ""]]);
  });
  await world.check("refused: tags of wrong letters, too many, of nothing", async () => {
    const add = (Tags, stream = StreamName) => () => client.addTagsToStream({ StreamName: stream, Tags });
    await refused("InvalidArgumentException", "Some tags contain invalid characters.", add({ "a\n": "1" }));
    const many = Object.fromEntries(numbers(51).map((number) => [`key-${number}`, ""]));
    await refused([...EITHER, "LimitExceededException"], "", add(many));
    await refused("ResourceNotFoundException", "", add({ a: "1" }, "missing"));
    const ResourceARN = arn.replace("stream/set", "stream/missing");
    await refused("ResourceNotFoundException", "", () => client.tagResource({ ResourceARN, Tags: { a: "1" } }));
  });
}

async function encryption(world) {
  const { client } = world;
  const key = { EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };
  const sealed = { StreamName: "sealed" };
  const put = { Data: bytes("sealed"), PartitionKey: "k" };
  let arn;
  await world.check("encrypt a stream, and be told with each record", async () => {
    arn = await world.create("sealed", 1);
    await client.startStreamEncryption({ ...sealed, ...key });
    expectPart("the summary", await world.settled("sealed"), key);
    expectPart("the description", (await client.describeStream(sealed)).StreamDescription, key);
    expect("EncryptionType", (await client.putRecord({ ...sealed, ...put })).EncryptionType, "KMS");
    expect("EncryptionType", (await client.putRecords({ ...sealed, Records: [put] })).EncryptionType, "KMS");
    const seen = await world.read(await world.iterator("sealed", shardId(0), "TRIM_HORIZON"), 2);
    const records = seen.map((record) => [text(record.Data), record.EncryptionType]);
    expect("records", records, [["sealed", "KMS"], ["sealed", "KMS"]]);
  });
  await world.check("no longer encrypt a stream", async () => {
    await client.stopStreamEncryption({ StreamARN: arn, ...key });
    expect("EncryptionType", (await world.settled("sealed")).EncryptionType ?? "NONE", "NONE");
    expect("EncryptionType", (await client.putRecord({ ...sealed, ...put })).EncryptionType, undefined);
  });
  await world.check("refused: to encrypt a stream that is not there", async () => {
    const missing = () => client.startStreamEncryption({ StreamName: "missing", ...key });
    await refused("ResourceNotFoundException", "Stream missing under account ", missing);
  });
}

async function monitoring(world, arn) {
  const { client } = world;
  const both = (answer) => {
    expect("StreamName", answer.StreamName, StreamName);
    const { CurrentShardLevelMetrics = [], DesiredShardLevelMetrics = [] } = answer;
    return [CurrentShardLevelMetrics.sort(), DesiredShardLevelMetrics.sort()];
  };
  const described = async () => {
    await world.settled(StreamName);
    const { StreamDescription } = await client.describeStream({ StreamName });
    return StreamDescription.EnhancedMonitoring.map((metrics) => metrics.ShardLevelMetrics.sort());
  };
  await world.check("watch some metrics, then all, then fewer, then none", async () => {
    const some = ["IncomingBytes", "OutgoingRecords"];
    const byName = { StreamName };
    const byArn = { StreamARN: arn };
    const enabled = await client.enableEnhancedMonitoring({ ...byName, ShardLevelMetrics: some });
    expect("before and after", both(enabled), [[], some]);
    expect("described", await described(), [some]);
    const all = await client.enableEnhancedMonitoring({ ...byArn, ShardLevelMetrics: ["ALL"] });
    expect("before and after", both(all), [some, METRICS]);
    expect("described", await described(), [METRICS]);
    const fewer = await client.disableEnhancedMonitoring({ ...byName, ShardLevelMetrics: METRICS.slice(1) });
    expect("before and after", both(fewer), [METRICS, METRICS.slice(0, 1)]);
    const none = await client.disableEnhancedMonitoring({ ...byArn, ShardLevelMetrics: ["ALL"] });
    expect("before and after", both(none), [METRICS.slice(0, 1), []]);
    expect("described", await described(), [[]]);
  });
  await world.check("refused: to watch what is no metric", async () => {
    const call = () => client.enableEnhancedMonitoring({ StreamName, ShardLevelMetrics: ["Temperature"] });
    await refused("ValidationException", "failed to satisfy constraint", call);
  });
}

async function policies(world, arn) {
  const { client } = world;
  const ResourceARN = arn;
  const statement = {
    Sid: "reading", Effect: "Allow", Principal: { AWS: "arn:aws:iam::123456789012:root" },
    Action: ["kinesis:DescribeStreamSummary", "kinesis:GetRecords"], Resource: arn,
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] }, null, 1);
  await world.check("a policy is kept word for word, replaced and taken away", async () => {
    for (const policy of [Policy, Policy.replace("reading", "lesen")]) {
      await client.putResourcePolicy({ ResourceARN, Policy: policy });
      expect("policy", (await client.getResourcePolicy({ ResourceARN })).Policy, policy);
    }
    await client.deleteResourcePolicy({ ResourceARN });
    await refused("ResourceNotFoundException", "", () => client.getResourcePolicy({ ResourceARN }));
  });
  await world.check("refused: a policy that is none, and one of nothing", async () => {
    await refused(EITHER, "", () => client.putResourcePolicy({ ResourceARN, Policy: "{not a policy" }));
    const missing = arn.replace("stream/set", "stream/missing");
    const call = () => client.putResourcePolicy({ ResourceARN: missing, Policy });
    await refused("ResourceNotFoundException", "", call);
  });
}

async function modes(world, arn) {
  const { client } = world;
  const change = (StreamMode) => client.updateStreamMode({ StreamARN: arn, StreamModeDetails: { StreamMode } });
  await world.check("a stream becomes on-demand, and provisioned again", async () => {
    await change("ON_DEMAND");
    const wanted = { StreamModeDetails: { StreamMode: "ON_DEMAND" }, OpenShardCount: 2 };
    expectPart("the summary", await world.settled(StreamName), wanted);
    const split = () => client.splitShard({ StreamName, ShardToSplit: shardId(0), NewStartingHashKey: "1000" });
    const told = ["Request is invalid. Stream set under account ", "is in On-Demand mode."];
    await refused("ValidationException", told, split);
    await change("PROVISIONED");
    expect("mode", (await world.settled(StreamName)).StreamModeDetails, { StreamMode: "PROVISIONED" });
  });
}

async function distribution(world, provisioned) {
  const { client } = world;
  let arn;
  const change = async (RecordDistributionStrategy) => {
    await client.updateStreamRecordDistributionStrategy({ StreamARN: arn, RecordDistributionStrategy });
    expect("strategy", (await world.settled("spread")).RecordDistributionStrategy, RecordDistributionStrategy);
  };
  await world.check("records without a key, where the service distributes them", async () => {
    const StreamModeDetails = { StreamMode: "ON_DEMAND" };
    await client.createStream({ StreamName: "spread", StreamModeDetails, RecordDistributionStrategy: "AUTO" });
    const summary = await world.settled("spread");
    arn = summary.StreamARN;
    expect("strategy", summary.RecordDistributionStrategy, "AUTO");
    const Records = numbers(20).map((number) => ({ Data: bytes(String(number)) }));
    const answer = await client.putRecords({ StreamName: "spread", Records });
    expect("FailedRecordCount", answer.FailedRecordCount, 0);
    const seen = [];
    for (const { ShardId } of await world.shards("spread")) {
      const stored = answer.Records.filter((result) => result.ShardId === ShardId);
      seen.push(...(await world.read(await world.iterator("spread", ShardId, "TRIM_HORIZON"), stored.length)));
    }
    const data = seen.map((record) => Number(text(record.Data))).sort((one, other) => one - other);
    expect("records", data, numbers(20));
    expect("keys", seen.map((record) => record.PartitionKey), Array(20).fill(undefined));
  });
  await world.check("a stream goes by keys again, and wants them", async () => {
    const keyless = () => client.putRecord({ StreamName: "spread", Data: bytes("x") });
    await change("USER_PARTITION_KEY");
    await refused(EITHER, "", keyless);
    await change("AUTO");
    await keyless();
  });
  await world.check("refused: to distribute the records of a provisioned stream", async () => {
    const auto = { StreamARN: provisioned, RecordDistributionStrategy: "AUTO" };
    await refused("InvalidArgumentException", "", () => client.updateStreamRecordDistributionStrategy(auto));
  });
}

async function warmth(world) {
  const { client } = world;
  const warm = { StreamName: "spread", WarmThroughputMiBps: 100 };
  const commit = async (Status) => {
    const answer = await client.updateAccountSettings({ MinimumThroughputBillingCommitment: { Status } });
    return answer.MinimumThroughputBillingCommitment;
  };
  const told = async () => (await client.describeAccountSettings({})).MinimumThroughputBillingCommitment;
  await world.check("refused: warm throughput for an account without the commitment", async () => {
    expect("Status", (await told()).Status, "DISABLED");
    const call = () => client.updateStreamWarmThroughput(warm);
    await refused([...EITHER, "LimitExceededException"], "", call);
  });
  await world.check("commit the account", async () => {
    for (const commitment of [await commit("ENABLED"), await told()]) {
      expect("Status", commitment.Status, "ENABLED");
      expectNow("StartedAt", commitment.StartedAt);
      expectNow("a day before it may end", new Date(commitment.EarliestAllowedEndAt.getTime() - DAY));
    }
  });
  await world.check("warm throughput, asked for and there", async () => {
    const answer = await client.updateStreamWarmThroughput(warm);
    expect("TargetMiBps", answer.WarmThroughput.TargetMiBps, 100);
    expect("StreamName", answer.StreamName, "spread");
    await until("it is warm", async () => {
      const { WarmThroughput } = await world.settled("spread");
      return WarmThroughput.CurrentMiBps === 100 && WarmThroughput.TargetMiBps === 100;
    });
    const onDemand = { StreamModeDetails: { StreamMode: "ON_DEMAND" }, WarmThroughputMiBps: 50 };
    await client.createStream({ StreamName: "warm", ...onDemand });
    expect("WarmThroughput", (await world.settled("warm")).WarmThroughput.TargetMiBps, 50);
  });
  await world.check("a commitment ends no sooner than it may", async () => {
    const commitment = await commit("DISABLED");
    expect("Status", commitment.Status, "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
    assert(commitment.EarliestAllowedEndAt > new Date(), `it ended ${commitment.EarliestAllowedEndAt}`);
    expect("Status", (await commit("ENABLED")).Status, "ENABLED");
  });
}

async function limits(world) {
  const { client } = world;
  await world.check("the account's limits, and what counts against them", async () => {
    const answer = await client.describeLimits({});
    const opened = { PROVISIONED: 0, ON_DEMAND: 0 };
    let onDemand = 0;
    for await (const { StreamSummaries } of paginateListStreams({ client }, {})) {
      for (const { StreamName, StreamModeDetails } of StreamSummaries) {
        opened[StreamModeDetails.StreamMode] += (await world.settled(StreamName)).OpenShardCount;
        onDemand += StreamModeDetails.StreamMode === "ON_DEMAND" ? 1 : 0;
      }
    }
    expect("OnDemandStreamCount", answer.OnDemandStreamCount, onDemand);
    const { OpenShardCount, ShardLimit, OnDemandStreamCountLimit } = answer;
    const enough = OpenShardCount >= opened.PROVISIONED && OpenShardCount <= opened.PROVISIONED + opened.ON_DEMAND;
    assert(enough, `OpenShardCount is ${OpenShardCount}, of ${JSON.stringify(opened)}`);
    assert(ShardLimit >= OpenShardCount && OnDemandStreamCountLimit >= onDemand, "above the limits");
  });
}
