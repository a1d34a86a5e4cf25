//! How does a network of its own get its loopback? By the kernel's routing socket; a namespace begins with it down.

use std::os::fd::AsFd;

use orch_domain::reach::DOOR;
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
/// A request that is to be answered.
const ASKED: u16 = 1 | 4;
/// Something is to be made that is not there yet.
const CREATED: u16 = 0x400 | 0x200;
const UP: u32 = 1;
/// Index of the loopback.
const INDEX: u32 = 1;
/// Bytes of a message's header.
const HEADER: usize = 16;

/// Brings it up. With a door it has that address too: programs look for the names of a family only if there is an address
/// of it that is not the usual one.
pub(super) fn up(has_door: bool) -> Result<()> {
    let mut link = Vec::with_capacity(16);
    // Family and kind are left open; then index, flags and which flags change.
    link.extend_from_slice(&0_u32.to_ne_bytes());
    for word in [INDEX, UP, UP] {
        link.extend_from_slice(&word.to_ne_bytes());
    }
    ask(NEW_LINK, ASKED, &link)?;
    if !has_door {
        return Ok(());
    }
    // Family of version 4, all bits of the address, no flags, of this machine alone.
    let mut address = vec![2, 32, 0, 254];
    address.extend_from_slice(&INDEX.to_ne_bytes());
    // As the address of the other end, and as the own one.
    for attribute in [1_u16, 2] {
        address.extend_from_slice(&8_u16.to_ne_bytes());
        address.extend_from_slice(&attribute.to_ne_bytes());
        address.extend_from_slice(&DOOR.octets());
    }
    ask(NEW_ADDRESS, ASKED | CREATED, &address)
}

fn ask(kind: u16, flags: u16, body: &[u8]) -> Result<()> {
    let length = u32::try_from(HEADER + body.len()).map_err(|_| Errno::TOOBIG)?;
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(body);
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(socket.as_fd(), &message, SendFlags::empty())?;
    let mut answer = [0_u8; 128];
    let (length, _) = recv(socket.as_fd(), &mut answer, RecvFlags::empty())?;
    // After the header stands the error, negative, or 0.
    let code = answer
        .get(HEADER..HEADER + 4)
        .filter(|_| length >= HEADER + 4);
    let code = code.map_or(-1, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    if code == 0 {
        Ok(())
    } else {
        Err(Errno::from_raw_os_error(-code))
    }
}
