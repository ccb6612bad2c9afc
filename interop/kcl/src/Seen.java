/* What the KCL delivered, shard by shard, and what was wrong with it at once. */

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

final class Seen {
    /** One shard; all is guarded by the `Seen` it belongs to. */
    static final class OfShard {
        /** Moments, counted over all shards; 0 is never. */
        long firstStart;
        long end;
        /** Of the reader that reads now. */
        BigInteger last;
        Instant lastArrival;
        /** What the last call said, and the most any said. */
        long behind = -1;
        long mostBehind = -1;
        Set<String> childrenTold = new TreeSet<>();
    }

    /** One delivery of a record. */
    record Delivery(String shard, String sequenceNumber) {}

    private final Instant begin = Instant.now();
    private final Map<String, OfShard> shards = new TreeMap<>();
    private final Map<Integer, List<Delivery>> deliveries = new TreeMap<>();
    private final List<String> disorder = new ArrayList<>();
    private final List<String> damage = new ArrayList<>();
    private final List<String> wrongArrival = new ArrayList<>();
    private final List<String> lost = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();
    private long moment;

    synchronized void started(String shard) {
        OfShard it = of(shard);
        moment += 1;
        it.firstStart = it.firstStart == 0 ? moment : it.firstStart;
        it.last = null;
        it.lastArrival = null;
        it.behind = -1;
    }

    synchronized void ended(String shard) {
        moment += 1;
        of(shard).end = moment;
    }

    synchronized void leaseLost(String shard) {
        lost.add(shard);
    }

    synchronized void fault(String shard, Throwable fault) {
        faults.add(shard + ": " + fault);
    }

    synchronized void delivered(String shard, ProcessRecordsInput input) {
        OfShard it = of(shard);
        input.records().forEach(record -> delivered(shard, it, record));
        if (input.millisBehindLatest() != null) {
            it.behind = input.millisBehindLatest();
            it.mostBehind = Math.max(it.mostBehind, it.behind);
        }
        if (input.childShards() != null) {
            input.childShards().forEach(
                    child -> it.childrenTold.add(child.shardId() + " of " + new TreeSet<>(child.parentShards())));
        }
    }

    private void delivered(String shard, OfShard it, KinesisClientRecord record) {
        String where = shard + " at " + record.sequenceNumber();
        BigInteger number = new BigInteger(record.sequenceNumber());
        if (it.last != null && number.compareTo(it.last) <= 0) {
            disorder.add(where + " after " + it.last);
        }
        it.last = number;

        Instant arrival = record.approximateArrivalTimestamp();
        // The broker may count in whole milliseconds.
        if (arrival == null || arrival.isBefore(begin.minusMillis(1)) || arrival.isAfter(Instant.now().plusMillis(1))) {
            wrongArrival.add(where + " arrived at " + arrival);
        } else if (it.lastArrival != null && arrival.isBefore(it.lastArrival)) {
            wrongArrival.add(where + " arrived at " + arrival + ", the one before it at " + it.lastArrival);
        }
        it.lastArrival = arrival;

        ByteBuffer data = record.data().duplicate();
        int n = Payload.number(data);
        byte[] bytes = new byte[data.remaining()];
        data.get(bytes);
        if (n < 0 || !Arrays.equals(bytes, Payload.data(n)) || !record.partitionKey().equals(Payload.key(n))) {
            damage.add(where + ", record " + n + ": " + bytes.length + " bytes, key " + record.partitionKey());
        }
        deliveries.computeIfAbsent(n, none -> new ArrayList<>()).add(new Delivery(shard, record.sequenceNumber()));
    }

    private OfShard of(String shard) {
        return shards.computeIfAbsent(shard, none -> new OfShard());
    }

    synchronized Map<Integer, List<Delivery>> deliveries() {
        Map<Integer, List<Delivery>> copy = new TreeMap<>();
        deliveries.forEach((n, each) -> copy.put(n, List.copyOf(each)));
        return copy;
    }

    synchronized boolean hasSeen(int n) {
        return deliveries.containsKey(n);
    }

    /** Whether any record of the shard was delivered. */
    synchronized boolean hasReadFrom(String shard) {
        return of(shard).last != null;
    }

    synchronized long firstStart(String shard) {
        return of(shard).firstStart;
    }

    /** When `SHARD_END` was stored; 0 is never. */
    synchronized long end(String shard) {
        return of(shard).end;
    }

    /** What the shard's last call said, or -1. */
    synchronized long behind(String shard) {
        return of(shard).behind;
    }

    synchronized long mostBehind() {
        return shards.values().stream().mapToLong(each -> each.mostBehind).max().orElse(-1);
    }

    /** The last record of a shard; null if there was none. */
    synchronized String last(String shard) {
        BigInteger last = of(shard).last;
        return last == null ? null : last.toString();
    }

    /** The children the KCL was told of at the shard's end, and their parents. */
    synchronized Set<String> childrenTold(String shard) {
        return Set.copyOf(of(shard).childrenTold);
    }

    synchronized List<String> disorder() {
        return List.copyOf(disorder);
    }

    synchronized List<String> damage() {
        return List.copyOf(damage);
    }

    synchronized List<String> wrongArrival() {
        return List.copyOf(wrongArrival);
    }

    synchronized List<String> lost() {
        return List.copyOf(lost);
    }

    synchronized List<String> faults() {
        return List.copyOf(faults);
    }
}
