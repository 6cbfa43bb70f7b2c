//! A guest as a whole: its memory, its vCPUs on their threads, its dirty log, and the host's side of its doorbell.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kvm_bindings::CpuId;
use twinrack_scenario::units::Bytes;

use super::devices::Devices;
use super::disk::{DiskAudit, DiskDamage};
use super::layout::{self, GuestPages, bell, word};
use super::ledger::{Audit, Counters, Damage, Ledger};
use super::placed::Placed;
use super::workload::{Workload, WorkloadError};
use super::{boot, program};
use crate::kvm::dirty::{self, RingReader};
use crate::kvm::state::Restored;
use crate::kvm::thread::{Answer, Doorbell, Meter, Napper, Stopped};
use crate::kvm::{
    Backing, DirtyLog, DirtyMechanism, Error, Exit, GuestMemory, System, Vcpu, VcpuState, VcpuThread, Vm,
};

/// What a guest is made of; two machines of one shape can take each other's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Memory.
    pub memory: Bytes,
    /// Virtual processors.
    pub vcpus: u32,
    /// What is behind its memory on this host.
    pub backing: Backing,
    /// How it maps it itself.
    pub pages: GuestPages,
    /// How its dirty pages are told on this host.
    pub mechanism: DirtyMechanism,
}

/// Why a guest can't be made, or broke.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The kernel.
    #[error(transparent)]
    Kvm(#[from] Error),
    /// The workload does not fit.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// The guest took an exception or did something else that none of ours does.
    #[error("vCPU {vcpu} broke: {what}")]
    Broken {
        /// Which.
        vcpu: usize,
        /// What it did.
        what: String,
    },
    /// It is told to run, and does not.
    #[error(
        "the guest has not done in {0:?} what it does in a fraction of a second: give this host less to do, or look at its log"
    )]
    Stands(std::time::Duration),
    /// Another number of processor states than there are processors.
    #[error("{states} processor states for {vcpus} virtual processors")]
    States {
        /// How many states.
        states: usize,
        /// How many processors.
        vcpus: u32,
    },
}

/// A guest.
pub struct Machine {
    shape: Shape,
    // Threads end before the VM and its memory go.
    threads: Vec<VcpuThread>,
    log: Box<dyn DirtyLog>,
    vm: Vm,
    msrs: Arc<[u32]>,
    devices: Devices,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A guest that has everything but content: what a migration fills. Its vCPUs are parked.
    pub fn skeleton(system: &System, shape: Shape, cpuid: &CpuId) -> Result<Self, MachineError> {
        Self::skeleton_with(system, shape, cpuid, &Devices::default())
    }

    /// The same with its devices.
    pub fn skeleton_with(
        system: &System,
        shape: Shape,
        cpuid: &CpuId,
        devices: &Devices,
    ) -> Result<Self, MachineError> {
        if !boot::size_fits(shape.memory) {
            return Err(WorkloadError::Memory(shape.memory).into());
        }
        if shape.vcpus == 0 || shape.vcpus > layout::VCPUS_MAX {
            return Err(WorkloadError::Vcpus(shape.vcpus).into());
        }
        let memory = Arc::new(GuestMemory::new(shape.memory, shape.backing)?);
        let vm = Vm::new(system, memory, shape.mechanism)?;
        let vcpus: Vec<Vcpu> = (0..shape.vcpus)
            .map(|id| vm.create_vcpu(u64::from(id), cpuid))
            .collect::<Result<_, _>>()?;
        let rings = match shape.mechanism {
            DirtyMechanism::Ring { .. } => Some(RingReader::new(&vm, &vcpus)?),
            DirtyMechanism::Bitmap | DirtyMechanism::ManualProtect => None,
        };
        let log = dirty::log_of(&vm, rings.clone())?;
        let threads = vcpus.into_iter().zip(0..).map(|(vcpu, id)| {
            let host = Host {
                control: layout::control(id),
                tsc_khz: vcpu.tsc_khz()?,
                rings: rings.clone(),
                devices: devices.clone(),
            };
            VcpuThread::spawn(vcpu, Box::new(host))
        });
        let threads = threads.collect::<Result<_, _>>()?;
        Ok(Self {
            shape,
            threads,
            log,
            vm,
            msrs: system.state_msrs()?.into(),
            devices: devices.clone(),
        })
    }

    /// A guest with its program and data, ready to run `workload`.
    pub fn new(system: &System, shape: Shape, workload: &Workload) -> Result<Self, MachineError> {
        Self::with(system, shape, workload, &Devices::default())
    }

