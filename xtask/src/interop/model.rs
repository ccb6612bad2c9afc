//! Compares every shape of ours with the service's own model, member by member and limit by limit.
//! Why: a limit typed wrong refuses what the service takes, and no test of ours against ourselves can show it. The
//! model comes with botocore, pinned in `interop/model`; our side is `Shape::SCHEMA`, which is data.
//! Where we differ on purpose stands in `KNOWN`, with both values and the reason. An entry that is met nowhere fails
//! too, so that the list stays true when model or shapes change.
//! Called by `main`.

use super::install::Pinned;
use crate::shell::Outcome;
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::process::Command;
use tailwater_wire::shape::{Kind, MemberSchema, Schema, Shape, TextRule};
use tailwater_wire::shapes::*;
use tailwater_wire::{Codec, FaultCode, Operation, Plane, Subject, TARGET_PREFIX};

/// Compares everything there is.
pub(crate) fn run() -> Outcome {
    let model = model()?;
    let mut comparison = Comparison::of(&model);
    comparison.protocol();
    comparison.operations();
    comparison.faults();
    comparison.tell()
}

/// The service's model, by an interpreter that has botocore.
fn model() -> Result<Value, Box<dyn Error>> {
    let pinned = Pinned::new("model", "model", &["requirements.txt"]);
    pinned.python()?;
    let mut program = Command::new(pinned.interpreter());
    let printed = program.arg(pinned.sources().join("print_model.py")).output()?;
    if !printed.status.success() {
        return Err(format!("print_model.py failed: {}", String::from_utf8_lossy(&printed.stderr)).into());
    }
    Ok(serde_json::from_slice(&printed.stdout)?)
}

/// An operation of ours, what it takes, and what it answers.
type Described = (Operation, &'static Schema, &'static Schema);

macro_rules! described {
    ($($input:ident)*) => {
        &[
            // Its answer is a stream of events, so it is no `Call`.
            (Operation::SubscribeToShard, SubscribeToShardInput::SCHEMA, SubscribeToShardEvent::SCHEMA),
            $(($input::OPERATION, $input::SCHEMA, <$input as Call>::Output::SCHEMA),)*
        ]
    };
}

const OURS: &[Described] = described! {
    AddTagsToStreamInput CreateStreamInput DecreaseStreamRetentionPeriodInput DeleteResourcePolicyInput
    DeleteStreamInput DeregisterStreamConsumerInput DescribeAccountSettingsInput DescribeLimitsInput
    DescribeStreamConsumerInput DescribeStreamInput DescribeStreamSummaryInput DisableEnhancedMonitoringInput
    EnableEnhancedMonitoringInput GetRecordsInput GetResourcePolicyInput GetShardIteratorInput
    IncreaseStreamRetentionPeriodInput ListShardsInput ListStreamConsumersInput ListStreamsInput
    ListTagsForResourceInput ListTagsForStreamInput MergeShardsInput PutRecordInput PutRecordsInput
    PutResourcePolicyInput RegisterStreamConsumerInput RemoveTagsFromStreamInput SplitShardInput
    StartStreamEncryptionInput StopStreamEncryptionInput TagResourceInput UntagResourceInput
    UpdateAccountSettingsInput UpdateMaxRecordSizeInput UpdateShardCountInput UpdateStreamModeInput
    UpdateStreamRecordDistributionStrategyInput UpdateStreamWarmThroughputInput
};

/// What of a place is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aspect {
    Protocol,
    Operation,
    Plane,
    Output,
    ShapeName,
    Member,
    Requirement,
    Kind,
    Least,
    Greatest,
    Pattern,
    Words,
    Fault,
    Status,
}

/// Where we differ from the model on purpose. `*` stands for any shape.
struct Known {
    place: &'static str,
    aspect: Aspect,
    model: &'static str,
    ours: &'static str,
    reason: &'static str,
}

const fn known(
    place: &'static str,
    aspect: Aspect,
    model: &'static str,
    ours: &'static str,
    reason: &'static str,
) -> Known {
    Known { place, aspect, model, ours, reason }
}

