//! Plants known bugs in the producer or the consumer, one at a time, and sees that its simulation finds each: a simulation
//! that finds nothing is worth something only if it would.
//! The bugs are in `mutants/table/`; each is a text that must stand exactly once in its file, and what takes its place.

mod table;

use crate::shell::{Outcome, top};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What bugs are planted in.
pub(crate) struct Subject {
    mutants: &'static [Mutant],
    /// The tests that are to find them, as arguments of `cargo`.
    tests: &'static [&'static str],
}

pub(crate) const PRODUCER: Subject = Subject {
    mutants: table::producer::MUTANTS,
    tests: &["test", "--quiet", "-p", "tailwater-producer", "--lib", "sim::"],
};

pub(crate) const CONSUMER: Subject = Subject {
    mutants: table::consumer::MUTANTS,
    tests: &["test", "--quiet", "-p", "tailwater-sim", "--lib", "promises_hold"],
};

/// One planted bug.
struct Mutant {
    name: &'static str,
    file: &'static str,
    text: &'static str,
    instead: &'static str,
}

/// What the copy does without.
const LEFT_OUT: &[&str] = &["target", ".git", "fuzz", "rivals"];

/// Tries every mutant whose name holds this; fails if one survives.
pub(crate) fn run(subject: &Subject, wanted: &str) -> Outcome {
    let tree = top().join("target").join("mutants").join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    copy(&top(), &tree)?;
    // Before any is tried: a text that is gone is found out at once.
    for mutant in subject.mutants {
        mutant.plant(&tree)?;
    }
    if wanted.is_empty()
        && let Some(line) = violation(subject, &tree)?
    {
        return Err(format!("the simulation fails without a mutant: {line}").into());
    }
    let mut survivors = 0;
    for mutant in subject.mutants.iter().filter(|mutant| mutant.name.contains(wanted)) {
        let path = tree.join(mutant.file);
        let sound = fs::read_to_string(&path)?;
        fs::write(&path, mutant.plant(&tree)?)?;
        let found = violation(subject, &tree);
        fs::write(&path, sound)?;
        survivors += u32::from(!matches!(found, Ok(Some(_))));
        match found {
            Ok(found) => println!("{}: {}", mutant.name, found.as_deref().unwrap_or("SURVIVED")),
            Err(fault) => println!("{}: NOT TRIED: {fault}", mutant.name),
        }
    }
    if survivors == 0 { Ok(()) } else { Err(format!("{survivors} mutants were not found").into()) }
}

impl Mutant {
    /// The file with the bug in it.
    fn plant(&self, tree: &Path) -> Result<String, Box<dyn Error>> {
        let sound = fs::read_to_string(tree.join(self.file))?;
        match sound.matches(self.text).count() {
            1 => Ok(sound.replace(self.text, self.instead)),
            times => Err(format!("{}: its text stands {times} times in {}", self.name, self.file).into()),
        }
    }
}

/// The first violation that the simulation meets.
fn violation(subject: &Subject, tree: &Path) -> Result<Option<String>, Box<dyn Error>> {
    let mut command = Command::new("cargo");
    command.args(subject.tests).current_dir(tree);
    command.env("CARGO_TARGET_DIR", top().join("target").join("mutants").join("target"));
    let output = command.env("RUST_BACKTRACE", "0").output()?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    match said.lines().find(|line| line.starts_with("seed ")) {
        Some(line) => Ok(Some(line.chars().take(200).collect())),
        None => {
            Err(format!("it failed, and not on an invariant: {}", said.chars().take(2000).collect::<String>()).into())
        }
    }
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if path.is_dir() {
            if !LEFT_OUT.iter().any(|left_out| name == **left_out) {
                copy(&path, &to.join(name))?;
            }
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
