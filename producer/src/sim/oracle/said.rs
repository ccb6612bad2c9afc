//! What an answer says of each Kinesis record, read without the pipeline's own judgement.
//! Called by the simulation's loop before the pipeline is told.

use super::Said;
use crate::attempts::Trouble;
use crate::pipeline::PutOutcome;
use tailwater_client as client;
use tailwater_wire::FaultCode;

/// What an outcome says of each entry.
pub(in crate::sim) fn said(outcome: &PutOutcome, asked: usize) -> Box<dyn Iterator<Item = Said> + '_> {
    let whole = |said| Box::new(std::iter::repeat(said));
    match outcome {
        Ok(entries) if entries.len() != asked => whole(Said::Nonsense),
        Ok(entries) => Box::new(entries.iter().map(|entry| match &entry.error_code {
            None => Said::Stored,
            Some(code) => match FaultCode::named(code.as_str(), 400) {
                FaultCode::InternalFailure => Said::Again(Trouble::Ambiguous),
                FaultCode::KmsAccessDenied => Said::Denied,
                _ => Said::Again(Trouble::Throttled),
            },
        })),
        Err(error) => match &**error {
            client::Error::Refused { fault, .. } => match &fault.code {
                FaultCode::Validation => whole(Said::Invalid),
                FaultCode::AccessDenied | FaultCode::ResourceNotFound => whole(Said::Denied),
                FaultCode::LimitExceeded => whole(Said::Again(Trouble::Throttled)),
                code if code.may_have_happened() => whole(Said::Again(Trouble::Ambiguous)),
                _ => whole(Said::Again(Trouble::Transient)),
            },
            error if error.may_have_happened() => whole(Said::Again(Trouble::Ambiguous)),
            _ => whole(Said::Again(Trouble::Transient)),
        },
    }
}
