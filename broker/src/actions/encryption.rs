//! `StartStreamEncryption` and `StopStreamEncryption`. What is put meanwhile is said to be encrypted, and is not.

use super::Action;
use crate::here::{Here, active};
use crate::stream::life::Change;
use crate::texts::argument;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Empty, EncryptionType, StartStreamEncryptionInput, StopStreamEncryptionInput};

fn must_be_kms(given: &EncryptionType) -> Result<(), Fault> {
    if *given == EncryptionType::Kms { Ok(()) } else { Err(argument("EncryptionType must be KMS.")) }
}

impl Action for StartStreamEncryptionInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        must_be_kms(&self.encryption_type)?;
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            active(stream, named)?;
            stream.facts.life.begin(Change::Encryption(Some(self.key_id)), here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}

impl Action for StopStreamEncryptionInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        must_be_kms(&self.encryption_type)?;
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            active(stream, named)?;
            if stream.facts.key.as_ref().is_some_and(|key| *key != self.key_id) {
                return Err(argument(format!(
                    "Stream {} under account {} is not encrypted with the key that was given.",
                    named.stream, named.account
                )));
            }
            stream.facts.life.begin(Change::Encryption(None), here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}
