// What every scene needs: the client, a check that tells how it went, and streams that are waited for.
// Called by the scenes and by `main`.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import * as sdk from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

// Exclusive: hash keys are smaller.
export const HASH_KEYS = 2n ** 128n;
// How long a stream may take from one state to the next.
const PATIENCE = 30_000;
// Five calls a second are what a shard allows its readers.
export const PAUSE = 210;
export { sleep };

/** The endpoint under trial, and what came of it so far. */
export class World {
  passed = 0;
  failed = 0;
  called = new Set();

  constructor(endpoint, { short, http1 }) {
    this.short = short;
    this.client = new sdk.Kinesis({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
      // Left alone, it is HTTP/2.
      ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
    });
    const note = (next, context) => (args) => {
      this.called.add(context.commandName);
      return next(args);
    };
    this.client.middlewareStack.add(note, { step: "initialize", name: "note" });
  }

  /** Runs it; whatever it throws is told, and the next check follows. */
  async check(name, run) {
    try {
      await run();
      this.passed += 1;
      console.log(`ok ${name}`);
    } catch (fault) {
      this.failed += 1;
      console.log(`FAILED ${name}: ${fault.name}: ${String(fault.message).replace(/\s+/g, " ").slice(0, 500)}`);
    }
  }

  /** A new provisioned stream, active; its ARN. */
  async create(name, shards) {
    await this.client.createStream({ StreamName: name, ShardCount: shards });
    return (await this.settled(name)).StreamARN;
  }

  async summary(name) {
    return (await this.client.describeStreamSummary({ StreamName: name })).StreamDescriptionSummary;
  }

  /** Waits until the stream is active; its summary. */
  settled(name) {
    return until(`${name} is ACTIVE`, async () => {
      const summary = await this.summary(name);
      return summary.StreamStatus === "ACTIVE" && summary;
    });
  }

  /** All shards of a stream, open and closed. */
  async shards(name) {
    return (await this.client.listShards({ StreamName: name })).Shards;
  }

  async iterator(stream, shard, kind, start = {}) {
    const input = { StreamName: stream, ShardId: shard, ShardIteratorType: kind, ...start };
    return (await this.client.getShardIterator(input)).ShardIterator;
  }

  /** Reads on until so many records were seen, or the shard's end. */
  async read(iterator, count) {
    const seen = [];
    const enough = async () => {
      const answer = await this.client.getRecords({ ShardIterator: iterator });
      seen.push(...answer.Records);
      iterator = answer.NextShardIterator;
      return seen.length >= count || iterator === undefined;
    };
    await until(`${count} records are read`, enough, PAUSE);
    return seen;
  }

  async allOperationsWereCalled() {
    const offered = Object.keys(sdk).filter((name) => /^[A-Z].*Command$/.test(name) && name !== "SubscribeToShardCommand");
    await this.check("every operation that the SDK offers was called", () => {
      expect("enough operations", offered.length >= 44, true);
      expect("operations never called", offered.filter((name) => !this.called.has(name)), []);
    });
  }

  sumUp() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}

/** Asks until the answer is one; fails when patience is out. */
export async function until(what, asked, pause = 100) {
  for (const over = Date.now() + PATIENCE; ; await sleep(pause)) {
    const answer = await asked();
    if (answer) {
      return answer;
    }
    assert(Date.now() < over, `waited ${PATIENCE} ms in vain until ${what}`);
  }
}

/** Both are the same, all the way down. */
export function expect(what, got, wanted) {
  try {
    assert.deepEqual(got, wanted);
  } catch {
    const shown = (value) => JSON.stringify(value, (_, inner) => (inner === undefined ? "nothing" : inner));
    throw new Error(`${what}: expected ${shown(wanted)}, got ${shown(got)}`);
  }
}

/** The members that are wanted are there, with these values. */
export function expectPart(what, got, wanted) {
  expect(what, Object.fromEntries(Object.keys(wanted).map((key) => [key, got[key]])), wanted);
}

export function expectMatch(what, got, pattern) {
  assert(pattern.test(got), `${what}: expected a match of ${pattern}, got ${got}`);
}

/** The time is of this minute, give or take a few; so its unit was understood. */
export function expectNow(what, got) {
  assert(got instanceof Date, `${what}: expected a date, got ${got}`);
  const years = [Date.now(), Date.now() - 300_000].map((time) => new Date(time).getUTCFullYear());
  assert(years.includes(got.getUTCFullYear()), `${what}: expected this year, got ${got.toISOString()}`);
  assert(Math.abs(Date.now() - got.getTime()) < 300_000, `${what}: expected about now, got ${got.toISOString()}`);
}

export const EITHER = ["InvalidArgumentException", "ValidationException"];

/** The call fails with the code, or one of them, and a message that holds all of the texts. */
export async function refused(codes, texts, call) {
  let fault;
  try {
    await call();
  } catch (thrown) {
    fault = thrown;
  }
  assert(fault, `expected ${codes}, but it was done`);
  const told = `${fault.name}: ${fault.message}`;
  assert([codes].flat().includes(fault.name), `expected ${codes}, got ${told}`);
  for (const text of [texts].flat()) {
    assert(fault.message.includes(text), `expected ${text}, got ${told}`);
  }
  expect(`the status of ${fault.name}`, fault.$metadata?.httpStatusCode, 400);
  // What the model has is a class of its own.
  if (fault.name in sdk) {
    assert(fault instanceof sdk[fault.name], `${fault.name} is no instance of its class`);
  }
}

/** The shards cover the hash keys, once each. */
export function tiles(shards) {
  const ranges = shards.map(({ HashKeyRange: { StartingHashKey, EndingHashKey } }) => [
    BigInt(StartingHashKey),
    BigInt(EndingHashKey),
  ]);
  ranges.sort(([one], [other]) => (one < other ? -1 : 1));
  let following = 0n;
  for (const [start, end] of ranges) {
    assert(start === following, `a shard starts at ${start}, not at ${following}`);
    following = end + 1n;
  }
  assert(following === HASH_KEYS, `the last shard ends before ${following}`);
}

export const ids = (shards) => shards.map((shard) => shard.ShardId);
export const shardId = (number) => `shardId-${String(number).padStart(12, "0")}`;
export const numbers = (count) => Array.from({ length: count }, (_, number) => number);
export const bytes = (text) => new TextEncoder().encode(text);
export const text = (data) => new TextDecoder().decode(data);
