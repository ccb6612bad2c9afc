use super::{Strategy, *};
use proptest::prelude::*;
use proptest::strategy::Strategy as Drawn;
use std::collections::BTreeMap;

const LONG: Duration = Duration::from_secs(3600);

fn worker_id(number: usize) -> WorkerId {
    format!("worker-{number:04}").parse().unwrap()
}

fn stream(number: usize) -> StreamIdentity {
    format!("111122223333:stream-{number:02}:1700000000").parse().unwrap()
}

fn lease(stream_number: usize, shard: usize, owner: Option<usize>) -> LeaseView {
    let shard = format!("shardId-{shard:012}").parse().unwrap();
    LeaseView {
        key: LeaseKey::new("group".parse().unwrap(), stream(stream_number), shard),
        owner: owner.map(worker_id),
        next: None,
        expired_for: None,
        is_ended: false,
        is_handoff_overdue: false,
        throughput: None,
        held_for: LONG,
        wish: None,
    }
}

fn worker(number: usize) -> WorkerView {
    WorkerView {
        id: worker_id(number),
        is_live: true,
        is_leaving: false,
        cpu: None,
        leases_max: None,
        streams: BTreeSet::from([stream(0)]),
    }
}

fn rules(strategy: Strategy) -> Rules {
    Rules {
        strategy,
        moves_at_most: usize::MAX,
        hold_at_least: Duration::ZERO,
        reclaim_within: Duration::from_secs(20),
        band: 0.1,
        damping: 0.6,
        throughput_max: None,
        handoff: true,
    }
}

/// A group of one stream, whose workers have so many leases.
fn group(counts: &[usize]) -> View {
    let owners = counts.iter().enumerate().flat_map(|(owner, count)| std::iter::repeat_n(owner, *count));
    View {
        leases: owners.enumerate().map(|(shard, owner)| lease(0, shard, Some(owner))).collect(),
        workers: (0..counts.len()).map(worker).collect(),
    }
}

fn counts(view: &View) -> Vec<usize> {
    let mut counts: BTreeMap<&WorkerId, usize> = view.workers.iter().map(|worker| (&worker.id, 0)).collect();
    for lease in view.leases.iter().filter(|lease| !lease.is_ended) {
        if let Some(count) = lease.next.as_ref().or(lease.owner.as_ref()).and_then(|id| counts.get_mut(id)) {
            *count += 1;
        }
    }
    counts.into_values().collect()
}

/// A round: what is assigned is done at once, handoffs under way and those offered now are finished.
fn apply(view: &mut View, plan: &Plan) {
    for lease in &mut view.leases {
        lease.held_for += Duration::from_secs(20);
        if let Some(next) = lease.next.take() {
            (lease.owner, lease.held_for) = (Some(next), Duration::ZERO);
        }
        lease.is_handoff_overdue = false;
    }
    let given: BTreeMap<&LeaseKey, &WorkerId> = plan.moves.iter().map(|step| (&step.key, &step.to)).collect();
    for lease in &mut view.leases {
        if let Some(to) = given.get(&lease.key) {
            lease.owner = Some((*to).clone());
            (lease.expired_for, lease.held_for) = (None, Duration::ZERO);
        }
    }
}

fn spread(counts: &[usize]) -> usize {
    counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0)
}