    /// The same with its devices.
    pub fn with(
        system: &System,
        shape: Shape,
        workload: &Workload,
        devices: &Devices,
    ) -> Result<Self, MachineError> {
        let machine = Self::skeleton_with(system, shape, &system.supported_cpuid()?, devices)?;
        let placed = machine.place(workload)?;
        let memory = machine.memory();
        boot::lay_out(memory, shape.pages, &program::assemble())?;
        Ledger::new(placed.clone()).fill(memory)?;
        for (thread, id) in machine.threads.iter().zip(0..) {
            let tsc_khz = thread.with(move |vcpu| {
                vcpu.set_sregs(&boot::segments(&vcpu.sregs()?))?;
                vcpu.set_regs(&boot::registers(id))?;
                vcpu.tsc_khz()
            })??;
            workload.install(&placed, memory, id, tsc_khz)?;
        }
        devices.introduce(memory, &placed)?;
        Ok(machine)
    }

    /// Its shape.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its memory.
    pub fn memory(&self) -> &Arc<GuestMemory> {
        self.vm.memory()
    }

    /// Its VM.
    pub const fn vm(&self) -> &Vm {
        &self.vm
    }

    /// What it has beside processors and memory.
    pub const fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Its dirty log.
    pub fn log(&mut self) -> &mut dyn DirtyLog {
        &mut *self.log
    }

    /// Where a workload lies in it.
    pub fn place(&self, workload: &Workload) -> Result<Placed, WorkloadError> {
        workload.place(self.shape.memory, self.shape.pages, self.shape.vcpus)
    }

    /// Lets it run.
    pub fn run(&mut self) -> Result<(), MachineError> {
        for thread in &mut self.threads {
            thread.run()?;
        }
        Ok(())
    }

    /// Stops all its processors and says how long that took. A guest that broke meanwhile is an error.
    pub fn pause(&mut self) -> Result<Duration, MachineError> {
        let began = Instant::now();
        self.ask_to_pause();
        for (thread, vcpu) in self.threads.iter_mut().zip(0..) {
            match thread.pause()? {
                Stopped::Paused => {}
                Stopped::Failed(error) => return Err(error.into()),
                Stopped::Rung { port, value } if port == u16::from(layout::EXCEPTION) => {
                    return Err(MachineError::Broken {
                        vcpu,
                        what: format!("exception {value}"),
                    });
                }
                other => {
                    return Err(MachineError::Broken {
                        vcpu,
                        what: format!("{other:?}"),
                    });
                }
            }
        }
        Ok(began.elapsed())
    }

    /// What slows its processors down, one each.
    pub fn nappers(&self) -> Vec<Napper> {
        self.threads.iter().map(VcpuThread::napper).collect()
    }

    /// Asks all its processors to stop, without waiting for one: for a guest that is to be dropped.
    pub fn ask_to_pause(&self) {
        for thread in &self.threads {
            thread.ask_to_pause();
        }
    }

    /// The state of all processors of a paused guest.
    pub fn save(&self) -> Result<Vec<VcpuState>, MachineError> {
        let states = self.threads.iter().map(|thread| {
            let msrs = self.msrs.clone();
            thread.with(move |vcpu| VcpuState::save(vcpu, &msrs))?
        });
        Ok(states.collect::<Result<_, _>>()?)
    }

    /// Gives a skeleton the state of all processors.
    pub fn restore(&self, states: Vec<VcpuState>) -> Result<Vec<Restored>, MachineError> {
        if states.len() != self.threads.len() {
            return Err(MachineError::States {
                states: states.len(),
                vcpus: self.shape.vcpus,
            });
        }
        let restored = self
            .threads
            .iter()
            .zip(states)
            .map(|(thread, state)| thread.with(move |vcpu| state.restore(vcpu))?);
        Ok(restored.collect::<Result<_, _>>()?)
    }

    /// What a processor has counted.
    pub fn counters(&self, vcpu: u32) -> Result<Counters, MachineError> {
        Ok(Counters::read(self.memory(), vcpu)?)
    }

    /// A counter of the kernel for a processor, by name, of a paused guest.
    pub fn stat(&self, vcpu: usize, name: &'static str) -> Result<Option<u64>, MachineError> {
        let thread = self
            .threads
            .get(vcpu)
            .ok_or(Error::ThreadGone { vcpu: vcpu as u64 })?;
        Ok(thread.with(move |vcpu| vcpu.stats().map(|stats| stats.get(name)))??)
    }

