/* The SDK's clients, pointed at the broker and the tables; and what they were seen to say. */

import java.util.Map;
import java.util.TreeMap;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardRequest;
import software.amazon.kinesis.common.KinesisClientUtil;

final class Clients implements AutoCloseable {
    private static final StaticCredentialsProvider CREDENTIALS =
            StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret"));

    /** The story's own. */
    final KinesisAsyncClient kinesis;
    /** The KCL's, made as it recommends. */
    final KinesisAsyncClient kclKinesis;
    final DynamoDbAsyncClient dynamodb;
    /** The KCL wants one, but is told to measure nothing; it is never called. */
    final CloudWatchAsyncClient cloudWatch;

    private final Map<String, Integer> spoken = new TreeMap<>();

    Clients(Options options) {
        kinesis = kinesis(options);
        kclKinesis = kinesis(options);
        dynamodb = DynamoDbAsyncClient.builder()
                .endpointOverride(options.dynamodb())
                .region(Region.US_EAST_1)
                .credentialsProvider(CREDENTIALS)
                .build();
        cloudWatch = CloudWatchAsyncClient.builder()
                .endpointOverride(options.kinesis())
                .region(Region.US_EAST_1)
                .credentialsProvider(CREDENTIALS)
                .build();
    }

    private KinesisAsyncClient kinesis(Options options) {
        var builder = KinesisClientUtil.adjustKinesisClientBuilder(KinesisAsyncClient.builder())
                .endpointOverride(options.kinesis())
                .region(Region.US_EAST_1)
                .credentialsProvider(CREDENTIALS)
                .overrideConfiguration(each -> each.addExecutionInterceptor(new Listener()));
        if (options.http1()) {
            builder.httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1));
        }
        return builder.build();
    }

    /** How often each content type was sent, and each was answered; a subscription is JSON in any case. */
    synchronized Map<String, Integer> spoken() {
        return new TreeMap<>(spoken);
    }

    private final class Listener implements ExecutionInterceptor {
        @Override
        public void afterTransmission(Context.AfterTransmission seen, ExecutionAttributes none) {
            if (seen.request() instanceof SubscribeToShardRequest) {
                return;
            }
            String asked = seen.httpRequest().firstMatchingHeader("Content-Type").orElse("nothing");
            // Void answers have no body, and then the type does not matter.
            boolean empty = seen.httpResponse().firstMatchingHeader("Content-Length").orElse("").equals("0");
            String answered = seen.httpResponse().firstMatchingHeader("Content-Type").orElse("nothing");
            synchronized (Clients.this) {
                spoken.merge("asked in " + asked, 1, Integer::sum);
                if (!empty) {
                    spoken.merge("answered in " + answered, 1, Integer::sum);
                }
            }
        }
    }

    @Override
    public void close() {
        kinesis.close();
        kclKinesis.close();
        dynamodb.close();
        cloudWatch.close();
    }
}
