//! Shares worked by hand, and what must hold for any.

use proptest::prelude::*;

use super::*;

fn shares(capacity: f64, claims: &[Claim]) -> Vec<f64> {
    let mut shares = Vec::new();
    Divider::default().divide(capacity, claims, &mut shares);
    shares
}

fn close(got: &[f64], wanted: &[f64]) {
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }
}

#[test]
fn weights_share_one_processor() {
    let claims = [100, 200, 700].map(|weight| Claim::new(1.0, 1, weight, 0.0, 1.0));
    close(&shares(1.0, &claims), &[0.1, 0.2, 0.7]);
}

#[test]
fn what_one_leaves_the_others_take() {
    // The third asks for 0.3 only: the rest, 0.7, goes 1:2 to the others.
    let claims = [
        Claim::new(1.0, 1, 100, 0.0, 1.0),
        Claim::new(1.0, 1, 200, 0.0, 1.0),
        Claim::new(0.3, 1, 700, 0.0, 1.0),
    ];
    close(&shares(1.0, &claims), &[0.7 / 3.0, 1.4 / 3.0, 0.3]);
}

#[test]
fn reserves_come_first_and_caps_hold() {
    let claims = [
        Claim::new(1.0, 1, 1, 0.5, 1.0),
        Claim::new(1.0, 1, 1000, 0.0, 0.4),
        Claim::new(1.0, 1, 1000, 0.0, 1.0),
    ];
    // 0.5 is reserved; 0.5 is left for two of equal weight, the first of which is capped at 0.4.
    close(&shares(1.0, &claims), &[0.5, 0.25, 0.25]);
    close(&shares(2.0, &claims), &[0.6, 0.4, 1.0]);
}

#[test]
fn virtual_processors_bound_a_lone_vm() {
    // Nothing else runs on 16: two virtual processors still do the work of two, and half of that under a cap of 50 %.
    close(&shares(16.0, &[Claim::new(9.0, 2, 100, 0.0, 1.0)]), &[2.0]);
    close(&shares(16.0, &[Claim::new(9.0, 2, 100, 0.0, 0.5)]), &[1.0]);
}

#[test]
fn a_weight_is_that_of_each_virtual_processor() {
    // Four and one of equal weight ask for all of two processors: 4:1, 1.6 and 0.4.
    let claims = [4, 1].map(|vcpus| Claim::new(f64::from(vcpus), vcpus, 100, 0.0, 1.0));
    close(&shares(2.0, &claims), &[1.6, 0.4]);
}

#[test]
fn an_unused_reserve_goes_to_the_others() {
    // It reserves 0.8 of its processor and asks for 0.1: the other gets 0.9.
    let claims = [
        Claim::new(0.1, 1, 100, 0.8, 1.0),
        Claim::new(1.0, 1, 100, 0.0, 1.0),
    ];
    close(&shares(1.0, &claims), &[0.1, 0.9]);
}

#[test]
fn what_migrations_take_comes_from_the_guests_but_not_from_reserves() {
    // Of two processors a migration takes 0.8. One VM reserves all of its own; the others share 0.2 as 1:3.
    let claims = [
        Claim::new(1.0, 1, 100, 1.0, 1.0),
        Claim::new(1.0, 1, 100, 0.0, 1.0),
        Claim::new(1.0, 1, 300, 0.0, 1.0),
    ];
    close(&shares(2.0 - 0.8, &claims), &[1.0, 0.05, 0.15]);
    // When it takes 1.5, the reserve can't be met: it gets the 0.5 that are left. Past all, nobody gets anything.
    close(&shares(0.5, &claims), &[0.5, 0.0, 0.0]);
    close(&shares(-0.5, &claims), &[0.0, 0.0, 0.0]);
}

#[test]
fn time_in_the_hypervisor_is_charged_to_the_guest() {
    // Two guests ask for 0.6 each of one processor, one of them at an overhead of 10 %: it claims 0.66. Equal weights give 0.5
    // each, of which the first has 0.5/1.1 = 0.4545 for itself; ready for 0.6 - 0.4545 = 0.1455 of each second.
    let claims = [
        Claim::new(0.6 * 1.1, 1, 100, 0.0, 1.0),
        Claim::new(0.6, 1, 100, 0.0, 1.0),
    ];
    let got = shares(1.0, &claims);
    close(&got, &[0.5, 0.5]);
    close(&[0.6 - got[0] / 1.1], &[0.6 - 0.5 / 1.1]);
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let claim = (0.0..8.0f64, 1..9u32, 1..10_000u32, 0.0..0.3f64, 0.3..1.0f64)
        .prop_map(|(wanted, vcpus, weight, reserve, cap)| Claim::new(wanted, vcpus, weight, reserve, cap));
    prop::collection::vec(claim, 1..40)
}

