package interop;

import static interop.Expect.INVALID;
import static interop.Expect.UNKNOWN;
import static interop.Expect.WRONG;
import static interop.Expect.expect;
import static interop.Expect.refused;
import static interop.Expect.shardId;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** From where reading begins, and how it goes on. Called by {@link Main}. */
final class Positions {
    private static final String STREAM = "positions";
    private static final String SHARD = shardId(0);

    static void run(World world) {
        reading(world);
        positions(world);
        refusals(world);
    }

    private static String put(World world, String stream, String data) {
        return world.client.putRecord(
            it -> it.streamName(stream).data(SdkBytes.fromUtf8String(data)).partitionKey("k")).sequenceNumber();
    }

    private static List<String> data(GetRecordsResponse answer) {
        return answer.records().stream().map(record -> record.data().asUtf8String()).toList();
    }

    private static void reading(World world) {
        KinesisClient client = world.client;
        String[] iterator = new String[1];
        List<Record> first = new ArrayList<>();
        world.check("a limit, then the rest, and how far behind", () -> {
            world.create("reading", 1);
            for (int number = 0; number < 5; number += 1) {
                put(world, "reading", "" + number);
            }
            Thread.sleep(50);
            iterator[0] = world.iterator("reading", SHARD, ShardIteratorType.TRIM_HORIZON);
            GetRecordsResponse some = client.getRecords(it -> it.shardIterator(iterator[0]).limit(2));
            first.addAll(some.records());
            expect("data", data(some), List.of("0", "1"));
            long behind = some.millisBehindLatest();
            if (behind < 1 || behind >= 300_000) {
                throw new AssertionError("two of five records are read, and it is " + behind + " ms behind");
            }
            expect("whether it names child shards", some.hasChildShards(), false);
            Thread.sleep(200);
            GetRecordsResponse rest = client.getRecords(it -> it.shardIterator(some.nextShardIterator()));
            expect("data", data(rest), List.of("2", "3", "4"));
            expect("MillisBehindLatest", rest.millisBehindLatest(), 0L);
            Thread.sleep(200);
            GetRecordsResponse empty = client.getRecords(it -> it.shardIterator(rest.nextShardIterator()));
            expect("data at the tip", data(empty), List.of());
            expect("MillisBehindLatest", empty.millisBehindLatest(), 0L);
        });
        world.check("an iterator may be used twice, and with the ARN", () -> {
            Thread.sleep(400);
            String arn = world.summary("reading").streamARN();
            var again = client.getRecords(it -> it.shardIterator(iterator[0]).streamARN(arn).limit(2));
            expect("records", again.records(), first);
        });
        world.check("refused: what is no iterator", () -> {
            refused(WRONG, "Invalid ShardIterator.", () -> client.getRecords(it -> it.shardIterator("nonsense")));
        });
        world.check("refused: a limit of 10001", () -> {
            String told = "Value '10001' at 'limit' failed to satisfy constraint";
            refused(INVALID, told, () -> client.getRecords(it -> it.shardIterator(iterator[0]).limit(10001)));
        });
    }

    /** Reads so many records as are wanted from there. */
    private static List<Record> from(World world, List<String> wanted, Consumer<GetShardIteratorRequest.Builder> start)
            throws Exception {
        Thread.sleep(200);
        var request = GetShardIteratorRequest.builder().shardId(SHARD).applyMutation(start).build();
        List<Record> seen = world.read(world.client.getShardIterator(request).shardIterator(), wanted.size());
        expect("numbers", seen.stream().map(Record::sequenceNumber).toList(), wanted);
        return seen;
    }

