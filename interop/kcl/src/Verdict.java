/* What must be true when the story is over, however it went. */

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;

final class Verdict {
    private final Story story;
    private final Clients clients;
    private final Checks checks;
    private final Map<String, Shard> shards;

    Verdict(Story story, Clients clients, Checks checks) {
        this.story = story;
        this.clients = clients;
        this.checks = checks;
        shards = story.stream.shards();
    }

    void print() {
        Seen seen = story.seen;
        checks.judge("nothing acknowledged is lost", story.unseen());
        checks.judge("every record came whole", some(seen.damage()));
        checks.judge("every record came once acknowledged, where and as numbered then", some(misnumbered()));
        checks.judge("every record is in the shard of its hash key", some(misrouted()));
        checks.judge("within a shard, records came in order", some(seen.disorder()));
        checks.judge("times of arrival lie within the run, and never go back", some(seen.wrongArrival()));
        checks.judge("a reader that is behind was told so", seen.mostBehind() > 0 ? "" : "it never was");
        checks.judge("children were started after their parents' end", some(tooEarly()));
        checks.judge("closed shards ended in the lease table", story.unended());
        checks.judge("the lease table has every shard and its family", some(unrelated()));
        checks.judge("last records named just the children there are", some(unannounced()));
        checks.judge("a reader of a closed shard's latest is told its children", some(unanswered()));
        checks.judge("shards by filter: all, those at the horizon, the latest", some(misfiltered()));
        checks.judge("no lease was lost", some(seen.lost()));
        checks.judge("no reader failed", some(seen.faults()));
        checks.judge("all was asked and answered in " + type(), some(otherTypes()));
        System.out.printf(
                "%d records stored, %d seen, %d more than once; %d shards, at most %d ms behind%n",
                story.writer.acknowledged().size(),
                seen.deliveries().size(),
                story.duplicates(),
                shards.size(),
                seen.mostBehind());
    }

    /** The first few of many complaints. */
    private static String some(Collection<String> complaints) {
        String shown = complaints.stream().limit(5).collect(Collectors.joining("; "));
        return complaints.size() <= 5 ? shown : shown + "; and " + (complaints.size() - 5) + " more";
    }

    private List<String> misnumbered() {
        List<String> wrong = new ArrayList<>();
        story.seen.deliveries().forEach((n, each) -> {
            Writer.Place place = story.writer.acknowledged().get(n);
            for (Seen.Delivery delivery : each) {
                if (place == null) {
                    wrong.add("record " + n + " was never acknowledged");
                } else if (!new Writer.Place(delivery.shard(), delivery.sequenceNumber()).equals(place)) {
                    wrong.add("record " + n + " was " + place + ", came as " + delivery);
                }
            }
        });
        return wrong;
    }

    private List<String> misrouted() {
        List<String> wrong = new ArrayList<>();
        story.writer.acknowledged().forEach((n, place) -> {
            Shard shard = shards.get(place.shard());
            BigInteger key = Payload.hashKey(n);
            if (shard == null || key.compareTo(Stream.start(shard)) < 0 || key.compareTo(Stream.end(shard)) > 0) {
                wrong.add("record " + n + ", hash key " + key + ", in " + place.shard());
            }
        });
        return wrong;
    }

    private List<String> tooEarly() {
        List<String> wrong = new ArrayList<>();
        shards.values().forEach(shard -> Stream.parents(shard).forEach(parent -> {
            long end = story.seen.end(parent);
            long start = story.seen.firstStart(shard.shardId());
            if (end == 0 || start == 0 || start < end) {
                wrong.add(shard.shardId() + " at moment " + start + ", " + parent + " ended at " + end);
            }
        }));
        return wrong;
    }

