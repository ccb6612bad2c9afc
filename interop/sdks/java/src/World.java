package interop;

import static interop.Expect.expect;

import java.lang.reflect.Method;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.KinesisRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordRequest;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.waiters.KinesisWaiter;

/** The endpoint under trial, what came of it so far, and streams that are waited for. Made by {@link Main}. */
final class World {
    /** How long a stream may take from one state to the next. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    /** Five calls a second are what a shard allows its readers. */
    static final long PAUSE = 210;

    interface Check {
        void run() throws Exception;
    }

    private static final StaticCredentialsProvider CREDENTIALS =
        StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret"));
    /** What this SDK may lack of what the service has. */
    private static final List<String> SEEN_ELSEWHERE = List.of("AcknowledgeDeadLetterQueueRecords",
        "AcknowledgeQueueRecords", "CreateChannel", "CreateQueue", "DeleteChannel", "DeleteQueue", "DescribeChannel",
        "DescribeQueue", "ListChannels", "ListQueues", "ReceiveDeadLetterQueueRecords", "ReceiveQueueRecords",
        "RestoreDeadLetterQueueRecords", "UpdateChannel", "UpdateDeadLetterQueueRecordsVisibility", "UpdateQueue",
        "UpdateQueueRecordsVisibility", "UpdateStreamRecordDistributionStrategy");

    private final URI endpoint;
    final KinesisClient client;
    final KinesisWaiter waiter;
    final boolean isShort;
    private int passed;
    private int failed;
    private final Set<String> called = new TreeSet<>();
    private final Set<String> encodings = new TreeSet<>();

    World(String endpoint, boolean isShort) {
        this.endpoint = URI.create(endpoint);
        this.isShort = isShort;
        client = KinesisClient.builder()
            .endpointOverride(this.endpoint)
            .region(Region.US_EAST_1)
            .credentialsProvider(CREDENTIALS)
            .overrideConfiguration(it -> it.addExecutionInterceptor(new Note()))
            .build();
        // Ten seconds, the default, are made for a service that takes its time.
        BackoffStrategy often = BackoffStrategy.fixedDelayWithoutJitter(Duration.ofMillis(500));
        waiter = KinesisWaiter.builder()
            .client(client)
            .overrideConfiguration(it -> it.maxAttempts(60).backoffStrategyV2(often))
            .build();
    }

    /** The other client; its operations are the same, and it is not asked which of them were called. */
    KinesisAsyncClient asynchronous() {
        return KinesisAsyncClient.builder().endpointOverride(endpoint).region(Region.US_EAST_1)
            .credentialsProvider(CREDENTIALS)
            // All of its calls may be under way at once.
            .httpClientBuilder(NettyNioAsyncHttpClient.builder().maxConcurrency(500))
            .build();
    }

    private final class Note implements ExecutionInterceptor {
        @Override
        public void beforeExecution(Context.BeforeExecution context, ExecutionAttributes attributes) {
            called.add(attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME));
        }

        @Override
        public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
            encodings.add(context.httpRequest().firstMatchingHeader("Content-Type").orElse("none"));
        }
    }

    /** Runs it; whatever it throws is told, and the next check follows. */
    void check(String name, Check check) {
        try {
            check.run();
            passed += 1;
            System.out.println("ok " + name);
        } catch (Exception | AssertionError fault) {
            failed += 1;
            String text = String.valueOf(fault.getMessage()).replaceAll("\\s+", " ");
            String told = fault.getClass().getSimpleName() + ": " + text.substring(0, Math.min(500, text.length()));
            System.out.println("FAILED " + name + ": " + told);
        }
    }

    /** A new provisioned stream, active; its ARN. */
    String create(String name, int shards) throws Exception {
        client.createStream(it -> it.streamName(name).shardCount(shards));
        return settled(name).streamARN();
    }

    StreamDescriptionSummary summary(String name) {
        return client.describeStreamSummary(it -> it.streamName(name)).streamDescriptionSummary();
    }

    /** Waits until the stream is active; its summary. */
    StreamDescriptionSummary settled(String name) throws Exception {
        until(name + " is ACTIVE", 100, () -> summary(name).streamStatus() == StreamStatus.ACTIVE);
        return summary(name);
    }

    /** All shards of a stream, open and closed. */
    List<Shard> shards(String name) {
        return client.listShards(it -> it.streamName(name)).shards();
    }

    String iterator(String stream, String shard, ShardIteratorType kind) {
        return client.getShardIterator(it -> it.streamName(stream).shardId(shard).shardIteratorType(kind))
            .shardIterator();
    }

    /** Reads on until so many records were seen, or the shard's end. */
    List<Record> read(String iterator, int count) throws Exception {
        List<Record> seen = new ArrayList<>();
        String[] next = {iterator};
        until(count + " records are read", PAUSE, () -> {
            GetRecordsResponse answer = client.getRecords(it -> it.shardIterator(next[0]));
            seen.addAll(answer.records());
            next[0] = answer.nextShardIterator();
            return seen.size() >= count || next[0] == null;
        });
        return seen;
    }

    /** Asks until the answer is yes; fails when patience is out. */
    static void until(String what, long pause, Callable<Boolean> asked) throws Exception {
        long over = System.nanoTime() + PATIENCE.toNanos();
        while (!asked.call()) {
            if (System.nanoTime() > over) {
                throw new AssertionError("waited " + PATIENCE + " in vain until " + what);
            }
            Thread.sleep(pause);
        }
    }

    void theEncodingIsTheOneAskedFor() {
        boolean cbor = !"false".equals(System.getProperty("aws.cborEnabled"));
        String wanted = cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
        check("all was said in " + wanted, () -> expect("encodings", encodings, Set.of(wanted)));
    }

    void allOperationsWereCalled() {
        Set<String> offered = new TreeSet<>();
        for (Method method : KinesisClient.class.getMethods()) {
            Class<?>[] takes = method.getParameterTypes();
            boolean isCall = takes.length == 1 && KinesisRequest.class.isAssignableFrom(takes[0]);
            if (isCall && !method.getName().endsWith("Paginator")) {
                offered.add(takes[0].getSimpleName().replace("Request", ""));
            }
        }
        for (String name : SEEN_ELSEWHERE) {
            if (!offered.contains(name)) {
                System.out.println("not offered: " + name);
            }
        }
        if (Arrays.stream(PutRecordRequest.Builder.class.getMethods()).noneMatch(it -> it.getName().equals("dryRun"))) {
            System.out.println("not offered: DryRun");
        }
        check("every operation that the SDK offers was called", () -> {
            expect("whether there are enough operations", offered.size() >= 38, true);
            offered.removeAll(called);
            expect("operations never called", offered, Set.of());
        });
    }

    int sumUp() {
        System.out.println(passed + " passed, " + failed + " failed");
        return failed == 0 ? 0 : 1;
    }
}
