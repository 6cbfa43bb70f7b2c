//! One thread for each vCPU: it waits parked, runs the guest when told, and comes back within a bound when paused.
//!
//! The thread owns its [`Vcpu`], so no lock is taken on the way into the guest. Everybody else sends it orders; a thread made
//! ahead of time answers them in microseconds, which is why a migration's target spawns it before the pause begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Error, Exit, Kicker, Vcpu};

/// What the host does about a doorbell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Enter the guest again.
    GoOn,
    /// Enter it again after so long, or when it is paused.
    Sleep(Duration),
    /// Leave it; [`VcpuThread::wait`] tells why.
    Stop,
}

/// Answers a guest's doorbells, on the vCPU's thread.
pub trait Doorbell: Send {
    /// The guest wrote `value` to `port`.
    fn ring(&mut self, vcpu: &mut Vcpu, port: u16, value: u32) -> Result<Answer, Error>;

    /// The guest is about to run, for the first time or after a pause, perhaps on another host.
    fn resume(&mut self, _vcpu: &mut Vcpu) -> Result<(), Error> {
        Ok(())
    }

    /// The guest was kept from running for so long by a [`Napper`]; its clock went on meanwhile.
    fn napped(&mut self, _vcpu: &mut Vcpu, _time: Duration) -> Result<(), Error> {
        Ok(())
    }

    /// The vCPU's dirty ring is full: it must be harvested here, before the guest goes on.
    fn ring_full(&mut self, _vcpu: &mut Vcpu) -> Result<(), Error> {
        Err(Error::Missing {
            what: "reader of the dirty ring",
            mend: "harvest the ring in the doorbell's handler",
        })
    }
}

/// Why a vCPU is not in the guest.
#[derive(Debug)]
pub enum Stopped {
    /// It was paused.
    Paused,
    /// A doorbell's answer was [`Answer::Stop`].
    Rung {
        /// The port.
        port: u16,
        /// The value.
        value: u32,
    },
    /// The guest broke.
    Broken(Exit),
    /// The host did.
    Failed(Error),
}

/// Time that is taken from a vCPU, in nanoseconds.
#[derive(Debug, Default)]
struct Naps {
    due: AtomicU64,
    taken: AtomicU64,
}

/// Takes time from a vCPU while it runs: it leaves the guest, and its thread sleeps.
#[derive(Debug, Clone)]
pub struct Napper {
    naps: Arc<Naps>,
    kicker: Arc<Kicker>,
}

impl Napper {
    /// Has the vCPU stay out of its guest for so long, from now or from the end of the sleep it is in.
    pub fn nap(&self, time: Duration) {
        // Before the kick: whoever is turned round by it looks here.
        self.naps.due.fetch_add(nanos(time), Ordering::SeqCst);
        self.kicker.kick();
    }

    /// Time taken so far, by the clock of the vCPU's thread.
    pub fn taken(&self) -> Duration {
        Duration::from_nanos(self.naps.taken.load(Ordering::SeqCst))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Tells how a vCPU's thread has spent its time, from any thread, while the vCPU lives.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Kicker>);

impl Meter {
    /// Processor time that the thread has used, the guest's included, and time that it was ready and waited for a processor
    /// (`schedstat`, first and second number, nanoseconds); absent where the kernel does not keep them.
    pub fn times(&self) -> Option<(Duration, Duration)> {
        let text = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.0.thread())).ok()?;
        let mut numbers = text
            .split_whitespace()
            .map(|word| word.parse().map(Duration::from_nanos));
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

type Task = Box<dyn FnOnce(&mut Vcpu) + Send>;

enum Order {
    Run,
    Do(Task),
}

/// A handle on a vCPU's thread; when it is dropped the guest is stopped and the thread ended.
#[derive(Debug)]
pub struct VcpuThread {
    id: u64,
    orders: Option<Sender<Order>>,
    stops: Receiver<Stopped>,
    pause: Arc<AtomicBool>,
    kicker: Arc<Kicker>,
    naps: Arc<Naps>,
    running: bool,
    thread: Option<JoinHandle<()>>,
}

impl VcpuThread {
    /// How long a vCPU may take to stop before it counts as stuck.
    pub const LIMIT: Duration = Duration::from_secs(10);
    /// How often a vCPU that does not stop is kicked again: a second kick is never needed, but costs nothing.
    const AGAIN: Duration = Duration::from_millis(5);

    /// Starts a parked thread for `vcpu`.
    pub fn spawn(vcpu: Vcpu, doorbell: Box<dyn Doorbell>) -> Result<Self, Error> {
        let (orders, orders_out) = channel();
        let (stops_in, stops) = channel();
        let pause = Arc::new(AtomicBool::new(false));
        let (id, kicker) = (vcpu.id(), vcpu.kicker().clone());
        let naps = Arc::new(Naps::default());
        let worker = Worker {
            vcpu,
            doorbell,
            pause: pause.clone(),
            naps: naps.clone(),
            stops: stops_in,
        };
        let thread = thread::Builder::new()
            .name(format!("vcpu{id}"))
            .spawn(move || worker.serve(&orders_out))
            .map_err(|source| Error::Call {
                call: "clone of a vCPU thread",
                source,
            })?;
        Ok(Self {
            id,
            orders: Some(orders),
            stops,
            pause,
            kicker,
            naps,
            running: false,
            thread: Some(thread),
        })
    }

    /// What tells how it spends its time.
    pub fn meter(&self) -> Meter {
        Meter(self.kicker.clone())
    }

    /// Lets the guest run; nothing happens when it does.
    pub fn run(&mut self) -> Result<(), Error> {
        if self.running {
            return Ok(());
        }
        self.pause.store(false, Ordering::SeqCst);
        // What was left of a nap when it was paused is over.
        self.naps.due.store(0, Ordering::SeqCst);
        self.kicker.release();
        self.order(Order::Run)?;
        self.running = true;
        Ok(())
    }

    /// What slows this vCPU down.
    pub fn napper(&self) -> Napper {
        Napper {
            naps: self.naps.clone(),
            kicker: self.kicker.clone(),
        }
    }

    /// Asks the guest to stop, without waiting: to stop several at once, ask all, then [`Self::pause`] each.
    pub fn ask_to_pause(&self) {
        self.pause.store(true, Ordering::SeqCst);
        self.kicker.kick();
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Stops the guest and says how it was found; a guest that had stopped by itself says why.
    pub fn pause(&mut self) -> Result<Stopped, Error> {
        let began = Instant::now();
        if !self.running {
            return Ok(Stopped::Paused);
        }
        while began.elapsed() < Self::LIMIT {
            self.ask_to_pause();
            if let Some(stopped) = self.stopped_within(Self::AGAIN)? {
                return Ok(stopped);
            }
        }
        Err(Error::Stuck {
            vcpu: self.id,
            waited_ms: Self::LIMIT.as_millis() as u64,
        })
    }

    /// Waits until the guest stops by itself; nothing when it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<Stopped>, Error> {
        if self.running {
            self.stopped_within(limit)
        } else {
            Ok(None)
        }
    }

    /// Does something with the vCPU on its own thread and gives back what came of it. The guest must not run.
    pub fn with<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Vcpu) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer_in, answer) = channel();
        self.order(Order::Do(Box::new(move |vcpu| {
            // Nobody listens when the caller gave up; that is its own affair.
            let _ = answer_in.send(task(vcpu));
        })))?;
        answer.recv().map_err(|_| self.gone())
    }

    fn stopped_within(&mut self, limit: Duration) -> Result<Option<Stopped>, Error> {
        match self.stops.recv_timeout(limit) {
            Ok(stopped) => {
                self.running = false;
                Ok(Some(stopped))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.gone()),
        }
    }

    fn order(&self, order: Order) -> Result<(), Error> {
        let orders = self.orders.as_ref().ok_or_else(|| self.gone())?;
        orders.send(order).map_err(|_| self.gone())
    }

    const fn gone(&self) -> Error {
        Error::ThreadGone { vcpu: self.id }
    }
}

