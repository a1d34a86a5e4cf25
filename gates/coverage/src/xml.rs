//! How many lines does a report in XML count: that of Cobertura, Clover, JaCoCo, or Sonar's generic one?
//!
//! The whole file must be well-formed with one root. What states the sum stands at the root or right below it; only
//! Sonar's has to be counted line by line. Nothing is expanded: a document type with declarations of its own is
//! refused, and an entity within a number is no number.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::measure::{Lines, Measure, Wrong};
use crate::number::{Share, count};

/// Deepest nesting; Cobertura itself uses eight levels.
const DEPTH_MAX: usize = 64;

/// Which reports are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Cobertura's alone.
    Cobertura,
    /// All that are known.
    Any,
}

/// What the root is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// `coverage`, as Cobertura, Clover and Sonar write it.
    Coverage,
    /// `report` of JaCoCo.
    Report,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    root: Option<Root>,
    /// Stated at the root.
    stated: Option<Measure>,
    /// Stated right below it.
    sum: Option<Lines>,
    /// Counted line by line.
    counted: Lines,
    looks_like_clover: bool,
}

/// Reads a report.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str, taken: Taken) -> Result<Measure, Wrong> {
    let mut reader = Reader::from_str(text);
    read_from(&mut reader, taken).map_err(|what| {
        let read = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let read = &text.as_bytes()[..read.min(text.len())];
        Wrong::at(read.iter().filter(|byte| **byte == b'\n').count(), what)
    })
}

fn read_from(reader: &mut Reader<&[u8]>, taken: Taken) -> Result<Measure, String> {
    let mut found = Found::default();
    let mut path: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let outside = path.is_empty();
        match event {
            Event::Start(element) => {
                found.open(&element, &path)?;
                path.push(element.name().as_ref().to_owned());
                if path.len() > DEPTH_MAX {
                    return Err(format!("it is nested more than {DEPTH_MAX} deep"));
                }
            }
            Event::Empty(element) => found.open(&element, &path)?,
            // The reader itself refuses an end without a beginning.
            Event::End(_) => {
                path.pop();
            }
            Event::DocType(declared) if declared.contains('[') => {
                return Err("its document type declares something".to_owned());
            }
            Event::Text(text) if outside && !text.trim().is_empty() => {
                return Err("there is text outside of its root".to_owned());
            }
            Event::CData(_) | Event::GeneralRef(_) if outside => {
                return Err("there is text outside of its root".to_owned());
            }
            Event::Eof if outside => return found.measure(taken),
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

impl Found {
    /// Looks at an element that begins below those of `path`.
    fn open(&mut self, element: &BytesStart<'_>, path: &[String]) -> Result<(), String> {
        let name = element.name();
        let above: Vec<&str> = path.iter().map(String::as_str).collect();
        match (self.root, &above[..], name.as_ref()) {
            (None, _, "coverage") => {
                self.root = Some(Root::Coverage);
                self.stated = stated(element)?;
                self.looks_like_clover = attribute(element, "clover")?.is_some();
            }
            (None, _, "report") => self.root = Some(Root::Report),
            (None, _, "CoverageSession") => {
                return Err(
                    "its root is no `coverage`; it looks like OpenCover: convert it to Cobertura"
                        .to_owned(),
                );
            }
            (None, _, _) => return Err("its root is no `coverage`".to_owned()),
            (Some(_), [], _) => return Err("it has two roots".to_owned()),
            (Some(Root::Report), ["report"], "counter") => {
                if attribute(element, "type")?.as_deref() == Some("LINE") {
                    let number = |key| number(element, key);
                    let (missed, covered) = (number("missed")?, number("covered")?);
                    let missed = Lines {
                        covered: 0,
                        total: missed.unwrap_or_default(),
                    };
                    let covered = covered.unwrap_or_default();
                    let covered = Lines {
                        covered,
                        total: covered,
                    };
                    self.sum = missed.and(covered);
                }
            }
            (Some(Root::Coverage), ["coverage", "project"], "metrics") => {
                let (covered, total) = (
                    number(element, "coveredstatements")?,
                    number(element, "statements")?,
                );
                self.looks_like_clover = true;
                if let (Some(covered), Some(total)) = (covered, total) {
                    self.sum = Some(Lines { covered, total });
                }
            }
            (Some(Root::Coverage), ["coverage", "file"], "lineToCover") => {
                let covered = attribute(element, "covered")?.as_deref() == Some("true");
                self.counted.total += 1;
                self.counted.covered += u64::from(covered);
            }
            (Some(_), _, _) => {}
        }
        Ok(())
    }

    fn measure(self, taken: Taken) -> Result<Measure, String> {
        let root = self.root.ok_or_else(|| "it has no root".to_owned())?;
        let sum = self
            .sum
            .or(Some(self.counted).filter(|lines| lines.total > 0));
        match (self.stated, sum, root, taken) {
            (Some(stated), _, _, _) => Ok(stated),
            (None, Some(sum), _, Taken::Any) => Measure::of(sum),
            (None, Some(_), Root::Coverage, Taken::Cobertura) => {
                Err("its root states no coverage; it is of another program than Cobertura, which `format: auto` reads".to_owned())
            }
            (None, _, Root::Report, Taken::Cobertura) => {
                Err("its root is no `coverage`; it looks like JaCoCo, which `format: auto` reads".to_owned())
            }
            (None, None, Root::Report, Taken::Any) => {
                Err("it looks like JaCoCo, and counts no lines at its root".to_owned())
            }
            (None, None, Root::Coverage, _) if self.looks_like_clover => {
                Err("it looks like Clover, and its project counts no statements".to_owned())
            }
            (None, None, Root::Coverage, _) => Err("its root states no coverage".to_owned()),
        }
    }
}

fn attribute(element: &BytesStart<'_>, key: &str) -> Result<Option<String>, String> {
    // The reader refuses an attribute that is there twice.
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_ref() == key {
            return Ok(Some(attribute.value.into_owned()));
        }
    }
    Ok(None)
}

fn number(element: &BytesStart<'_>, key: &str) -> Result<Option<u64>, String> {
    attribute(element, key)?
        .map(|text| count(&text))
        .transpose()
}

/// What the root of Cobertura states; none if it states nothing.
fn stated(element: &BytesStart<'_>) -> Result<Option<Measure>, String> {
    // Every attribute is read, so that none that is broken is passed over.
    for attribute in element.attributes() {
        attribute.map_err(|error| error.to_string())?;
    }
    let of = |key| attribute(element, key);
    match (of("lines-covered")?, of("lines-valid")?, of("line-rate")?) {
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
        read(text, Taken::Any).map(|measure| measure.share.0)
    }

    #[test]
    fn counts_of_the_root_are_read() {
        let text = "<?xml version=\"1.0\" ?>\n\
            <!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>\n\
            <!-- made by coverage.py -->\n\
            <coverage lines-valid=\"8\" lines-covered=\"7\" line-rate=\"0.1\">\n\
            <packages><package line-rate=\"1\"><coverage lines-valid='1'/></package></packages>\n\
            </coverage>\n";
        let measure = read(text, Taken::Any).unwrap();
        let lines = Lines {
            covered: 7,
            total: 8,
        };
        assert_eq!((measure.share.0, measure.lines), (8750, Some(lines)));
    }

    #[test]
    fn rate_counts_where_counts_are_absent() {
        let measure = read("<coverage line-rate='0.87539'></coverage>", Taken::Any).unwrap();
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
