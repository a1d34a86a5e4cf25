//! How many lines does the root of a Cobertura report count?
//!
//! The whole file must be well-formed with one root, though only the root is asked. Nothing is expanded: a document
//! type with declarations of its own is refused, and an entity within a number is no number.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::measure::{Lines, Measure, Wrong};
use crate::number::{Share, count};

/// Deepest nesting; Cobertura itself uses eight levels.
const DEPTH_MAX: usize = 64;

const CLOVER: &str =
    "it looks like Clover, which is not read; have the tests write Cobertura or LCOV";

/// Reads a report.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Measure, Wrong> {
    let mut reader = Reader::from_str(text);
    read_from(&mut reader, text).map_err(|what| {
        let read = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let read = &text.as_bytes()[..read.min(text.len())];
        Wrong::at(read.iter().filter(|byte| **byte == b'\n').count(), what)
    })
}

fn read_from(reader: &mut Reader<&[u8]>, text: &str) -> Result<Measure, String> {
    let mut root: Option<Option<Measure>> = None;
    let mut depth = 0;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let outside = depth == 0;
        match event {
            Event::Start(element) => {
                open(&element, outside, &mut root)?;
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(format!("it is nested more than {DEPTH_MAX} deep"));
                }
            }
            Event::Empty(element) => open(&element, outside, &mut root)?,
            // The reader itself refuses an end without a beginning.
            Event::End(_) => depth -= 1,
            Event::DocType(declared) if declared.contains('[') => {
                return Err("its document type declares something".to_owned());
            }
            Event::Text(text) if outside && !text.trim().is_empty() => {
                return Err("there is text outside of its root".to_owned());
            }
            Event::CData(_) | Event::GeneralRef(_) if outside => {
                return Err("there is text outside of its root".to_owned());
            }
            Event::Eof if outside => {
                let known = root.ok_or_else(|| "it has no root".to_owned())?;
                return known.ok_or_else(|| match text.contains("coveredstatements") {
                    true => CLOVER.to_owned(),
                    false => "its root states no coverage".to_owned(),
                });
            }
            Event::Eof => return Err("it ends within an element".to_owned()),
            Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

/// Looks at an element that begins; only the root says anything.
fn open(
    element: &BytesStart<'_>,
    outside: bool,
    root: &mut Option<Option<Measure>>,
) -> Result<(), String> {
    if !outside {
        return Ok(());
    }
    if root.is_some() {
        return Err("it has two roots".to_owned());
    }
    match element.name().as_ref() {
        "coverage" => {}
        "report" => {
            return Err(
                "its root is no `coverage`; it looks like JaCoCo: convert it to Cobertura"
                    .to_owned(),
            );
        }
        "CoverageSession" => {
            return Err(
                "its root is no `coverage`; it looks like OpenCover: convert it to Cobertura"
                    .to_owned(),
            );
        }
        _ => return Err("its root is no `coverage`".to_owned()),
    }
    *root = Some(measure(element)?);
    Ok(())
}

/// What the root states; none if it states nothing.
fn measure(element: &BytesStart<'_>) -> Result<Option<Measure>, String> {
    let (mut covered, mut total, mut rate) = (None, None, None);
    // The reader refuses an attribute that is there twice.
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let slot = match attribute.key.as_ref() {
            "lines-covered" => &mut covered,
            "lines-valid" => &mut total,
            "line-rate" => &mut rate,
            "clover" => return Err(CLOVER.to_owned()),
            _ => continue,
        };
        *slot = Some(attribute.value.into_owned());
    }
    match (covered, total, rate) {
        (Some(covered), Some(total), _) => Measure::of(Lines {
            covered: count(&covered)?,
            total: count(&total)?,
        })
        .map(Some),
        (None, None, Some(rate)) => {
            Share::parse_rate(&rate).map(|share| Some(Measure::share(share)))
        }
        (Some(_), None, _) | (None, Some(_), _) => {
            Err("`lines-covered` and `lines-valid` only make sense together".to_owned())
        }
        (None, None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Result<u64, Wrong> {
        read(text).map(|measure| measure.share.0)
    }

    #[test]
    fn counts_of_the_root_are_read() {
        let text = "<?xml version=\"1.0\" ?>\n\
            <!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>\n\
            <!-- made by coverage.py -->\n\
            <coverage lines-valid=\"8\" lines-covered=\"7\" line-rate=\"0.1\">\n\
            <packages><package line-rate=\"1\"><coverage lines-valid='1'/></package></packages>\n\
            </coverage>\n";
        let measure = read(text).unwrap();
        let lines = Lines {
            covered: 7,
            total: 8,
        };
        assert_eq!((measure.share.0, measure.lines), (8750, Some(lines)));
    }

    #[test]
    fn rate_counts_where_counts_are_absent() {
        let measure = read("<coverage line-rate='0.87539'></coverage>").unwrap();
        assert_eq!((measure.share.0, measure.lines), (8753, None));
        assert_eq!(share("<coverage line-rate='8.48608282416836E-05'/>"), Ok(1));
    }

    #[test]
    fn hostile_files_are_refused() {
        for text in [
            "<coverage line-rate='nan'/>",
            "<coverage line-rate='-0.5'/>",
            "<coverage line-rate='1.0001'/>",
            "<coverage line-rate='1e0'/>",
            "<coverage line-rate='&#49;'/>",
            "<coverage line-rate='0.5' line-rate='1'/>",
            "<coverage lines-covered='9' lines-valid='8'/>",
            "<coverage lines-covered='0' lines-valid='0'/>",
            "<coverage lines-covered='9' lines-valid='99999999999999999999'/>",
            "<coverage lines-covered='9' line-rate='1'/>",
            "<coverage lines-covered='x' lines-valid='8' line-rate='1'/>",
            "<coverage/>",
            "<report><coverage line-rate='1'/></report>",
            "<coverage line-rate='1'/><coverage line-rate='0.1'/>",
            "<coverage line-rate='1'/>trailing",
            "&lt;<coverage line-rate='1'/>",
            "<coverage line-rate='1'>",
            "<coverage line-rate='1'></report>",
            "<coverage line-rate='1'/></coverage>",
            "<coverage line-rate=1 x>",
            "<coverage line-rate='1'",
            "<!DOCTYPE coverage [<!ENTITY a 'b'>]><coverage line-rate='1'/>",
            "<!-- nothing -->",
            "<",
        ] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |levels| {
            let (open, close) = ("<a>".repeat(levels), "</a>".repeat(levels));
            format!("<coverage line-rate='1'>{open}{close}</coverage>")
        };
        assert!(share(&deep(DEPTH_MAX - 1)).is_ok());
        assert!(share(&deep(DEPTH_MAX)).is_err());
        assert!(share(&deep(100_000)).is_err());
    }
}
