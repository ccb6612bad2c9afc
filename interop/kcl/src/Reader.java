/* Reads one shard, as an application of the KCL does: notes what it is given, and checkpoints behind it. */

import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.ShardRecordProcessor;

final class Reader implements ShardRecordProcessor {
    private final Seen seen;
    private String shard = "no shard";
    private boolean stopping;

    Reader(Seen seen) {
        this.seen = seen;
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        seen.started(shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        // What is thrown here the KCL would log and forget.
        attempt(() -> {
            seen.delivered(shard, input);
            if (!input.records().isEmpty()) {
                input.checkpointer().checkpoint();
            }
        });
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        // A worker that stops takes its leases for lost, too.
        if (!stopping) {
            seen.leaseLost(shard);
        }
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        attempt(() -> {
            input.checkpointer().checkpoint();
            seen.ended(shard);
        });
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        // All that was delivered has its checkpoint.
        stopping = true;
    }

    private interface Attempt {
        void make() throws Exception;
    }

    private void attempt(Attempt attempt) {
        try {
            attempt.make();
        } catch (Exception | AssertionError fault) {
            seen.fault(shard, fault);
        }
    }
}
