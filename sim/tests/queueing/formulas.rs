//! The closed forms (Kleinrock, "Queueing Systems", volume 1), each with a value worked by hand.

/// Erlang's loss formula: the share of customers turned away from `servers` that are offered `load` erlangs, by its recursion
/// `B(c) = a B(c-1) / (c + a B(c-1))`.
pub(crate) fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, server| {
        load * blocked / (f64::from(server) + load * blocked)
    })
}

/// Erlang's delay formula: the share of customers that wait, `B / (1 - ρ (1 - B))`.
pub(crate) fn erlang_c(servers: u32, load: f64) -> f64 {
    let blocked = erlang_b(servers, load);
    blocked / (1.0 - load / f64::from(servers) * (1.0 - blocked))
}

/// Mean wait of M/M/c: `C / (c μ - λ)`.
pub(crate) fn wait_many(servers: u32, arrivals: f64, service: f64) -> f64 {
    erlang_c(servers, arrivals * service) / (f64::from(servers) / service - arrivals)
}

/// Mean wait of M/G/1, by Pollaczek and Khinchine: `λ E[S²] / (2 (1 - ρ))`.
pub(crate) fn wait_general(arrivals: f64, service: f64, second_moment: f64) -> f64 {
    arrivals * second_moment / (2.0 * (1.0 - arrivals * service))
}

#[test]
fn values_by_hand() {
    // Four erlangs on five servers: 4/5, 3.2/5.2, 2.4615/5.4615, 1.8028/5.8028, 1.2427/6.2427.
    assert!((erlang_b(5, 4.0) - 0.199_067).abs() < 1e-6);
    // 3.2 on four: B = 0.22815, C = 0.22815 / (1 - 0.8 * 0.77185) = 0.59644.
    assert!((erlang_c(4, 3.2) - 0.5964).abs() < 1e-4);
    // One server: C is its load, and the wait is ρ/(μ-λ) = 0.8/0.2 = 4; constant service halves it.
    assert!((erlang_c(1, 0.8) - 0.8).abs() < 1e-12);
    assert!((wait_many(1, 0.8, 1.0) - 4.0).abs() < 1e-12);
    assert!((wait_general(0.8, 1.0, 2.0) - 4.0).abs() < 1e-12);
    assert!((wait_general(0.8, 1.0, 1.0) - 2.0).abs() < 1e-12);
}
