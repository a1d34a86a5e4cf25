//! What text do bytes stand for that are no UTF-8?
//!
//! Editors of some systems write UTF-16, and the tools that read such a file read it well: what a scanner or a gate
//! does not read as text would be passed over. The reading is lossy: half a character becomes a replacement mark.

/// Bytes at the beginning by which text without a mark is told.
const LOOKED_AT: usize = 4096;

/// How the characters of a text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wide {
    unit: usize,
    is_big_endian: bool,
}

/// The text of bytes that begin with the byte order mark of UTF-16 or UTF-32; none for other bytes.
pub(crate) fn marked(bytes: &[u8]) -> Option<String> {
    let (wide, mark) = mark(bytes)?;
    Some(decode(&bytes[mark..], wide))
}

/// The text of bytes that are neither UTF-8 nor marked, but nothing that only programs read either: that of Latin-1 and
/// its kin, in which every letter beyond ASCII becomes a replacement mark. None for other bytes.
pub(crate) fn foreign(bytes: &[u8]) -> Option<String> {
    let is_shown =
        |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    let letters = bytes.iter().filter(|byte| byte.is_ascii()).count();
    let is_text = bytes.iter().all(is_shown) && letters * 10 >= bytes.len() * 7;
    is_text.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// The text of bytes that are UTF-16 or UTF-32, with a mark or without; none for other bytes.
pub(crate) fn wide(bytes: &[u8]) -> Option<String> {
    marked(bytes).or_else(|| Some(decode(bytes, guess(bytes)?)))
}

fn mark(bytes: &[u8]) -> Option<(Wide, usize)> {
    let wide = |unit, is_big_endian| Wide {
        unit,
        is_big_endian,
    };
    // The mark of UTF-32 in little-endian order begins with that of UTF-16.
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => Some((wide(4, false), 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((wide(4, true), 4)),
        [0xff, 0xfe, ..] => Some((wide(2, false), 2)),
        [0xfe, 0xff, ..] => Some((wide(2, true), 2)),
        _ => None,
    }
}

/// Text of mostly Latin letters has a zero byte in the same place of nearly every unit.
fn guess(bytes: &[u8]) -> Option<Wide> {
    let looked_at = &bytes[..bytes.len().min(LOOKED_AT)];
    for unit in [4, 2] {
        let units = looked_at.len() / unit;
        if units < 4 {
            continue;
        }
        for is_big_endian in [false, true] {
            let fits = looked_at.chunks_exact(unit).filter(|chunk| {
                let (low, high) = match is_big_endian {
                    false => (chunk[0], &chunk[1..]),
                    true => (chunk[unit - 1], &chunk[..unit - 1]),
                };
                low != 0 && high.iter().all(|byte| *byte == 0)
            });
            if fits.count() * 10 >= units * 7 {
                return Some(Wide {
                    unit,
                    is_big_endian,
                });
            }
        }
    }
    None
}

fn decode(bytes: &[u8], wide: Wide) -> String {
    let number = |chunk: &[u8]| {
        let step = |sum: u32, byte: &u8| (sum << 8) | u32::from(*byte);
        match wide.is_big_endian {
            true => chunk.iter().fold(0, step),
            false => chunk.iter().rev().fold(0, step),
        }
    };
    let numbers = bytes.chunks(wide.unit).map(number);
    if wide.unit == 4 {
        let character = |n| char::from_u32(n).unwrap_or(char::REPLACEMENT_CHARACTER);
        return numbers.map(character).collect();
    }
    let units = numbers.map(|n| u16::try_from(n).unwrap_or(0xfffd));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, unit: usize, is_big_endian: bool) -> Vec<u8> {
        let order = |number: u32| {
            let mut bytes = number.to_le_bytes()[..unit].to_vec();
            if is_big_endian {
                bytes.reverse();
            }
            bytes
        };
        match unit {
            2 => text.encode_utf16().flat_map(|n| order(n.into())).collect(),
            _ => text.chars().flat_map(|c| order(c.into())).collect(),
        }
    }

    #[test]
    fn text_is_told_by_its_mark_and_without_one_by_its_zeros() {
        let text = "key = \"A\u{1f511}\" # ü\n";
        for unit in [2, 4] {
            for is_big_endian in [false, true] {
                let with_mark = bytes(&format!("\u{feff}{text}"), unit, is_big_endian);
                assert_eq!(marked(&with_mark).as_deref(), Some(text), "{unit}");
                let without = bytes(text, unit, is_big_endian);
                assert_eq!(marked(&without), None);
                assert_eq!(wide(&without).as_deref(), Some(text), "{unit}");
            }
        }
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for other in [
            &b""[..],
            b"plain text",
            "\u{feff}text".as_bytes(),
            &[0; 64],
            b"PK\x03\x04\0\0\0\0\x08\0\0\0",
        ] {
            assert_eq!(wide(other), None, "{other:?}");
        }
    }

    #[test]
    fn text_in_the_letters_of_one_country_is_text() {
        let latin = b"flask==0.5 # f\xfcr sp\xe4ter\r\n";
        assert_eq!(
            foreign(latin).as_deref(),
            Some("flask==0.5 # f\u{fffd}r sp\u{fffd}ter\r\n")
        );
        for other in [
            &b"PK\x03\x04\0\0\xff"[..],
            b"\x89PNG\r\n\x1a\n\xff",
            b"\xf1\xf2\xf3\xf4 a",
            b"a\x1b[31m\xff",
        ] {
            assert_eq!(foreign(other), None, "{other:?}");
        }
    }

    #[test]
    fn half_a_character_is_replaced() {
        assert_eq!(
            marked(b"\xff\xfea\0\x3d\xd8b\0c").as_deref(),
            Some("a\u{fffd}bc")
        );
        assert_eq!(marked(b"\xff\xfe").as_deref(), Some(""));
    }
}
