//! What a worker writes down of what it does, and what is read of it when it is gone: a file for each process, a line for
//! each thing, in one write(2) before the handler says `Ok`. What that took a SIGKILL does not take back.
//! Written by `worker`, read by `run` and judged by `judge`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tailwater_record::ShardId;
use tailwater_store::Progress;
use tailwater_wire::time::{SystemClock, WallClock};

/// For what a group handles records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Group {
    /// To note each down; checkpoints follow by themselves.
    Noting,
    /// To write each into a table, in one transaction with the checkpoint.
    Booking,
}

/// A tenure: whose shard, and the token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tenure {
    pub(super) group: Group,
    pub(super) shard: ShardId,
    pub(super) token: u64,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Wall time in milliseconds: of one machine, so that processes can be compared.
    pub(super) at: i64,
    pub(super) tenure: Tenure,
    pub(super) note: Note,
}

/// What is noted of a tenure.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Note {
    /// It begins behind this.
    Begun(Progress),
    /// These numbers were handled, each with how far the shard is handled with it.
    Handled(Vec<(usize, Progress)>),
    /// The shard was handled to its end.
    Ended,
    /// The lease is handed over, and all was finished before.
    Stopping,
    /// The lease was lost.
    Lost,
}

impl Group {
    pub(super) const ALL: [Self; 2] = [Self::Noting, Self::Booking];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Noting => "noting",
            Self::Booking => "booking",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }
}

impl fmt::Display for Tenure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.group.name(), self.shard, self.token)
    }
}

/// Milliseconds of wall time.
pub(super) fn now() -> i64 {
    SystemClock.now().millis()
}

/// The open file of one process.
#[derive(Clone, Debug)]
pub(super) struct Notebook(Arc<File>);

impl Notebook {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create_new(true).append(true).open(path).map(|file| Self(Arc::new(file)))
    }

    pub(super) fn write(&self, tenure: &Tenure, note: Note) -> io::Result<()> {
        self.put(&Line { at: now(), tenure: tenure.clone(), note }.to_string())
    }

    /// Words for people, who want to know why.
    pub(super) fn tell(&self, group: Group, words: &str) -> io::Result<()> {
        self.put(&format!("# {} {} {}", now(), group.name(), words.replace('\n', " ")))
    }

    fn put(&self, line: &str) -> io::Result<()> {
        (&*self.0).write_all(format!("{line}\n").as_bytes())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} ", self.at, self.tenure)?;
        match &self.note {
            Note::Begun(from) => write!(out, "begun {}", told(from)),
            Note::Handled(records) => {
                out.write_str("handled")?;
                records.iter().try_for_each(|(number, place)| write!(out, " {number}@{}", told(place)))
            }
            Note::Ended => out.write_str("ended"),
            Note::Stopping => out.write_str("stopping"),
            Note::Lost => out.write_str("lost"),
        }
    }
}

fn told(progress: &Progress) -> String {
    let (sequence, sub_sequence) = progress.to_text();
    format!("{sequence}.{sub_sequence}")
}

/// All lines of a file. The last may have been cut off by a kill; then its handler has not said `Ok`, and it counts for
/// nothing.
pub(super) fn read(text: &str) -> Result<Vec<Line>, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| parse(line).ok_or_else(|| format!("cannot be read: {line:.200}"))).collect()
}

fn parse(line: &str) -> Option<Line> {
    let mut words = line.split(' ');
    let at = words.next()?.parse().ok()?;
    let group = Group::of(words.next()?)?;
    let tenure = Tenure { group, shard: words.next()?.parse().ok()?, token: words.next()?.parse().ok()? };
    let note = match words.next()? {
        "begun" => Note::Begun(progress(words.next()?)?),
        "handled" => Note::Handled(words.by_ref().map(record).collect::<Option<_>>()?),
        "ended" => Note::Ended,
        "stopping" => Note::Stopping,
        "lost" => Note::Lost,
        _ => return None,
    };
    words.next().is_none().then_some(Line { at, tenure, note })
}

fn record(word: &str) -> Option<(usize, Progress)> {
    let (number, place) = word.split_once('@')?;
    Some((number.parse().ok()?, progress(place)?))
}

fn progress(word: &str) -> Option<Progress> {
    let (sequence, sub_sequence) = word.split_once('.')?;
    Progress::from_text(sequence, sub_sequence.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(note: Note) -> Line {
        let tenure = Tenure { group: Group::Booking, shard: "shardId-000000000003".parse().unwrap(), token: 7 };
        Line { at: 12, tenure, note }
    }

    #[test]
    fn what_is_written_is_read_and_what_was_cut_off_is_not() {
        let place = |number: u64| Progress::Through { sequence: number.to_string().parse().unwrap(), sub_sequence: 2 };
        let lines = [
            line(Note::Begun(Progress::TrimHorizon)),
            line(Note::Handled(vec![(3, place(41)), (4, place(42))])),
            line(Note::Ended),
            line(Note::Stopping),
            line(Note::Lost),
        ];
        let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        text.push_str("# 13 booking something\n12 booking shardId-000000000003 7 handled 5@4");
        assert_eq!(read(&text).unwrap(), lines);
        assert!(read("12 nobody shardId-000000000003 7 lost\n").is_err());
    }
}
