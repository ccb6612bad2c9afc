//! The table of what is known, as `docs/differences.md` shows it to users. The page is made of the list, so that it cannot
//! say anything else; a test holds it to that.
//! Called by `differences`, which writes it with `--write`.

use super::known::{Known, all};
use super::side::Peer;
use crate::shell;
use std::fs;
use std::path::PathBuf;

const HEAD: &str = "\
# Where other local brokers answer otherwise

Made by `cargo xtask interop differences --write` from the list that the same command compares by; edits here are lost.

Our broker is compared with two others by saying the same to both, a few ten thousand calls of which about half are broken
in some way: wrong types, members that are missing or out of range, bad signatures, and so on. Compared are status, headers,
the name and the words of a refusal, and every member of an answer, but for what differs by its nature: request ids, moments,
iterators, and the digits of sequence numbers, which are compared by what they stand for. Whatever is not in these tables is
the same on both sides. The reasons are what the service's model and guide say now, or what was recorded of the service.

Two things were set for the comparison: our broker was started with `--cors '*'`, since it lets no pages in otherwise; and
where several members of a call are of a wrong kind, so that each broker tells another one first, each was said again alone.
";

const KINESALITE: &str = "
## kinesalite 3.3.3

It follows the service as it was until 2020, its words included; so words are compared too.
";

const KINESIS_LOCAL: &str = "
## kinesis-local 0.6.2

It knows consumers, filters, modes, policies and encryption, which kinesalite lacks. Its words are its own, so of refusals
only the name is compared, and only calls that are in form are said.
";

/// Where the page is.
pub(super) fn path() -> PathBuf {
    shell::top().join("docs/differences.md")
}

/// Writes the page.
pub(super) fn write() -> shell::Outcome {
    Ok(fs::write(path(), page())?)
}

/// Whether the page says what the list says.
pub(super) fn is_current() -> bool {
    fs::read_to_string(path()).is_ok_and(|written| written == page())
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (peer, about) in [(Peer::Kinesalite, KINESALITE), (Peer::KinesisMock, KINESIS_LOCAL)] {
        page.push_str(about);
        page.push_str(&format!("\n| what | {} | ours | why |\n|---|---|---|---|\n", peer.name()));
        for Known { what, theirs, ours, why, .. } in all().filter(|known| known.peer == peer) {
            page.push_str(&format!("| {what} | {theirs} | {ours} | {why} |\n"));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_says_what_the_list_says() {
        assert!(super::is_current(), "docs/differences.md is old: cargo xtask interop differences --write");
    }
}