/// What no plan may do, whatever the group.
fn check(view: &View, rules: &Rules, plan: &Plan) -> Result<(), TestCaseError> {
    let leases: BTreeMap<&LeaseKey, &LeaseView> = view.leases.iter().map(|lease| (&lease.key, lease)).collect();
    let workers: BTreeMap<&WorkerId, &WorkerView> = view.workers.iter().map(|worker| (&worker.id, worker)).collect();
    prop_assert!(plan.moves.windows(2).all(|pair| pair[0].key < pair[1].key), "a lease twice, or no order");
    let mut after: BTreeMap<&WorkerId, usize> = BTreeMap::new();
    for lease in view.leases.iter().filter(|lease| !lease.is_ended) {
        let moved = plan.moves.iter().find(|step| step.key == lease.key).map(|step| &step.to);
        if let Some(holder) = moved.or(lease.next.as_ref()).or(lease.owner.as_ref()) {
            *after.entry(holder).or_default() += 1;
        }
    }
    let mut balancing = 0;
    for step in &plan.moves {
        let (lease, to) = (leases[&step.key], workers[&step.to]);
        prop_assert!(
            !lease.is_ended && to.is_live && !to.is_leaving && to.streams.contains(&lease.key.stream),
            "{step}"
        );
        prop_assert_eq!(&step.from, &lease.owner);
        let is_live = lease.owner.is_some() && lease.expired_for.is_none();
        match step.how {
            How::Offer => {
                prop_assert!(rules.handoff && is_live && lease.next.is_none() && step.from != Some(step.to.clone()))
            }
            How::Assign => {
                prop_assert!(!rules.handoff || !is_live || lease.is_handoff_overdue, "{step}");
            }
        }
        if lease.next.is_some() {
            prop_assert!(lease.is_handoff_overdue || lease.expired_for.is_some(), "a handoff disturbed: {step}");
        }
        let is_handoff_finished = lease.next.as_ref() == Some(&step.to);
        let limit = to.leases_max.map_or(usize::MAX, |most| most as usize);
        prop_assert!(after[&step.to] <= limit || is_handoff_finished, "too many for {}", step.to);
        match &step.reason {
            Reason::Uneven { .. } | Reason::UnevenByWay { .. } | Reason::OverLimit { .. } => {
                balancing += 1;
                prop_assert!(is_live && lease.held_for >= rules.hold_at_least, "{step}");
            }
            Reason::MakesRoom { .. } => prop_assert!(is_live && lease.held_for >= rules.hold_at_least),
            Reason::Unowned => prop_assert_eq!(&lease.owner, &None),
            Reason::Gone { owner } => {
                prop_assert!(workers.get(owner).is_none_or(|worker| !worker.is_live) && lease.expired_for.is_some());
            }
            Reason::Neglected { expired_for, .. } => {
                prop_assert!(*expired_for > rules.reclaim_within && step.from != Some(step.to.clone()));
            }
            Reason::HandoffOverdue { .. } => prop_assert!(lease.is_handoff_overdue && lease.next.is_some()),
            Reason::HandoffCut { .. } => prop_assert!(lease.expired_for.is_some() && lease.next.is_some()),
            Reason::Leaving { owner } => prop_assert!(workers[owner].is_leaving),
            Reason::NotRead { owner, stream } => prop_assert!(!workers[owner].streams.contains(stream)),
            Reason::Wish { to } => prop_assert_eq!(Some(to), lease.wish.as_ref()),
        }
        if let Some(wish) = lease.wish.as_ref().filter(|_| lease.next.is_none()) {
            let is_there = lease.owner.as_ref() == Some(wish) && lease.expired_for.is_none();
            let can_stay = workers.get(wish).is_some_and(|worker| {
                worker.is_live && !worker.is_leaving && worker.streams.contains(&lease.key.stream)
            });
            prop_assert!(!(is_there && can_stay), "taken from where an operator wants it: {step}");
        }
    }
    prop_assert!(balancing <= rules.moves_at_most, "{} of {}", balancing, rules.moves_at_most);
    for (key, why) in &plan.unplaced {
        let lease = leases[key];
        let is_free = |worker: &&WorkerView| {
            let limit = worker.leases_max.map_or(usize::MAX, |most| most as usize);
            let is_soft_full = rules.throughput_max.is_some();
            worker.is_live
                && !worker.is_leaving
                && worker.streams.contains(&lease.key.stream)
                && after.get(&worker.id).copied().unwrap_or(0) < limit
                && !is_soft_full
                && lease.owner.as_ref() != Some(&worker.id)
        };
        // Room may appear only because a worker above its limit gave something away afterwards: the next plan sees that.
        let was_shed = plan.moves.iter().any(|step| !matches!(step.reason, Reason::Wish { .. }) && step.from.is_some());
        prop_assert!(was_shed || !view.workers.iter().any(|worker| is_free(&worker)), "{key} unplaced: {why}");
    }
    Ok(())
}

prop_compose! {
    fn any_lease(streams: usize, workers: usize)(
        at in 0..streams,
        shard in 0_usize..10_000,
        owner in proptest::option::weighted(0.85, 0..workers + 1),
        next in proptest::option::weighted(0.1, 0..workers + 1),
        expired in proptest::option::weighted(0.15, 0_u64..40),
        is_ended in proptest::bool::weighted(0.05),
        is_handoff_overdue in any::<bool>(),
        throughput in proptest::option::weighted(0.8, prop_oneof![4 => 0.0..900.0_f64, 1 => Just(0.0), 1 => Just(f64::NAN)]),
        held in 0_u64..60,
        wish in proptest::option::weighted(0.05, 0..workers + 1),
    ) -> LeaseView {
        LeaseView {
            next: owner.and(next).filter(|next| Some(*next) != owner).map(worker_id),
            expired_for: owner.and(expired).map(Duration::from_secs),
            is_ended,
            is_handoff_overdue: is_handoff_overdue && next.is_some(),
            throughput,
            held_for: Duration::from_secs(held),
            wish: wish.map(worker_id),
            ..lease(at, shard, owner)
        }
    }
}

