//! The policies of the experiment: placement at the start, overload, selection, targets, emptying.

use twinrack_control::placement::Detector;
use twinrack_control::placement::Selector;
use twinrack_control::placement::regress::weighted_line;
use twinrack_control::placement::select::Candidate;
use twinrack_scenario::spec::experiment::{CloudSimPolicy, Oddity};
use twinrack_scenario::units::Bytes;

use super::correlation::explained;
use super::hosts::{Cloud, HISTORY};
use super::mended::Mended;

/// Values that the regression looks at.
const REGRESSION_USES: usize = 10;
/// How far ahead it looks: a migration is over within one tick.
const AHEAD: f64 = 1.0;
/// Safety factor of LR, and the static threshold while there are too few values.
const SAFETY: f64 = 1.2;
const FALLBACK: f64 = 0.7;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Overload {
    /// One of ours, whose rule is the same.
    Ours(Detector),
    /// What the program calls local regression: ordinary least squares; the robust one is the same.
    LeastSquares,
}

/// The rules of one policy.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    policy: CloudSimPolicy,
    overload: Overload,
    selector: Selector,
}

impl Rules {
    /// The rules of a policy.
    pub fn new(policy: CloudSimPolicy, mended: Mended) -> Self {
        use CloudSimPolicy::{Dvfs, IqrMc, IqrMmt, LrMmt, LrMu, LrrMmt, MadMmt, Npa, ThrMc, ThrMmt, ThrMu};
        let overload = match policy {
            Npa | Dvfs | ThrMmt | ThrMu | ThrMc => Overload::Ours(Detector::Thr(0.8)),
            IqrMmt | IqrMc => Overload::Ours(Detector::Iqr(1.5)),
            MadMmt => Overload::Ours(Detector::Mad(2.5)),
            LrrMmt if mended.has(Oddity::PlainLine) => Overload::Ours(Detector::Lrr(SAFETY)),
            LrMmt | LrMu if mended.has(Oddity::PlainLine) => Overload::Ours(Detector::Lr(SAFETY)),
            LrMmt | LrrMmt | LrMu => Overload::LeastSquares,
        };
        let selector = match policy {
            ThrMu | LrMu => Selector::MinimumUtilisation,
            ThrMc | IqrMc => Selector::MaximumCorrelation,
            _ => Selector::MinimumMigrationTime,
        };
        Self {
            policy,
            overload,
            selector,
        }
    }

    /// Whether every host draws its full power all the time.
    pub fn always_full(&self) -> bool {
        self.policy == CloudSimPolicy::Npa
    }

    /// Whether VMs are moved and hosts switched off.
    pub fn consolidates(&self) -> bool {
        !matches!(self.policy, CloudSimPolicy::Npa | CloudSimPolicy::Dvfs)
    }

    /// Places all VMs at the start, with memory and bandwidth as constraints this once.
    pub fn place_all(&self, cloud: &mut Cloud<'_>) {
        for vm in 0..cloud.vms.len() {
            let suits = |host: usize| suitable(cloud, vm, host) && cloud.starts_on(vm, host);
            let found = if self.consolidates() {
                cheapest(cloud, vm, (0..cloud.hosts.len()).filter(|host| suits(*host)))
            } else {
                (0..cloud.hosts.len()).find(|host| suits(*host))
            };
            if let Some(host) = found {
                cloud.put(vm, host);
            }
        }
        for vm in &mut cloud.vms {
            vm.request = 0.0;
        }
    }

    /// Whether a host is overloaded, or would be with one VM more at the end of its list.
    fn overloaded(&self, cloud: &mut Cloud<'_>, host: usize, more: Option<usize>) -> bool {
        let Cloud { hosts, vms, .. } = cloud;
        let (entry, more) = (&mut hosts[host], more.map(|vm| &vms[vm]));
        let total = entry.total;
        let load = || {
            let own = entry.vms.iter().map(|vm| vms[*vm].request).sum::<f64>();
            more.map_or(own, |vm| own + vm.request) / total
        };
        let sums = entry.past.of(&entry.vms, vms, total);
        let past = |age: usize| more.map_or(sums[age], |vm| sums[age] + vm.past_share(age, total));
        match self.overload {
            Overload::Ours(Detector::Thr(threshold)) => load() > threshold,
            Overload::Ours(detector) => detector.overloaded(load(), &history(past), AHEAD),
            Overload::LeastSquares => least_squares(past).unwrap_or_else(|| load() > FALLBACK),
        }
    }

