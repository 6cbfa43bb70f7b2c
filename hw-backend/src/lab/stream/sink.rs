//! The receiving end of streams: one port of an agent, and for each stream that is received here how far it has come, every byte looked at.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{HELLO, greeted};
use crate::guest::network::first_wrong;
use crate::lab::agent::locked;

/// How long a connection may take to say what it is for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are read at once.
const ROOM: usize = 256 << 10;

/// A stream that is received here.
#[derive(Debug, Default)]
struct Received {
    /// Bytes that have come; whole words.
    position: u64,
    /// The first that was not the stream's.
    wrong: Option<u64>,
    /// Which connection is the present one.
    connection: u64,
    stream: Option<TcpStream>,
}

impl Received {
    /// The present connection ends.
    fn close(&mut self) {
        self.connection += 1;
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// All streams that are received here.
#[derive(Debug, Default, Clone)]
pub(in crate::lab) struct Sinks(Arc<Mutex<BTreeMap<u32, Received>>>);

impl Sinks {
    /// A stream is received here from now on; it has come so far.
    pub fn open(&self, stream: u32, position: u64) {
        let mut sinks = locked(&self.0);
        let sink = sinks.entry(stream).or_default();
        sink.close();
        sink.position = position;
    }

    /// A stream is received here no more; says how far it has come, or which of its bytes was wrong.
    pub fn close(&self, stream: u32) -> Result<u64, String> {
        let Some(mut sink) = locked(&self.0).remove(&stream) else {
            return Ok(0);
        };
        sink.close();
        match sink.wrong {
            None => Ok(sink.position),
            Some(wrong) => Err(format!("byte {wrong} of stream {stream} came wrong")),
        }
    }

    /// How far each has come.
    pub fn positions(&self) -> Vec<(u32, u64)> {
        let sinks = locked(&self.0);
        sinks
            .iter()
            .map(|(stream, sink)| (*stream, sink.position))
            .collect()
    }

    /// A byte that came and was not the stream's, if there was one.
    #[cfg(test)]
    pub fn wrong(&self) -> Option<(u32, u64)> {
        let sinks = locked(&self.0);
        sinks
            .iter()
            .find_map(|(stream, sink)| Some((*stream, sink.wrong?)))
    }

    /// Receives on a port of that address from now on, on threads of its own; says which port.
    pub fn listen(&self, address: IpAddr, secret: [u8; 32]) -> io::Result<u16> {
        let listener = TcpListener::bind((address, 0))?;
        let port = listener.local_addr()?.port();
        let sinks = self.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let sinks = sinks.clone();
                thread::spawn(move || {
                    // A connection that breaks is the sender's to open again.
                    let _ = sinks.receive(connection, &secret);
                });
            }
        });
        Ok(port)
    }

    fn receive(&self, mut connection: TcpStream, secret: &[u8; 32]) -> io::Result<()> {
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = [0; HELLO];
        connection.read_exact(&mut bytes)?;
        let stream = greeted(secret, &bytes).ok_or(io::ErrorKind::PermissionDenied)?;
        connection.set_read_timeout(None)?;
        connection.set_nodelay(true)?;
        let (number, position) = self.begin(stream, &connection)?;
        connection.write_all(&position.to_le_bytes())?;
        // Less than a word is kept until the rest of it comes.
        let mut buffer = vec![0; ROOM];
        let mut kept = 0;
        loop {
            let read = match connection.read(&mut buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let Some(position) = self.take(stream, number, &buffer[..kept + read]) else {
                return Ok(());
            };
            if read == 0 {
                return connection.write_all(&position.to_le_bytes());
            }
            let whole = (kept + read) / 8 * 8;
            buffer.copy_within(whole..kept + read, 0);
            kept = kept + read - whole;
        }
    }

    /// That connection is the stream's now; an earlier one ends.
    fn begin(&self, stream: u32, connection: &TcpStream) -> io::Result<(u64, u64)> {
        let mut sinks = locked(&self.0);
        let sink = sinks.get_mut(&stream).ok_or(io::ErrorKind::NotFound)?;
        sink.close();
        sink.stream = Some(connection.try_clone()?);
        Ok((sink.connection, sink.position))
    }

    /// The whole words of what came; says how far the stream has come with them, or nothing when the connection is not the present one any more.
    fn take(&self, stream: u32, connection: u64, bytes: &[u8]) -> Option<u64> {
        let mut sinks = locked(&self.0);
        let sink = sinks
            .get_mut(&stream)
            .filter(|sink| sink.connection == connection)?;
        let whole = bytes.len() / 8 * 8;
        if sink.wrong.is_none() {
            sink.wrong = first_wrong(stream, sink.position, &bytes[..whole]);
        }
        sink.position += whole as u64;
        Some(sink.position)
    }
}
