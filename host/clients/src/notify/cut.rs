//! How is a text made short enough for where it goes?

/// What stands where a text was cut.
const CUT: &str = " … (cut)";

/// The text with at most `units_max` units of UTF-16; what is cut is said.
pub(super) fn to_utf16(text: &str, units_max: usize) -> String {
    if text.encode_utf16().count() <= units_max {
        return text.to_owned();
    }
    let room = units_max.saturating_sub(CUT.encode_utf16().count());
    let (mut kept, mut units) = (String::new(), 0);
    for c in text.chars() {
        units += c.len_utf16();
        if units > room {
            break;
        }
        kept.push(c);
    }
    kept + CUT
}

/// The text with at most `bytes_max` bytes; what is cut is said.
pub(super) fn to_bytes(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max.saturating_sub(CUT.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned() + CUT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_text_fits_and_breaks_no_character() {
        let crab = "\u{1f980}";
        for units in 9..40 {
            let cut = to_utf16(&crab.repeat(50), units);
            let count = cut.encode_utf16().count();
            assert!(count <= units && count + 2 > units, "{units}: {cut}");
            assert!(cut.ends_with(CUT));
        }
        assert_eq!(to_utf16("short", 5), "short");
        assert_eq!(to_bytes("short", 5), "short");
        assert!(to_bytes(&crab.repeat(50), 41).len() <= 41);
    }
}
