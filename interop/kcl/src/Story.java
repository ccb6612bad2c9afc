/*
 * What happens: a stream of two shards is read while it is written to; one shard is split, then a child merged with its
 * neighbour, once or several times; at the end the reader is stopped, and comes back.
 * It waits for what each step must lead to.
 */

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import software.amazon.awssdk.services.kinesis.model.Shard;

final class Story {
    private final Options options;
    private final Clients clients;
    private final Checks checks;

    final Stream stream;
    final String application;
    final Writer writer;
    final Seen seen = new Seen();

    Story(Options options, Clients clients, Checks checks) {
        this.options = options;
        this.clients = clients;
        this.checks = checks;
        String id = (Options.cbor() ? "cbor" : "json") + "-" + options.retrieval().name().toLowerCase()
                + "-" + Long.toString(System.currentTimeMillis(), 36);
        stream = new Stream(clients.kinesis, "stream-" + id);
        application = "application-" + id;
        writer = new Writer(clients.kinesis, stream.name);
    }

    void run() throws Checks.Late, InterruptedException {
        stream.create(2);
        writer.put(options.shortRun() ? 1_000 : 5_000);
        Worker worker = new Worker(options, clients, stream.name, application, seen);
        checks.await("what was put before the worker came is read", this::unseen);
        writer.flow(options.shortRun() ? 150 : 900);
        for (int round = 0; round < (options.shortRun() ? 1 : 4); round++) {
            reshape();
        }
        writer.stop();
        writer.put(100);
        checks.await("every record that was acknowledged is read", this::unseen);
        checks.await("every closed shard's lease is at SHARD_END", this::unended);
        checks.await("the readers of open shards have caught up", this::behind);
        checks.judge("the worker stops when it is asked to", worker.shutDown());
        checks.judge("checkpoints of open shards are at their last record", misplaced());
        comeBack();
    }

    /** Splits the lower of two shards, and merges the upper child with its neighbour. */
    private void reshape() throws Checks.Late, InterruptedException {
        List<Shard> two = open();
        stream.split(two.get(0));
        List<Shard> split = two.subList(0, 1);
        checks.await("a split shard is read to its end, and its children after it", () -> notReshaped(split));
        List<Shard> three = open();
        stream.merge(three.get(1), three.get(2));
        List<Shard> merged = three.subList(1, 3);
        checks.await("merged shards are read to their end, and their child after them", () -> notReshaped(merged));
        // The flow goes on a little, so that the child is read while it is written to.
        int enough = writer.tried() + (options.shortRun() ? 300 : 2_000);
        checks.await("the writer goes on", () -> writer.tried() < enough ? "too slow " + writer.fault() : "");
        checks.judge("all it put was taken", writer.fault());
    }

    /** A second worker takes up what the first one left. */
    private void comeBack() throws Checks.Late, InterruptedException {
        int before = duplicates();
        writer.put(100);
        Worker worker = new Worker(options, clients, stream.name, application, seen);
        checks.await("a worker that comes back reads on", this::unseen);
        checks.await("it catches up too", this::behind);
        int again = duplicates() - before;
        checks.judge("it is given nothing a second time", again == 0 ? "" : again + " records");
        checks.judge("it stops too", worker.shutDown());
    }

    /** The open shards, by where they start. */
    private List<Shard> open() {
        var open = stream.shards().values().stream().filter(Predicate.not(Stream::closed));
        return open.sorted(Comparator.comparing(Stream::start)).toList();
    }

    /** Which records are stored, but were not delivered; empty if none. */
    String unseen() {
        Map<String, Integer> missing = new TreeMap<>();
        writer.acknowledged().forEach((n, place) -> {
            if (!seen.hasSeen(n)) {
                missing.merge(place.shard(), 1, Integer::sum);
            }
        });
        return missing.isEmpty() ? "" : "records not seen: " + missing;
    }

    /** Which of these closed shards did not end, or have a child that nothing was read from. */
    private String notReshaped(Collection<Shard> parents) {
        List<String> ids = parents.stream().map(Shard::shardId).toList();
        List<String> going = ids.stream().filter(shard -> seen.end(shard) == 0).toList();
        List<String> idle = stream.shards().values().stream()
                .filter(shard -> Stream.parents(shard).stream().anyMatch(ids::contains))
                .map(Shard::shardId)
                .filter(Predicate.not(seen::hasReadFrom))
                .toList();
        return going.isEmpty() && idle.isEmpty() ? "" : "not ended: " + going + ", children not read: " + idle;
    }

    /** Which closed shards have a lease elsewhere than at their end, or none. */
    String unended() {
        var leases = LeaseTable.read(clients.dynamodb, application);
        Map<String, String> wrong = new TreeMap<>();
        stream.shards().values().stream().filter(Stream::closed).forEach(shard -> {
            var lease = leases.get(shard.shardId());
            String checkpoint = lease == null ? "no lease" : lease.checkpoint();
            if (!checkpoint.equals("SHARD_END")) {
                wrong.put(shard.shardId(), checkpoint);
            }
        });
        return wrong.isEmpty() ? "" : wrong.toString();
    }

    /** How far behind the readers of open shards are. */
    String behind() {
        Map<String, Long> behind = new TreeMap<>();
        open().forEach(shard -> {
            long millis = seen.behind(shard.shardId());
            if (millis != 0) {
                behind.put(shard.shardId(), millis);
            }
        });
        return behind.isEmpty() ? "" : "milliseconds behind (-1 is never told): " + behind;
    }

    private String misplaced() {
        var leases = LeaseTable.read(clients.dynamodb, application);
        Map<String, String> wrong = new TreeMap<>();
        open().forEach(shard -> {
            var lease = leases.get(shard.shardId());
            String last = seen.last(shard.shardId());
            if (lease == null || !lease.checkpoint().equals(last)) {
                wrong.put(shard.shardId(), (lease == null ? "no lease" : lease.checkpoint()) + ", last " + last);
            }
        });
        return wrong.isEmpty() ? "" : wrong.toString();
    }

    /** How many deliveries were not the first of their record. */
    int duplicates() {
        return seen.deliveries().values().stream().mapToInt(each -> each.size() - 1).sum();
    }
}