proptest! {
    #[test]
    fn capacity_is_conserved_and_none_is_wasted(claims in claims(), capacity in 0.1..64.0f64) {
        let got = shares(capacity, &claims);
        let (asked, given): (f64, f64) = (claims.iter().map(|c| c.demand).sum(), got.iter().sum());
        prop_assert!((given - asked.min(capacity)).abs() < 1e-9, "{given} of {capacity}, asked {asked}");
        let reserved: f64 = claims.iter().map(|c| c.reserve).sum();
        for (share, claim) in got.iter().zip(&claims) {
            prop_assert!(*share <= claim.demand + 1e-12);
            prop_assert!(reserved > capacity || *share >= claim.reserve - 1e-12);
        }
    }

    #[test]
    fn more_weight_never_gets_less(claims in claims(), capacity in 0.1..16.0f64, heavier in 1.0..10.0f64) {
        let before = shares(capacity, &claims);
        let mut changed = claims.clone();
        changed[0].weight *= heavier;
        prop_assert!(shares(capacity, &changed)[0] >= before[0] - 1e-9);
    }

    #[test]
    fn more_processors_never_give_less(claims in claims(), capacity in 0.1..16.0f64, more in 0.0..8.0f64) {
        let (before, after) = (shares(capacity, &claims), shares(capacity + more, &claims));
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(after >= &(before - 1e-9), "{after} after {before}");
        }
    }

    /// Nobody gains when another asks for more.
    #[test]
    fn more_demand_never_helps_the_others(claims in claims(), capacity in 0.1..16.0f64, more in 0.0..4.0f64) {
        let before = shares(capacity, &claims);
        let mut changed = claims.clone();
        changed[0].demand += more;
        let after = shares(capacity, &changed);
        prop_assert!(after[0] >= before[0] - 1e-9);
        let reserved: f64 = claims.iter().map(|c| c.reserve).sum();
        // Reserves beyond capacity are cut in proportion, whatever else is asked.
        prop_assume!(reserved <= capacity);
        for (before, after) in before.iter().zip(&after).skip(1) {
            prop_assert!(after <= &(before + 1e-9), "{after} after {before}");
        }
    }

    /// To the rounding of sums: the order of VMs on a host is no advantage.
    #[test]
    fn the_order_of_claims_does_not_matter(claims in claims(), capacity in 0.1..16.0f64, turn in 0..40usize) {
        let straight = shares(capacity, &claims);
        let turn = turn % claims.len();
        let mut turned = claims.clone();
        turned.rotate_left(turn);
        turned.reverse();
        let mut back = shares(capacity, &turned);
        back.reverse();
        back.rotate_right(turn);
        for (a, b) in straight.iter().zip(&back) {
            prop_assert!((a - b).abs() < 1e-9, "{a} and {b}");
        }
    }

    /// Only ratios of weights count.
    #[test]
    fn weights_are_relative(claims in claims(), capacity in 0.1..16.0f64, factor in 0.01..100.0f64) {
        let mut scaled = claims.clone();
        for claim in &mut scaled {
            claim.weight *= factor;
        }
        for (a, b) in shares(capacity, &claims).iter().zip(&shares(capacity, &scaled)) {
            prop_assert!((a - b).abs() < 1e-9, "{a} and {b}");
        }
    }

    /// Those who are neither at their reserve nor at their demand stand at one level: share over weight is the same.
    #[test]
    fn those_in_between_stand_at_one_level(claims in claims(), capacity in 0.1..16.0f64) {
        let got = shares(capacity, &claims);
        let between = |(share, claim): &(&f64, &Claim)| {
            **share > claim.reserve + 1e-9 && **share < claim.demand - 1e-9
        };
        let reserved: f64 = claims.iter().map(|c| c.reserve).sum();
        prop_assume!(reserved < capacity);
        let levels: Vec<f64> = got
            .iter()
            .zip(&claims)
            .filter(between)
            .map(|(share, claim)| share / claim.weight)
            .collect();
        for level in &levels {
            prop_assert!((level / levels[0] - 1.0).abs() < 1e-9, "{levels:?}");
        }
    }
}
