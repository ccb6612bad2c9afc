//! What must be true in the end, when nothing goes wrong any more and everybody has had time.

use crate::plan::{Class, Mode};
use crate::world::World;
use std::time::Duration;
use tailwater::record::ShardId;

/// So long it may take until everything is handled, once nothing goes wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);

/// What is still to be done, if anything, with these processes at work.
pub(crate) fn undone(world: &World, here: &[usize]) -> Option<String> {
    let state = world.lock();
    let watch = &state.watch;
    let item = watch.items.iter().enumerate().find(|(_, item)| item.effects == 0);
    if let Some((number, item)) = item {
        return Some(format!("record {number} of {} at {:?} is not handled", item.shard, item.at));
    }
    for (id, shard) in &watch.shards {
        match watch.rows.get(id) {
            Some(row) if shard.is_open && row.owner.is_none() => return Some(format!("{id} has no owner")),
            Some(row) if shard.is_open && row.handoff_from.is_some() => return Some(format!("{id} is handed over")),
            None if shard.is_open => return Some(format!("{id} has no row")),
            Some(_) if shard.is_open && !here.iter().any(|process| watch.is_handled_by(*process, id)) => {
                return Some(format!("nobody handles {id}"));
            }
            Some(row) if !shard.is_open && !row.is_ended() => return Some(format!("{id} has not ended")),
            Some(_) if !shard.is_open && world.plan.tidies => {
                return Some(format!("the row of {id} has not been removed"));
            }
            _ => {}
        }
    }
    None
}

/// What is wrong with the effects of a history that has come to its end.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let state = world.lock();
    let once = world.plan.class == Class::Calm || world.plan.mode == Mode::Transact;
    match state.watch.items.iter().enumerate().find(|(_, item)| item.effects == 0 || (once && item.effects > 1)) {
        Some((number, item)) => Err(format!("record {number} of {} took effect {} times", item.shard, item.effects)),
        None => Ok(()),
    }
}

/// Whoever still has a lease when all have left.
pub(crate) fn owner_left(world: &World) -> Option<(ShardId, String)> {
    let state = world.lock();
    let owned = state.watch.rows.iter().find(|(_, row)| !row.is_ended() && row.actual_owner().is_some());
    owned.map(|(id, row)| (id.clone(), format!("{:?}", row.actual_owner())))
}
