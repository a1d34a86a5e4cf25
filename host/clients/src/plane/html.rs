//! How is HTML of people read?
//!
//! As Markdown, for prompts: what says something (addresses, numbers of lists, what is ticked or struck out, code with
//! its indentation, tables, who is named, where a picture is) stays readable, and nothing hidden is said. Whoever wrote
//! it may be anybody: every step goes forward, so that a text of any form is read in a time that its length bounds.

mod page;
mod tag;

use self::page::Page;
use self::tag::{Piece, Pieces, Tag};
use super::text::VOICE;

/// The longest text that is read from one, bytes; the rest is cut.
const READ_BYTES_MAX: usize = 1024 * 1024;
/// Tables within each other that are shown as such.
const TABLES_MAX: usize = 4;

/// The words of HTML as Markdown.
pub(super) fn read(html: &str) -> String {
    let html = match html.strip_prefix(VOICE) {
        Some(spoken) => spoken.split_once("</p>").map_or("", |(_, rest)| rest),
        None => html,
    };
    let mut reader = Reader::default();
    let mut pieces = Pieces::new(html);
    while let Some(piece) = pieces.next() {
        if reader.page.bytes() > READ_BYTES_MAX {
            reader.page.write("\n(cut)");
            break;
        }
        match piece {
            Piece::Text(text) => reader.page.words(&tag::unescaped(text)),
            Piece::Begin(tag) => reader.begin(&tag, &mut pieces),
            Piece::End(name) => reader.end(&name),
        }
    }
    while !reader.tables.is_empty() {
        reader.end("table");
    }
    reader.page.whole()
}

/// What has been begun and not ended.
#[derive(Debug, Default)]
struct Reader {
    page: Page,
    /// Lists, innermost last: the number of the next item if it has numbers.
    lists: Vec<Option<u64>>,
    /// Where a link leads, and the place where its words begin.
    link: Option<(String, usize)>,
    /// Tables, innermost last.
    tables: Vec<Table>,
}

/// A table as far as it is read.
#[derive(Debug, Default)]
struct Table {
    /// What it stands in.
    outer: Page,
    rows: Vec<Vec<String>>,
    is_in_cell: bool,
}

impl Reader {
    fn begin(&mut self, tag: &Tag<'_>, pieces: &mut Pieces<'_>) {
        let value = |name: &str| tag.value(name).unwrap_or_default();
        match tag.name.as_str() {
            name @ ("script" | "style" | "template" | "title") => {
                pieces.until_end(name);
            }
            "pre" => {
                let (language, code) = pieces.code("pre");
                self.page.fenced(&language, &code);
            }
            "code" => self.page.code(&pieces.code("code").1),
            "br" => self.page.newline(),
            "hr" => {
                self.page.block();
                self.page.write("---");
                self.page.block();
            }
            "a" => self.link = Some((value("href"), self.page.place())),
            "del" | "s" | "strike" => self.page.write("~~"),
            "img" => {
                let text = format!("![{}]({})", value("alt"), value("src"));
                self.page.write(&text);
            }
            "image-component" => self.page.write(&format!("![picture]({})", value("src"))),
            "mention-component" => {
                let named = tag.value("label").filter(|label| !label.is_empty());
                let named = named.unwrap_or_else(|| value("entity_identifier"));
                self.page.write(&format!("@{named}"));
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.page.block();
                let level = tag.name[1..].parse().unwrap_or(1);
                self.page.mark(&format!("{} ", "#".repeat(level)));
            }
            "ul" | "ol" => {
                match self.lists.is_empty() {
                    true => self.page.line(),
                    false => self.page.tight(),
                }
                let start = tag.value("start").and_then(|n| n.parse().ok());
                let number = (tag.name == "ol").then_some(start.unwrap_or(1));
                self.lists.push(number);
            }
            "li" => self.item(tag.value("data-checked").as_deref()),
            "blockquote" => {
                self.page.block();
                self.page.within("blockquote", "> ", "> ");
            }
            "table" if self.tables.len() < TABLES_MAX => {
                self.page.block();
                let outer = std::mem::take(&mut self.page);
                self.tables.push(Table {
                    outer,
                    ..Table::default()
                });
            }
            "tr" | "td" | "th" => self.cell(&tag.name, true),
            "p" | "div" | "section" | "article" => self.page.block(),
            _ => {}
        }
    }

