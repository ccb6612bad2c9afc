// The Node end of `cargo xtask interop producer`: reads streams with the AWS SDK and unpacks with aws-kinesis-agg.
//
// Why: it is what functions in Node read with, so what it finds of ours is what users will see.
// Usage: read.mjs ENDPOINT STREAM... Every shard is read from its first record to its last, parents before children, and
// each user record becomes a line:
//
//     stream shard sequence sub-sequence key-in-hex hash-key sha256
//
// with '-' for what there is none of. What the package complains of ends the program.

import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { Kinesis } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import agg from "aws-kinesis-agg";

const [endpoint, ...streams] = process.argv.slice(2);
const client = new Kinesis({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  requestHandler: new NodeHttpHandler(),
});

async function shards(StreamName) {
  const ids = [];
  let page = { StreamName };
  do {
    const { Shards, NextToken } = await client.listShards(page);
    ids.push(...Shards.map(({ ShardId }) => ShardId));
    page = { NextToken };
  } while (page.NextToken);
  // A child's id is greater than its parents'.
  return ids.sort();
}

async function* pages(StreamName, ShardId) {
  const first = { StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" };
  let { ShardIterator } = await client.getShardIterator(first);
  // A shard that is closed ends; nobody writes to one that is open any more.
  while (ShardIterator) {
    const page = await client.getRecords({ ShardIterator });
    yield page.Records;
    if (page.MillisBehindLatest === 0 && page.Records.length === 0) return;
    ShardIterator = page.NextShardIterator;
  }
}

function unpack(record) {
  let found = [];
  // With checksums, as the KCL does; the call is over before deaggregateSync returns.
  agg.deaggregateSync(record, true, (fault, records) => {
    if (fault) throw fault;
    found = records;
  });
  return found;
}

function line(stream, shard, { SequenceNumber, SubSequenceNumber, PartitionKey, ExplicitPartitionKey, Data }) {
  // Out of an aggregate data comes as base64, and with a sub-sequence number.
  const data = SubSequenceNumber === undefined ? Data : Buffer.from(Data, "base64");
  const key = Buffer.from(PartitionKey ?? "").toString("hex");
  const digest = createHash("sha256").update(data).digest("hex");
  const words = [stream, shard, SequenceNumber, SubSequenceNumber ?? 0, key || "-", ExplicitPartitionKey ?? "-", digest];
  return `${words.join(" ")}\n`;
}

for (const stream of streams) {
  for (const shard of await shards(stream)) {
    for await (const records of pages(stream, shard)) {
      const lines = records.flatMap(unpack).map((found) => line(stream, shard, found));
      writeSync(process.stdout.fd, lines.join(""));
    }
  }
}
client.destroy();
