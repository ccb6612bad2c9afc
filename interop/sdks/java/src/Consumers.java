package interop;

import static interop.Expect.BUSY;
import static interop.Expect.UNKNOWN;
import static interop.Expect.expect;
import static interop.Expect.expectMatch;
import static interop.Expect.expectNow;
import static interop.Expect.refused;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.Consumer;
import software.amazon.awssdk.services.kinesis.model.ConsumerDescription;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;

/** Consumers of a stream come, are described and listed, and go. Called by {@link Main}. */
final class Consumers {
    private static final String STREAM = "consumed";

    static void run(World world) throws Exception {
        KinesisClient client = world.client;
        String arn = world.create(STREAM, 1);
        String nothing = arn.replace("stream/consumed", "stream/missing");
        Map<String, String> arns = new TreeMap<>();
        world.check("register consumers, one with tags", () -> {
            for (String name : List.of("one", "two", "three")) {
                Map<String, String> tags = name.equals("one") ? Map.of("team", "tail") : null;
                Consumer consumer =
                    client.registerStreamConsumer(it -> it.streamARN(arn).consumerName(name).tags(tags)).consumer();
                expect("name", consumer.consumerName(), name);
                expect("state", consumer.consumerStatus(), ConsumerStatus.CREATING);
                expectMatch("ConsumerARN", consumer.consumerARN(), arn + "/consumer/" + name + ":\\d{10}");
                expectNow("ConsumerCreationTimestamp", consumer.consumerCreationTimestamp());
                arns.put(name, consumer.consumerARN());
            }
            for (String name : arns.keySet()) {
                World.until(name + " is ACTIVE", 100,
                    () -> named(world, arn, name).consumerStatus() == ConsumerStatus.ACTIVE);
            }
        });
        world.check("describe a consumer, by its ARN and by its name", () -> {
            for (ConsumerDescription it : List.of(described(world, arns.get("one")), named(world, arn, "one"))) {
                expect("ConsumerName", it.consumerName(), "one");
                expect("ConsumerARN", it.consumerARN(), arns.get("one"));
                expect("ConsumerStatus", it.consumerStatus(), ConsumerStatus.ACTIVE);
                expect("StreamARN", it.streamARN(), arn);
                expectNow("ConsumerCreationTimestamp", it.consumerCreationTimestamp());
            }
        });
        world.check("page through the consumers", () -> {
            List<List<Consumer>> pages = client.listStreamConsumersPaginator(it -> it.streamARN(arn).maxResults(2))
                .stream().map(page -> page.consumers()).toList();
            expect("pages", pages.stream().map(List::size).toList(), List.of(2, 1));
            Map<String, String> found = new TreeMap<>();
            pages.forEach(page -> page.forEach(it -> found.put(it.consumerName(), it.consumerARN())));
            expect("consumers", found, arns);
        });
        world.check("the summary counts them", () -> expect("count", world.settled(STREAM).consumerCount(), 3));
        world.check("tags and a policy of a consumer", () -> {
            String one = arns.get("one");
            expect("tags", tags(world, one), Map.of("team", "tail"));
            client.tagResource(it -> it.resourceARN(one).tags(Map.of("more", "1")));
            client.untagResource(it -> it.resourceARN(one).tagKeys("team"));
            expect("tags", tags(world, one), Map.of("more", "1"));
            expect("tags of the stream", tags(world, arn), Map.of());
            String policy = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
            client.putResourcePolicy(it -> it.resourceARN(one).policy(policy));
            expect("policy", client.getResourcePolicy(it -> it.resourceARN(one)).policy(), policy);
            refused(UNKNOWN, "", () -> client.getResourcePolicy(it -> it.resourceARN(arn)));
            client.deleteResourcePolicy(it -> it.resourceARN(one));
        });
        world.check("refused: a consumer twice, one that is not there, one of no stream", () -> {
            refused(BUSY, "", () -> client.registerStreamConsumer(it -> it.streamARN(arn).consumerName("one")));
            refused(UNKNOWN, "", () -> named(world, arn, "four"));
            refused(UNKNOWN, "", () -> client.deregisterStreamConsumer(it -> it.streamARN(arn).consumerName("four")));
            refused(UNKNOWN, "", () -> client.registerStreamConsumer(it -> it.streamARN(nothing).consumerName("one")));
            refused(UNKNOWN, "", () -> client.listStreamConsumers(it -> it.streamARN(nothing)));
        });
        world.check("deregister consumers, by ARN and by name", () -> {
            client.deregisterStreamConsumer(it -> it.consumerARN(arns.get("one")));
            client.deregisterStreamConsumer(it -> it.streamARN(arn).consumerName("two"));
            World.until("one is left", 100, () -> {
                List<Consumer> left = client.listStreamConsumers(it -> it.streamARN(arn)).consumers();
                return left.stream().map(Consumer::consumerName).toList().equals(List.of("three"));
            });
            refused(UNKNOWN, "", () -> described(world, arns.get("one")));
            expect("ConsumerCount", world.settled(STREAM).consumerCount(), 1);
        });
        world.check("a stream with consumers is deleted only by force", () -> {
            refused(BUSY, "", () -> client.deleteStream(it -> it.streamName(STREAM)));
            refused(BUSY, "", () -> client.deleteStream(it -> it.streamName(STREAM).enforceConsumerDeletion(false)));
            client.deleteStream(it -> it.streamName(STREAM).enforceConsumerDeletion(true));
            world.waiter.waitUntilStreamNotExists(it -> it.streamName(STREAM));
            refused(UNKNOWN, "", () -> described(world, arns.get("three")));
        });
    }

    private static Map<String, String> tags(World world, String arn) {
        return Settings.pairs(world.client.listTagsForResource(it -> it.resourceARN(arn)).tags());
    }

    private static ConsumerDescription described(World world, String arn) {
        return world.client.describeStreamConsumer(it -> it.consumerARN(arn)).consumerDescription();
    }

    private static ConsumerDescription named(World world, String stream, String name) {
        return world.client.describeStreamConsumer(it -> it.streamARN(stream).consumerName(name))
            .consumerDescription();
    }

    private Consumers() {
    }
}
