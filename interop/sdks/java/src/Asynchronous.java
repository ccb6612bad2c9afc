package interop;

import static interop.Expect.expect;
import static interop.Expect.shardId;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/**
 * Many calls at once by the other client, which speaks HTTP/2 from the first byte and is the one that the KCL uses.
 * Called by {@link Main}.
 */
final class Asynchronous {
    private static final String STREAM = "asynchronous";
    private static final int CALLS = 400;
    /** Large enough that answers and requests of many streams fill a connection's window. */
    private static final int FILLING = 5_000;

    static void run(World world) throws Exception {
        try (KinesisAsyncClient client = world.asynchronous()) {
            world.create(STREAM, 4);
            Map<Integer, PutRecordResponse> put = new HashMap<>();
            world.check("put " + CALLS + " records at once", () -> {
                List<CompletableFuture<PutRecordResponse>> calls = new ArrayList<>();
                for (int number = 0; number < CALLS; number += 1) {
                    String key = "" + number;
                    SdkBytes data = SdkBytes.fromUtf8String(key + "-" + "x".repeat(FILLING));
                    calls.add(client.putRecord(it -> it.streamName(STREAM).data(data).partitionKey(key)));
                }
                for (int number = 0; number < CALLS; number += 1) {
                    put.put(number, calls.get(number).join());
                }
                Set<String> numbers =
                    put.values().stream().map(PutRecordResponse::sequenceNumber).collect(Collectors.toSet());
                expect("different numbers", numbers.size(), CALLS);
            });
            world.check("read them from all shards at once", () -> {
                List<CompletableFuture<List<Record>>> reads = IntStream.range(0, 4).mapToObj(shard -> client
                    .getShardIterator(it -> it.streamName(STREAM).shardId(shardId(shard))
                        .shardIteratorType(ShardIteratorType.TRIM_HORIZON))
                    .thenCompose(answer -> client.getRecords(it -> it.shardIterator(answer.shardIterator())))
                    .thenApply(answer -> answer.records())).toList();
                int read = 0;
                for (int shard = 0; shard < 4; shard += 1) {
                    for (Record record : reads.get(shard).join()) {
                        PutRecordResponse told = put.get(Integer.valueOf(record.partitionKey()));
                        expect("shard", told.shardId(), shardId(shard));
                        expect("number", record.sequenceNumber(), told.sequenceNumber());
                        String data = record.partitionKey() + "-" + "x".repeat(FILLING);
                        expect("whether the data is what was put", record.data().asUtf8String().equals(data), true);
                        read += 1;
                    }
                }
                expect("records", read, CALLS);
            });
            world.check("many refusals at once", () -> {
                List<CompletableFuture<?>> calls = new ArrayList<>();
                for (int number = 0; number < 50; number += 1) {
                    calls.add(client.describeStreamSummary(it -> it.streamName("missing")));
                }
                for (CompletableFuture<?> call : calls) {
                    try {
                        call.join();
                    } catch (CompletionException fault) {
                        expect("the class", fault.getCause().getClass(), ResourceNotFoundException.class);
                        continue;
                    }
                    throw new AssertionError("expected ResourceNotFoundException, but it was done");
                }
            });
        }
    }

    private Asynchronous() {
    }
}