    /// One decision: the moves, in order. Everything is put back as it was.
    pub fn consolidate(&self, cloud: &mut Cloud<'_>) -> Vec<(usize, usize)> {
        if !self.consolidates() {
            return Vec::new();
        }
        let overloaded: Vec<bool> = (0..cloud.hosts.len())
            .map(|host| self.overloaded(cloud, host, None))
            .collect();
        let lists: Vec<Vec<usize>> = cloud.hosts.iter().map(|host| host.vms.clone()).collect();
        let homes: Vec<usize> = cloud.vms.iter().map(|vm| vm.host).collect();
        let mut moves = self.relieve(cloud, &overloaded);
        let kept: &[(usize, usize)] = if cloud.mended.has(Oddity::DoubleMoves) {
            &moves
        } else {
            &[]
        };
        let emptied = self.empty(cloud, &overloaded, kept);
        moves.extend(emptied);
        for (host, list) in lists.into_iter().enumerate() {
            if cloud.hosts[host].vms != list {
                cloud.hosts[host].vms = list;
                cloud.allocate(host);
            }
        }
        for (vm, home) in cloud.vms.iter_mut().zip(homes) {
            vm.host = home;
        }
        moves
    }

    fn relieve(&self, cloud: &mut Cloud<'_>, overloaded: &[bool]) -> Vec<(usize, usize)> {
        let mut leaving = Vec::new();
        for host in (0..cloud.hosts.len()).filter(|host| overloaded[*host]) {
            while let Some(vm) = self.select(cloud, host) {
                leaving.push(vm);
                cloud.take(vm, host);
                if !self.overloaded(cloud, host, None) {
                    break;
                }
            }
        }
        sort_by_demand(cloud, &mut leaving);
        let mut moves = Vec::new();
        for vm in leaving {
            if let Some(to) = self.target(cloud, vm, overloaded) {
                cloud.put(vm, to);
                moves.push((vm, to));
            }
        }
        moves
    }

    fn select(&self, cloud: &Cloud<'_>, host: usize) -> Option<usize> {
        let vms: Vec<usize> = cloud.hosts[host]
            .vms
            .iter()
            .copied()
            .filter(|vm| !cloud.vms[*vm].migrating)
            .collect();
        if self.selector == Selector::MaximumCorrelation
            && let Some(found) = most_correlated(cloud, &vms)
        {
            return vms.get(found).copied();
        }
        let candidates: Vec<Candidate<'_>> = vms
            .iter()
            .map(|vm| Candidate {
                memory: Bytes(cloud.vms[*vm].ram as u64),
                // Divided again as the program does: the last digit decides between equals.
                utilisation: cloud.vms[*vm].request / cloud.vms[*vm].mips,
                history: &[],
            })
            .collect();
        self.selector
            .pick(&candidates, &mut || 0)
            .and_then(|at| vms.get(at).copied())
    }

    /// The host on which a VM raises the power least, by the program's reckoning, of those that it would not overload.
    ///
    /// Whether it would is asked last, for it looks at the past: only of hosts that would be taken if it did not.
    fn target(&self, cloud: &mut Cloud<'_>, vm: usize, excluded: &[bool]) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for host in (0..cloud.hosts.len()).filter(|host| !excluded[*host]) {
            if !suitable(cloud, vm, host) {
                continue;
            }
            let runs = cloud.hosts[host].allocated_sum != 0.0;
            if runs {
                cloud.tried(host);
            }
            let cost = increase(cloud, vm, host);
            let cheaper = best.is_none_or(|(least, _)| cost < least);
            if cheaper && !(runs && self.overloaded(cloud, host, Some(vm))) {
                best = Some((cost, host));
            }
        }
        best.map(|(_, host)| host)
    }

    /// Empties hosts, the least used first, but not those that `kept` moves lead to.
    fn empty(
        &self,
        cloud: &mut Cloud<'_>,
        overloaded: &[bool],
        kept: &[(usize, usize)],
    ) -> Vec<(usize, usize)> {
        let off: Vec<bool> = cloud
            .hosts
            .iter()
            .zip(overloaded)
            .map(|(host, over)| *over || host.used == 0.0)
            .collect();
        let (mut no_candidate, mut no_target) = (off.clone(), off);
        for (_, to) in kept {
            no_candidate[*to] = true;
        }
        let mut moves = Vec::new();
        while let Some(host) = least_used(cloud, &no_candidate) {
            (no_candidate[host], no_target[host]) = (true, true);
            let mut vms = cloud.hosts[host].vms.clone();
            sort_by_demand(cloud, &mut vms);
            let mut found: Vec<(usize, usize)> = Vec::new();
            let homes: Vec<usize> = vms.iter().map(|vm| cloud.vms[*vm].host).collect();
            for vm in &vms {
                let Some(to) = self.target(cloud, *vm, &no_target) else {
                    break;
                };
                cloud.put(*vm, to);
                found.push((*vm, to));
            }
            if found.len() == vms.len() {
                for (_, to) in &found {
                    no_candidate[*to] = true;
                }
                moves.extend(found);
            } else {
                for (vm, to) in found.into_iter().rev() {
                    cloud.take(vm, to);
                }
            }
            for (vm, home) in vms.iter().zip(homes) {
                cloud.vms[*vm].host = home;
            }
        }
        moves
    }
}

