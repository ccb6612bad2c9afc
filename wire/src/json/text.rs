//! What JSON says in texts: escapes, words for true and false, and what is wrong with a text that is not base64.
//! Called by `read`.

use crate::shape::{Base64Fault, Halt};

/// The words that the service takes for true and false.
pub(super) fn truth(word: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|other| word.eq_ignore_ascii_case(other));
    if is(&["true", "yes", "1"]) {
        return Some(true);
    }
    is(&["false", "no", "0"]).then_some(false)
}

/// What is wrong with a text whose length is right; told by the text alone, as the decoder does not say.
#[cold]
pub(super) fn base64_fault(text: &[u8]) -> Base64Fault {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let content = &text[..text.len() - padding];
    let of_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match content.iter().position(|byte| !of_alphabet(byte)) {
        Some(at) => Base64Fault::Character(at),
        None => Base64Fault::LastGroup,
    }
}

/// Resolves the escapes of a text that begins at byte `start` of the document.
#[cold]
pub(super) fn unescape(raw: &str, start: usize) -> Result<String, Halt> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let malformed = || Halt::Malformed { at: start + raw.len() - rest.len() + at, expected: "an escape" };
        out.push_str(&rest[..at]);
        let mut escape = rest[at + 1..].chars();
        let character = match escape.next().ok_or_else(malformed)? {
            literal @ ('"' | '\\' | '/') => literal,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = hex(&mut escape).ok_or_else(malformed)?;
                match unit {
                    0xd800..0xdc00 => {
                        // A character beyond 16 bits comes as two units.
                        let low = (escape.next() == Some('\\') && escape.next() == Some('u')).then(|| hex(&mut escape));
                        let low = low.flatten().filter(|low| (0xdc00..0xe000).contains(low)).ok_or_else(malformed)?;
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(malformed)?
                    }
                    _ => char::from_u32(unit).ok_or_else(malformed)?,
                }
            }
            _ => return Err(malformed()),
        };
        out.push(character);
        rest = escape.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

fn hex(digits: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value << 4 | digits.next()?.to_digit(16)?))
}
