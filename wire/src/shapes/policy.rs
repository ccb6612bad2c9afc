//! Resource policies: texts that the service keeps and enforces, and we only carry.

use super::{Empty, ResourceArn, calls};
use crate::shape::{shape, token};

token! {
    /// A policy, in JSON.
    pub Policy, "policy", 0..=1_048_576
}

shape! {
    /// Attaches a policy to a stream or consumer.
    pub struct PutResourcePolicyInput {
        /// To what.
        "ResourceARN" resource_arn: ResourceArn,
        /// The policy.
        "Policy" policy: Policy,
    }

    /// Asks for the policy of a stream or consumer.
    pub struct GetResourcePolicyInput {
        /// Of what.
        "ResourceARN" resource_arn: ResourceArn,
    }

    /// The policy.
    pub struct GetResourcePolicyOutput {
        /// The policy.
        "Policy" policy: Policy,
    }

    /// Removes the policy of a stream or consumer.
    pub struct DeleteResourcePolicyInput {
        /// Of what.
        "ResourceARN" resource_arn: ResourceArn,
    }
}

calls! {
    PutResourcePolicyInput = PutResourcePolicy -> Empty;
    GetResourcePolicyInput = GetResourcePolicy -> GetResourcePolicyOutput;
    DeleteResourcePolicyInput = DeleteResourcePolicy -> Empty;
}
