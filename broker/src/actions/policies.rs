//! `PutResourcePolicy`, `GetResourcePolicy`, `DeleteResourcePolicy`. Policies are kept and given back, not enforced.

use super::Action;
use super::resource::with_resource;
use crate::here::Here;
use crate::texts::{not_found, validation};
use bytes::Bytes;
use tailwater_wire::shape::Value;
use tailwater_wire::shapes::{
    DeleteResourcePolicyInput, Empty, GetResourcePolicyInput, GetResourcePolicyOutput, PutResourcePolicyInput,
};
use tailwater_wire::{Codec, Fault};

impl Action for PutResourcePolicyInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let text = Bytes::copy_from_slice(self.policy.as_str().as_bytes());
        if !matches!(Codec::Json.read_value(&text), Some(Value::Map(_))) {
            return Err(validation("The policy is not a JSON object."));
        }
        with_resource(here, &self.resource_arn, |resource, _| {
            *resource.policy = Some(self.policy);
            Ok(Empty {})
        })
    }
}

impl Action for GetResourcePolicyInput {
    fn act(self, here: &Here<'_>) -> Result<GetResourcePolicyOutput, Fault> {
        with_resource(here, &self.resource_arn, |resource, named| {
            let absent = || not_found(format!("{} under account {} has no policy.", self.resource_arn, named.account));
            resource.policy.clone().map(|policy| GetResourcePolicyOutput { policy }).ok_or_else(absent)
        })
    }
}

impl Action for DeleteResourcePolicyInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        with_resource(here, &self.resource_arn, |resource, _| {
            *resource.policy = None;
            Ok(Empty {})
        })
    }
}
