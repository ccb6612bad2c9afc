package interop;

import static interop.Expect.EITHER;
import static interop.Expect.HASH_KEYS;
import static interop.Expect.UNKNOWN;
import static interop.Expect.WRONG;
import static interop.Expect.expect;
import static interop.Expect.expectMatch;
import static interop.Expect.ids;
import static interop.Expect.refused;
import static interop.Expect.shardId;
import static interop.Expect.shardIds;
import static interop.Expect.tiles;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.HashKeyRange;
import software.amazon.awssdk.services.kinesis.model.ListShardsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilter;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.UpdateShardCountResponse;

/** Shards are listed, split, merged and counted anew, and records outlive it. Called by {@link Main}. */
final class Shards {
    private static final BigInteger HALF = HASH_KEYS.shiftRight(1);
    private static final BigInteger QUARTER = HASH_KEYS.shiftRight(2);
    /** Keys that lie evenly in the hash space. */
    private static final int LANES = 16;
    private static final String STREAM = "resharded";

    static void run(World world) throws Exception {
        pages(world);
        reshard(world);
        refusals(world);
        counts(world);
    }

    private static void pages(World world) {
        KinesisClient client = world.client;
        world.check("page through the shards by token alone", () -> {
            world.create("paged", 5);
            List<List<String>> found = new ArrayList<>();
            ListShardsResponse answer = client.listShards(it -> it.streamName("paged").maxResults(2));
            found.add(ids(answer.shards()));
            while (answer.nextToken() != null) {
                String token = answer.nextToken();
                answer = client.listShards(it -> it.nextToken(token).maxResults(2));
                found.add(ids(answer.shards()));
            }
            expect("pages", found, List.of(shardIds(0, 1), shardIds(2, 3), shardIds(4)));
        });
        world.check("refused: a token beside the stream, neither of them, and no token at all", () -> {
            String token = client.listShards(it -> it.streamName("paged").maxResults(2)).nextToken();
            refused(WRONG, "NextToken and StreamName cannot be provided together.",
                () -> client.listShards(it -> it.streamName("paged").nextToken(token)));
            refused(WRONG, "Either NextToken or StreamName should be provided.",
                () -> client.listShards(it -> { }));
            refused(WRONG + "|ExpiredNextTokenException", "",
                () -> client.listShards(it -> it.nextToken("nonsense")));
        });
    }

    /** Two shards; the first is split, its upper child is merged with the second. */
    private static void reshard(World world) throws Exception {
        KinesisClient client = world.client;
        int amount = world.isShort ? 5 : 25;
        Map<String, List<String>> put = lanes();
        Instant[] between = new Instant[1];
        world.check("split a shard", () -> {
            world.create(STREAM, 2);
            fill(world, put, amount);
            // Times of shards may be whole seconds, so the seconds must differ.
            Thread.sleep(1100);
            between[0] = Instant.now();
            Thread.sleep(1100);
            client.splitShard(it -> it.streamName(STREAM).shardToSplit(shardId(0))
                .newStartingHashKey(QUARTER.toString()));
            expect("open shards", world.settled(STREAM).openShardCount(), 3);
            List<Shard> shards = world.shards(STREAM);
            expect("shards", ids(shards), shardIds(0, 1, 2, 3));
            for (int number = 0; number < 4; number += 1) {
                expect("parent", shards.get(number).parentShardId(), number < 2 ? null : shardId(0));
            }
            expect("range", shards.get(2).hashKeyRange(), range(BigInteger.ZERO, QUARTER));
            expect("range", shards.get(3).hashKeyRange(), range(QUARTER, HALF));
            String end = shards.get(0).sequenceNumberRange().endingSequenceNumber();
            expectMatch("the parent's end", end, "[1-9]\\d{55}");
            tiles(shards.subList(1, 4));
            fill(world, put, amount);
        });
        world.check("merge two shards", () -> {
            client.mergeShards(it -> it.streamName(STREAM).shardToMerge(shardId(3)).adjacentShardToMerge(shardId(1)));
            expect("open shards", world.settled(STREAM).openShardCount(), 2);
            Shard child = world.shards(STREAM).get(4);
            expect("the child", child.shardId(), shardId(4));
            expect("its parent", child.parentShardId(), shardId(3));
            expect("its other parent", child.adjacentParentShardId(), shardId(1));
            expect("range", child.hashKeyRange(), range(QUARTER, HASH_KEYS));
            fill(world, put, amount);
        });
        world.check("read each shard to its end, and the child shards it names", () -> {
            Map<String, List<String>> seen = lanes();
            Map<String, List<ChildShard>> ended = lineage(world, seen);
            expect("records", seen, put);
            expect("ended", new ArrayList<>(ended.keySet()), shardIds(0, 1, 3));
            expect("children", named(ended.get(shardId(0))), shardIds(2, 3));
            expect("children", named(ended.get(shardId(1))), shardIds(4));
            expect("children", named(ended.get(shardId(3))), shardIds(4));
            ended.get(shardId(0)).forEach(child -> expect("parents", child.parentShards(), shardIds(0)));
            ChildShard merged = ended.get(shardId(1)).get(0);
            expect("parents", merged.parentShards().stream().sorted().toList(), shardIds(1, 3));
            expect("range", merged.hashKeyRange(), range(QUARTER, HASH_KEYS));
        });
        world.check("LATEST on a closed shard leads to its children", () -> {
            Thread.sleep(World.PAUSE);
            String iterator = world.iterator(STREAM, shardId(0), ShardIteratorType.LATEST);
            GetRecordsResponse answer = client.getRecords(it -> it.shardIterator(iterator));
            expect("records", answer.records(), List.of());
            expect("NextShardIterator", answer.nextShardIterator(), null);
            expect("children", named(answer.childShards()), shardIds(2, 3));
        });
        Thread.sleep(2100);
        filters(world, between[0]);
    }

