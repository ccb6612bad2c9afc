package interop;

import static interop.Expect.BUSY;
import static interop.Expect.EITHER;
import static interop.Expect.INVALID;
import static interop.Expect.UNKNOWN;
import static interop.Expect.expect;
import static interop.Expect.expectMatch;
import static interop.Expect.expectNow;
import static interop.Expect.expectRequestId;
import static interop.Expect.ids;
import static interop.Expect.refused;
import static interop.Expect.shardId;
import static interop.Expect.shardIds;
import static interop.Expect.tiles;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.EnhancedMetrics;
import software.amazon.awssdk.services.kinesis.model.HashKeyRange;
import software.amazon.awssdk.services.kinesis.model.ListStreamsResponse;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.StreamDescription;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.StreamSummary;
import software.amazon.awssdk.services.kinesis.model.Tag;

/** Streams come, are described and listed, and go. Called by {@link Main}. */
final class Streams {
    private static final String[][] THREE = {
        {"0", "113427455640312821154458202477256070484"},
        {"113427455640312821154458202477256070485", "226854911280625642308916404954512140969"},
        {"226854911280625642308916404954512140970", "340282366920938463463374607431768211455"},
    };

    static void run(World world) {
        KinesisClient client = world.client;
        world.check("create a provisioned stream with tags, and wait until it exists", () -> {
            client.createStream(it -> it.streamName("plain").shardCount(3).tags(Map.of("team", "tail", "empty", "")));
            world.waiter.waitUntilStreamExists(it -> it.streamName("plain"));
        });
        world.check("the tags of its creation", () -> {
            var answer = client.listTagsForStream(it -> it.streamName("plain"));
            expect("tags", answer.tags(), List.of(tag("empty", ""), tag("team", "tail")));
            expect("HasMoreTags", answer.hasMoreTags(), false);
        });
        world.check("describe a stream", () -> {
            described(client.describeStream(it -> it.streamName("plain")).streamDescription());
        });
        world.check("describe a stream by ARN", () -> {
            String arn = world.summary("plain").streamARN();
            described(client.describeStream(it -> it.streamARN(arn)).streamDescription());
        });
        world.check("summarise a stream", () -> {
            StreamDescriptionSummary summary = world.summary("plain");
            expect("StreamName", summary.streamName(), "plain");
            expect("StreamStatus", summary.streamStatus(), StreamStatus.ACTIVE);
            expect("RetentionPeriodHours", summary.retentionPeriodHours(), 24);
            expect("OpenShardCount", summary.openShardCount(), 3);
            expect("ConsumerCount", summary.consumerCount(), 0);
            expect("StreamMode", summary.streamModeDetails().streamMode(), StreamMode.PROVISIONED);
            expect("MaxRecordSizeInKiB", summary.maxRecordSizeInKiB(), 1024);
            expect("StreamId", summary.streamId(), null);
            expectNow("StreamCreationTimestamp", summary.streamCreationTimestamp());
        });
        world.check("create an on-demand stream", () -> {
            client.createStream(it -> it.streamName("on-demand")
                .streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND)));
            world.waiter.waitUntilStreamExists(it -> it.streamName("on-demand"));
            StreamDescriptionSummary summary = world.summary("on-demand");
            expect("StreamMode", summary.streamModeDetails().streamMode(), StreamMode.ON_DEMAND);
            expect("OpenShardCount", summary.openShardCount(), 4);
        });
        refusals(world);
        pages(world);
        removal(world);
    }

    private static Tag tag(String key, String value) {
        return Tag.builder().key(key).value(value).build();
    }

    private static void described(StreamDescription stream) {
        expectMatch("StreamARN", stream.streamARN(), "arn:aws:kinesis:us-east-1:\\d{12}:stream/plain");
        expect("StreamName", stream.streamName(), "plain");
        expect("StreamStatus", stream.streamStatus(), StreamStatus.ACTIVE);
        expect("RetentionPeriodHours", stream.retentionPeriodHours(), 24);
        expect("HasMoreShards", stream.hasMoreShards(), false);
        expect("StreamMode", stream.streamModeDetails().streamMode(), StreamMode.PROVISIONED);
        List<EnhancedMetrics> none = List.of(EnhancedMetrics.builder().shardLevelMetrics(List.of()).build());
        expect("EnhancedMonitoring", stream.enhancedMonitoring(), none);
        if (stream.encryptionType() != null) {
            expect("EncryptionType", stream.encryptionType(), EncryptionType.NONE);
        }
        expectNow("StreamCreationTimestamp", stream.streamCreationTimestamp());
        expect("shards", ids(stream.shards()), shardIds(0, 1, 2));
        for (int number = 0; number < THREE.length; number += 1) {
            Shard shard = stream.shards().get(number);
            String[] ends = THREE[number];
            HashKeyRange range = HashKeyRange.builder().startingHashKey(ends[0]).endingHashKey(ends[1]).build();
            expect("range", shard.hashKeyRange(), range);
            expect("ParentShardId", shard.parentShardId(), null);
            expect("AdjacentParentShardId", shard.adjacentParentShardId(), null);
            expectMatch("its start", shard.sequenceNumberRange().startingSequenceNumber(), "[1-9]\\d{55}");
            expect("its end", shard.sequenceNumberRange().endingSequenceNumber(), null);
        }
    }

    private static void refusals(World world) {
        KinesisClient client = world.client;
        world.check("refused: a stream that exists", () -> {
            List<String> told = List.of("Stream plain under account ", " already exists.");
            refused(BUSY, told, () -> client.createStream(it -> it.streamName("plain").shardCount(1)));
        });
        world.check("refused: a stream that does not exist", () -> {
            List<String> told = List.of("Stream missing under account ", " not found.");
            refused(UNKNOWN, told, () -> client.describeStream(it -> it.streamName("missing")));
            refused(UNKNOWN, told, () -> client.describeStreamSummary(it -> it.streamName("missing")));
            refused(UNKNOWN, told, () -> client.listShards(it -> it.streamName("missing")));
            refused(UNKNOWN, told, () -> client.deleteStream(it -> it.streamName("missing")));
        });
        world.check("refused: the request's id is told", () -> {
            try {
                client.describeStream(it -> it.streamName("missing"));
            } catch (ResourceNotFoundException fault) {
                expectRequestId(fault);
                return;
            }
            throw new AssertionError("expected ResourceNotFoundException");
        });
        world.check("refused: provisioned without a shard count, on-demand with one", () -> {
            refused(EITHER, "", () -> client.createStream(it -> it.streamName("none")));
            refused(EITHER, "", () -> client.createStream(it -> it.streamName("none").shardCount(2)
                .streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND))));
        });
        world.check("refused: a name of wrong letters", () -> {
            String told =
                "Value 'wrong name' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression";
            refused(INVALID, told, () -> client.createStream(it -> it.streamName("wrong name").shardCount(1)));
        });
        world.check("refused: a name too long, and a limit too high, in one message", () -> {
            String told = "2 validation errors detected";
            refused(INVALID, told, () -> client.describeStream(it -> it.streamName("x".repeat(129)).limit(10001)));
        });
        world.check("refused: neither name nor ARN", () -> {
            refused(EITHER, "", () -> client.describeStreamSummary(it -> { }));
            refused(EITHER, "", () -> client.putRecord(it -> it.data(SdkBytes.fromUtf8String("x")).partitionKey("k")));
        });
    }

    private static void pages(World world) {
        KinesisClient client = world.client;
        int wide = world.isShort ? 101 : 250;
        world.check("page through the " + wide + " shards of a stream", () -> {
            world.create("wide", wide);
            List<Shard> shards = new ArrayList<>();
            int pages = 0;
            for (boolean more = true; more; pages += 1) {
                String last = shards.isEmpty() ? null : shards.get(shards.size() - 1).shardId();
                StreamDescription page = client
                    .describeStream(it -> it.streamName("wide").exclusiveStartShardId(last)).streamDescription();
                shards.addAll(page.shards());
                more = page.hasMoreShards();
            }
            expect("pages", pages, (wide + 99) / 100);
            expect("shards", ids(shards), shardIds(IntStream.range(0, wide).toArray()));
            tiles(shards);
        });
        world.check("a page of shards, and the one after", () -> {
            StreamDescription first =
                client.describeStream(it -> it.streamName("wide").limit(7)).streamDescription();
            expect("shards", ids(first.shards()), shardIds(0, 1, 2, 3, 4, 5, 6));
            expect("HasMoreShards", first.hasMoreShards(), true);
            StreamDescription after = client.describeStream(
                it -> it.streamName("wide").limit(7).exclusiveStartShardId(shardId(wide - 3))).streamDescription();
            expect("shards", ids(after.shards()), shardIds(wide - 2, wide - 1));
            expect("HasMoreShards", after.hasMoreShards(), false);
        });
        List<String> everything =
            List.of("list-0", "list-1", "list-2", "list-3", "list-4", "on-demand", "plain", "wide");
        world.check("page through the streams", () -> {
            for (String name : everything.subList(0, 5)) {
                world.create(name, 1);
            }
            // No more than there can be: an answer with more to come and no token would go on for ever.
            List<ListStreamsResponse> pages =
                client.listStreamsPaginator(it -> it.limit(2)).stream().limit(8).collect(Collectors.toList());
            expect("pages", pages.stream().map(it -> it.streamNames().size()).toList(), List.of(2, 2, 2, 2));
            expect("names", pages.stream().flatMap(it -> it.streamNames().stream()).toList(), everything);
            List<StreamSummary> summaries = pages.stream().flatMap(it -> it.streamSummaries().stream()).toList();
            expect("names of summaries", summaries.stream().map(StreamSummary::streamName).toList(), everything);
            for (StreamSummary summary : summaries) {
                String name = summary.streamName();
                StreamMode mode = name.equals("on-demand") ? StreamMode.ON_DEMAND : StreamMode.PROVISIONED;
                expect("mode", summary.streamModeDetails().streamMode(), mode);
                expect("status", summary.streamStatus(), StreamStatus.ACTIVE);
                expectMatch("ARN", summary.streamARN(), "arn:aws:kinesis:us-east-1:\\d{12}:stream/" + name);
                expectNow("StreamCreationTimestamp", summary.streamCreationTimestamp());
            }
        });
        world.check("streams after a name", () -> {
            ListStreamsResponse some = client.listStreams(it -> it.exclusiveStartStreamName("list-2").limit(2));
            expect("names", some.streamNames(), List.of("list-3", "list-4"));
            expect("HasMoreStreams", some.hasMoreStreams(), true);
            ListStreamsResponse rest = client.listStreams(it -> it.exclusiveStartStreamName("on-demand"));
            expect("names", rest.streamNames(), List.of("plain", "wide"));
            expect("HasMoreStreams", rest.hasMoreStreams(), false);
        });
    }

    private static void removal(World world) {
        KinesisClient client = world.client;
        world.check("delete a stream, and wait until it is gone", () -> {
            client.deleteStream(it -> it.streamName("wide"));
            world.waiter.waitUntilStreamNotExists(it -> it.streamName("wide"));
            refused(UNKNOWN, "Stream wide under", () -> client.describeStream(it -> it.streamName("wide")));
        });
        world.check("delete a stream by ARN, and its name is free again", () -> {
            String arn = world.summary("list-0").streamARN();
            client.deleteStream(it -> it.streamARN(arn));
            World.until("list-0 is gone", 100, () -> !client.listStreams().streamNames().contains("list-0"));
            expect("ARN", world.create("list-0", 2), arn);
            expect("shards", ids(world.shards("list-0")), shardIds(0, 1));
        });
        world.check("delete many streams", () -> {
            List<String> names = List.of("list-0", "list-1", "list-2", "list-3", "list-4");
            names.forEach(name -> client.deleteStream(it -> it.streamName(name)));
            names.forEach(name -> world.waiter.waitUntilStreamNotExists(it -> it.streamName(name)));
            expect("streams", client.listStreams().streamNames(), List.of("on-demand", "plain"));
        });
    }

    private Streams() {
    }
}
