//! How is text shown that others wrote, and how are times, sums and names written?

use orch_domain::plain::acts;

/// What a page says, with everything visible that acts instead of being seen: control characters, marks that turn the
/// direction of reading, what has no width. Templates have none of these, so that whatever is found came from outside;
/// a number in its place is good in text and in attributes.
pub(crate) fn visible(page: String) -> String {
    let is_hidden = |c: char| acts(c) && !matches!(c, '\n' | '\t');
    if !page.contains(is_hidden) {
        return page;
    }
    let mut out = String::with_capacity(page.len() + 64);
    for c in page.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Longest text on one line of a page, characters.
const LINE_CHARS_MAX: usize = 300;
/// Longest text that may have several lines, characters.
pub(crate) const BLOCK_CHARS_MAX: usize = 200_000;

/// Text that has one line on a page, cut where it is far too long.
pub(crate) fn line(text: &str) -> String {
    clip(text, LINE_CHARS_MAX)
}

/// Text of several lines, cut where it is far too long.
pub(crate) fn block(text: &str) -> String {
    clip(text, BLOCK_CHARS_MAX)
}

fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            format!("{}… ({more} more characters)", &text[..end])
        }
    }
}

/// A moment, as a machine and as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// ISO 8601, in UTC.
    pub(crate) iso: String,
    /// How long ago, or in how long.
    pub(crate) near: String,
}

impl When {
    pub(crate) fn of(ms: i64, now_ms: i64) -> Self {
        let iso = jiff::Timestamp::from_millisecond(ms / 1000 * 1000)
            .map_or_else(|_| ms.to_string(), |t| t.to_string());
        let near = match now_ms - ms {
            // Clocks of a browser are not asked: both numbers are the host's.
            0..1000 => "now".to_owned(),
            past @ 1000.. => format!("{} ago", long(past)),
            future => format!("in {}", long(-future)),
        };
        Self { iso, near }
    }
}

/// A text of the host's with its moments as people read them: how long ago, or in how long. Machines read the same text
/// with the moments themselves.
pub(crate) fn near(text: &str, now_ms: i64) -> String {
    let moment = |word: &str| -> Option<String> {
        let bare = word.trim_end_matches([',', ';', '.', ':']);
        let at: jiff::Timestamp = bare.parse().ok()?;
        let near = When::of(at.as_millisecond(), now_ms).near;
        // It stands behind a word such as `until` or `due`.
        let said = match near.strip_prefix("in ") {
            Some(later) => format!("{later} from now"),
            None => near,
        };
        Some(format!("{said}{}", &word[bare.len()..]))
    };
    let words = text.split(' ');
    let words = words.map(|word| moment(word).unwrap_or_else(|| word.to_owned()));
    words.collect::<Vec<_>>().join(" ")
}

/// A length of time in its two largest units.
pub(crate) fn long(ms: i64) -> String {
    let s = ms / 1000;
    match ms {
        ..1000 => format!("{ms} ms"),
        1000..10_000 => format!("{s}.{} s", ms % 1000 / 100),
        10_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => two(s / 60, "min", s % 60, "s"),
        3_600_000..86_400_000 => two(s / 3600, "h", s / 60 % 60, "min"),
        _ => two(s / 86_400, "d", s / 3600 % 24, "h"),
    }
}

fn two(large: i64, unit: &str, small: i64, of: &str) -> String {
    if small == 0 || large >= 10 {
        format!("{large} {unit}")
    } else {
        format!("{large} {unit} {small} {of}")
    }
}

/// A length of time given in microseconds.
pub(crate) fn long_us(us: i64) -> String {
    if us < 10_000 {
        format!("{}.{} ms", us / 1000, us % 1000 / 100)
    } else {
        long(us / 1000)
    }
}

/// Dollars.
pub(crate) fn usd(sum: f64) -> String {
    format!("${sum:.2}")
}

/// A number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{} KiB", count / 1024),
        _ => format!(
            "{}.{} MiB",
            count / 1_048_576,
            count % 1_048_576 * 10 / 1_048_576
        ),
    }
}

/// The beginning of a commit or digest.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(10).collect()
}

/// A name as it stands in an address.
pub(crate) fn in_path(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_")
}

/// A command line, with what a shell would take apart in quotes.
pub(crate) fn command<S: AsRef<str>>(words: &[S]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.as_ref();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    std::iter::once("orch".to_owned())
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(askama::Template)]
    #[template(source = "<p title=\"{{ text }}\">{{ text }}</p>", ext = "html")]
    struct Sample<'t> {
        text: &'t str,
    }

    #[test]
    fn nothing_that_others_wrote_is_markup_or_acts() {
        let text = "<script>\"&'</script>\x1b[31m\u{202e}\u{200b}\u{feff}\r\n\tend";
        let page = visible(askama::Template::render(&Sample { text }).unwrap());
        let said = r"&#60;script&#62;&#34;&#38;&#39;&#60;/script&#62;\u{1b}[31m\u{202e}\u{200b}\u{feff}\u{d}"
            .to_owned()
            + "\n\tend";
        assert_eq!(page, format!("<p title=\"{said}\">{said}</p>"));
        assert_eq!(visible("naïve 日本 🦀".to_owned()), "naïve 日本 🦀");
    }

    #[test]
    fn long_text_says_how_much_is_left_out() {
        assert_eq!(clip("äöü", 3), "äöü");
        assert_eq!(clip("äöüß", 3), "äöü… (1 more characters)");
        assert!(line(&"x".repeat(1 << 20)).len() < 400);
    }

    #[test]
    fn lengths_of_time_have_their_two_largest_units() {
        let all = [
            40,
            1_250,
            59_999,
            61_000,
            3_660_000,
            90_000_000,
            30 * 86_400_000,
        ];
        let said: Vec<String> = all.into_iter().map(long).collect();
        assert_eq!(
            said,
            [
                "40 ms",
                "1.2 s",
                "59 s",
                "1 min 1 s",
                "1 h 1 min",
                "1 d 1 h",
                "30 d"
            ]
        );
        assert_eq!(long_us(1_240), "1.2 ms");
        let when = When::of(1_000_000, 1_000_000 + 120_000);
        assert_eq!(
            (when.iso.as_str(), when.near.as_str()),
            ("1970-01-01T00:16:40Z", "2 min ago")
        );
        assert_eq!(When::of(60_000, 0).near, "in 1 min");
    }

    #[test]
    fn moments_in_a_text_of_the_hosts_are_said_as_people_say_them() {
        let text = "`ci` waits since 1970-01-01T00:01:00Z, until 1970-01-01T00:04:00.5Z at the latest: 12.5";
        assert_eq!(
            near(text, 120_000),
            "`ci` waits since 1 min ago, until 2 min from now at the latest: 12.5"
        );
    }

    #[test]
    fn command_line_can_be_pasted() {
        assert_eq!(
            command(&["task", "reject", "SHOP-1", "--comment", "it's $HOME"]),
            r"orch task reject SHOP-1 --comment 'it'\''s $HOME'"
        );
        assert_eq!(in_path("shop:SHOP-1/.."), "shop%3ASHOP-1%2F..");
    }
}
