//! What each broker is known to do otherwise than the service, or not to offer, with the reason.
//! Each reason was found in the broker's own source or answer; ours is never among them.
//! Read by `brokers`, which tells an entry that no longer shows.

use super::Broker;
use super::suite::Outcome as Became;
use tailwater_wire::Codec;

/// Steps that do not pass, for one reason.
pub(super) struct Known {
    broker: Broker,
    /// In which encoding; in both, if none is given.
    codec: Option<Codec>,
    steps: &'static [&'static str],
    /// The fault's text holds this.
    part: &'static str,
    pub(super) kind: Kind,
    pub(super) reason: &'static str,
}

/// What it means that they do not pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The broker does not have it, whether it says so or stumbles.
    NotOffered,
    /// The broker has it, and does otherwise than the service.
    Fault,
}

impl Known {
    pub(super) fn is_about(&self, broker: Broker, codec: Codec, step: &str) -> bool {
        self.broker == broker && self.codec.is_none_or(|only| only == codec) && self.steps.contains(&step)
    }

    pub(super) fn explains(&self, became: &Became) -> bool {
        match became {
            Became::Passed => false,
            Became::NotOffered(why) => self.kind == Kind::NotOffered && why.contains(self.part),
            Became::Failed(why) => why.contains(self.part),
        }
    }
}

const fn absent(broker: Broker, steps: &'static [&'static str], part: &'static str, reason: &'static str) -> Known {
    Known { broker, codec: None, steps, part, kind: Kind::NotOffered, reason }
}

const fn fault(broker: Broker, steps: &'static [&'static str], part: &'static str, reason: &'static str) -> Known {
    Known { broker, codec: None, steps, part, kind: Kind::Fault, reason }
}

const fn in_cbor(known: Known) -> Known {
    Known { codec: Some(Codec::Cbor), ..known }
}

const CONSUMERS: &[&str] = &["register a consumer", "describe a consumer", "list consumers", "deregister a consumer"];

/// The steps that read records, but for `times`, which some fail on another ground.
const READING: &[&str] = &[
    "read all records, in order in each shard",
    "an iterator at the trim horizon",
    "an iterator at a sequence number",
    "an iterator after a sequence number",
    "an iterator at the latest",
    "an iterator at a timestamp",
    "read closed shards to their end",
    "child shards are told at the end",
];

const TIMES: &[&str] = &["times are those of the day"];
const CHILDREN: &[&str] = &["child shards are told at the end"];
const UNKNOWN: &str = "UnknownOperationException";

/// The first that is about a step is the one that counts.
pub(super) const KNOWN: &[Known] = &[
    in_cbor(fault(
        Broker::Kinesalite,
        READING,
        "Data should be a blob, but is a structure or map",
        "what comes in CBOR is stored as JSON writes a Buffer, and goes out as a map",
    )),
    in_cbor(fault(Broker::Kinesalite, TIMES, "ms from now", "its times in CBOR are seconds")),
    absent(Broker::Kinesalite, &["describe the stream by ARN"], "Value null at 'streamName'", "no ARNs"),
    absent(
        Broker::Kinesalite,
        &["list shards, one per page"],
        r#"saw [["shardId-000000000000", "shardId-000000000001"]]"#,
        "MaxResults is passed over",
    ),
    absent(Broker::Kinesalite, CHILDREN, "names no child shards", "older than child shards"),
    absent(Broker::Kinesalite, CONSUMERS, UNKNOWN, "older than consumers"),
    absent(Broker::Kinesalite, &["tag a stream by ARN"], UNKNOWN, "older than tags by ARN"),
    fault(
        Broker::KinesisMock,
        &["the shards of a new stream are of equal width"],
        "end: HashKey(170141183460469231731687303715884105726)",
        "it divides 2^128 - 1, so each shard but the last is one hash key short",
    ),
    in_cbor(fault(
        Broker::KinesisMock,
        READING,
        "Data should be a blob, but is text",
        "payloads in CBOR are base64 text, as in JSON",
    )),
    in_cbor(fault(Broker::KinesisMock, TIMES, "Data should be a blob, but is text", "as with all payloads in CBOR")),
    fault(
        Broker::Moto,
        &["list shards, one per page"],
        "InvalidToken",
        "it wants the stream beside the token, which the service refuses",
    ),
    fault(Broker::Moto, &["split a shard"], "open shards: expected 3, saw 2", "the summary's count is never changed"),
    fault(
        Broker::Moto,
        &["read closed shards to their end"],
        "records, and no end, after",
        "an iterator always follows, so that a closed shard never ends",
    ),
    absent(Broker::Moto, CHILDREN, "records, and no end, after", "no shard ends"),
    fault(Broker::Moto, CONSUMERS, "ConsumerARN does not match", "its ARNs of consumers lack the time of registration"),
    absent(
        Broker::Moto,
        &["tag a stream by ARN"],
        "answered with status 500",
        "what is not implemented is a page of HTML with status 500",
    ),
    in_cbor(fault(Broker::Ferrokinesis, TIMES, "ms from now", "its times in CBOR are seconds")),
    absent(Broker::Ferrokinesis, &["describe the stream by ARN"], "Value null at 'streamName'", "no ARNs of streams"),
    fault(
        Broker::Ferrokinesis,
        &["list shards, one per page"],
        "Stream  under account",
        "its own token is taken for a stream without a name",
    ),
    absent(Broker::Ferrokinesis, CHILDREN, "names no child shards", "GetRecords leaves them out"),
    fault(
        Broker::Ferrokinesis,
        &["describe a consumer", "deregister a consumer"],
        "ConsumerDescription.StreamARN is missing",
        "the description lacks the stream's ARN, which the model requires",
    ),
];
