/* Puts records, all at once or steadily in the background, and keeps where each was stored. */

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;

final class Writer {
    /** Where a record is. */
    record Place(String shard, String sequenceNumber) {}

    private static final int PER_REQUEST = 25;
    /** Several at a time, since that is when a reader can miss a record. */
    private static final int FLOWS = 3;

    private final KinesisAsyncClient kinesis;
    private final String stream;
    private final AtomicInteger next = new AtomicInteger();
    private final Map<Integer, Place> acknowledged = new ConcurrentSkipListMap<>();
    private final List<Thread> flows = new ArrayList<>();
    private volatile boolean flowing;
    private volatile String fault = "";

    Writer(KinesisAsyncClient kinesis, String stream) {
        this.kinesis = kinesis;
        this.stream = stream;
    }

    /** Every record that was stored, by its number. */
    Map<Integer, Place> acknowledged() {
        return acknowledged;
    }

    /** How many were tried. */
    int tried() {
        return next.get();
    }

    /** Why it stopped too early, if it did. */
    String fault() {
        return fault;
    }

    void put(int records) throws InterruptedException {
        for (int done = 0; done < records; done += PER_REQUEST) {
            putSome();
        }
    }

    /** Puts `perSecond` records in the background until it is stopped. */
    void flow(int perSecond) {
        flowing = true;
        for (int each = 0; each < FLOWS; each++) {
            Thread flow = new Thread(() -> flowOn(1000L * PER_REQUEST * FLOWS / perSecond), "writer");
            flow.setDaemon(true);
            flow.start();
            flows.add(flow);
        }
    }

    void stop() throws InterruptedException {
        flowing = false;
        for (Thread flow : flows) {
            flow.join();
        }
        flows.clear();
    }

    private void flowOn(long pauseMillis) {
        try {
            while (flowing) {
                putSome();
                Thread.sleep(pauseMillis);
            }
        } catch (InterruptedException | RuntimeException stopped) {
            fault = stopped.toString();
        }
    }

    /** The first alone, the others in one request; what is refused for its rate is put again. */
    private void putSome() throws InterruptedException {
        int first = next.getAndAdd(PER_REQUEST);
        putOne(first);
        List<Integer> left = new ArrayList<>();
        for (int n = first + 1; n < first + PER_REQUEST; n++) {
            left.add(n);
        }
        while (!left.isEmpty()) {
            List<Integer> asked = left;
            var entries = asked.stream().map(Writer::entry).toList();
            var answer = kinesis.putRecords(it -> it.streamName(stream).records(entries)).join();
            left = new ArrayList<>();
            for (int each = 0; each < asked.size(); each++) {
                var result = answer.records().get(each);
                if (result.errorCode() == null) {
                    acknowledged.put(asked.get(each), new Place(result.shardId(), result.sequenceNumber()));
                } else {
                    left.add(asked.get(each));
                }
            }
            if (!left.isEmpty()) {
                Thread.sleep(100);
            }
        }
    }

    private void putOne(int n) {
        var entry = entry(n);
        var answer = kinesis.putRecord(it -> it.streamName(stream)
                        .partitionKey(entry.partitionKey())
                        .explicitHashKey(entry.explicitHashKey())
                        .data(entry.data()))
                .join();
        acknowledged.put(n, new Place(answer.shardId(), answer.sequenceNumber()));
    }

    private static PutRecordsRequestEntry entry(int n) {
        var explicit = Payload.explicitHashKey(n);
        return PutRecordsRequestEntry.builder()
                .partitionKey(Payload.key(n))
                .explicitHashKey(explicit == null ? null : explicit.toString())
                .data(SdkBytes.fromByteArray(Payload.data(n)))
                .build();
    }
}
