//! How are numbers over time drawn? Bars in a picture made on the host, with the numbers themselves in a table below: who
//! cannot see the bars reads these.

use askama::Template;

/// Width of a bar with its gap, and height of the drawing, in its own units.
const STEP: u64 = 10;
const HEIGHT: u64 = 40;

/// A chart.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    id: String,
    title: String,
    /// What a bar counts, for the head of the table.
    of: &'static str,
    width: u64,
    height: u64,
    bars: Vec<Bar>,
    most: u64,
}

#[derive(Debug)]
struct Bar {
    name: String,
    value: u64,
    x: u64,
    y: u64,
    height: u64,
}

/// A chart of values by name, in their order; none of nothing.
pub(crate) fn chart(
    id: &str,
    title: String,
    of: &'static str,
    values: impl IntoIterator<Item = (String, u64)>,
) -> Option<Chart> {
    let values: Vec<(String, u64)> = values.into_iter().collect();
    let most = values.iter().map(|(_, value)| *value).max()?;
    let bars = values.into_iter().zip(0_u64..).map(|((name, value), n)| {
        // What is there at all is seen.
        let height = match (value, most) {
            (0, _) | (_, 0) => 0,
            (value, most) => (value * HEIGHT / most).max(1),
        };
        Bar {
            name,
            value,
            x: n * STEP,
            y: HEIGHT - height,
            height,
        }
    });
    let bars: Vec<Bar> = bars.collect();
    let id = id.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    Some(Chart {
        id,
        title,
        of,
        width: bars.len() as u64 * STEP,
        height: HEIGHT,
        bars,
        most,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_bar_fills_the_drawing_and_the_lowest_is_still_seen() {
        let values = [("a", 0), ("b", 1), ("c", 400)].map(|(n, v)| (n.to_owned(), v));
        let drawn = chart("x", "X".into(), "things", values).unwrap();
        let heights: Vec<u64> = drawn.bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [0, 1, HEIGHT]);
        assert_eq!((drawn.width, drawn.bars[2].x, drawn.bars[2].y), (30, 20, 0));
        let html = drawn.render().unwrap();
        assert!(
            html.contains("<th scope=\"row\">c</th><td class=\"num\">400</td>"),
            "{html}"
        );
        assert!(!html.contains("style="), "the policy allows none: {html}");
        assert!(chart("x", "X".into(), "things", []).is_none());
        let nothing = chart("x", "X".into(), "things", [("a".to_owned(), 0)]).unwrap();
        assert_eq!(nothing.bars[0].height, 0);
    }
}
