//! The frames in which events arrive on the answer to `SubscribeToShard`.
//! `aws-smithy-eventstream` reads and writes single frames; here they are cut out of a stream of bytes, bounded in size
//! before anything is collected, and told apart by what they mean.

use crate::fault::{Fault, FaultCode, Loose};
use crate::{Codec, shapes::SubscribeToShardEvent};
use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message as Frame};
use bytes::{Bytes, BytesMut};

/// The content type of an answer that is a stream of events.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The longest frame that is read: room for the largest record in base64, and what other clients allow.
pub const FRAME_MAX: usize = 24 * 1024 * 1024;

/// The longest head that is read; other clients allow as much.
const HEADERS_MAX: usize = 128 * 1024;

/// What a fault counts for when it comes on a stream that began with 200.
const STATUS: u16 = 500;

const PRELUDE: usize = 12;
const FRAME_MIN: usize = PRELUDE + 4;

/// One message on a subscription.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The first: the subscription stands.
    Opening,
    /// Records, or a sign of life.
    Event(SubscribeToShardEvent),
    /// The last: why the subscription ends.
    Ended(Fault),
    /// A kind of event that this version does not know; to be passed over.
    Unknown,
}

/// Why a stream of frames cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameFault {
    /// Connect anew: the length in a frame's head is impossible.
    #[error("frame {frame} claims {length} bytes, or a head of its own size; allowed are {FRAME_MIN} to {FRAME_MAX}")]
    Length {
        /// Which frame, from 0.
        frame: u64,
        /// The length it claims.
        length: usize,
    },
    /// Connect anew: bytes were damaged on the way.
    #[error("frame {frame} is damaged: {reason}")]
    Damaged {
        /// Which frame, from 0.
        frame: u64,
        /// What is wrong.
        reason: String,
    },
    /// Report it: the frame is whole, but what it holds is no event.
    #[error("the event in frame {frame} cannot be read: {source}")]
    Content {
        /// Which frame, from 0.
        frame: u64,
        /// What is wrong.
        source: crate::DecodeError,
    },
}

impl Message {
    /// The frame of this message. Events are always in JSON, whatever encoding the request had.
    pub fn encode(&self) -> Result<Bytes, FrameFault> {
        let text = |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
        let message_type = |value| text(":message-type", value);
        let json = text(":content-type", Codec::Json.content_type());
        let frame = match self {
            Self::Opening => Frame::new_from_parts(
                vec![message_type("event"), text(":event-type", INITIAL_RESPONSE), json],
                Bytes::from_static(b"{}"),
            ),
            Self::Event(event) => Frame::new_from_parts(
                vec![message_type("event"), text(":event-type", EVENT), json],
                Codec::Json.encode(event),
            ),
            Self::Ended(fault) => {
                let code = text(":exception-type", fault.code.as_str());
                Frame::new_from_parts(vec![message_type("exception"), code, json], encode_message(fault))
            }
            Self::Unknown => Frame::new_from_parts(vec![message_type("event"), text(":event-type", "?")], Bytes::new()),
        };
        let mut bytes = BytesMut::with_capacity(frame.payload().len() + 256);
        let written = write_message_to(&frame, &mut bytes);
        written.map_err(|error| FrameFault::Damaged { frame: 0, reason: error.to_string() })?;
        Ok(bytes.freeze())
    }
}

const INITIAL_RESPONSE: &str = "initial-response";
const EVENT: &str = "SubscribeToShardEvent";

/// The payload of an exception: its message alone, as its name stands in the head.
fn encode_message(fault: &Fault) -> Bytes {
    let message = fault.message.as_deref().map(Loose::new);
    Codec::Json.encode(&crate::fault::FaultBody { message, ..Default::default() })
}

/// Cuts messages out of the bytes of an answer, in whatever pieces these arrive.
///
/// ```
/// use tailwater_wire::event_stream::{Frames, Message};
///
/// let bytes = Message::Opening.encode()?;
/// let mut frames = Frames::new();
/// frames.push(&bytes[..20]);
/// assert_eq!(frames.next_message()?, None);
/// frames.push(&bytes[20..]);
/// assert_eq!(frames.next_message()?, Some(Message::Opening));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Frames {
    buffer: BytesMut,
    /// How many frames were cut out.
    seen: u64,
}

