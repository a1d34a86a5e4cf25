//! How much of a list is shown, and how is the rest asked for?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rows of a page that asks for no number.
pub const LIMIT_DEFAULT: u32 = 50;
/// Most rows of one page.
pub const LIMIT_MAX: u32 = 500;

/// A part of a list, and how much there is in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The rows shown, in the list's order.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
    /// What to ask for as `after` to see the rows that follow; none if these are the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page that begins behind the first `skip` rows of a list that is there as a whole.
    pub fn of_list(list: Vec<T>, skip: usize, limit: u32) -> Self {
        let total = list.len();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let end = skip.saturating_add(limit);
        Self {
            items: list.into_iter().skip(skip).take(limit).collect(),
            total: total as u64,
            next: (end < total).then(|| end.to_string()),
        }
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageRequest {
    /// Rows at most, 1 to [`LIMIT_MAX`]; [`LIMIT_DEFAULT`] if not given.
    #[serde(default)]
    pub limit: Option<u32>,
    /// What the page before said as `next`; the beginning if not given.
    #[serde(default)]
    pub after: Option<String>,
}

/// Which part of a list that leaves out what has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// What has ended too.
    #[serde(default)]
    pub all: bool,
    /// As in [`PageRequest`].
    #[serde(default)]
    pub limit: Option<u32>,
    /// As in [`PageRequest`].
    #[serde(default)]
    pub after: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn pages_of_a_list_follow_each_other_and_end() {
        let list: Vec<u32> = (0..5).collect();
        let first = Page::of_list(list.clone(), 0, 2);
        assert_eq!((first.items, first.total), (vec![0, 1], 5));
        assert_eq!(first.next.as_deref(), Some("2"));
        let last = Page::of_list(list.clone(), 4, 2);
        assert_eq!((last.items, last.next), (vec![4], None));
        let whole = Page::of_list(list.clone(), 3, 2);
        assert_eq!((whole.items, whole.next), (vec![3, 4], None));
        let behind = Page::of_list(list, 9, 2);
        assert_eq!((behind.items, behind.total, behind.next), (vec![], 5, None));
    }
}
