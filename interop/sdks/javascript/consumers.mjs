// Consumers of a stream come, are described and listed, and go. Called by `main`.

import { paginateListStreamConsumers, waitUntilStreamNotExists } from "@aws-sdk/client-kinesis";
import { expect, expectMatch, expectNow, expectPart, refused, until } from "./checks.mjs";

const NAMES = ["one", "two", "three"];
const StreamName = "consumed";

export async function run(world) {
  const { client } = world;
  const arn = await world.create(StreamName, 1);
  const arns = {};
  const described = async (who) => (await client.describeStreamConsumer(who)).ConsumerDescription;
  const named = (ConsumerName) => ({ StreamARN: arn, ConsumerName });

  await world.check("register consumers, one with tags", async () => {
    for (const name of NAMES) {
      const tags = name === "one" ? { Tags: { team: "tail" } } : {};
      const { Consumer } = await client.registerStreamConsumer({ ...named(name), ...tags });
      expectPart("the consumer", Consumer, { ConsumerName: name, ConsumerStatus: "CREATING" });
      expectMatch("ConsumerARN", Consumer.ConsumerARN, new RegExp(`^${arn}/consumer/${name}:\\d{10}$`));
      expectNow("ConsumerCreationTimestamp", Consumer.ConsumerCreationTimestamp);
      arns[name] = Consumer.ConsumerARN;
    }
    for (const name of NAMES) {
      await until(`${name} is ACTIVE`, async () => (await described(named(name))).ConsumerStatus === "ACTIVE");
    }
  });
  await world.check("describe a consumer, by its ARN and by its name", async () => {
    for (const who of [{ ConsumerARN: arns.one }, named("one")]) {
      const consumer = await described(who);
      expectPart("the description", consumer, {
        ConsumerName: "one", ConsumerARN: arns.one, ConsumerStatus: "ACTIVE", StreamARN: arn,
      });
      expectNow("ConsumerCreationTimestamp", consumer.ConsumerCreationTimestamp);
    }
  });
  await world.check("page through the consumers", async () => {
    const pages = [];
    for await (const { Consumers } of paginateListStreamConsumers({ client, pageSize: 2 }, { StreamARN: arn })) {
      pages.push(Consumers);
    }
    expect("pages", pages.map((page) => page.length), [2, 1]);
    const consumers = pages.flat().map(({ ConsumerName, ConsumerARN }) => [ConsumerName, ConsumerARN]);
    expect("consumers", Object.fromEntries(consumers), arns);
  });
  await world.check("the summary counts them", async () => {
    expect("ConsumerCount", (await world.settled(StreamName)).ConsumerCount, 3);
  });
  await world.check("tags and a policy of a consumer", async () => {
    const ResourceARN = arns.one;
    const tags = async (ResourceARN) => (await client.listTagsForResource({ ResourceARN })).Tags ?? [];
    expect("tags", await tags(ResourceARN), [{ Key: "team", Value: "tail" }]);
    await client.tagResource({ ResourceARN, Tags: { more: "1" } });
    await client.untagResource({ ResourceARN, TagKeys: ["team"] });
    expect("tags", await tags(ResourceARN), [{ Key: "more", Value: "1" }]);
    expect("tags of the stream", await tags(arn), []);
    const Policy = '{"Version":"2012-10-17","Statement":[]}';
    await client.putResourcePolicy({ ResourceARN, Policy });
    expect("policy", (await client.getResourcePolicy({ ResourceARN })).Policy, Policy);
    await refused("ResourceNotFoundException", "", () => client.getResourcePolicy({ ResourceARN: arn }));
    await client.deleteResourcePolicy({ ResourceARN });
  });
  await world.check("refused: a consumer twice, one that is not there, one of no stream", async () => {
    const StreamARN = arn.replace("stream/consumed", "stream/missing");
    await refused("ResourceInUseException", "", () => client.registerStreamConsumer(named("one")));
    await refused("ResourceNotFoundException", "", () => described(named("four")));
    await refused("ResourceNotFoundException", "", () => client.deregisterStreamConsumer(named("four")));
    const nowhere = () => client.registerStreamConsumer({ StreamARN, ConsumerName: "one" });
    await refused("ResourceNotFoundException", "", nowhere);
    await refused("ResourceNotFoundException", "", () => client.listStreamConsumers({ StreamARN }));
  });
  await world.check("deregister consumers, by ARN and by name", async () => {
    await client.deregisterStreamConsumer({ ConsumerARN: arns.one });
    await client.deregisterStreamConsumer(named("two"));
    await until("one is left", async () => {
      const { Consumers } = await client.listStreamConsumers({ StreamARN: arn });
      return Consumers.length === 1 && Consumers[0].ConsumerName === "three";
    });
    await refused("ResourceNotFoundException", "", () => described({ ConsumerARN: arns.one }));
    expect("ConsumerCount", (await world.settled(StreamName)).ConsumerCount, 1);
  });
  await world.check("a stream with consumers is deleted only by force", async () => {
    await refused("ResourceInUseException", "", () => client.deleteStream({ StreamName }));
    const gently = () => client.deleteStream({ StreamName, EnforceConsumerDeletion: false });
    await refused("ResourceInUseException", "", gently);
    await client.deleteStream({ StreamName, EnforceConsumerDeletion: true });
    await waitUntilStreamNotExists({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StreamName });
    await refused("ResourceNotFoundException", "", () => described({ ConsumerARN: arns.three }));
  });
}
