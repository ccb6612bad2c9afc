// Channels, which a local broker need not have: each call is answered by an error that says so. Queues, where the SDK
// offers them, are to be tried likewise; this version does not.
// Why: a program that uses them must learn it from the answer, not from a connection cut off or a fault of the server.
// Called by `main`.

import assert from "node:assert/strict";
import { expect } from "./checks.mjs";

const ChannelARN = "arn:aws:kinesis:us-east-1:000000000000:channel/abcdefgh";

const CALLS = {
  createChannel: {
    ChannelName: "channel",
    ServiceExecutionRoleARN: "arn:aws:iam::000000000000:role/channel",
    StreamConfigurationList: [
      {
        StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/plain",
        RecordConfiguration: { RecordFormatType: "JSON" },
      },
    ],
  },
  describeChannel: { ChannelARN },
  updateChannel: { ChannelARN },
  deleteChannel: { ChannelARN },
  listChannels: {},
};

const QUEUES = [
  "createQueue", "describeQueue", "updateQueue", "deleteQueue", "listQueues", "receiveQueueRecords",
  "acknowledgeQueueRecords", "updateQueueRecordsVisibility", "receiveDeadLetterQueueRecords",
  "acknowledgeDeadLetterQueueRecords", "updateDeadLetterQueueRecordsVisibility", "restoreDeadLetterQueueRecords",
];

export async function run(world) {
  for (const [name, input] of Object.entries(CALLS)) {
    await world.check(`answered by an error: ${name}`, async () => {
      const fault = await world.client[name](input).then(() => undefined, (thrown) => thrown);
      assert(fault, "it was done");
      expect(`the status of ${fault.name}`, fault.$metadata?.httpStatusCode, 400);
      const says = fault.name.endsWith("Exception") && fault.message && fault.message !== "UnknownError";
      assert(says, `an error that says little: ${fault.name}: ${fault.message}`);
    });
  }
  for (const name of QUEUES) {
    if (!(name in world.client)) {
      console.log(`not offered: ${name}`);
    }
  }
}
