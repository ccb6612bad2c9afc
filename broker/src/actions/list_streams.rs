//! `ListStreams`.

use super::{Action, listing};
use crate::account::locked;
use crate::here::Here;
use crate::texts::argument;
use tailwater_record::StreamName;
use tailwater_wire::shapes::{ListStreamsInput, ListStreamsOutput, StreamModeDetails, StreamSummary};
use tailwater_wire::{Fault, limits};

impl Action for ListStreamsInput {
    fn act(self, here: &Here<'_>) -> Result<ListStreamsOutput, Fault> {
        let after: Option<StreamName> = match (self.next_token, self.exclusive_start_stream_name) {
            (Some(_), Some(_)) => {
                return Err(argument("NextToken and ExclusiveStartStreamName cannot be provided together."));
            }
            (Some(token), None) => {
                let content = here.read_token(listing::STREAMS, &token)?;
                let name = String::from_utf8(content).ok().and_then(|name| name.parse().ok());
                Some(name.ok_or_else(|| argument("Invalid NextToken."))?)
            }
            (None, after) => after,
        };
        let page = u64::from(self.limit.unwrap_or(u32::MAX)).min(limits::LISTING_PAGE.value) as usize;
        let mut summaries = Vec::new();
        let mut has_more_streams = false;
        for (_, held) in here.account.after(after.as_ref()) {
            let mut stream = locked(&held);
            stream.pass(here.now);
            here.note(&here.account, &held, &mut stream);
            if stream.facts.life.is_over(here.now) {
                continue;
            }
            if summaries.len() == page {
                has_more_streams = true;
                break;
            }
            summaries.push(StreamSummary {
                stream_name: stream.arn.name().clone(),
                stream_arn: stream.arn.clone(),
                stream_status: stream.status(),
                stream_mode_details: Some(StreamModeDetails { stream_mode: stream.facts.mode.clone() }),
                stream_creation_timestamp: Some(stream.created),
            });
        }
        let last = summaries.last().filter(|_| has_more_streams);
        let next_token =
            last.and_then(|last| here.next_token(listing::STREAMS, last.stream_name.as_str().as_bytes().to_vec()));
        let stream_names = summaries.iter().map(|summary| summary.stream_name.clone()).collect();
        Ok(ListStreamsOutput { stream_names, has_more_streams, next_token, stream_summaries: Some(summaries) })
    }
}