impl Drop for VcpuThread {
    fn drop(&mut self) {
        self.orders = None;
        self.ask_to_pause();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already said so.
            let _ = thread.join();
        }
    }
}

struct Worker {
    vcpu: Vcpu,
    doorbell: Box<dyn Doorbell>,
    pause: Arc<AtomicBool>,
    naps: Arc<Naps>,
    stops: Sender<Stopped>,
}

impl Worker {
    fn serve(mut self, orders: &Receiver<Order>) {
        precise_sleep();
        self.vcpu.kicker().follow_this_thread();
        for order in orders {
            match order {
                Order::Do(task) => task(&mut self.vcpu),
                Order::Run => {
                    let stopped = self.run().unwrap_or_else(Stopped::Failed);
                    if self.stops.send(stopped).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn run(&mut self) -> Result<Stopped, Error> {
        self.doorbell.resume(&mut self.vcpu)?;
        while !self.pause.load(Ordering::SeqCst) {
            if self.nap()? {
                // A pause may have been asked for meanwhile.
                continue;
            }
            match self.vcpu.run()? {
                // Whoever kicks says why before: a pause or a nap is seen above. The flag would turn us round for ever.
                Exit::Interrupted => self.vcpu.kicker().release(),
                Exit::RingFull => self.doorbell.ring_full(&mut self.vcpu)?,
                Exit::Out { port, value } => match self.doorbell.ring(&mut self.vcpu, port, value)? {
                    Answer::GoOn => {}
                    Answer::Sleep(time) => self.sleep(time),
                    Answer::Stop => return Ok(Stopped::Rung { port, value }),
                },
                broken => return Ok(Stopped::Broken(broken)),
            }
        }
        Ok(Stopped::Paused)
    }

    /// Takes the nap that is due; says whether there was one.
    fn nap(&mut self) -> Result<bool, Error> {
        let due = self.naps.due.swap(0, Ordering::SeqCst);
        if due == 0 {
            return Ok(false);
        }
        let began = Instant::now();
        self.sleep(Duration::from_nanos(due));
        let taken = began.elapsed();
        self.naps.taken.fetch_add(nanos(taken), Ordering::SeqCst);
        self.doorbell.napped(&mut self.vcpu, taken)?;
        Ok(true)
    }

    /// Sleeps until the time is over or a pause is asked for; the guest looks at its own clock again afterwards.
    fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.pause.load(Ordering::SeqCst) {
            match until.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => return,
            }
        }
    }
}

/// Has the kernel wake this thread within a microsecond of what it asked for, not within the usual 50.
fn precise_sleep() {
    #[expect(unsafe_code, reason = "prctl has no safe wrapper here")]
    // SAFETY: the call changes a number of the calling thread. When it fails, sleeps are less precise.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000_u64, 0, 0, 0) };
}
