//! A guest on its way in: one port, open for one connection that bears one secret.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::{MigrationId, VmId};

use super::agent::{Shared, locked};
use super::protocol::Said;
use crate::migrate::target::{Room, receive};
use crate::migrate::wire::Secret;
use crate::migrate::{Claim, Following, PATIENCE};

/// How often a port that nobody has connected to is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A guest that is waited for.
pub(super) struct Waiting {
    /// Whether it was taken.
    pub claim: Claim,
    over: Arc<AtomicBool>,
}

impl Waiting {
    /// Nobody will connect any more.
    pub fn give_up(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Opens a port and takes one guest over it, on a thread of its own.
pub(super) fn listen(
    shared: &Arc<Shared>,
    migration: MigrationId,
    vm: VmId,
    room: Room,
    secret: [u8; 32],
) -> Result<(u16, Waiting), String> {
    let words = |error: io::Error| format!("a port for the migration: {error}");
    let listener = TcpListener::bind((shared.address, 0)).map_err(words)?;
    listener.set_nonblocking(true).map_err(words)?;
    let port = listener.local_addr().map_err(words)?.port();
    let (claim, over) = (Claim::default(), Arc::new(AtomicBool::new(false)));
    let waiting = Waiting {
        claim: claim.clone(),
        over: over.clone(),
    };
    let shared = shared.clone();
    thread::spawn(move || {
        let Some(stream) = accepted(&listener, &over) else {
            return;
        };
        drop(listener);
        // A guest that did not come is the source's to report: it has it still.
        if let Ok(arrived) = receive(&shared.system, stream, Secret(secret), room, &claim) {
            shared.keep(vm, arrived.machine, Instant::now());
            let received = arrived.received;
            shared.say(Said::Arrived { migration, received });
            if let Some(following) = arrived.following {
                follow(&shared, vm, following);
            }
        }
    });
    Ok((port, waiting))
}

/// Has a guest's other pages come. One that loses them ends here; the source, whose link is gone too, tells that it is lost.
fn follow(shared: &Shared, vm: VmId, mut following: Following) {
    if following.finish().is_err()
        && let Some(guest) = locked(&shared.guests).remove(&vm)
    {
        shared.forget(vm);
        following.abandon(guest.machine);
    }
}

fn accepted(listener: &TcpListener, over: &AtomicBool) -> Option<TcpStream> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE && !over.load(Ordering::Relaxed) {
        if let Ok((stream, _)) = listener.accept() {
            return stream.set_nonblocking(false).is_ok().then_some(stream);
        }
        thread::sleep(LOOK);
    }
    None
}
