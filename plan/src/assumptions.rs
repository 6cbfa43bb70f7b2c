//! What a plan takes for granted.

use twinrack_scenario::domain::DomainKind;
use twinrack_scenario::spec::plan::{PlanSpec, PricesSpec};

use crate::question::Question;

/// Everything that was assumed, one line each.
pub fn assumptions(question: &Question) -> Vec<String> {
    let (plan, first) = (&question.plan, &question.alternatives[0].scenario);
    let mut lines = vec![
        format!("rules of `{}`; {} VMs", first.spec.edition, first.vms.len()),
        format!("every VM has a place{}", missing(plan)),
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
    lines.extend(plan.prices.as_ref().map(prices));
    if let Some(growth) = &plan.growth {
        lines.push(format!(
            "the mix of VMs stays as it is and grows by {} a month, deviation {}",
            growth.monthly, growth.deviation
        ));
    }
    lines
}

/// What things cost, in words.
fn prices(prices: &PricesSpec) -> String {
    let windows = prices.kwh.windows.iter();
    let tariff: Vec<String> = match &prices.kwh.windows[..] {
        [flat] => vec![format!("{}", flat.price)],
        _ => windows
            .map(|window| format!("{} from {window}", window.price))
            .collect(),
    };
    let hosts: Vec<String> = prices
        .hosts
        .iter()
        .map(|host| match &host.of {
            Some(of) => format!("{} a {of}", host.price),
            None => format!("{} a host", host.price),
        })
        .collect();
    format!(
        "prices: {}; {} a kWh, times {} for the room (PUE), {} years; a run begins at midnight",
        hosts.join(", "),
        tariff.join(", "),
        prices.pue,
        prices.years
    )
}

/// What may be missing, in words.
fn missing(plan: &PlanSpec) -> String {
    let words = |kind: DomainKind| match plan.spare.of(kind) {
        0 => None,
        count => Some(format!("{count} {} missing", kind.word())),
    };
    let kinds: Vec<String> = DomainKind::ALL.into_iter().filter_map(words).collect();
    if kinds.is_empty() {
        return String::new();
    }
    format!(", also with {} from the start to the end", kinds.join(", or "))
}
