//! What is put: records of 100 bytes, each of which says which it is, and has a tail and a key that follow from its place.
//! Why: so that what comes back can be told from all others, and a byte that has changed shows.
//! Called by `load`, which writes them, and `verify`, which reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// As many records a call has.
pub(crate) const RECORDS: usize = 500;
/// Bytes of payload.
pub(crate) const BYTES: usize = 100;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Letters of base64 that say which record it is, 6 bits each: 6 for the call, 4 for the connection and the place.
const CALL: usize = 6;
const INDEX: usize = CALL + 4;

/// Which record: of which connection, in which of its calls, at which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Index {
    pub(crate) connection: u8,
    pub(crate) call: u32,
    pub(crate) place: u16,
}

/// The body of a `PutRecords`, whose call can be changed in place.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Where the first letter of each record's payload is.
    payloads: Vec<usize>,
}

impl Body {
    pub(crate) fn new(stream: &str, connection: u8) -> Self {
        let mut bytes = format!(r#"{{"StreamName":"{stream}","Records":["#).into_bytes();
        let mut payloads = Vec::with_capacity(RECORDS);
        for place in 0..RECORDS as u16 {
            let index = Index { connection, call: 0, place };
            bytes.extend_from_slice(br#"{"Data":""#);
            payloads.push(bytes.len());
            bytes.extend_from_slice(index.payload().as_bytes());
            bytes.extend_from_slice(format!(r#"","PartitionKey":"{}"}},"#, index.key()).as_bytes());
        }
        bytes.pop();
        bytes.extend_from_slice(b"]}");
        Self { bytes, payloads }
    }

    /// Makes it the body of this call.
    pub(crate) fn set_call(&mut self, call: u32) {
        let letters: [u8; CALL] = letters(u64::from(call));
        for payload in &self.payloads {
            self.bytes[*payload..*payload + CALL].copy_from_slice(&letters);
        }
    }
}

impl Index {
    /// The payload in base64, as it goes out and as it must come back.
    pub(crate) fn payload(self) -> String {
        let seed = u64::from(self.connection) << 16 | u64::from(self.place);
        let mut payload = [0; BYTES];
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for byte in &mut payload {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        let mut text = STANDARD.encode(payload).into_bytes();
        text[..CALL].copy_from_slice(&letters::<CALL>(u64::from(self.call)));
        text[CALL..INDEX].copy_from_slice(&letters::<{ INDEX - CALL }>(seed));
        text.into_iter().map(char::from).collect()
    }

    /// A key of 16 characters, distinct for each place of each connection.
    pub(crate) fn key(self) -> String {
        format!("device-{:03}-{:05}", self.connection, self.place)
    }

    /// Which record a payload says it is.
    pub(crate) fn read(payload: &str) -> Option<Self> {
        let payload = payload.as_bytes();
        let (call, seed) = (number(payload.get(..CALL)?)?, number(payload.get(CALL..INDEX)?)?);
        Some(Self { connection: (seed >> 16) as u8, call: u32::try_from(call).ok()?, place: seed as u16 })
    }
}

fn letters<const N: usize>(number: u64) -> [u8; N] {
    std::array::from_fn(|place| DIGITS[(number >> (6 * (N - 1 - place)) & 63) as usize])
}

fn number(letters: &[u8]) -> Option<u64> {
    letters.iter().try_fold(0, |number, letter| {
        let digit = DIGITS.iter().position(|digit| digit == letter)?;
        Some(number << 6 | digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_tells_which_record_it_is() {
        for (connection, call, place) in [(0, 0, 0), (9, 1, 499), (255, u32::MAX, 65_535)] {
            let index = Index { connection, call, place };
            assert_eq!(Index::read(&index.payload()), Some(index));
            assert_eq!(STANDARD.decode(index.payload()).map(|payload| payload.len()), Ok(BYTES));
        }
    }

    #[test]
    fn a_body_can_become_that_of_another_call() {
        let mut body = Body::new("one", 7);
        body.set_call(1_000_000);
        let text = String::from_utf8(body.bytes).unwrap();
        for place in [0, 250, RECORDS as u16 - 1] {
            assert!(text.contains(&Index { connection: 7, call: 1_000_000, place }.payload()));
        }
        assert!(!text.contains(&Index { connection: 7, call: 0, place: 0 }.payload()));
    }
}