prop_compose! {
    fn any_worker(streams: usize)(
        is_live in proptest::bool::weighted(0.85),
        is_leaving in proptest::bool::weighted(0.1),
        cpu in proptest::option::weighted(0.7, (0.0..100.0_f64, 20.0..100.0_f64)),
        leases_max in proptest::option::weighted(0.3, 0_u32..8),
        reads in proptest::collection::btree_set(0..streams, 0..=streams),
    ) -> WorkerView {
        WorkerView {
            is_live,
            is_leaving,
            cpu: cpu.map(|(percent, target)| CpuUse { percent, target }),
            leases_max,
            streams: reads.into_iter().map(stream).collect(),
            ..worker(0)
        }
    }
}

fn any_view() -> impl Drawn<Value = View> {
    (1_usize..5, 0_usize..7).prop_flat_map(|(streams, workers)| {
        let leases = proptest::collection::vec(any_lease(streams, workers), 0..40);
        let workers = proptest::collection::vec(any_worker(streams), workers);
        (leases, workers).prop_map(|(mut leases, mut workers)| {
            leases.sort_by(|one, other| one.key.cmp(&other.key));
            leases.dedup_by(|one, other| one.key == other.key);
            for (at, worker) in workers.iter_mut().enumerate() {
                worker.id = worker_id(at);
            }
            View { leases, workers }
        })
    })
}

fn any_strategy() -> impl Drawn<Value = Strategy> {
    prop_oneof![Just(Strategy::Count), Just(Strategy::Throughput), Just(Strategy::Cpu)]
}

prop_compose! {
    fn any_rules()(
        strategy in any_strategy(),
        moves_at_most in prop_oneof![Just(usize::MAX), 0_usize..6],
        hold in 0_u64..60,
        throughput_max in proptest::option::weighted(0.2, 0.0..3000.0_f64),
        handoff in any::<bool>(),
    ) -> Rules {
        Rules { moves_at_most, hold_at_least: Duration::from_secs(hold), throughput_max, handoff, ..rules(strategy) }
    }
}

/// Groups in which nothing is wrong, but which may be as uneven as can be; workers read different streams.
fn healthy_view() -> impl Drawn<Value = View> {
    any_view().prop_map(|mut view| {
        let readers: Vec<WorkerView> = view.workers.clone();
        for worker in &mut view.workers {
            (worker.is_live, worker.is_leaving, worker.leases_max, worker.cpu) = (true, false, None, None);
        }
        for lease in &mut view.leases {
            (lease.next, lease.expired_for, lease.wish, lease.is_handoff_overdue) = (None, None, None, false);
            lease.held_for = LONG;
            let can = |worker: &WorkerView| worker.streams.contains(&lease.key.stream);
            let owner =
                lease.owner.take().filter(|owner| readers.iter().any(|worker| worker.id == *owner && can(worker)));
            lease.owner = owner.or_else(|| readers.iter().find(|worker| can(worker)).map(|worker| worker.id.clone()));
        }
        view.leases.retain(|lease| lease.owner.is_some());
        view
    })
}

/// KiB a second of each worker, in a view in which all of it is known.
fn loads(view: &View) -> Vec<f64> {
    let mut loads: BTreeMap<&WorkerId, f64> = view.workers.iter().map(|worker| (&worker.id, 0.0)).collect();
    for lease in view.leases.iter().filter(|lease| !lease.is_ended) {
        *loads.get_mut(lease.owner.as_ref().unwrap()).unwrap() += lease.throughput.unwrap_or(0.0);
    }
    loads.into_values().collect()
}

