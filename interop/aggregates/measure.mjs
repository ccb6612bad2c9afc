// Measures packing and unpacking with aws-kinesis-agg, for `cargo xtask rivals codecs`.
//
// Why: users come from here. The workload is that of `rivals/src/codecs`; counted is the CPU time of the process, its
// compiler and garbage collector included, in medians of 5. The package takes and gives data in base64, and this is
// counted, because one cannot have it otherwise.
//
// One line for each workload and direction: records, bytes of each, direction, codec, records per CPU second; tabs
// between.

import agg from "aws-kinesis-agg";

const REPETITIONS = 5;
const AGGREGATES = 16;
const SPENT_MIN = 0.3;
const WORKLOADS = [[388, 100], [40, 1024]];

// What fills the aggregates: keys of 16 characters, all distinct.
function aggregatesOf(records, size) {
  const record = (number) => ({
    partitionKey: `device-${String(number).padStart(9, "0")}`,
    data: Buffer.from(Array.from({ length: size }, (_, place) => (number * 31 + place) & 0xff)),
  });
  return Array.from({ length: AGGREGATES }, (_, aggregate) =>
    Array.from({ length: records }, (_, place) => record(aggregate * records + place)));
}

function pack(records) {
  const aggregator = new agg.RecordAggregator();
  for (const record of records) aggregator.addUserRecord(record);
  return aggregator.build().data;
}

function unpack(data) {
  let found = 0;
  agg.deaggregateSync({ data, partitionKey: "outer", sequenceNumber: "1" }, true, (fault, records) => {
    if (fault) throw fault;
    found = records.length;
  });
  return found;
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

// Records per CPU second, the median of the repetitions, after one that only warms up.
function rate(work, inputs, records) {
  const rates = [];
  for (let repetition = 0; repetition <= REPETITIONS; repetition += 1) {
    const start = cpuSeconds();
    let rounds = 0;
    let spent = 0;
    while (spent < SPENT_MIN) {
      for (const input of inputs) work(input);
      rounds += 1;
      spent = cpuSeconds() - start;
    }
    rates.push((rounds * AGGREGATES * records) / spent);
  }
  return rates.slice(1).sort((a, b) => a - b)[Math.floor(REPETITIONS / 2)];
}

for (const [records, size] of WORKLOADS) {
  const aggregates = aggregatesOf(records, size);
  const packed = aggregates.map((each) => pack(each).toString("base64"));
  if (packed.some((each) => unpack(each) !== records)) throw new Error("what was packed is not what is unpacked");
  for (const [direction, work, inputs] of [["pack", pack, aggregates], ["unpack", unpack, packed]]) {
    const line = [records, size, direction, "aws-kinesis-agg, Node", Math.round(rate(work, inputs, records))];
    console.log(line.join("\t"));
  }
}
