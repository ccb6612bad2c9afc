//! What both sides have handed out, as pairs: the iterator that one side gave is the counterpart of the one that the
//! other side gave for the same call. So a later call can use either, and an answer that shows one is compared by name.
//! Pure. Fed and asked by `session`, `call` and `told`.

use std::collections::HashMap;
use tailwater_record::SequenceNumber;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Theirs,
    Ours,
}

/// A number that both sides have given.
#[derive(Clone, Debug)]
pub(super) struct Number {
    values: [String; 2],
    pub(super) stream: String,
    pub(super) shard: String,
    /// Or else that with which a shard began or ended.
    pub(super) is_of_record: bool,
}

/// What both sides have handed out.
#[derive(Debug, Default)]
pub(super) struct Memory {
    iterators: Vec<Iterator>,
    pub(super) numbers: Vec<Number>,
    /// By stream and value: streams made in the same second give the same numbers.
    names: [HashMap<(String, String), String>; 2],
}

#[derive(Clone, Debug)]
struct Iterator {
    values: [String; 2],
    stream: String,
}

impl Memory {
    pub(super) fn iterators(&self) -> usize {
        self.iterators.len()
    }

    pub(super) fn add_iterator(&mut self, theirs: &str, ours: &str, stream: &str) {
        self.iterators.push(Iterator { values: [theirs.to_owned(), ours.to_owned()], stream: stream.to_owned() });
    }

    /// The stream of an iterator, by its name.
    pub(super) fn stream_of(&self, name: &str) -> Option<&str> {
        let place: usize = name.strip_prefix("<iterator ")?.trim_end_matches('>').split(' ').next()?.parse().ok()?;
        self.iterators.get(place).map(|iterator| iterator.stream.as_str())
    }

    /// Forgets the numbers of a stream that is gone.
    pub(super) fn forget(&mut self, stream: &str) {
        for number in self.numbers.iter_mut().filter(|number| number.stream == stream) {
            number.stream.clear();
        }
        for names in &mut self.names {
            names.retain(|(other, _), _| other != stream);
        }
    }

    /// Remembers the number of a record, or one that a listing tells.
    pub(super) fn add_number(&mut self, theirs: &str, ours: &str, stream: &str, shard: &str, is_of_record: bool) {
        let key = |value: &str| (stream.to_owned(), value.to_owned());
        if self.names[Who::Ours as usize].contains_key(&key(ours)) {
            return;
        }
        // kinesalite may give a shard's first record the number with which the shard began.
        let name = self.names[Who::Theirs as usize].get(&key(theirs)).cloned();
        let name = name.unwrap_or_else(|| format!("<number {}>", self.numbers.len()));
        for (names, value) in self.names.iter_mut().zip([theirs, ours]) {
            names.insert(key(value), name.clone());
        }
        let values = [theirs.to_owned(), ours.to_owned()];
        self.numbers.push(Number { values, stream: stream.to_owned(), shard: shard.to_owned(), is_of_record });
    }

    /// What stands for a name such as `<iterator 3>`, or a spoilt one such as `<iterator 3 cut>`.
    pub(super) fn filled(&self, who: Who, text: &str) -> Option<String> {
        let mut words = text.strip_prefix('<')?.strip_suffix('>')?.split(' ');
        let (kind, place) = (words.next()?, words.next()?.parse::<usize>().ok()?);
        let value = match kind {
            "iterator" => self.iterators.get(place)?.values[who as usize].clone(),
            "number" => self.numbers.get(place)?.values[who as usize].clone(),
            _ => return None,
        };
        Some(match words.next() {
            Some("cut") => value[..value.len() / 8 * 4].to_owned(),
            Some("twisted") => {
                let (head, tail) = value.split_at(value.len() / 2);
                let twisted = if tail.starts_with('A') { "B" } else { "A" };
                format!("{head}{twisted}{}", &tail[1..])
            }
            Some("next") => next(&value),
            _ => value,
        })
    }

    /// A text of one side about a stream, without what differs by its nature: numbers of records, moments.
    pub(super) fn shown(&self, who: Who, stream: &str, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(from) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let end = rest[from..].find(|letter: char| !letter.is_ascii_digit()).map_or(rest.len(), |end| from + end);
            shown.push_str(&rest[..from]);
            shown.push_str(&self.digits(who, stream, &rest[from..end]));
            rest = &rest[end..];
        }
        shown + rest
    }

    fn digits(&self, who: Who, stream: &str, digits: &str) -> String {
        if let Some(name) = self.names[who as usize].get(&(stream.to_owned(), digits.to_owned())) {
            return name.clone();
        }
        match digits.len() {
            10 if digits.starts_with("17") => "<second>".to_owned(),
            13 if digits.starts_with("17") => "<moment>".to_owned(),
            50.. => {
                let names = &self.names[who as usize];
                let next_of = names.iter().find(|((about, value), _)| about == stream && next(value) == digits);
                let role = || role(digits).unwrap_or_else(|| digits.to_owned());
                next_of.map_or_else(role, |(_, name)| name.replace('>', " next>"))
            }
            _ => digits.to_owned(),
        }
    }
}

/// The number behind this one. It is nobody's: the last four bits of a number are always the same.
fn next(number: &str) -> String {
    let nines = number.len() - number.trim_end_matches('9').len();
    let (head, tail) = number.split_at(number.len() - nines);
    let (head, last) = head.split_at(head.len().saturating_sub(1));
    let last = last.bytes().next().map_or('1', |last| char::from(last + 1));
    format!("{head}{last}{}", tail.replace('9', "0"))
}

/// What a number that no call has given says of itself.
fn role(digits: &str) -> Option<String> {
    let number: SequenceNumber = digits.parse().ok()?;
    let [high, middle, low] = number.words()?;
    let (index, shard, version) = (high << 48 | middle >> 16, low >> 4 & u64::from(u32::MAX), low & 0xf);
    let role = match index {
        _ if high >> 56 != 0b10 || version != 2 => return None,
        0 if middle << 48 >> 20 | low >> 36 == high >> 20 & 0xf_ffff_ffff => "start",
        0x7fff_ffff_ffff_ffff => "end",
        _ => "a number",
    };
    Some(format!("<{role} of shard {shard}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_by_its_nature_is_named() {
        let mut memory = Memory::default();
        let (theirs, ours) = ("49646437577108476416916876405834391906322740532993851394", "496");
        memory.add_number(theirs, ours, "s", "shardId-000000000000", true);
        memory.add_iterator("AAAAAAAA", "BBBBBBBB", "s");
        assert_eq!(memory.shown(Who::Theirs, "s", &format!("at {theirs}, 12.")), "at <number 0>, 12.");
        assert_eq!(memory.shown(Who::Ours, "s", "496 and 1763719000123"), "<number 0> and <moment>");
        let start = "49646437577130777162115407028967465143858078037781250066";
        assert_eq!(memory.shown(Who::Ours, "s", start), "<start of shard 1>");
        assert_eq!(memory.filled(Who::Ours, "<iterator 0 twisted>").as_deref(), Some("BBBBABBB"));
        assert!(memory.filled(Who::Theirs, "<number 0 next>").unwrap().ends_with("851395"));
        assert_eq!(next("1299"), "1300");
        assert_eq!(memory.filled(Who::Ours, "<iterator 1>"), None);
    }
}
