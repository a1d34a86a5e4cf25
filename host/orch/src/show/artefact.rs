//! Artefacts as text: a list, and one of them as it was written.

use std::fmt::Write as _;

use orch_views::artefact::{ArtefactView, ArtefactsView};

use super::plain;

pub(crate) fn list(view: &ArtefactsView) -> String {
    let mut text = String::new();
    for one in &view.items {
        let owner = one.owner.map_or("host", |role| role.as_str());
        let name = plain::line(&one.name);
        // Writing to a String cannot fail.
        writeln!(text, "{name}  {owner}, {} bytes", one.bytes).ok();
    }
    if view.items.is_empty() {
        text.push_str("nobody has written anything down yet\n");
    }
    if view.items.len() as u64 != view.total {
        writeln!(text, "{} of {}", view.items.len(), view.total).ok();
    }
    text
}

pub(crate) fn one(view: &ArtefactView) -> String {
    let mut text = plain::block(&view.text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use orch_views::artefact::ArtefactLine;

    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn names_and_texts_show_what_is_hidden_in_them() {
        let view = ArtefactsView {
            work_item: "SHOP-1".into(),
            head: None,
            items: vec![ArtefactLine {
                name: hostile().replace('\n', ""),
                owner: None,
                bytes: 3,
            }],
            total: 2,
        };
        let text = list(&view);
        assert!(
            text.contains("\\u{202e}") && text.contains("1 of 2"),
            "{text}"
        );
        let view = ArtefactView {
            work_item: "SHOP-1".into(),
            name: "x".into(),
            owner: None,
            commit: None,
            text: hostile(),
        };
        assert!(!one(&view).contains('\u{202e}'));
    }
}
