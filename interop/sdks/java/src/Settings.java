package interop;

import static interop.Expect.EITHER;
import static interop.Expect.INVALID;
import static interop.Expect.UNKNOWN;
import static interop.Expect.WRONG;
import static interop.Expect.expect;
import static interop.Expect.refused;
import static interop.Expect.shardId;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.EnhancedMetrics;
import software.amazon.awssdk.services.kinesis.model.MetricsName;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescription;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.Tag;

/** What can be set on a stream, and is then so. Called by {@link Main}. */
final class Settings {
    private static final String STREAM = "set";
    private static final String KEY = "alias/aws/kinesis";
    private static final List<String> METRICS = List.of("IncomingBytes", "IncomingRecords",
        "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords", "ReadProvisionedThroughputExceeded",
        "WriteProvisionedThroughputExceeded");

    static void run(World world) throws Exception {
        String arn = world.create(STREAM, 2);
        retention(world, arn);
        tags(world, arn);
        encryption(world);
        monitoring(world, arn);
        policies(world, arn);
        modes(world, arn);
    }

    private static void retention(World world, String arn) {
        KinesisClient client = world.client;
        world.check("keep records longer, then not so long", () -> {
            client.increaseStreamRetentionPeriod(it -> it.streamName(STREAM).retentionPeriodHours(48));
            expect("hours", world.settled(STREAM).retentionPeriodHours(), 48);
            client.increaseStreamRetentionPeriod(it -> it.streamARN(arn).retentionPeriodHours(8760));
            expect("hours", world.settled(STREAM).retentionPeriodHours(), 8760);
            client.decreaseStreamRetentionPeriod(it -> it.streamName(STREAM).retentionPeriodHours(36));
            expect("hours", world.settled(STREAM).retentionPeriodHours(), 36);
            client.decreaseStreamRetentionPeriod(it -> it.streamARN(arn).retentionPeriodHours(36));
            expect("hours", world.settled(STREAM).retentionPeriodHours(), 36);
            var described = client.describeStream(it -> it.streamName(STREAM)).streamDescription();
            expect("hours described", described.retentionPeriodHours(), 36);
        });
        world.check("refused: too short, too long, the wrong way", () -> {
            refused(WRONG, "Minimum allowed retention period is 24 hours. "
                + "Requested retention period (23 hours) is too short.", () -> shorter(world, 23));
            refused(WRONG, "Maximum allowed retention period is 8760 hours. "
                + "Requested retention period (8761 hours) is too long.", () -> longer(world, 8761));
            refused(WRONG, "Requested retention period (30 hours) for stream set can not be shorter than existing "
                + "retention period (36 hours). Use DecreaseRetentionPeriod API.", () -> longer(world, 30));
            refused(WRONG, "Requested retention period (48 hours) for stream set can not be longer than existing "
                + "retention period (36 hours). Use IncreaseRetentionPeriod API.", () -> shorter(world, 48));
        });
    }

    private static void longer(World world, int hours) {
        world.client.increaseStreamRetentionPeriod(it -> it.streamName(STREAM).retentionPeriodHours(hours));
    }

    private static void shorter(World world, int hours) {
        world.client.decreaseStreamRetentionPeriod(it -> it.streamName(STREAM).retentionPeriodHours(hours));
    }

    static Map<String, String> pairs(List<Tag> tags) {
        return tags.stream().collect(Collectors.toMap(Tag::key, Tag::value, (one, other) -> one, TreeMap::new));
    }

