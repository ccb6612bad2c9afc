package interop;

import static interop.Expect.EITHER;
import static interop.Expect.HASH_KEYS;
import static interop.Expect.INVALID;
import static interop.Expect.UNKNOWN;
import static interop.Expect.WRONG;
import static interop.Expect.expect;
import static interop.Expect.expectNow;
import static interop.Expect.refused;
import static interop.Expect.shardId;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResultEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** Records are put and read: where they land, what comes back, and how large they may be. Called by {@link Main}. */
final class Records {
    private static final int MIB = 1024 * 1024;
    private static final int MANY = 500;

    static void run(World world) throws Exception {
        String arn = world.create("records", 3);
        where(world, arn);
        refusals(world);
        many(world);
        large(world);
    }

    private static SdkBytes bytes(String text) {
        return SdkBytes.fromUtf8String(text);
    }

    private static void where(World world, String arn) {
        KinesisClient client = world.client;
        world.check("a partition key decides the shard", () -> {
            for (Map.Entry<String, Integer> key : new TreeMap<>(Map.of("a", 0, "b", 1, "e", 2, "f", 1)).entrySet()) {
                PutRecordResponse answer = client.putRecord(
                    it -> it.streamName("records").data(bytes(key.getKey())).partitionKey(key.getKey()));
                expect("the shard of " + key.getKey(), answer.shardId(), shardId(key.getValue()));
                expect("EncryptionType", answer.encryptionTypeAsString(), null);
            }
        });
        world.check("an explicit hash key decides the shard, at both ends of each", () -> {
            for (Shard shard : world.shards("records")) {
                var range = shard.hashKeyRange();
                for (String end : List.of(range.startingHashKey(), range.endingHashKey())) {
                    PutRecordResponse answer = client.putRecord(
                        it -> it.streamName("records").data(bytes("")).partitionKey("k").explicitHashKey(end));
                    expect("the shard of " + end, answer.shardId(), shard.shardId());
                }
            }
        });
        world.check("a record by ARN, and numbers that grow", () -> {
            String first = client.putRecord(it -> it.streamARN(arn).data(bytes("1")).partitionKey("a"))
                .sequenceNumber();
            String second = client.putRecord(it -> it.streamARN(arn).streamName("records").data(bytes("2"))
                .partitionKey("a").sequenceNumberForOrdering(first)).sequenceNumber();
            boolean grows = new BigInteger(second).compareTo(new BigInteger(first)) > 0;
            expect("whether the numbers grow", grows, true);
        });
    }

    private static void refusals(World world) {
        KinesisClient client = world.client;
        world.check("refused: a hash key beyond the last", () -> {
            String told = "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                + "Specified value was " + HASH_KEYS;
            PutRecordsRequestEntry good = entry("x", "k");
            PutRecordsRequestEntry bad = good.toBuilder().explicitHashKey(HASH_KEYS.toString()).build();
            refused(WRONG, told, () -> client.putRecord(it -> it.streamName("records").data(bad.data())
                .partitionKey("k").explicitHashKey(bad.explicitHashKey())));
            refused(WRONG, "Invalid ExplicitHashKey.",
                () -> client.putRecords(it -> it.streamName("records").records(good, bad)));
        });
        world.check("refused: a partition key that is too long, or missing", () -> {
            String key = "k".repeat(257);
            String told = "Value '" + key + "' at 'partitionKey' failed to satisfy constraint: Member must have length";
            refused(INVALID, told,
                () -> client.putRecord(it -> it.streamName("records").data(bytes("x")).partitionKey(key)));
            refused(EITHER, "", () -> client.putRecord(it -> it.streamName("records").data(bytes("x"))));
        });
        world.check("refused: a stream that does not exist", () -> {
            String told = "Stream missing under account ";
            refused(UNKNOWN, told,
                () -> client.putRecord(it -> it.streamName("missing").data(bytes("x")).partitionKey("k")));
            refused(UNKNOWN, told, () -> client.putRecords(it -> it.streamName("missing").records(entry("x", "k"))));
        });
    }

    private static PutRecordsRequestEntry entry(String data, String key) {
        return PutRecordsRequestEntry.builder().data(bytes(data)).partitionKey(key).build();
    }

    private static String shardOf(String key, int shards) throws Exception {
        byte[] hash = MessageDigest.getInstance("MD5").digest(key.getBytes(StandardCharsets.UTF_8));
        BigInteger width = HASH_KEYS.divide(BigInteger.valueOf(shards));
        return shardId(Math.min(new BigInteger(1, hash).divide(width).intValueExact(), shards - 1));
    }

