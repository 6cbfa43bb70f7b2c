//! The sending end of a guest's streams: takes what the guest offers, up to what a socket would buffer, and sends it at the rate that it is granted.
//!
//! A connection that breaks, or a route that changes, empties the buffer: the sink says at the next connection what it has, and the guest goes
//! back to that.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::hello;
use super::routes::Routes;
use crate::guest::network::{CHUNK, Outlet, StreamLoad};
use crate::lab::agent::locked;
use crate::migrate::pace::Pace;

/// How long a connection, its answer, or the last bytes may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after a failure it is tried again, and how often a route that is not there is looked for.
const AGAIN: Duration = Duration::from_millis(20);
/// What is buffered of a stream beside some chunks: as much as it sends in the time that a guest may be late and make up for.
const BUFFERED: Duration = Duration::from_millis(200);

/// The streams of a guest on this host.
#[derive(Debug)]
pub(in crate::lab) struct Sender {
    lanes: Vec<Arc<Lane>>,
    begun: AtomicBool,
}

impl Sender {
    /// Of a guest that sends `streams`; nothing is connected before the guest runs.
    pub fn new(streams: &[StreamLoad], routes: &Routes, secret: [u8; 32]) -> Self {
        let lane = |load: &StreamLoad| {
            Arc::new(Lane {
                load: *load,
                routes: routes.clone(),
                secret,
                state: Mutex::default(),
                changed: Condvar::new(),
            })
        };
        Self {
            lanes: streams.iter().map(lane).collect(),
            begun: AtomicBool::new(false),
        }
    }
}

impl Outlet for Sender {
    fn begin(&self) {
        if self.begun.swap(true, Ordering::SeqCst) {
            return;
        }
        for lane in &self.lanes {
            let lane = lane.clone();
            thread::spawn(move || lane.serve());
        }
    }

    fn offer(&self, index: usize, position: u64, bytes: &[u8]) -> u64 {
        let lane = self.lanes.get(index);
        lane.map_or(position, |lane| lane.offer(position, bytes))
    }

    fn settle(&self) -> Vec<Option<u64>> {
        if !self.begun.load(Ordering::SeqCst) {
            return vec![None; self.lanes.len()];
        }
        for lane in &self.lanes {
            locked(&lane.state).ends = true;
            lane.changed.notify_all();
        }
        self.lanes.iter().map(|lane| lane.settled()).collect()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        for lane in &self.lanes {
            let mut state = locked(&lane.state);
            state.over = true;
            // A thread in the middle of sending finds its connection gone.
            if let Some(connection) = state.connection.take() {
                let _ = connection.shutdown(Shutdown::Both);
            }
            lane.changed.notify_all();
        }
    }
}

/// One stream.
#[derive(Debug)]
struct Lane {
    load: StreamLoad,
    routes: Routes,
    secret: [u8; 32],
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The guest has something to send and there is no connection. One that stands still has not: when it runs at another host by now, its
    /// connection there is not taken from it.
    wanted: bool,
    /// Connected, to this sink.
    connected: Option<SocketAddr>,
    connection: Option<TcpStream>,
    /// The position that is wanted next from the guest.
    next: u64,
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    /// No more is offered: when the queue is empty the stream ends, with this connection.
    ends: bool,
    /// What the sink had in the end.
    settled: Option<u64>,
    /// The guest is gone.
    over: bool,
}

impl Lane {
    fn room(&self) -> usize {
        let bytes = self.load.rate.bytes_per_second() * BUFFERED.as_secs_f64();
        bytes as usize + 4 * CHUNK as usize
    }

    fn offer(&self, position: u64, bytes: &[u8]) -> u64 {
        let mut state = locked(&self.state);
        if state.connected.is_none() {
            state.wanted = true;
            self.changed.notify_all();
            return position;
        }
        if position != state.next || state.queued + bytes.len() > self.room() {
            return state.next;
        }
        state.queued += bytes.len();
        state.next += bytes.len() as u64;
        state.queue.push_back(bytes.to_vec());
        self.changed.notify_all();
        state.next
    }

    /// Connects and sends, again and again, until the stream ends or the guest is gone.
    fn serve(&self) {
        while self.goes_on() {
            let state = locked(&self.state);
            match self.routes.to(self.load.number).filter(|_| state.wanted) {
                Some(to) => {
                    drop(state);
                    // Whatever failed, the sink's position at the next connection mends it.
                    let _ = self.connect(to).and_then(|connection| self.send(connection, to));
                    self.disconnect();
                    if self.goes_on() {
                        thread::sleep(AGAIN);
                    }
                }
                None => drop(self.changed.wait_timeout(state, AGAIN)),
            }
        }
        // Whoever waits for the end need not wait any longer.
        locked(&self.state).over = true;
        self.changed.notify_all();
    }

    /// A guest that stands still for good can't go back to what a broken connection has lost: without the one it had, nothing more is sent.
    fn goes_on(&self) -> bool {
        let state = locked(&self.state);
        !state.over && !state.ends
    }

    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let mut connection = TcpStream::connect_timeout(&to, PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        connection.set_nodelay(true)?;
        connection.write_all(&hello(&self.secret, self.load.number))?;
        let mut position = [0; 8];
        connection.read_exact(&mut position)?;
        let mut state = locked(&self.state);
        state.connection = Some(connection.try_clone()?);
        state.connected = Some(to);
        state.next = u64::from_le_bytes(position);
        Ok(connection)
    }

    fn disconnect(&self) {
        let mut state = locked(&self.state);
        state.wanted = false;
        state.connected = None;
        state.connection = None;
        state.queue.clear();
        state.queued = 0;
    }

    /// Sends what is in the queue until the route changes, the guest is gone or the stream ends.
    fn send(&self, mut connection: TcpStream, to: SocketAddr) -> io::Result<()> {
        let grant = self.routes.granted(self.load.number);
        let mut pace = Pace::new(None, &grant);
        loop {
            let chunk = {
                let mut state = locked(&self.state);
                if state.over || self.routes.to(self.load.number) != Some(to) && !state.ends {
                    return Ok(());
                }
                if grant.is_nothing() && !state.ends {
                    drop(self.changed.wait_timeout(state, AGAIN));
                    continue;
                }
                match state.queue.pop_front() {
                    Some(chunk) => chunk,
                    None if state.ends => break,
                    None => {
                        drop(self.changed.wait_timeout(state, AGAIN));
                        continue;
                    }
                }
            };
            connection.write_all(&chunk)?;
            let mut state = locked(&self.state);
            state.queued -= chunk.len();
            if state.ends {
                continue;
            }
            drop(state);
            pace.sent(chunk.len() as u64);
        }
        connection.shutdown(Shutdown::Write)?;
        let mut position = [0; 8];
        connection.read_exact(&mut position)?;
        locked(&self.state).settled = Some(u64::from_le_bytes(position));
        self.changed.notify_all();
        Ok(())
    }

    /// What the sink had in the end, when that comes in time.
    fn settled(&self) -> Option<u64> {
        let until = Instant::now() + PATIENCE;
        let mut state = locked(&self.state);
        while state.settled.is_none() && !state.over {
            let left = until.checked_duration_since(Instant::now())?;
            state = match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        state.settled
    }
}