    private static void tags(World world, String arn) {
        KinesisClient client = world.client;
        world.check("tags by name: added, overwritten, paged, removed", () -> {
            client.addTagsToStream(it -> it.streamName(STREAM).tags(Map.of("a", "1", "b", "2", "ü", "3")));
            client.addTagsToStream(it -> it.streamARN(arn).tags(Map.of("b", "22")));
            var first = client.listTagsForStream(it -> it.streamName(STREAM).limit(2));
            expect("tags", pairs(first.tags()), Map.of("a", "1", "b", "22"));
            expect("HasMoreTags", first.hasMoreTags(), true);
            var rest = client.listTagsForStream(it -> it.streamARN(arn).exclusiveStartTagKey("b"));
            expect("tags", pairs(rest.tags()), Map.of("ü", "3"));
            expect("HasMoreTags", rest.hasMoreTags(), false);
            client.removeTagsFromStream(it -> it.streamName(STREAM).tagKeys("a", "nothing", "ü"));
            var left = client.listTagsForStream(it -> it.streamName(STREAM));
            expect("tags", pairs(left.tags()), Map.of("b", "22"));
        });
        world.check("tags by ARN are the same tags", () -> {
            client.tagResource(it -> it.resourceARN(arn).tags(Map.of("c", "3", "d", "")));
            Map<String, String> wanted = Map.of("b", "22", "c", "3", "d", "");
            expect("tags", pairs(client.listTagsForResource(it -> it.resourceARN(arn)).tags()), wanted);
            expect("tags by name", pairs(client.listTagsForStream(it -> it.streamName(STREAM)).tags()), wanted);
            client.untagResource(it -> it.resourceARN(arn).tagKeys("b", "c"));
            expect("tags", pairs(client.listTagsForResource(it -> it.resourceARN(arn)).tags()), Map.of("d", ""));
        });
        world.check("refused: tags of wrong letters, too many, of nothing", () -> {
            refused(WRONG, "Some tags contain invalid characters.",
                () -> client.addTagsToStream(it -> it.streamName(STREAM).tags(Map.of("a\n", "1"))));
            Map<String, String> many =
                IntStream.range(0, 51).boxed().collect(Collectors.toMap(number -> "key-" + number, number -> ""));
            refused(EITHER + "|LimitExceededException", "",
                () -> client.addTagsToStream(it -> it.streamName(STREAM).tags(many)));
            refused(UNKNOWN, "", () -> client.addTagsToStream(it -> it.streamName("missing").tags(Map.of("a", "1"))));
            String nothing = arn.replace("stream/set", "stream/missing");
            refused(UNKNOWN, "", () -> client.tagResource(it -> it.resourceARN(nothing).tags(Map.of("a", "1"))));
        });
    }

    private static void encryption(World world) {
        KinesisClient client = world.client;
        SdkBytes data = SdkBytes.fromUtf8String("sealed");
        String[] arn = new String[1];
        world.check("encrypt a stream, and be told with each record", () -> {
            arn[0] = world.create("sealed", 1);
            client.startStreamEncryption(
                it -> it.streamName("sealed").encryptionType(EncryptionType.KMS).keyId(KEY));
            StreamDescriptionSummary summary = world.settled("sealed");
            expect("EncryptionType", summary.encryptionType(), EncryptionType.KMS);
            expect("KeyId", summary.keyId(), KEY);
            StreamDescription described = client.describeStream(it -> it.streamName("sealed")).streamDescription();
            expect("EncryptionType", described.encryptionType(), EncryptionType.KMS);
            expect("KeyId", described.keyId(), KEY);
            var one = client.putRecord(it -> it.streamName("sealed").data(data).partitionKey("k"));
            expect("EncryptionType", one.encryptionType(), EncryptionType.KMS);
            var entry = PutRecordsRequestEntry.builder().data(data).partitionKey("k").build();
            var many = client.putRecords(it -> it.streamName("sealed").records(entry));
            expect("EncryptionType", many.encryptionType(), EncryptionType.KMS);
            String iterator = world.iterator("sealed", shardId(0), ShardIteratorType.TRIM_HORIZON);
            List<Record> seen = world.read(iterator, 2);
            expect("records", seen.size(), 2);
            for (Record record : seen) {
                expect("data", record.data(), data);
                expect("EncryptionType", record.encryptionType(), EncryptionType.KMS);
            }
        });
        world.check("no longer encrypt a stream", () -> {
            client.stopStreamEncryption(it -> it.streamARN(arn[0]).encryptionType(EncryptionType.KMS).keyId(KEY));
            EncryptionType type = world.settled("sealed").encryptionType();
            expect("EncryptionType", type == null ? EncryptionType.NONE : type, EncryptionType.NONE);
            var one = client.putRecord(it -> it.streamName("sealed").data(data).partitionKey("k"));
            expect("EncryptionType", one.encryptionTypeAsString(), null);
        });
        world.check("refused: to encrypt a stream that is not there", () -> {
            refused(UNKNOWN, "Stream missing under account ", () -> client.startStreamEncryption(
                it -> it.streamName("missing").encryptionType(EncryptionType.KMS).keyId(KEY)));
        });
    }

    private static List<String> names(List<MetricsName> metrics) {
        return metrics.stream().map(MetricsName::toString).sorted().toList();
    }

