/* The stream that is read: made, split, merged and listed. */

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.ListShardsRequest;
import software.amazon.awssdk.services.kinesis.model.ListShardsResponse;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

final class Stream {
    private final KinesisAsyncClient kinesis;
    final String name;

    Stream(KinesisAsyncClient kinesis, String name) {
        this.kinesis = kinesis;
        this.name = name;
    }

    void create(int shards) throws InterruptedException {
        kinesis.createStream(it -> it.streamName(name).shardCount(shards)).join();
        awaitActive();
    }

    /** Splits a shard in the middle. */
    void split(Shard shard) throws InterruptedException {
        String middle = start(shard).add(end(shard)).shiftRight(1).toString();
        kinesis.splitShard(it -> it.streamName(name).shardToSplit(shard.shardId()).newStartingHashKey(middle)).join();
        awaitActive();
    }

    void merge(Shard lower, Shard upper) throws InterruptedException {
        kinesis.mergeShards(it -> it.streamName(name)
                        .shardToMerge(lower.shardId())
                        .adjacentShardToMerge(upper.shardId()))
                .join();
        awaitActive();
    }

    private void awaitActive() throws InterruptedException {
        while (true) {
            var summary = kinesis.describeStreamSummary(it -> it.streamName(name)).join().streamDescriptionSummary();
            if (summary.streamStatus() == StreamStatus.ACTIVE) {
                return;
            }
            Thread.sleep(50);
        }
    }

    /** All its shards, by id. */
    Map<String, Shard> shards() {
        Map<String, Shard> shards = new TreeMap<>();
        list(it -> {}).forEach(shard -> shards.put(shard.shardId(), shard));
        return shards;
    }

    List<Shard> shards(ShardFilterType filter) {
        return list(it -> it.shardFilter(each -> each.type(filter)));
    }

    /** Two on a page, so that pages are turned. */
    private List<Shard> list(Consumer<ListShardsRequest.Builder> which) {
        List<Shard> shards = new ArrayList<>();
        ListShardsResponse page = kinesis.listShards(it -> which.accept(it.streamName(name).maxResults(2))).join();
        shards.addAll(page.shards());
        while (page.nextToken() != null) {
            String token = page.nextToken();
            page = kinesis.listShards(it -> it.nextToken(token).maxResults(2)).join();
            shards.addAll(page.shards());
        }
        return shards;
    }

    /** What a reader is told who comes to a shard after its last record. */
    GetRecordsResponse readLatest(String shard) {
        var issued = kinesis.getShardIterator(
                it -> it.streamName(name).shardId(shard).shardIteratorType(ShardIteratorType.LATEST));
        String iterator = issued.join().shardIterator();
        return kinesis.getRecords(it -> it.shardIterator(iterator)).join();
    }

    static BigInteger start(Shard shard) {
        return new BigInteger(shard.hashKeyRange().startingHashKey());
    }

    static BigInteger end(Shard shard) {
        return new BigInteger(shard.hashKeyRange().endingHashKey());
    }

    static boolean closed(Shard shard) {
        return shard.sequenceNumberRange().endingSequenceNumber() != null;
    }

    /** None, one, or for a merged shard two. */
    static List<String> parents(Shard shard) {
        List<String> parents = new ArrayList<>();
        if (shard.parentShardId() != null) {
            parents.add(shard.parentShardId());
        }
        if (shard.adjacentParentShardId() != null) {
            parents.add(shard.adjacentParentShardId());
        }
        return parents;
    }
}