    private static Map<String, List<String>> lanes() {
        Map<String, List<String>> lanes = new TreeMap<>();
        IntStream.range(0, LANES).forEach(lane -> lanes.put(String.format("lane-%02d", lane), new ArrayList<>()));
        return lanes;
    }

    private static void fill(World world, Map<String, List<String>> put, int count) {
        BigInteger width = HASH_KEYS.divide(BigInteger.valueOf(LANES));
        for (int number = 0; number < count; number += 1) {
            List<PutRecordsRequestEntry> entries = new ArrayList<>();
            put.forEach((key, data) -> {
                data.add("" + data.size());
                String hashKey = width.multiply(BigInteger.valueOf(entries.size())).toString();
                SdkBytes bytes = SdkBytes.fromUtf8String(data.get(data.size() - 1));
                entries.add(PutRecordsRequestEntry.builder().data(bytes).partitionKey(key).explicitHashKey(hashKey)
                    .build());
            });
            var answer = world.client.putRecords(it -> it.streamName(STREAM).records(entries));
            expect("FailedRecordCount", answer.failedRecordCount(), 0);
        }
    }

    /** From the first hash key to before the last. */
    private static HashKeyRange range(BigInteger start, BigInteger end) {
        String last = end.subtract(BigInteger.ONE).toString();
        return HashKeyRange.builder().startingHashKey(start.toString()).endingHashKey(last).build();
    }

    private static List<String> named(List<ChildShard> children) {
        return children.stream().map(ChildShard::shardId).toList();
    }

    /** Reads shard after shard, parents first; the child shards that each ended shard named. */
    private static Map<String, List<ChildShard>> lineage(World world, Map<String, List<String>> seen) throws Exception {
        Map<String, List<ChildShard>> ended = new TreeMap<>();
        for (Shard shard : world.shards(STREAM)) {
            String id = shard.shardId();
            boolean closed = shard.sequenceNumberRange().endingSequenceNumber() != null;
            String[] iterator = {world.iterator(STREAM, id, ShardIteratorType.TRIM_HORIZON)};
            World.until(id + " is read", World.PAUSE, () -> {
                GetRecordsResponse answer = world.client.getRecords(it -> it.shardIterator(iterator[0]));
                for (Record record : answer.records()) {
                    seen.get(record.partitionKey()).add(record.data().asUtf8String());
                }
                iterator[0] = answer.nextShardIterator();
                if (iterator[0] == null) {
                    ended.put(id, answer.childShards());
                    return true;
                }
                expect("whether children are named before the end", answer.hasChildShards(), false);
                return !closed && answer.millisBehindLatest() == 0;
            });
        }
        return ended;
    }

    private static void filters(World world, Instant between) {
        List<String> everything = shardIds(0, 1, 2, 3, 4);
        List<String> opened = shardIds(2, 4);
        List<String> initial = shardIds(0, 1);
        Instant before = Instant.now().minus(Duration.ofHours(1));
        Instant now = Instant.now().minus(Duration.ofMillis(100));
        filter(world, "", opened, ShardFilterType.AT_LATEST, null, null);
        filter(world, "", initial, ShardFilterType.AT_TRIM_HORIZON, null, null);
        filter(world, "", everything, ShardFilterType.FROM_TRIM_HORIZON, null, null);
        filter(world, "", shardIds(3, 4), ShardFilterType.AFTER_SHARD_ID, shardId(2), null);
        filter(world, ", between", initial, ShardFilterType.AT_TIMESTAMP, null, between);
        filter(world, ", before", initial, ShardFilterType.AT_TIMESTAMP, null, before);
        filter(world, ", now", opened, ShardFilterType.AT_TIMESTAMP, null, now);
        filter(world, ", between", everything, ShardFilterType.FROM_TIMESTAMP, null, between);
        filter(world, ", before", everything, ShardFilterType.FROM_TIMESTAMP, null, before);
        filter(world, ", now", opened, ShardFilterType.FROM_TIMESTAMP, null, now);
        world.check("list shards after a shard", () -> {
            var answer = world.client.listShards(it -> it.streamName(STREAM).exclusiveStartShardId(shardId(1)));
            expect("shards", ids(answer.shards()), shardIds(2, 3, 4));
        });
        world.check("refused: filters that lack what they need", () -> {
            for (ShardFilterType kind : List.of(ShardFilterType.AFTER_SHARD_ID, ShardFilterType.AT_TIMESTAMP,
                ShardFilterType.FROM_TIMESTAMP)) {
                refused(EITHER, "", () -> world.client.listShards(
                    it -> it.streamName(STREAM).shardFilter(filter -> filter.type(kind))));
            }
        });
    }