impl Frames {
    /// Nothing has arrived yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until more bytes arrive. After a fault the stream cannot be read on.
    pub fn next_message(&mut self) -> Result<Option<Message>, FrameFault> {
        let frame = self.seen;
        let damaged = |reason: String| FrameFault::Damaged { frame, reason };
        let Some(prelude) = self.buffer.get(..PRELUDE) else { return Ok(None) };
        let number = |at: usize| u32::from_be_bytes([prelude[at], prelude[at + 1], prelude[at + 2], prelude[at + 3]]);
        // Checked as soon as it is there: a damaged length would have us wait for bytes that never come.
        if crc32fast::hash(&prelude[..8]) != number(8) {
            return Err(damaged("the checksum of its head does not match".to_owned()));
        }
        let length = number(0) as usize;
        let headers = number(4) as usize;
        if !(FRAME_MIN..=FRAME_MAX).contains(&length) || headers > HEADERS_MAX.min(length - FRAME_MIN) {
            return Err(FrameFault::Length { frame, length });
        }
        if self.buffer.len() < length {
            self.buffer.reserve(length - self.buffer.len());
            return Ok(None);
        }
        let mut bytes = self.buffer.split_to(length).freeze();
        self.seen += 1;
        let frame = read_message_from(&mut bytes).map_err(|error| damaged(error.to_string()))?;
        self.meaning(&frame).map(Some)
    }