    /// The frequency of each processor's time-stamp counter, of a paused guest.
    pub fn tsc_khz(&self) -> Result<Vec<u32>, MachineError> {
        let each = self
            .threads
            .iter()
            .map(|thread| thread.with(|vcpu| vcpu.tsc_khz())?);
        Ok(each.collect::<Result<_, _>>()?)
    }

    /// Processor time that its virtual processors have used on this host; absent where the kernel does not tell.
    pub fn busy(&self) -> Option<Duration> {
        self.meters().iter().map(|meter| Some(meter.times()?.0)).sum()
    }

    /// What tells how its virtual processors spend their time, one each.
    pub fn meters(&self) -> Vec<Meter> {
        self.threads.iter().map(VcpuThread::meter).collect()
    }

    /// Looks at every data page; the guest must be paused.
    pub fn audit(&self, workload: &Workload) -> Result<Result<Audit, Damage>, MachineError> {
        Ok(Ledger::new(self.place(workload)?).audit(self.memory())?)
    }

    /// Looks at every block of its disk; the guest must be paused.
    pub fn audit_disk(&self, workload: &Workload) -> Result<Result<DiskAudit, DiskDamage>, MachineError> {
        let placed = self.place(workload)?;
        let audit = self
            .devices
            .disk
            .as_ref()
            .map(|disk| disk.audit(self.memory(), &placed));
        Ok(audit.transpose()?.unwrap_or(Ok(DiskAudit::default())))
    }

    #[cfg(test)]
    pub(crate) fn thread(&mut self, vcpu: usize) -> &mut VcpuThread {
        &mut self.threads[vcpu]
    }
}

/// The host's side of a guest's doorbell.
struct Host {
    control: u64,
    tsc_khz: u32,
    rings: Option<RingReader>,
    devices: Devices,
}

impl Host {
    /// Ticks of the guest's clock as time.
    fn time(&self, ticks: u64) -> Duration {
        let nanos = u128::from(ticks) * 1_000_000 / u128::from(self.tsc_khz.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Time as ticks of the guest's clock.
    fn ticks(&self, time: Duration) -> u64 {
        let ticks = time.as_nanos() * u128::from(self.tsc_khz) / 1_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

impl Doorbell for Host {
    fn ring(&mut self, vcpu: &mut Vcpu, port: u16, value: u32) -> Result<Answer, Error> {
        if port != u16::from(layout::DOORBELL) {
            return Ok(Answer::Stop);
        }
        match value {
            bell::READY => Ok(Answer::GoOn),
            bell::SLEEP => {
                let ticks = vcpu.vm().memory().load(self.control + word::SLEEP as u64)?;
                Ok(Answer::Sleep(self.time(ticks)))
            }
            bell::FLUSH | bell::SWITCH => {
                let mut sregs = vcpu.sregs()?;
                let [first, second] = layout::PML4;
                sregs.cr3 = if sregs.cr3 == first { second } else { first };
                vcpu.set_sregs(&sregs)?;
                Ok(Answer::GoOn)
            }
            _ if self.devices.ring(vcpu.vm().memory(), self.control, value)? => Ok(Answer::GoOn),
            _ => Ok(Answer::Stop),
        }
    }

    fn resume(&mut self, vcpu: &mut Vcpu) -> Result<(), Error> {
        self.devices.resume(vcpu.vm().memory(), self.control)
    }

    /// What is taken from a guest it must not make up for, or a slowed guest would do as much as before: its deadline moves on by as
    /// much. (The word is not in the dirty log. A guest that moves before its next period begins late by one nap, no more.)
    fn napped(&mut self, vcpu: &mut Vcpu, time: Duration) -> Result<(), Error> {
        let deadline = self.control + word::DEADLINE as u64;
        let memory = vcpu.vm().memory();
        let due = memory.load(deadline)?;
        if due == 0 {
            return Ok(());
        }
        memory.store(deadline, due.wrapping_add(self.ticks(time)))
    }

    fn ring_full(&mut self, vcpu: &mut Vcpu) -> Result<(), Error> {
        match &self.rings {
            Some(rings) => rings.harvest(vcpu.vm()),
            None => Err(Error::Call {
                call: "KVM_RUN",
                source: std::io::Error::other(format!("{:?} without a ring", Exit::RingFull)),
            }),
        }
    }
}
