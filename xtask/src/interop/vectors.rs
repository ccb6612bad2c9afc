//! The fixed cases of the format's specification: data that is almost an aggregate, or has more in it than we write.
//! Why here: readers differ on these, and the specification says how. It was read off their behaviour once; this asks
//! again, so that a table that is wrong, or has become so, is noticed.
//! Called by `aggregates`, once per program.

use super::exchange::{Exchange, Reading};
use super::programs::Language;
use std::fmt;
use tailwater_record::kpl::{Unpacked, unpack};

const V1: &str = "f3899ac20a03706b310a03706b321a0908001a0568656c6c6f1a0b08011a076b\
                  696e657369731a0408001a00e5737e613a03e023b335a9bc7873020d";
const V6: &str = "f3899ac20a03706b311a0f08001a036f6e6522060a016b1201761a0c08001a0374776f22030a016b\
                  9e8dfd8f6462423e41a08f581022eb0e";
const V7: &str = "f3899ac20a03706b311a0708001a036f6e6578018c8e6614098bf7d7e6ea7e2ff5b0722b";
const N4: &str = "f3899ac2d41d8cd98f00b204e9800998ecf8427e";
const N5: &str = "f3899ac20a05706b0340fea99022f1bef4abd88572327b33";
const N6: &str = "f3899ac20a03706b311a0708001a036f6e651a0708051a0374776fcaae2e4ed1643ab77803ce290106d020";

/// What a reader makes of a vector.
#[derive(PartialEq, Eq)]
enum Outline {
    Plain,
    /// Partition key and data of each user record.
    Records(Vec<(Option<String>, String)>),
    Refused,
}

struct Vector {
    name: &'static str,
    data: Vec<u8>,
    ours: Outline,
    python: Outline,
    node: Outline,
}

/// Where a reader differs from the specification's table: ours and the one that is asked.
pub(crate) fn contradictions(language: Language, other: &mut Exchange) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for vector in vectors() {
        let theirs = match other.unpack(&vector.data)? {
            Reading::Plain(data) if data == vector.data => Outline::Plain,
            Reading::Plain(_) => return Err(format!("{language} gave {} back altered", vector.name)),
            Reading::Aggregate { records, complaint: Some(_) } if records.is_empty() => Outline::Refused,
            Reading::Refused(_) => Outline::Refused,
            Reading::Aggregate { records, .. } => {
                let outline = |given| -> (Option<String>, String) { outline_of(given) };
                Outline::Records(records.iter().map(|given| outline((given.key.as_deref(), &given.data))).collect())
            }
        };
        let expected = match language {
            Language::Python => &vector.python,
            Language::Node => &vector.node,
        };
        if theirs != *expected {
            found.push(format!("{language} takes {} for {theirs}, the specification says {expected}", vector.name));
        }
        let ours = match unpack(vector.data.clone().into(), None) {
            Unpacked::Plain(_) => Outline::Plain,
            Unpacked::Aggregated(aggregate) => {
                let records = aggregate.records().map(|entry| outline_of((Some(entry.partition_key()), entry.data())));
                Outline::Records(records.collect())
            }
        };
        if ours != vector.ours {
            found.push(format!("we take {} for {ours}, the specification says {}", vector.name, vector.ours));
        }
    }
    Ok(found)
}

fn vectors() -> [Vector; 8] {
    use Outline::{Plain, Refused};
    let one = || records(&[(Some("pk1"), "one")]);
    let two = || records(&[(Some("pk1"), "one"), (Some("pk1"), "two")]);
    let mut n1 = unhex(V1);
    n1[0] = 0xf4;
    let mut n2 = unhex(V1);
    let last = n2.len() - 1;
    n2[last] = 0x0c;
    let n3 = unhex(V1)[..last].to_vec();
    [
        Vector { name: "V6, tags", data: unhex(V6), ours: two(), python: two(), node: two() },
        Vector { name: "V7, an unknown field", data: unhex(V7), ours: one(), python: one(), node: one() },
        Vector { name: "N1, a wrong magic", data: n1, ours: Plain, python: Plain, node: Plain },
        Vector { name: "N2, a wrong checksum", data: n2, ours: Plain, python: Plain, node: Refused },
        Vector { name: "N3, truncated", data: n3, ours: Plain, python: Plain, node: Refused },
        Vector { name: "N4, empty", data: unhex(N4), ours: Plain, python: Plain, node: records(&[]) },
        Vector { name: "N5, no protobuf", data: unhex(N5), ours: Plain, python: Plain, node: records(&[]) },
        Vector {
            name: "N6, an index beyond the table",
            data: unhex(N6),
            ours: one(),
            python: one(),
            node: records(&[(Some("pk1"), "one"), (None, "two")]),
        },
    ]
}

fn records(pairs: &[(Option<&str>, &str)]) -> Outline {
    Outline::Records(pairs.iter().map(|(key, data)| outline_of((*key, data.as_bytes()))).collect())
}

fn outline_of((key, data): (Option<&str>, &[u8])) -> (Option<String>, String) {
    (key.map(str::to_owned), String::from_utf8_lossy(data).into_owned())
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

impl fmt::Display for Outline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => out.write_str("plain data"),
            Self::Records(records) => write!(out, "the records {records:?}"),
            Self::Refused => out.write_str("an error"),
        }
    }
}
