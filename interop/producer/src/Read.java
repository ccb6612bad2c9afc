/* The Java end of `cargo xtask interop producer`: reads streams with the AWS SDK and unpacks with the KCL's own
 * de-aggregator, which is told the shard's hash keys and so passes over what reaches outside of them.
 *
 * Usage: Read ENDPOINT STREAM... Every shard is read from its first record to its last, parents before children, and
 * each user record becomes a line:
 *
 *     stream shard sequence sub-sequence key-in-hex hash-key sha256
 *
 * with '-' for what there is none of. */

import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

final class Read {
    private static final PrintStream OUT =
            new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);

    private final KinesisAsyncClient kinesis;
    private final AggregatorUtil aggregator = new AggregatorUtil();
    private final String stream;

    private Read(KinesisAsyncClient kinesis, String stream) {
        this.kinesis = kinesis;
        this.stream = stream;
    }

    public static void main(String[] arguments) throws Exception {
        var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret"));
        var builder = KinesisClientUtil.adjustKinesisClientBuilder(KinesisAsyncClient.builder())
                .endpointOverride(URI.create(arguments[0]))
                .region(Region.US_EAST_1)
                .credentialsProvider(credentials);
        try (KinesisAsyncClient kinesis = builder.build()) {
            for (String stream : List.of(arguments).subList(1, arguments.length)) {
                Read read = new Read(kinesis, stream);
                for (Shard shard : read.shards()) {
                    read.shard(shard);
                }
            }
        }
        OUT.flush();
        if (OUT.checkError()) {
            throw new AssertionError("the output was not taken");
        }
    }

    private List<Shard> shards() {
        var page = kinesis.listShards(it -> it.streamName(stream)).join();
        List<Shard> shards = new ArrayList<>(page.shards());
        while (page.nextToken() != null) {
            String token = page.nextToken();
            page = kinesis.listShards(it -> it.nextToken(token)).join();
            shards.addAll(page.shards());
        }
        // A child's id is greater than its parents'.
        shards.sort(Comparator.comparing(Shard::shardId));
        return shards;
    }

    private void shard(Shard shard) throws NoSuchAlgorithmException {
        var issued = kinesis.getShardIterator(it -> it.streamName(stream)
                .shardId(shard.shardId())
                .shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        String iterator = issued.join().shardIterator();
        // A shard that is closed ends; nobody writes to one that is open any more.
        while (iterator != null) {
            String here = iterator;
            var page = kinesis.getRecords(it -> it.shardIterator(here)).join();
            // As the KCL does in its record processors' shell.
            var records = page.records().stream().map(KinesisClientRecord::fromRecord).toList();
            var range = shard.hashKeyRange();
            for (KinesisClientRecord record :
                    aggregator.deaggregate(records, range.startingHashKey(), range.endingHashKey())) {
                OUT.println(line(shard, record));
            }
            if (page.millisBehindLatest() == 0 && page.records().isEmpty()) {
                return;
            }
            iterator = page.nextShardIterator();
        }
    }

    private String line(Shard shard, KinesisClientRecord record) throws NoSuchAlgorithmException {
        HexFormat hex = HexFormat.of();
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(record.data().duplicate());
        String key = record.partitionKey() == null ? "" : record.partitionKey();
        return String.join(
                " ",
                stream,
                shard.shardId(),
                record.sequenceNumber(),
                Long.toString(record.subSequenceNumber()),
                key.isEmpty() ? "-" : hex.formatHex(key.getBytes(StandardCharsets.UTF_8)),
                record.explicitHashKey() == null ? "-" : record.explicitHashKey(),
                hex.formatHex(digest.digest()));
    }
}
