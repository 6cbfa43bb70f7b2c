//! Guests' traffic between agents: who sends takes bytes from a guest ([`sender`]), who receives looks at each of them ([`sink`]).
//!
//! One TCP connection for each stream, opened by the sender:
//!
//! ```text
//!  sender                                   sink
//!    │ ── token, number of the stream ────▶ │  an earlier connection of that stream ends
//!    │ ◀───────────── position, 8 bytes ─── │  what it has, and so where the sender goes on
//!    │ ── bytes… ─────────────────────────▶ │  each is looked at
//!    │ ── end ────────────────────────────▶ │
//!    │ ◀───────────── position, 8 bytes ─── │  what it has in the end
//! ```
//!
//! The sink's position alone decides: bytes that were on their way when a connection broke, or when the sender moved to another host, are sent
//! again, and none that came are taken twice. When the receiver moves, its agent tells the position to the controller, which opens the
//! sink at the new host with it and tells all senders the [route](routes).

pub(super) mod routes;
pub(super) mod sender;
pub(super) mod sink;
#[cfg(test)]
mod tests;

/// Begin of a connection: the token of the run, then the number of the stream.
const HELLO: usize = 36;

/// What opens a connection in a run with that secret.
fn hello(secret: &[u8; 32], stream: u32) -> [u8; HELLO] {
    let mut bytes = [0; HELLO];
    let number = stream.to_le_bytes();
    let (token, rest) = bytes.split_at_mut(32);
    // The secret itself is not shown to the network.
    token.copy_from_slice(blake3::keyed_hash(secret, &number).as_bytes());
    rest.copy_from_slice(&number);
    bytes
}

/// The stream that a connection is for, if it may be opened.
fn greeted(secret: &[u8; 32], bytes: &[u8; HELLO]) -> Option<u32> {
    let (_, number) = bytes.split_last_chunk::<4>()?;
    let stream = u32::from_le_bytes(*number);
    (*bytes == hello(secret, stream)).then_some(stream)
}
