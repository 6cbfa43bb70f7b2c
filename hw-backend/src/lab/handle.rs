//! The controller's end of an agent: its process, its orders, and its clock against ours.

use std::io::{self, BufReader, BufWriter};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::HostId;

use super::clock::{Clock, TRIPS};
use super::frame;
use super::protocol::{Ask, Order, Said, Word};

/// How an agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where the agents of other hosts and the controller reach it.
    pub address: IpAddr,
}

impl Starter {
    /// A process of this machine, among others like it.
    pub fn here(program: PathBuf) -> Self {
        Self {
            program,
            arguments: ["agent", "--stdio"].map(ToOwned::to_owned).into(),
            address: Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// Something from an agent, or that it has ended.
#[derive(Debug)]
pub enum Heard {
    /// A word.
    Word(Word),
    /// Its process has closed its output.
    Ended,
}

/// An agent that runs.
#[derive(Debug)]
pub struct Handle {
    process: Child,
    orders: Option<BufWriter<ChildStdin>>,
    last: u64,
    /// The agent's clock.
    pub clock: Clock,
    /// When it was heard of last, by ours.
    pub heard: Instant,
}

/// How long an agent may take to answer at the start.
const LIMIT: Duration = Duration::from_secs(20);

impl Handle {
    /// Starts an agent whose words go to `words` under the host's number, and compares clocks.
    pub fn start(
        starter: &Starter,
        host: HostId,
        words: &Sender<(HostId, Heard)>,
        heard: &Receiver<(HostId, Heard)>,
    ) -> io::Result<Self> {
        let mut process = Command::new(&starter.program)
            .args(&starter.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().map(BufWriter::new);
        let mut output = process.stdout.take().map(BufReader::new);
        let words = words.clone();
        thread::spawn(move || {
            while let Some(output) = &mut output
                && let Ok(Some(word)) = frame::read(output)
            {
                if words.send((host, Heard::Word(word))).is_err() {
                    return;
                }
            }
            let _ = words.send((host, Heard::Ended));
        });
        let mut handle = Self {
            process,
            orders,
            last: 0,
            clock: Clock::new(Instant::now()),
            heard: Instant::now(),
        };
        handle.compare_clocks(heard)?;
        Ok(handle)
    }

    fn compare_clocks(&mut self, heard: &Receiver<(HostId, Heard)>) -> io::Result<()> {
        for _ in 0..TRIPS {
            let sent = Instant::now();
            let id = self.order(Ask::Ping)?;
            loop {
                match heard.recv_timeout(LIMIT) {
                    Ok((_, Heard::Word(word))) if answer_to(&word) == Some(id) => {
                        self.clock
                            .trip(sent, Instant::now(), Duration::from_nanos(word.at_ns));
                        break;
                    }
                    // A sign of life, of this agent or of another.
                    Ok((_, Heard::Word(_))) => {}
                    _ => return Err(io::Error::other("the agent ended before it answered")),
                }
            }
        }
        self.heard = Instant::now();
        Ok(())
    }

    /// Gives an order; its number is in the answer.
    pub fn order(&mut self, ask: Ask) -> io::Result<u64> {
        self.last += 1;
        let id = self.last;
        match &mut self.orders {
            Some(orders) => frame::write(orders, &Order { id, ask }).map(|()| id),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// When it said something, by our clock.
    pub fn instant(&self, word: &Word) -> Instant {
        self.clock.instant(Duration::from_nanos(word.at_ns))
    }

    /// Kills it, as a host that loses power.
    pub fn kill(&mut self) {
        self.orders = None;
        let _ = self.process.kill();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.orders = None;
        // It ends its guests and exits; one that is stuck is killed.
        for _ in 0..200 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        let _ = self.process.wait();
    }
}

/// The answer among an agent's words, if it is one.
pub const fn answer_to(word: &Word) -> Option<u64> {
    match &word.said {
        Said::Answer { id, .. } => Some(*id),
        _ => None,
    }
}
