//! How does Markdown of the host's become Plane's HTML, and how is HTML of people read?

use orch_domain::port::tracker::Voice;

/// How the host's own line on who speaks begins; it is no part of what was said.
const VOICE: &str = "<p data-orch-voice=\"1\">";

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

/// The words of HTML as text, for prompts: blocks on lines of their own, code between backticks, nothing hidden.
pub(super) fn read(html: &str) -> String {
    let mut rest = match html.strip_prefix(VOICE) {
        Some(spoken) => spoken.split_once("</p>").map_or("", |(_, rest)| rest),
        None => html,
    };
    let mut text = String::new();
    while let Some(at) = rest.find('<') {
        text.push_str(&unescaped(&rest[..at]));
        let inside = &rest[at + 1..];
        // What is no tag stands for itself.
        let is_tag =
            inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        let Some(end) = inside.find('>').filter(|_| is_tag) else {
            text.push('<');
            rest = inside;
            continue;
        };
        let tag = &inside[..end];
        rest = &inside[end + 1..];
        let (is_end, name) = match tag.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, tag),
        };
        let name: String = name
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        match (name.as_str(), is_end) {
            ("script" | "style", false) => {
                let end = format!("</{name}");
                let at = rest.to_ascii_lowercase().find(&end);
                rest = at.map_or("", |at| &rest[at..]);
            }
            ("code", _) => text.push('`'),
            ("br", _) => text.push('\n'),
            ("li", false) => {
                line(&mut text);
                text.push_str("- ");
            }
            ("p" | "div" | "pre" | "blockquote" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6", _) => {
                blank(&mut text);
            }
            ("ul" | "ol" | "li" | "tr" | "table", _) => line(&mut text),
            ("td" | "th", true) => text.push_str(" | "),
            _ => {}
        }
    }
    text.push_str(&unescaped(rest));
    text.trim().to_owned()
}

/// Begins a line, unless one has just begun.
fn line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Begins a paragraph, unless one has just begun; after the mark of a list none begins.
fn blank(text: &mut String) {
    if text.ends_with("- ") {
        return;
    }
    line(text);
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest
            .find(';')
            .filter(|end| *end <= 8)
            .map(|end| &rest[..end]);
        let c = name.and_then(|name| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some(' '),
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (c, name) {
            (Some(c), Some(name)) => {
                plain.push(c);
                rest = &rest[name.len() + 1..];
            }
            (_, _) => plain.push('&'),
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use orch_domain::stage::Role;

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

    #[test]
    fn html_of_people_is_read_as_text_without_what_is_hidden() {
        for (html, text) in [
            (
                "<p>Please keep the <b>old</b> endpoint.</p><p>Thanks</p>",
                "Please keep the old endpoint.\n\nThanks",
            ),
            ("<ul><li><p>one</p></li><li>two</li></ul>", "- one\n\n- two"),
            ("x<script>alert(1)</script>y<style>p{}</style>z", "xyz"),
            (
                "a &lt;b&gt; &amp;amp; &#39;c&#x27; &nope; & d",
                "a <b> &amp; 'c' &nope; & d",
            ),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("<p title=\"", "<p title=\""),
            ("line<br/>two", "line\ntwo"),
            ("", ""),
        ] {
            assert_eq!(read(html), text, "{html}");
        }
    }
}
