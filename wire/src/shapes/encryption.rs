//! Encryption at rest, switched on and off.

use super::{Empty, calls};
use crate::shape::{shape, token, words};
use tailwater_record::{StreamArn, StreamName};

words! {
    /// Whether records are encrypted at rest.
    EncryptionType {
        /// They are not.
        None = "NONE",
        /// By a key of the key management service.
        Kms = "KMS",
    }
}

token! {
    /// A key: its id, its ARN, or an alias.
    pub KeyId, "key id", 1..=2048
}

shape! {
    /// Encrypts records from now on.
    pub struct StartStreamEncryptionInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// `KMS`.
        "EncryptionType" encryption_type: EncryptionType,
        /// With which key.
        "KeyId" key_id: KeyId,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Encrypts records no more.
    pub struct StopStreamEncryptionInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// `KMS`.
        "EncryptionType" encryption_type: EncryptionType,
        /// The key that was used.
        "KeyId" key_id: KeyId,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }
}

calls! {
    StartStreamEncryptionInput = StartStreamEncryption -> Empty;
    StopStreamEncryptionInput = StopStreamEncryption -> Empty;
}