    private static void described(World world, List<String> wanted) throws Exception {
        world.settled(STREAM);
        List<EnhancedMetrics> metrics = world.client.describeStream(it -> it.streamName(STREAM))
            .streamDescription().enhancedMonitoring();
        expect("described", metrics.stream().map(it -> names(it.shardLevelMetrics())).toList(), List.of(wanted));
    }

    private static void monitoring(World world, String arn) {
        KinesisClient client = world.client;
        world.check("watch some metrics, then all, then fewer, then none", () -> {
            List<String> some = List.of("IncomingBytes", "OutgoingRecords");
            var enabled = client.enableEnhancedMonitoring(
                it -> it.streamName(STREAM).shardLevelMetricsWithStrings(some));
            expect("StreamName", enabled.streamName(), STREAM);
            expect("before", names(enabled.currentShardLevelMetrics()), List.of());
            expect("after", names(enabled.desiredShardLevelMetrics()), some);
            described(world, some);
            var all = client.enableEnhancedMonitoring(
                it -> it.streamARN(arn).shardLevelMetrics(MetricsName.ALL));
            expect("before", names(all.currentShardLevelMetrics()), some);
            expect("after", names(all.desiredShardLevelMetrics()), METRICS);
            described(world, METRICS);
            var fewer = client.disableEnhancedMonitoring(
                it -> it.streamName(STREAM).shardLevelMetricsWithStrings(METRICS.subList(1, 7)));
            expect("before", names(fewer.currentShardLevelMetrics()), METRICS);
            expect("after", names(fewer.desiredShardLevelMetrics()), METRICS.subList(0, 1));
            var none = client.disableEnhancedMonitoring(
                it -> it.streamARN(arn).shardLevelMetrics(MetricsName.ALL));
            expect("before", names(none.currentShardLevelMetrics()), METRICS.subList(0, 1));
            expect("after", names(none.desiredShardLevelMetrics()), List.of());
            described(world, List.of());
        });
        world.check("refused: to watch what is no metric", () -> {
            refused(INVALID, "failed to satisfy constraint", () -> client.enableEnhancedMonitoring(
                it -> it.streamName(STREAM).shardLevelMetricsWithStrings("Temperature")));
        });
    }

    private static void policies(World world, String arn) {
        KinesisClient client = world.client;
        String policy = """
            {
             "Version": "2012-10-17",
             "Statement": [{
              "Sid": "reading", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
              "Action": ["kinesis:DescribeStreamSummary", "kinesis:GetRecords"], "Resource": "%s"
             }]
            }""".formatted(arn);
        world.check("a policy is kept word for word, replaced and taken away", () -> {
            for (String text : List.of(policy, policy.replace("reading", "lesen"))) {
                client.putResourcePolicy(it -> it.resourceARN(arn).policy(text));
                expect("policy", client.getResourcePolicy(it -> it.resourceARN(arn)).policy(), text);
            }
            client.deleteResourcePolicy(it -> it.resourceARN(arn));
            refused(UNKNOWN, "", () -> client.getResourcePolicy(it -> it.resourceARN(arn)));
        });
        world.check("refused: a policy that is none, and one of nothing", () -> {
            refused(EITHER, "", () -> client.putResourcePolicy(it -> it.resourceARN(arn).policy("{not a policy")));
            String nothing = arn.replace("stream/set", "stream/missing");
            refused(UNKNOWN, "", () -> client.putResourcePolicy(it -> it.resourceARN(nothing).policy(policy)));
        });
    }

    private static void modes(World world, String arn) {
        KinesisClient client = world.client;
        world.check("a stream becomes on-demand, and provisioned again", () -> {
            client.updateStreamMode(it -> it.streamARN(arn)
                .streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND)));
            StreamDescriptionSummary summary = world.settled(STREAM);
            expect("mode", summary.streamModeDetails().streamMode(), StreamMode.ON_DEMAND);
            expect("open shards", summary.openShardCount(), 2);
            List<String> told = List.of("Request is invalid. Stream set under account ", "is in On-Demand mode.");
            refused(INVALID, told, () -> client.splitShard(
                it -> it.streamName(STREAM).shardToSplit(shardId(0)).newStartingHashKey("1000")));
            client.updateStreamMode(it -> it.streamARN(arn)
                .streamModeDetails(mode -> mode.streamMode(StreamMode.PROVISIONED)));
            expect("mode", world.settled(STREAM).streamModeDetails().streamMode(), StreamMode.PROVISIONED);
        });
    }

    private Settings() {
    }
}