    private static void filter(World world, String when, List<String> wanted, ShardFilterType kind, String after,
            Instant time) {
        ShardFilter filter = ShardFilter.builder().type(kind).shardId(after).timestamp(time).build();
        world.check("list shards " + kind + when, () -> {
            var answer = world.client.listShards(it -> it.streamName(STREAM).shardFilter(filter));
            expect("shards", ids(answer.shards()), wanted);
        });
    }

    private static void split(World world, int number, String hashKey) {
        world.client.splitShard(
            it -> it.streamName(STREAM).shardToSplit(shardId(number)).newStartingHashKey(hashKey));
    }

    private static void merge(World world, int one, int other) {
        world.client.mergeShards(
            it -> it.streamName(STREAM).shardToMerge(shardId(one)).adjacentShardToMerge(shardId(other)));
    }

    private static void refusals(World world) {
        String stream = " in stream " + STREAM + " under account ";
        world.check("refused: to split a closed shard", () -> refused(WRONG,
            List.of("Shard " + shardId(0) + stream,
                " has already been merged or split, and thus is not eligible for merging or splitting."),
            () -> split(world, 0, QUARTER.toString())));
        world.check("refused: to split at an end", () -> refused(WRONG,
            List.of("NewStartingHashKey 1 used in SplitShard() on shard " + shardId(2) + stream,
                " is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's "
                    + "EndingHashKey " + QUARTER.subtract(BigInteger.ONE) + "."),
            () -> split(world, 2, "1")));
        world.check("refused: to split or merge a shard that is not there", () -> {
            String told = "Could not find shard " + shardId(9) + stream;
            refused(UNKNOWN, told, () -> split(world, 9, "9"));
            refused(UNKNOWN, told, () -> merge(world, 9, 2));
        });
        world.check("refused: to merge from the wrong side", () -> refused(WRONG,
            List.of("Shards " + shardId(4) + " and " + shardId(2) + stream,
                " are not an adjacent pair of shards eligible for merging"),
            () -> merge(world, 4, 2)));
    }

    private static UpdateShardCountResponse count(World world, int target) {
        return world.client.updateShardCount(
            it -> it.streamName("counted").targetShardCount(target).scalingType(ScalingType.UNIFORM_SCALING));
    }

    private static void counts(World world) {
        String[] arn = new String[1];
        world.check("double the shards", () -> {
            arn[0] = world.create("counted", 2);
            UpdateShardCountResponse answer = count(world, 4);
            expect("before", answer.currentShardCount(), 2);
            expect("after", answer.targetShardCount(), 4);
            expect("StreamName", answer.streamName(), "counted");
            even(world, 4);
        });
        world.check("halve the shards, by ARN", () -> {
            UpdateShardCountResponse answer = world.client.updateShardCount(
                it -> it.streamARN(arn[0]).targetShardCount(2).scalingType(ScalingType.UNIFORM_SCALING));
            expect("before", answer.currentShardCount(), 4);
            expect("after", answer.targetShardCount(), 2);
            expect("StreamARN", answer.streamARN(), arn[0]);
            even(world, 2);
        });
        world.check("two shards become three", () -> {
            count(world, 3);
            even(world, 3);
        });
        world.check("refused: more than double, less than half", () -> {
            String codes = WRONG + "|LimitExceededException";
            refused(codes, "UpdateShardCount cannot scale up over double your current open shard count.",
                () -> count(world, 7));
            refused(codes, "UpdateShardCount cannot scale down below half your current open shard count.",
                () -> count(world, 1));
        });
    }

    private static void even(World world, int count) throws Exception {
        expect("open shards", world.settled("counted").openShardCount(), count);
        List<Shard> open = world.client.listShards(it -> it.streamName("counted")
            .shardFilter(filter -> filter.type(ShardFilterType.AT_LATEST))).shards();
        BigInteger width = HASH_KEYS.divide(BigInteger.valueOf(count));
        List<BigInteger> starts = open.stream().map(Expect::start).sorted().toList();
        expect("starts", starts, IntStream.range(0, count).mapToObj(n -> width.multiply(BigInteger.valueOf(n))).toList());
        tiles(open);
    }

    private Shards() {
    }
}
