//! When what is handled becomes a checkpoint: each time, after a while, after so many records, or when the handler says so.

use super::ShardTask;
use crate::batch::Batch;
use crate::config::Checkpointing;
use crate::handler::MakeHandler;
use tailwater_store::Progress;
use tokio::time::Instant;

/// What was handled and is not written yet, where checkpoints are spaced.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    to: Option<Progress>,
    since: Option<Instant>,
    records: u64,
}

impl<M: MakeHandler> ShardTask<M> {
    /// A batch is handled, all of it.
    pub(super) fn handled(&mut self, batch: &Batch, records: u64) {
        {
            let mut view = self.view();
            view.records += records;
            (view.handler_error, view.attempt) = (None, 0);
        }
        self.at = self.at.clone().max(batch.end());
        match self.inner.settings.checkpointing {
            Checkpointing::Manual => {}
            Checkpointing::AfterOk => self.write_up_to(batch.end()),
            Checkpointing::Every(_) | Checkpointing::EveryRecords(_) => {
                let unwritten = &mut self.unwritten;
                unwritten.to = Some(batch.end());
                unwritten.since.get_or_insert_with(Instant::now);
                unwritten.records += records;
                // What is handled does not come again when a later batch fails, written or not.
                let _ = self.link.handle(&batch.end());
                if self.written_due().is_some_and(|due| due <= Instant::now()) {
                    self.write_now();
                }
            }
        }
    }

    /// When what is handled is to be written.
    pub(super) fn written_due(&self) -> Option<Instant> {
        let since = self.unwritten.since?;
        match self.inner.settings.checkpointing {
            Checkpointing::Every(period) => Some(since + period),
            Checkpointing::EveryRecords(records) => (self.unwritten.records >= records).then_some(since),
            Checkpointing::AfterOk | Checkpointing::Manual => None,
        }
    }

    pub(super) fn write_now(&mut self) {
        if let Some(to) = std::mem::take(&mut self.unwritten).to {
            self.write_up_to(to);
        }
    }

    /// A lease that is lost meanwhile is told by an order.
    fn write_up_to(&self, to: Progress) {
        let _ = self.checkpoint().advance(&to);
    }
}
