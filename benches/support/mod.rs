//! How our benches measure: CPU time of the thread, so that other work on the machine counts little, and every subject
//! next to its ceiling in the same round, so that what still counts falls on both.

use cpu_time::ThreadTime;
use std::hint::black_box;
use std::time::Duration;

/// How many rounds are measured; the median counts.
const ROUNDS: usize = 15;

/// How long one measurement lasts at the least.
const ENOUGH: Duration = Duration::from_millis(20);

/// One thing to measure.
pub(crate) struct Subject<'w> {
    name: String,
    work: Box<dyn FnMut() + 'w>,
    /// What the work moves: things, and bytes of payload.
    things: f64,
    bytes: f64,
    /// The subject whose time is the least that this one could take, by its place in the list.
    ceiling: Option<usize>,
}

impl<'w> Subject<'w> {
    /// Work that handles so many things with so many bytes of payload in all.
    pub(crate) fn new<T>(
        name: impl Into<String>,
        things: usize,
        bytes: usize,
        mut work: impl FnMut() -> T + 'w,
    ) -> Self {
        let work = Box::new(move || drop(black_box(work())));
        Self { name: name.into(), work, things: things as f64, bytes: bytes as f64, ceiling: None }
    }

    /// Compares with the subject at this place in the list.
    pub(crate) fn under(mut self, ceiling: usize) -> Self {
        self.ceiling = Some(ceiling);
        self
    }
}

/// Lets the allocator keep what is freed, as it does in a process that has run for a while. In a new one it gives memory
/// back to the system after every round, and page faults are half of what is measured.
fn settle_allocator() {
    drop(black_box(vec![1_u8; 31 << 20]));
}

/// Measures all subjects, round by round, and prints a table.
pub(crate) fn report(title: &str, thing: &str, mut subjects: Vec<Subject<'_>>) {
    settle_allocator();
    let repeats: Vec<u32> = subjects.iter_mut().map(|subject| repeats(&mut subject.work)).collect();
    let mut times = vec![Vec::new(); subjects.len()];
    for _ in 0..ROUNDS {
        for (place, subject) in subjects.iter_mut().enumerate() {
            times[place].push(timed(&mut subject.work, repeats[place]).as_secs_f64() / f64::from(repeats[place]));
        }
    }
    let things: Vec<f64> = subjects.iter().map(|subject| subject.things).collect();
    println!(
        "\n{title}\n{:<46} {:>14} {:>8} {:>9} {:>11}",
        "",
        format!("{thing}/CPU-s"),
        "ns each",
        "GB/s",
        "of ceiling"
    );
    for (place, subject) in subjects.iter().enumerate() {
        let time = median(times[place].clone());
        let share = subject.ceiling.map_or(String::new(), |ceiling| {
            let shares = times[ceiling].iter().zip(&times[place]).map(|(ceiling, time)| ceiling / time);
            let shares = shares.map(|share| share * subject.things / things[ceiling]);
            format!("{:.0} %", 100.0 * median(shares.collect()))
        });
        let (rate, each) = (subject.things / time, time * 1e9 / subject.things);
        let speed = subject.bytes / time / 1e9;
        println!("{:<46} {:>13.2}M {each:>8.1} {speed:>9.2} {share:>11}", subject.name, rate / 1e6);
    }
}

fn timed(work: &mut dyn FnMut(), repeats: u32) -> Duration {
    let start = ThreadTime::now();
    (0..repeats).for_each(|_| work());
    start.elapsed()
}

fn repeats(work: &mut dyn FnMut()) -> u32 {
    let mut repeats = 1;
    while timed(work, repeats) < ENOUGH {
        repeats *= 2;
    }
    repeats
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
