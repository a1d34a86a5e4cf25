//! How is Markdown shown that agents wrote? As what it says, and nothing of it acts: HTML in it is text, an image is its
//! description, a link says where it leads and leads nowhere. Nothing is loaded, and headings stay below those of the page.

use pulldown_cmark::{
    CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html,
};

/// The HTML of a Markdown text.
pub(crate) fn rendered(text: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let events = Parser::new_ext(text, options).flat_map(tame);
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events);
    out
}

/// What is shown of an event.
fn tame(event: Event<'_>) -> Vec<Event<'_>> {
    let one = match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // A link's text stays, and behind it stands where it would lead.
        Event::Start(Tag::Link { dest_url, .. }) => return vec![marked(&dest_url)],
        Event::Start(Tag::Image { dest_url, .. }) => return vec![marked(&dest_url)],
        Event::End(TagEnd::Link | TagEnd::Image) => return Vec::new(),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::MetadataBlock(_)) => {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented))
        }
        Event::End(TagEnd::MetadataBlock(_)) => Event::End(TagEnd::CodeBlock),
        Event::Start(Tag::CodeBlock(_)) => Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)),
        // An alignment is a style in the element, which the policy of the pages refuses.
        Event::Start(Tag::Table(_)) => Event::Start(Tag::Table(Vec::new())),
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: below(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        other => other,
    };
    vec![one]
}

/// Where something leads, in front of what it says.
fn marked(address: &str) -> Event<'static> {
    Event::Text(CowStr::from(format!("[{}] ", crate::text::line(address))))
}

/// Two levels below: the page has its own first and second.
fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::rendered;

    /// What of the HTML is an element, by name and attributes.
    fn elements(html: &str) -> Vec<&str> {
        html.split('<')
            .skip(1)
            .filter_map(|rest| rest.split_once('>'))
            .map(|(element, _)| element)
            .filter(|element| !element.starts_with('/'))
            .collect()
    }

    #[test]
    fn text_is_shown_as_it_is_meant() {
        let html = rendered(
            "---\nverdict: APPROVED\n---\n# Why\n\n- *one*\n- `two`\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```rust\nlet x = \"<b>\";\n```\n",
        );
        assert_eq!(
            elements(&html),
            [
                "pre", "code", "h3", "ul", "li", "em", "li", "code", "table", "thead", "tr", "th",
                "th", "tbody", "tr", "td", "td", "pre", "code"
            ],
            "{html}"
        );
        assert!(
            html.contains("verdict: APPROVED") && html.contains("&lt;b&gt;"),
            "{html}"
        );
    }

    #[test]
    fn nothing_of_it_acts_or_loads() {
        let hostile = "# <script>window.hacked=1</script>\n\n<img src=x onerror=window.hacked=1>\n\n\
            <div onclick=\"x\">\n\n<iframe src=//evil.example></iframe>\n\n</div>\n\n\
            ![pixel](https://evil.example/p.png \"t\") [go](javascript:alert(1)) <https://evil.example>\n\n\
            [ref]: data:text/html,<script>alert(1)</script>\n[ref]\n\n## x {#id .class onclick=1}\n\n\
            ```\"><script>\nx\n```\n\n| <b onmouseover=x>a</b> |\n|:-:|\n| <svg/onload=x> |\n\n1000000000. <style>*{}</style>\n";
        let html = rendered(hostile);
        let known = [
            "p",
            "h3",
            "h4",
            "h5",
            "h6",
            "pre",
            "code",
            "ul",
            "li",
            "em",
            "strong",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "blockquote",
            "del",
            "hr /",
            "br /",
        ];
        for element in elements(&html) {
            let is_list = element.starts_with("ol") && !element.contains("on");
            assert!(known.contains(&element) || is_list, "`{element}` in {html}");
        }
        assert!(html.contains("[javascript:alert(1)] go"), "{html}");
        assert!(
            html.contains("[https://evil.example/p.png] pixel"),
            "{html}"
        );
        assert!(
            html.contains("&lt;script&gt;window.hacked=1&lt;/script&gt;"),
            "{html}"
        );
    }
}