    private static void positions(World world) {
        List<String> order = new ArrayList<>();
        Instant[] moment = new Instant[1];
        String[] latest = new String[1];
        String[] arn = new String[1];
        world.check("put before and after a moment", () -> {
            arn[0] = world.create(STREAM, 1);
            for (int number = 0; number < 3; number += 1) {
                order.add(put(world, STREAM, "early"));
            }
            Thread.sleep(20);
            moment[0] = Instant.now();
            Thread.sleep(20);
            latest[0] = world.iterator(STREAM, SHARD, ShardIteratorType.LATEST);
            for (int number = 0; number < 3; number += 1) {
                order.add(put(world, STREAM, "late"));
            }
        });
        world.check("read from TRIM_HORIZON", () -> from(world, order,
            it -> it.streamName(STREAM).shardIteratorType(ShardIteratorType.TRIM_HORIZON)));
        world.check("read from AT_SEQUENCE_NUMBER", () -> from(world, order.subList(1, 6),
            it -> it.streamName(STREAM).shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER)
                .startingSequenceNumber(order.get(1))));
        world.check("read from AFTER_SEQUENCE_NUMBER", () -> from(world, order.subList(2, 6),
            it -> it.streamName(STREAM).shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                .startingSequenceNumber(order.get(1))));
        world.check("read from AT_TIMESTAMP", () -> {
            List<String> late = order.subList(3, 6);
            List<Record> seen = from(world, late, it -> it.streamName(STREAM)
                .shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(moment[0]));
            // To the millisecond: a record is found by its own time.
            from(world, late, it -> it.streamName(STREAM).shardIteratorType(ShardIteratorType.AT_TIMESTAMP)
                .timestamp(seen.get(0).approximateArrivalTimestamp()));
        });
        world.check("read from LATEST", () -> {
            List<Record> seen = world.read(latest[0], 3);
            expect("numbers", seen.stream().map(Record::sequenceNumber).toList(), order.subList(3, 6));
        });
        world.check("read from a time before the stream, by ARN", () -> from(world, order,
            it -> it.streamARN(arn[0]).shardIteratorType(ShardIteratorType.AT_TIMESTAMP)
                .timestamp(Instant.now().minus(Duration.ofDays(2)))));
    }

    private static void refusals(World world) {
        KinesisClient client = world.client;
        Consumer<GetShardIteratorRequest.Builder> at = it -> it.streamName(STREAM).shardId(SHARD);
        world.check("refused: an iterator with no number, or with one too many", () -> {
            String told = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
                + "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request "
                + "specified ";
            refused(WRONG, told + "AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
                () -> client.getShardIterator(it -> it.applyMutation(at)
                    .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER)));
            refused(WRONG, told + "LATEST and also a StartingSequenceNumber.",
                () -> client.getShardIterator(it -> it.applyMutation(at)
                    .shardIteratorType(ShardIteratorType.LATEST).startingSequenceNumber("5")));
        });
        world.check("refused: an iterator at no time, or in the future", () -> {
            refused(WRONG, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.",
                () -> client.getShardIterator(it -> it.applyMutation(at)
                    .shardIteratorType(ShardIteratorType.AT_TIMESTAMP)));
            Instant tomorrow = Instant.now().plus(Duration.ofDays(1));
            refused(WRONG, "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.",
                () -> client.getShardIterator(it -> it.applyMutation(at)
                    .shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(tomorrow)));
        });
        world.check("refused: an iterator of no such kind, shard or stream", () -> {
            String told =
                "Value 'SOMEWHERE' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value";
            refused(INVALID, told,
                () -> client.getShardIterator(it -> it.applyMutation(at).shardIteratorType("SOMEWHERE")));
            refused(UNKNOWN, "Shard " + shardId(7) + " in stream positions under account ",
                () -> client.getShardIterator(it -> it.applyMutation(at).shardId(shardId(7))
                    .shardIteratorType(ShardIteratorType.LATEST)));
            refused(UNKNOWN, "", () -> client.getShardIterator(it -> it.applyMutation(at).streamName("missing")
                .shardIteratorType(ShardIteratorType.LATEST)));
        });
    }

    private Positions() {
    }
}
