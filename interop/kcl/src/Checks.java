/* Counts and prints what is checked, and waits, no longer than the deadline, for what must come true. */

import java.util.function.Supplier;

final class Checks {
    /** Something did not come true in time; it has been printed. */
    static final class Late extends Exception {}

    private final long deadline;
    private int passed;
    private int failed;
    private volatile String step = "start";

    Checks(long deadline) {
        this.deadline = deadline;
    }

    /** What is being waited for. */
    String step() {
        return step;
    }

    /** An empty `why` is a check that passed. */
    synchronized void judge(String check, String why) {
        if (why.isEmpty()) {
            passed += 1;
            System.out.println("ok " + check);
        } else {
            failed += 1;
            System.out.println("FAILED " + check + ": " + why);
        }
    }

    /** Waits until nothing is missing. */
    void await(String check, Supplier<String> missing) throws Late, InterruptedException {
        step = check;
        String why = missing.get();
        while (!why.isEmpty() && System.nanoTime() - deadline < 0) {
            Thread.sleep(50);
            why = missing.get();
        }
        judge(check, why);
        if (!why.isEmpty()) {
            throw new Late();
        }
    }

    /** Prints the sum; true if nothing failed. */
    synchronized boolean finish() {
        System.out.println(passed + " passed, " + failed + " failed");
        return failed == 0;
    }
}
