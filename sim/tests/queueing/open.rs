//! M/M/1, M/M/c, M/G/1 and Erlang's loss system against their closed forms.

use twinrack_sim::engine::Rng;

use super::formulas::{erlang_b, erlang_c, wait_general, wait_many};
use super::station::Station;

fn exponential(rng: &mut Rng) -> f64 {
    rng.exponential(1.0)
}

fn constant(_: &mut Rng) -> f64 {
    1.0
}

/// Nine in ten take 0.5, one in ten 5.5: mean 1, second moment 0.9 * 0.25 + 0.1 * 30.25 = 3.25.
fn two_kinds(rng: &mut Rng) -> f64 {
    if rng.chance(1, 10) { 5.5 } else { 0.5 }
}

/// Log-normal with mean 1: e^(μ + σ²/2) with σ = 0.75; second moment e^(σ²) = 1.7551.
fn log_normal(rng: &mut Rng) -> f64 {
    rng.log_normal(-0.75 * 0.75 / 2.0, 0.75)
}

const ONE: Station = Station {
    servers: 1,
    waits: true,
    arrivals: 0.7,
    service: exponential,
    batch: 40_000,
};

#[test]
fn one_exponential_server() {
    let seen = ONE.run(11);
    // ρ = 0.7: wait 0.7/0.3 = 2.333 s, 0.7/0.3 = 2.333 customers, 70 % wait.
    seen.wait.confirms("wait", wait_many(1, 0.7, 1.0), 0.05);
    seen.number.confirms("number", 0.7 / 0.3, 0.05);
    seen.delayed.confirms("delayed", 0.7, 0.05);
    assert_eq!(seen.blocked.mean, 0.0);
}

/// Little's law holds within one run to what is cut off at the ends of batches: L = λ (W + S).
#[test]
fn number_and_wait_agree() {
    let seen = ONE.run(12);
    let little = 0.7 * (seen.wait.mean + 1.0);
    assert!((seen.number.mean / little - 1.0).abs() < 0.01, "{seen:?}");
}

#[test]
fn many_exponential_servers() {
    let station = Station {
        servers: 4,
        arrivals: 3.2,
        batch: 60_000,
        ..ONE
    };
    let seen = station.run(13);
    // Erlang C 0.596; wait 0.596 / 0.8 = 0.746 s; number 3.2 * (0.746 + 1) = 5.586.
    let wait = wait_many(4, 3.2, 1.0);
    seen.wait.confirms("wait", wait, 0.1);
    seen.delayed.confirms("delayed", erlang_c(4, 3.2), 0.05);
    seen.number.confirms("number", 3.2 * (wait + 1.0), 0.05);
}

#[test]
fn one_server_of_any_kind() {
    type Case = (&'static str, fn(&mut Rng) -> f64, f64, f64);
    let cases: [Case; 3] = [
        ("constant", constant, 1.0, 0.05),
        ("log-normal", log_normal, libm::exp(0.5625), 0.05),
        ("two kinds", two_kinds, 3.25, 0.1),
    ];
    for (name, service, second_moment, sharpness) in cases {
        let seen = Station { service, ..ONE }.run(14);
        let wait = wait_general(0.7, 1.0, second_moment);
        seen.wait.confirms(name, wait, sharpness);
        seen.number.confirms(name, 0.7 * (wait + 1.0), sharpness);
    }
}

/// Erlang's loss formula depends on the mean of the service only.
#[test]
fn customers_who_do_not_wait() {
    for service in [exponential, constant, two_kinds] {
        let station = Station {
            servers: 5,
            waits: false,
            arrivals: 4.0,
            service,
            batch: 20_000,
        };
        let seen = station.run(15);
        let blocked = erlang_b(5, 4.0);
        seen.blocked.confirms("blocked", blocked, 0.05);
        seen.number.confirms("number", 4.0 * (1.0 - blocked), 0.05);
        assert_eq!((seen.wait.mean, seen.delayed.mean), (0.0, 0.0));
    }
}

/// The intervals are sharp enough to tell: a rate that is 3 % off is outside each of them.
#[test]
fn a_wrong_rate_is_seen() {
    let off = 1.03;
    let seen = Station {
        arrivals: 0.7 * off,
        ..ONE
    }
    .run(11);
    assert!(!seen.wait.covers(wait_many(1, 0.7, 1.0)), "{:?}", seen.wait);
    assert!(!seen.number.covers(0.7 / 0.3), "{:?}", seen.number);
    let loss = Station {
        servers: 5,
        waits: false,
        arrivals: 4.0 * off,
        batch: 20_000,
        ..ONE
    };
    let seen = loss.run(15);
    assert!(!seen.blocked.covers(erlang_b(5, 4.0)), "{:?}", seen.blocked);
}
