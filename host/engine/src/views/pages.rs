//! Which part of a list is asked for, and what is said of the rest?

use std::str::FromStr;

use orch_views::page::{LIMIT_DEFAULT, LIMIT_MAX, Page};

use crate::commands::CommandError;

/// Rows of a page.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, CommandError> {
    let limit = asked.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    let text = format!("`limit` must be 1 to {LIMIT_MAX}, not {limit}");
    Err(CommandError::invalid(text).with_remedy("ask for what follows with `after`"))
}

/// Where a page begins.
pub(super) fn after<T: FromStr>(asked: Option<&str>) -> Result<Option<T>, CommandError> {
    let Some(text) = asked else { return Ok(None) };
    text.parse().map(Some).map_err(|_| unknown_place(text))
}

/// A place that no page of the list has named.
pub(super) fn unknown_place(text: &str) -> CommandError {
    let text = format!("`after` must be what the page before said as `next`, not `{text}`");
    CommandError::invalid(text).with_remedy("leave it out to begin at the start")
}

/// The page of `rows`, which were asked for with one more than `limit`, so that it is known whether others follow.
pub(super) fn page<R, T>(
    mut rows: Vec<R>,
    limit: u32,
    total: u64,
    place: impl Fn(&R) -> String,
    view: impl Fn(R) -> T,
) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let others = rows.len() > limit;
    rows.truncate(limit);
    Page {
        next: rows.last().filter(|_| others).map(place),
        items: rows.into_iter().map(view).collect(),
        total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_names_the_next_one_only_if_something_follows() {
        let of = |rows: Vec<i64>| page(rows, 2, 9, i64::to_string, |row| row);
        assert_eq!(of(vec![9, 8, 7]).next.as_deref(), Some("8"));
        assert_eq!(of(vec![9, 8, 7]).items, [9, 8]);
        assert_eq!(of(vec![9, 8]).next, None);
        assert_eq!(of(vec![]).next, None);
    }

    #[test]
    fn limits_and_places_that_make_no_sense_are_refused_with_what_does() {
        assert_eq!(limit(None).unwrap(), LIMIT_DEFAULT);
        assert_eq!(limit(Some(LIMIT_MAX)).unwrap(), LIMIT_MAX);
        for wrong in [0, LIMIT_MAX + 1] {
            let said = limit(Some(wrong)).unwrap_err().to_string();
            assert!(said.contains("1 to 500"), "{said}");
        }
        let said = after::<i64>(Some("soon")).unwrap_err().to_string();
        assert!(said.contains("`soon`") && said.contains("next"), "{said}");
        assert_eq!(after::<i64>(Some("7")).unwrap(), Some(7));
    }
}
