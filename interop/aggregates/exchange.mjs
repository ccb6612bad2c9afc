// The Node end of `cargo xtask interop aggregates`: packs and unpacks with aws-kinesis-agg, as it is told.
//
// Why: it is what Node functions use to read the KPL's aggregates, so what it says of ours is what users will see.
// One line of JSON in, one line of JSON out, so that neither end ever waits for the other to empty a pipe:
//
//     {"unpack": base64}                         {"records": [{"key", "hash_key" or null, "data": base64}, ...]}
//                                                {"plain": base64} if it takes the data for no aggregate
//     {"pack": [{"key", "hash_key", "data"}]}    {"aggregate": base64}
//
// An answer has "error" too, or only that, when the package complained.

import agg from "aws-kinesis-agg";

function unpack(data) {
  let complaint;
  let found = [];
  // With checksums, as the KCL does; the call is over before deaggregateSync returns, and may come back twice.
  agg.deaggregateSync({ data, partitionKey: "outer", sequenceNumber: "1" }, true, (fault, records) => {
    complaint ??= fault;
    found = records ?? found;
  });
  // Only records out of an aggregate have a sub-sequence number.
  if (found.length === 1 && found[0].subSequenceNumber === undefined) {
    return { plain: found[0].data };
  }
  const records = found.map(({ partitionKey, explicitPartitionKey, data }) => {
    return { key: partitionKey ?? null, hash_key: explicitPartitionKey ?? null, data };
  });
  return complaint ? { records, error: String(complaint) } : { records };
}

function pack(records) {
  const aggregator = new agg.RecordAggregator();
  for (const { key, hash_key, data } of records) {
    const record = { partitionKey: key, data: Buffer.from(data, "base64") };
    if (hash_key !== null) record.explicitHashKey = hash_key;
    aggregator.addUserRecord(record);
  }
  return { aggregate: aggregator.build().data.toString("base64") };
}

function answer(question) {
  try {
    return "unpack" in question ? unpack(question.unpack) : pack(question.pack);
  } catch (fault) {
    // Whatever the package throws is an answer; the run goes on.
    return { error: String(fault) };
  }
}

// JSON escapes all controls but not U+2028 and U+2029, at which readline would break a line: so lines are cut here.
let rest = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
}
