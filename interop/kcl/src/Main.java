/*
 * Reads a stream with the KCL while it is written to, split and merged, and judges what the KCL made of it.
 * Why: the KCL finishes a shard only if everything about its end is as the service would have it, and says nothing
 * when it is not; so what its lease table says at the end is the proof, and a deadline the judge.
 * `Story` is what happens, `Verdict` what must be true after it. Each check is a line, `ok ...` or `FAILED ...: why`.
 *
 *     java -cp ... [-Daws.cborEnabled=false] Main KINESIS_URL DYNAMODB_URL polling|fanout [--short] [--http1]
 */

import java.time.Duration;

public final class Main {
    private Main() {}

    /** How long all may take; what is missing by then is printed. */
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    /** How long after that the program ends, even if a call hangs. */
    private static final Duration GRACE = Duration.ofSeconds(20);

    public static void main(String[] words) {
        long start = System.nanoTime();
        Options options = Options.of(words);
        Checks checks = new Checks(start + PATIENCE.toNanos());
        Thread watch = new Thread(() -> endLate(checks), "watch");
        watch.setDaemon(true);
        watch.start();
        try (Clients clients = new Clients(options)) {
            Story story = new Story(options, clients, checks);
            try {
                story.run();
            } catch (Checks.Late late) {
                // What is missing stands there already; the rest is judged as it is.
            } finally {
                story.writer.stop();
            }
            new Verdict(story, clients, checks).print();
        } catch (Exception | AssertionError fault) {
            checks.judge("nothing went wrong", fault.toString());
            fault.printStackTrace();
        }
        boolean passed = checks.finish();
        System.out.printf("took %.1f s%n", (System.nanoTime() - start) / 1e9);
        System.exit(passed ? 0 : 1);
    }

    private static void endLate(Checks checks) {
        try {
            Thread.sleep(PATIENCE.plus(GRACE).toMillis());
        } catch (InterruptedException over) {
            return;
        }
        checks.judge("it ends in time", "it hangs in: " + checks.step());
        checks.finish();
        Runtime.getRuntime().halt(1);
    }
}
