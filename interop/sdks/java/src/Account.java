package interop;

import static interop.Expect.EITHER;
import static interop.Expect.expect;
import static interop.Expect.expectNow;
import static interop.Expect.refused;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentInputStatus;
import software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentOutput;
import software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentOutputStatus;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.StreamSummary;
import software.amazon.awssdk.services.kinesis.model.WarmThroughputObject;

/** What the account promises, what it gets for it, and what it may have. Called by {@link Main}. */
final class Account {
    static void run(World world) {
        commitment(world);
        limits(world);
    }

    private static MinimumThroughputBillingCommitmentOutput commit(World world,
            MinimumThroughputBillingCommitmentInputStatus status) {
        return world.client.updateAccountSettings(
            it -> it.minimumThroughputBillingCommitment(commitment -> commitment.status(status)))
            .minimumThroughputBillingCommitment();
    }

    private static MinimumThroughputBillingCommitmentOutput committed(World world) {
        return world.client.describeAccountSettings(it -> { }).minimumThroughputBillingCommitment();
    }

    private static void commitment(World world) {
        KinesisClient client = world.client;
        world.check("refused: warm throughput for an account without the commitment", () -> {
            client.createStream(it -> it.streamName("warm")
                .streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND)));
            world.settled("warm");
            expect("Status", committed(world).status(), MinimumThroughputBillingCommitmentOutputStatus.DISABLED);
            refused(EITHER + "|LimitExceededException", "",
                () -> client.updateStreamWarmThroughput(it -> it.streamName("warm").warmThroughputMiBps(100)));
        });
        world.check("commit the account", () -> {
            var answer = commit(world, MinimumThroughputBillingCommitmentInputStatus.ENABLED);
            for (var commitment : List.of(answer, committed(world))) {
                expect("Status", commitment.status(), MinimumThroughputBillingCommitmentOutputStatus.ENABLED);
                expectNow("StartedAt", commitment.startedAt());
                Instant dayBefore = commitment.earliestAllowedEndAt().minus(Duration.ofDays(1));
                expectNow("a day before it may end", dayBefore);
            }
        });
        world.check("warm throughput, asked for and there", () -> {
            var answer = client.updateStreamWarmThroughput(it -> it.streamName("warm").warmThroughputMiBps(100));
            expect("TargetMiBps", answer.warmThroughput().targetMiBps(), 100);
            expect("StreamName", answer.streamName(), "warm");
            WarmThroughputObject wanted = WarmThroughputObject.builder().targetMiBps(100).currentMiBps(100).build();
            World.until("it is warm", 100, () -> wanted.equals(world.settled("warm").warmThroughput()));
            client.createStream(it -> it.streamName("warm-born").warmThroughputMiBps(50)
                .streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND)));
            expect("TargetMiBps", world.settled("warm-born").warmThroughput().targetMiBps(), 50);
        });
        world.check("a commitment ends no sooner than it may", () -> {
            var commitment = commit(world, MinimumThroughputBillingCommitmentInputStatus.DISABLED);
            expect("Status", commitment.status(),
                MinimumThroughputBillingCommitmentOutputStatus.ENABLED_UNTIL_EARLIEST_ALLOWED_END);
            boolean later = commitment.earliestAllowedEndAt().isAfter(Instant.now());
            expect("whether it ends later", later, true);
            var again = commit(world, MinimumThroughputBillingCommitmentInputStatus.ENABLED);
            expect("Status", again.status(), MinimumThroughputBillingCommitmentOutputStatus.ENABLED);
        });
    }

    private static void limits(World world) {
        world.check("the account's limits, and what counts against them", () -> {
            var answer = world.client.describeLimits(it -> { });
            int provisioned = 0;
            int all = 0;
            int streams = 0;
            List<StreamSummary> summaries = world.client.listStreamsPaginator().stream()
                .flatMap(page -> page.streamSummaries().stream()).toList();
            for (StreamSummary stream : summaries) {
                boolean onDemand = stream.streamModeDetails().streamMode() == StreamMode.ON_DEMAND;
                int opened = world.settled(stream.streamName()).openShardCount();
                all += opened;
                provisioned += onDemand ? 0 : opened;
                streams += onDemand ? 1 : 0;
            }
            expect("OnDemandStreamCount", answer.onDemandStreamCount(), streams);
            int opened = answer.openShardCount();
            if (opened < provisioned || opened > all) {
                throw new AssertionError("OpenShardCount is " + opened + ", of " + provisioned + " to " + all);
            }
            boolean within = answer.shardLimit() >= opened && answer.onDemandStreamCountLimit() >= streams;
            expect("whether all is within the limits", within, true);
        });
    }

    private Account() {
    }
}