    private List<String> unrelated() {
        List<String> wrong = new ArrayList<>();
        var leases = LeaseTable.read(clients.dynamodb, story.application);
        shards.values().forEach(shard -> {
            var lease = leases.get(shard.shardId());
            var parents = new TreeSet<>(Stream.parents(shard));
            var children = children(shard.shardId()).stream().map(Shard::shardId).collect(Collectors.toSet());
            if (lease == null || !lease.parents().equals(parents) || !lease.children().equals(children)) {
                wrong.add(shard.shardId() + ", parents " + parents + ", children " + children + ", has " + lease);
            }
        });
        var strangers = leases.keySet().stream().filter(each -> !shards.containsKey(each));
        strangers.forEach(each -> wrong.add("no shard " + each));
        return wrong;
    }

    private List<Shard> children(String parent) {
        return shards.values().stream().filter(shard -> Stream.parents(shard).contains(parent)).toList();
    }

    private Set<String> familyOf(String parent) {
        Set<String> family = new TreeSet<>();
        children(parent).forEach(child -> family.add(child.shardId() + " of " + new TreeSet<>(Stream.parents(child))));
        return family;
    }

    /** Children are told with the last records; if the last answer had none, the KCL keeps them to itself. */
    private List<String> unannounced() {
        List<String> wrong = new ArrayList<>();
        for (String shard : shards.keySet()) {
            Set<String> told = story.seen.childrenTold(shard);
            if (!told.isEmpty() && !told.equals(familyOf(shard))) {
                wrong.add(shard + " named " + told + ", has " + familyOf(shard));
            }
        }
        return wrong;
    }

    private List<String> unanswered() {
        List<String> wrong = new ArrayList<>();
        shards.values().stream().filter(Stream::closed).map(Shard::shardId).forEach(shard -> {
            var answer = story.stream.readLatest(shard);
            Set<String> told = new TreeSet<>();
            answer.childShards().forEach(
                    child -> told.add(child.shardId() + " of " + new TreeSet<>(child.parentShards())));
            if (answer.nextShardIterator() != null || !answer.records().isEmpty() || !told.equals(familyOf(shard))) {
                wrong.add(shard + ": " + answer);
            }
        });
        return wrong;
    }

    private List<String> misfiltered() {
        List<String> wrong = new ArrayList<>();
        expect(wrong, ShardFilterType.FROM_TRIM_HORIZON, shards.values().stream().toList());
        expect(wrong, ShardFilterType.AT_TRIM_HORIZON,
                shards.values().stream().filter(shard -> Stream.parents(shard).isEmpty()).toList());
        List<Shard> open = shards.values().stream().filter(shard -> !Stream.closed(shard)).toList();
        expect(wrong, ShardFilterType.AT_LATEST, open);
        BigInteger next = BigInteger.ZERO;
        for (Shard shard : open.stream().sorted(Comparator.comparing(Stream::start)).toList()) {
            if (!Stream.start(shard).equals(next)) {
                wrong.add("open shards leave a hole, or overlap, before " + shard);
            }
            next = Stream.end(shard).add(BigInteger.ONE);
        }
        if (!next.equals(BigInteger.ONE.shiftLeft(128))) {
            wrong.add("open shards end before " + next);
        }
        return wrong;
    }

    private void expect(List<String> wrong, ShardFilterType filter, List<Shard> expected) {
        var answer = story.stream.shards(filter);
        if (!ids(answer).equals(ids(expected))) {
            wrong.add(filter + " gave " + ids(answer) + ", not " + ids(expected));
        } else if (!answer.equals(expected)) {
            wrong.add(filter + " gave " + answer + ", not " + expected);
        }
    }

    private static List<String> ids(List<Shard> shards) {
        return shards.stream().map(Shard::shardId).toList();
    }

    private static String type() {
        return Options.cbor() ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
    }

    private List<String> otherTypes() {
        List<String> wrong = new ArrayList<>();
        clients.spoken().forEach((spoken, times) -> {
            if (!spoken.endsWith(" in " + type())) {
                wrong.add(times + " times " + spoken);
            }
        });
        return wrong;
    }
}
