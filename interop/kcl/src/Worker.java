/*
 * A worker of the KCL, set up as its documentation has it, but quick: it looks for work, for leases and for ended
 * parents many times a second, and measures nothing, neither for CloudWatch nor of its machine.
 */

import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

final class Worker {
    /** So few that a reader that comes late is behind for a while. */
    private static final int MOST_RECORDS = 250;

    private final Scheduler scheduler;
    private final Thread thread;

    /** Starts it. The application's name is the lease table's too. */
    Worker(Options options, Clients clients, String stream, String application, Seen seen) {
        var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var configs = new ConfigsBuilder(
                new SingleStreamTracker(stream, start),
                application,
                clients.kclKinesis,
                clients.dynamodb,
                clients.cloudWatch,
                "worker",
                () -> new Reader(seen));
        var coordinator = configs.coordinatorConfig();
        coordinator.parentShardPollIntervalMillis(200);
        coordinator.shardConsumerDispatchPollIntervalMillis(100);
        var leases = configs.leaseManagementConfig();
        leases.leaseAssignmentIntervalMillis(1000L);
        // After a first list of shards it would sleep for a minute.
        leases.shardSyncIntervalMillis(100);
        // Leases of ended shards stay, to be looked at.
        leases.cleanupLeasesUponShardCompletion(false);
        leases.workerUtilizationAwareAssignmentConfig().disableWorkerMetrics(true);
        var processor = configs.processorConfig();
        // An empty answer says how far behind the reader is, too.
        processor.callProcessRecordsEvenForEmptyRecordList(true);
        var retrieval = configs.retrievalConfig();
        retrieval.retrievalSpecificConfig(retrieval(options, clients, stream, application));
        scheduler = new Scheduler(
                configs.checkpointConfig(),
                coordinator,
                leases,
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
                processor,
                retrieval);
        thread = new Thread(scheduler, "worker");
        thread.setDaemon(true);
        thread.start();
    }

    private static RetrievalSpecificConfig retrieval(
            Options options, Clients clients, String stream, String application) {
        return switch (options.retrieval()) {
            case POLLING -> new PollingConfig(stream, clients.kclKinesis)
                    .maxRecords(MOST_RECORDS)
                    .idleTimeBetweenReadsInMillis(250);
            case FANOUT -> new FanOutConfig(clients.kclKinesis).streamName(stream).applicationName(application);
        };
    }

    /** Stops it as an application would. Empty if it did stop, else why not. */
    String shutDown() throws InterruptedException {
        try {
            boolean done = scheduler.startGracefulShutdown().get(40, TimeUnit.SECONDS);
            thread.join(10_000);
            return done && !thread.isAlive() ? "" : "it says " + done + ", and runs: " + thread.isAlive();
        } catch (ExecutionException | TimeoutException fault) {
            return fault.toString();
        }
    }
}