    /// The mark of an item of a list; what follows stands below its words.
    fn item(&mut self, checked: Option<&str>) {
        self.page.line();
        let number = self.lists.last_mut().and_then(Option::as_mut);
        let (mark, room) = match number {
            Some(number) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                (mark, "   ")
            }
            None => ("- ".to_owned(), "  "),
        };
        let tick = match checked {
            Some("true") => "[x] ",
            Some(_) => "[ ] ",
            None => "",
        };
        self.page.within("li", &format!("{mark}{tick}"), room);
    }

    fn end(&mut self, name: &str) {
        match name {
            "a" => {
                if let Some((to, from)) = self.link.take() {
                    self.page.link(&to, from);
                }
            }
            "del" | "s" | "strike" => self.page.write("~~"),
            "ul" | "ol" => {
                self.lists.pop();
                match self.lists.is_empty() {
                    true => self.page.block(),
                    false => self.page.line(),
                }
            }
            "li" => {
                self.page.without("li");
                self.page.tight();
            }
            "blockquote" => {
                self.page.without("blockquote");
                self.page.block();
            }
            "td" | "th" | "tr" => self.cell(name, false),
            "table" => self.end_table(),
            "p" | "div" | "section" | "article" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.page.block();
            }
            _ => {}
        }
    }

    /// Ends the cell that was begun, and begins the next one or the next row.
    fn cell(&mut self, name: &str, begins: bool) {
        let Some(table) = self.tables.last_mut() else {
            self.page.line();
            return;
        };
        let text = std::mem::take(&mut self.page).whole();
        self.link = None;
        if table.is_in_cell || !text.is_empty() {
            let words: Vec<&str> = text.split_whitespace().collect();
            let cell = words.join(" ").replace('|', "\\|");
            match table.rows.last_mut() {
                Some(row) => row.push(cell),
                None => table.rows.push(vec![cell]),
            }
        }
        table.is_in_cell = begins && name != "tr";
        if name == "tr" && begins {
            table.rows.push(Vec::new());
        }
    }

    fn end_table(&mut self) {
        self.cell("tr", false);
        let Some(table) = self.tables.pop() else {
            return;
        };
        self.page = table.outer;
        let rows = table.rows.iter().filter(|row| !row.is_empty());
        for (at, row) in rows.enumerate() {
            self.page.line();
            self.page.write(&format!("| {} |", row.join(" | ")));
            if at == 0 {
                self.page.line();
                self.page.write(&format!("|{}", " --- |".repeat(row.len())));
            }
        }
        self.page.block();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_of_people_is_read_as_text_without_what_is_hidden() {
        for (html, text) in [
            (
                "<p>Please keep the <b>old</b> endpoint.</p><p>Thanks</p>",
                "Please keep the old endpoint.\n\nThanks",
            ),
            ("<ul><li><p>one</p></li><li>two</li></ul>", "- one\n- two"),
            ("x<script>alert(1)</script>y<style>p{}</style>z", "xyz"),
            ("a<!-- <b>no</b> -->b", "ab"),
            (
                "a &lt;b&gt; &amp;amp; &#39;c&#x27; &nope; & d",
                "a <b> &amp; 'c' &nope; & d",
            ),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("<p title=\"", "<p title=\""),
            ("<p title=\"a > b\">c</p>", "c"),
            ("line<br/>two<br><br>three", "line\ntwo\n\nthree"),
            ("first\n  second", "first\n  second"),
            ("", ""),
        ] {
            assert_eq!(read(html), text, "{html}");
        }
    }

    #[test]
    fn what_says_something_in_a_request_is_said_to_the_agent() {
        for (html, text) in [
            (
                "<h2>Goal</h2><p>See <a class=\"link\" href=\"https://example.org/spec?a=1&amp;b=2\">the spec</a>.</p>",
                "## Goal\n\nSee [the spec](https://example.org/spec?a=1&b=2).",
            ),
            (
                "<a href=\"https://example.org/\">https://example.org/</a>",
                "https://example.org/",
            ),
            (
                "<p>ask <mention-component id=\"m\" entity_identifier=\"63200a76-2af1\" entity_name=\"user_mention\"></mention-component></p>",
                "ask @63200a76-2af1",
            ),
            (
                "<ol start=\"3\"><li><p>first</p></li><li><p>second</p><ul><li><p>nested</p></li></ul></li></ol><p>5</p>",
                "3. first\n4. second\n   - nested\n\n5",
            ),
            (
                "<ul data-type=\"taskList\"><li data-checked=\"true\"><label><input type=\"checkbox\" checked=\"checked\"><span></span></label><div><p>ready</p></div></li><li data-checked=\"false\"><div><p>open</p></div></li></ul>",
                "- [x] ready\n- [ ] open",
            ),
            (
                "<p>As in</p><pre><code class=\"language-python\">def f(a):\n    if a &lt; 3:\n\n        return `a`\n</code></pre><p>end</p>",
                "As in\n\n```python\ndef f(a):\n    if a < 3:\n\n        return `a`\n```\n\nend",
            ),
            ("<code>a`b</code>", "``a`b``"),
            (
                "<table><tbody><tr><th><p>Name</p></th><th><p>Price</p></th></tr><tr><td><p>a|b</p></td><td></td></tr></tbody></table><p>x</p>",
                "| Name | Price |\n| --- | --- |\n| a\\|b |  |\n\nx",
            ),
            (
                "<p>x <del>old</del></p><blockquote><p>one</p><p>two</p></blockquote><hr><p>y</p>",
                "x ~~old~~\n\n> one\n>\n> two\n\n---\n\ny",
            ),
            (
                "<img src=\"https://example.org/a.png\" alt=\"shot\"><image-component src=\"6d2c\"></image-component>",
                "![shot](https://example.org/a.png)![picture](6d2c)",
            ),
        ] {
            assert_eq!(read(html), text, "{html}");
        }
    }

    #[test]
    fn text_of_any_form_is_read_to_its_end() {
        for part in [
            "<a",
            "<a \"",
            "&",
            "<script>",
            "<li><blockquote>",
            "<table><tr><td>",
            "<a href=x>",
            "</a></li></table>",
            "<pre>`",
            "<!--",
            "\n",
        ] {
            let text = read(&part.repeat(300_000));
            assert!(text.len() < 4 * READ_BYTES_MAX, "{part}");
        }
    }
}
