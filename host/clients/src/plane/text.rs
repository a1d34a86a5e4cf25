//! How does Markdown of the host's become Plane's HTML?

use orch_domain::port::tracker::Voice;

/// How the host's own line on who speaks begins; it is no part of what was said.
pub(super) const VOICE: &str = "<p data-orch-voice=\"1\">";

/// The text with at most `bytes_max` bytes.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n(cut)", &text[..end])
}

/// A comment as Plane keeps it: what the host quotes is shown as it is and never as markup of its own.
pub(super) fn comment(voice: Voice, markdown: &str, bytes_max: usize) -> String {
    let text = cut(markdown, bytes_max).replace('\0', "\u{fffd}");
    let mut html = match voice {
        Voice::Host => String::new(),
        Voice::Role(role) => format!("{VOICE}<em>{role}</em></p>"),
    };
    let mut fenced: Option<Vec<&str>> = None;
    let mut paragraph: Vec<String> = Vec::new();
    let flush = |paragraph: &mut Vec<String>, html: &mut String| {
        if !paragraph.is_empty() {
            html.push_str(&format!("<p>{}</p>", paragraph.join("<br>")));
            paragraph.clear();
        }
    };
    for line in text.lines() {
        match (&mut fenced, line.trim_start().starts_with("```")) {
            (Some(lines), true) => {
                let code = escaped(&lines.join("\n"));
                html.push_str(&format!("<pre><code>{code}</code></pre>"));
                fenced = None;
            }
            (Some(lines), false) => lines.push(line),
            (None, true) => {
                flush(&mut paragraph, &mut html);
                fenced = Some(Vec::new());
            }
            (None, false) if line.trim().is_empty() => flush(&mut paragraph, &mut html),
            (None, false) => paragraph.push(with_code(line)),
        }
    }
    if let Some(lines) = fenced {
        paragraph.extend(lines.into_iter().map(escaped));
    }
    flush(&mut paragraph, &mut html);
    html
}

/// A line with what stands between two backticks as code.
fn with_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let last = parts.len() - 1;
    let part = |(at, part): (usize, &&str)| match at % 2 {
        0 => escaped(part),
        // A backtick without another is one.
        _ if at == last => format!("`{}", escaped(part)),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use orch_domain::stage::Role;

    use super::super::html::read;
    use super::*;

    #[test]
    fn what_the_host_says_reads_back_as_it_was_said() {
        for text in [
            "one",
            "three *of* `4`",
            "a & b < c > d",
            "Back to `development`, round 1 of 3.\n\nFindings:\nline two",
            "a lonely ` tick",
        ] {
            for voice in [Voice::Host, Voice::Role(Role::Reviewer)] {
                assert_eq!(read(&comment(voice, text, 1_000)), text);
            }
        }
    }

    #[test]
    fn quoted_text_is_never_markup_and_what_is_long_is_cut() {
        let html = comment(
            Voice::Host,
            "<img src=x onerror=y> <mention-component>",
            1_000,
        );
        assert!(
            !html.contains("<img") && !html.contains("<mention"),
            "{html}"
        );
        let fenced = comment(Voice::Host, "see\n```\nlet a = b<c>;\n```\nend", 1_000);
        assert_eq!(
            fenced,
            "<p>see</p><pre><code>let a = b&lt;c&gt;;</code></pre><p>end</p>"
        );
        assert!(comment(Voice::Host, &"é".repeat(5_000), 101).len() < 200);
    }
}
