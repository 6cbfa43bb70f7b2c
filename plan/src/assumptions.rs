//! What a plan takes for granted, and what speaks for trusting it.

use twinrack_scenario::spec::workload::{TraceOrder, WorkloadKind};

use crate::question::Question;

/// Everything that was assumed, one line each.
pub fn assumptions(question: &Question) -> Vec<String> {
    let (plan, first) = (&question.plan, &question.alternatives[0].scenario);
    let mut lines = vec![
        format!("rules of `{}`; {} VMs", first.spec.edition, first.vms.len()),
        format!(
            "every VM has a place{}",
            match plan.spare {
                0 => String::new(),
                spare => format!(", also with {spare} of the hosts missing from the start to the end"),
            }
        ),
    ];
    for alternative in &question.alternatives {
        let hosts = alternative.scenario.spec.hosts.iter();
        for host in hosts.filter(|host| host.name.value == plan.hosts.value) {
            let source = host.source.as_deref().unwrap_or("no source given");
            lines.push(format!(
                "{}: {} x {} cores, {}, {} kept for the host; {source}",
                host.model.as_deref().unwrap_or(&host.name.value),
                host.sockets,
                host.cores,
                host.memory.value,
                host.reserve
            ));
        }
    }
    if let Some(drain) = &plan.drain {
        let at = drain
            .at
            .map_or("the busiest moment".to_owned(), |at| at.to_string());
        lines.push(format!(
            "the fullest host is emptied at {at}, within {}",
            drain.within
        ));
    }
    lines.push(format!(
        "energy of a year is that of {} times so many; all hosts stay on unless a policy switches them off",
        first.spec.duration.value
    ));
    if let Some(prices) = &plan.prices {
        lines.push(format!(
            "{} a kWh, times {} for the room (PUE), {} years; only hosts of `{}` are priced",
            prices.kwh, prices.pue, prices.years, plan.hosts.value
        ));
    }
    if let Some(growth) = &plan.growth {
        lines.push(format!(
            "the mix of VMs stays as it is and grows by {} a month, deviation {}",
            growth.monthly, growth.deviation
        ));
    }
    lines
}

/// Reasons to trust the answer, and whether each is there: five stars when all are.
pub fn confidence(question: &Question) -> Vec<(bool, String)> {
    let scenario = &question.alternatives[0].scenario;
    let traced = scenario
        .spec
        .workloads
        .iter()
        .filter_map(|workload| match &workload.demand {
            WorkloadKind::Trace(spec) => Some((workload.name.value.as_str(), spec)),
            _ => None,
        });
    let traced: Vec<_> = traced.collect();
    let follows = |name: Option<&str>| name.is_some_and(|name| traced.iter().any(|(own, _)| *own == name));
    let measured: usize = (0..scenario.vms.group_count())
        .filter(|group| {
            follows(
                scenario.spec.vms[*group]
                    .workload
                    .as_ref()
                    .map(|name| name.value.as_str()),
            )
        })
        .map(|group| scenario.vms.members(group).len())
        .sum();
    let days = match (&scenario.trace, traced.first()) {
        (Some(trace), Some((_, spec))) => trace.row_length as f64 * spec.interval.as_secs_f64() / 86_400.0,
        _ => 0.0,
    };
    let all = scenario.vms.len() as usize;
    let drawn = traced.iter().any(|(_, spec)| spec.order == TraceOrder::Drawn);
    let calibrated = question.alternatives.iter().all(|alternative| {
        let hosts = alternative.scenario.spec.hosts.iter();
        hosts.clone().all(|host| {
            host.source
                .as_deref()
                .is_some_and(|source| source.contains("calibrate"))
        })
    });
    let growth = question.plan.growth.as_ref();
    vec![
        (
            measured == all && all > 0,
            format!("demand was measured for {measured} of {all} VMs"),
        ),
        (
            days >= 7.0,
            format!("{days:.1} days of demand; a week or more shows its rhythm"),
        ),
        (
            drawn,
            "each replication is another sample of the demand (`order: drawn`)".to_owned(),
        ),
        (
            growth.is_none_or(|growth| growth.deviation.0 > 0.0),
            "growth has a spread, or is not asked for".to_owned(),
        ),
        (
            calibrated,
            "the profile was calibrated against hardware".to_owned(),
        ),
    ]
}
