//! Which blocks of text does a Markdown document show, and where does each stand?
//!
//! What is quoted, in code, in a comment or struck out is not shown here: it is not what the author says. Of HTML the
//! text is shown, line by line.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A heading of this level.
    Heading(HeadingLevel),
    /// An item of a list, so deep.
    Item(usize),
    /// A row of a table.
    Row,
    /// A line of a paragraph, within lists so deep.
    Paragraph(usize),
}

impl Kind {
    /// Whether a block of this kind belongs to an earlier one of kind `over`, which nothing has ended so far.
    pub(crate) fn is_below(self, over: Self) -> bool {
        match (over, self) {
            (Self::Heading(over), Self::Heading(own)) => own > over,
            (Self::Heading(_), _) => true,
            (Self::Item(over), Self::Item(own)) => own > over,
            (Self::Item(over), Self::Paragraph(own)) => own >= over && own > 0,
            (Self::Paragraph(_), Self::Item(_) | Self::Row) => true,
            (Self::Item(_) | Self::Row | Self::Paragraph(_), _) => false,
        }
    }
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// Line of the document, counting from 1.
    pub(crate) line: u32,
    /// Whether its box is ticked, or that of an item it belongs to.
    pub(crate) is_done: bool,
}

/// Between the cells of a row.
pub(crate) const CELL: char = '\u{1f}';

impl Block {
    /// The cells of a row.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        self.text.split(CELL).map(str::trim)
    }

    /// What follows a cell of the row, or what is before it if nothing does.
    pub(crate) fn beside(&self, cell: &str) -> &str {
        let at = self.text.find(cell).unwrap_or(0);
        let after = self.text[at + cell.len()..].trim_start_matches([CELL, ' ']);
        match after.trim().is_empty() {
            true => self.text[..at].trim_matches([CELL, ' ']),
            false => after,
        }
    }
}

/// The blocks of a document.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    let mut walk = Walk {
        text,
        blocks: Vec::new(),
        items: Vec::new(),
        current: None,
        hidden: 0,
        html: None,
        line: 1,
        seen: 0,
    };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        walk.take(event, range.start);
    }
    let mut blocks = walk.blocks;
    for block in &mut blocks {
        block.text = block.text.replace(CELL, " \u{1f} ");
    }
    blocks
}

struct Walk<'a> {
    text: &'a str,
    blocks: Vec<Block>,
    /// The open items, by where they stand among the blocks.
    items: Vec<usize>,
    /// The block that text goes to.
    current: Option<usize>,
    /// How many open elements hide their text.
    hidden: usize,
    /// HTML that is open, and where it began.
    html: Option<(usize, String)>,
    line: u32,
    seen: usize,
}

impl Walk<'_> {
    fn take(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(Tag::HtmlBlock) if self.hidden == 0 => {
                self.html = Some((at, String::new()));
                self.hidden += 1;
            }
            Event::Html(words) => {
                if let Some((_, html)) = &mut self.html {
                    html.push_str(&words);
                }
            }
            Event::Start(
                Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::Strikethrough,
            ) => {
                self.hidden += 1;
            }
            Event::End(
                TagEnd::BlockQuote(_)
                | TagEnd::CodeBlock
                | TagEnd::HtmlBlock
                | TagEnd::Strikethrough,
            ) => {
                self.hidden = self.hidden.saturating_sub(1);
                if self.hidden == 0
                    && let Some((begun, html)) = self.html.take()
                {
                    self.show_html(begun, &html);
                }
            }
            _ if self.hidden > 0 => {}
            Event::Start(Tag::Heading { level, .. }) => self.open(Kind::Heading(level), at),
            Event::Start(Tag::Item) => {
                self.open(Kind::Item(self.items.len() + 1), at);
                self.items.extend(self.current);
            }
            Event::End(TagEnd::Item) => {
                self.items.pop();
                self.current = None;
            }
            Event::Start(Tag::Paragraph) => self.paragraph(at),
            Event::Start(Tag::TableHead | Tag::TableRow) => self.open(Kind::Row, at),
            Event::End(TagEnd::TableCell) => self.push_str("\u{1f}"),
            Event::TaskListMarker(is_done) => {
                if let Some(block) = self.current.and_then(|at| self.blocks.get_mut(at)) {
                    block.is_done |= is_done;
                }
            }
            Event::SoftBreak | Event::HardBreak => self.line_break(at),
            // The separator of cells can stand in no text.
            Event::Text(words) | Event::Code(words) => self.push_str(&words.replace(CELL, " ")),
            Event::End(TagEnd::Heading(_) | TagEnd::TableRow | TagEnd::TableHead) => {
                self.current = None;
            }
            _ => {}
        }
    }

    fn open(&mut self, kind: Kind, at: usize) {
        let newlines = self.text.as_bytes()[self.seen.min(at)..at].iter();
        let newlines = newlines.filter(|byte| **byte == b'\n').count();
        self.line = self
            .line
            .saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.seen = self.seen.max(at);
        let is_done = self.items.iter().any(|item| self.blocks[*item].is_done);
        self.current = Some(self.blocks.len());
        self.blocks.push(Block {
            kind,
            text: String::new(),
            line: self.line,
            is_done,
        });
    }

    /// The lines of a block of HTML, as a browser shows them: an item, a heading or a summary is one of its own.
    fn show_html(&mut self, begun: usize, html: &str) {
        const OF_ITS_OWN: [&str; 5] = ["<li", "<summary", "<h", "<td", "<dt"];
        let mut is_comment = false;
        let mut at = begun;
        for line in html.split_inclusive('\n') {
            let shown = without_tags(line, &mut is_comment);
            let is_own = OF_ITS_OWN.iter().any(|tag| line.contains(tag));
            if !shown.trim().is_empty() {
                let depth = self.items.len();
                let kind = match is_own {
                    true => Kind::Item(depth + 1),
                    false => Kind::Paragraph(depth),
                };
                self.open(kind, at.min(self.text.len()));
                self.push_str(shown.trim());
                self.current = None;
            }
            at += line.len();
        }
    }

    /// The first paragraph of an item is the item itself.
    fn paragraph(&mut self, at: usize) {
        let item = self.items.last().copied();
        match item.filter(|item| self.blocks[*item].text.trim().is_empty()) {
            Some(item) => self.current = Some(item),
            None => self.open(Kind::Paragraph(self.items.len()), at),
        }
    }

    /// A new line of a paragraph may be a remark of its own.
    fn line_break(&mut self, at: usize) {
        let kind = self.current.map(|current| self.blocks[current].kind);
        match kind {
            Some(kind @ Kind::Paragraph(_)) => {
                self.open(kind, (at + 1).min(self.text.len()));
            }
            _ => self.push_str(" "),
        }
    }

    fn push_str(&mut self, words: &str) {
        if let Some(block) = self.current.and_then(|at| self.blocks.get_mut(at)) {
            block.text.push_str(words);
        }
    }
}

/// A line of HTML without its tags and comments; a comment may be open from an earlier line.
fn without_tags(line: &str, is_comment: &mut bool) -> String {
    let mut shown = String::new();
    let mut rest = line;
    loop {
        if *is_comment {
            let Some(end) = rest.find("-->") else {
                return shown;
            };
            *is_comment = false;
            rest = &rest[end + 3..];
        }
        let Some(open) = rest.find('<') else {
            shown.push_str(rest);
            return shown;
        };
        shown.push_str(&rest[..open]);
        rest = &rest[open..];
        if rest.starts_with("<!--") {
            *is_comment = true;
            rest = &rest[4..];
            continue;
        }
        shown.push(' ');
        rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
    }
}
