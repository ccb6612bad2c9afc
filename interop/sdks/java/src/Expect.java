package interop;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.Year;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.Shard;

/** What answers are held against. Called by the scenes. */
final class Expect {
    /** Exclusive: hash keys are smaller. */
    static final BigInteger HASH_KEYS = BigInteger.ONE.shiftLeft(128);
    static final String WRONG = "InvalidArgumentException";
    static final String INVALID = "ValidationException";
    static final String EITHER = WRONG + "|" + INVALID;
    static final String UNKNOWN = "ResourceNotFoundException";
    static final String BUSY = "ResourceInUseException";

    static void expect(String what, Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) {
            throw new AssertionError(what + ": expected " + wanted + ", got " + got);
        }
    }

    static void expectMatch(String what, String got, String pattern) {
        if (got == null || !got.matches(pattern)) {
            throw new AssertionError(what + ": expected a match of " + pattern + ", got " + got);
        }
    }

    /** The time is of this minute, give or take a few; so its unit was understood. */
    static void expectNow(String what, Instant got) {
        Instant now = Instant.now();
        Duration near = Duration.ofMinutes(5);
        List<Integer> years = List.of(year(now), year(now.minus(near)));
        if (!years.contains(year(got)) || Duration.between(got, now).abs().compareTo(near) > 0) {
            throw new AssertionError(what + ": expected about " + now + ", got " + got);
        }
    }

    private static int year(Instant time) {
        return Year.from(time.atOffset(ZoneOffset.UTC)).getValue();
    }

    /** The call fails with one of the codes, separated by `|`, and a message that holds all of the texts. */
    static void refused(String codes, List<String> texts, World.Check call) throws Exception {
        try {
            call.run();
        } catch (KinesisException fault) {
            AwsErrorDetails details = fault.awsErrorDetails();
            String told = details.errorCode() + ": " + details.errorMessage();
            boolean meant = Arrays.asList(codes.split("\\|")).contains(details.errorCode());
            if (!meant || !texts.stream().allMatch(details.errorMessage()::contains)) {
                throw new AssertionError("expected " + codes + ": " + texts + ", got " + told);
            }
            expect("the status of " + told, fault.statusCode(), 400);
            expect("the class of " + told, fault.getClass(), classOf(details.errorCode()));
            return;
        }
        throw new AssertionError("expected " + codes + ", but it was done");
    }

    static void refused(String codes, String text, World.Check call) throws Exception {
        refused(codes, List.of(text), call);
    }

    /** What the model has is a class of its own. */
    private static Class<?> classOf(String code) {
        try {
            return Class.forName(KinesisException.class.getPackageName() + "." + code);
        } catch (ClassNotFoundException none) {
            return KinesisException.class;
        }
    }

    /** The request's id is told with a fault. */
    static void expectRequestId(AwsServiceException fault) {
        expect("the request id's length", fault.requestId().length(), 36);
    }

    /** The shards cover the hash keys, once each. */
    static void tiles(List<Shard> shards) {
        List<Shard> sorted = shards.stream()
            .sorted((one, other) -> start(one).compareTo(start(other)))
            .collect(Collectors.toList());
        BigInteger following = BigInteger.ZERO;
        for (Shard shard : sorted) {
            expect("the start of " + shard.shardId(), start(shard), following);
            following = new BigInteger(shard.hashKeyRange().endingHashKey()).add(BigInteger.ONE);
        }
        expect("the end of the last shard", following, HASH_KEYS);
    }

    static BigInteger start(Shard shard) {
        return new BigInteger(shard.hashKeyRange().startingHashKey());
    }

    static List<String> ids(List<Shard> shards) {
        return shards.stream().map(Shard::shardId).collect(Collectors.toList());
    }

    static String shardId(int number) {
        return String.format("shardId-%012d", number);
    }

    /** The ids of these shards. */
    static List<String> shardIds(int... numbers) {
        return IntStream.of(numbers).mapToObj(Expect::shardId).collect(Collectors.toList());
    }

    private Expect() {
    }
}