    private static void many(World world) {
        KinesisClient client = world.client;
        List<PutRecordsRequestEntry> entries =
            IntStream.range(0, MANY).mapToObj(number -> entry("" + number, "schlüssel-" + number)).toList();
        PutRecordsResponse[] put = new PutRecordsResponse[1];
        world.check(MANY + " records in one call, each where its key says", () -> {
            world.create("many", 3);
            put[0] = client.putRecords(it -> it.streamName("many").records(entries));
            expect("FailedRecordCount", put[0].failedRecordCount(), 0);
            expect("EncryptionType", put[0].encryptionTypeAsString(), null);
            for (int number = 0; number < MANY; number += 1) {
                PutRecordsResultEntry result = put[0].records().get(number);
                String key = entries.get(number).partitionKey();
                expect("the shard of " + key, result.shardId(), shardOf(key, 3));
                expect("ErrorCode", result.errorCode(), null);
            }
            List<String> numbers = put[0].records().stream().map(PutRecordsResultEntry::sequenceNumber).toList();
            expect("different numbers", new HashSet<>(numbers).size(), MANY);
        });
        world.check("they are read as they were put", () -> {
            for (int shard = 0; shard < 3; shard += 1) {
                String id = shardId(shard);
                List<Integer> wanted = IntStream.range(0, MANY)
                    .filter(number -> put[0].records().get(number).shardId().equals(id)).boxed().toList();
                String iterator = world.iterator("many", id, ShardIteratorType.TRIM_HORIZON);
                List<Record> seen = world.read(iterator, wanted.size());
                expect("how many", seen.size(), wanted.size());
                for (int place = 0; place < seen.size(); place += 1) {
                    int number = wanted.get(place);
                    Record record = seen.get(place);
                    expect("key", record.partitionKey(), entries.get(number).partitionKey());
                    expect("data", record.data(), entries.get(number).data());
                    expect("number", record.sequenceNumber(), put[0].records().get(number).sequenceNumber());
                    expect("EncryptionType", record.encryptionTypeAsString(), null);
                    expectNow("ApproximateArrivalTimestamp", record.approximateArrivalTimestamp());
                }
            }
        });
        world.check("refused: more than 500 records in one call", () -> {
            String told = "Member must have length less than or equal to 500";
            var copies = Collections.nCopies(501, entry("x", "k"));
            refused(INVALID, told, () -> client.putRecords(it -> it.streamName("many").records(copies)));
        });
        world.check("refused: more than 10 MiB in one call", () -> {
            SdkBytes data = SdkBytes.fromByteArray(new byte[MIB - 1]);
            var copies = Collections.nCopies(11, entry("x", "k").toBuilder().data(data).build());
            refused(EITHER, "", () -> client.putRecords(it -> it.streamName("many").records(copies)));
        });
    }

    private static void large(World world) {
        KinesisClient client = world.client;
        String[] arn = new String[1];
        world.check("a record of 1 MiB", () -> {
            arn[0] = world.create("large", 3);
            alone(world, 0, "0", MIB);
        });
        world.check("refused: one byte more", () -> {
            String middle = world.shards("large").get(1).hashKeyRange().startingHashKey();
            SdkBytes data = SdkBytes.fromByteArray(new byte[MIB]);
            refused(EITHER, "", () -> client.putRecord(
                it -> it.streamName("large").data(data).partitionKey("k").explicitHashKey(middle)));
        });
        world.check("refused: a record size of 11 MiB", () -> {
            String told = "Value '11264' at 'maxRecordSizeInKiB' failed to satisfy constraint";
            refused(INVALID, told,
                () -> client.updateMaxRecordSize(it -> it.streamARN(arn[0]).maxRecordSizeInKiB(11264)));
        });
        world.check("a record of 10 MiB, once they may be so large", () -> {
            client.updateMaxRecordSize(it -> it.streamARN(arn[0]).maxRecordSizeInKiB(10240));
            World.until("the size is changed", 100, () -> world.settled("large").maxRecordSizeInKiB() == 10240);
            alone(world, 2, HASH_KEYS.subtract(BigInteger.ONE).toString(), 10 * MIB);
        });
        world.check("create a stream for large records", () -> {
            client.createStream(it -> it.streamName("large-born").shardCount(1).maxRecordSizeInKiB(2048));
            expect("MaxRecordSizeInKiB", world.settled("large-born").maxRecordSizeInKiB(), 2048);
        });
    }

    /** Puts a record of this size, key included, and reads it back. */
    private static void alone(World world, int shard, String hashKey, int size) throws Exception {
        byte[] random = new byte[size - 1];
        new Random(size).nextBytes(random);
        SdkBytes data = SdkBytes.fromByteArray(random);
        PutRecordResponse answer = world.client.putRecord(
            it -> it.streamName("large").data(data).partitionKey("k").explicitHashKey(hashKey));
        expect("shard", answer.shardId(), shardId(shard));
        String iterator = world.client.getShardIterator(it -> it.streamName("large").shardId(shardId(shard))
            .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER)
            .startingSequenceNumber(answer.sequenceNumber())).shardIterator();
        List<Record> seen = world.read(iterator, 1);
        expect("records", seen.size(), 1);
        expect("whether the data is what was put", seen.get(0).data().equals(data), true);
        expect("partition key", seen.get(0).partitionKey(), "k");
    }

    private Records() {
    }
}
