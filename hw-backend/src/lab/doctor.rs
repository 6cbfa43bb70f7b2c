//! What another host can do: its agent is started, asked, and ends.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use twinrack_scenario::HostId;

use super::handle::{Handle, Heard, Starter};
use super::protocol::{Answer, Ask, Said};
use crate::probe::Capabilities;

/// How long a host may take to look at itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the agent of one host.
pub fn ask(starter: &Starter) -> io::Result<Capabilities> {
    let (words, heard) = channel();
    let mut agent = Handle::start(starter, HostId(0), &words, &heard)?;
    let asked = agent.order(Ask::Probe)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match heard.recv_timeout(left) {
            Ok((_, Heard::Word(word))) => match word.said {
                Said::Answer {
                    id,
                    answer: Ok(Answer::Can(capabilities)),
                } if id == asked => return Ok(*capabilities),
                Said::Answer { id, answer } if id == asked => {
                    let why = answer
                        .err()
                        .unwrap_or_else(|| "another answer than was due".to_owned());
                    return Err(io::Error::other(why));
                }
                _ => {}
            },
            Ok((_, Heard::Ended)) | Err(RecvTimeoutError::Disconnected) => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
