/* What the program is told. */

import java.net.URI;
import java.util.Arrays;
import java.util.List;
import software.amazon.awssdk.core.SdkSystemSetting;

/** `http1` is for brokers that do not speak HTTP/2 without TLS, which is what the KCL's own client is set to. */
record Options(URI kinesis, URI dynamodb, Retrieval retrieval, boolean shortRun, boolean http1) {
    enum Retrieval {
        POLLING,
        FANOUT
    }

    static Options of(String[] words) {
        List<String> plain = Arrays.stream(words).filter(word -> !word.startsWith("--")).toList();
        List<String> flags = Arrays.stream(words).filter(word -> word.startsWith("--")).toList();
        if (plain.size() != 3 || !List.of("--short", "--http1").containsAll(flags)) {
            throw new IllegalArgumentException("KINESIS_URL DYNAMODB_URL polling|fanout [--short] [--http1]");
        }
        Retrieval retrieval = Retrieval.valueOf(plain.get(2).toUpperCase());
        boolean shortRun = flags.contains("--short");
        boolean http1 = flags.contains("--http1");
        return new Options(URI.create(plain.get(0)), URI.create(plain.get(1)), retrieval, shortRun, http1);
    }

    /** Whether the SDK was told to speak CBOR, which it does unless told otherwise. */
    static boolean cbor() {
        return SdkSystemSetting.CBOR_ENABLED.getBooleanValueOrThrow();
    }
}