    /// How many bytes wait for the rest of their frame.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    fn meaning(&self, frame: &Frame) -> Result<Message, FrameFault> {
        let at = self.seen - 1;
        let mut names: Vec<&str> = frame.headers().iter().map(|header| header.name().as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(FrameFault::Damaged { frame: at, reason: "a header stands twice".to_owned() });
        }
        let header = |name: &str| {
            let found = frame.headers().iter().find(|header| header.name().as_str() == name)?;
            found.value().as_string().ok().map(|text| text.as_str())
        };
        match header(":message-type") {
            Some("event") => match header(":event-type") {
                Some(INITIAL_RESPONSE) => Ok(Message::Opening),
                Some(EVENT) => Codec::Json
                    .decode_response(frame.payload())
                    .map(Message::Event)
                    .map_err(|source| FrameFault::Content { frame: at, source }),
                _ => Ok(Message::Unknown),
            },
            Some("exception") => {
                let fault = Fault::decode(Codec::Json, STATUS, frame.payload(), header(":exception-type"));
                Ok(Message::Ended(fault.unwrap_or(Fault::bare(FaultCode::InternalFailure))))
            }
            Some("error") => {
                let code = header(":error-code").filter(|code| !code.is_empty()).unwrap_or("InternalFailure");
                let code = FaultCode::named(code, STATUS);
                Ok(Message::Ended(Fault { code, message: header(":error-message").map(str::to_owned) }))
            }
            _ => Ok(Message::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPENING: &str = "0000007200000060ab820d9e0d3a6d6573736167652d747970650700056576656e740b3a6576656e742d747970\
                           65070010696e697469616c2d726573706f6e73650d3a636f6e74656e742d7479706507001a6170706c69636174\
                           696f6e2f782d616d7a2d6a736f6e2d312e317b7de16e66e4";
    const EXCEPTION: &str = "0000008d0000006e865ee7150d3a6d6573736167652d747970650700096578636570\
                             74696f6e0f3a657863657074696f6e2d747970650700165265736f75726365496e557365457863657074696f6e0d\
                             3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e317b226d65\
                             7373616765223a2278227dd6edc97a";

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn idle() -> Message {
        Message::Event(SubscribeToShardEvent {
            records: Vec::new(),
            continuation_sequence_number: Some("1".parse().unwrap()),
            millis_behind_latest: 0,
            child_shards: None,
        })
    }

    fn read(bytes: &[u8]) -> Result<Vec<Message>, FrameFault> {
        let mut frames = Frames::new();
        frames.push(bytes);
        std::iter::from_fn(|| frames.next_message().transpose()).collect()
    }

    #[test]
    fn frames_are_those_of_the_service() {
        assert_eq!(Message::Opening.encode().unwrap(), unhex(OPENING));
        let ended = Message::Ended(Fault::new(FaultCode::ResourceInUse, "x"));
        assert_eq!(ended.encode().unwrap(), unhex(EXCEPTION));
        let event = idle().encode().unwrap();
        assert_eq!(event.len(), 187);
        assert_eq!(event[..12], unhex("000000bb000000653fed73bb"));
        assert_eq!(event[183..], unhex("c159c85c"));
        assert_eq!(
            read(&[unhex(OPENING), event.to_vec(), unhex(EXCEPTION)].concat()).unwrap(),
            [Message::Opening, idle(), ended]
        );
    }

    #[test]
    fn an_error_that_the_model_does_not_have_ends_the_subscription_too() {
        let text = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
        let headers = vec![text(":message-type", "error"), text(":error-code", "Odd"), text(":error-message", "why")];
        let mut bytes = BytesMut::new();
        write_message_to(&Frame::new_from_parts(headers, Bytes::new()), &mut bytes).unwrap();
        assert_eq!(read(&bytes).unwrap(), [Message::Ended(Fault::new(FaultCode::named("Odd", 500), "why"))]);
    }

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        let text = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
        let headers = vec![text(":message-type", "event"), text(":message-type", "event")];
        let mut bytes = BytesMut::new();
        write_message_to(&Frame::new_from_parts(headers, Bytes::new()), &mut bytes).unwrap();
        assert!(matches!(read(&bytes), Err(FrameFault::Damaged { frame: 0, .. })));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_collected() {
        for length in [0, 15, FRAME_MAX as u32 + 1, u32::MAX] {
            let mut prelude = [length.to_be_bytes(), 0_u32.to_be_bytes()].concat();
            prelude.extend_from_slice(&crc32fast::hash(&prelude).to_be_bytes());
            assert_eq!(read(&prelude), Err(FrameFault::Length { frame: 0, length: length as usize }));
        }
    }

    proptest! {
        #[test]
        fn frames_are_found_in_whatever_pieces_they_arrive(cuts in prop::collection::vec(1_usize..200, 1..50)) {
            let messages = [Message::Opening, idle(), idle(), Message::Ended(Fault::new(FaultCode::ResourceInUse, "x"))];
            let bytes: Vec<u8> = messages.iter().flat_map(|message| message.encode().unwrap()).collect();
            let (mut frames, mut found, mut rest) = (Frames::new(), Vec::new(), &bytes[..]);
            for cut in cuts.into_iter().chain([bytes.len()]) {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                frames.push(piece);
                rest = left;
                while let Some(message) = frames.next_message().unwrap() {
                    found.push(message);
                }
            }
            prop_assert_eq!(&found[..], &messages[..]);
            prop_assert_eq!(frames.waiting(), 0);
        }

        #[test]
        fn a_changed_byte_is_never_taken_for_a_message(at in any::<prop::sample::Index>(), change in 1_u8..) {
            let mut bytes = idle().encode().unwrap().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), sealed: bool) {
            let mut bytes = bytes;
            if sealed && bytes.len() >= FRAME_MIN {
                let (length, headers) = (bytes.len() as u32, u32::from(bytes[4]) % 64);
                bytes[..4].copy_from_slice(&length.to_be_bytes());
                bytes[4..8].copy_from_slice(&headers.to_be_bytes());
                let head = crc32fast::hash(&bytes[..8]).to_be_bytes();
                bytes[8..12].copy_from_slice(&head);
                let end = bytes.len() - 4;
                let whole = crc32fast::hash(&bytes[..end]).to_be_bytes();
                bytes[end..].copy_from_slice(&whole);
            }
            let _ = read(&bytes);
        }
    }
}
