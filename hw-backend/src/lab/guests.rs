//! Guests of this host: made and run, given another load, stopped and looked at.

use std::time::Instant;

use twinrack_scenario::VmId;
use twinrack_scenario::units::Ratio;

use super::agent::{Guest, Shared, locked};
use super::protocol::Closing;
use super::setting::Setting;
use crate::guest::machine::{Machine, MachineError};
use crate::guest::{layout, network};

/// Makes a guest and lets it run.
pub(super) fn start(shared: &Shared, setting: &Setting, vm: VmId, cpu: Ratio) -> Result<(), String> {
    let shape = setting.shape(&shared.system, vm);
    let (workload, devices) = (setting.workload(vm, cpu), setting.devices(&shared.routes, vm)?);
    let made = Machine::with(&shared.system, shape, &workload, &devices);
    let mut machine = made.map_err(|error| error.to_string())?;
    machine.run().map_err(|error| error.to_string())?;
    shared.keep(vm, machine, Instant::now());
    Ok(())
}

/// Has a guest ask for another share of its processors.
pub(super) fn set_cpu(shared: &Shared, setting: &Setting, vm: VmId, cpu: Ratio) -> Result<(), String> {
    let mut guests = locked(&shared.guests);
    let machine = &mut guests.get_mut(&vm).ok_or("the guest is not here")?.machine;
    let workload = setting.workload(vm, cpu);
    let mut set = || {
        machine.pause()?;
        let placed = machine.place(&workload)?;
        for (vcpu, khz) in machine.tsc_khz()?.into_iter().enumerate() {
            workload.install(&placed, machine.memory(), vcpu as u32, khz)?;
        }
        machine.run()
    };
    set().map_err(|error: MachineError| error.to_string())
}

/// Stops a guest, looks at all its memory and its disk, and frees it.
pub(super) fn stop(shared: &Shared, setting: &Setting, vm: VmId) -> Result<Closing, String> {
    let guest = locked(&shared.guests).remove(&vm);
    let Guest { mut machine, since } = guest.ok_or("the guest is not here")?;
    shared.forget(vm);
    machine.pause().map_err(|error| error.to_string())?;
    look(&machine, setting, vm, since)
}

/// Looks at all that a paused guest has.
pub(super) fn look(
    machine: &Machine,
    setting: &Setting,
    vm: VmId,
    since: Instant,
) -> Result<Closing, String> {
    let words = |error: MachineError| error.to_string();
    let ran_s = since.elapsed().as_secs_f64();
    let workload = setting.workload(vm, Ratio::ONE);
    let memory = machine.audit(&workload).map_err(words)?;
    let memory = memory.map_err(|damage| format!("its memory is damaged: {damage}"))?;
    let disk = machine.audit_disk(&workload).map_err(words)?;
    let disk = disk.map_err(|damage| format!("its disk is damaged: {damage}"))?;
    let streams = settled(machine, setting, vm)?;
    let exits = (0..machine.shape().vcpus as usize).map(|vcpu| machine.stat(vcpu, "exits"));
    let exits: Vec<_> = exits.collect::<Result<_, _>>().map_err(words)?;
    Ok(Closing {
        pages: memory.pages,
        writes: memory.writes,
        disk,
        sent: streams,
        busy_s: machine.busy().map(|busy| busy.as_secs_f64()),
        exits: exits.into_iter().sum(),
        ran_s,
    })
}

/// What a guest has sent of all its streams, each of them delivered: what the receiver has is what the guest sent.
fn settled(machine: &Machine, setting: &Setting, vm: VmId) -> Result<u64, String> {
    let Some(outlet) = &machine.devices().outlet else {
        return Ok(0);
    };
    let mut sum = 0;
    for ((received, load), index) in outlet.settle().into_iter().zip(setting.streams(vm)).zip(0..) {
        let sent = network::position(machine.memory(), layout::control(0), index);
        let [sent, ahead] = sent.map_err(|error| error.to_string())?;
        match received {
            Some(received) if received != sent && received != ahead => {
                let number = load.number;
                return Err(format!(
                    "of its stream {number} it sent {sent} bytes, and {received} came"
                ));
            }
            // Where nobody receives it any more, what it was told last is all there is.
            received => sum += received.unwrap_or(sent),
        }
    }
    Ok(sum)
}
