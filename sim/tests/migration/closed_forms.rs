//! Round by round against the closed forms of the literature, as properties over random parameters.

use proptest::prelude::*;
use twinrack_control::migration::{Plan, Policy, policy::Xen};
use twinrack_scenario::spec::guest::WritePattern::{Random, Sequential};
use twinrack_scenario::units::{Bytes, SimDuration};

use super::body::run_one;
use super::setup::{class, guest, live};

/// A plan without fixed costs, so that times are those of the copies.
const BARE: &str = "{policy: POLICY, timings: {setup: 0s, pause: 0s, state: 0B, csv_hand_over: 0s, resume: 0s, \
                    announce: 0s, clean_up: 0s}}";

fn bare(policy: &str, memory: Bytes) -> Plan {
    live(&BARE.replace("POLICY", policy), memory)
}

fn xen_legacy(memory: Bytes) -> Plan {
    Plan {
        policy: Policy::Xen(Xen::LEGACY),
        ..bare("xen", memory)
    }
}

/// Seconds of a migration whose guest rewrites `hot` bytes every `h` seconds and other pages at `cold` bytes a second.
fn mvm(memory: Bytes, b: f64, hot: f64, h: f64, cold: f64) -> f64 {
    let plan = bare("{hyperv-r2: {max_rounds: 60}}", memory);
    let hot_pages = Bytes::from_pages((hot / 4096.0) as u64);
    let classes = [
        class(hot_pages, hot_pages.as_f64() / h / 4096.0, Sequential),
        class(memory.saturating_sub(hot_pages), cold / 4096.0, Sequential),
    ];
    let model = guest(&plan, &classes);
    run_one(b, plan, model).total.as_secs_f64()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// Liu et al., HPDC'11: with a constant dirty rate D < B, λ = D/B, after n rounds
    /// `V = M (1 − λ^(n+1)) / (1 − λ)` and `T = V / B`, the stop-and-copy included.
    #[test]
    fn a_constant_dirty_rate_gives_the_geometric_series(
        gib in 1_u64..16,
        link in 5e7_f64..2e9,
        lambda in 0.01_f64..0.85,
        rounds in 2_u32..9,
    ) {
        let memory = Bytes(gib << 30);
        let plan = bare(&format!("{{hyperv-r2: {{max_rounds: {rounds}}}}}"), memory);
        let model = guest(&plan, &[class(memory, lambda * link / 4096.0, Sequential)]);
        let report = run_one(link, plan, model);
        let n = report.rounds.len() as u32;
        let volume = memory.as_f64() * (1.0 - libm::pow(lambda, f64::from(n + 1))) / (1.0 - lambda);
        // Each round drops less than a page.
        let pages_lost = f64::from(n) * 4096.0 / (1.0 - lambda) + volume * 1e-9;
        prop_assert!((report.sent.as_f64() - volume).abs() <= pages_lost);
        prop_assert!((report.total.as_secs_f64() - volume / link).abs() <= pages_lost / link + 1e-6);
        // The last round is the pause.
        let pause = memory.as_f64() * libm::pow(lambda, f64::from(n)) / link;
        prop_assert!((report.downtime.as_secs_f64() - pause).abs() <= pages_lost / link + 1e-6);
    }

    /// Liu et al.: rounds until a threshold, `n = ⌈log_λ(V_thd / M)⌉`.
    #[test]
    fn the_number_of_rounds_is_the_logarithm_of_the_threshold(
        lambda in 0.05_f64..0.8,
        threshold in 200_u32..5000,
    ) {
        let (memory, link) = (Bytes(4 << 30), 1e8);
        let plan = bare(&format!("{{hyperv-r2: {{max_rounds: 100, threshold_pages: {threshold}}}}}"), memory);
        let model = guest(&plan, &[class(memory, lambda * link / 4096.0, Sequential)]);
        let ratio = f64::from(threshold) / memory.pages() as f64;
        let exact = libm::log(ratio) / libm::log(lambda);
        // Dropped fractions of pages decide only when the logarithm is all but whole.
        prop_assume!((exact - libm::round(exact)).abs() > 0.02);
        prop_assert_eq!(run_one(link, plan, model).rounds.len(), libm::ceil(exact) as usize);
    }

    /// Akoush et al., MASCOTS'10: `M/B ≤ T_mig ≤ (5M − 1 page)/B` and `0 ≤ T_down ≤ M/B` for Xen's stop conditions,
    /// whatever the guest does.
    #[test]
    fn xen_keeps_within_its_bounds(
        mib in 64_u64..4096,
        link in 1e7_f64..1e9,
        rate in 0.0_f64..1e6,
        part in 0.01_f64..1.0,
        random in any::<bool>(),
    ) {
        let memory = Bytes(mib << 20);
        let plan = xen_legacy(memory);
        let size = Bytes::from_pages((memory.pages() as f64 * part) as u64);
        let model = guest(&plan, &[class(size, rate, if random { Random } else { Sequential })]);
        let report = run_one(link, plan, model);
        let copy = memory.as_f64() / link;
        let rounding = 40e-9;
        prop_assert!(report.total.as_secs_f64() >= copy - rounding);
        prop_assert!(report.total.as_secs_f64() <= 5.0 * copy + rounding);
        prop_assert!(report.downtime.as_secs_f64() <= copy + rounding);
        prop_assert!(report.rounds.len() <= 29);
    }

    /// mVM (Kherbache et al., UCC'15): a hot set H that is rewritten in h. Without cold pages its formulas are exact:
    /// `T = t0 + (H/h) t0 / (b − H/h)` while `t0 = M/b ≤ h`, else `T = t0 + H/b + (H/b) (H/h) / (b − H/h)`.
    #[test]
    fn mvm_is_exact_for_a_hot_set(
        mib in 16_u64..8192,
        hot_mb in 5.0_f64..60.0,
        h in 1.0_f64..4.0,
    ) {
        let (memory, b) = (Bytes(mib << 20), 1e9 / 9.0);
        let hot = (hot_mb * 1e6).min(memory.as_f64() * 0.9);
        // A hot set that takes longer to send than to rewrite is dirty for ever; the formulas leave that out.
        prop_assume!(hot / h < 0.7 * b);
        let report = mvm(memory, b, hot, h, 0.0);
        let t0 = memory.as_f64() / b;
        let formula = if t0 > h {
            t0 + hot / b + (hot / b) * (hot / h) / (b - hot / h)
        } else {
            t0 + (hot / h) * t0 / (b - hot / h)
        };
        // 60 rounds that each drop part of a page.
        prop_assert!((report - formula).abs() <= 60.0 * 4096.0 / b + 1e-6, "{report} for {formula}");
    }

    /// With cold pages at rate c: `T = t0 + (H + (t0 − h) c) / (b − c) + (H/b) (H/h) / (b − H/h)`. That sends the hot
    /// pages once beside the cold ones, where round by round they are rewritten in all that time: the difference is
    /// at most that time's geometric series, and the cold pages of the first h.
    #[test]
    fn mvm_is_a_lower_bound_with_cold_pages(
        gib in 1_u64..8,
        hot_mb in 5.0_f64..60.0,
        cold in 0.0_f64..20e6,
    ) {
        let (memory, b, h) = (Bytes(gib << 30), 1e9 / 9.0, 2.0);
        let hot = hot_mb * 1e6;
        let report = mvm(memory, b, hot, h, cold);
        let t0 = memory.as_f64() / b;
        let cold_phase = (hot + (t0 - h) * cold) / (b - cold);
        let formula = t0 + cold_phase + (hot / b) * (hot / h) / (b - hot / h);
        let (hot_load, cold_load) = (hot / h / b, cold / b);
        let rewritten = cold_phase * hot_load / (1.0 - hot_load - cold_load);
        let first = h * cold / (b - cold) / (1.0 - hot_load - cold_load);
        prop_assert!(report >= formula - 0.001, "{report} under {formula}");
        prop_assert!(report <= formula + rewritten + first + 0.001, "{report} over {formula}");
    }
}

#[test]
fn a_guest_that_writes_nothing_takes_stop_and_copys_time() {
    let plan = bare("hyperv-r2", Bytes(4 << 30));
    let report = run_one(110e6, plan.clone(), guest(&plan, &[]));
    assert_eq!((report.rounds.len(), report.downtime), (1, SimDuration::ZERO));
    assert_eq!(report.total, SimDuration::from_nanos(39_045_157_237));
}

#[test]
fn xens_greatest_traffic_is_five_times_the_memory() {
    // M, 2M, 3M (not over the limit), 4M, then the rest: 5M.
    let memory = Bytes(1 << 30);
    let plan = xen_legacy(memory);
    let report = run_one(1e8, plan.clone(), guest(&plan, &[class(memory, 1e9, Sequential)]));
    assert_eq!((report.rounds.len(), report.sent), (4, Bytes(5 << 30)));
}
