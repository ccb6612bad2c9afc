//! The end of a shard: its children get rows, the handler has its say, and that is written, in this order. Who crashes in
//! between reads the end again, and does the same.

use super::{Served, ShardTask, Tried, abandoned};
use crate::backoff::Backoff;
use crate::discover::child_leases;
use crate::event::Event;
use crate::handler::{Handler, MakeHandler};
use crate::worker::action::Order;
use tailwater_store::{Change, Commitment, Lease, Progress, Written};
use tailwater_wire::shapes::ChildShard;

impl<M: MakeHandler> ShardTask<M> {
    /// The shard has been read to its end: its children get rows, the handler has its say, and that is written, in this
    /// order. Who crashes in between reads the end again.
    pub(super) async fn end(&mut self, handler: &mut M::Handler, children: Vec<ChildShard>) -> Served {
        if let Some(served) = self.make_children(&children).await {
            return served;
        }
        let checkpoint = self.checkpoint();
        let mut backoff = Backoff::default();
        for attempt in 1.. {
            match self.tried(handler.ended(&checkpoint)).await {
                Tried::Done => break,
                Tried::Abandoned => return Served::Abandoned,
                Tried::Panicked => return Served::Panicked,
                Tried::Failed(fault) => {
                    if let Some(served) = self.failed(attempt, fault, &mut backoff).await {
                        return served;
                    }
                }
            }
        }
        self.link.deliver(Progress::ShardEnd);
        let _ = self.link.handle(&Progress::ShardEnd);
        let written = Written::Checkpoint(Commitment::new(Progress::ShardEnd));
        tokio::select! {
            biased;
            () = abandoned(&mut self.orders) => Served::Abandoned,
            done = self.link.write(written) => match done {
                Ok(()) => Served::Ended,
                Err(_) => {
                    // Lost: the order to leave is on its way, or has been missed by a hair.
                    abandoned(&mut self.orders).await;
                    Served::Abandoned
                }
            },
        }
    }

    async fn make_children(&mut self, children: &[ChildShard]) -> Option<Served> {
        let rows = match child_leases(&self.lease, children) {
            Ok(rows) => rows,
            Err(fault) => {
                // The leader makes them from the listing.
                let (stream, error) = (self.lease.key.stream.to_string(), fault.to_string());
                self.inner.tell(&Event::Undiscovered { stream, error });
                return None;
            }
        };
        let mut backoff = Backoff::default();
        while let Err(error) = self.write_children(&rows).await {
            self.inner.tell(&Event::StoreFailed { asked: "rows of children", error: error.to_string() });
            match self.rest(&mut backoff).await {
                Some(Order::Abandon) => return Some(Served::Abandoned),
                // Asked to finish, it leaves the end to the next owner.
                Some(Order::Drain | Order::Run) => return Some(Served::Drained),
                None => {}
            }
        }
        None
    }

    async fn write_children(&self, rows: &[Lease]) -> Result<(), tailwater_store::Error> {
        let store = &self.inner.store;
        for row in rows {
            let mut orphaned = false;
            for parent in row.parents.iter().filter(|parent| **parent != self.lease.key.shard) {
                // A parent without a row would be taken for one that was read; the leader makes both, in order.
                orphaned |= store.lease(&self.lease.key.sibling(parent.clone())).await?.is_none();
            }
            if !orphaned {
                store.create(row).await?;
            }
        }
        if !rows.is_empty() {
            let children = rows.iter().map(|row| row.key.shard.clone()).collect();
            store.apply(&self.lease.key, &Change::Children(children)).await?;
        }
        Ok(())
    }
}
