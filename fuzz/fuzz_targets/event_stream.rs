//! Frames of a subscription, in pieces that the input chooses: the pieces make no difference, and what was read can be
//! written and read again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tailwater_fuzz::bodies::{Moments, event};
use tailwater_fuzz::choices::Choices;
use tailwater_wire::event_stream::{FRAME_MAX, FrameFault, Frames, Message};
use tailwater_wire::{Codec, Fault, FaultCode};

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let kind = choices.byte();
    let cuts = choices.piece(8);
    let stream = match kind % 3 {
        0 => choices.rest().to_vec(),
        1 => choices.spliced(&stream()),
        _ => frames(&mut choices),
    };
    let whole = read([&stream[..]].into_iter());
    let mut rest = &stream[..];
    let mut lengths = cuts.iter().cycle().map(|cut| usize::from(*cut) + 1);
    let pieces = std::iter::from_fn(|| {
        let (piece, after) = rest.split_at(lengths.next().unwrap_or(1).min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    let (messages, fault) = read(pieces);
    assert_eq!((&messages, &fault), (&whole.0, &whole.1), "pieces make no difference");
    messages.into_iter().for_each(again);
});

/// All messages, and the fault that ended them.
fn read<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> (Vec<Message>, Option<FrameFault>) {
    let mut frames = Frames::new();
    let mut messages = Vec::new();
    for piece in pieces {
        frames.push(piece);
        loop {
            match frames.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(fault) => {
                    assert!(!fault.to_string().is_empty());
                    return (messages, Some(fault));
                }
            }
        }
        assert!(frames.waiting() < FRAME_MAX);
    }
    (messages, None)
}

fn again(message: Message) {
    let bytes = message.encode().expect("no longer than it came");
    match &message {
        // Milliseconds are lost in JSON, which has moments as fractions.
        Message::Event(event) if event.moments().iter().any(|moment| moment.millis().unsigned_abs() >= 1 << 51) => {
            return;
        }
        _ => {}
    }
    assert_eq!(read([&bytes[..]].into_iter()), (vec![message], None));
}

/// A subscription as the service sends it.
fn stream() -> Vec<u8> {
    let ended = Message::Ended(Fault::new(FaultCode::ResourceInUse, "text"));
    let messages = [Message::Opening, Message::Event(event()), ended];
    messages.iter().flat_map(|message| message.encode().expect("short")).collect()
}

/// Frames whose checksums are right, of headers and payloads that the input chooses.
fn frames(choices: &mut Choices<'_>) -> Vec<u8> {
    const NAMES: [&[u8]; 6] =
        [b":message-type", b":event-type", b":exception-type", b":error-code", b":error-message", b":content-type"];
    const VALUES: [&[u8]; 6] =
        [b"event", b"exception", b"error", b"initial-response", b"SubscribeToShardEvent", b"ResourceInUseException"];
    let mut stream = Vec::new();
    while !choices.is_empty() {
        let mut headers = Vec::new();
        for _ in 0..choices.byte() % 4 {
            match choices.byte() % 4 {
                0 => {
                    let len = usize::from(choices.byte());
                    headers.extend_from_slice(choices.piece(len));
                }
                kind => {
                    let name = choices.one_of(&NAMES);
                    let len = usize::from(choices.byte());
                    let value = if kind == 1 { choices.piece(len) } else { choices.one_of(&VALUES) };
                    headers.push(name.len() as u8);
                    headers.extend_from_slice(name);
                    headers.push(7);
                    headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
                    headers.extend_from_slice(value);
                }
            }
        }
        let len = choices.number();
        let payload: Bytes = match choices.byte() % 4 {
            0 => Codec::Json.encode(&event()),
            1 => {
                let replaced = choices.piece(len);
                Choices::new(replaced).spliced(&Codec::Json.encode(&event())).into()
            }
            _ => Bytes::copy_from_slice(choices.piece(len)),
        };
        let mut frame = ((16 + headers.len() + payload.len()) as u32).to_be_bytes().to_vec();
        frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(&headers);
        frame.extend_from_slice(&payload);
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        stream.extend_from_slice(&frame);
    }
    stream
}
