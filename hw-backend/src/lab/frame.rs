//! Frames between controller and agent: two bytes `TA`, a version, a zero, the length, and so much JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of the form and of what the messages say; both ends must have the same. It is raised with every change of either: 2 since
/// agents tell clocks and audits, energy and streams.
pub const VERSION: u8 = 2;
/// Most bytes of a message: a scenario of ten thousand entities is less.
pub const LENGTH_MAX: usize = 16 << 20;

const MAGIC: [u8; 2] = *b"TA";

fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes one message.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message).map_err(io::Error::other)?;
    if body.len() > LENGTH_MAX {
        return Err(refused(format!(
            "a message of {} bytes, expected at most {LENGTH_MAX}",
            body.len()
        )));
    }
    let mut frame = Vec::with_capacity(8 + body.len());
    frame.extend(MAGIC);
    frame.extend([VERSION, 0]);
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(body);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads one message; nothing when the other end has closed between two of them.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut header = [0; 8];
    if from.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut header[1..])?;
    let [first, second, version, _, length @ ..] = header;
    if [first, second] != MAGIC {
        return Err(refused("this is no message of twinrack".to_owned()));
    }
    if version != VERSION {
        return Err(refused(format!(
            "a message of version {version}, expected {VERSION}: run the same twinrack on both ends"
        )));
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LENGTH_MAX {
        return Err(refused(format!(
            "a message of {length} bytes, expected at most {LENGTH_MAX}"
        )));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| refused(format!("a message that can't be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        read::<u32>(&mut &*bytes).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write(&mut bytes, &7_u32).expect("written");
        write(&mut bytes, &8_u32).expect("written");
        let from = &mut &*bytes;
        assert_eq!(read::<u32>(from).expect("read"), Some(7));
        assert_eq!(read::<u32>(from).expect("read"), Some(8));
        assert_eq!(read::<u32>(from).expect("closed"), None);
    }

    /// Neither end reads what the other wrote, and both say what to do.
    #[test]
    fn ends_of_other_versions_refuse_each_other() {
        for other in [VERSION - 1, VERSION + 1] {
            let mut bytes = Vec::new();
            write(&mut bytes, &7_u32).expect("written");
            bytes[2] = other;
            let told = error(&bytes);
            assert!(
                told.contains(&format!("version {other}, expected {VERSION}")),
                "{told}"
            );
            assert!(told.contains("run the same twinrack on both ends"), "{told}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(error(b"GET / HTTP/1.1").contains("no message"));
        assert!(error(b"TA\x02\0\xff\xff\xff\xff").contains("at most"));
        assert!(error(b"TA\x02\0\x02\0\0\0{}").contains("can't be read"));
        let cut = read::<u32>(&mut &b"TA\x02"[..]).expect_err("cut");
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }
}
