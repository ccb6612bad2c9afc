// Tries a Kinesis endpoint with the AWS SDK for JavaScript: its client, its waiters and its paginators.
// Why: its client speaks HTTP/2 from the first byte, which hardly any other does, and its parsers are its own.
// Usage: main.mjs ENDPOINT [--short] [--http1]. A line per check, then the sum; the exit code tells whether all passed.
// Called by `cargo xtask interop sdks`.

import * as absent from "./absent.mjs";
import * as consumers from "./consumers.mjs";
import * as records from "./records.mjs";
import * as settings from "./settings.mjs";
import * as shards from "./shards.mjs";
import * as streams from "./streams.mjs";
import { World } from "./checks.mjs";

const flags = process.argv.slice(2);
const [endpoint] = flags.filter((flag) => !flag.startsWith("--"));
const world = new World(endpoint, { short: flags.includes("--short"), http1: flags.includes("--http1") });
const scenes = { streams, records, shards, settings, consumers, absent };
for (const [name, scene] of Object.entries(scenes)) {
  await world.check(`all of ${name} was tried`, () => scene.run(world));
}
await world.allOperationsWereCalled();
process.exitCode = world.sumUp();
world.client.destroy();