const PRESENT: &str = "present";
const ABSENT: &str = "absent";
const NONE: &str = "none";
const PROTOCOLS_OWN: &str = "the protocol's own, which no operation of the model lists";
const OPAQUE: &str = "the model has no limit; ours only keeps a broken document from filling the memory";

const KNOWN: &[Known] = &[
    known("*.StreamId", Aspect::Member, PRESENT, ABSENT, "reserved; SDKs that send it leave a custom endpoint for AWS"),
    known(
        "SubscribeToShardEvent.ContinuationSequenceNumber",
        Aspect::Requirement,
        "required",
        "optional",
        "the service leaves it out at the end of a shard, and that is how the end is told",
    ),
    known("*", Aspect::Output, NONE, "Empty", "what answers nothing still has a type with us"),
    known("PutRecordsResultEntry.ErrorCode", Aspect::Greatest, NONE, "1024", OPAQUE),
    known("PutRecordsResultEntry.ErrorMessage", Aspect::Greatest, NONE, "65536", OPAQUE),
    known("*.Policy", Aspect::Greatest, NONE, "1048576", OPAQUE),
    known(
        "InternalFailureException",
        Aspect::ShapeName,
        "InternalFailureException",
        "InternalFailure",
        "the service sends the name without its ending; both are read",
    ),
    known("ExpiredTokenException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("IncompleteSignatureException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("InvalidSignatureException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("MissingAuthenticationTokenException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("MissingParameter", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("NotAuthorized", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("OptInRequired", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("RequestExpired", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("SerializationException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("ServiceUnavailable", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("UnknownOperationException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
    known("UnrecognizedClientException", Aspect::Fault, ABSENT, PRESENT, PROTOCOLS_OWN),
];

struct Comparison<'m> {
    model: &'m Value,
    /// Pairs of structures that were compared, or are being compared.
    met: BTreeSet<(String, &'static str)>,
    passed: usize,
    differences: Vec<String>,
    /// How many differences each entry of `KNOWN` explains.
    explained: Vec<usize>,
}

impl<'m> Comparison<'m> {
    fn of(model: &'m Value) -> Self {
        Self { model, met: BTreeSet::new(), passed: 0, differences: Vec::new(), explained: vec![0; KNOWN.len()] }
    }

    /// Notes whether one aspect of one place is alike.
    fn judge(&mut self, place: &str, aspect: Aspect, model: impl fmt::Display, ours: impl fmt::Display) {
        let (model, ours) = (model.to_string(), ours.to_string());
        if model == ours {
            self.passed += 1;
            return;
        }
        let stands_for = |pattern: &str| match pattern.strip_prefix('*') {
            Some(end) => place.ends_with(end),
            None => place == pattern,
        };
        let explains = |known: &Known| {
            stands_for(known.place) && known.aspect == aspect && known.model == model && known.ours == ours
        };
        match KNOWN.iter().position(explains) {
            Some(entry) => {
                self.passed += 1;
                self.explained[entry] += 1;
            }
            None => self.differences.push(format!("{place}: {aspect:?} is {model} in the model, {ours} with us")),
        }
    }

    fn protocol(&mut self) {
        let metadata = &self.model["metadata"];
        self.judge("metadata.targetPrefix", Aspect::Protocol, text(&metadata["targetPrefix"]), TARGET_PREFIX);
        let content_type = format!("application/x-amz-json-{}", text(&metadata["jsonVersion"]));
        self.judge("metadata.jsonVersion", Aspect::Protocol, content_type, Codec::Json.content_type());
    }

    fn operations(&mut self) {
        let model = self.model;
        let theirs: BTreeSet<&str> = names(&model["operations"]).collect();
        let ours: BTreeSet<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        for name in theirs.union(&ours) {
            self.judge(name, Aspect::Operation, presence(theirs.contains(name)), presence(ours.contains(name)));
        }
        for operation in Operation::ALL {
            let plane = match operation.plane() {
                Plane::Control => "control",
                Plane::Data => "data",
            };
            let parameters = &model["operations"][operation.name()]["staticContextParams"];
            self.judge(operation.name(), Aspect::Plane, text(&parameters["OperationType"]["value"]), plane);
            let described = OURS.iter().filter(|(described, ..)| described == operation).count();
            let expected = usize::from(operation.subject() == Subject::Stream);
            self.judge(operation.name(), Aspect::Operation, described_as(expected), described_as(described));
        }
        for (operation, input, output) in OURS {
            let described = &model["operations"][operation.name()];
            self.structure(text(&described["input"]["shape"]), input);
            self.output(operation.name(), text(&described["output"]["shape"]), output);
        }
    }

    fn output(&mut self, operation: &str, theirs: &str, ours: &'static Schema) {
        let shapes = &self.model["shapes"];
        let members = &shapes[theirs]["members"];
        let streamed =
            names(members).map(|name| text(&members[name]["shape"])).find(|shape| is(&shapes[*shape], "eventstream"));
        if theirs.is_empty() {
            self.judge(operation, Aspect::Output, NONE, ours.name);
            self.judge(operation, Aspect::Member, 0, ours.members.len());
        } else if let Some(stream) = streamed {
            // Beside its one kind of event the stream may hold faults, which `faults` compares.
            let events = &shapes[stream]["members"];
            let events = names(events).map(|name| text(&events[name]["shape"]));
            events.filter(|event| !is(&shapes[*event], "exception")).for_each(|event| self.structure(event, ours));
        } else {
            self.structure(theirs, ours);
        }
    }

    fn structure(&mut self, theirs: &str, ours: &'static Schema) {
        if !self.met.insert((theirs.to_owned(), ours.name)) {
            return;
        }
        let model = self.model;
        let shape = &model["shapes"][theirs];
        self.judge(theirs, Aspect::Kind, text(&shape["type"]), "structure");
        self.judge(theirs, Aspect::ShapeName, theirs, ours.name);
        let required: BTreeSet<&str> = shape["required"].as_array().into_iter().flatten().map(text).collect();
        let members: BTreeSet<&str> = names(&shape["members"]).collect();
        let every = members.iter().copied().chain(ours.members.iter().map(|member| member.name));
        for name in every.collect::<BTreeSet<&str>>() {
            let place = format!("{theirs}.{name}");
            let mut found = ours.members.iter().filter(|member| member.name == name);
            let member = found.next();
            self.judge(&place, Aspect::Member, presence(members.contains(name)), presence(member.is_some()));
            let Some(MemberSchema { required: must, kind, bounds, .. }) = member else { continue };
            if members.contains(name) {
                let requirement = |required: bool| if required { "required" } else { "optional" };
                self.judge(&place, Aspect::Requirement, requirement(required.contains(name)), requirement(*must));
                self.value(&place, text(&shape["members"][name]["shape"]), *kind, *bounds);
            }
        }
    }

    fn value(&mut self, place: &str, theirs: &str, ours: Kind, bounds: Option<(i64, i64)>) {
        let shape = &self.model["shapes"][theirs];
        let noun = text(&shape["type"]);
        let our_noun = match ours {
            Kind::Text(_) => "string",
            Kind::Blob(_) => "blob",
            // Our schema does not tell the two apart but by their bounds.
            Kind::Integer if noun == "long" => "long",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Timestamp => "timestamp",
            Kind::List(_) => "list",
            Kind::Map(..) => "map",
            Kind::Structure(_) => "structure",
        };
        self.judge(place, Aspect::Kind, noun, our_noun);
        if noun != our_noun {
            return;
        }
        match ours {
            Kind::Boolean | Kind::Timestamp => {}
            Kind::Structure(schema) => self.structure(theirs, schema),
            Kind::Text(rule) => self.text(place, theirs, rule),
            Kind::Blob(max) => self.limits(place, shape, (0, i64::MAX), Some((0, max as i64))),
            Kind::Integer if noun == "long" => self.limits(place, shape, (i64::MIN, i64::MAX), bounds),
            Kind::Integer => self.limits(place, shape, (i32::MIN.into(), i32::MAX.into()), bounds),
            Kind::List(element) => {
                self.limits(place, shape, (0, i64::MAX), bounds);
                self.value(&format!("{place}[]"), text(&shape["member"]["shape"]), *element, None);
            }
            Kind::Map(key, value) => {
                self.limits(place, shape, (0, i64::MAX), bounds);
                self.text(&format!("{place}{{key}}"), text(&shape["key"]["shape"]), key);
                self.text(&format!("{place}{{value}}"), text(&shape["value"]["shape"]), value);
            }
        }
    }

    fn text(&mut self, place: &str, theirs: &str, ours: &TextRule) {
        let shape = &self.model["shapes"][theirs];
        let bound = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.limits(place, shape, (0, i64::MAX), Some((bound(ours.min), bound(ours.max))));
        let pattern = shape["pattern"].as_str().unwrap_or(NONE);
        self.judge(place, Aspect::Pattern, pattern, ours.pattern.unwrap_or(NONE));
        let theirs: BTreeSet<&str> = shape["enum"].as_array().into_iter().flatten().map(text).collect();
        let ours: BTreeSet<&str> = ours.values.iter().copied().collect();
        let listed = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(" ");
        self.judge(place, Aspect::Words, listed(theirs), listed(ours));
    }

    /// Compares a least and a greatest. A bound that is not given is that of the kind.
    fn limits(&mut self, place: &str, shape: &Value, of_kind: (i64, i64), ours: Option<(i64, i64)>) {
        let (least, greatest) = ours.unwrap_or(of_kind);
        let shown = |bound: i64| if bound == i64::MAX { NONE.to_owned() } else { bound.to_string() };
        self.judge(place, Aspect::Least, shape["min"].as_i64().unwrap_or(of_kind.0), least);
        self.judge(place, Aspect::Greatest, shown(shape["max"].as_i64().unwrap_or(of_kind.1)), shown(greatest));
    }

    fn faults(&mut self) {
        let shapes = &self.model["shapes"];
        let theirs: Vec<&str> = names(shapes).filter(|name| is(&shapes[*name], "exception")).collect();
        for name in &theirs {
            self.fault(name);
        }
        let read: Vec<FaultCode> = theirs.into_iter().map(|name| FaultCode::named(name, 400)).collect();
        for code in FaultCode::ALL.iter().filter(|code| !read.contains(code)) {
            self.judge(code.as_str(), Aspect::Fault, ABSENT, PRESENT);
        }
    }

    /// A fault that the model has.
    fn fault(&mut self, name: &str) {
        let shape = &self.model["shapes"][name];
        let code = FaultCode::named(name, 400);
        self.judge(name, Aspect::Fault, PRESENT, presence(FaultCode::ALL.contains(&code)));
        self.judge(name, Aspect::ShapeName, name, code.as_str());
        let usual = if is(shape, "fault") { 500 } else { 400 };
        let status = shape["error"]["httpStatusCode"].as_u64().unwrap_or(usual);
        self.judge(name, Aspect::Status, status, code.status());
    }

    fn tell(mut self) -> Outcome {
        for (known, times) in KNOWN.iter().zip(&self.explained) {
            let Known { place, aspect, model, ours, reason } = known;
            let difference = format!("{place}: {aspect:?} is {model} in the model, {ours} with us");
            match times {
                0 => self.differences.push(format!("no longer so, though known: {difference} ({reason})")),
                _ => println!("known, {times} times: {difference} ({reason})"),
            }
        }
        for difference in &self.differences {
            println!("{difference}");
        }
        let failed = self.differences.len();
        println!("{} passed, {failed} failed", self.passed);
        if failed == 0 { Ok(()) } else { Err(format!("interop model: {failed} differences").into()) }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is(shape: &Value, mark: &str) -> bool {
    shape[mark].as_bool().unwrap_or_default()
}

fn names(object: &Value) -> impl Iterator<Item = &str> {
    object.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str))
}

const fn presence(present: bool) -> &'static str {
    if present { PRESENT } else { ABSENT }
}

fn described_as(times: usize) -> String {
    format!("described {times} times")
}