fn squares(loads: &[f64]) -> f64 {
    loads.iter().map(|load| load * load).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_does_what_none_may(view in any_view(), rules in any_rules()) {
        check(&view, &rules, &plan(&view, &rules))?;
    }

    #[test]
    fn order_of_what_is_listed_does_not_matter(view in any_view(), rules in any_rules(), turn in 0_usize..40) {
        let mut turned = view.clone();
        turned.leases.reverse();
        let turn = turn.min(turned.leases.len());
        turned.leases.rotate_left(turn);
        turned.workers.reverse();
        prop_assert_eq!(plan(&view, &rules), plan(&turned, &rules));
    }

    #[test]
    fn whatever_happened_the_group_comes_to_rest(view in any_view(), strategy in any_strategy(), bound in 1_usize..4) {
        let rules = Rules { moves_at_most: bound, ..rules(strategy) };
        let mut view = view;
        // Nothing is found out anew: who is gone stays so, and what a live worker let expire it takes up again.
        for worker in &mut view.workers {
            worker.cpu = None;
        }
        let mut moves = usize::MAX;
        for _ in 0..200 {
            let plan = plan(&view, &rules);
            check(&view, &rules, &plan)?;
            moves = plan.moves.len();
            if moves == 0 {
                break;
            }
            apply(&mut view, &plan);
        }
        prop_assert_eq!(moves, 0);
    }

    #[test]
    fn counts_are_even_after_one_plan_with_the_fewest_moves(counts_before in proptest::collection::vec(0_usize..60, 1..30)) {
        let mut view = group(&counts_before);
        let rules = rules(Strategy::Count);
        let plan_made = plan(&view, &rules);
        apply(&mut view, &plan_made);
        prop_assert!(spread(&counts(&view)) <= 1);
        let total: usize = counts_before.iter().sum();
        let (share, rest) = (total / counts_before.len(), total % counts_before.len());
        let mut sorted = counts_before;
        sorted.sort_unstable_by(|one, other| other.cmp(one));
        let fewest: usize =
            sorted.iter().enumerate().map(|(at, has)| has.saturating_sub(share + usize::from(at < rest))).sum();
        prop_assert_eq!(plan_made.moves.len(), fewest);
        prop_assert!(plan(&view, &rules).moves.is_empty());
    }

    #[test]
    fn a_death_moves_only_its_leases(workers in 2_usize..20, leases in 0_usize..200, dead in 0_usize..20) {
        let dead = dead % workers;
        let mut view = group(&(0..workers).map(|at| leases / workers + usize::from(at < leases % workers)).collect::<Vec<_>>());
        let id = worker_id(dead);
        view.workers[dead].is_live = false;
        for lease in view.leases.iter_mut().filter(|lease| lease.owner.as_ref() == Some(&id)) {
            lease.expired_for = Some(Duration::from_secs(1));
        }
        let plan = plan(&view, &rules(Strategy::Count));
        let orphans = view.leases.iter().filter(|lease| lease.owner.as_ref() == Some(&id)).count();
        prop_assert_eq!(plan.moves.len(), orphans);
        prop_assert!(plan.moves.iter().all(|step| step.from.as_ref() == Some(&id) && step.how == How::Assign));
        apply(&mut view, &plan);
        let mut after = counts(&view);
        after.remove(dead);
        prop_assert!(spread(&after) <= 1);
    }

    #[test]
    fn a_join_moves_the_joiners_share_to_it_and_nothing_else(workers in 1_usize..20, leases in 0_usize..200) {
        let mut shares: Vec<usize> = (0..workers).map(|at| leases / workers + usize::from(at < leases % workers)).collect();
        shares.push(0);
        let plan = plan(&group(&shares), &rules(Strategy::Count));
        prop_assert_eq!(plan.moves.len(), leases / (workers + 1));
        prop_assert!(plan.moves.iter().all(|step| step.to == worker_id(workers) && step.how == How::Offer));
    }

    #[test]
    fn counts_are_as_even_as_the_streams_allow(view in healthy_view()) {
        let mut view = view;
        let rules = rules(Strategy::Count);
        let plan_made = plan(&view, &rules);
        apply(&mut view, &plan_made);
        prop_assert!(plan(&view, &rules).moves.is_empty());
        // Even, if nobody can reach somebody who has less by two.
        let counts = counts(&view);
        for from in 0..view.workers.len() {
            let mut reached = BTreeSet::from([from]);
            while let Some(next) = (0..view.workers.len()).find(|to| {
                !reached.contains(to) && view.leases.iter().any(|lease| {
                    !lease.is_ended
                        && view.workers[*to].streams.contains(&lease.key.stream)
                        && reached.iter().any(|at| lease.owner.as_ref() == Some(&view.workers[*at].id))
                })
            }) {
                reached.insert(next);
            }
            prop_assert!(reached.iter().all(|to| counts[*to] + 1 >= counts[from]), "{counts:?}");
        }
    }

    #[test]
    fn bounded_plans_reach_the_same_and_move_nothing_back(view in healthy_view(), bound in 1_usize..5, strategy in any_strategy()) {
        let mut view = view;
        let rules = Rules { moves_at_most: bound, ..rules(strategy) };
        let mut back: BTreeMap<LeaseKey, WorkerId> = BTreeMap::new();
        for _ in 0..200 {
            let plan = plan(&view, &rules);
            prop_assert!(plan.moves.len() <= bound);
            for step in &plan.moves {
                prop_assert!(back.get(&step.key) != Some(&step.to), "moved back: {step}");
            }
            back = plan.moves.iter().map(|step| (step.key.clone(), step.from.clone().unwrap())).collect();
            apply(&mut view, &plan);
            if plan.moves.is_empty() {
                break;
            }
        }
        prop_assert!(plan(&view, &rules).moves.is_empty());
    }

    #[test]
    fn each_plan_by_throughput_makes_loads_more_even(view in healthy_view(), bound in prop_oneof![Just(usize::MAX), 1_usize..5]) {
        let mut view = view;
        for lease in &mut view.leases {
            // Not less than the least that a lease counts for, so that the test's sums are the planner's.
            lease.throughput = Some(lease.throughput.filter(|kib| kib.is_finite()).unwrap_or(100.0).max(20.0));
        }
        let rules = Rules { moves_at_most: bound, ..rules(Strategy::Throughput) };
        for _ in 0..100 {
            let before = loads(&view);
            let plan = plan(&view, &rules);
            if plan.moves.is_empty() {
                return Ok(());
            }
            apply(&mut view, &plan);
            prop_assert!(squares(&loads(&view)) < squares(&before), "{before:?} to {:?}", loads(&view));
        }
        prop_assert!(false, "never at rest");
    }

    #[test]
    fn equal_throughputs_make_equal_counts(counts_before in proptest::collection::vec(0_usize..60, 1..30), kib in proptest::option::of(1.0..500.0_f64)) {
        let mut view = group(&counts_before);
        view.leases.iter_mut().for_each(|lease| lease.throughput = kib);
        let plan = plan(&view, &rules(Strategy::Throughput));
        apply(&mut view, &plan);
        prop_assert!(spread(&counts(&view)) <= 1);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn small_leases_end_within_the_band(workers in 2_usize..12, seed in proptest::collection::vec((0_usize..12, 5.0..15.0_f64), 400..600), by_cpu in any::<bool>()) {
        let mut view = group(&vec![0; workers]);
        for (shard, (owner, kib)) in seed.into_iter().enumerate() {
            view.leases.push(LeaseView { throughput: Some(kib), ..lease(0, shard, Some(owner % workers)) });
        }
        let mean = loads(&view).iter().sum::<f64>() / workers as f64;
        let rules = rules(if by_cpu { Strategy::Cpu } else { Strategy::Throughput });
        let mut rounds = 0;
        loop {
            // Processors that cost alike, and are half busy on average.
            for (at, load) in loads(&view).into_iter().enumerate() {
                view.workers[at].cpu = by_cpu.then_some(CpuUse { percent: load / mean * 50.0, target: 90.0 });
            }
            let plan = plan(&view, &rules);
            if plan.moves.is_empty() {
                break;
            }
            apply(&mut view, &plan);
            rounds += 1;
            prop_assert!(rounds < 10);
        }
        for load in loads(&view) {
            prop_assert!(load <= mean * 1.1 + 1e-6 && load >= mean * 0.9 - 15.0, "{load} of {mean}");
        }
    }
}

/// Who gets what, as text.
fn gets(plan: &Plan) -> Vec<String> {
    plan.moves.iter().map(|step| format!("{:?} {} to {}", step.how, step.key.shard, step.to)).collect()
}

fn one_lease(change: impl FnOnce(&mut LeaseView)) -> View {
    let mut view = group(&[1, 0, 5]);
    // Nothing else moves.
    view.workers[2].leases_max = Some(5);
    view.leases[1..].iter_mut().for_each(|lease| lease.held_for = Duration::ZERO);
    change(&mut view.leases[0]);
    view
}

fn held() -> Rules {
    Rules { hold_at_least: Duration::from_secs(60), ..rules(Strategy::Count) }
}

#[test]
fn a_worker_that_leaves_offers_all_it_has_whatever_the_bound() {
    let mut view = group(&[4, 2, 2]);
    view.workers[0].is_leaving = true;
    view.leases.iter_mut().for_each(|lease| lease.held_for = Duration::ZERO);
    let plan = plan(&view, &Rules { moves_at_most: 0, ..held() });
    assert_eq!(plan.moves.len(), 4);
    assert!(plan.moves.iter().all(|step| step.how == How::Offer && step.from == Some(worker_id(0))));
    apply(&mut view, &plan);
    assert_eq!(counts(&view), [0, 4, 4]);
}

#[test]
fn without_handoffs_a_live_lease_is_assigned() {
    let rules = Rules { handoff: false, ..rules(Strategy::Count) };
    assert_eq!(gets(&plan(&group(&[2, 0]), &rules)), ["Assign shardId-000000000000 to worker-0001"]);
}

#[test]
fn who_renews_keeps_its_leases_however_stale_its_row_is_and_is_given_none() {
    let mut view = group(&[3, 0, 0]);
    view.workers[0].is_live = false;
    view.leases.push(lease(0, 9, None));
    assert_eq!(gets(&plan(&view, &rules(Strategy::Count))), ["Assign shardId-000000000009 to worker-0001"]);
    view.workers.remove(0);
    assert_eq!(gets(&plan(&view, &rules(Strategy::Count))), ["Assign shardId-000000000009 to worker-0001"]);
}

#[test]
fn a_live_worker_has_time_to_take_up_what_it_let_expire_and_then_it_goes_elsewhere() {
    let expired = |seconds| one_lease(|lease| lease.expired_for = Some(Duration::from_secs(seconds)));
    assert_eq!(plan(&expired(20), &held()), Plan::default());
    assert_eq!(gets(&plan(&expired(21), &held())), ["Assign shardId-000000000000 to worker-0001"]);
    let mut alone = expired(21);
    alone.workers.truncate(1);
    let plan = plan(&alone, &held());
    assert_eq!((plan.moves.len(), plan.unplaced[0].1), (0, Why::OnlyItsOwner));
}

#[test]
fn a_handoff_is_let_alone_until_it_is_overdue() {
    let to_last = one_lease(|lease| lease.next = Some(worker_id(1)));
    let others = plan(&to_last, &rules(Strategy::Count));
    assert!(others.moves.iter().all(|step| step.from == Some(worker_id(2))), "{others}");
    assert_eq!(plan(&to_last, &held()), Plan::default());
    let overdue = one_lease(|lease| (lease.next, lease.is_handoff_overdue) = (Some(worker_id(1)), true));
    assert_eq!(gets(&plan(&overdue, &held())), ["Assign shardId-000000000000 to worker-0001"]);
    let mut dead = overdue;
    dead.workers[1].is_live = false;
    assert_eq!(gets(&plan(&dead, &held())), ["Assign shardId-000000000000 to worker-0000"]);
    let cut = one_lease(|lease| (lease.next, lease.expired_for) = (Some(worker_id(1)), Some(Duration::ZERO)));
    assert_eq!(gets(&plan(&cut, &held())), ["Assign shardId-000000000000 to worker-0001"]);
}

#[test]
fn a_wish_is_granted_and_stays_so_however_uneven() {
    let mut view = group(&[3, 3]);
    view.leases[..3].iter_mut().for_each(|lease| lease.wish = Some(worker_id(1)));
    let rules = Rules { moves_at_most: 0, ..held() };
    let first = plan(&view, &rules);
    assert_eq!(first.moves.len(), 3);
    assert!(first.moves.iter().all(|step| step.how == How::Offer && matches!(step.reason, Reason::Wish { .. })));
    apply(&mut view, &first);
    view.leases[3..].iter_mut().for_each(|lease| lease.held_for = LONG);
    let rules = self::rules(Strategy::Count);
    let second = plan(&view, &rules);
    assert!(second.moves.iter().all(|step| view.leases[3..].iter().any(|lease| lease.key == step.key)), "{second}");
    apply(&mut view, &second);
    assert_eq!((counts(&view), plan(&view, &rules)), (vec![3, 3], Plan::default()));
}

#[test]
fn a_wish_that_cannot_be_met_is_told() {
    let mut view = group(&[2, 1]);
    view.leases[0].wish = Some(worker_id(1));
    view.leases[1].wish = Some(worker_id(7));
    view.workers[1].leases_max = Some(1);
    let plan = plan(&view, &rules(Strategy::Count));
    assert_eq!(plan.ungranted.iter().map(|each| each.2).collect::<Vec<_>>(), [Why::Full, Why::NotThere]);
    assert!(plan.moves.is_empty());
}

#[test]
fn what_is_ended_is_nobodys_load() {
    let mut view = group(&[6, 2]);
    view.leases[..4].iter_mut().for_each(|lease| lease.is_ended = true);
    view.workers[0].leases_max = Some(2);
    assert_eq!(plan(&view, &rules(Strategy::Count)), Plan::default());
}

#[test]
fn who_has_more_than_it_wants_gives_it_away() {
    for strategy in [Strategy::Count, Strategy::Throughput, Strategy::Cpu] {
        let mut view = group(&[3, 3]);
        view.leases.iter_mut().zip(1..).for_each(|(lease, shard)| lease.throughput = Some(f64::from(shard)));
        view.workers[0].leases_max = Some(1);
        let plan = plan(&view, &rules(strategy));
        apply(&mut view, &plan);
        assert_eq!(counts(&view), [1, 5]);
    }
}

#[test]
fn leases_go_to_readers_of_their_stream_only_and_by_way_of_others() {
    // The first reads one stream, the last another, the middle both.
    let mut view = group(&[4, 0, 0]);
    view.leases.extend((4..6).map(|shard| lease(1, shard, Some(1))));
    view.leases.push(lease(2, 7, None));
    view.workers[1].streams.insert(stream(1));
    view.workers[2].streams = BTreeSet::from([stream(1)]);
    let rules = rules(Strategy::Count);
    let plan_made = plan(&view, &rules);
    assert_eq!(plan_made.unplaced[0].1, Why::NoReader);
    assert_eq!(plan_made.moves.len(), 4, "{plan_made}");
    apply(&mut view, &plan_made);
    assert_eq!(counts(&view), [2, 2, 2]);
}

#[test]
fn a_lease_leaves_a_worker_that_no_longer_reads_its_stream() {
    let mut view = one_lease(|_| {});
    view.workers[0].streams.clear();
    let rules = Rules { moves_at_most: 0, ..held() };
    assert_eq!(gets(&plan(&view, &rules)), ["Offer shardId-000000000000 to worker-0001"]);
    view.workers.remove(1);
    assert_eq!(plan(&view, &rules).unplaced[0].1, Why::AllFull { readers: 1 });
}

#[test]
fn leases_that_are_placed_anyway_even_out_without_moves_of_others() {
    // What the middle one takes of the first stream, the first must take back, once the second stream needs its room.
    let mut view = group(&[0, 0, 0]);
    view.workers[1].streams.insert(stream(1));
    view.workers[2].streams = BTreeSet::from([stream(1)]);
    view.leases = (0..6).map(|shard| lease(usize::from(shard > 1), shard, None)).collect();
    let plan = plan(&view, &Rules { moves_at_most: 0, ..held() });
    assert!(plan.moves.iter().all(|step| step.reason == Reason::Unowned && step.how == How::Assign), "{plan}");
    apply(&mut view, &plan);
    assert_eq!(counts(&view), [2, 2, 2]);
}

#[test]
fn room_is_made_for_a_lease_that_fits_nowhere_else() {
    let mut view = group(&[0, 0]);
    view.leases = vec![lease(0, 1, Some(0)), lease(1, 2, None)];
    view.workers[0].streams.insert(stream(1));
    view.workers[0].leases_max = Some(1);
    let rules = Rules { moves_at_most: 0, ..rules(Strategy::Count) };
    assert_eq!(
        gets(&plan(&view, &rules)),
        ["Offer shardId-000000000001 to worker-0001", "Assign shardId-000000000002 to worker-0000"]
    );
    view.workers[1].leases_max = Some(0);
    assert_eq!(plan(&view, &rules).unplaced[0].1, Why::AllFull { readers: 1 });
    view.workers.clear();
    assert_eq!(plan(&view, &rules).unplaced[0].1, Why::NoWorker);
}

#[test]
fn what_a_worker_has_just_got_is_not_taken_from_it() {
    let mut view = group(&[4, 0]);
    view.leases[..3].iter_mut().for_each(|lease| lease.held_for = Duration::from_secs(59));
    assert_eq!(gets(&plan(&view, &held())), ["Offer shardId-000000000003 to worker-0001"]);
}

#[test]
fn few_leases_much_alike_are_shared_although_the_average_is_less_than_two() {
    let mut view = group(&[3, 1, 1, 1]);
    view.leases.iter_mut().zip(1..).for_each(|(lease, shard)| lease.throughput = Some(100.0 + f64::from(shard)));
    let plan = plan(&view, &rules(Strategy::Throughput));
    apply(&mut view, &plan);
    assert_eq!(spread(&counts(&view)), 1);
}

#[test]
fn silent_leases_do_not_gather_on_one_worker() {
    let mut view = group(&[1, 1, 1]);
    view.leases.iter_mut().for_each(|lease| lease.throughput = Some(500.0));
    view.leases.extend((10..40).map(|shard| LeaseView { throughput: Some(0.0), ..lease(0, shard, None) }));
    let plan = plan(&view, &rules(Strategy::Throughput));
    apply(&mut view, &plan);
    assert_eq!(counts(&view), [11, 11, 11]);
}

#[test]
fn above_the_greatest_throughput_a_worker_is_given_nothing() {
    let mut view = group(&[1, 0]);
    view.leases[0].throughput = Some(300.0);
    view.leases.extend((1..4).map(|shard| LeaseView { throughput: Some(150.0), ..lease(0, shard, None) }));
    view.workers[1].streams.clear();
    let rules = Rules { throughput_max: Some(500.0), ..rules(Strategy::Throughput) };
    let plan = plan(&view, &rules);
    assert_eq!((plan.moves.len(), plan.unplaced.len()), (2, 1), "the one that passes the mark is the last");
}

#[test]
fn the_busy_give_to_the_idle_by_what_their_processors_say() {
    let mut view = group(&[20, 20, 20]);
    view.leases.iter_mut().for_each(|lease| lease.throughput = Some(100.0));
    let busy = |percent, target| Some(CpuUse { percent, target });
    for (worker, percent) in view.workers.iter_mut().zip([90.0, 45.0, 15.0]) {
        worker.cpu = busy(percent, 95.0);
    }
    let first = plan(&view, &rules(Strategy::Cpu));
    // The excess is (90 - 50) / 90 of 2000 KiB/s, and six tenths of it are more than five leases.
    assert_eq!(first.moves.len(), 5);
    assert!(first.moves.iter().all(|step| step.from == Some(worker_id(0)) && step.to == worker_id(2)), "{first}");
    // Who is above its own target gives although all are within the band and others are busier.
    view.workers[0].cpu = busy(50.0, 30.0);
    view.workers[1].cpu = busy(54.0, 90.0);
    view.workers[2].cpu = busy(46.0, 90.0);
    let second = plan(&view, &rules(Strategy::Cpu));
    assert!(!second.moves.is_empty(), "{second}");
    assert!(second.moves.iter().all(|step| step.from == Some(worker_id(0)) && step.to == worker_id(2)), "{second}");
    // And who would be above it takes nothing.
    view.workers[2].cpu = busy(46.0, 47.0);
    assert_eq!(plan(&view, &rules(Strategy::Cpu)), Plan::default());
}

#[test]
fn a_plan_tells_an_operator_what_moves_and_why() {
    let mut view = group(&[4, 1]);
    view.leases[4].expired_for = Some(Duration::from_millis(31_400));
    view.leases.push(lease(1, 9, None));
    let prefix = "group/111122223333:stream-0";
    assert_eq!(
        plan(&view, &rules(Strategy::Count)).to_string(),
        format!(
            "{prefix}0:1700000000:shardId-000000000000: offer from worker-0000 to worker-0001: \
             worker-0000 has 5 leases, worker-0001 has 0 leases; even would be 2.5 leases\n\
             {prefix}0:1700000000:shardId-000000000001: offer from worker-0000 to worker-0001: \
             worker-0000 has 4 leases, worker-0001 has 1 lease; even would be 2.5 leases\n\
             {prefix}0:1700000000:shardId-000000000004: assign from worker-0001 to worker-0000: \
             worker-0001 lives, but its lease expired 31.4 s ago\n\
             {prefix}1:1700000000:shardId-000000000009: finds no worker: no worker that is there reads its stream\n"
        )
    );
    assert_eq!(Plan::default().to_string(), "nothing to do\n");
}

/// A group of 10,000 leases and 1,000 workers, of which a tenth has just come and a twentieth has just gone.
fn big_view(streams: usize) -> View {
    let mut random = fastrand::Rng::with_seed(7);
    let mut view = group(&[]);
    for at in 0..1000 {
        let percent = random.f64() * 100.0;
        view.workers.push(WorkerView {
            is_live: at >= 50,
            cpu: Some(CpuUse { percent, target: 90.0 }),
            streams: (0..streams).filter(|_| streams == 1 || random.u8(0..10) < 7).map(stream).collect(),
            ..worker(at)
        });
    }
    for shard in 0..10_000 {
        let owner = random.usize(0..900);
        view.leases.push(LeaseView {
            throughput: Some(random.f64() * 1000.0),
            expired_for: (owner < 50).then_some(Duration::from_secs(1)),
            ..lease(shard % streams, shard, Some(owner))
        });
    }
    view.leases.sort_by(|one, other| one.key.cmp(&other.key));
    view
}

#[test]
#[ignore = "measures; run it in release, with --nocapture"]
fn ten_thousand_leases_on_a_thousand_workers() {
    for streams in [1, 4, 20] {
        let view = big_view(streams);
        for strategy in [Strategy::Count, Strategy::Throughput, Strategy::Cpu] {
            let mut times: Vec<(Duration, usize)> = Vec::new();
            for _ in 0..9 {
                let from = processor_time();
                let moves = plan(&view, &rules(strategy)).moves.len();
                times.push((processor_time() - from, moves));
            }
            times.sort();
            println!(
                "{streams} streams, {strategy:?}: median {:?}, worst {:?}, {} moves",
                times[4].0, times[8].0, times[4].1
            );
        }
    }
}

/// What this thread has used so far, as Linux counts it.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}
