//! Actions: in a few lines for people, all of them as CSV for a change plan.

use twinrack_reports::text::moment;

use crate::actions::{Action, Deed};

/// The columns of the table.
pub const HEADER: [&str; 8] = [
    "action", "vm", "from", "to", "reason", "priority", "when", "outcome",
];

/// The cells of an action.
pub fn row(action: &Action) -> [String; 8] {
    let known = |name: &Option<String>| name.clone().unwrap_or_default();
    [
        action.deed.word().to_owned(),
        known(&action.vm),
        known(&action.from),
        known(&action.to),
        action.reason.clone(),
        action.priority.to_string(),
        moment(action.when_s),
        action.outcome.clone(),
    ]
}

/// All of them as comma-separated values (RFC 4180).
pub fn csv(actions: &[Action]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for action in actions {
        writer.write_record(row(action))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// How many of each, and how many of them fail; nothing where there is nothing to do.
pub fn summary(actions: &[Action]) -> Option<String> {
    let last = actions.last()?;
    let deeds = [
        Deed::AddHost,
        Deed::Start,
        Deed::Move,
        Deed::Save,
        Deed::RetireHost,
    ];
    let counts = deeds.map(|deed| (deed, actions.iter().filter(|action| action.deed == deed).count()));
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = told
        .map(|(deed, count)| format!("{} {count}", deed.word()))
        .collect();
    let failed: Vec<&Action> = actions.iter().filter(|action| !action.is_done()).collect();
    let failed = failed.first().map_or(String::new(), |first| {
        let why = &first.outcome;
        format!("; {} of them fail, the first because: {why}", failed.len())
    });
    Some(format!(
        "from what there is to this: {}, the last at {}{failed}",
        told.join(", "),
        moment(last.when_s)
    ))
}