fn suitable(cloud: &Cloud<'_>, vm: usize, index: usize) -> bool {
    let (request, host) = (cloud.vms[vm].request, &cloud.hosts[index]);
    host.pe >= request
        && host.free >= request
        && (!cloud.mended.has(Oddity::UncheckedMemory) || cloud.has_memory(vm, index))
}

/// Watts that a VM would add to a host.
fn increase(cloud: &Cloud<'_>, vm: usize, host: usize) -> f64 {
    let host = &cloud.hosts[host];
    host.watts((host.allocated_sum + cloud.vms[vm].request) / host.total) - host.draws
}

fn cheapest(cloud: &Cloud<'_>, vm: usize, hosts: impl Iterator<Item = usize>) -> Option<usize> {
    hosts
        .map(|host| (increase(cloud, vm, host), host))
        .reduce(|best, other| if other.0 < best.0 { other } else { best })
        .map(|(_, host)| host)
}

fn least_used(cloud: &Cloud<'_>, excluded: &[bool]) -> Option<usize> {
    let open = cloud.hosts.iter().enumerate().filter(|(index, host)| {
        let used = host.utilisation();
        !excluded[*index] && used > 0.0 && used < 1.0 && !host.vms.is_empty()
    });
    open.map(|(index, host)| (host.utilisation(), index))
        .reduce(|best, other| if other.0 < best.0 { other } else { best })
        .map(|(_, index)| index)
}

fn sort_by_demand(cloud: &Cloud<'_>, vms: &mut [usize]) {
    vms.sort_by(|a, b| cloud.vms[*b].request.total_cmp(&cloud.vms[*a].request));
}

/// The past load, oldest first, without the zeros before it.
fn history(past: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut history: Vec<f64> = (0..HISTORY).map(past).collect();
    let length = history
        .iter()
        .rposition(|value| *value != 0.0)
        .map_or(1, |at| at + 1);
    history.truncate(length);
    history.reverse();
    history
}

/// Whether the line through the newest loads leads to overload; `None` while there are too few.
fn least_squares(past: impl Fn(usize) -> f64) -> Option<bool> {
    (REGRESSION_USES - 1..HISTORY).find(|age| past(*age) != 0.0)?;
    let recent: [f64; REGRESSION_USES] = std::array::from_fn(|at| past(REGRESSION_USES - 1 - at));
    let line = weighted_line(&recent, &[1.0; REGRESSION_USES]);
    Some(SAFETY * line.at(REGRESSION_USES as f64 + AHEAD) >= 1.0)
}

/// The VM whose past the others explain best; `None` when it can't be fitted.
fn most_correlated(cloud: &Cloud<'_>, vms: &[usize]) -> Option<usize> {
    let length = vms.iter().map(|vm| cloud.vms[*vm].history.len()).min()?;
    let pasts: Vec<Vec<f64>> = vms
        .iter()
        .map(|vm| cloud.vms[*vm].history.iter().take(length).copied().collect())
        .collect();
    let mut best: (f64, usize) = (f64::MIN_POSITIVE, 0);
    for (own, share) in explained(&pasts).ok()?.into_iter().enumerate() {
        if share > best.0 {
            best = (share, own);
        }
    }
    Some(best.1)
}
