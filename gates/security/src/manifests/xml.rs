//! Which elements does an XML file hold, with their attributes, texts and the elements around them?
//!
//! Nothing is expanded: a document type with declarations of its own is refused.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Deepest nesting.
const DEPTH_MAX: usize = 64;

/// An element that has ended.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Names of the elements around it and its own, without prefixes.
    pub(super) path: Vec<String>,
    /// Attributes in their order, without prefixes.
    pub(super) attributes: Vec<(String, String)>,
    /// Text directly within it.
    pub(super) text: String,
    /// Texts of the elements directly within it that hold no others, by name.
    pub(super) children: Vec<(String, String)>,
}

impl Element {
    /// Its own name.
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The value of an attribute, in any case of its letters, or the text of an element of that name within it.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let lists = self.attributes.iter().chain(&self.children);
        let mut named = lists.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }
}

/// Hands on every element when it ends.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn each(text: &str, mut take: impl FnMut(&Element)) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut has_root = false;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(element) => {
                begin(&mut open, &element)?;
                has_root = true;
            }
            Event::Empty(element) => {
                begin(&mut open, &element)?;
                has_root = true;
                end(&mut open, &mut take);
            }
            Event::End(_) => end(&mut open, &mut take),
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::DocType(declared) if declared.contains('[') => {
                return Err("its document type declares something".to_owned());
            }
            Event::Eof if open.is_empty() && has_root => return Ok(()),
            Event::Eof => return Err("it ends within an element, or has none".to_owned()),
            Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

fn begin(
    open: &mut Vec<Element>,
    element: &quick_xml::events::BytesStart<'_>,
) -> Result<(), String> {
    if open.len() >= DEPTH_MAX {
        return Err(format!("it is nested more than {DEPTH_MAX} deep"));
    }
    let local = |name: &str| name.rsplit(':').next().unwrap_or(name).to_owned();
    let mut path = open.last().map(|e| e.path.clone()).unwrap_or_default();
    path.push(local(element.name().as_ref()));
    let mut attributes = Vec::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        attributes.push((local(attribute.key.as_ref()), attribute.value.into_owned()));
    }
    open.push(Element {
        path,
        attributes,
        ..Element::default()
    });
    Ok(())
}

/// The reader itself refuses an end without a beginning.
fn end(open: &mut Vec<Element>, take: &mut impl FnMut(&Element)) {
    let Some(element) = open.pop() else {
        return;
    };
    take(&element);
    if let Some(outer) = open.last_mut() {
        let name = element.name().to_owned();
        outer.children.push((name, element.text));
    }
}
