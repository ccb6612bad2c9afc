//! What users do: put, wait for room, go away, flush, resume.
//! Called by the loop, for each of their moments.

use super::{Driver, Event};
use crate::error::Error;
use crate::intake::WaitId;
use crate::lane::Lane;
use crate::sim::oracle::Verdict;
use tailwater_record::UserRecord;

impl Driver {
    pub(super) fn work(&mut self) -> Verdict {
        let many = self.chance.u32(1..=self.plan.burst).min(self.left);
        self.left -= many;
        for _ in 0..many {
            self.put()?;
        }
        let now = self.instant();
        if self.plan.flushes && self.chance.u8(..6) == 0 {
            let mark = self.pipeline.next_number();
            let id = self.pipeline.flush(now);
            self.oracle.flushes.insert(id, mark);
            let lingers = |lane: &Lane| lane.next(now, &self.plan.settings).is_some_and(|next| next.due > now);
            ensure!(!self.pipeline.lanes().any(lingers), "something lingers after a flush");
        }
        if self.plan.resumes && self.chance.u8(..6) == 0 {
            self.resume()?;
        }
        if self.chance.u8(..6) == 0
            && let Some((id, _)) = self.waiting.pop_first()
        {
            self.pipeline.leave(id);
        }
        if self.left > 0 {
            let at = self.now + self.chance.u64(..=self.plan.gap * 2);
            self.at(at, Event::Work);
        }
        Ok(())
    }

    fn put(&mut self) -> Verdict {
        let id = self.oracle.next_id();
        let (record, poison) = self.plan.record(&mut self.chance, id);
        self.oracle.made(&record, poison);
        self.offer(id, record, None)
    }

    fn offer(&mut self, id: usize, record: UserRecord, admitted: Option<WaitId>) -> Verdict {
        match self.pipeline.put(self.instant(), record, admitted) {
            Ok(number) => {
                self.note(&[7, number]);
                self.oracle.accepted(self.now, id, number)
            }
            Err(refused) => {
                self.note(&[8]);
                let record = refused.record();
                ensure!(record == self.oracle.record(id), "record {id} was refused and changed");
                match refused.error() {
                    Error::Full { .. } | Error::Stopped { .. } if admitted.is_some() => {
                        return Err("a promise of room was not kept".to_owned());
                    }
                    Error::Full { .. } if self.plan.waits => {
                        let wait = self.pipeline.wait(record);
                        self.waiting.insert(wait, id);
                    }
                    _ => {}
                }
                Ok(())
            }
        }
    }

    /// One who was let in puts, or goes away.
    pub(super) fn enter(&mut self, id: WaitId) -> Verdict {
        let Some(record) = self.admitted.remove(&id) else { return Ok(()) };
        self.oracle.promised -= self.oracle.cost(record);
        self.oracle.promises -= 1;
        let given = self.oracle.record(record).clone();
        if self.chance.u8(..6) == 0 {
            self.pipeline.leave(id);
            return Ok(());
        }
        self.offer(record, given, Some(id))
    }
}
